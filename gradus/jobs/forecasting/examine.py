"""A look at one's own series before training: times, gaps, duplicates, bad and missing values."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from shlex import quote

import numpy as np

from gradus.data.calendar import season_of, shown, worded
from gradus.data.cells import KEPT
from gradus.data.mending import TimeFaults, time_faults
from gradus.data.moments import formats_of
from gradus.data.series import Raw, read_series
from gradus.engine.job import Panel
from gradus.jobs.forecasting.config import Config
from gradus.jobs.forecasting.data import DataConfig, form_of, path_of
from gradus.jobs.forecasting.inputs import load
from gradus.jobs.forecasting.survey import about_steps

TWICE = "Times that are there twice"
MANY = 0.2  # as a share of the rows: that is no slip, but a table of several series


def examine(config: Config) -> list[Panel]:
    """What is in the table of a config and all that is wrong with it; InputError where it is none."""
    raws = _raws(config.data)
    faults = [time_faults(raw.times, dated=raw.dated) for raw in raws]
    return [
        _series(raws, faults, config.data),
        Panel(
            title="Columns",
            sentence="Over all rows that can be read.",
            columns=("column", "least", "mean", "largest", "deviation", "missing"),
            rows=[_column(raws, place) for place in range(len(raws[0].columns))],
        ),
        *_about_times(raws, faults, config.data),
        _bad_cells(raws[0]),
        *_about_values(raws, config.data),
        _notes(raws, faults),
    ]


def _raws(data: DataConfig) -> list[Raw]:
    """The series as they are in the file, without rows that cannot be read and columns of text."""
    if data.source == "waves":
        made = [part.series for part in load(data)[0]]
        return [
            Raw(s.name, s.where, s.times, s.dated, np.arange(1, len(s.times) + 1), s.columns, s.values)
            for s in made
        ]
    return read_series(path_of(data), replace(form_of(data), skip_bad=True, skip_texts=True))


def _series(raws: Sequence[Raw], faults: Sequence[TimeFaults], data: DataConfig) -> Panel:
    """How long each series is, and by what step it goes."""
    season = data.season or season_of(faults[0].step)
    rows = []
    for raw, fault in zip(raws, faults, strict=True):
        begin, end = shown(np.array([raw.times.min(), raw.times.max()]), dated=raw.dated)
        rows.append((raw.name or "-", len(raw.rows), begin, end, worded(fault.step)))
    return Panel(
        title="Series",
        sentence=f"{len(raws)}, {sum(len(raw.rows) for raw in raws)} rows; season "
        f"{season if season > 1 else 'unknown: give --data.season'}.",
        columns=("series", "rows", "from", "to", "a row every"),
        rows=rows,
    )


def _column(raws: Sequence[Raw], place: int) -> tuple[str, ...]:
    values = np.concatenate([raw.values[:, place] for raw in raws])
    there = values[~np.isnan(values)]
    if len(there) == 0:
        return (raws[0].columns[place], "", "", "", "", str(len(values)))
    numbers = (there.min(), there.mean(), there.max(), there.std())
    return (raws[0].columns[place], *(f"{n:.5g}" for n in numbers), str(len(values) - len(there)))


def _about_times(raws: Sequence[Raw], faults: Sequence[TimeFaults], data: DataConfig) -> list[Panel]:
    """What is wrong with the times, and the treatment that there is."""

    def panel(
        title: str,
        remedy: str,
        treatment: str,
        places: Callable[[TimeFaults], np.ndarray],
        *,
        what: str = "rows",
    ) -> Panel:
        rows = []
        for raw, fault in zip(raws, faults, strict=True):
            comes = title == "Times that go back"  # these are counted as they come, the others in order
            order = np.arange(len(raw.rows)) if comes else np.argsort(raw.times, kind="stable")
            rows += [(int(row), raw.name) for row in raw.rows[order][places(fault)]]
        said = f"{len(rows)} {what}; "
        said += f"{remedy} trains on them." if treatment == "error" else f"treated by {remedy}."
        several = len(raws) > 1
        if title == TWICE and not several and len(rows) > MANY * len(raws[0].rows):
            said = f"{len(rows)} {what}: if a column names the series of a row, --data.series takes it."
        return Panel(
            title=title,
            sentence=said if rows else "None.",
            columns=(raws[0].counted, "series") if several else (raws[0].counted,),
            rows=[row if several else row[:1] for row in rows],
        )

    def given(setting: str, chosen: str, usual: str) -> str:
        return f"--data.mend.{setting} {usual if chosen == 'error' else chosen}"

    mend, missing = data.mend, sum(fault.num_missing for fault in faults)
    return [
        panel("Times that go back", given("order", mend.order, "sort"), mend.order, lambda f: f.unsorted),
        panel(
            TWICE,
            given("duplicates", mend.duplicates, "first"),
            mend.duplicates,
            lambda f: f.duplicates,
        ),
        panel(
            "Gaps",
            given("gaps", mend.gaps, "hold"),
            mend.gaps,
            lambda f: f.gaps,
            what=f"rows, before which {missing} steps of {worded(faults[0].step)} are missing",
        ),
        panel(
            "Irregular steps",
            "--data.mend.gaps ignore",
            "ignore" if mend.gaps == "ignore" else "error",
            lambda f: f.irregular,
        ),
    ]


def _bad_cells(raw: Raw) -> Panel:
    """Cells that are no time or no number, and rows of another width."""
    return Panel(
        title="Bad cells",
        sentence=f"{len(raw.faults)}, at most {KEPT} of a column; --skip-bad trains without their rows, and "
        "leaves gaps."
        if raw.faults
        else "None.",
        columns=("where", "wanted", "got"),
        rows=[(fault.where.removeprefix(f"{raw.where}, "), fault.wanted, fault.got) for fault in raw.faults],
    )


def _about_values(raws: Sequence[Raw], data: DataConfig) -> list[Panel]:
    """Columns that are of no use as they are, and values that are missing."""
    columns, counted = raws[0].columns, raws[0].counted
    values = np.concatenate([raw.values for raw in raws])
    rows, missing = np.concatenate([raw.rows for raw in raws]), np.isnan(values)
    constant, others = list[str](), list[str]()
    for place, name in enumerate(columns):
        changes = len(np.unique(values[~missing[:, place], place])) > 1
        (others if changes else constant).append(name)
    treated = "hold" if data.mend.missing == "error" else data.mend.missing
    return [
        Panel(
            title="Constant columns",
            sentence=f"{', '.join(constant)}: cannot be forecast"
            + (f"; --data.targets {' '.join(map(quote, others))} names the others." if others else ".")
            if constant
            else "None.",
        ),
        Panel(
            title="Missing values",
            sentence=f"{int(missing.sum())}; --data.mend.missing {treated} trains on them."
            if missing.any()
            else "None.",
            columns=(counted, "column"),
            rows=[(int(rows[r]), columns[c]) for r, c in np.argwhere(missing).tolist()],
        ),
    ]


def _notes(raws: Sequence[Raw], faults: Sequence[TimeFaults]) -> Panel:
    """What was done in reading, and what the times look like."""
    import polars

    notes = [note for raw in raws for note in raw.notes] + about_steps(fault.step for fault in faults)
    times = raws[0].times
    if not raws[0].dated:
        fitting = formats_of(polars.Series(times).cast(polars.String))
        if fitting:
            notes.append(
                "Times are taken as plain numbers, without a calendar; if they are dates, "
                f"--data.time-format {quote(fitting[0])} reads them."
            )
    columns = raws[0].columns
    if all(np.array_equal(raw.times, np.arange(len(raw.times))) for raw in raws):
        rising = [c for place, c in enumerate(columns) if all(_rises(raw.values[:, place]) for raw in raws)]
        notes += [f"{name} only rises: --data.time {quote(name)} takes it for the times." for name in rising]
    else:
        counts = [c for place, c in enumerate(columns) if all(_counts(raw.values[:, place]) for raw in raws)]
        notes += [f"{name} counts the rows; --data.targets names what is to be forecast." for name in counts]
    return Panel(title="Notes", sentence=" ".join(notes) or "None.")


def _rises(values: np.ndarray) -> bool:
    return len(values) > 1 and bool((np.diff(values) > 0).all())


def _counts(values: np.ndarray) -> bool:
    return len(values) > 1 and bool((np.diff(values) == 1).all())
