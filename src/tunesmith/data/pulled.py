"""The folder of a pulled dataset, and the report that says it is complete."""

from pathlib import Path

from pydantic import ValidationError

from tunesmith.data.findings import DatasetReport
from tunesmith.data.layout import archive_stem


class PulledFolder:
    """`files/` as in the store, `extracted/<archive>/`, and `report.json`, which is written last."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files = root / "files"
        self.extracted = root / "extracted"
        self.lock = root / "pull.lock"
        self._report = root / "report.json"

    def report(self) -> DatasetReport | None:
        """What the finished pull found; None if none has finished here."""
        try:
            return DatasetReport.model_validate_json(self._report.read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def write_report(self, report: DatasetReport) -> None:
        """Declare the folder complete."""
        whole = self._report.with_suffix(".new")
        whole.write_text(report.model_dump_json(indent=1), encoding="utf-8")
        whole.replace(self._report)

    def drop_archives(self) -> None:
        """Remove the archives of a complete folder: their contents are in `extracted`."""
        for path in self.files.rglob("*"):
            if archive_stem(path.name) and path.is_file():
                path.unlink()
