"""Pictures and files made for the tests of the readers."""

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image


def noise(height: int, width: int, *, seed: int = 0) -> np.ndarray:
    """A colour picture of random values, (H, W, 3)."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def encode(values: np.ndarray | Image.Image, kind: str = "PNG", **options) -> bytes:
    """The bytes of a picture file."""
    image = values if isinstance(values, Image.Image) else Image.fromarray(values)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def picture_files(*names: str, side: int = 6) -> dict[str, bytes]:
    """A different small picture under each name."""
    return {name: encode(noise(side, side, seed=seed)) for seed, name in enumerate(names)}


def write_files(root: Path, files: dict[str, bytes]) -> Path:
    """Files below a folder, which is returned."""
    root.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    """The same files in an archive, which is returned."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path
