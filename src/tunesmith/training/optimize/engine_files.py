"""Engines as files: what kind they are is written into each, so that none is taken for another.

A TensorRT engine is the file that TensorRT writes, and its facts lie beside it. The other kinds are zip
archives with their facts inside.
"""

import json
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from tunesmith.protocol import Cause
from tunesmith.training.failures import JobError
from tunesmith.training.optimize.graphs import Batches

ENGINE = "model.engine"
FACTS = "engine.json"
BESIDE = ".json"
"""What the name of the facts beside a TensorRT engine ends in."""


class Kind(StrEnum):
    """What runs an engine. The values are the choices of the spec."""

    TENSORRT = "tensorrt"
    OPENVINO = "openvino"
    ONNXRUNTIME = "onnxruntime"

    @property
    def maker(self) -> str:
        """The name as its makers write it."""
        return {"tensorrt": "TensorRT", "openvino": "OpenVINO", "onnxruntime": "ONNX Runtime"}[self]


@dataclass(frozen=True)
class EngineFacts:
    """What an engine is.

    Attributes:
        kind: what runs it.
        version: of that program.
        precision: what it was built for: fp32, fp16, bf16 or int8.
        computes_in: the number format of what is not quantised.
        batches: the batch sizes that it takes.
        outputs: their names.
        built_on: the device.
        model: the file within the archive that is the model.
        metadata: of the exported graph.
    """

    kind: Kind
    version: str
    precision: str
    computes_in: str
    batches: Batches
    outputs: tuple[str, ...]
    built_on: str
    model: str = ""
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """For people: "OpenVINO in int8"."""
        return f"{self.kind.maker} in {self.precision}"

    def dump(self) -> str:
        """As JSON."""
        return json.dumps({"engine": self.kind.maker} | asdict(self), indent=1)

    @classmethod
    def load(cls, text: str | bytes) -> "EngineFacts":
        """From JSON.

        Raises:
            ValueError, TypeError, KeyError: it is not that of an engine.
        """
        found: dict[str, Any] = json.loads(text)
        found.pop("engine")
        batches = Batches(**found.pop("batches"))
        return cls(
            kind=Kind(found.pop("kind")), batches=batches, outputs=tuple(found.pop("outputs")), **found
        )


def pack(facts: EngineFacts, folder: Path, names: Sequence[str], target: Path) -> None:
    """Write an engine out of the files of a folder. It has its name once it is whole."""
    part = target.with_name(f"{target.name}.part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(FACTS, facts.dump())
        for name in names:
            archive.write(folder / name, name)
    part.replace(target)


def unpack(path: Path) -> tuple[EngineFacts, Path]:
    """The facts of an engine, and the file that its runtime reads: unpacked beside the engine.

    Raises:
        JobError: it is no whole engine of tunesmith's.
    """
    beside = path.with_name(path.name + BESIDE)
    try:
        if beside.exists() and not zipfile.is_zipfile(path):
            return EngineFacts.load(beside.read_bytes()), path
        with zipfile.ZipFile(path) as archive:
            facts = EngineFacts.load(archive.read(FACTS))
            folder = path.with_name(f"{path.name}.files")
            folder.mkdir(exist_ok=True)
            for name in archive.namelist():
                if name == Path(name).name:  # no path leads out of the folder
                    with archive.open(name) as packed, (folder / name).open("wb") as file:
                        shutil.copyfileobj(packed, file)
            return facts, folder / Path(facts.model).name
    except (zipfile.BadZipFile, ValueError, TypeError, KeyError, AttributeError) as error:
        raise JobError(
            Cause.PARENT,
            f"{path.name} is no whole engine made by tunesmith.",
            "Run gen_trt_engine again.",
        ) from error
