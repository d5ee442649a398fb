"""The rows of series of a run that is opened again, whatever has become of its data."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from gradus.core.errors import InputError
from gradus.data.mending import Mending
from gradus.jobs.forecasting import JOB
from gradus.jobs.forecasting.data import DataConfig
from gradus.jobs.forecasting.inputs import load
from gradus.jobs.forecasting.recipes import RECIPES
from tests.unit.jobs.reopened import begin

SPLITS = ("train", "validation", "test")


def rows_of(count, *, name="", first=0):
    """A row a day: a name, a time, a value that walks, another one."""
    walk = 99 + np.random.default_rng(len(name)).normal(0, 1, first + count).cumsum()
    days = np.datetime_as_string(np.arange(first + count).astype("datetime64[D]") + 20_000)
    rows = [
        f"{name},{day},{value:.4f},{place % 7}"
        for place, (day, value) in enumerate(zip(days, walk, strict=True))
    ]
    return rows[first:]


ONE = rows_of(120, name="one")
TWO = rows_of(90, name="other")


def write(path, rows, header="name,date,a,b"):
    load.cache_clear()
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def config_of(path, **changes):
    config = RECIPES["smoke"]().config
    given = {"input_steps": 6, "horizon": 2, "series": "name", "targets": ("a",), "past": ("b",)}
    data = DataConfig(path=str(path), **(given | changes))
    return replace(config, data=data, train=replace(config.train, batch=8))


@pytest.fixture
def table(tmp_path):
    return write(tmp_path / "series.csv", ONE + TWO)


@pytest.fixture
def begun(table, tmp_path):
    begun = begin(JOB, config_of(table), tmp_path / "run")
    seen(begun)
    return begun


def seen(begun):
    """Read what the run was begun with, before it changes."""
    for split in SPLITS:
        begun.opened.parts.series.starts(split)


def same(opened, other, split):
    found, wanted = (one.parts.series.batch(one.parts.series.starts(split)) for one in (opened, other))
    return found.keys() == wanted.keys() and all(torch.equal(found[name], wanted[name]) for name in wanted)


def as_it_was(path, begun):
    write(path, ONE + TWO)


def more_days(path, begun):
    write(path, [*ONE, *rows_of(2, name="one", first=120), *TWO, *rows_of(1, name="other", first=90)])


def another_series(path, begun):
    write(path, [*rows_of(40, name="new"), *ONE, *TWO])


def other_order(path, begun):
    write(path, TWO + ONE)


def another_column(path, begun):
    rows = [row.split(",") for row in ONE + TWO]
    write(path, [f"{b},note,{day},{a},{name}" for name, day, a, b in rows], "b,more,date,a,name")


def broken_below(path, begun):
    write(path, [*ONE, *TWO, "other,2026-01-01,many,1"])


@pytest.mark.parametrize(
    ("change", "added"),
    [
        (as_it_was, []),
        (more_days, ["3 items added"]),
        (another_series, ["40 items adde"]),
        (other_order, []),
        (another_column, []),
        (broken_below, []),
    ],
)
def test_every_split_stays_what_it_was(begun, table, change, added):
    change(table, begun)
    opened = begun.again()
    found, before = begun.splits(opened), begun.splits()
    assert {split: found[split] for split in SPLITS} == {split: before[split] for split in SPLITS}
    assert all(same(opened, begun.opened, split) for split in SPLITS)
    assert [said[:13] for said in begun.said(opened)] == added


GONE = {
    "the first row": [*ONE[1:], *TWO],
    "the last row": [*ONE, *TWO[:-1]],
    "a series": ONE,
    "another value": [*ONE[:50], ONE[50][:-1] + "9", *ONE[51:], *TWO],
}
BETWEEN = {"a row before": ["one,2024-10-03,1,1", *ONE, *TWO]}


@pytest.mark.parametrize("rows", (GONE | BETWEEN).values(), ids=(GONE | BETWEEN).keys())
def test_rows_that_follow_each_other_are_all_there_or_refused(begun, table, rows):
    assert ONE[0].startswith("one,2024-10-04")
    write(table, rows)
    opened = begun.again()
    found, before = begun.splits(opened), begun.splits()
    for split in SPLITS:
        assert found[split] == [key for key in before[split] if key in found[split]]
    assert bool(opened.run.manifest.found.lost(*SPLITS)) == (rows in GONE.values())
    for split in SPLITS:
        with pytest.raises(InputError, match="GR-RUN-019"):
            opened.parts.series.starts(split)


def test_a_row_that_comes_between_two_is_refused(table, tmp_path):
    write(table, ONE[::2])
    config = config_of(table, mend=Mending(gaps="ignore"))
    begun = begin(JOB, config, tmp_path / "run")
    write(table, [*ONE[:11:2], ONE[11], *ONE[12::2]])
    opened = begun.again()
    assert begun.said(opened)[0].startswith("1 item added")
    with pytest.raises(InputError, match="GR-RUN-019"):
        opened.parts.series.starts("test")


def test_all_other_data_are_no_part_of_the_run(begun, table):
    write(table, rows_of(100, name="different"))
    opened = begun.again()
    assert not any(begun.splits(opened)[split] for split in SPLITS)
    with pytest.raises(InputError, match="GR-RUN-019"):
        opened.parts.series.starts("all")
    other = begun.again(own_data=False)
    begun.splits(other)
    assert len(other.parts.series.starts("all")) == 100 - 6 - 2 + 1
    assert len(other.parts.series.starts("test")) == 20 - 2 + 1


def test_other_data_may_hold_what_was_trained_on(begun, table):
    write(table, [*ONE[100:], *rows_of(20, name="one", first=120)])
    other = begun.again(own_data=False)
    found = JOB.items(other.config, other.parts)
    assert len(other.parts.series.starts("all")) == 40 - 6 - 2 + 1
    assert sum(other.run.manifest.holds(part) for part in found.splits.values()) == 0  # they were tested on
    write(table, [*ONE[60:], *rows_of(20, name="one", first=120)])
    other = begun.again(own_data=False)
    found = JOB.items(other.config, other.parts)
    assert sum(other.run.manifest.holds(part) for part in found.splits.values()) == 84 - 60
    assert same(other, begin(JOB, config_of(write(table, ONE)), table.parent / "one").opened, "test")


def test_a_score_stays_when_days_are_added(begun, table):
    config = begun.opened.config
    with torch.no_grad():
        before = JOB.evaluate(config, begun.opened.parts, begun.opened.run, "test")
        more_days(table, begun)
        opened = begun.again()
        opened.parts.model.load_state_dict(begun.opened.parts.model.state_dict())
        assert JOB.evaluate(config, opened.parts, opened.run, "test") == before
        anew = begin(JOB, config, table.parent / "anew")
        anew.opened.parts.model.load_state_dict(begun.opened.parts.model.state_dict())
        assert JOB.evaluate(config, anew.opened.parts, anew.opened.run, "test") != before


@pytest.mark.parametrize(
    "settings",
    [
        {"folds": 3, "fold": 1},
        {"validation": 0.0},
        {"borders": ("2024-12-01", "2024-12-20")},
        {"indicators": ("sma_5",), "past": ()},
        {"calendar": ("weekday",), "known": ("b",), "past": ()},
    ],
)
def test_every_division_is_kept(table, tmp_path, settings):
    begun = begin(JOB, config_of(table, **settings), tmp_path / "run")
    seen(begun)
    assert begun.said(begun.again()) == []
    more_days(table, begun)
    opened = begun.again()
    assert all(same(opened, begun.opened, split) for split in SPLITS)


def test_rows_that_are_counted_may_be_appended(tmp_path):
    lines = [row.split(",", 2)[2] for row in ONE]
    path = write(tmp_path / "counted.csv", lines, "a,b")
    begun = begin(JOB, config_of(path, series=None), tmp_path / "run")
    seen(begun)
    write(path, [*lines, "1,1"], "a,b")
    assert all(same(begun.again(), begun.opened, split) for split in SPLITS)
    write(path, ["1,1", *lines], "a,b")
    with pytest.raises(InputError, match="GR-RUN-019"):
        begun.again().parts.series.starts("test")


def test_the_twin_comes_back(tmp_path):
    config = RECIPES["smoke"]().config
    begun = begin(JOB, config, tmp_path / "run")
    opened = begun.again()
    assert all(same(opened, begun.opened, split) for split in SPLITS)
    assert begun.said(opened) == []
