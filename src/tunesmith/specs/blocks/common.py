"""What stands at the root of every spec: names, results folder, tracking."""

from tunesmith.specs.block import Block
from tunesmith.specs.blocks import results
from tunesmith.specs.fields import array, flag, section, text


class Tracking(Block):
    """Weights & Biases: acts where the server has its package and the experiment a WANDB_API_KEY."""

    enable: bool = flag(True, "Report to Weights & Biases.")
    project: str = text("TAO Toolkit", "Project to report to.")
    entity: str = text("", "Team or user that owns the project.")
    tags: list[str] = array(["tao-toolkit"], "Tags of the run.", automl=False)
    reinit: bool = flag(False, "Start a run inside a run.", inert="a job has one run of its own")
    sync_tensorboard: bool = flag(False, "Send the TensorBoard files of the training at its end.")
    save_code: bool = flag(False, "Store the code of tunesmith with the run.")
    name: str = text("TAO Toolkit Training", "Name of the run.")


class Experiment(Block):
    """The root of a spec."""

    model_name: str = text("", "A name for the model, kept in the checkpoints.")
    encryption_key: str = text("", "Key of an encrypted model.", inert="models are stored unencrypted")
    results_dir: results.Folder = results.folder("/results")
    wandb: Tracking = section(Tracking)
