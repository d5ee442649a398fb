"""The report of a run: one page, made from the files of its folder, that needs nothing else to be read.

What is missing is said, not filled in: a run that was cut short has a report too.
"""

import html
import json
import math
import re
import shlex
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

from gradus.core.files import naming, read_typed, write_bytes
from gradus.core.findings import PAGES
from gradus.engine.folder import header, read_result
from gradus.engine.job import Panel
from gradus.engine.journal import read_journal
from gradus.engine.plan import Plan
from gradus.ship.charts import TONES, Kind, Point, Series, chart
from gradus.ship.page import Html, element, embedded, markup, page, picture, prose, section, shown, table

FIRST_CHARTS = 8  # more metrics than these, one a class perhaps, are folded away
SIGNIFICANT = 0.05  # a difference that chance alone makes more often is claimed by nobody
REPEATED = ("config.json", "plan.json", "manifest.safetensors")  # what makes a run the same one again
LARGEST = 1e100  # of a value in a chart
LONGEST = 400  # letters of a value on the page; the file has the rest
CAVEAT = (
    "The scores hold for data like the test split. They say nothing of other sources, of times to come or of "
    "groups of people that the data leave out: measure on your own before you rely on the model."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What the files of a run folder say; a file that is not there yet says nothing."""

    folder: Path
    head: dict[str, Any]
    plan: dict[str, Any]
    machine: dict[str, Any]
    result: dict[str, Any]
    journal: list[dict[str, Any]]

    def facts(self, kind: str) -> list[dict[str, Any]]:
        """The facts of a kind, in order."""
        return [row for row in self.journal if row["fact"] == kind]

    def reached(self) -> int:
        """The last step that the journal speaks of."""
        return max((row["step"] for row in self.journal), default=0)


def write_report(folder: Path, *, panels: Sequence[Panel]) -> Path:
    """Write ``report.html`` and the panels' figures into a run folder; returns the report's path.

    Raises InputError where there is no run, a file of it is not JSON, or the disk refuses.
    """
    story = _read(folder)
    verdict = _verdict(story)
    name = str(story.result.get("job") or Path(story.head["job"]).name)
    recipe = f" / {story.head['recipe']}"
    content = page(
        name + recipe,
        html.unescape(re.sub("<[^>]*>", "", verdict.text)),
        element(
            "header",
            element("p", "gradus report", class_="eyebrow"),
            element("h1", name, element("span", recipe)),
            element("p", verdict, class_="verdict"),
            *(element("p", prose(sentence), class_="aside") for sentence in _remarks(story)),
        ),
        section("Curves", *_curves(story)),
        section("Test scores", _scores(story)),
        *_panels(folder, panels),
        section("Findings", *_findings(story)),
        section("Decisions", *_decisions(story)),
        section("Model card", *_card(story)),
        element("footer", _sources(story)),
    )
    write_bytes(folder / "report.html", content)
    return folder / "report.html"


def _read(folder: Path) -> Story:
    def there(name: str, hints: dict[str, Any]) -> dict[str, Any]:
        path = folder / name
        return read_typed(path, hints) if path.exists() else {}

    return Story(
        folder=folder,
        head=header(folder),
        plan=Plan.read(folder / "plan.json").decisions,
        machine=there("env.json", {"machine": dict[str, Any], "versions": dict[str, Any]}),
        result=read_result(folder) if (folder / "metrics.json").exists() else {},
        journal=read_journal(folder / "journal.jsonl"),
    )


# -- the verdict -----------------------------------------------------------------------------------------


def _verdict(story: Story) -> Html:
    """The one line to quote: the headline beside the baseline, and what it cost."""
    result = story.result
    if not result:
        started = story.facts("started")
        steps = f" of {started[-1]['steps']:,}" if started else ""
        return markup(
            f"Not finished: at step {story.reached():,}{steps}, and not scored on the test split yet."
        )
    beside = _beside(result["value"], result["baseline"], result["direction"])
    chance = result.get("chance")
    if chance is not None:
        said = "which may well be chance" if not chance < SIGNIFICANT else "hardly by chance"
        beside += f" ({said}, p = {shown(chance)})"
    cost = f"{result['steps']:,} steps in {_duration(result['seconds'])}"
    return markup(
        element("strong", f"{result['headline']} {shown(result['value'])}"),
        f" on the test split, {beside}, after {cost} on {result['device']} in {result['precision']}.",
    )


def _beside(value: Any, baseline: Any, direction: str) -> str:
    """How a score compares with the baseline's, in words."""
    if not (isinstance(value, Real) and isinstance(baseline, Real)):
        return f"beside {shown(baseline)} for the baseline"
    gain = float(value) - float(baseline) if direction == "higher" else float(baseline) - float(value)
    if gain == 0:
        return f"no better than the baseline's {shown(baseline)}"
    return f"{shown(abs(gain))} {'better' if gain > 0 else 'worse'} than the baseline's {shown(baseline)}"


def _remarks(story: Story) -> list[str]:
    """What qualifies the verdict."""
    remarks = []
    scored, reached = story.result.get("steps", 0), story.reached()
    if not story.result:
        remarks.append(f"Go on with `gradus resume {shlex.quote(str(story.folder))}`.")
    elif reached > scored:
        remarks.append(
            f"These scores are of step {scored:,}; training has gone on to step {reached:,} since."
        )
    ended = story.facts("ended")
    if ended and ended[-1]["reason"] != "all steps taken":
        remarks.append(f"Training ended early: {ended[-1]['reason']}.")
    return remarks


def _duration(seconds: float | None) -> str:
    """A length of time as one says it."""
    if seconds is None:
        return "an unknown time"
    if seconds < 120:
        return f"{seconds:.1f} seconds"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} minutes"


