"""Reads the file that Weights & Biases writes where it is offline: records in the log format of LevelDB."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wandb.proto import wandb_internal_pb2 as protocol

_FILE_HEADER = 7
_BLOCK = 32 * 1024
_RECORD_HEADER = 7
_LAST_PARTS = (1, 4)


def records(file: Path) -> Iterator[Any]:
    """The records of a run's file."""
    data, at, whole = file.read_bytes(), _FILE_HEADER, b""
    while at + _RECORD_HEADER <= len(data):
        left = _BLOCK - at % _BLOCK
        if left < _RECORD_HEADER:
            at += left
            continue
        _, size, kind = struct.unpack("<IHB", data[at : at + _RECORD_HEADER])
        whole += data[at + _RECORD_HEADER : at + _RECORD_HEADER + size]
        at += _RECORD_HEADER + size
        if kind in _LAST_PARTS:
            record: Any = protocol.Record()  # type: ignore[attr-defined] # made when it is imported
            record.ParseFromString(whole)
            whole = b""
            yield record


def history(file: Path) -> list[dict[str, Any]]:
    """What was logged, a dict a step."""
    return [
        {".".join(item.nested_key) or item.key: json.loads(item.value_json) for item in record.history.item}
        for record in records(file)
        if record.WhichOneof("record_type") == "history"
    ]


def run_of(file: Path) -> Any:
    """What the file says of its run."""
    return next(record.run for record in records(file) if record.WhichOneof("record_type") == "run")


def is_whole(file: Path) -> bool:
    """Whether the end of the run is written."""
    return any(record.WhichOneof("record_type") == "exit" for record in records(file))
