"""Looks into pulled lists of medical volumes: the files that they name, and the volumes' sizes."""

from collections import Counter
from pathlib import Path

from tunesmith.data.checks.media import check_archives
from tunesmith.data.errors import FileFlawError
from tunesmith.data.findings import Counts
from tunesmith.data.image_tree import is_image
from tunesmith.data.inside import Inside
from tunesmith.data.loose_files import FileIndex
from tunesmith.data.medical import DATALIST, MANIFEST, Study, read_studies
from tunesmith.data.nifti import Volume, is_nifti, read_volume
from tunesmith.data.text_files import printable


def check(inside: Inside) -> Counts:
    """Look into a pulled dataset: counts by group, and findings.

    Raises:
        PullStoppedError: asked to stop.
    """
    path = next(path for path in map(inside.file, (MANIFEST, DATALIST)) if path.exists())
    try:
        studies = read_studies(path)
    except FileFlawError as flaw:
        inside.flawed("list", path, flaw)
        return {}
    check_archives(inside)
    looked = _Look(inside, path)
    for study in studies:
        inside.keep_going()
        looked.at(study)
    if not looked.labelled and not inside.only_for_testing:
        inside.findings.warning(
            "unlabelled",
            path.name,
            "names no label: only networks that learn from images alone can be trained",
            "Add labels if there are any.",
        )
    return {
        "studies": dict(Counter(study.group for study in studies)),
        "labelled": looked.labelled,
        "volumes": looked.volumes,
        "decoded": inside.decode(looked.images),
    }


class _Look:
    """One look at all studies.

    Attributes:
        labelled: how many have labels.
        volumes: how many NIfTI volumes are whole.
        images: the plain images among the files.
    """

    def __init__(self, inside: Inside, listed: Path) -> None:
        self._inside = inside
        self._listed = listed
        self._index = FileIndex(inside.folder)
        self.labelled = 0
        self.volumes = 0
        self.images: list[Path] = []

    def at(self, study: Study) -> None:
        """Look at the files of a study."""
        images = [self._volume(name) for name in study.images]
        labels = [self._volume(name) for name in study.labels]
        self.labelled += bool(labels)
        if not images[0] or not labels or not labels[0]:
            return
        image, label = images[0].shape[:3], labels[0].shape[:3]
        if image != label:
            self._inside.findings.error(
                "sizes",
                printable(study.labels[0], 200),
                f"has {label} voxels, and its image {printable(study.images[0], 200)} has {image}",
                "Bring the label to the grid of its image.",
            )

    def _volume(self, name: str) -> Volume | None:
        path = self._index.find(name)
        if path is None:
            self._inside.findings.error(
                "no file",
                self._listed.name,
                f"names {name[:200]!r}, which the dataset does not hold",
                "Upload the file, and write its path relative to the list.",
            )
            return None
        if is_image(path):
            self.images.append(path)
        if not is_nifti(path):
            return None
        try:
            volume = read_volume(path)
        except FileFlawError as flaw:
            self._inside.flawed("volume", path, flaw)
            return None
        self.volumes += 1
        return volume
