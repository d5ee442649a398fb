"""What can happen to a file of a run folder: damage, forgery, and changes that somebody may well have meant.

A mutation does the same to every copy of the run that it was drawn for.
"""

import copy
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes

from gradus.core.files import sha256

Demand = Literal["same", "step", "form"]
"""What is asked of a command that exits with 0, beyond its form. ``same``: the step and the scores of the
undamaged run. ``step``: its step, but other scores, for a setting or a whole checkpoint was changed with all
its hashes. ``form``: neither, for it was told to keep other weights. Where they differ it must say so."""

DEEP = 100_000
JUNK = {
    "list": "[]",
    "object": "{}",
    "null": "null",
    "text": '"x"',
    "number": "17",
    "negative": "-1",
    "fraction": "1.5",
    "true": "true",
    "huge": str(10**30),
    "digits": "9" * 5000,
    "nan": "NaN",
    "infinite": "-Infinity",
    "deep": "[" * DEEP + "]" * DEEP,
    "deep objects": '{"a":' * DEEP + "0" + "}" * DEEP,
}
UNSEALABLE = ("digits", "deep", "deep objects")  # what the standard library does not write
MARK = "@junk@"
SETTINGS = {  # each one that somebody may want
    "train.seed": (7,),
    "train.batch": (32, 7, "auto"),
    "train.precision": ("bf16", "auto"),
    "train.steps": (3, 12, 40),
    "train.rate": (0.5, "auto"),
    "train.device": ("cpu",),
    "train.micro_batches": (3,),
    "train.patience": (1,),
    "train.keep": ("best", "last"),
    "train.evaluate_every": (1,),
    "train.optim.algorithm": ("sgd",),
    "train.optim.ema": (0.9,),
    "train.optim.train_last": (1,),
    "train.warmup": (30,),
    "width": (16,),
    "noise": (0.5,),
}


@dataclass(frozen=True, slots=True)
class Mutation:
    """What is done to which file, and what may still be asked of the run."""

    kind: str
    where: str
    demand: Demand
    apply: Callable[[Path], object]


def draw(rng: random.Random, run: Path, *, foreign: Path) -> Mutation:
    """A mutation of ``run``; ``foreign`` is a folder with a job that nobody has named."""
    way = rng.choice((of_bytes, of_bytes, of_place, of_type, of_key, of_key, of_setting, of_seal, of_seal,
                      of_tensors, of_parts, of_folders, of_pointers))  # fmt: skip
    return of_setting(rng, run, foreign=foreign) if way is of_setting else way(rng, run)


# -- any file --------------------------------------------------------------------------------------------


def of_bytes(rng: random.Random, run: Path) -> Mutation:
    """Bytes flipped, put in, taken out, or cut off."""
    where = any_file(rng, run)
    content = bytearray((run / where).read_bytes())
    kind = rng.choice(("flip", "insert", "delete", "truncate", "empty", "double"))
    for _ in range(rng.choice((1, 1, 3))):
        at = rng.randrange(len(content) + 1)
        if kind == "flip" and at < len(content):
            content[at] ^= 1 << rng.randrange(8)
        elif kind == "insert":
            content[at:at] = rng.randbytes(rng.choice((1, 8)))
        elif kind == "delete":
            del content[at : at + rng.choice((1, 8))]
    content = {
        "truncate": content[: rng.randrange(len(content) + 1)],
        "empty": b"",
        "double": content * 2,
    }.get(kind, content)
    return written(f"bytes {kind}", where, bytes(content))


def of_place(rng: random.Random, run: Path) -> Mutation:
    """The file is not there, or something else is in its place."""
    where = any_file(rng, run)
    ways: dict[str, Callable[[Path], object]] = {
        "deleted": lambda path: None,
        "folder": lambda path: path.mkdir(),
        "fifo": os.mkfifo,
        "dangling link": lambda path: path.symlink_to("nowhere"),
        "link to itself": lambda path: path.symlink_to(path.name),
        "link to a folder": lambda path: path.symlink_to("."),
    }
    kind = rng.choice(list(ways))

    def apply(folder: Path) -> None:
        (folder / where).unlink()
        ways[kind](folder / where)

    return Mutation(f"place {kind}", where, demanded(where), apply)


