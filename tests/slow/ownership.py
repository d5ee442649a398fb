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

from gradus.engine.journal import read_journal
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

Ask = Callable[[list[str], Path], forked.Ended]  # how a command is run in a folder


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


def at_write(folder: Path, count: int, happens: Callable[[str], None], *, once: bool = True) -> None:
    """Let something happen when this process has made, opened for writing or renamed so many things there.

    It happens at each one after that, too, if not ``once``.
    """
    counted = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal counted
        if event not in ("open", "os.mkdir", "os.rename") or not isinstance(arguments[0], str):
            return
        if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR):
            return
        path = Path(arguments[0]).absolute()
        if path != folder and folder not in path.parents:
            return
        counted += 1
        if counted == count or (counted > count and not once):
            happens(arguments[0])

    sys.addaudithook(hook)


def refuse(number: int, path: str) -> None:
    """As the system refuses."""
    raise OSError(number, os.strerror(number), path)


def send(number: signal.Signals, path: str) -> None:
    """A signal to this very process."""
    os.kill(os.getpid(), number)


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
    mine: Tree
    ask: Ask = forked.run
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
        before = tree(self.place)
        undisturbed = fault in ("none", "hopeless")
        ended = self.ask(given, self.place) if undisturbed else self.disturbed(fault, given)
        wrong = [
            *self.faults(given[0], fault, ended, before),
            *(self.unsaved(ended) if fault in ASKED else ()),
        ]
        self.wrong += [f"{given[0]}, {fault}: {line}" for line in wrong]
        return ended

    def disturbed(self, fault: str, given: list[str]) -> forked.Ended:
        """A command that is sent a signal, or finds that the disk or the system refuses."""
        rng = self.rng
        at, way = rng.randrange(1, rng.choice((12, 120))), rng.choice(("at a write", "training", "any time"))
        hook: Callable[[], object] = bool
        if fault == "full disk":
            resize(self.place, rng.choice((0, 4096, rng.randrange(40_000), rng.randrange(200_000))))
        elif fault == "refused writes":
            refusal = partial(refuse, rng.choice((errno.ENOSPC, errno.EACCES, errno.EIO, errno.EROFS)))
            hook = partial(at_write, self.out, at, refusal, once=rng.random() < 0.3)
        elif way == "at a write":
            hook = partial(at_write, self.out, at, partial(send, SIGNALS[fault]))
        command = forked.Command(given, place=self.place, before=hook)
        if fault in SIGNALS and way != "at a write":
            if way == "training":
                command.says("training from step")
            time.sleep(rng.uniform(0, 0.15) if way == "training" else rng.uniform(0.002, 0.25))
            command.send(SIGNALS[fault])
        ended = command.end()
        if fault == "full disk":
            resize(self.place, 2**26)
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
        journal = read_journal(self.out / "journal.jsonl")  # a step that was told was taken, saved or not
        stepped = any(self.steps()) or any(row["step"] for row in journal)
        if verb == "train" and ended.status in (1, 2) and not stepped:
            for path in sorted(after.keys() - before.keys())[:1]:
                yield f"failed before its first step, and left {path}"

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


def scene(place: Path, rng: random.Random, task: Task, kind: str) -> Round | None:
    """A work folder with files of the user's; None where one of them is in the way of the run's folder."""
    plant(rng, place, rng.randrange(2, 10))
    own = {"deep": place / "a" / "new" / "run", "among": place / "thesis" / "run", "here": place}
    out = own.get(kind, place / "run")
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
    data(place)
    (place / "tiny").symlink_to(place.parent / "tiny")
    in_the_way = any(above.is_file() for above in out.parents)
    return None if in_the_way else Round(place, rng, task, out, mine=tree(place))


