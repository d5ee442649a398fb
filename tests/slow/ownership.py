"""Trains and resumes among files of somebody else's while things go wrong: those files stay as they are.

``python -m tests.slow.ownership ROUNDS [SEED [FIRST]]``. A round plants a tree of files in a work folder,
often under names that gradus uses too; trains into a folder that is absent, empty or taken; lets data be bad
or missing, a disk fill up, writes be refused or a signal come at a random moment; resumes in the same way;
and at last lets it work undisturbed. It prints each round in which a file was lost or changed, something was
left outside the run, a run was left that cannot be gone on with, or a command ended otherwise than it must.
"""

import errno
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

from tests.slow import forked
from tests.slow.trees import Tree, differences, tree

NAMES = (
    *("checkpoints/notes.txt", "checkpoints/step-5/x.safetensors", "checkpoints/step-5/state.json"),
    *("checkpoints/.step-3.part/half", "checkpoints/best", "checkpoints/last", "checkpoints/mine/model.bin"),
    *("plan.json", "env.json", "journal.jsonl", "config.json", "metrics.json", "report.html", ".lock"),
    *(".plan.json.part", ".metrics.json.part", "figures/mine.png", "figures/calibration.svg", "runs/old.txt"),
    *("data.csv", "a/b/c.txt", "with space.txt", "\u00fc.txt", ".hidden", "empty/", "checkpoints/", "link@"),
)
BESIDES = ("notes.md", "figures/mine.png", "checkpoints/mine/model.safetensors", "checkpoints/step-5-mine/x")
BEGINS = ("absent", "absent", "absent", "deep", "empty", "among")
REFUSED = ("taken", "taken", "taken", "file", "dangling link", "here", "link to a folder")
SIGNALS = {"killed": signal.SIGKILL, "interrupted": signal.SIGINT, "terminated": signal.SIGTERM}
ASKED = ("interrupted", "terminated")  # to end; others are ended
STATUSES = {
    "killed": (-signal.SIGKILL, 0),  # it may come too late
    "none": (0,),
    "full disk": (0, 1),
    "refused writes": (0, 1),
    "hopeless": (1, 2),
}
STEPS = 60


@dataclass(frozen=True, slots=True)
class Task:
    """What is trained: a target with its settings, and settings or data with which that cannot be."""

    target: str
    settings: tuple[str, ...]
    hopeless: tuple[tuple[str, ...], ...]


SMALL = ("--train_points", "128", "--test_points", "64", "--width", "8")
TOO_LARGE = ("--train.batch", "100000")
TEXTS = ("--model.width", "8")
TASKS = {
    "tiny": Task(
        "./tiny",
        (*SMALL, "--train.steps", str(STEPS), "--train.evaluate-every", "3"),
        (TOO_LARGE, ("--train.rate", "-1"), ("--no-such-setting", "1")),
    ),
    "texts": Task(
        "sentiment/folder",
        ("--data", "texts.csv", "--train.steps", str(STEPS), "--train.evaluate-every", "15"),
        (
            TOO_LARGE,
            ("--data", "nowhere.csv"),
            ("--data", "one class.csv"),
            ("--data", "garbage.csv"),
            ("--data", "nothing.csv"),
            ("--data.validation", "0"),
        ),
    ),
    "pictures": Task(
        "image_classification/smoke",
        ("--train.steps", "6", "--train.evaluate-every", "1"),
        (TOO_LARGE, ("--data", "nowhere")),
    ),
}


# -- what goes wrong -------------------------------------------------------------------------------------


def refuse_writes(folder: Path, after: int, number: int, *, once: bool) -> None:
    """Let the system refuse to make, open for writing or rename anything in a folder, from some point on."""
    counted = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal counted
        if event not in ("open", "os.mkdir", "os.rename") or not isinstance(arguments[0], str):
            return
        if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR):
            return
        if folder not in Path(arguments[0]).absolute().parents and folder != Path(arguments[0]).absolute():
            return
        counted += 1
        if counted == after or (counted > after and not once):
            raise OSError(number, os.strerror(number), arguments[0])

    sys.addaudithook(hook)


