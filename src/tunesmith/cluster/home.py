"""The folders of one node: of jobs while they run there, and copies of what jobs read."""

import os
import shutil
import stat
import tempfile
from pathlib import Path

from tunesmith.cluster.parts import Key
from tunesmith.data.pulled import PulledFolder
from tunesmith.protocol import Cause, DatasetInput, Failed, JobFolder, JobRequest, ModelInput
from tunesmith.storage.locations import FolderStore, Location
from tunesmith.storage.weights import WeightsFolder

_SHORT = 12
"""Characters of an id that tell it from others, and keep paths short."""


class Home:
    """A node's folder. Copies of datasets and weights are for all servers; the rest is one server's."""

    def __init__(self, root: Path | None, server: str, node: str) -> None:
        """Args:
        root: the folder; None for one in the node's temporary folder.
        server: the id of the server that the node works for.
        node: the id of the node: several may be on one machine.

        Raises:
            OSError: it cannot be made, or is somebody else's.
        """
        self._root = root or Path(tempfile.gettempdir()) / f"tunesmith-{os.getuid()}"
        self._own = self._root / server[:_SHORT] / node[:_SHORT]
        _make_private(self._root)
        self.run_dir.mkdir(parents=True, exist_ok=True)

    @property
    def run_dir(self) -> Path:
        """Where the node notes how to find its workers."""
        return self._own / "run"

    def folder(self, key: Key) -> JobFolder:
        """The job folder of an attempt."""
        return JobFolder(self._own / "jobs" / str(key.attempt) / str(key.job_id))

    def remove(self, key: Key) -> None:
        """Remove what an attempt has left."""
        shutil.rmtree(self.folder(key).root, ignore_errors=True)

    def close(self) -> None:
        """Remove what is this server's."""
        shutil.rmtree(self._own, ignore_errors=True)

    def at_home(self, request: JobRequest) -> JobRequest:
        """The request with the paths of this node. What it sees where the server has it stays there."""
        datasets = {
            name: self._dataset(found)
            for name in ("eval_dataset", "inference_dataset", "calibration_dataset")
            if (found := getattr(request, name))
        }
        return request.model_copy(
            update={
                **datasets,
                "train_datasets": tuple(map(self._dataset, request.train_datasets)),
                "base_models": tuple(map(self._model, request.base_models)),
            }
        )

    def _dataset(self, dataset: DatasetInput) -> DatasetInput:
        if PulledFolder(dataset.cache).report():
            return dataset
        here = self._root / "datasets" / str(dataset.id) / dataset.cache.name
        return dataset.model_copy(update={"cache": here})

    def _model(self, model: ModelInput) -> ModelInput:
        if WeightsFolder(model.folder).card():
            return model
        return model.model_copy(update={"folder": self._root / "models" / str(model.id)})


def obstacle(request: JobRequest, node: str) -> Failed | None:
    """Why a job cannot run on this node, which is called `node`: a workspace in a folder that is not here.

    The folder of the job's results must be here, for the server has made it: a folder of the same name on
    another disk would swallow them.
    """
    results = request.results.location if request.results else None
    places = [dataset.source for dataset in _datasets(request) if not PulledFolder(dataset.cache).report()]
    places += [request.parent.results] if request.parent else []
    missing = [place for place in places if not _is_here(place, "")]
    if results and not _is_here(results, results.prefix):
        missing.insert(0, results)
    if not missing:
        return None
    store = missing[0].store
    assert isinstance(store, FolderStore)  # noqa: S101 - no other one is looked for
    return Failed(
        cause=Cause.STORAGE,
        message=f"The workspace {store.id} is the folder {store.path} of the server's machine, which is not "
        f"on the node {node}: jobs run on a cluster reach such a workspace where all nodes see the folder.",
        advice="Mount the folder on all nodes under the same path, or take a workspace on object storage.",
    )


def _datasets(request: JobRequest) -> list[DatasetInput]:
    others = (request.eval_dataset, request.inference_dataset, request.calibration_dataset)
    return [*request.train_datasets, *filter(None, others)]


def _is_here(place: Location, prefix: str) -> bool:
    return not isinstance(place.store, FolderStore) or (place.store.path / prefix).is_dir()


def _make_private(folder: Path) -> None:
    """The temporary folder is everybody's: whoever came first must be ourselves."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    facts = folder.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid() or facts.st_mode & 0o022:
        raise OSError(
            f"{folder} belongs to somebody else or is open to others; remove it, or name another folder in "
            "TUNESMITH_RAY_NODE_DIR"
        )
