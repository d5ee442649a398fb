"""Records: what a recipe scored over seeds or folds, dated, with machine, versions and commit, as JSON.

Every published number has one in bench/records, and the tables of the documentation are made from them.
"""

import dataclasses
import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from gradus import __version__
from gradus.core.configs import from_json
from gradus.core.errors import InputError, UsageError
from gradus.core.files import write_json
from gradus.metrics.statistics import mean_and_sd

DATE = "%Y-%m-%dT%H:%M:%SZ"
NAME = re.compile(r"[A-Za-z0-9_-]*")
ABSOLUTE = re.compile(r"(?:^|[=\s'\"])(?:/|[A-Za-z]:\\)")  # a folder of one machine means nothing on another
ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """One score of every run, and what the naive answer scores."""

    name: str
    values: tuple[float, ...]
    mean: float
    sd: float | None
    baseline: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """Where the runs were computed."""

    processor: str
    cores: int | None
    threads: int
    cuda: str | None
    system: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Commit:
    """The source that ran; dirty when the package had changes that are in no commit."""

    hash: str
    dirty: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """The content of a record; each list has one place a run, in the order of ``runs``."""

    format: Literal[1] = 1
    date: str
    """When the first run began, in UTC."""
    job: str
    recipe: str
    name: str
    """What sets this record apart from others of the same recipe; empty for the recipe as it is."""
    command: str
    settings: tuple[str, ...]
    """What was given beyond the recipe, as on the command line."""
    by: Literal["seed", "fold"]
    runs: tuple[int, ...]
    """The seeds, or the numbers of the folds."""
    headline: str
    direction: Literal["higher", "lower"]
    values: tuple[float, ...]
    """The headline of each run on its test split."""
    mean: float
    sd: float | None
    """Sample standard deviation of the values; null for a single run."""
    baseline: float
    """What the naive answer scores, averaged over the runs."""
    others: tuple[Metric, ...]
    """The other scores that every run has."""
    seconds: tuple[float, ...]
    """Training time of each run."""
    mean_seconds: float
    steps: tuple[int, ...]
    precision: tuple[str, ...]
    device: str
    machine: Machine
    versions: tuple[str, ...]
    commit: Commit | None


def make(
    results: Sequence[dict[str, Any]],
    environment: dict[str, Any],
    *,
    date: datetime,
    by: Literal["seed", "fold"],
    name: str,
    command: str,
    settings: Sequence[str],
    commit: Commit | None,
) -> Record:
    """The record of runs, from their ``metrics.json`` in order and the ``env.json`` of one of them."""
    first = results[0]
    headline = _metric(first["headline"], results)
    assert headline.baseline is not None, "a job's baseline scores the headline"
    everywhere = [m for m in first["metrics"] if all(r["metrics"].get(m) is not None for r in results)]
    shared = [m for m in everywhere if m != headline.name]
    versions = {**environment["versions"], "gradus": __version__}
    return Record(
        date=date.strftime(DATE),
        job=first["job"],
        recipe=first["recipe"],
        name=name,
        command=command,
        settings=tuple(settings),
        by=by,
        runs=tuple(range(len(results))),
        headline=headline.name,
        direction=first["direction"],
        values=headline.values,
        mean=headline.mean,
        sd=headline.sd,
        baseline=headline.baseline,
        others=tuple(_metric(other, results) for other in shared),
        seconds=tuple(float(result["seconds"]) for result in results),
        mean_seconds=mean_and_sd([float(result["seconds"]) for result in results])[0],
        steps=tuple(result["steps"] for result in results),
        precision=tuple(result["precision"] for result in results),
        device=first["device"],
        machine=Machine(**{f.name: environment["machine"][f.name] for f in dataclasses.fields(Machine)}),
        versions=tuple(f"{package} {version}" for package, version in versions.items() if version),
        commit=commit,
    )


def _metric(name: str, results: Sequence[dict[str, Any]]) -> Metric:
    """One score over all runs; its baseline is the mean of those of the runs, where each has one."""
    values = tuple(float(result["metrics"][name]) for result in results)
    naive = [result["baseline_metrics"].get(name) for result in results]
    mean, sd = mean_and_sd(values)
    baseline = None if None in naive else mean_and_sd([float(value) for value in naive])[0]
    return Metric(name=name, values=values, mean=mean, sd=sd, baseline=baseline)


def file_name(job: str, recipe: str, *, date: str, name: str) -> str:
    """``2026-01-31-job-recipe.json``, or ``2026-01-31-job-recipe-name.json``."""
    return "-".join([date[:10], job, recipe, *([name] if name else [])]) + ".json"


