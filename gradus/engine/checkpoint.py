"""Checkpoints: safetensors and JSON, whole or absent, verified by hash when they are read.

Layout: ``checkpoints/step-N/<part>.safetensors`` and ``state.json``, and the files ``last`` and ``best``
that name a folder. A background thread writes a copy of the state, so training goes on meanwhile.
"""

import json
import os
import re
import shutil
import threading
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor

from gradus.core.errors import InputError
from gradus.core.files import naming, sha256, sync_folder, write_bytes

FORMAT = 1
TENSOR = "$tensor"


class Checkpoints:
    """The checkpoints of one run. It keeps the newest ones and the best; a damaged one is passed over."""

    def __init__(self, folder: Path, *, keep: int = 2) -> None:
        self.folder, self.keep = folder, keep
        self.damaged: list[str] = []
        self._writer: threading.Thread | None = None
        self._failure: BaseException | None = None

    def save(self, step: int, state: dict[str, Any], *, best: bool = False) -> None:
        """Copy ``state`` (by part) and write it in the background; raise what went wrong last time."""
        self.wait()
        parts = {name: _separate(value) for name, value in state.items()}
        self._writer = threading.Thread(
            target=self._write, args=(step, parts, best), name="gradus-checkpoint"
        )
        self._writer.start()

    def wait(self) -> None:
        """Return when the last save is on disk; raise what went wrong with it."""
        if self._writer is not None:
            self._writer.join()
            self._writer = None
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def steps(self) -> list[int]:
        """The steps that have a checkpoint, newest first."""
        if not self.folder.is_dir():
            return []
        steps = [_step_in(path.name) for path in self.folder.iterdir()]
        return sorted((step for step in steps if step is not None), reverse=True)

    def load(self, which: str = "last") -> dict[str, Any] | None:
        """The state of the newest (or the best) checkpoint that is whole; None where there is none at all.

        Damaged ones are listed in ``damaged``. InputError if checkpoints exist and none of them is whole.
        """
        steps = self.steps()
        best = self.best_step()
        if which == "best" and best in steps:
            steps = [best, *(s for s in steps if s != best)]
        for step in steps:
            try:
                return self._read(self.folder / f"step-{step}")
            except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
                sentence = f"checkpoint step-{step} is damaged ({error}) and was passed over"
                if sentence not in self.damaged:
                    self.damaged.append(sentence)
        if steps:
            raise InputError(
                "GR-RUN-007",
                where=str(self.folder),
                wanted="one checkpoint that is whole",
                got="; ".join(self.damaged),
                remedy="Restore a checkpoint folder from a backup, or train again from the recipe.",
            )
        return None

    def best_step(self) -> int | None:
        """The step that the file ``best`` names."""
        path = self.folder / "best"
        return _step_in(path.read_text(errors="replace").strip()) if path.is_file() else None

    def mark_best(self, step: int) -> None:
        """Let ``best`` name a step, if it is kept: a kill may have come between checkpoint and pointer."""
        if step in self.steps() and step != self.best_step():
            write_bytes(self.folder / "best", f"step-{step}\n".encode())

    # -- writing (in the background) and reading ---------------------------------------------------------

    def _write(self, step: int, parts: dict[str, tuple[Any, dict[str, Tensor]]], best: bool) -> None:
        place, beside = self.folder / f"step-{step}", self.folder / f".step-{step}.part"
        try:
            with naming(place):
                for left in self.folder.glob(".step-*.part"):  # by a kill
                    shutil.rmtree(left, ignore_errors=True)
                beside.mkdir(parents=True)
                self._write_files(beside, step, parts)
                shutil.rmtree(place, ignore_errors=True)  # only ever a damaged one: a step is saved once
                beside.replace(place)
                sync_folder(self.folder)
            write_bytes(self.folder / "last", f"{place.name}\n".encode())
            if best:
                write_bytes(self.folder / "best", f"{place.name}\n".encode())
            self._prune()
        except BaseException as error:
            shutil.rmtree(beside, ignore_errors=True)
            self._failure = error

    def _write_files(self, folder: Path, step: int, parts: dict[str, tuple[Any, dict[str, Tensor]]]) -> None:
        hashes = {}
        for name, (_, tensors) in parts.items():
            if tensors:
                content = tensors_to_bytes(tensors)
                hashes[f"{name}.safetensors"] = sha256(content)
                _write_synced(folder / f"{name}.safetensors", content)
        plain = {name: rest for name, (rest, _) in parts.items()}
        body = json.dumps({"format": FORMAT, "step": step, "files": hashes, "parts": plain}, indent=1)
        sealed = {"sha256": sha256(body.encode()), "body": json.loads(body)}
        _write_synced(folder / "state.json", json.dumps(sealed, indent=1).encode())

    def _read(self, folder: Path) -> dict[str, Any]:
        sealed = json.loads((folder / "state.json").read_bytes())
        body = sealed["body"]
        if sha256(json.dumps(body, indent=1).encode()) != sealed["sha256"]:
            raise ValueError("state.json does not match its hash")
        if body["format"] != FORMAT:
            raise ValueError(f"its format is {body['format']}, this gradus reads {FORMAT}")
        tensors = {}
        for name, expected in body["files"].items():
            content = (folder / name).read_bytes()
            if sha256(content) != expected:
                raise ValueError(f"{name} does not match its hash")
            tensors[name.removesuffix(".safetensors")] = tensors_from_bytes(content)
        return {name: _join(rest, tensors.get(name, {})) for name, rest in body["parts"].items()}

    def _prune(self) -> None:
        best = self.best_step()
        for step in self.steps()[self.keep :]:
            if step != best:
                shutil.rmtree(self.folder / f"step-{step}", ignore_errors=True)


def _step_in(name: str) -> int | None:
    """The step that a name like ``step-30`` holds."""
    matched = re.fullmatch(r"step-([0-9]+)", name)
    return int(matched[1]) if matched else None


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _separate(state: Any) -> tuple[Any, dict[str, Tensor]]:
    """A nested state as plain JSON with marks, and copies of its tensors by dotted path; shared ones once."""
    tensors: dict[str, Tensor] = {}
    seen: dict[tuple[Any, ...], str] = {}

    def walk(value: Any, path: str) -> Any:
        if isinstance(value, Tensor):
            storage = (
                (value.data_ptr(), value.shape, value.stride(), value.dtype) if value.numel() else (path,)
            )
            if storage not in seen:
                assert path not in tensors, f"two tensors are called {path}"
                seen[storage] = path
                tensors[path] = torch.empty(value.shape, dtype=value.dtype).copy_(value.detach())
            return {TENSOR: seen[storage]}
        if isinstance(value, dict):
            assert all(isinstance(key, str) for key in value), (
                f"the keys of {path or 'a state'} must be strings"
            )
            return {key: walk(item, f"{path}.{key}" if path else key) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [walk(item, f"{path}.{place}") for place, item in enumerate(value)]
        return value

    return walk(state, ""), tensors


def _join(plain: Any, tensors: dict[str, Tensor]) -> Any:
    """What ``_separate`` took apart."""
    if isinstance(plain, dict):
        if plain.keys() == {TENSOR}:
            return tensors[plain[TENSOR]]
        return {key: _join(item, tensors) for key, item in plain.items()}
    return [_join(item, tensors) for item in plain] if isinstance(plain, list) else plain
