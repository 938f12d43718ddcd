"""What the tests of mal share: a small spec, and scenes whose objects fill two thirds of their boxes."""

from pathlib import Path

from tunesmith.data.scenes import compose, write_scenes

BOXES = "segmentation default"
DIGITS = (2, 4, 6, 7)
SMALL_MAL = {
    "model.arch": "timm/test_vit",
    "model.mask_head_num_convs": 2,
    "model.mask_head_hidden_channel": 32,
    "model.mask_head_out_channel": 32,
    "model.teacher_momentum": 0.9,
    "dataset.crop_size": 256,
    "dataset.min_obj_size": 0.0,
    "dataset.num_workers_per_gpu": 0,
    "train.num_epochs": 1,
    "train.batch_size": 8,
    "train.use_amp": False,
    "train.lr": 1e-3,
    "train.optim_betas": [0.9, 0.999],
    "train.margin_rate": [0.2, 0.8],
    "train.mask_thres": [0.5],
    "train.loss_mil_step": 1,
    "train.loss_crf_step": 40,
    "train.loss_crf_weight": 1.0,
    "train.crf_num_iter": 20,
    "train.warmup_epochs": 0,
    "evaluate.batch_size": 16,
    "inference.batch_size": 16,
}
"""A spec that trains within seconds on a few dozen objects."""


def write_objects(folder: Path, count: int, split: str = "train", *, masks: bool) -> None:
    """Scenes of digits with boxes, and masks if asked for."""
    drawn = compose(count, digits=DIGITS, size=(128, 128), most=3, split=split)  # type: ignore[arg-type]
    write_scenes(folder, drawn, masks="rle" if masks else None)
