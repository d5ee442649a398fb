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

from gradus.core.files import naming, read_json, write_bytes
from gradus.core.findings import PAGES
from gradus.engine.folder import header
from gradus.engine.job import Panel
from gradus.engine.journal import read_journal
from gradus.ship.charts import Point, Series, chart
from gradus.ship.page import Html, element, embedded, markup, page, picture, section, shown, table

FIRST_CHARTS = 8  # more metrics than these, one a class perhaps, are folded away
LONGEST = 240  # letters of a value in a table; the file has the rest


@dataclass(frozen=True, slots=True)
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
    name = str(story.result.get("job") or Path(str(story.head["job"])).name)
    title = f"{name} / {story.head['recipe']}"
    content = page(
        title,
        _text(verdict),
        element(
            "header",
            element("p", "gradus report", class_="eyebrow"),
            element("h1", name, element("span", f" / {story.head['recipe']}")),
            element("p", verdict, class_="verdict"),
            *(element("p", sentence, class_="aside") for sentence in _remarks(story)),
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
    def there(name: str) -> dict[str, Any]:
        path = folder / name
        return dict(read_json(path)) if path.exists() else {}

    journal = read_journal(folder / "journal.jsonl")
    return Story(
        folder, header(folder), there("plan.json"), there("env.json"), there("metrics.json"), journal
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
    value, baseline = result["value"], result["baseline"]
    cost = f"{result['steps']:,} steps in {_duration(result['seconds'])} on {result['device']} in {result['precision']}"
    strong = element("strong", f"{result['headline']} {shown(value)}")
    return markup(
        strong, f" on the test split, {_beside(value, baseline, result['direction'])}, after {cost}."
    )


def _beside(value: Any, baseline: Any, direction: str) -> str:
    """How a score compares with the baseline's, in words."""
    if not (isinstance(value, Real) and isinstance(baseline, Real)):
        return f"beside {shown(baseline)} for the baseline"
    gain = float(value) - float(baseline) if direction == "higher" else float(baseline) - float(value)
    if gain == 0:
        return f"no better than the baseline with {shown(baseline)}"
    return f"{shown(abs(gain))} {'better' if gain > 0 else 'worse'} than the baseline with {shown(baseline)}"


def _remarks(story: Story) -> list[str]:
    """What qualifies the verdict."""
    remarks = []
    scored = story.result.get("steps")
    if scored is not None and story.reached() > scored:
        remarks.append(
            f"These scores are of step {scored:,}; training has gone on to step {story.reached():,} since."
        )
    if not story.result:
        remarks.append(f"Go on with: gradus resume {shlex.quote(str(story.folder))}")
    ended = story.facts("ended")
    if ended and ended[-1]["reason"] != "all steps taken":
        remarks.append(f"Training ended early: {ended[-1]['reason']}.")
    return remarks


def _duration(seconds: float) -> str:
    """A length of time as one says it."""
    if seconds < 120:
        return f"{seconds:.1f} seconds"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} minutes"


def _text(content: Html) -> str:
    """What markup says, for a place that escapes it again."""
    return html.unescape(re.sub(r"<[^>]*>", "", content.text))


# -- curves ----------------------------------------------------------------------------------------------


def _curves(story: Story) -> list[Html]:
    """A chart for each name that was measured in training or scored on the validation split."""
    training = _by_name(story.facts("measured"), "values")
    evaluated = [row for row in story.facts("evaluated") if row["split"] == "validation"]
    validation = _by_name(evaluated, "metrics")
    best = next((row["step"] for row in reversed(evaluated) if row["best"]), None)
    if not training and not validation:
        return [element("p", "The journal has no measurements yet.")]
    rates = {name: line for name, line in training.items() if _is_rate(name, training)}
    norms = {name: line for name, line in training.items() if name.endswith("gradient_norm")}
    names = [n for n in (training | validation) if n not in rates | norms and n != "memory_gib"]
    names.sort(key=lambda n: (not n.endswith("loss"), n != story.result.get("headline")))
    charts = [_both(n, training.get(n), validation.get(n), best) for n in names]
    engine = [
        *([chart("learning rate", _several(rates, "rate"), from_zero=True)] if rates else []),
        *([chart("gradient norm", _several(norms, "gradient_norm"), may_be_log=True)] if norms else []),
    ]
    out = [element("div", *charts[:FIRST_CHARTS], *engine, class_="charts")]
    if rest := charts[FIRST_CHARTS:]:
        more = element("summary", f"{len(rest)} more")
        out.append(element("details", more, element("div", *rest, class_="charts")))
    if not validation:
        out.append(element("p", "No validation split was scored."))
    return out


def _by_name(rows: Sequence[dict[str, Any]], key: str) -> dict[str, list[Point]]:
    """The series in the rows of a journal; null, which stands for no number, is NaN."""
    lines: dict[str, list[Point]] = {}
    for row in rows:
        for name, value in row[key].items():
            lines.setdefault(name, []).append((row["step"], math.nan if value is None else float(value)))
    return lines


def _is_rate(name: str, training: dict[str, list[Point]]) -> bool:
    """Whether a name is an optimizer's learning rate, which stands beside its loss, and not a rate of errors."""
    return name == "rate" or (name.endswith("_rate") and f"{name.removesuffix('rate')}loss" in training)


def _both(name: str, training: list[Point] | None, validation: list[Point] | None, best: int | None) -> Html:
    """Training and validation under one name in one chart, so that the gap between them is seen."""
    lines = [
        *([Series(name="training", points=training)] if training else []),
        *([Series(name="validation", points=validation, dots=True, best_step=best)] if validation else []),
    ]
    return chart(_spoken(name), lines, may_be_log=name.endswith("loss"))


def _several(lines: dict[str, list[Point]], suffix: str) -> list[Series]:
    """One line an optimizer."""
    return [
        Series(name=n.removesuffix(suffix).rstrip("_") or "optimizer", points=p) for n, p in lines.items()
    ]


def _spoken(name: str) -> str:
    return name.replace("_", " ")


# -- scores, panels, findings, decisions -----------------------------------------------------------------


def _scores(story: Story) -> Html:
    """All scores on the test split beside the baseline's."""
    if not story.result:
        return element("p", "None yet: the test split is scored once, when the run ends.")
    baseline = story.result["baseline_metrics"]
    rows = []
    for name, value in story.result["metrics"].items():
        naive = baseline.get(name, "")
        both = isinstance(value, Real) and isinstance(naive, Real)
        label = _spoken(name)
        mark = element("small", f" headline, {story.result['direction']} is better")
        is_headline = name == story.result["headline"]
        named = markup(element("b", label), mark) if is_headline else markup(label)
        rows.append([named, value, naive, _signed(float(value) - float(naive)) if both else ""])
    return table(["metric", "this run", "baseline", "difference"], rows)


def _signed(difference: float) -> Html:
    said = shown(abs(difference))
    sign = "" if difference == 0 else "+" if difference > 0 else "\N{MINUS SIGN}"
    return markup(sign + said)


def _panels(folder: Path, panels: Sequence[Panel]) -> list[Html]:
    """A section for each panel of the job; figures are also saved under ``figures/``."""
    taken: set[str] = set()
    sections = []
    for panel in panels:
        parts = [element("p", panel.sentence)]
        if panel.figure is not None:
            suffix, content = picture(panel.figure)
            name = _file_name(panel.title, taken)
            with naming(folder / "figures"):
                (folder / "figures").mkdir(exist_ok=True)
                (folder / "figures" / f"{name}.{'png' if suffix == 'svg' else 'svg'}").unlink(missing_ok=True)
            write_bytes(folder / "figures" / f"{name}.{suffix}", content)
            parts.append(embedded(suffix, content, alt=f"{panel.title}: {panel.sentence}"))
        if panel.rows:
            parts.append(table(panel.columns, panel.rows))
        sections.append(section(panel.title, *parts))
    return sections


def _file_name(title: str, taken: set[str]) -> str:
    """A title as a plain file name that none before it has."""
    plain = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60] or "figure"
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
    watched = story.result.get("doctor", {}).get("verdict")
    doctor = [element("p", f"The doctor's verdict: {watched}.")] if watched else []
    if not by_code:
        return [element("p", "The run reported nothing unusual."), *doctor]
    return [*(_finding(code, rows) for code, rows in by_code.items()), *doctor]


def _finding(code: str, rows: Sequence[dict[str, Any]]) -> Html:
    known = PAGES.get(code)
    often = f", and {len(rows) - 1} more up to step {rows[-1]['step']:,}" if len(rows) > 1 else ""
    place = element("small", f" {code} at step {rows[0]['step']:,}{often}")
    return element(
        "div",
        element("h3", known.title if known else "A finding", place),
        element("p", rows[0]["sentence"]),
        *([element("p", element("small", known.remedy))] if known else []),
        class_="finding",
    )


def _decisions(story: Story) -> list[Html]:
    """What was derived and not given, with the reasons."""
    if not story.plan:
        return [element("p", "There is no plan yet: it is written before the first step.")]
    rows = [
        [_spoken(name), _typed(made["value"], "plan.json"), made["reason"]]
        for name, made in story.plan.items()
    ]
    said = "What was derived from the data and the machine, and why. A run that is resumed keeps these."
    return [element("p", said), table(["decision", "value", "reason"], rows)]


# -- the model card --------------------------------------------------------------------------------------


def _card(story: Story) -> list[Html]:
    """What one needs to judge the model and to make it again."""
    run, target = (
        shlex.quote(text) for text in (str(story.folder), f"{story.head['job']}/{story.head['recipe']}")
    )
    again = f"mkdir again && cp {run}/config.json {run}/plan.json again/ && gradus resume again"
    commands = [
        ("The recipe as it comes", f"gradus train {target}"),
        ("This run once more, with exactly the settings and decisions above", again),
        ("Train on", f"gradus resume {run} --train.steps {2 * max(1, story.reached())}"),
        ("Use the model", f"gradus predict {run} INPUT..."),
    ]
    said = (
        "The scores hold for data like the test split. They say nothing of other sources, of times to come or of "
        "groups of people that the data leave out: measure on your own before you rely on the model."
    )
    blocks = [
        _block("run", _facts_of_run(story)),
        _block("machine", story.machine.get("machine", {})),
        _block(
            "versions",
            {"gradus": story.head["gradus"]} | _without(story.machine.get("versions", {}), "gradus"),
        ),
    ]
    return [
        element("p", said),
        element("h3", "How it was made"),
        element("div", *blocks, class_="settings"),
        element("h3", "Settings"),
        element(
            "div", *(_block(n, values) for n, values in _grouped(story.head["config"])), class_="settings"
        ),
        element("h3", "Commands"),
        *(
            part
            for label, command in commands
            for part in (element("p", label), element("pre", element("code", command)))
        ),
    ]


def _facts_of_run(story: Story) -> dict[str, Any]:
    """Numbers of the run itself, from its journal."""
    measured, ended = story.facts("measured"), story.facts("ended")
    facts: dict[str, Any] = {
        "steps taken": story.reached(),
        "weights kept": story.head["config"].get("train", {}).get("keep", "last"),
        "times started": len(story.facts("started")),
        "ended because": ended[-1]["reason"] if ended else "it has not ended",
    }
    if measured:
        facts["items a second, median"] = round(
            statistics.median(row["samples_per_second"] for row in measured)
        )
        memory = [row["values"].get("memory_gib") for row in measured]
        facts["most memory held, GiB"] = max((round(m, 2) for m in memory if m is not None), default=None)
    return facts


def _block(title: str, values: dict[str, Any]) -> Html:
    """Named values under a small heading."""
    rows = [
        element("div", element("dt", _spoken(n)), element("dd", _typed(v, "config.json")))
        for n, v in values.items()
    ]
    return element("div", element("h4", title), element("dl", *rows)) if rows else markup()


def _grouped(config: dict[str, Any], path: str = "") -> list[tuple[str, dict[str, Any]]]:
    """The settings by section: (dotted path, leaves), outer sections first."""
    leaves = {name: value for name, value in config.items() if not isinstance(value, dict)}
    inner = [
        group
        for name, value in config.items()
        if isinstance(value, dict)
        for group in _grouped(value, f"{path}.{name}".strip("."))
    ]
    return [(path or "job", leaves), *inner]


def _without(values: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != name}


def _typed(value: Any, file: str) -> str:
    """A value as it was given, exactly; long ones are cut, with the file that has the whole."""
    if isinstance(value, list) and not any(isinstance(item, dict | list) for item in value):
        said = ", ".join(_typed(item, file) for item in value)
    else:
        said = value if isinstance(value, str) else "none" if value is None else json.dumps(value)
    return said if len(said) <= LONGEST else f"{said[:LONGEST]} ... ({len(said):,} letters, all in {file})"


def _sources(story: Story) -> str:
    there = [
        f"{n}.json" for n in ("config", "plan", "env", "metrics") if (story.folder / f"{n}.json").exists()
    ]
    said = "Every number on this page comes from the files beside it: "
    return f"gradus {story.head['gradus']}. {said}{', '.join([*there, 'journal.jsonl'])}."