def refused(at: Round, kind: str) -> None:
    """A folder that is somebody else's: nothing is begun there, and nothing touched."""
    before = tree(at.place)
    ended = at.ask(["train", at.task.target, "--out", str(at.out), *at.task.settings], at.place)
    code = forked.code_of(ended.err)
    looks_like_a_run = (at.out / "config.json").exists() or (at.out / "checkpoints").exists()
    allowed = {"GR-RUN-018", "GR-RUN-009"} if looks_like_a_run else {"GR-RUN-018"}
    if fault := ended.fault():
        at.wrong.append(f"train: {fault}")
    no_folder = kind in ("file", "dangling link")
    if ended.status not in ((1, 2) if no_folder else (2,)) or (code not in allowed and not no_folder):
        at.wrong.append(f"train: exit {ended.status} {code}")
    lines = sorted(differences(before, tree(at.place)), key=lambda line: line.endswith("new"))  # losses first
    at.wrong += [f"train: a file of the user's: {line}" for line in lines[:3]]


def began(at: Round, wanted: dict[str, Any], *, disturbances: int) -> None:
    """A run that cannot be begun, then one that is disturbed and gone on with, and at last let alone."""
    rng, is_small = at.rng, os.path.ismount(at.place)
    if rng.random() < 0.35 or not disturbances:
        given = ["train", at.task.target, "--out", str(at.out), *at.task.settings]
        at.command("hopeless", overridden(given, rng.choice(at.task.hopeless)))
    for _ in range(disturbances):
        others = [*SIGNALS, *SIGNALS, "refused writes", "none"]
        at.command("full disk" if is_small and rng.random() < 0.7 else rng.choice(others), at.go_on())
        if any(at.steps()) and rng.random() < 0.4:
            at.add()
    ended = at.command("none", at.go_on())
    if ended.status != 0:
        left = sorted(path.name for path in at.out.iterdir()) if at.out.is_dir() else []
        at.wrong.append(f"stuck with {left}: {ended.err[:300]}")
        return
    result = json.loads((at.out / "metrics.json").read_bytes())
    if {name: result[name] for name in wanted} != wanted:
        at.wrong.append("at the end: other scores than those of a run that was let alone")
    for path in tree(at.out):
        if path.endswith(".part") and str((at.out / path).relative_to(at.place)) not in at.mine:
            at.wrong.append(f"at the end: {path} is left")


def play(place: Path, rng: random.Random, task: Task, kind: str, wanted: dict[str, Any]) -> list[str]:
    """A round: what is wrong."""
    at = scene(place, rng, task, kind)
    if at is None:
        return []
    if kind in REFUSED:
        refused(at, kind)
    else:
        began(at, wanted, disturbances=rng.randrange(1, 4))
    return at.wrong


def overridden(given: list[str], settings: tuple[str, ...]) -> list[str]:
    """A command with a setting replaced or added."""
    name, value = settings
    if name in given:
        at = given.index(name)
        return [*given[:at], *settings, *given[at + 2 :]]
    return [*given, name, value]


def undisturbed(place: Path, task: Task, ask: Ask = forked.run) -> dict[str, Any]:
    """What a run of the task ends with when nothing happens to it."""
    out = f"alone-{task.target.strip('./').partition('/')[0]}"
    ended = ask(["train", task.target, "--out", out, *task.settings], place)
    assert ended.status == 0, ended
    result = json.loads((place / out / "metrics.json").read_bytes())
    return {key: result[key] for key in ("metrics", "baseline_metrics", "steps")}


def main(rounds: int, seed: int = 0, first: int = 0) -> int:
    """Rounds; exit status 1 where anything was wrong in one."""
    forked.warm()
    kinds: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    with forked.work_folder() as place:
        assert forked.run(["new", "job", "tiny"], place).status == 0
        data(place)
        results: dict[str, dict[str, Any]] = {}
        for number in range(first, first + rounds):
            rng = random.Random(f"{seed}/{number}")
            name = rng.choices(list(TASKS), (30, 3, 1))[0]
            if name not in results:
                results[name] = undisturbed(place, TASKS[name])
            here = place / str(number)
            here.mkdir()
            kind = rng.choice(BEGINS if rng.random() < 2 / 3 else REFUSED)
            with small_disk(here, wanted=rng.random() < 0.25 and can_mount()):
                said = play(here, rng, TASKS[name], kind, results[name])
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
