"""What looking into a dataset brought to light."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

SENTENCE_LIMIT = 900


class Severity(StrEnum):
    """Whether a dataset can be used in spite of a finding."""

    ERROR = "error"
    WARNING = "warning"


class Finding(BaseModel):
    """One thing that is wrong or odd.

    Attributes:
        file: where, relative to the dataset's folder; a member of an archive stands behind a slash.
        message: what is wrong, without the file's name.
        remedy: what to do about it.
        count: how many files this finding stands for.
    """

    model_config = ConfigDict(frozen=True)

    severity: Severity
    file: str
    message: str
    remedy: str
    count: int = 1

    def sentence(self) -> str:
        """The finding as one or two sentences."""
        more = f" (and {self.count - 1} more like it)" if self.count > 1 else ""
        return f"{self.file}: {self.message}{more}. {self.remedy}"


class DatasetReport(BaseModel):
    """The findings of one dataset, and what was counted: files, bytes, images per split and class.

    `counts` is JSON: {"files": 4, "bytes": 9, "images": {"images_train": 1297},
    "classes": {"images_train": {"cat": 3}}, "decoded": 1297}; which keys there are depends on the format.
    """

    model_config = ConfigDict(frozen=True)

    counts: dict[str, int | dict[str, int] | dict[str, dict[str, int]]] = {}
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
        kind = "error" if self.errors else "warning"
        text = f"{len(worst)} {kind}{'s' if len(worst) > 1 else ''}."
        for shown, finding in enumerate(worst):
            more = f" {len(worst) - shown} more in the log."
            line = f" {finding.sentence()}"
            if len(text) + len(line) + len(more) >= SENTENCE_LIMIT:
                return text + (_shortened(line, len(text) + len(more)) if shown == 0 else "") + more
            text += line
        return text


def _shortened(line: str, used: int) -> str:
    return line[: SENTENCE_LIMIT - used - 4] + "..."
