"""What the tests of efficientdet_tf2 share: a small spec, for the scenes of tests.training.boxes."""

from tests.training.boxes import SIZE

SMALL_ANCHORED = {
    "model.backbone": "test_byobnet",
    "model.fpn_num_filters": 32,
    "model.fpn_cell_repeats": 1,
    "model.box_class_repeats": 1,
    "model.input_width": SIZE,
    "model.input_height": SIZE,
    "model.anchor_scale": 3,
    "dataset.loader.workers": 1,
    "dataset.augmentation.rand_hflip": False,
    "dataset.augmentation.random_crop_min_scale": 1.0,
    "dataset.augmentation.random_crop_max_scale": 1.0,
    "train.batch_size": 8,
    "train.num_epochs": 1,
    "train.validation_interval": 1,
    "train.amp": False,
    "train.image_preview": False,
    "train.moving_average_decay": 0.9,
    "train.optimizer.name": "adam",
    "train.lr_schedule.learning_rate": 5e-3,
    "train.lr_schedule.warmup_epoch": 0,
    "prune.min_num_filters": 8,
}
"""A spec that trains within seconds on a few dozen scenes."""
