"""What stands at the root of every spec: names, results folder, tracking."""

from tunesmith.specs.block import Block
from tunesmith.specs.fields import array, flag, section, text

RESULTS = "results go to the experiment's workspace, under results/<job id>"


class Tracking(Block):
    """Weights & Biases."""

    enable: bool = flag(
        True, "Report to Weights & Biases.", inert="metrics go to the job's details and TensorBoard files"
    )
    project: str = text("TAO Toolkit", "Project to report to.", inert="needs wandb.enable")
    entity: str = text("", "Team or user that owns the project.", inert="needs wandb.enable")
    tags: list[str] = array(["tao-toolkit"], "Tags of the run.", automl=False, inert="needs wandb.enable")
    reinit: bool = flag(False, "Start a run inside a run.", inert="needs wandb.enable")
    sync_tensorboard: bool = flag(False, "Copy TensorBoard events.", inert="needs wandb.enable")
    save_code: bool = flag(False, "Store the code with the run.", inert="needs wandb.enable")
    name: str = text("TAO Toolkit Training", "Name of the run.", inert="needs wandb.enable")


class Experiment(Block):
    """The root of a spec."""

    model_name: str = text("", "A name for the model, kept in the checkpoints.")
    encryption_key: str = text("", "Key of an encrypted model.", inert="models are stored unencrypted")
    results_dir: str = text("/results", "Folder of the results.", inert=RESULTS)
    wandb: Tracking = section(Tracking)
