"""Training, evaluation and the paper's experiments: ``python -m training --help``."""
