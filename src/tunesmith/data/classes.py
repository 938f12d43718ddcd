"""Reads class lists: a name a line, whose order gives the indices."""

import codecs
from pathlib import Path
from unicodedata import normalize

from tunesmith.data.errors import DatasetError
from tunesmith.data.findings import Findings


def canonical(name: str) -> str:
    """The name in the Unicode form in which names are compared: systems write accents differently."""
    return normalize("NFC", name)


def read_classes(path: Path) -> tuple[str, ...]:
    """The classes of a file.

    Raises:
        DatasetError: with everything that is wrong with it.
    """
    findings = Findings()
    names = check_classes(path, findings)
    if found := findings.all():
        raise DatasetError(" ".join(finding.sentence() for finding in found))
    return names


def check_classes(path: Path, findings: Findings) -> tuple[str, ...]:
    """The classes of a file; what is wrong with it goes to the findings.

    A byte order mark, Windows line ends, spaces around names and blank lines at the end do no harm.
    """
    text = _text(path, findings)
    if text is None:
        return ()
    lines = [canonical(line.strip()) for line in text.rstrip().split("\n")]
    if lines == [""]:
        findings.error("classes", path.name, "holds no class", "Write one class name a line.")
        return ()
    seen: dict[str, int] = {}
    for number, name in enumerate(lines, start=1):
        if not name:
            findings.error(
                "classes", path.name, f"line {number} is empty", "Remove the line or name the class."
            )
        elif name in seen:
            findings.error(
                "classes",
                path.name,
                f"line {number} repeats {name!r} of line {seen[name]}",
                "Name each class once; mind that the order gives the indices.",
            )
        else:
            seen[name] = number
    return tuple(seen)


def _text(path: Path, findings: Findings) -> str | None:
    data = path.read_bytes()
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        findings.error(
            "classes", path.name, f"is not UTF-8 text (byte {error.start})", "Save it as UTF-8 text."
        )
        return None
    return text.replace("\r\n", "\n").replace("\r", "\n")
