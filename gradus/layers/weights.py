"""Start a network from a local .safetensors file: every tensor by name, the head only where it fits.

Files come from torchvision, timm or a run of gradus. Loading runs no code, and nothing is copied before
everything fits.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from gradus.core.errors import InputError

WRAPPERS = ("module.", "model.", "_orig_mod.")  # left behind by data parallelism, trainers and torch.compile


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """What ``start_from`` did, as names of tensors."""

    loaded: tuple[str, ...]
    """Tensors of the module that now hold the file's values."""
    adapted: tuple[str, ...]
    """Those among them whose input channels were summed or repeated to fit."""
    skipped_head: tuple[str, ...]
    """Tensors of the file's head, left out because the head has another shape."""
    missing: tuple[str, ...]
    """Tensors of the module that keep their start: the head, and batch counters that the file lacks."""
    unexpected: tuple[str, ...]
    """Tensors of the file's head that the module does not have."""


def start_from(module: nn.Module, path: str | Path, *, head: str) -> Loaded:
    """Copy the tensors of a .safetensors file into ``module`` by name, in place.

    ``head`` is the name of the last layer ("fc"): all its tensors are skipped unless all fit. A first
    convolution for another number of channels is adapted by ``fit_channels``. InputError names the file
    where it cannot be read, and the first tensor that is missing (batch counters may be), unexpected or of
    another shape.
    """
    places = module.state_dict()  # shares memory with the module
    tensors = _unwrapped(_read(Path(path)), set(places))
    left_out = _misfit_head(places, tensors, head)
    missing = [n for n in places if n not in tensors or n in left_out]
    _check_names(places, tensors, left_out, path)
    fitted = {n: t for n, t in tensors.items() if n not in left_out}
    adapted = _fit_shapes(fitted, places, _first_convolution(module), path)
    with torch.no_grad():
        for name, tensor in fitted.items():
            places[name].copy_(tensor)
    return Loaded(
        loaded=tuple(fitted),
        adapted=tuple(adapted),
        skipped_head=tuple(sorted(left_out & tensors.keys() & places.keys())),
        missing=tuple(missing),
        unexpected=tuple(sorted(left_out & tensors.keys() - places.keys())),
    )


def fit_channels(weight: Tensor, channels: int) -> Tensor:
    """A first convolution's weight (out, in, ...) for another number of input channels.

    To fewer: new channel i is the sum of the old channels i, i + channels, i + 2 channels, ...; to more: it
    is the old channel i mod in, divided by how often that one is repeated. So the weights of each output
    add up to what they did, and a picture whose channels are all equal (grey as RGB, RGB as grey) gives the
    same response.
    """
    old_channels = weight.shape[1]
    old = torch.arange(max(old_channels, channels)) % old_channels
    new = torch.arange(max(old_channels, channels)) % channels
    copies = torch.bincount(old, minlength=old_channels)
    scale = (1.0 / copies[old]).view(1, -1, *[1] * (weight.dim() - 2))
    fitted = torch.zeros(weight.shape[0], channels, *weight.shape[2:])
    return fitted.index_add_(1, new, weight.float()[:, old] * scale)


def _read(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors file; InputError if it is absent, empty, cut short or something else."""
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise InputError(
            "GR-MODEL-010",
            where=str(path),
            wanted="a whole .safetensors file",
            got=str(error).lower(),
            remedy="Give start_from the path of a local .safetensors file, or fetch it again.",
        ) from error


def _unwrapped(tensors: dict[str, Tensor], wanted: set[str]) -> dict[str, Tensor]:
    """Names without the prefix that a wrapper put before every one of them, unless the module has it too."""
    while tensors and wanted.isdisjoint(tensors):
        prefix = next((w for w in WRAPPERS if all(n.startswith(w) for n in tensors)), None)
        if prefix is None:
            break
        tensors = {n.removeprefix(prefix): t for n, t in tensors.items()}
    return tensors


def _misfit_head(places: dict[str, Tensor], tensors: dict[str, Tensor], head: str) -> set[str]:
    """The names of both heads where they differ in any name or shape, else none."""
    ours, theirs = (
        {n: t.shape for n, t in side.items() if n.startswith(head + ".")} for side in (places, tensors)
    )
    return set() if ours == theirs else ours.keys() | theirs.keys()


def _check_names(
    places: dict[str, Tensor], tensors: dict[str, Tensor], left_out: set[str], path: str | Path
) -> None:
    """Raise InputError for the first tensor outside the head that only one side has."""
    for name, place in places.items():
        if name not in tensors and name not in left_out and not name.endswith("num_batches_tracked"):
            raise _misfit("GR-MODEL-011", path, name, f"shape {tuple(place.shape)}", "no such tensor")
    for name, tensor in tensors.items():
        if name not in places and name not in left_out:
            raise _misfit("GR-MODEL-012", path, name, "no such tensor", f"shape {tuple(tensor.shape)}")


def _fit_shapes(
    tensors: dict[str, Tensor], places: dict[str, Tensor], first: str | None, path: str | Path
) -> list[str]:
    """Adapt the first convolution where only its channels differ; InputError for every other shape."""
    adapted = []
    for name, tensor in tensors.items():
        wanted, got = tuple(places[name].shape), tuple(tensor.shape)
        if wanted == got:
            continue
        if name != first or (got[:1], got[2:]) != (wanted[:1], wanted[2:]):
            raise _misfit("GR-MODEL-013", path, name, f"shape {wanted}", f"shape {got}")
        tensors[name] = fit_channels(tensor, wanted[1])
        adapted.append(name)
    return adapted


def _first_convolution(module: nn.Module) -> str | None:
    """The name of the weight of the convolution that comes first."""
    convolutions = (n for n, m in module.named_modules() if isinstance(m, nn.Conv1d | nn.Conv2d | nn.Conv3d))
    first = next(convolutions, None)
    return None if first is None else f"{first}.weight".removeprefix(".")


def _misfit(code: str, path: str | Path, name: str, wanted: str, got: str) -> InputError:
    return InputError(
        code,
        where=f"tensor {name!r} of {path}",
        wanted=wanted,
        got=got,
        remedy="Give weights of the same architecture and settings, or change the model to match them.",
    )
