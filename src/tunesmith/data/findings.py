"""What looking into a dataset brought to light."""

from collections import defaultdict
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from tunesmith.data.errors import DatasetError

SENTENCE_LIMIT = 900
SHOWN_PER_KIND = 20


class Severity(StrEnum):
    """Whether a dataset can be used in spite of a finding."""

    ERROR = "error"
    WARNING = "warning"


class Finding(BaseModel):
    """One thing that is wrong or odd.

    Attributes:
        file: where, relative to the dataset's folder; a member of an archive stands behind a slash.
        message: what is wrong, without the file's name and without a full stop.
        remedy: what to do about it, as a sentence.
        count: how many things of this kind the finding stands for.
    """

    model_config = ConfigDict(frozen=True)

    severity: Severity
    file: str
    message: str
    remedy: str
    count: int = 1

    def sentence(self) -> str:
        """The finding as two sentences."""
        more = f" (and {self.count - 1} more like it)" if self.count > 1 else ""
        return f"{self.file}: {self.message}{more}. {self.remedy}"


class Findings:
    """Collects findings; of each kind the first twenty are kept, the last of them counts the rest."""

    def __init__(self) -> None:
        self._by_kind: dict[str, list[Finding]] = defaultdict(list)

    def error(self, kind: str, file: str, message: str, remedy: str) -> None:
        """Note something that forbids the dataset's use."""
        self._add(kind, Finding(severity=Severity.ERROR, file=file, message=message, remedy=remedy))

    def warning(self, kind: str, file: str, message: str, remedy: str) -> None:
        """Note something odd."""
        self._add(kind, Finding(severity=Severity.WARNING, file=file, message=message, remedy=remedy))

    def _add(self, kind: str, finding: Finding) -> None:
        same = self._by_kind[kind]
        if len(same) < SHOWN_PER_KIND:
            same.append(finding)
        else:
            same[-1] = same[-1].model_copy(update={"count": same[-1].count + 1})

    def all(self) -> tuple[Finding, ...]:
        """What was found, errors first."""
        found = [finding for same in self._by_kind.values() for finding in same]
        return tuple(sorted(found, key=lambda finding: finding.severity is not Severity.ERROR))

    def raise_errors(self) -> None:
        """Refuse what has errors.

        Raises:
            DatasetError: there is one; the message names the first ones, each with its remedy.
        """
        report = DatasetReport(findings=self.all())
        if report.errors:
            raise DatasetError(report.sentence())


Counts = dict[str, int | dict[str, int] | dict[str, dict[str, int]]]
"""What was counted in a dataset, as plain JSON: by name, or by archive or split, or by class in each."""


class DatasetReport(BaseModel):
    """The findings of one dataset, and what was counted.

    `counts` has `files` and `bytes`, and where it applies `images` by split, `classes` by split and class,
    `decoded` (how many images were opened to the last pixel: all, or a sample of a large set), and what
    else the format's check counts.
    """

    model_config = ConfigDict(frozen=True)

    counts: Counts = {}
    findings: tuple[Finding, ...] = ()

    @property
    def valid(self) -> bool:
        """Whether jobs may use the dataset."""
        return not self.errors

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that forbid its use."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that do not."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.WARNING)

    def sentence(self) -> str:
        """The report in under 900 characters: the errors, or else the warnings, the first ones in full."""
        worst = self.errors or self.warnings
        if not worst:
            return "The dataset is valid."
        total = sum(finding.count for finding in worst)
        kind = "error" if self.errors else "warning"
        text = f"{total} {kind}{'s' if total > 1 else ''}:"
        for index, finding in enumerate(worst):
            more = f" ({total} in all; see the report for the rest.)"
            line = " " + finding.sentence()
            room = SENTENCE_LIMIT - 1 - len(text) - len(more)
            if len(line) > room:
                return text + (line[: room - 3] + "..." if index == 0 else "") + more
            text += line
        return text
