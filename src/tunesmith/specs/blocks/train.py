"""What every training shares: devices, seeds, length, intervals."""

from tunesmith.specs.block import Block
from tunesmith.specs.blocks import results
from tunesmith.specs.blocks.devices import Devices
from tunesmith.specs.fields import choice, flag, integer, section, text

RESUME = (
    "Checkpoint of another training to go on from, with the same model and optimiser: a file of the "
    "workspace, such as results/JOB/model_latest.pth."
)


class CuDNN(Block):
    """Options of NVIDIA's convolution library."""

    benchmark: bool = flag(False, "Time the algorithms first and keep the fastest.")
    deterministic: bool = flag(True, "Use only algorithms that repeat bit by bit.")


class TensorBoard(Block):
    """TensorBoard event files in the results."""

    enabled: bool = flag(False, "Write TensorBoard event files.")
    infrequent_logging_frequency: int = integer(2, "Epochs between costly records such as images.", ge=0)


class Train(Devices):
    """The training loop."""

    num_nodes: int = integer(
        1,
        "Machines to train on together, each with num_gpus; several need the Ray executor.",
        ge=1,
        popular=True,
    )
    seed: int = integer(1234, "Seed of every random choice; -1 takes a new one each time.", ge=-1)
    cudnn: CuDNN = section(CuDNN)
    num_epochs: int = integer(10, "Passes over the training data.", ge=1, popular=True)
    checkpoint_interval: int = integer(1, "Epochs between two kept checkpoints.", ge=1, popular=True)
    validation_interval: int = integer(1, "Epochs between two validations.", ge=1, popular=True)
    resume_training_checkpoint_path: str = text("", RESUME)
    results_dir: results.Folder = results.folder()
    precision: str = choice(
        "auto",
        ["auto", "fp32", "bf16", "fp16"],
        "Number format of the computation. auto probes the machine and takes bf16 where it is faster "
        "and as sound.",
        ours=True,
    )
