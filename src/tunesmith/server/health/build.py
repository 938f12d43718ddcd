"""Which tunesmith this is."""

import shutil
import subprocess
from functools import cache
from pathlib import Path

import tunesmith
from tunesmith.server.kit.wire import Reply

_GIT_SECONDS = 5
_PACKAGE = Path(tunesmith.__file__).parent


class Build(Reply):
    """A version and, where it runs from a checkout, the commit. `time` is that of the commit."""

    version: str
    branch: str = ""
    sha: str = ""
    time: str = ""


@cache
def this_build() -> Build:
    """The tunesmith of this process."""
    version = tunesmith.__version__
    checkout = _PACKAGE.parent.parent
    git = shutil.which("git")
    if git is None or _PACKAGE.parent.name != "src" or not (checkout / ".git").exists():
        return Build(version=version)
    try:
        branch = _ask(git, checkout, "rev-parse", "--abbrev-ref", "HEAD")
        sha, time = _ask(git, checkout, "log", "-1", "--format=%H %cI").split()
    except (OSError, ValueError, subprocess.SubprocessError):
        return Build(version=version)
    return Build(version=version, branch=branch, sha=sha, time=time)


def _ask(git: str, checkout: Path, *question: str) -> str:
    command = [git, "-C", str(checkout), *question]
    answer = subprocess.run(  # noqa: S603 - fixed questions
        command, capture_output=True, text=True, timeout=_GIT_SECONDS, check=True
    )
    return answer.stdout.strip()
