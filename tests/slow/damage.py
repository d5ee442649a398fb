"""Damages one file of a run at a time and asks every verb that opens a run what it makes of it.

``python -m tests.slow.damage ROUNDS [SEED [FIRST]]`` prints what each verb did by kind of mutation, and every
mutation that it should have answered otherwise; ``damage 1 SEED NUMBER`` replays one. See ``Demand`` for what
is asked beyond: no traceback, no hang, one error of five lines or exit status 0, and a run that evaluate and
predict leave as it is.
"""

import json
import os
import random
import re
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tests.slow import forked
from tests.slow.mutations import Mutation, draw, steps_of
from tests.slow.trees import differences, tree

LIMIT_SECONDS = 10.0
PASSED_OVER = "note GR-RUN-006"
STEPS, LONGER = 16, 20
NOTE = re.compile("^note GR-RUN-[0-9]{3}: ", re.MULTILINE)
VERBS = {  # by name: what is typed after the run; resume trains on, so its turn is on a copy of its own
    "evaluate": ("evaluate",),
    "evaluate --json": ("evaluate", "--json"),
    "evaluate --strict": ("evaluate", "--json", "--strict"),
    "predict": ("predict",),
    "report": ("report",),
    "resume": ("resume",),
    "resume longer": ("resume", "--train.steps", str(LONGER)),
}

Ask = Callable[[list[str], Path], forked.Ended]  # how a command is run in a folder