def of_type(rng: random.Random, run: Path) -> Mutation:
    """The whole file is another value, or no text at all."""
    where = any_file(rng, run, binary=False)
    content = (run / where).read_bytes()
    others = {
        "no utf-8": b"\xff\xfe" + content,
        "utf-16": content.decode().encode("utf-16"),
        "byte order mark": b"\xef\xbb\xbf" + content,
        "zeros": bytes(len(content)),
    }
    kind = rng.choice([*JUNK, *others])
    return written(f"type {kind}", where, others[kind] if kind in others else JUNK[kind].encode())


def any_file(rng: random.Random, run: Path, *, binary: bool = True) -> str:
    """A file of the run, each kind of file as likely as another."""
    groups: dict[str, list[str]] = {}
    for path in sorted(path for path in run.rglob("*") if path.is_file()):
        if binary or path.suffix != ".safetensors":
            kind = "figure" if path.parent.name == "figures" else path.name
            groups.setdefault(kind, []).append(str(path.relative_to(run)))
    return rng.choice(groups[rng.choice(sorted(groups))])


def written(kind: str, where: str, content: bytes) -> Mutation:
    """The mutation that writes other content into a file."""
    return Mutation(kind, where, demanded(where), lambda folder: (folder / where).write_bytes(content))


def demanded(where: str) -> Demand:
    """A config and a plan hold what may be changed on purpose; nothing else that is read does."""
    return "step" if where in ("config.json", "plan.json") else "same"


# -- inside JSON -----------------------------------------------------------------------------------------


def of_key(rng: random.Random, run: Path) -> Mutation:
    """One key at any depth is left out, called otherwise, or holds something else; hashes stay."""
    where = rng.choice(
        ("config.json", "plan.json", "env.json", "metrics.json", "journal.jsonl", "state.json")
    )
    if where == "state.json" or not (run / where).is_file():
        where = f"{a_checkpoint(rng, run)}/state.json"
    lines = (run / where).read_text().split("\n") if where == "journal.jsonl" else [(run / where).read_text()]
    at = rng.randrange(len(lines) - 1) if len(lines) > 1 else 0
    value = json.loads(lines[at])
    kind, junk, changed, path = altered(rng, value, junk=list(JUNK), spare=where == "config.json")
    lines[at] = json.dumps(changed, indent=None if len(lines) > 1 else 2).replace(f'"{MARK}"', junk)
    named, text = f"{where} {'.'.join(map(str, path))}", "\n".join(lines)
    return Mutation(f"key {kind}", named, demanded(where), lambda run: (run / where).write_text(text))


def altered(
    rng: random.Random, value: Any, *, junk: list[str], spare: bool = False
) -> tuple[str, str, Any, tuple[Any, ...]]:
    """A change somewhere in a JSON value: (kind, the text that stands at the mark, value, path).

    ``spare`` keeps whole numbers from growing: a run of 10^30 steps is what was asked for.
    """
    changed = copy.deepcopy(value)
    path = rng.choice(list(paths(value)))
    inner = changed
    for name in path[:-1]:
        inner = inner[name]
    kind = rng.choice(("drop", "rename", "retype", "retype")) if isinstance(path[-1], str) else "retype"
    if kind == "drop":
        del inner[path[-1]]
        return kind, "", changed, path
    if kind == "rename":
        inner[f"{path[-1]}x"] = inner.pop(path[-1])
        return kind, "", changed, path
    is_whole = isinstance(inner[path[-1]], int) and spare
    name = rng.choice([name for name in junk if not (is_whole and name in ("huge", "digits"))])
    inner[path[-1]] = MARK
    return f"retype {name}", JUNK[name], changed, path