@cache
def can_mount() -> bool:
    """Whether a disk of a few kilobytes can be had here."""
    with forked.work_folder() as place:
        made = os.geteuid() == 0 and mount(place, "size=64k")
        if made:
            unmount(place)
        return made


def mount(place: Path, options: str) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def unmount(place: Path) -> None:
    subprocess.run(["umount", str(place)], check=True)


@contextmanager
def small_disk(place: Path, *, wanted: bool) -> Iterator[None]:
    """Let a folder be a disk of its own, whose size can be set, if that is wanted."""
    if wanted:
        assert mount(place, "size=64m")
    try:
        yield
    finally:
        if wanted:
            unmount(place)


def resize(place: Path, free_bytes: int) -> None:
    """Leave so much free on a small disk."""
    said = os.statvfs(place)
    used = (said.f_blocks - said.f_bfree) * said.f_frsize
    assert mount(place, f"remount,size={used + free_bytes}")


# -- a round ---------------------------------------------------------------------------------------------


def plant(rng: random.Random, folder: Path, count: int) -> None:
    """Files, folders and links of somebody's, some of them under names that gradus uses."""
    for name in rng.sample(NAMES, count):
        path = folder / name.rstrip("/@")
        if path.exists() or any(above.is_file() for above in path.parents):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir()
        elif name.endswith("@"):
            path.symlink_to(rng.choice(("nowhere", ".", "data.csv")))
        else:
            path.write_bytes(rng.randbytes(rng.choice((0, 10, 5000))))


def data(folder: Path) -> None:
    """Texts that can be learnt, and some that cannot."""
    lines = [f"{'good' if i % 2 else 'bad'} film number {i},{'yes' if i % 2 else 'no'}" for i in range(80)]
    (folder / "texts.csv").write_text("text,label\n" + "\n".join(lines) + "\n")
    (folder / "one class.csv").write_text("text,label\na film,yes\nanother film,yes\n")
    (folder / "garbage.csv").write_bytes(b"\xff\xfe\x00garbage" * 50)
    (folder / "nothing.csv").write_text("")


