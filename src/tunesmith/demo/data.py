"""The demo's input: real scans of handwritten digits, laid out as users have them in their storage."""

import shutil
from pathlib import Path

from tunesmith.data.digits import write_digits
from tunesmith.demo.settings import Recipe


def lay_out(workspace: Path, recipe: Recipe) -> dict[str, str]:
    """Write data/classification_{train,val,test}; the folder of each split as the API names it."""
    staging = workspace / "staging"
    counts = recipe.counts
    write_digits(
        staging, train=counts["train"], val=counts["val"], test=counts["test"], size=recipe.image_size
    )
    for split in counts:
        folder = workspace / "data" / f"classification_{split}"
        folder.mkdir(parents=True)
        (staging / f"images_{split}.tar.gz").rename(folder / f"images_{split}.tar.gz")
        shutil.copy(staging / "classes.txt", folder)
    shutil.rmtree(staging)
    return {split: f"/data/classification_{split}" for split in counts}


def archive_of(workspace: Path, split: str) -> Path:
    """The archive with the images of a split."""
    return workspace / "data" / f"classification_{split}" / f"images_{split}.tar.gz"
