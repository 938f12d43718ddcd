"""What a job does with a network: train, evaluate, export, inference. A script each, for all tasks."""
