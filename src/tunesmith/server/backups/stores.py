"""Which storage a restored job may point to: only what its owner could use anyway."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from tunesmith.server.jobs.inputs import FrozenDataset, FrozenInputs
from tunesmith.server.kit.access import readable
from tunesmith.server.kit.caller import Caller
from tunesmith.server.workspaces.tables import Workspace
from tunesmith.storage.errors import InvalidKeyError
from tunesmith.storage.keys import check_prefix
from tunesmith.storage.locations import Location


@dataclass(frozen=True)
class OwnStores:
    """Replaces the stores in a job's inputs by those of workspaces that the caller may read.

    An archive names stores by the ids of workspaces; what it says of them beyond that counts for nothing.
    `saved_as` is the id that `workspace` had when the backup was made.
    """

    session: Session
    caller: Caller
    workspace: Workspace
    saved_as: str

    def resolved(self, inputs: dict[str, Any]) -> FrozenInputs:
        """The inputs, without what cannot be found here; empty if they make no sense."""
        try:
            frozen = FrozenInputs.load(inputs)
        except ValidationError:
            return FrozenInputs()
        single = ("eval_dataset", "inference_dataset", "calibration_dataset")
        return frozen.model_copy(
            update={
                "train_datasets": tuple(self._datasets(frozen.train_datasets)),
                "workspace": self._place(frozen.workspace) if frozen.workspace else None,
                **{name: next(self._datasets([getattr(frozen, name)]), None) for name in single},
            }
        )

    def _datasets(self, found: Iterable[FrozenDataset | None]) -> Iterator[FrozenDataset]:
        for dataset in found:
            if dataset and (source := self._place(dataset.source)):
                yield dataset.model_copy(update={"source": source})

    def _place(self, location: Location) -> Location | None:
        workspace = self._workspace(location.store.id)
        if workspace is None:
            return None
        try:
            prefix = check_prefix(location.prefix)
        except InvalidKeyError:
            return None
        return Location.model_validate({"store": workspace.store, "prefix": prefix})

    def _workspace(self, identity: str) -> Workspace | None:
        if identity in {self.saved_as, str(self.workspace.id)}:
            return self.workspace
        try:
            wanted = UUID(identity)
        except ValueError:
            return None
        visible = readable(Workspace, self.caller)
        return self.session.scalar(select(Workspace).where(Workspace.id == wanted, visible))
