"""gradus bench: a recipe over several seeds or folds, one process a run, and the record of what came out."""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

import gradus
from gradus.cli import arguments, records
from gradus.cli.recipes import choose
from gradus.core.configs import Count, Within, check, settings
from gradus.core.errors import InputError, UsageError
from gradus.core.files import made_folder, naming, read_json

DEFAULT_SEEDS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Arguments:
    """Train a recipe over several seeds or folds and write the record; settings of the recipe may follow."""

    target: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="JOB[/RECIPE]")]
    """Job and recipe, such as image_classification/digits. A bare job means its first recipe, or with --data
    its recipe folder."""
    seeds: Count | None = None
    """Train with the seeds 0 to N - 1; default 3."""
    folds: Annotated[int, Within(low=2)] | None = None
    """Instead of seeds: cut the data into K parts and test on each in turn."""
    data: str | None = None
    """Your own data: a file or folder in the layout that the recipe reads."""
    skip_bad: bool = False
    """Leave out items that cannot be read, and list them, instead of stopping."""
    name: str = ""
    """Ends the record's file name, to tell it from the recipe's others."""
    out: Path = Path("bench/records")
    """The folder of records."""
    keep: Path | None = None
    """Keep the run folders below this one; by default they are removed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The runs to make: what varies, and the settings of each."""

    by: Literal["seed", "fold"]
    runs: list[list[str]]


def run(given: list[str]) -> int:
    """Train every run in a process of its own, one at a time, and write the record; exit status 0."""
    asked, rest = arguments.parse_some(Arguments, given, verb="bench")
    check(asked)
    chosen = choose(asked.target, rest, data=asked.data, skip_bad=asked.skip_bad, verb="bench")
    reference, job, recipe = chosen.reference, chosen.job, chosen.recipe  # refused now, not by the first run
    plan = plan_of(asked, rest, chosen.config)
    date, commit = datetime.now(UTC), commit_of_package()
    file = asked.out / records.file_name(job.name, recipe, date=date.strftime(records.DATE), name=asked.name)
    _refuse_name(file, asked.name)
    command = ["train", f"{reference}/{recipe}", *_about_data(asked), *rest]
    print(f"bench {job.name}/{recipe}: {len(plan.runs)} {plan.by}s, one at a time", flush=True)
    results = []
    with made_folder(asked.out):
        with workplace(asked.keep, file.stem) as place:
            for number, varied in enumerate(plan.runs):
                label = f"{plan.by} {number}"
                results.append(train([*command, *varied], place / f"{plan.by}-{number}", label=label))
                print(line_of(label, results[-1]), flush=True)
            environment = read_json(place / f"{plan.by}-0" / "env.json")
        record = records.make(
            results,
            environment,
            date=date,
            by=plan.by,
            name=asked.name,
            command=command_of(asked, rest, f"{portable(reference)}/{recipe}"),
            settings=[portable(token) for token in rest],
            commit=commit,
        )
        spread = "" if record.sd is None else f" ± {record.sd:.4f}"
        print(f"{record.headline} {record.mean:.4f}{spread} (baseline {record.baseline:.4f})")
        print(f"record {records.write(record, asked.out)}")
    return 0


def plan_of(asked: Arguments, rest: list[str], config: Any) -> Plan:
    """The settings of each run; UsageError where seeds, folds and settings contradict each other."""
    options = [token.removeprefix("--") for token in rest if token.startswith("--")]
    given = {option.partition("=")[0].replace("-", "_") for option in options}
    if asked.folds is None:
        _refuse_varied(given & {"train.seed"})
        return Plan("seed", [["--train.seed", str(seed)] for seed in range(asked.seeds or DEFAULT_SEEDS)])
    if {"data.folds", "data.fold"} - dict(settings(config)).keys():
        raise UsageError(
            "GR-CLI-006",
            where=f"--folds {asked.folds}",
            wanted="a recipe that can cut its data into folds",
            got="one without data.folds and data.fold",
            remedy="Use --seeds, or choose another recipe (`gradus jobs`).",
        )
    _refuse_varied(given & {"data.folds", "data.fold"} | ({"seeds"} if asked.seeds else set()))
    folds = str(asked.folds)
    return Plan("fold", [["--data.folds", folds, "--data.fold", str(fold)] for fold in range(asked.folds)])


