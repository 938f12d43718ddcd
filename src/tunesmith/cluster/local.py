"""A Ray cluster on this machine, for a server that is given none: it outlives the server, for the next one.

Run as `python -m tunesmith.cluster.local RUN_DIR CPUS MEMORY_MB` (0: what Ray finds fit). It ends when it is
told to (SIGTERM), and when no broker has been there for long.
"""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

LOOPBACK = "127.0.0.1"
DESERTED_SECONDS = 900.0
START_SECONDS = 60.0
_LOOK_SECONDS = 1.0
_STORE_BYTES = 100 << 20
"""Of Ray's object store: nothing large goes through it."""


class Record(NamedTuple):
    """A cluster that runs: the process that minds it, and its address."""

    pid: int
    address: str


def note_of(run_dir: Path) -> Path:
    """The file that tells of the cluster; whoever uses it touches it."""
    return run_dir / "ray.json"


def environment(run_dir: Path) -> dict[str, str]:
    """With what Ray listens on loopback alone, and to those alone who know the token in the run folder."""
    run_dir.mkdir(parents=True, exist_ok=True)
    token = run_dir / "ray.token"
    if not token.exists():
        whole = token.with_suffix(".new")
        whole.touch(mode=0o600)
        whole.write_text(secrets.token_hex(32), encoding="ascii")
        whole.replace(token)
    return {
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # it would take another address of the machine instead
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",  # nothing runs there any more when it is told to end
        "RAY_worker_niceness": "0",  # jobs compute as they do without Ray
    }


def find(run_dir: Path) -> Record | None:
    """The cluster of an earlier server, if it still runs."""
    try:
        found = json.loads(note_of(run_dir).read_text(encoding="utf-8"))
        record = Record(int(found["pid"]), str(found["address"]))
        command = Path(f"/proc/{record.pid}/cmdline").read_bytes()
    except (OSError, ValueError, KeyError):
        return None
    return record if b"tunesmith.cluster.local" in command and str(run_dir).encode() in command else None


def ensure(run_dir: Path, cpus: int | None, memory_mb: int | None) -> Record:
    """The cluster of this machine, started if there is none.

    Raises:
        OSError: it does not start; the message says why.
    """
    if record := find(run_dir):
        return record
    note_of(run_dir).unlink(missing_ok=True)
    log = run_dir / "ray.log"
    with log.open("wb") as output:
        minder = subprocess.Popen(  # noqa: S603 - our own module
            [
                sys.executable,
                "-m",
                "tunesmith.cluster.local",
                str(run_dir),
                str(cpus or 0),
                str(memory_mb or 0),
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=os.environ | environment(run_dir),
            start_new_session=True,
        )
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and minder.poll() is None:
        if record := find(run_dir):
            return record
        time.sleep(0.05)
    minder.terminate()
    raise OSError(f"Ray does not start on this machine; {log} says why")


def end(run_dir: Path) -> None:
    """End the cluster of this machine, and wait until it is gone."""
    if record := find(run_dir):
        with suppress(ProcessLookupError):
            os.kill(record.pid, signal.SIGTERM)
        while find(run_dir):
            time.sleep(0.02)


def main(run_dir: Path, cpus: int, memory_mb: int) -> int:
    """Run the cluster. Returns the exit code."""
    folder = tempfile.mkdtemp(prefix="tunesmith-ray-", dir="/tmp")
    with socket.create_server((LOOPBACK, 0)) as free:
        port = free.getsockname()[1]
    command = [
        *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"),
        *(f"--node-ip-address={LOOPBACK}", f"--port={port}", f"--temp-dir={folder}"),
        *("--include-dashboard=false", "--disable-usage-stats", f"--object-store-memory={_STORE_BYTES}"),
        *([f"--num-cpus={cpus}"] if cpus else []),
        *([f"--memory={memory_mb << 20}"] if memory_mb else []),
    ]
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    ray = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - Ray's own command
    note = note_of(run_dir)
    noted = False
    while not told.is_set() and ray.poll() is None:
        if not noted and (noted := _listens(port)):
            _write(note, Record(os.getpid(), f"{LOOPBACK}:{port}"))
        if noted and not _is_used(note):
            break
        told.wait(_LOOK_SECONDS if noted else 0.05)
    ray.terminate()
    ray.wait()
    shutil.rmtree(folder, ignore_errors=True)
    note.unlink(missing_ok=True)
    return 0


def _write(note: Path, record: Record) -> None:
    whole = note.with_suffix(".new")
    whole.write_text(json.dumps(record._asdict()), encoding="utf-8")
    whole.replace(note)


def _is_used(note: Path) -> bool:
    try:
        return time.time() - note.stat().st_mtime < DESERTED_SECONDS
    except FileNotFoundError:
        return False  # the data folder was removed


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection((LOOPBACK, port), 1):
        return True
    return False


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
