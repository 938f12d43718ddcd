"""Looks into pulled re-identification datasets: whether every person asked for can be found."""

from collections import Counter

from tunesmith.data.findings import Counts
from tunesmith.data.inside import Inside
from tunesmith.data.market1501 import SPLITS, Market1501Data, Split, SplitImages, cameras_by_person, has_match

_NAMED_LIKE = "Name it <person>_c<camera>s<sequence>_<frame>_<box>.jpg."


def check(inside: Inside) -> Counts:
    """Look into a pulled dataset: counts by split, and findings.

    Raises:
        PullStoppedError: asked to stop.
    """
    data = Market1501Data(inside.folder)
    found = {split: data.split(split) for split in SPLITS}
    for split, images in found.items():
        inside.keep_going()
        _check_names(inside, split, images)
    _check_training(inside, found["train"])
    _check_queries(inside, found["query"], found["test"])
    _check_shared(inside, found)
    return {
        "images": {str(split): len(images.images) for split, images in found.items()},
        "persons": {str(split): len(images.persons()) for split, images in found.items()},
        "cameras": {
            str(split): len({one.camera for one in images.images}) for split, images in found.items()
        },
        "decoded": inside.decode([one.path for images in found.values() for one in images.images]),
    }


def _archive(split: Split) -> str:
    return f"sample_{split}.tar.gz"


def _check_names(inside: Inside, split: Split, images: SplitImages) -> None:
    for path in images.unnamed:
        fault = "is left out, as its name tells no person and camera"
        inside.findings.warning("name", inside.member(path), fault, _NAMED_LIKE)
    for path in images.junk:
        fault = "is left out: -1 marks junk, and 0000 somebody who is in the gallery alone"
        inside.findings.warning("junk", inside.member(path), fault, "Nothing need be done.")
    if not images.persons():
        fault = "holds no image named after a person"
        inside.findings.error("empty", _archive(split), fault, _NAMED_LIKE)


def _check_training(inside: Inside, train: SplitImages) -> None:
    images = Counter(one.person for one in train.images)
    if len(images) == 1 or (images and max(images.values()) == 1):
        inside.findings.error(
            "pairs",
            _archive("train"),
            "gives nothing to compare: it needs two persons, and two images of one of them",
            "Add images.",
        )
        return
    for person in sorted(one for one, count in images.items() if count == 1):
        inside.findings.warning(
            "single",
            _archive("train"),
            f"has a single image of person {person}: it teaches little",
            "Add images of that person, or remove the one.",
        )


def _check_queries(inside: Inside, query: SplitImages, gallery: SplitImages) -> None:
    if not query.images or not gallery.images:
        return
    seen = cameras_by_person(gallery.images)
    lost = [one for one in query.images if not has_match(one, seen)]
    for one in lost:
        inside.findings.warning(
            "lost",
            inside.member(one.path),
            f"shows person {one.person}, whom no other camera saw in {_archive('test')}: it is not measured",
            "Add an image of that person by another camera to the gallery, or remove the query.",
        )
    if len(lost) == len(query.images):
        inside.findings.error(
            "no match",
            _archive("query"),
            f"holds nobody whom {_archive('test')} shows from another camera: nothing can be measured",
            "Take both from the same persons, and number the cameras alike.",
        )


def _check_shared(inside: Inside, found: dict[Split, SplitImages]) -> None:
    if shared := found["train"].persons() & found["query"].persons():
        inside.findings.warning(
            "shared",
            _archive("query"),
            f"{len(shared)} of its persons are in {_archive('train')} too: what is measured is too good",
            "Learn from other persons than you measure with.",
        )
