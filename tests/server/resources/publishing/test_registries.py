"""What every registry has to stand: damage, death, full disks, stores and hubs that fail, large models."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.disks import fill, may_mount, small_disk
from tests.fault_proxy import Fault, FaultProxy, behind
from tests.hub_registry import HubRegistryServer
from tests.s3_services import S3Server
from tests.server.resources.publishing.shelves import JOB, VERSION, Embedded, OnHub, Shelf, edition_of

from tunesmith.server.publishing.embedded import EmbeddedRegistry
from tunesmith.server.publishing.registry import AlreadyPublishedError, Version
from tunesmith.storage.errors import StorageError
from tunesmith.storage.files import Files
from tunesmith.storage.locations import FolderStore, Location
from tunesmith.storage.patience import Patience

Bare = tuple[Files, Shelf]
MODELS = {"model_best.pth": 300_032, "model.onnx.data": 512}
HASTY = Patience(connect=2, read=2, retries=0, total=1)
MIB = 1 << 20
LARGE = 300 * MIB
MOST_MEMORY = 40 * MIB


def is_whole(shelf: Shelf) -> bool:
    """Whether VERSION is published with what its sums say."""
    files = shelf.content()[f"{VERSION.name}/{VERSION.label}"]
    sums: dict[str, str] = json.loads(files["card.json"])["sha256"]
    return sums.keys() >= MODELS.keys() and all(
        hashlib.sha256(files[name]).hexdigest() == digest for name, digest in sums.items()
    )


def test_the_life_of_a_version(bare: Bare):
    workspace, shelf = bare
    registry, edition = shelf.open(), edition_of(workspace, MODELS, team="red")
    assert registry.card(VERSION) is None
    assert registry.versions(JOB) == registry.versions(JOB, "net") == []
    registry.publish(VERSION, edition)
    assert is_whole(shelf)
    card = registry.card(VERSION)
    assert card is not None
    assert card["team"] == "red"
    other = Version("other", VERSION.label)
    registry.publish(other, edition)
    assert set(registry.versions(JOB)) == {VERSION, other}
    assert registry.versions(JOB, "net") == [VERSION]
    assert registry.versions(JOB, "neither") == []
    with pytest.raises(AlreadyPublishedError):
        registry.publish(VERSION, edition_of(workspace, MODELS, team="blue"))
    registry.remove(VERSION)
    assert registry.card(VERSION) is None
    assert registry.versions(JOB) == [other]
    registry.remove(VERSION)
    registry.publish(VERSION, edition)
    assert is_whole(shelf)


def test_other_bytes_than_were_given_are_not_published(bare: Bare):
    workspace, shelf = bare
    shelf.damage("spec.yaml" if isinstance(shelf, OnHub) else "model_best.pth")
    with pytest.raises(StorageError, match="other bytes"):
        shelf.open().publish(VERSION, edition_of(workspace, MODELS))
    assert shelf.content() == {}


def test_a_model_that_changes_meanwhile_is_not_published(workspace: Files, hub: HubRegistryServer):
    edition, shelf = edition_of(workspace, MODELS), OnHub(hub)

    def change(_method: str, path: str) -> None:
        if path.endswith(f"/preupload/{VERSION.label}"):
            workspace.write("results/j/model_best.pth", b"another")

    hub.on_request = change
    with pytest.raises(StorageError, match="changed meanwhile"):
        shelf.open().publish(VERSION, edition)
    assert shelf.content() == {}


def test_a_kill_at_any_write_leaves_nothing_published(workspace: Files):
    shelf = Embedded(workspace)
    for writes in range(len(MODELS) + 5):
        assert _run(workspace, hub="", writes=writes) == -signal.SIGKILL
        assert shelf.content() == {}
    edition = edition_of(workspace, {"model_epoch_003.pth": 256})
    shelf.open().publish(VERSION, edition)
    (files,) = shelf.content().values()
    assert "model_best.pth" not in files, "the rest of what was killed is gone"


@pytest.mark.parametrize(
    "at", ["/repos/create", "/commit/main", "/branch/", "/storage/", f"/commit/{VERSION.label}"]
)
def test_a_kill_at_any_request_leaves_nothing_published(workspace: Files, hub: HubRegistryServer, at: str):
    shelf = OnHub(hub)
    edition_of(workspace, MODELS)
    process = _start(workspace, hub=hub.url)
    hub.on_request = lambda _method, path: _kill(process) if at in path else None
    assert process.wait() == -signal.SIGKILL
    hub.on_request = lambda _method, _path: None
    registry = shelf.open()
    # A hub may have taken a request whose sender is dead, or takes it now.
    with suppress(AlreadyPublishedError):
        registry.publish(VERSION, edition_of(workspace, MODELS))
    assert is_whole(shelf)
    assert [*shelf.content()] == [f"{VERSION.name}/{VERSION.label}"]


def test_a_bucket_that_fails_midway_leaves_nothing_published(bucket: Files, s3_server: S3Server):
    edition_of(bucket, MODELS)
    proxy = FaultProxy(s3_server.url)
    workspace = Files(behind(proxy, bucket.location), s3_server.secrets, HASTY)
    edition, copy = edition_of(workspace, MODELS), workspace.copy

    def copy_and_fail(source: str, target: str) -> None:
        copy(source, target)
        proxy.fault = Fault.ERROR

    workspace.copy = copy_and_fail  # type: ignore[method-assign]
    with pytest.raises(StorageError, match="status 500"):
        EmbeddedRegistry(workspace).publish(VERSION, edition)
    proxy.close()
    shelf = Embedded(bucket)
    assert shelf.content() == {}
    assert shelf.open().versions(JOB) == [VERSION], "what is left can be removed"
    shelf.open().publish(VERSION, edition_of(bucket, MODELS))
    assert is_whole(shelf)


@pytest.mark.skipif(not may_mount(), reason="mounts a small disk")
def test_a_full_disk_leaves_nothing_published(tmp_path: Path):
    with small_disk(tmp_path / "disk", MIB):
        workspace = Files(Location(store=FolderStore(id="w", path=tmp_path / "disk")), {})
        shelf, edition = Embedded(workspace), edition_of(workspace, MODELS)
        fill(tmp_path / "disk")
        with pytest.raises(StorageError, match="No space left"):
            shelf.open().publish(VERSION, edition)
        assert shelf.content() == {}
        (tmp_path / "disk" / "filler").unlink()
        shelf.open().publish(VERSION, edition)
        assert is_whole(shelf)


@pytest.mark.parametrize(
    ("request_", "status", "said"),
    [
        (("POST", f"/commit/{VERSION.label}"), 500, "status 500"),
        (("PUT", "/storage/"), 403, "permission"),
        (("POST", "/branch/"), 403, "permission"),
        (("POST", "/repos/create"), 403, "permission"),
        (("GET", "/refs"), 500, "status 500"),
    ],
)
def test_a_hub_that_fails_midway_leaves_nothing_published(
    workspace: Files, hub: HubRegistryServer, request_: tuple[str, str], status: int, said: str
):
    shelf, edition = OnHub(hub), edition_of(workspace, MODELS)
    hub.refuses[request_] = status
    with pytest.raises(StorageError, match=said):
        shelf.open().publish(VERSION, edition)
    assert shelf.content() == {}
    shelf.open().publish(VERSION, edition_of(workspace, MODELS))
    assert is_whole(shelf)


def test_coreutils_check_the_sums(workspace: Files, tmp_path: Path):
    edition = edition_of(workspace, {**MODELS, "sub/odd name \\ é.onnx": 256})
    EmbeddedRegistry(workspace).publish(VERSION, edition)
    folder = tmp_path / "workspace" / "published" / VERSION.name / VERSION.label
    check = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    done = subprocess.run(check, cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.count(": OK") == 6
    (folder / "model_best.pth").unlink()
    (folder / "model_best.pth").write_bytes(b"other")
    assert subprocess.run(check, cwd=folder, capture_output=True, check=False).returncode == 1


@pytest.mark.parametrize("kind", ["folder", "hub"])
def test_a_large_model_takes_little_memory(
    workspace: Files, tmp_path: Path, kind: str, hub: HubRegistryServer
):
    path = tmp_path / "workspace" / "results" / "j" / "model_best.pth"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.truncate(LARGE)
    shelf: Shelf = OnHub(hub) if kind == "hub" else Embedded(workspace)
    registry, edition = shelf.open(), edition_of(workspace, {"model_best.pth": LARGE})
    with _little_memory():
        registry.publish(VERSION, edition)
    card = registry.card(VERSION)
    assert card is not None
    zeros = hashlib.sha256()
    for _ in range(LARGE // MIB):
        zeros.update(bytes(MIB))
    assert card["sha256"]["model_best.pth"] == zeros.hexdigest()


class _little_memory:  # noqa: N801 - it reads as a function
    """What happens inside costs this process little memory, at any moment."""

    def __enter__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")  # the most that it had begins anew
        self.before = _memory("VmRSS")

    def __exit__(self, *_: object) -> None:
        assert _memory("VmHWM") - self.before < MOST_MEMORY


def _memory(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) * 1024


def _start(workspace: Files, **asked: Any) -> "subprocess.Popen[bytes]":
    asked |= {"location": workspace.location.model_dump(mode="json"), "secrets": {}, "models": MODELS}
    command = [sys.executable, "-m", "tests.server.resources.publishing.publish_once", json.dumps(asked)]
    return subprocess.Popen(command, cwd=Path(__file__).parents[4])


def _run(workspace: Files, **asked: Any) -> int:
    return _start(workspace, **asked).wait()


def _kill(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
    process.wait()