def paths(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where there is anything in a JSON value, at any depth."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in inner:
        yield (*above, name)
        yield from paths(item, (*above, name))


def of_setting(rng: random.Random, run: Path, *, foreign: Path) -> Mutation:
    """A setting is another one of its kind, or the job is one that a stranger wrote."""
    content = json.loads((run / "config.json").read_text())
    names = [name for name in SETTINGS if name.split(".")[0] in content["config"]]
    name = rng.choice([*names, "job", "recipe"])
    if name == "job":
        value = rng.choice(
            (str(foreign), f"{foreign.parent.name}.{foreign.name}", "os.path", "speech", "json")
        )
        content["job"] = value
    elif name == "recipe":
        value = content["recipe"] = rng.choice(("folder", "nothing", ""))
    else:
        value = rng.choice(SETTINGS[name])
        inner = content["config"]
        for part in name.split(".")[:-1]:
            inner = inner[part]
        inner[name.split(".")[-1]] = value
    demand: Demand = "form" if name == "train.keep" else "step"
    text = json.dumps(content, indent=2)
    kind = f"setting {name if name in ('job', 'recipe') else 'config'}"
    return Mutation(
        kind, f"config.json {name} = {value!r}", demand, lambda run: (run / "config.json").write_text(text)
    )


# -- checkpoints with every hash in order ----------------------------------------------------------------


def steps_of(run: Path) -> list[int]:
    """The steps that have a checkpoint, in order."""
    return sorted(int(path.name.removeprefix("step-")) for path in (run / "checkpoints").glob("step-*"))


def a_checkpoint(rng: random.Random, run: Path) -> str:
    """A checkpoint, the best and the newest more often than another."""
    steps = steps_of(run)
    best = int((run / "checkpoints" / "best").read_text().removeprefix("step-"))
    return f"checkpoints/step-{rng.choice((best, steps[-1], rng.choice(steps)))}"


def sealed(body: Any) -> bytes:
    """A ``state.json`` that matches its hash, as gradus/engine/checkpoint.py writes it."""
    digest = sha256(json.dumps(body, indent=1).encode())
    return json.dumps({"sha256": digest, "body": body}, indent=1).encode()


def of_seal(rng: random.Random, run: Path) -> Mutation:
    """Something in a state is left out or is something else, and the state is sealed again."""
    place = a_checkpoint(rng, run)
    content = (run / place / "state.json").read_bytes()
    body = json.loads(content)["body"]
    assert sealed(body) == content, "checkpoints are sealed otherwise now: let this module do it alike"
    top = rng.choice(("body", "run", "loop", *body["parts"]))  # most leaves are names of tensors
    value = {name: item for name, item in body.items() if name != "parts"} if top == "body" else body["parts"]
    value = value if top == "body" else value[top]
    kind, junk, changed, path = altered(rng, value, junk=[name for name in JUNK if name not in UNSEALABLE])
    changed = json.loads(json.dumps(changed).replace(f'"{MARK}"', junk or "0"))
    if top == "body":
        body = changed | {"parts": body["parts"]}
    else:
        body["parts"][top] = changed
    named = f"{place}/state.json {top} {'.'.join(map(str, path))}"
    text = sealed(body)
    return Mutation(
        f"sealed {kind}", named, "step", lambda run: (run / place / "state.json").write_bytes(text)
    )


def of_tensors(rng: random.Random, run: Path) -> Mutation:
    """Tensors of a part are others, or none, and their hash is that of what is there."""
    place = a_checkpoint(rng, run)
    body = json.loads((run / place / "state.json").read_bytes())["body"]
    file = rng.choice(sorted(body["files"]))
    tensors = tensors_from_bytes((run / place / file).read_bytes())
    name = rng.choice(sorted(tensors))
    tensor = tensors.pop(name)
    ways: dict[str, Callable[[], dict[str, torch.Tensor]]] = {
        "missing": dict,
        "renamed": lambda: {f"{name}x": tensor},
        "extra": lambda: {name: tensor, "extra": torch.zeros(3)},
        "longer": lambda: {name: torch.cat([tensor.reshape(-1), tensor.reshape(-1)])},
        "empty": lambda: {name: tensor[:0] if tensor.dim() else torch.zeros(0)},
        "another dimension": lambda: {name: tensor[None].clone()},
        "double": lambda: {name: tensor.double()},
        "half": lambda: {name: tensor.half()},
        "whole numbers": lambda: {name: torch.nan_to_num(tensor.float()).long()},
        "booleans": lambda: {name: tensor.bool()},
        "not a number": lambda: {name: torch.full(tensor.shape, float("nan"))},
        "infinite": lambda: {name: torch.full(tensor.shape, float("inf"))},
        "zeros": lambda: {name: torch.zeros_like(tensor)},
    }
    kind = rng.choice([*ways, "no tensors", "no safetensors", "header too long"])
    others = {"no tensors": tensors_to_bytes({}), "no safetensors": b"x" * 99, "header too long": b"\xff" * 8}
    content = others[kind] if kind in others else tensors_to_bytes(tensors | ways[kind]())
    body["files"][file] = sha256(content)
    text = sealed(body)

    def apply(folder: Path) -> None:
        (folder / place / file).write_bytes(content)
        (folder / place / "state.json").write_bytes(text)

    return Mutation(f"tensors {kind}", f"{place}/{file} {name}", "step", apply)


def of_parts(rng: random.Random, run: Path) -> Mutation:
    """A part is missing, added or another one's, or its file is named so that it lies elsewhere."""
    place = a_checkpoint(rng, run)
    body = json.loads((run / place / "state.json").read_bytes())["body"]
    parts, files = body["parts"], body["files"]
    part = rng.choice(sorted(parts))
    file = f"{part}.safetensors"
    kind = rng.choice(
        ("missing", "extra", "swapped", "file missing", "file elsewhere", "hash", "another step")
    )
    if kind == "missing":
        del parts[part]
        files.pop(file, None)
    elif kind == "extra":
        parts["extra"] = {"a": rng.choice((1, None, {"$tensor": "a"}))}
    elif kind == "swapped":
        other = rng.choice(sorted(parts))
        parts[part], parts[other] = parts[other], parts[part]
    elif kind == "file missing":
        files.pop(file, None)
    elif kind == "file elsewhere":
        files.pop(file, None)
        files[rng.choice(("../../config.json", "/dev/zero", "/dev/stdin", "no.safetensors", "", "."))] = (
            "0" * 64
        )
    elif kind == "hash" and files:
        files[rng.choice(sorted(files))] = rng.choice((None, 1, "", [], "0" * 64))
    else:
        body["step"] = rng.choice((0, -1, body["step"] + 1, str(body["step"]), None))
    text = sealed(body)
    named = f"{place}/state.json {part}"
    return Mutation(
        f"parts {kind}", named, "step", lambda run: (run / place / "state.json").write_bytes(text)
    )


# -- folders and pointers --------------------------------------------------------------------------------


def of_folders(rng: random.Random, run: Path) -> Mutation:
    """A checkpoint is copied, called otherwise or gone, or something that is none lies beside it."""
    steps = steps_of(run)
    step, other = rng.sample(steps, 2)
    strays = ("stray file", "stray folder", "stray link")
    kind = rng.choice(("copied", "copied over", "renamed", "deleted", "all deleted", *strays))
    name = rng.choice(("step-999", "step-1", f"step-0{step}", f"step-{10**30}", "step-0"))

    def apply(folder: Path) -> None:
        place = folder / "checkpoints"
        if kind == "copied":
            shutil.copytree(place / f"step-{step}", place / name, dirs_exist_ok=True)
        elif kind == "copied over":
            shutil.copytree(place / f"step-{step}", place / f"step-{other}", dirs_exist_ok=True)
        elif kind == "renamed":
            shutil.rmtree(place / name, ignore_errors=True)
            (place / f"step-{step}").rename(place / name)
        elif kind == "deleted":
            shutil.rmtree(place / f"step-{step}")
        elif kind == "all deleted":
            shutil.rmtree(place)
        elif kind == "stray file":
            (place / "step-500").write_text("mine")
        elif kind == "stray folder":
            (place / "step-500").mkdir()
        else:
            (place / "step-500").symlink_to("step-500")

    named = {"copied": f"step-{step} to {name}", "renamed": f"step-{step} to {name}"}
    named |= {"copied over": f"step-{step} over step-{other}", "deleted": f"step-{step}"}
    return Mutation(f"folders {kind}", named.get(kind, "checkpoints"), "same", apply)


def of_pointers(rng: random.Random, run: Path) -> Mutation:
    """``best`` or ``last`` names another checkpoint, or none."""
    where = rng.choice([name for name in ("best", "last") if (run / "checkpoints" / name).is_file()])
    steps = steps_of(run)
    names = ("", "-", f"-{10**30}", "-" + "9" * 5000, "--1", "-999", f"-{steps[0]}", f"-{steps[-1]}")
    said = rng.choice((*(f"step{name}\n" for name in names), "", "\n", "\0", "../step-0", "x" * 10**6))
    named = f"checkpoints/{where} = {said[:20]!r}"
    return Mutation(
        f"pointers {where}", named, "same", lambda run: (run / "checkpoints" / where).write_text(said)
    )
