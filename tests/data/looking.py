"""Lays out a dataset, pulls it as a worker does, and reads what was found."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from tunesmith.data.errors import FileFlawError
from tunesmith.data.findings import DatasetReport
from tunesmith.data.pulling import pull
from tunesmith.storage.files import Files
from tunesmith.storage.locations import FolderStore, Location


def laid_out(root: Path, files: Mapping[str, bytes]) -> Files:
    """These files as a dataset in a workspace's folder."""
    for name, data in files.items():
        path = root / "workspace" / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return Files(Location(store=FolderStore(id="w", path=root / "workspace"), prefix="set"), {})


def look(
    root: Path,
    dataset_type: str,
    dataset_format: str,
    files: Mapping[str, bytes],
    intents: Collection[str] = (),
    **options: bool,
) -> DatasetReport:
    """The report of a pull into root/cache."""
    source = laid_out(root, files)
    return pull(dataset_type, dataset_format, intents, source, root / "cache", **options)  # type: ignore[arg-type]


def errors(report: DatasetReport) -> list[tuple[str, str]]:
    """The files with errors, and what is wrong with each. Every finding must have a remedy."""
    assert all(finding.remedy.endswith((".", "}")) for finding in report.findings)
    return [(finding.file, finding.message) for finding in report.errors]


def warnings(report: DatasetReport) -> list[tuple[str, str]]:
    """The same for warnings."""
    assert all(finding.remedy.endswith((".", "}")) for finding in report.findings)
    return [(finding.file, finding.message) for finding in report.warnings]


def is_read_or_refused(read: Callable[[Path], object], path: Path) -> bool:
    """Whether a reader takes a file, or refuses it with what is wrong and a remedy."""
    try:
        read(path)
    except FileFlawError as flaw:
        return bool(flaw.fault and flaw.remedy)
    return True
