"""Starts trainings at the same moment, into one folder or into none that is named, and looks at who got what.

``python -m tests.slow.races PAIRS [SEED [FIRST]]`` prints each pair that ended otherwise than it must: one
trains and has a run like one trained alone, the other is refused and leaves no trace.
"""

import json
import os
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.slow import forked
from tests.slow.trees import differences, tree

LATEST_SECONDS = 0.03  # the most by which one starts after the other
CONFIGS = (
    ("--train.seed", "1", "--width", "16", "--train.steps", "12"),
    ("--train.seed", "2", "--width", "24", "--train.steps", "12"),
    ("--train.seed", "3", "--width", "16", "--train.steps", "16"),
    ("--train.seed", "4", "--width", "32", "--train.steps", "8"),
)
HOPELESS = ("--train.batch", "100000")  # refused when the folder is made and the data are read
SMALL = ("--train_points", "256", "--test_points", "256", "--train.evaluate-every", "4")


def start(
    place: Path, *settings: str, out: str | None, gate: tuple[int, int], seconds: float
) -> forked.Command:
    """A training that waits for the gate to close, and then some."""

    def wait() -> None:
        os.close(gate[1])
        os.read(gate[0], 1)  # returns when nobody holds the other end any more
        time.sleep(seconds)

    named = [] if out is None else ["--out", out]
    return forked.Command(["train", "./tiny", *named, *SMALL, *settings], place=place, before=wait)


def together(
    place: Path, starts: list[tuple[str, ...]], *, out: str | None, rng: random.Random
) -> list[forked.Ended]:
    """Trainings that start together, each with its settings."""
    gate = os.pipe()
    commands = [
        start(place, *settings, out=out, gate=gate, seconds=rng.uniform(0, LATEST_SECONDS))
        for settings in starts
    ]
    os.close(gate[1])
    ended = [command.end() for command in commands]
    os.close(gate[0])
    return ended


def content(run: Path) -> dict[str, Any]:
    """What tells one run from another: its config, what it saved (less the seconds) and its scores."""
    states = {}
    for path in sorted((run / "checkpoints").glob("step-*/*")):
        text = path.read_bytes()
        if path.suffix == ".json":
            state = json.loads(text)["body"]
            state["parts"]["loop"].pop("seconds")
            text = json.dumps(state).encode()
        states[str(path.relative_to(run))] = text
    result = json.loads((run / "metrics.json").read_bytes())
    rows = [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]
    return {
        "config.json": json.loads((run / "config.json").read_bytes())["config"],
        "checkpoints": states,
        "metrics.json": {name: result[name] for name in ("steps", "metrics", "baseline_metrics")},
        "journal.jsonl": [(row["fact"], row["step"]) for row in rows],
        "names": sorted(path.name for path in run.rglob("*") if not path.name.startswith(".")),
    }


def unlike(run: Path, alone: dict[str, Any]) -> Iterator[str]:
    """Which parts of a run are not those of the one that was trained alone."""
    try:
        given = content(run)
    except (OSError, ValueError, KeyError) as error:
        yield f"the run is broken ({type(error).__name__}: {error})"
        return
    yield from (f"{name} is not the winner's" for name in alone if given[name] != alone[name])


def judge_pair(run: Path, ended: list[forked.Ended], alone: list[dict[str, Any] | None]) -> Iterator[str]:
    """What two trainings into one folder should have done otherwise; a hopeless one has no ``alone``."""
    for one in ended:
        if fault := one.fault():
            yield fault
    statuses = [one.status for one in ended]
    winners = [place for place, one in enumerate(ended) if one.status == 0]
    hopeful = [place for place, one in enumerate(alone) if one is not None]
    if len(hopeful) == 2 and sorted(statuses) != [0, 2]:
        yield f"exit statuses {statuses}"
    for place, one in enumerate(ended):
        if one.status != 0 and place in hopeful and forked.code_of(one.err) != "GR-RUN-009":
            yield f"one is refused with {forked.code_of(one.err) or 'no code'}"
        if one.status == 0 and place not in hopeful:
            yield "the hopeless one trained"
    if len(winners) == 1 and alone[winners[0]] is not None:
        yield from unlike(run, alone[winners[0]] or {})


def pair(place: Path, rng: random.Random, solos: list[dict[str, Any]]) -> tuple[str, list[str]]:
    """Two trainings into one folder: (what kind of pair, what is wrong)."""
    kind = rng.choice(("absent", "absent", "absent", "empty", "deep", "hopeless"))
    one, other = rng.sample(range(len(CONFIGS)), 2)
    starts = [CONFIGS[one], CONFIGS[other] + (HOPELESS if kind == "hopeless" else ())]
    alone = [solos[one], None if kind == "hopeless" else solos[other]]
    run = place / "a" / "b" / "run" if kind == "deep" else place / "pair" / "run"
    (place / "pair").mkdir()
    if kind == "empty":
        run.mkdir()
    before = tree(place)
    ended = together(place, starts, out=str(run), rng=rng)
    wrong = list(dict.fromkeys(judge_pair(run, ended, alone)))
    if all(one.status for one in ended) and (left := differences(before, tree(place))):
        wrong.append(f"nobody trained, and {left[0]}")
    return kind, wrong


def unnamed(place: Path, rng: random.Random) -> list[str]:
    """Three trainings without --out that start within one second: what is wrong."""
    while time.time() % 1 > 0.5:  # so that all of them ask for the time in the same second
        time.sleep(0.01)
    ended = together(place, [CONFIGS[at] for at in range(3)], out=None, rng=rng)
    wrong = [fault for one in ended if (fault := one.fault())]
    if [one.status for one in ended] != [0, 0, 0]:
        wrong.append(f"exit statuses {[one.status for one in ended]}")
    named = {match[1] for one in ended if (match := re.match("run (.+)", one.out))}
    made = sorted(path.name for path in (place / "runs").iterdir())
    if not len(named) == len(made) == 3:
        wrong.append(f"{len(made)} folders, {len(named)} named")
    return wrong


def main(rounds: int, seed: int = 0, first: int = 0) -> int:
    """Pairs, and a trio for every five of them; exit status 1 where any ended as it must not."""
    forked.warm()
    wrong: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    with forked.work_folder() as place:
        assert forked.run(["new", "job", "tiny"], place).status == 0
        solos = []
        for at, settings in enumerate(CONFIGS):
            ended = forked.run(["train", "./tiny", "--out", f"solo-{at}", *SMALL, *settings], place)
            assert ended.status == 0, ended
            solos.append(content(place / f"solo-{at}"))
        for number in range(first, first + rounds):
            rng = random.Random(f"{seed}/{number}")
            here = place / str(number)
            here.mkdir()
            (here / "tiny").symlink_to(place / "tiny")
            kind, said = pair(here, rng, solos)
            found = [(kind, line) for line in said]
            kinds[kind] += 1
            if number % 5 == 0:
                found += [("three unnamed", line) for line in unnamed(here, rng)]
                kinds["three unnamed"] += 1
            for what in {what for what, _ in found}:
                wrong[what] += 1
            for what, line in found:
                print(f"seed {seed} number {number}: {what}: {line}", flush=True)
    for kind in sorted(kinds):
        print(f"{kind}: {kinds[kind]}, {wrong[kind]} wrong")
    pairs = sum(count for kind, count in wrong.items() if kind != "three unnamed")
    print(f"{rounds} pairs, {pairs} wrong (seed {seed})")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