# -- curves ----------------------------------------------------------------------------------------------


def _curves(story: Story) -> list[Html]:
    """A chart for each name that was measured in training or scored on the validation split."""
    evaluated = [row for row in story.facts("evaluated") if row["split"] == "validation"]
    training, validation = _by_name(story.facts("measured"), "values"), _by_name(evaluated, "metrics")
    best = next((row["step"] for row in reversed(evaluated) if row["best"]), None)
    if not training and not validation:
        return [element("p", "The journal has no measurements yet.")]
    rates = {name: line for name, line in training.items() if _is_rate(name, training)}
    norms = {name: line for name, line in training.items() if name.endswith("gradient_norm")}
    names = [n for n in training | validation if n not in rates | norms and n != "memory_gib"]
    names.sort(key=lambda n: (not n.endswith("loss"), n != story.result.get("headline")))
    both = {name: [*training.get(name, []), *validation.get(name, [])] for name in names}
    told = story.result.get("headline")
    still = [n for n in names if _is_still(both[n]) and not n.endswith("loss") and n != told]
    names = [n for n in names if n not in still]
    charts = [_both(n, training.get(n, []), validation.get(n, []), best) for n in names]
    engine = [
        *(
            [chart("learning rate", _by_optimizer(rates, "rate", kind="exact"), from_zero=True)]
            if rates
            else []
        ),
        *([chart("gradient norm", _by_optimizer(norms, "gradient_norm"), may_be_log=True)] if norms else []),
    ]
    out = [element("div", *charts[:FIRST_CHARTS], *engine, class_="charts")]
    if still:
        values = ", ".join(f"{_spoken(name)} {shown(both[name][0][1])}" for name in still)
        out.append(element("p", f"Never changed: {values}.", class_="note"))
    if rest := charts[FIRST_CHARTS:]:
        more = element("summary", f"{len(rest)} more")
        out.append(element("details", more, element("div", *rest, class_="charts")))
    if best is not None:
        out.append(element("p", f"Rings mark the best evaluation, at step {best:,}.", class_="note"))
    if not validation:
        out.append(element("p", "No validation split was scored.", class_="note"))
    return out


def _is_still(points: Sequence[Point]) -> bool:
    """Whether a curve is a level line, which a sentence says as well."""
    return len(points) > 1 and len({value for _, value in points}) == 1


def _by_name(rows: Sequence[dict[str, Any]], key: str) -> dict[str, list[Point]]:
    """The series in the rows of a journal; null, which stands for no number, is NaN."""
    lines: dict[str, list[Point]] = {}
    for row in rows:
        for name, value in row[key].items():
            lines.setdefault(name, []).append((row["step"], _drawable(value)))
    return lines


def _drawable(value: float | None) -> float:
    """A value that the arithmetic of a picture bears; one beyond it is no number, or nought."""
    if value is None or abs(value) > LARGEST:
        return math.nan
    return 0.0 if abs(value) < 1 / LARGEST else float(value)


def _is_rate(name: str, training: dict[str, list[Point]]) -> bool:
    """Whether a name is an optimizer's learning rate, which stands beside its loss: error_rate does not."""
    return name == "rate" or (name.endswith("_rate") and f"{name.removesuffix('rate')}loss" in training)