def write(record: Record, folder: Path) -> Path:
    """Write a record that holds under its own name; returns the file."""
    path = folder / file_name(record.job, record.recipe, date=record.date, name=record.name)
    content = json.loads(json.dumps(dataclasses.asdict(record)))
    verify(content, path.name)
    write_json(path, content)
    return path


def read(path: Path) -> Record:
    """The record in a file; InputError where it is unreadable, does not hold, or has the name of another."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _broken(path.name, "a readable JSON file", str(error).lower()) from error
    record = verify(content, path.name)
    expected = file_name(record.job, record.recipe, date=record.date, name=record.name)
    if path.name != expected:
        raise _broken(path.name, f"the name {expected}", path.name)
    return record


def read_all(folder: Path) -> dict[Path, Record]:
    """Every record of a folder by its file, the oldest first."""
    found = {path: read(path) for path in sorted(folder.glob("*.json"))}
    return dict(sorted(found.items(), key=lambda item: item[1].date))


def verify(content: Any, where: str) -> Record:
    """The record that parsed JSON holds; InputError names the first field that is missing, odd or wrong."""
    try:
        record = from_json(Record, content, where)
    except UsageError as error:
        raise _broken(error.where, error.wanted, error.got) from error
    for field, wanted, got, holds in _claims(record):
        if not holds:
            raise _broken(f"{where}.{field}", wanted, str(got))
    return record


def _claims(record: Record) -> Iterator[tuple[str, str, Any, bool]]:
    """What must hold beyond types: field, what is wanted, what is there, and whether it holds."""
    count = len(record.runs)
    whole = count > 0 and record.runs == tuple(range(count))
    yield "date", "a UTC time like 2026-01-31T12:00:00Z", record.date, _is_date(record.date)
    yield "name", "letters, digits, - and _", record.name, NAME.fullmatch(record.name) is not None
    yield "runs", "numbers from 0 without a gap", list(record.runs), whole
    yield from _summary_claims("", record.values, record.mean, record.sd, count)
    yield "baseline", "a finite number", record.baseline, math.isfinite(record.baseline)
    for other in record.others:
        known = other.baseline is None or math.isfinite(other.baseline)
        yield from _summary_claims(f"others.{other.name}.", other.values, other.mean, other.sd, count)
        yield f"others.{other.name}.baseline", "a finite number or null", other.baseline, known
    names = [record.headline, *(other.name for other in record.others)]
    yield "others", "every score once", names, len(set(names)) == len(names)
    each_run = {"seconds": record.seconds, "steps": record.steps, "precision": record.precision}
    for field, values in each_run.items():
        yield field, f"{count} values, one a run", list(values), len(values) == count
    positive = all(0 < value < math.inf for value in record.seconds)
    yield "seconds", "times above 0", list(record.seconds), positive
    seconds = mean_and_sd(record.seconds)[0]
    yield (
        "mean_seconds",
        f"the mean of seconds, {seconds:.6g}",
        record.mean_seconds,
        _same(record.mean_seconds, seconds),
    )
    given = [record.command, *record.settings]
    yield "command", "no folder of one machine", given, not any(ABSOLUTE.search(text) for text in given)
    if record.commit:
        full = re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", record.commit.hash) is not None
        yield "commit.hash", "a whole commit hash", record.commit.hash, full


def _summary_claims(
    prefix: str, values: Sequence[float], mean: float, sd: float | None, count: int
) -> Iterator[tuple[str, str, Any, bool]]:
    """A mean and a deviation are those of as many finite values as there are runs."""
    finite = all(math.isfinite(value) for value in values)
    yield f"{prefix}values", f"{count} finite numbers", list(values), finite and len(values) == count
    true_mean, true_sd = mean_and_sd(values)
    yield f"{prefix}mean", f"the mean of its values, {true_mean:.6g}", mean, _same(mean, true_mean)
    yield f"{prefix}sd", f"their sample standard deviation, {true_sd}", sd, _same(sd, true_sd)


def _same(stated: float | None, true: float | None) -> bool:
    if stated is None or true is None:
        return stated is true
    return math.isclose(stated, true, rel_tol=ROUNDING, abs_tol=ROUNDING)


def _is_date(text: str) -> bool:
    try:
        return datetime.strptime(text, DATE).strftime(DATE) == text
    except ValueError:
        return False


def _broken(where: str, wanted: str, got: str) -> InputError:
    return InputError(
        "GR-BENCH-001",
        where=where,
        wanted=wanted,
        got=got,
        remedy="Write the record again with `gradus bench`; records are not edited by hand.",
    )
