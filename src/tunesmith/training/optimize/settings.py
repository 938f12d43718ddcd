"""Reads the section gen_trt_engine of a spec, whose keys differ a little by network."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from tunesmith.specs import Block, SpecError, SpecProblem
from tunesmith.specs.block import UNSET_PATH
from tunesmith.training.optimize.engine_files import ENGINE

_PRECISIONS = ("fp32", "fp16", "bf16", "int8")
_SECTION = "gen_trt_engine"
_UNTOUCHED_IMAGES = 128
RANGES = "calibration.json"


@dataclass(frozen=True)
class EngineSettings:
    """How an engine is to be built.

    Attributes:
        precision: fp32, fp16, bf16 or int8.
        runtime: auto, or the kind that is asked for.
        fixed_batch: the only batch size; None where the three below say.
        smallest_batch: the smallest batch that the engine takes.
        best_batch: the batch that it is tuned for.
        largest_batch: the largest batch that it takes.
        calibration_batch: images of a batch to calibrate on.
        calibration_images: how many images set the ranges of int8.
        calibration_untouched: whether the spec leaves the number of images open.
        workspace_mib: memory for TensorRT's builder; 0 leaves it open.
        layers: precision by the name of a layer.
        verbose: write the builder's steps to the log.
        engine_file: the name of the file to write.
        ranges_file: the name of the file for the ranges of int8.
        timing_cache: key in the workspace of a file with the timings of TensorRT's kernels; empty for none.
        only_tensorrt: keys that the spec sets and that mean something to TensorRT alone, by path.
    """

    precision: str
    runtime: str = "auto"
    fixed_batch: int | None = None
    smallest_batch: int = 1
    best_batch: int = 1
    largest_batch: int = 1
    calibration_batch: int = 1
    calibration_images: int = _UNTOUCHED_IMAGES
    calibration_untouched: bool = True
    workspace_mib: int = 0
    layers: Mapping[str, str] = field(default_factory=dict)
    verbose: bool = False
    engine_file: str = ENGINE
    ranges_file: str = RANGES
    timing_cache: str = ""
    only_tensorrt: tuple[str, ...] = ()

    @classmethod
    def of(cls, spec: Block) -> "EngineSettings":
        """From a whole spec.

        Raises:
            SpecError: with everything that is wrong.
        """
        section: Any = spec.value(_SECTION)
        engine, looks = section.tensorrt, getattr(section.tensorrt, "calibration", None)
        if problems := list(_problems(section)):
            raise SpecError(problems)
        fixed = getattr(section, "batch_size", -1)
        batch, count = (looks.cal_batch_size, looks.cal_batches) if looks else (1, 1)
        untouched = (batch, count) == (1, 1)
        return cls(
            precision=_precision(engine.data_type),
            runtime=section.runtime,
            fixed_batch=fixed if fixed > 0 else None,
            smallest_batch=engine.min_batch_size,
            best_batch=engine.opt_batch_size,
            largest_batch=engine.max_batch_size,
            calibration_batch=batch,
            calibration_images=_UNTOUCHED_IMAGES if untouched else batch * count,
            calibration_untouched=untouched,
            workspace_mib=_workspace(engine),
            layers=dict(_layers(getattr(engine, "layers_precision", []))),
            verbose=getattr(section, "verbose", False),
            engine_file=written_file(section.trt_engine, ENGINE),
            ranges_file=written_file(looks.cal_cache_file if looks else "", RANGES),
            timing_cache=getattr(section, "timing_cache", "").strip("/"),
            only_tensorrt=tuple(_only_tensorrt(section)),
        )


def written_file(named: str, default: str) -> str:
    """The name of a file to write: the last part of what a spec names, with the suffix of the default."""
    name = PurePosixPath(named).name
    if name in ("", UNSET_PATH):
        return default
    suffix = PurePosixPath(default).suffix
    return name if name.endswith(suffix) else f"{name}{suffix}"


def _precision(data_type: str) -> str:
    """The number format; of several, as in the published default "fp32,fp16", the first."""
    return data_type.split(",", maxsplit=1)[0].strip().lower()


def _workspace(engine: Any) -> int:
    """In MiB; networks of the tf2 dialect count in GiB."""
    mib = getattr(engine, "workspace_size", None)
    return int(engine.max_workspace_size << 10 if mib is None else mib)


def _problems(section: Any) -> Iterator[SpecProblem]:
    engine, path = section.tensorrt, f"{_SECTION}.tensorrt"
    if _precision(engine.data_type) not in _PRECISIONS:
        yield SpecProblem(f"{path}.data_type", f"must be one of {', '.join(_PRECISIONS)}", engine.data_type)
    if getattr(section, "batch_size", -1) == 0:
        yield SpecProblem(f"{_SECTION}.batch_size", "must be -1 (any batch) or at least 1", 0)
    sizes = [engine.min_batch_size, engine.opt_batch_size, engine.max_batch_size]
    if sizes != sorted(sizes) or sizes[0] < 1:
        rule = "must be at least 1 and rise: min_batch_size, opt_batch_size, max_batch_size"
        yield SpecProblem(f"{path}.min_batch_size", rule, sizes)
    wrong = [one for one in getattr(engine, "layers_precision", []) if not _is_layer(one)]
    if wrong:
        rule = f"must hold entries LAYER:PRECISION, the precision one of {', '.join(_PRECISIONS)}"
        yield SpecProblem(f"{path}.layers_precision", rule, wrong)


def _is_layer(entry: str) -> bool:
    name, _, precision = entry.rpartition(":")
    return bool(name) and precision.strip().lower() in _PRECISIONS


def _layers(entries: list[str]) -> Iterator[tuple[str, str]]:
    for entry in entries:
        name, _, precision = entry.rpartition(":")
        yield name.strip(), precision.strip().lower()


def _only_tensorrt(section: Block) -> Iterator[str]:
    plain = type(section)()
    for name in ("workspace_size", "max_workspace_size", "opt_batch_size"):
        path = f"tensorrt.{name}"
        if hasattr(section.value("tensorrt"), name) and section.value(path) != plain.value(path):
            yield f"{_SECTION}.{path}"
    if getattr(section, "timing_cache", ""):
        yield f"{_SECTION}.timing_cache"
