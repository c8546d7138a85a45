"""Training for tests: small data, no reports."""

from include.local_nemo.students import Adapter, catalogue, train

SIZES = ("s", "m", "l")
HYPERPARAMETERS = {"epochs": 2, "batch_size": 16, "learning_rate": 1e-4, "seed": 1}


def train_quietly(size: str, rows, validation=(), **hyperparameters) -> Adapter:
    """Train the student of a size with the usual hyperparameters, changed by those given."""
    spec = catalogue()[f"local/student-{size}"]
    settings = {**HYPERPARAMETERS, **hyperparameters}
    return train(spec, rows, validation, settings, lambda progress: None, lambda: False)
