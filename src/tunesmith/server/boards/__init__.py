"""TensorBoard for experiments: a process each, behind this server's own rights."""