def _both(name: str, training: list[Point], validation: list[Point], best: int | None) -> Html:
    """Training and validation under one name in one chart, so that the gap between them is seen."""
    lines = []
    if training:
        lines.append(Series(key=f"training, {_last(training)}", points=training))
    if validation:
        ringed = next((value for step, value in validation if step == best), None)
        said = _last(validation) if ringed is None else f"{shown(ringed)} at step {best:,}"
        key = f"validation, {said}"
        lines.append(Series(key=key, points=validation, kind="dots", tone=1, ringed_step=best))
    return chart(_spoken(name), lines, may_be_log=name.endswith("loss"))


def _by_optimizer(lines: dict[str, list[Point]], suffix: str, *, kind: Kind = "noisy") -> list[Series]:
    """One line an optimizer, each in a colour of its own."""
    series = []
    for place, (name, points) in enumerate(lines.items()):
        owner = _spoken(name.removesuffix(suffix)).strip()
        key = f"{owner}, {_last(points)}" if owner else _last(points)
        series.append(Series(key=key, points=points, kind=kind, tone=place % TONES))
    return series


def _last(points: Sequence[Point]) -> str:
    return f"last {shown(points[-1][1])}"


def _spoken(name: str) -> str:
    return name.replace("_", " ")


# -- scores, panels, findings, decisions -----------------------------------------------------------------


def _scores(story: Story) -> Html:
    """All scores on the test split beside the baseline's."""
    result = story.result
    if not result:
        return element("p", "None yet: the test split is scored once, when the run ends.")
    rows = []
    for name, value in result["metrics"].items():
        naive = result["baseline_metrics"].get(name, "")
        both = isinstance(value, Real) and isinstance(naive, Real)
        difference = float(value) - float(naive) if both else ""
        mark = element("small", f"headline, {result['direction']} is better")
        named = (
            markup(element("b", _spoken(name)), " ", mark) if name == result["headline"] else _spoken(name)
        )
        rows.append([named, value, naive, difference])
    return table(["metric", "this run", "baseline", "difference"], rows, signed="difference")


def _panels(folder: Path, panels: Sequence[Panel]) -> list[Html]:
    """A section for each panel of the job; figures are also saved under ``figures/``."""
    taken: set[str] = set()
    sections = []
    for panel in panels:
        parts = [element("p", panel.sentence)]
        if panel.figure is not None:
            suffix, content = picture(panel.figure)
            _save_figure(folder / "figures", _file_name(panel.title, taken), suffix, content)
            parts.append(embedded(suffix, content, alt=f"{panel.title}: {panel.sentence}"))
        if panel.rows:
            parts.append(table(panel.columns, panel.rows))
        sections.append(section(panel.title, *parts))
    return sections


def _save_figure(folder: Path, name: str, suffix: str, content: bytes) -> None:
    """Write a figure, and take away the one of an earlier report in the other format."""
    with naming(folder):
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.{'png' if suffix == 'svg' else 'svg'}").unlink(missing_ok=True)
    write_bytes(folder / f"{name}.{suffix}", content)


def _file_name(title: str, taken: set[str]) -> str:
    """A title as a plain file name that none before it has."""
    plain = re.sub("[^a-z0-9]+", "-", title.lower()).strip("-")[:60] or "figure"
    name, place = plain, 2
    while name in taken:
        name, place = f"{plain}-{place}", place + 1
    taken.add(name)
    return name


def _findings(story: Story) -> list[Html]:
    """What the run told that a person should know, one block a code."""
    by_code: dict[str, list[dict[str, Any]]] = {}
    for row in story.facts("found"):
        by_code.setdefault(row["code"], []).append(row)
    blocks = [_finding(code, rows) for code, rows in by_code.items()]
    return blocks or [element("p", "The run reported nothing unusual.")]


def _finding(code: str, rows: Sequence[dict[str, Any]]) -> Html:
    known = PAGES.get(code)
    first, last = (f"{rows[place]['step']:,}" for place in (0, -1))
    when = f"at step {first}" if len(rows) == 1 else f"{len(rows)} times, from step {first} to {last}"
    return element(
        "div",
        element("h3", known.title if known else "Finding", " ", element("small", f"{code}, {when}")),
        element("p", prose(rows[-1]["sentence"])),
        *([element("p", prose(known.remedy), class_="note")] if known else []),
        class_="finding",
    )


def _decisions(story: Story) -> list[Html]:
    """What was derived and not given, with the reasons."""
    if not story.plan:
        return [element("p", "There is no plan yet: it is written before the first step.")]
    said = "What was derived from the data and the machine, and why. A run that is resumed keeps these."
    rows = [
        [_spoken(name), _typed(made["value"], file="plan.json"), made["reason"]]
        for name, made in story.plan.items()
    ]
    return [element("p", said), table(["decision", "value", "reason"], rows)]


