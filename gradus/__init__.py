"""gradus: one command from raw data to a trained, evaluated and explained model, on plain PyTorch."""

__version__ = "0.1.0"