@dataclass(slots=True)
class Round:
    """A work folder, the run in it, and what is not gradus' there."""

    place: Path
    rng: random.Random
    task: Task
    out: Path
    mine: Tree = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def steps(self) -> list[int]:
        """The steps that have a checkpoint in the run, in order."""
        names = [path.name for path in (self.out / "checkpoints").glob("step-*")]
        return sorted(int(name.removeprefix("step-")) for name in names if re.fullmatch("step-[0-9]+", name))

    def add(self) -> None:
        """Let the user lay files of their own into the run."""
        for name in self.rng.sample(BESIDES, 2):
            path = self.out / name
            if path.parent.exists() or self.rng.random() < 0.5:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(self.rng.randbytes(20))
                for made in (path, path.parent):
                    relative = str(made.relative_to(self.place))
                    if made != self.out and made.name != "checkpoints":
                        self.mine[relative] = tree(self.place)[relative]

    def command(self, fault: str, given: list[str]) -> forked.Ended:
        """A command to which something happens, and a look at what it left."""
        verb = given[0]
        before = tree(self.place)
        hook: Callable[[], object] = bool
        if fault == "full disk":
            resize(
                self.place,
                self.rng.choice((0, 4096, self.rng.randrange(40_000), self.rng.randrange(200_000))),
            )
        if fault == "refused writes":
            number = self.rng.choice((errno.ENOSPC, errno.EACCES, errno.EIO, errno.EROFS))
            after = self.rng.choice((self.rng.randrange(1, 12), self.rng.randrange(1, 120)))
            hook = partial(refuse_writes, self.out, after, number, once=self.rng.random() < 0.3)
        command = forked.Command(given, place=self.place, before=hook)
        if fault in SIGNALS:
            if self.rng.random() < 0.6:
                command.says("training from step")
                time.sleep(self.rng.uniform(0, 0.15))
            else:
                time.sleep(self.rng.uniform(0.002, 0.25))
            command.send(SIGNALS[fault])
        ended = command.end()
        if fault == "full disk":
            resize(self.place, 2**26)
        said = f"{verb}, {fault}"
        self.wrong += [f"{said}: {line}" for line in self.faults(verb, fault, ended, before)]
        self.wrong += [f"{said}: {line}" for line in self.unsaved(ended)] if fault in ASKED else []
        return ended

    def faults(self, verb: str, fault: str, ended: forked.Ended, before: Tree) -> Iterator[str]:
        """What a command did that it must not."""
        after = tree(self.place)
        if (broken := ended.fault()) and fault != "killed":
            yield broken
        if fault not in ASKED and ended.status not in STATUSES[fault]:
            yield f"exit {ended.status} {forked.code_of(ended.err)}"
        for line in differences(self.mine, {path: after[path] for path in self.mine if path in after}):
            yield f"a file of the user's: {line}"
        own = str(self.out.relative_to(self.place))
        for path in after.keys() - before.keys():
            if not f"{path}/".startswith(f"{own}/") and not f"{own}/".startswith(f"{path}/"):
                yield f"outside of the run: {path} new"
        if verb == "train" and ended.status in (1, 2) and not any(self.steps()):
            for line in differences(before, after)[:1]:
                yield f"failed before its first step, and {line}"

    def unsaved(self, ended: forked.Ended) -> Iterator[str]:
        """What a signal that asks to end cost: no more than the step that it fell into."""
        came = re.search("^training from step ([0-9]+) to ([0-9]+)", ended.out, re.MULTILINE)
        training = came and "trained to step" not in ended.out.partition("\non the test split")[0]
        allowed = (0, 130, 143) if came and "on the test split" not in ended.out else (0, 130, 143, -15)
        if ended.status not in allowed:
            yield f"exit {ended.status}"
        if came and training and ended.status != 0 and self.steps()[-1:] <= [int(came[1])]:
            yield f"nothing was saved beyond step {came[1]}"
        rows = journal(self.out)
        reached = max((row["step"] for row in rows), default=0)
        if ended.status in (130, 143) and came and reached > max(self.steps(), default=0):
            yield f"at step {reached}, saved at {max(self.steps(), default=0)}"

    def go_on(self) -> list[str]:
        """The command that trains what is there to its end."""
        if (self.out / "config.json").is_file():
            return forked.opening("resume", str(self.out), job=self.job())
        return ["train", self.task.target, "--out", str(self.out), *self.task.settings]

    def job(self) -> str:
        """The reference that opens the run."""
        target = self.task.target
        return str(self.place / "tiny") if target.startswith(".") else target.partition("/")[0]


def journal(run: Path) -> list[dict[str, Any]]:
    """The lines of a journal that are whole."""
    path = run / "journal.jsonl"
    lines = path.read_text().split("\n") if path.is_file() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def play(place: Path, rng: random.Random, task: Task, wanted: dict[str, Any]) -> tuple[str, list[str]]:
    """A round: (what kind, what is wrong)."""
    plant(rng, place, rng.randrange(2, 10))
    begins = rng.random() < 2 / 3
    kind = rng.choice(BEGINS if begins else REFUSED)
    out = {
        "deep": place / "a" / "new" / "run",
        "among": place / "thesis" / "run",
        "here": place,
    }.get(kind, place / "run")
    if kind == "among":
        plant(rng, out.parent, 4)
    elif kind == "empty":
        out.mkdir()
    elif kind == "taken":
        out.mkdir()
        while not any(out.iterdir()):
            plant(rng, out, rng.choice((1, 1, 3, 6)))
    elif kind == "file":
        out.write_text("mine")
    elif kind == "dangling link":
        out.symlink_to("nowhere")
    elif kind == "link to a folder":
        (place / "elsewhere").mkdir()
        (place / "elsewhere" / "mine.txt").write_text("mine")
        out.symlink_to("elsewhere")
    if out.parent.is_file() or out.parent.parent.is_file():
        return kind, []
    data(place)
    (place / "tiny").symlink_to(place.parent / "tiny")
    scene = Round(place, rng, task, out, mine=tree(place))
    if not begins:
        refused(scene, kind)
    else:
        began(scene, wanted)
    return kind, scene.wrong


