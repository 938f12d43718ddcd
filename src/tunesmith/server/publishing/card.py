"""Writes model cards: front matter that the Hugging Face hub reads, and prose for people.

https://huggingface.co/docs/hub/model-cards
"""

from collections.abc import Iterator, Mapping
from typing import Any

import tunesmith
from tunesmith.networks import networks
from tunesmith.server.publishing import usage
from tunesmith.server.publishing.source import Model, Source, UsedDataset

TAG = "tunesmith"
"""The tag of everything that this service publishes."""

_PIPELINES = {
    "classification": "image-classification",
    "detection": "object-detection",
    "segmentation": "image-segmentation",
}
"""The hub's names of tasks."""
_MOST_CLASSES = 100


def model_card(source: Source, model: Model, title: str, description: str, fetching: str) -> str:
    """The card of a model.

    Args:
        source: what is known of it.
        model: its files.
        title: its name, for people.
        description: what its publisher says about it.
        fetching: how to get its files, in Markdown.
    """
    parts = [
        f"# {_line(title)}",
        description.strip(),
        _origin(source, model),
        _data(source.datasets),
        _metrics(source, model),
        f"## How to use it\n\n{fetching} `sha256sum -c SHA256SUMS` checks them.",
        usage.sample(source, model),
    ]
    prose = "\n\n".join(part for part in parts if part)
    return f"---\n{_front_matter(source, model, title)}---\n\n{prose}\n"


def _front_matter(source: Source, model: Model, title: str) -> str:
    """Without a licence: that of what somebody trained is theirs to state."""
    # Imported here: it takes a while, and few requests publish.
    from huggingface_hub import EvalResult, ModelCardData

    task = _pipeline(source)
    measured = [
        EvalResult(
            task_type=task or "other",
            dataset_type=dataset_type,
            dataset_name=dataset,
            metric_type=name,
            metric_name=name,
            metric_value=value,
        )
        for dataset_type, dataset, metrics in _measured(source, model)
        for name, value in metrics.items()
        if value is not None
    ]
    data = ModelCardData(
        pipeline_tag=task,
        library_name="onnx" if model.key.endswith(".onnx") else "pytorch",
        tags=[TAG, source.experiment.network_arch],
        base_model=[entry.source.repo for entry in source.bases] or None,
        model_name=" ".join(title.split()) if measured else None,
        eval_results=measured or None,
    )
    return f"{data.to_yaml()}\n"


def _pipeline(source: Source) -> str | None:
    network = networks().get(source.experiment.network_arch)
    return _PIPELINES.get(network.task) if network else None


def _measured(source: Source, model: Model) -> Iterator[tuple[str, str, Mapping[str, float | None]]]:
    """Type and name of a dataset, and what was measured of this very model on it."""
    validated = next((one for one in source.datasets if "validation" in one.uses), None)
    if validated and model.metrics:
        shown = {name: value for name, value in model.metrics.items() if _is_validated(name)}
        yield validated.type, validated.name, shown
    for one in source.evaluations:
        yield one.dataset_type, one.dataset, one.metrics


def _is_validated(name: str) -> bool:
    """Whether a value of an epoch is of its validation: some metrics have their published names alone."""
    return name != "lr" and not name.startswith("train_")


def _origin(source: Source, model: Model) -> str:
    job, experiment = source.job, source.experiment
    rows = {
        "Network": f"`{experiment.network_arch}`",
        "Made by": f"`{job.action}`, job `{job.id}` of experiment `{experiment.id}`",
        "Epoch": str(model.epoch) if model.epoch else "",
        "Trained by": f"job `{source.trained.id}`" if source.trained and source.trained is not job else "",
        "Started from": ", ".join(
            f"`{entry.source.repo}` (licence of these weights: {entry.license})" for entry in source.bases
        ),
        "Files": ", ".join(f"`{name}`" for name in model.files),
        "Spec": "`spec.yaml`, as the job ran it",
        "Made with": f"tunesmith {tunesmith.__version__}",
    }
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {text} |" for name, text in rows.items() if text)])


def _data(datasets: tuple[UsedDataset, ...]) -> str:
    if not datasets:
        return ""
    lines = [
        f"- {_line(one.name)}, for {' and '.join(one.uses)}: `{one.type}`, format `{one.format}`"
        f"{_images(one.counts)}"
        for one in datasets
    ]
    classes = next((found for one in datasets if (found := _classes(one.counts))), [])
    if classes:
        more = f" and {len(classes) - _MOST_CLASSES} more" if len(classes) > _MOST_CLASSES else ""
        names = ", ".join(map(_line, classes[:_MOST_CLASSES]))
        lines.append(f"\n{len(classes)} classes: {names}{more}.")
    return "## Data\n\n" + "\n".join(lines)


def _images(counts: Mapping[str, Any]) -> str:
    images = counts.get("images")
    if isinstance(images, int):
        return f", {images} images"
    if isinstance(images, Mapping):
        return f", images: {', '.join(f'{split} {count}' for split, count in images.items())}"
    return ""


def _classes(counts: Mapping[str, Any]) -> list[str]:
    """The names of the classes that were counted, in their order."""
    found = counts.get("classes")
    splits = found.values() if isinstance(found, Mapping) else ()
    return list(dict.fromkeys(name for split in splits if isinstance(split, Mapping) for name in split))


def _metrics(source: Source, model: Model) -> str:
    rows = [
        f"| {_line(dataset)} | {name} | {value:.6g} |"
        for _, dataset, metrics in _measured(source, model)
        for name, value in metrics.items()
        if value is not None
    ]
    if not rows:
        return ""
    return "\n".join(["## Metrics", "", "| dataset | metric | value |", "|---|---|---|", *rows])


def _line(text: str) -> str:
    """Text that users wrote, on one line of Markdown: it makes neither markup nor columns."""
    flat = " ".join(text.split())
    for sign in "\\`*_[]<>|#":
        flat = flat.replace(sign, f"\\{sign}")
    return flat
