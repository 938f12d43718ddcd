"""tunesmith experiments ..."""

from typing import Annotated, Any

import typer

from tunesmith.client.commands.output import JsonFlag, Output
from tunesmith.client.config import connect

app = typer.Typer(help="A network with its datasets; jobs hang on it.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="EXPERIMENT", help="Id of the experiment.")]
Name = Annotated[str | None, typer.Option(help="A name for people.")]
Train = Annotated[
    list[str] | None, typer.Option("--train", help="Id of a training dataset; may be repeated.")
]
Eval = Annotated[str | None, typer.Option("--eval", help="Id of the evaluation dataset.")]
Inference = Annotated[str | None, typer.Option("--inference", help="Id of the dataset to predict on.")]
Calibration = Annotated[str | None, typer.Option("--calibration", help="Id of the calibration dataset.")]
Base = Annotated[
    list[str] | None,
    typer.Option("--base", help="Id of a base experiment to start from; see `experiments bases`."),
]
Metric = Annotated[str | None, typer.Option(help="Metric that chooses the best checkpoint.")]
Checkpoint = Annotated[
    str | None, typer.Option(help="Checkpoint that later jobs use: best_model or latest_model.")
]


@app.command()
def create(
    network: Annotated[str, typer.Argument(help="Architecture, e.g. classification_pyt.")],
    workspace: Annotated[str, typer.Option(help="Id of the workspace that results go to.")],
    name: Name = None,
    train: Train = None,
    evaluation: Eval = None,
    inference: Inference = None,
    calibration: Calibration = None,
    as_json: JsonFlag = False,
) -> None:
    """Begin an experiment with a network."""
    with connect() as client:
        experiment = client.experiments.create(network, workspace=workspace, **_named(name=name))
        datasets = _datasets(train, evaluation, inference, calibration)
        if datasets:
            experiment = client.experiments.update(experiment.id, **datasets)
    following = f"tunesmith specs show {experiment.id} train --output spec.json"
    Output(as_json).created(experiment, f"Experiment {experiment.id} is ready. See its spec: {following}")


@app.command("list")
def list_(
    name: Annotated[str | None, typer.Option(help="Only those of this name.")] = None,
    network: Annotated[str | None, typer.Option(help="Only those of this architecture.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """List the experiments."""
    with connect() as client:
        found = client.experiments.list(name=name, network_arch=network)
    columns = {
        "ID": lambda one: one.id,
        "NAME": lambda one: one.name,
        "NETWORK": lambda one: one.network_arch,
        "STATUS": lambda one: one.status,
        "JOBS": lambda one: len(one.jobs),
        "CREATED": lambda one: one.created_on,
    }
    Output(as_json).entries(found, columns)


@app.command()
def bases(
    network: Annotated[str | None, typer.Option(help="Only those for this architecture.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """List the published models that a training can start from."""
    with connect() as client:
        found = client.experiments.bases(network_arch=network)
    columns = {
        "ID": lambda one: one.id,
        "NAME": lambda one: one.ngc_path,
        "NETWORK": lambda one: one.network_arch,
        "PARAMETERS": lambda one: one.base_experiment_metadata.get("num_parameters"),
        "LICENCE": lambda one: one.base_experiment_metadata.get("license_name"),
    }
    Output(as_json).entries(found, columns)


@app.command()
def show(experiment: Id, as_json: JsonFlag = False) -> None:
    """Show one experiment."""
    with connect() as client:
        found = client.experiments.get(experiment)
    fields = {
        "id": found.id,
        "name": found.name,
        "network": found.network_arch,
        "status": found.status,
        "workspace": found.workspace,
        "actions": found.actions,
        "train": found.train_datasets,
        "eval": found.eval_dataset,
        "inference": found.inference_dataset,
        "calibration": found.calibration_dataset,
        "base": found.base_experiment,
        "base weights": found.base_experiment_pull_complete,
        "base reason": found.base_experiment_pull_reason,
        "created": found.created_on,
    }
    Output(as_json).details(found, fields)


@app.command("set")
def set_(
    experiment: Id,
    name: Name = None,
    train: Train = None,
    evaluation: Eval = None,
    inference: Inference = None,
    calibration: Calibration = None,
    base: Base = None,
    metric: Metric = None,
    checkpoint: Checkpoint = None,
    as_json: JsonFlag = False,
) -> None:
    """Attach datasets, or change how an experiment is run."""
    changes = _named(name=name, metric=metric, checkpoint_choose_method=checkpoint, base_experiment=base)
    changes |= _datasets(train, evaluation, inference, calibration)
    if not changes:
        raise typer.BadParameter("name something to change, e.g. --train DATASET")
    output = Output(as_json)
    with connect() as client:
        found = client.experiments.update(experiment, **changes)
    if as_json:
        output.document(found.raw())
    output.tell(f"Experiment {experiment} is changed. Run it: tunesmith jobs run {experiment} train --watch")


@app.command()
def tensorboard(
    experiment: Id,
    switch: Annotated[
        bool | None,
        typer.Option("--on/--off", help="Switch it on or off; jobs that start then write for it."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a link that opens the TensorBoard of an experiment, for two minutes."""
    output = Output(as_json)
    with connect() as client:
        if switch is not None:
            client.experiments.update(experiment, tensorboard_enabled=switch)
        if switch is False:
            output.tell(f"The TensorBoard of experiment {experiment} is off.")
            return
        url = client.experiments.tensorboard(experiment)
    if as_json:
        output.document({"url": url})
    else:
        output.line(url)


@app.command()
def delete(experiment: Id, as_json: JsonFlag = False) -> None:
    """Forget an experiment and its jobs. Results in the workspace stay."""
    with connect() as client:
        client.experiments.delete(experiment)
    Output(as_json).deleted("experiment", experiment)


def _datasets(
    train: list[str] | None, evaluation: str | None, inference: str | None, calibration: str | None
) -> dict[str, Any]:
    return _named(
        train_datasets=train,
        eval_dataset=evaluation,
        inference_dataset=inference,
        calibration_dataset=calibration,
    )


def _named(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}