def refused(scene: Round, kind: str) -> None:
    """A folder that is somebody else's: nothing is begun there, and nothing touched."""
    before = tree(scene.place)
    ended = forked.run(scene.go_on() if scene.out == scene.place else
                       ["train", scene.task.target, "--out", str(scene.out), *scene.task.settings],
                       place=scene.place)  # fmt: skip
    code, planted = forked.code_of(ended.err), scene.out / "config.json"
    looks_like_a_run = planted.exists() or (scene.out / "checkpoints").exists()
    allowed = {"GR-RUN-018", "GR-RUN-009"} if looks_like_a_run else {"GR-RUN-018"}
    if fault := ended.fault():
        scene.wrong.append(f"train, {fault}")
    if kind in ("file", "dangling link"):
        if ended.status not in (1, 2):
            scene.wrong.append(f"train, exit {ended.status} {code}")
    elif ended.status != 2 or code not in allowed:
        scene.wrong.append(f"train, exit {ended.status} {code}")
    scene.wrong += [
        f"train, a file of the user's: {line}" for line in differences(before, tree(scene.place))[:3]
    ]


def began(scene: Round, wanted: dict[str, Any]) -> None:
    """A run that is begun, disturbed, gone on with, and at last let alone."""
    rng = scene.rng
    faults = [
        *SIGNALS,
        *SIGNALS,
        "refused writes",
        "none",
        *(["full disk"] if os.path.ismount(scene.place) else []),
    ]
    if rng.random() < 0.35:
        settings = rng.choice(scene.task.hopeless)
        given = ["train", scene.task.target, "--out", str(scene.out), *scene.task.settings]
        scene.command("hopeless", overridden(given, settings))
    for _ in range(rng.randrange(1, 4)):
        fault = "full disk" if os.path.ismount(scene.place) and rng.random() < 0.7 else rng.choice(faults)
        scene.command(fault, scene.go_on())
        if any(scene.steps()) and rng.random() < 0.4:
            scene.add()
    ended = scene.command("none", scene.go_on())
    if ended.status != 0:
        left = sorted(path.name for path in scene.out.iterdir()) if scene.out.is_dir() else []
        scene.wrong.append(f"stuck with {left}: {ended.err[:300]}")
        return
    result = json.loads((scene.out / "metrics.json").read_bytes())
    if {name: result[name] for name in wanted} != wanted:
        scene.wrong.append("at the end: other scores than those of a run that was let alone")
    for path in tree(scene.out):
        if path.endswith(".part") and str((scene.out / path).relative_to(scene.place)) not in scene.mine:
            scene.wrong.append(f"at the end: {path} is left")


def overridden(given: list[str], settings: tuple[str, ...]) -> list[str]:
    """A command with a setting replaced or added."""
    name, value = settings
    if name in given:
        at = given.index(name)
        return [*given[:at], *settings, *given[at + 2 :]]
    return [*given, name, value]


def main(rounds: int, seed: int = 0, first: int = 0) -> int:
    """Rounds; exit status 1 where anything was wrong in one."""
    forked.warm()
    kinds: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    with forked.work_folder() as place:
        assert forked.run(["new", "job", "tiny"], place=place).status == 0
        data(place)
        results: dict[str, dict[str, Any]] = {}
        for number in range(first, first + rounds):
            rng = random.Random(f"{seed}/{number}")
            name = rng.choices(list(TASKS), (30, 3, 1))[0]
            if name not in results:
                given = ["train", TASKS[name].target, "--out", name, *TASKS[name].settings]
                ended = forked.run(given, place=place)
                assert ended.status == 0, ended
                result = json.loads((place / name / "metrics.json").read_bytes())
                results[name] = {key: result[key] for key in ("metrics", "baseline_metrics", "steps")}
            here = place / str(number)
            here.mkdir()
            with small_disk(here, wanted=rng.random() < 0.25 and can_mount()):
                kind, said = play(here, rng, TASKS[name], results[name])
            shutil.rmtree(here)
            kinds[kind] += 1
            wrong[kind] += bool(said)
            for line in said:
                print(f"seed {seed} number {number}: {name}, {kind}: {line}", flush=True)
    for kind in sorted(kinds):
        print(f"{kind}: {kinds[kind]}, {wrong[kind]} wrong")
    print(f"{rounds} rounds, {sum(wrong.values())} wrong (seed {seed})")
    return 1 if any(wrong.values()) else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
