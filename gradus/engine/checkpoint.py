"""Checkpoints: safetensors and JSON, whole or absent, verified by hash when they are read.

Layout: ``checkpoints/step-N/<part>.safetensors`` and ``state.json``, and the files ``last`` and ``best``
that name a folder. A background thread writes a copy of the state, so training goes on meanwhile.
"""

import json
import os
import re
import shutil
import threading
from itertools import chain, count
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor

from gradus.core.errors import InputError
from gradus.core.files import naming, part_of, read_regular, sha256, sync_folder, write_bytes

FORMAT = 1
TENSOR = "$tensor"
POINTERS = ("last", "best")
DAMAGE = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, SafetensorError)


class Checkpoints:
    """The checkpoints of one run. It keeps the newest ones and the best; a damaged one is passed over."""

    def __init__(self, folder: Path, *, keep: int = 2) -> None:
        self.folder, self.keep = folder, keep
        self.damaged: list[str] = []
        self._written = threading.Event()
        self._written.set()
        self._failure: BaseException | None = None

    def save(self, step: int, state: dict[str, Any], *, best: bool = False) -> None:
        """Copy ``state`` (by part) and write it in the background; raise what went wrong last time."""
        self.wait()
        parts = {name: _separate(value) for name, value in state.items()}
        self._written.clear()
        writer = threading.Thread(target=self._write, args=(step, parts, best), name="gradus-checkpoint")
        try:
            writer.start()
        except BaseException:  # Ctrl-C, or no room for a thread
            if not writer.is_alive():
                self._written.set()
            raise

    def wait(self) -> None:
        """Return when the last save is on disk; raise what went wrong with it."""
        self._written.wait()  # a join that Ctrl-C interrupts takes the thread for one that has ended
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

        Those that are damaged or missing, of which it stands in the place, are listed in ``damaged``.
        InputError if checkpoints exist and none of them is whole.
        """
        steps = self.steps()
        last = self.named("last")
        if last is not None and last > max(steps, default=-1):
            self._tell(f"checkpoint step-{last}, the last one, is missing")
        best = self._best_of(steps) if which == "best" else None
        if best is not None and best not in steps:
            self._tell(f"checkpoint step-{best}, the best one, is missing")
        for step in steps if best not in steps else [best, *(s for s in steps if s != best)]:
            try:
                return self._read(self.folder / f"step-{step}")
            except DAMAGE as error:
                self._tell(f"checkpoint step-{step} is damaged ({_shortly(error)})")
        if steps:
            raise InputError(
                "GR-RUN-007",
                where=str(self.folder),
                wanted="one checkpoint that is whole",
                got="; ".join(self.damaged),
                remedy="Restore a checkpoint folder from a backup, or train again from the recipe.",
            )
        return None

    def _tell(self, sentence: str) -> None:
        if sentence not in self.damaged:
            self.damaged.append(sentence)

    def _best_of(self, steps: list[int]) -> int | None:
        """The best step, as the newest state knows it: a kill may have come before its file was written."""
        for step in steps:
            try:
                loop = self._body(self.folder / f"step-{step}")["parts"].get("loop")
            except DAMAGE as error:
                self._tell(f"checkpoint step-{step} is damaged ({_shortly(error)})")
                continue
            if isinstance(loop, dict) and isinstance(best := loop.get("best"), dict):
                known = best.get("step") if best.get("value") is not None else None
                return known if isinstance(known, int) else None
            break
        return self.named("best")

    def named(self, pointer: str) -> int | None:
        """The step that the file ``last`` or ``best`` names."""
        try:
            return _step_in(read_regular(self.folder / pointer).decode(errors="replace").strip())
        except OSError:
            return None

    def _point(self, pointer: str, step: int) -> None:
        if step != self.named(pointer):
            write_bytes(self.folder / pointer, f"step-{step}\n".encode())

    def mark(self, *, last: int, best: int | None) -> None:
        """Let ``last`` and ``best`` name these steps, if they are kept, as a kill may have prevented."""
        for pointer, step in (("last", last), ("best", best)):
            if step in self.steps() and step is not None:
                self._point(pointer, step)
        self._prune(last)

    def tidy(self) -> None:
        """Remove what a kill left half written."""
        for pointer in POINTERS:
            part_of(self.folder / pointer).unlink(missing_ok=True)
        for left in self.folder.glob(".step-*.part"):
            shutil.rmtree(left, ignore_errors=True)

    def forget(self) -> None:
        """Take away what a run has made before its first step."""
        self.wait()
        self.tidy()
        for pointer in POINTERS:
            (self.folder / pointer).unlink(missing_ok=True)
        shutil.rmtree(self.folder / "step-0", ignore_errors=True)
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()

    # -- writing (in the background) and reading ---------------------------------------------------------

    def _write(self, step: int, parts: dict[str, tuple[Any, dict[str, Tensor]]], best: bool) -> None:
        place, beside = self.folder / f"step-{step}", self.folder / f".step-{step}.part"
        try:
            with naming(place):
                self.tidy()
                beside.mkdir(parents=True)
                self._write_files(beside, step, parts)
                if os.path.lexists(
                    place
                ):  # a damaged one, for a step is saved once: it is not ours to remove
                    place.replace(_free(self.folder / f"damaged-{place.name}"))
                beside.replace(place)
                sync_folder(self.folder)
            self._point("last", step)
            if best:
                self._point("best", step)
            self._prune(step)
        except BaseException as error:
            shutil.rmtree(beside, ignore_errors=True)
            self._failure = error
        finally:
            self._written.set()

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

    def _body(self, folder: Path) -> dict[str, Any]:
        """What a checkpoint's ``state.json`` holds; one of ``DAMAGE`` where it is not what was written."""
        sealed = json.loads(read_regular(folder / "state.json"))
        body: dict[str, Any] = sealed["body"]
        if sha256(json.dumps(body, indent=1).encode()) != sealed["sha256"]:
            raise ValueError("state.json does not match its hash")
        if body["format"] != FORMAT:
            raise ValueError(f"its format is {body['format']}, this gradus reads {FORMAT}")
        if body["step"] != _step_in(folder.name):
            raise ValueError(f"it holds step {body['step']}, under another name")
        return body

    def _read(self, folder: Path) -> dict[str, Any]:
        body = self._body(folder)
        tensors = {}
        for name, expected in body["files"].items():
            if Path(name).name != name:
                raise ValueError(f"{name} leads out of its folder")
            content = read_regular(folder / name)
            if sha256(content) != expected:
                raise ValueError(f"{name} does not match its hash")
            tensors[name.removesuffix(".safetensors")] = tensors_from_bytes(content)
        return {name: _join(rest, tensors.get(name, {})) for name, rest in body["parts"].items()}

    def _prune(self, step: int) -> None:
        """Remove all but the newest up to ``step`` and the best; later ones are no part of this run's way."""
        best = self.named("best")
        for old in [one for one in self.steps() if one <= step][self.keep :]:
            if old != best:
                shutil.rmtree(self.folder / f"step-{old}", ignore_errors=True)


def _free(path: Path) -> Path:
    """A name that nothing has yet: ``path``, or the same with a number."""
    numbered = (path.with_name(f"{path.name}-{number}") for number in count(2))
    return next(one for one in chain([path], numbered) if not os.path.lexists(one))


def _shortly(error: BaseException) -> str:
    """What an error says, on a line."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def _step_in(name: str) -> int | None:
    """The step that a name like ``step-30`` holds."""
    matched = re.fullmatch(r"step-(0|[1-9][0-9]{0,17})", name)
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