def _refuse_varied(given: set[str]) -> None:
    if given:
        raise UsageError(
            "GR-BENCH-004",
            where=f"--{min(given)}",
            wanted="either --seeds or --folds, and no setting that it sets itself",
            got=", ".join(f"--{name}" for name in sorted(given)),
            remedy="Leave it out; for one chosen seed or fold use `gradus train`.",
        )


def _refuse_name(file: Path, name: str) -> None:
    """Raise UsageError where the name of a record is odd or taken."""
    if not records.NAME.fullmatch(name):
        raise UsageError(
            "GR-CLI-002",
            where="--name",
            wanted="letters, digits, - and _",
            got=repr(name),
            remedy="Give another name.",
        )
    if file.exists():
        raise UsageError(
            "GR-BENCH-003",
            where=str(file),
            wanted="a record that does not exist yet",
            got="one of today",
            remedy="Give --name, or remove the file if it should not count.",
        )


@contextmanager
def workplace(keep: Path | None, stem: str) -> Iterator[Path]:
    """The folder for the runs: one below ``keep`` that stays, or one that is removed."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="gradus-bench-") as place:
            yield Path(place)
        return
    with naming(keep):
        (keep / stem).mkdir(parents=True, exist_ok=True)
    yield keep / stem


def train(command: list[str], out: Path, *, label: str) -> dict[str, Any]:
    """Run ``gradus train`` in a fresh process, as nothing that ran before can warm it; returns its scores.

    Raises InputError with what the process said where it fails.
    """

    def failed(said: str) -> InputError:
        return InputError(
            "GR-BENCH-002",
            where=label,
            wanted="a run that ends with its scores",
            got=said,
            remedy=f"Run it alone: gradus {shlex.join(command)}",
        )

    told = [sys.executable, "-m", "gradus", *command, "--out", str(out)]
    ended = subprocess.run(told, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if ended.returncode:
        said = " ".join(ended.stderr.split()) or f"exit status {ended.returncode} and no message"
        raise failed(said[-400:])
    scores: dict[str, Any] = read_json(out / "metrics.json")
    for name in ("value", "baseline"):
        if scores[name] is None:
            raise failed(f"one whose {scores['headline']} is undefined ({name})")
    return scores


def line_of(label: str, scores: dict[str, Any]) -> str:
    """What is printed of a run that ended."""
    beside = f"(baseline {scores['baseline']:.4f})"
    return f"{label}: {scores['headline']} {scores['value']:.4f} {beside} in {scores['seconds']:.1f} s"


def portable(token: str) -> str:
    """An argument without this machine's folders: ``$GRADUS_DATA/name`` if it lies there, or ``.../name``."""
    option, equals, value = token.partition("=") if token.startswith("--") else ("", "", token)
    if not Path(value).is_absolute():
        return token
    data = os.environ.get("GRADUS_DATA")
    if data and Path(value).is_relative_to(Path(data).absolute()):
        return f"{option}{equals}$GRADUS_DATA/{Path(value).relative_to(Path(data).absolute())}"
    return f"{option}{equals}.../{Path(value).name}"


def command_of(asked: Arguments, rest: list[str], target: str) -> str:
    """The command that makes these runs again, for a shell."""
    varied = (
        ["--seeds", str(asked.seeds or DEFAULT_SEEDS)]
        if asked.folds is None
        else ["--folds", str(asked.folds)]
    )
    name = ["--name", asked.name] if asked.name else []
    tokens = ["gradus", "bench", target, *varied, *_about_data(asked), *name, *rest]
    shown = [portable(token) for token in tokens]
    return " ".join(
        f'"{token}"' if re.search(r"\$GRADUS_DATA/", token) else shlex.quote(token) for token in shown
    )


def _about_data(asked: Arguments) -> list[str]:
    """The options about data, as `gradus train` takes them too."""
    return [*(["--data", asked.data] if asked.data else []), *(["--skip-bad"] if asked.skip_bad else [])]


def commit_of_package() -> records.Commit | None:
    """The commit that gradus itself runs from; None where it is no checkout, or git is absent."""
    root = Path(gradus.__file__).parent.parent
    tracked = _git(
        root, "ls-files", "--error-unmatch", "gradus/__init__.py"
    )  # git may know the folder around us
    commit = _git(root, "rev-parse", "HEAD") if tracked else None
    if commit is None:
        return None
    return records.Commit(hash=commit, dirty=bool(_git(root, "status", "--porcelain", "--", "gradus")))


def _git(root: Path, *words: str) -> str | None:
    try:
        ended = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return ended.stdout.strip() if ended.returncode == 0 else None
