"""The experiments, one file each: each measures checkpoints and prints a table."""
