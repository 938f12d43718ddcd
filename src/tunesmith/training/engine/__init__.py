"""The training loop, and what stands around it: devices, number formats, data order, checkpoints."""