@dataclass(slots=True)
class Subject:
    """A run to be damaged: what it holds, what is asked of it, and what it answers while it is whole."""

    name: str
    folder: Path
    job: str
    input: str
    answers: dict[str, "Answer"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a verb made of a run: how it ended, the step it was at or went on from, and the scores."""

    ended: forked.Ended
    step: int | None = None
    scores: Any = None

    @property
    def tells(self) -> bool:
        """Whether it said that something is not as it should be."""
        return bool(NOTE.search(self.ended.err))


# -- runs ------------------------------------------------------------------------------------------------


def killed_at(step: int) -> None:
    """Let the checkpoint of a step be the last thing that this process does."""
    from gradus.engine.checkpoint import Checkpoints

    save = Checkpoints.save

    def last(self: Checkpoints, at: int, state: Any, **options: Any) -> None:
        save(self, at, state, **options)
        if at >= step:
            self.wait()
            os.kill(os.getpid(), signal.SIGKILL)

    Checkpoints.save = last  # type: ignore[method-assign]


def subjects(place: Path, *, ask: Ask, names: tuple[str, ...]) -> list[Subject]:
    """Runs that are finished, whose best is not their last, that were killed, or with texts."""
    assert ask(["new", "job", "small"], place).status == 0
    np.save(place / "point.npy", np.array([0.3, -0.2]))
    own, point = str(place / "small"), str(place / "point.npy")
    small = ["--test_points", "128", "--train_points", "128", "--train.evaluate-every", "4", "--width", "16"]
    best = [*small, "--train.keep", "best", "--train.rate", "0.1"]
    made = {
        "finished": lambda: Subject("finished", trained(place, own, "finished", *small, ask=ask), own, point),
        "best": lambda: Subject("best", fluctuating(place, own, "best", *best, ask=ask), own, point),
        "killed": lambda: Subject(
            "killed", fluctuating(place, own, "killed", *best, ask=killing), own, point
        ),
        "texts": lambda: Subject(
            "texts", trained(place, "sentiment/smoke", "texts", ask=ask), "sentiment", "a good film"
        ),
    }
    runs = [made[name]() for name in names]
    for subject in runs:
        subject.answers = {name: answer(subject, name, place / "copy", ask=ask) for name in VERBS}
        bad = {
            name: it.ended for name, it in subject.answers.items() if it.ended.status and "strict" not in name
        }
        assert not bad, f"{subject.name}, undamaged: {bad}"
    return runs


def killing(given: list[str], place: Path) -> forked.Ended:
    """A command that is killed before its last checkpoint."""
    ended = forked.Command(given, place=place, before=partial(killed_at, STEPS - 4)).end()
    assert ended.status == -signal.SIGKILL, ended
    return replace(ended, status=0)


def trained(place: Path, job: str, name: str, *settings: str, ask: Ask) -> Path:
    """A run of a few steps."""
    ended = ask(["train", job, "--out", name, "--train.steps", str(STEPS), *settings], place)
    assert ended.status == 0, ended
    return place / name


def fluctuating(place: Path, job: str, name: str, *settings: str, ask: Ask) -> Path:
    """A run whose best checkpoint is not its newest one, which one seed or another gives."""
    for seed in range(50):
        run = trained(place, job, f"{name}-{seed}", *settings, "--train.seed", str(seed), ask=ask)
        best = int((run / "checkpoints" / "best").read_text().removeprefix("step-"))
        if 0 < best < steps_of(run)[-1]:
            return run
    raise AssertionError("no seed of fifty has its best before its last")


# -- what a verb makes of a run --------------------------------------------------------------------------


def laid(run: Path, copy: Path, mutation: Mutation | None) -> None:
    """A fresh copy of a run, mutated."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(run, copy, symlinks=True)
    if mutation:
        mutation.apply(copy)


def forked_briefly(given: list[str], place: Path) -> forked.Ended:
    """A command that is late long before it would be elsewhere."""
    return forked.Command(given, place=place).end(limit_seconds=LIMIT_SECONDS)


def answer(
    subject: Subject,
    name: str,
    copy: Path,
    mutation: Mutation | None = None,
    *,
    ask: Ask = forked_briefly,
    strictly: bool = False,
) -> Answer:
    """What a verb makes of a copy of a run, mutated."""
    laid(subject.folder, copy, mutation)
    verb, *options = VERBS[name]
    given = [*([subject.input] if verb == "predict" else []), *options, *(["--strict"] if strictly else [])]
    command = forked.opening(verb, str(copy), *given, job=subject.job)
    ended = ask(command, copy.parent)
    if ended.status != 0:
        return Answer(ended)
    if verb == "evaluate" and "--json" in options:
        said = json.loads(ended.out)
        return Answer(ended, said["step"], said["metrics"])
    if verb == "predict":
        return Answer(ended, None, ended.out)
    if verb == "resume":
        begun = re.search("^training from step ([0-9]+)", ended.out, re.MULTILINE)
        if not begun:  # a complete run is left alone
            return Answer(ended, STEPS)
        return Answer(ended, int(begun[1]), json.loads((copy / "metrics.json").read_bytes())["metrics"])
    return Answer(ended)


def judge(subject: Subject, mutation: Mutation, answers: dict[str, Answer]) -> Iterator[tuple[str, str]]:
    """What the verbs should have answered otherwise: (verb, why)."""
    for name, given in answers.items():
        fault = given.ended.fault()
        if fault:
            yield name, fault
        elif given.ended.status not in (0, 1, 2):
            yield name, f"exit {given.ended.status}"
        elif given.ended.status == 0 and not given.tells:
            why = departs(subject.answers[name], given, mutation)
            if why:
                yield name, f"silent: {why}"
    scored, strict, report = answers["evaluate --json"], answers["evaluate --strict"], answers["report"]
    other = (
        departs(subject.answers["evaluate --json"], scored, mutation) if scored.ended.status == 0 else None
    )
    if other and report.ended.status == 0 and not report.tells:
        yield "report", f"silent: {other}"
    wanted = 1 if PASSED_OVER in scored.ended.err else scored.ended.status
    if strict.ended.status != wanted:
        yield "evaluate --strict", f"exit {strict.ended.status} for {wanted}"


def departs(whole: Answer, given: Answer, mutation: Mutation) -> str | None:
    """How an answer differs from that of the undamaged run, as far as the mutation does not allow it."""
    if mutation.demand in ("same", "step") and given.step != whole.step:
        return f"step {given.step} for {whole.step}"
    if (
        mutation.demand == "same"
        and None not in (whole.scores, given.scores)
        and given.scores != whole.scores
    ):
        return "other scores"
    return None


def stranger(place: Path) -> Path:
    """A job that nobody names: it leaves a file ``loaded`` where its code is run."""
    (place / "stranger").mkdir()
    code = f"open({str(place / 'loaded')!r}, 'w').close()\n"
    (place / "stranger" / "__init__.py").write_text(code)
    return place / "stranger"


# -- the rounds ------------------------------------------------------------------------------------------


def main(rounds: int, seed: int = 0, first: int = 0) -> int:
    """Mutate, ask, judge; exit status 1 where anything should have been answered otherwise."""
    forked.warm()
    table: dict[str, Counter[tuple[str, str]]] = {}
    reasons: Counter[tuple[str, str]] = Counter()
    failed: Counter[str] = Counter()
    wrong = 0
    with forked.work_folder() as place:
        runs = subjects(place, ask=forked.run, names=("finished", "best", "killed", "texts"))
        foreign = stranger(place)
        for number in range(first, first + rounds):
            rng = random.Random(f"{seed}/{number}")
            subject = rng.choices(runs, (6, 6, 6, 1))[0]
            mutation = draw(rng, subject.folder, foreign=foreign)
            answers, found = asked(subject, mutation, copy=place / "copy", loaded=place / "loaded")
            for name, given in answers.items():
                bad = any(verb == name for verb, _ in found)
                said = "told" if given.ended.status == 0 and given.tells else str(given.ended.status)
                table.setdefault(mutation.kind, Counter())[name, "BAD" if bad else said] += 1
            reasons.update(found)
            failed.update({verb for verb, _ in found})
            wrong += bool(found)
            for why in dict.fromkeys(why for _, why in found):
                verbs = ", ".join(verb for verb, its in found if its == why)
                what = f"{subject.name}, {mutation.kind}, {mutation.where}"
                print(f"seed {seed} number {number}: {what}: {verbs}: {why}", flush=True)
    show(table, reasons)
    print(f"{rounds} mutations, {wrong} answered badly (seed {seed})")
    print("by verb: " + ", ".join(f"{name} {failed[name]}" for name in VERBS))
    return 1 if wrong else 0


def asked(
    subject: Subject, mutation: Mutation, *, copy: Path, loaded: Path, ask: Ask = forked_briefly
) -> tuple[dict[str, Answer], list[tuple[str, str]]]:
    """What each verb makes of a mutated run, and what it should have answered otherwise."""
    answers, found = {}, []
    for name in VERBS:
        answers[name] = answer(subject, name, copy, mutation, ask=ask)
        if name.startswith(("evaluate", "predict")):
            after = tree(copy)
            laid(subject.folder, copy, mutation)
            found += [(name, f"changes the run: {line}") for line in differences(tree(copy), after)[:1]]
        if PASSED_OVER in answers[name].ended.err and not name.startswith("evaluate"):
            strict = answer(subject, name, copy, mutation, ask=ask, strictly=True).ended
            if (strict.status, forked.code_of(strict.err)) != (1, "GR-RUN-006"):
                found.append((name, f"--strict: exit {strict.status} {forked.code_of(strict.err)}"))
        if loaded.exists():
            loaded.unlink()
            found.append((name, "runs the code of a job that nobody named"))
    return answers, [*found, *judge(subject, mutation, answers)]


def show(table: dict[str, Counter[tuple[str, str]]], reasons: Counter[tuple[str, str]]) -> None:
    """What each verb did by kind of mutation, and why that was wrong, by number."""
    print("\nexit statuses by kind of mutation and verb; told: 0, with a note; BAD: see above\n")
    print(" " * 26, *(name.ljust(18) for name in VERBS))
    for kind in sorted(table):
        cells = []
        for name in VERBS:
            counts = {said: count for (verb, said), count in table[kind].items() if verb == name}
            cells.append(" ".join(f"{said}:{counts[said]}" for said in sorted(counts)).ljust(18))
        print(kind.ljust(26), *cells)
    print()
    for (verb, why), count in reasons.most_common():
        print(f"{count:6} {verb}: {why}")
    print()


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
