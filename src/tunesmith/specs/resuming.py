"""Which keys of a spec may be others when a training is resumed."""

MAY_CHANGE = ("train.num_epochs", "train.checkpoint_interval", "train.validation_interval")
"""What does not touch the model, the data or what the optimiser has learnt of them."""
