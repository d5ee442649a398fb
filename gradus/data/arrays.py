"""Pictures in a NumPy .npz file.

Keys: x_train, y_train, x_test, y_test and, if there is one, x_val, y_val (or x_valid, x_validation, ...);
or images and labels for a set without splits. An array "classes" of strings names the labels 0, 1, 2, ...;
without it each label's own value is its name.
"""

import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import Shaped, UInt8

from gradus.core.errors import InputError
from gradus.data.members import open_zip
from gradus.data.picture_sets import Labelled, PictureSet, gather
from gradus.data.pictures import PictureForm

PAIRS = {
    ("x_train", "y_train"): "train",
    ("x_val", "y_val"): "validation",
    ("x_valid", "y_valid"): "validation",
    ("x_validation", "y_validation"): "validation",
    ("x_test", "y_test"): "test",
    ("images", "labels"): "train",
}
READ = {"classes", *(name for pair in PAIRS for name in pair)}
# What NumPy and zipfile raise for files that are cut short, damaged, or not what their headers say.
UNREADABLE = (
    *(ValueError, OSError, EOFError, MemoryError, NotImplementedError),
    *(zipfile.BadZipFile, zlib.error, tokenize.TokenError),
)


def read_npz(path: Path, form: PictureForm, *, classes: tuple[str, ...] | None = None) -> PictureSet:
    """The pictures in an .npz file; nothing in it is ever unpickled.

    Pictures are (N, H, W), (N, H, W, C) or (N, C, H, W) with 1 or 3 channels: whole numbers from 0 to 255, or
    floats from 0 to 1. Labels are N whole numbers or strings. InputError names array and first bad item.
    """
    arrays = _load(path)
    pairs = [pair for pair in PAIRS if pair[0] in arrays or pair[1] in arrays]
    incomplete = [name for pair in pairs for name in pair if name not in arrays]
    splits = [PAIRS[pair] for pair in pairs]
    if incomplete or not pairs or len(set(splits)) < len(splits):
        raise InputError(
            "GR-DATA-030",
            where=str(path),
            wanted="x_train, y_train, x_test, y_test, or images and labels",
            got=", ".join(sorted(arrays)) or "none of them",
            remedy="Save the arrays under these names: numpy.savez(path, images=..., labels=...).",
        )
    named = _class_names(arrays, str(path))
    parts = {
        split: _labelled(arrays, pair, named, str(path)) for split, pair in zip(splits, pairs, strict=True)
    }
    return gather(parts, form, where=str(path), classes=classes or named)


def _load(path: Path) -> dict[str, Shaped[np.ndarray, "..."]]:
    """The arrays that are read, by name; others in the file are passed over."""
    with open_zip(path) as archive:  # refuses what unpacks beyond all use
        names = [name for name in READ if f"{name}.npy" in archive.namelist()]
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in names}
    except UNREADABLE as error:
        raise InputError(
            "GR-DATA-030",
            where=str(path),
            wanted="whole arrays of numbers or strings",
            got=f"{type(error).__name__}: {error}",
            remedy="Save them with numpy.savez; Python objects are refused, since reading them can run code.",
        ) from error


def _labelled(
    arrays: dict[str, Shaped[np.ndarray, "..."]],
    pair: tuple[str, str],
    named: tuple[str, ...] | None,
    where: str,
) -> Labelled:
    """One split: its pictures in 8 bits, and the name of each label."""
    images = _as_images(arrays[pair[0]], f"{where}, {pair[0]}")
    labels = _as_names(arrays[pair[1]], named, f"{where}, {pair[1]}")
    if len(images) != len(labels):
        raise InputError(
            "GR-DATA-033",
            where=f"{where}, {pair[1]}",
            wanted=f"one label for each of the {len(images)} pictures in {pair[0]}",
            got=f"{len(labels)}",
            remedy="Save pictures and labels of the same items, in the same order.",
        )
    return Labelled(images, labels, [f"{pair[0]}[{i}]" for i in range(len(images))])


def _as_images(array: Shaped[np.ndarray, "..."], where: str) -> UInt8[np.ndarray, "N H W C"]:
    if array.dtype.kind not in "buif":
        raise _not_made_of(where, "whole numbers or floats", str(array.dtype))
    if array.ndim == 3:
        array = array[..., None]  # (N, H, W) -> (N, H, W, 1)
    if array.ndim == 4 and array.shape[3] not in (1, 3) and array.shape[1] in (1, 3):
        array = array.transpose(0, 2, 3, 1)  # (N, C, H, W) -> (N, H, W, C)
    if array.ndim != 4 or array.shape[3] not in (1, 3) or 0 in array.shape[1:]:
        raise _not_made_of(
            where, "the shape (N, H, W), (N, H, W, C) or (N, C, H, W), C 1 or 3", f"{array.shape}"
        )
    if array.dtype.kind == "b":
        return array.astype(np.uint8) * 255
    top = 1 if array.dtype.kind == "f" else 255
    sound = (array >= 0) & (array <= top)  # false for NaN as well
    if not sound.all():
        place = tuple(int(i) for i in np.argwhere(~sound)[0])
        raise InputError(
            "GR-DATA-032",
            where=f"{where}[{place[0]}]",
            wanted=f"{array.dtype} values from 0 to {top}",
            got=f"{array[place]}",
            remedy="Save whole numbers from 0 to 255 as uint8, or floats from 0 to 1.",
        )
    return np.rint(array * 255).astype(np.uint8) if top == 1 else array.astype(np.uint8)


def _as_names(array: Shaped[np.ndarray, "..."], named: tuple[str, ...] | None, where: str) -> list[str]:
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]  # (N, 1) -> (N): how Keras keeps labels
    if array.ndim != 1 or array.dtype.kind not in "buiU":
        raise _not_made_of(where, "N whole numbers or strings", f"{array.dtype} of shape {array.shape}")
    if array.dtype.kind == "U":
        return [str(label) for label in array]
    labels = [int(label) for label in array]
    if named is None:
        return [str(label) for label in labels]
    for i, label in enumerate(labels):
        if not 0 <= label < len(named):
            raise InputError(
                "GR-DATA-034",
                where=f"{where}[{i}]",
                wanted=f"a label from 0 to {len(named) - 1}, one of the {len(named)} classes",
                got=f"{label}",
                remedy="Number the labels by their place in classes.",
            )
    return [named[label] for label in labels]


def _class_names(arrays: dict[str, Shaped[np.ndarray, "..."]], path: str) -> tuple[str, ...] | None:
    if "classes" not in arrays:
        return None
    array = arrays["classes"]
    if array.ndim != 1 or array.dtype.kind != "U" or len(np.unique(array)) < len(array):
        got = f"{array.dtype} of shape {array.shape}"
        raise _not_made_of(f"{path}, classes", "a list of different strings", got)
    return tuple(str(name) for name in array)


def _not_made_of(where: str, wanted: str, got: str) -> InputError:
    return InputError(
        "GR-DATA-031",
        where=where,
        wanted=wanted,
        got=got,
        remedy="Convert the array before saving it.",
    )
