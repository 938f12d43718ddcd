"""Notes on a node's disk about the attempts that it has workers for, for the next keeper of the node."""

from pydantic import ValidationError

from tunesmith.cluster.home import Home
from tunesmith.cluster.parts import Held


class Records:
    """A file for each attempt, beside its job folder. They hold no secret."""

    def __init__(self, home: Home) -> None:
        self._folder = home.run_dir.parent / "held"

    def write(self, held: Held) -> None:
        """Note that there is, or is about to be, a worker.

        Raises:
            OSError: the disk does not take it.
        """
        self._folder.mkdir(exist_ok=True)
        whole = self._folder / f"{held.key.job_id}.new"
        whole.write_text(held.model_dump_json(), encoding="utf-8")
        whole.replace(whole.with_name(self._name(held)))

    def read(self) -> list[Held]:
        """What is noted; what is torn is passed over."""
        found = []
        for path in self._folder.glob("*.json"):
            try:
                found.append(Held.model_validate_json(path.read_bytes()))
            except (OSError, ValidationError):
                continue
        return found

    def remove(self, held: Held) -> None:
        """The worker is gone."""
        (self._folder / self._name(held)).unlink(missing_ok=True)

    @staticmethod
    def _name(held: Held) -> str:
        return f"{held.key.job_id}-{held.key.attempt}.json"