# -- the model card --------------------------------------------------------------------------------------


def _card(story: Story) -> list[Html]:
    """What one needs to judge the model and to make it again."""
    versions = story.machine.get("versions", {}) | {"gradus": story.head["gradus"]}
    made = [
        _block("run", _facts_of_run(story)),
        _block("machine", story.machine.get("machine", {"not recorded": "env.json is missing"})),
        _block("versions", versions),
    ]
    settings = [_block(path, values) for path, values in _grouped(story.head["config"])]
    commands = [
        markup(element("p", label), element("pre", element("code", typed)))
        for label, typed in _commands(story)
    ]
    return [
        element("p", CAVEAT),
        element("h3", "How it was made"),
        element("div", *made, class_="settings"),
        element("h3", "Settings"),
        element("div", *settings, class_="settings"),
        element("h3", "Commands"),
        *commands,
    ]


def _commands(story: Story) -> list[tuple[str, str]]:
    """What to type to make the run again, to go on with it and to use it."""
    run = shlex.quote(str(story.folder))
    target = shlex.quote(f"{story.head['job']}/{story.head['recipe']}")
    job = story.head["job"]
    own = "" if job.isidentifier() else f" --job {shlex.quote(job)}"  # ours have plain names
    kept = [name for name in REPEATED if (story.folder / name).exists()]
    copied = " ".join(f"{run}/{name}" for name in kept)
    return [
        ("Train the recipe as it comes:", f"gradus train {target}"),
        (
            "Repeat this run with exactly its settings and decisions:",
            f"mkdir again && cp {copied} again/ && gradus resume again{own}",
        ),
        ("Train on:", f"gradus resume {run} --train.steps {2 * max(1, story.reached())}{own}"),
        ("Use the model:", f"gradus predict {run} INPUT...{own}"),
    ]


def _facts_of_run(story: Story) -> dict[str, Any]:
    """Numbers of the run itself, from its journal."""
    measured, ended = story.facts("measured"), story.facts("ended")
    facts: dict[str, Any] = {
        "steps taken": shown(story.reached()),
        "times started": len(story.facts("started")),
        "ended because": ended[-1]["reason"] if ended else "it has not ended",
        "weights kept": story.head["config"].get("train", {}).get("keep", "last"),
    }
    if measured:
        speed = statistics.median(row["samples_per_second"] or 0.0 for row in measured)
        memory = max(row["values"].get("memory_gib") or 0.0 for row in measured)
        facts |= {"items a second": shown(round(speed)), "most memory held": f"{memory:.2f} GiB"}
    return facts


def _block(title: str, values: dict[str, Any]) -> Html:
    """Named values under a small heading."""
    rows = [
        element("div", element("dt", _spoken(name)), element("dd", _typed(value, file="config.json")))
        for name, value in values.items()
    ]
    return element("div", element("h4", title), element("dl", *rows)) if rows else markup()


def _grouped(config: dict[str, Any], path: str = "") -> list[tuple[str, dict[str, Any]]]:
    """The settings by section: (dotted path, leaves), outer sections first."""
    groups = [(path or "job", {name: value for name, value in config.items() if not isinstance(value, dict)})]
    for name, value in config.items():
        if isinstance(value, dict):
            groups += _grouped(value, f"{path}.{name}".strip("."))
    return groups


def _typed(value: Any, *, file: str) -> str:
    """A value without loss; a long one is cut, with the file that has the whole."""
    if value is None or value in ([], {}):
        said = "none"
    elif isinstance(value, dict):
        said = "; ".join(_named(name, item, file=file) for name, item in value.items())
    elif isinstance(value, list) and not any(isinstance(item, dict | list) for item in value):
        said = ", ".join(_typed(item, file=file) for item in value)
    else:
        said = value if isinstance(value, str) else json.dumps(value)
    return said if len(said) <= LONGEST else f"{said[:LONGEST]} ... ({len(said):,} letters, whole in {file})"


def _named(name: str, value: Any, *, file: str) -> str:
    said = _typed(value, file=file)
    return f"{_spoken(name)} ({said})" if isinstance(value, dict) else f"{_spoken(name)}: {said}"


def _sources(story: Story) -> str:
    names = ("config.json", "plan.json", "env.json", "journal.jsonl", "metrics.json")
    there = ", ".join(name for name in names if (story.folder / name).exists())
    return f"Written by gradus {story.head['gradus']} from the files beside this page: {there}."
