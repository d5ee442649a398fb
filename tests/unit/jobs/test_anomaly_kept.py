"""The rows of a run that is opened again, whatever has become of its data."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from gradus.core.errors import InputError
from gradus.jobs.anomaly import JOB
from gradus.jobs.anomaly.data import load
from gradus.jobs.anomaly.prepare import NORMAL, DataConfig
from gradus.jobs.anomaly.recipes import RECIPES
from gradus.models.sequence_autoencoder import SequenceAutoencoderConfig
from tests.unit.jobs.reopened import begin

SPLITS = ("train", "validation", "test")
HEADER = "moment,size,kind,label"
ROWS = [f"{i},{i * i % 37},{'ab'[i % 2]},{'dos' if i % 9 == 4 else 'normal'}" for i in range(90)]
WINDOWS = SequenceAutoencoderConfig(window=3, width=8)


def write(path, rows, header=HEADER):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def config_of(path, model=None, **changes):
    config = RECIPES["smoke"]().config
    data = DataConfig(path=str(path), **changes)
    train = replace(config.train, batch=8)
    return replace(config, data=data, model=model or config.model, train=train)


@pytest.fixture
def table(tmp_path):
    return write(tmp_path / "rows.csv", ROWS)


@pytest.fixture(params=["at random", "in time", "windows"])
def begun(table, tmp_path, request):
    given = {"in time": {"time": "moment"}, "windows": {"model": WINDOWS}}.get(request.param, {})
    return begin(JOB, config_of(table, **given), tmp_path / "run")


def same(opened, other, split):
    found, wanted = (one.parts.rows.part(split) for one in (opened, other))
    tensors = all(torch.equal(getattr(found, n), getattr(wanted, n)) for n in ("row", "starts", "ends"))
    return tensors and found.label.tolist() == wanted.label.tolist()


def seen(begun):
    """Read what the run was begun with, before it changes."""
    for split in SPLITS:
        begun.opened.parts.rows.part(split)


def another_column(path, begun):
    rows = [row.split(",") for row in ROWS]
    write(path, [f"{kind},note,{label},{size},{moment}" for moment, size, kind, label in rows],
          "kind,note,label,size,moment")  # fmt: skip


def renamed(path, begun):
    path.rename(path.with_name("other.csv"))


def appended(path, begun):
    write(path, [*ROWS, "200,3,a,normal", "201,4,b,dos"])


def inserted(path, begun):
    write(path, [*ROWS[:40], "200,3,a,normal", "201,4,b,dos", *ROWS[40:]])


def broken_below(path, begun):
    write(path, [*ROWS, "200,many,a,normal", "201"])


@pytest.mark.parametrize("change", [another_column, renamed, appended, inserted, broken_below])
def test_every_split_stays_what_it_was(begun, table, change):
    seen(begun)
    change(table, begun)
    moved = config_of(table.with_name("other.csv")).data.path if change is renamed else str(table)
    config = begun.opened.config
    opened = begun.again(replace(config, data=replace(config.data, path=moved)))
    found, before = begun.splits(opened), begun.splits()
    assert {split: found[split] for split in SPLITS} == {split: before[split] for split in SPLITS}
    assert all(same(opened, begun.opened, split) for split in SPLITS)
    added = ["2 items added"] if change in (appended, inserted) else []
    assert [said[:13] for said in begun.said(opened)] == added


def test_rows_in_another_order_are_the_same_rows(begun, table):
    seen(begun)
    write(table, ROWS[::-1])
    opened = begun.again()
    if begun.opened.config.model == WINDOWS:  # another row begins the file
        with pytest.raises(InputError, match="GR-RUN-019"):
            opened.parts.rows.part("train")
        return
    assert all(same(opened, begun.opened, split) for split in SPLITS)


def line_of(begun, split):
    return int(begun.name(split, 2).rpartition(" ")[2]) - 2


def without(split):
    return lambda begun: [row for i, row in enumerate(ROWS) if i != line_of(begun, split)]


def edited(begun):
    return ["500,1,a,normal" if i == line_of(begun, "test") else row for i, row in enumerate(ROWS)]


def relabelled(begun):
    lines = [line_of(begun, split) for split in ("train", "test")]
    return [f"{row.rpartition(',')[0]},odd" if i in lines else row for i, row in enumerate(ROWS)]


@pytest.mark.parametrize(
    ("change", "lost", "said"),
    [
        (without("test"), {"test": 1}, ["1 item removed from the test split"]),
        (without("train"), {"train": 1}, ["1 item removed from the train split"]),
        (edited, {"test": 1}, ["1 item changed in the test split"]),
        (relabelled, {"train": 1, "test": 1}, ["1 item changed in the train", "1 item changed in the test"]),
    ],
)
def test_what_is_gone_is_told_and_nothing_takes_its_place(begun, table, change, lost, said):
    write(table, change(begun))
    opened = begun.again()
    found, before = begun.splits(opened), begun.splits()
    for split in SPLITS:
        assert found[split] == [key for key in before[split] if key in found[split]]
        assert len(found[split]) == len(before[split]) - lost.get(split, 0)
    assert opened.run.manifest.found.lost(*SPLITS) == sum(lost.values())
    if begun.opened.config.model == WINDOWS:
        with pytest.raises(InputError, match="GR-RUN-019"):
            opened.parts.rows.part("test")
    else:
        assert len(opened.parts.rows.part("test").rows) == len(found["test"])
    if len(said) == 1:
        assert begun.said(opened)[0].startswith(said[0])


def test_all_other_data_are_no_part_of_the_run(begun, table):
    write(table, [f"{1000 + i},{i * i % 41 + 0.5},{'ab'[i % 2]},normal" for i in range(90)])
    opened = begun.again()
    assert not any(begun.splits(opened)[split] for split in SPLITS)
    with pytest.raises(InputError, match="GR-RUN-019"):
        opened.parts.rows.part("test")
    other = begun.again(own_data=False)
    begun.splits(other)
    assert len(other.parts.rows.part("all").rows) == 90  # all normal: they could not be divided


def test_a_score_stays_when_rows_are_added(begun, table):
    config = begun.opened.config
    JOB.settle(config, begun.opened.parts, begun.opened.run)
    with torch.no_grad():
        before = JOB.evaluate(config, begun.opened.parts, begun.opened.run, "test")
        inserted(table, begun)
        opened = begun.again()
        opened.parts.detector.load_state_dict(begun.opened.parts.detector.state_dict())
        JOB.settle(config, opened.parts, opened.run)
        assert JOB.evaluate(config, opened.parts, opened.run, "test") == before


def test_a_division_anew_would_test_on_what_was_trained_on(table, tmp_path):
    config = config_of(table).data
    before = {row for row in load(config, window=1).splits["train"].rows.tolist()}
    write(table, [*ROWS, "200,3,a,normal"])
    assert before & {row for row in load(config, window=1).splits["test"].rows.tolist()}


@pytest.mark.parametrize("model", [None, WINDOWS])
def test_planted_anomalies_come_out_the_same(table, tmp_path, model):
    write(table, [row.rpartition(",")[0] for row in ROWS], "moment,size,kind")
    begun = begin(JOB, config_of(table, model), tmp_path / "run")
    seen(begun)
    assert set(begun.opened.parts.rows.part("test").label.tolist()) > {NORMAL}
    # Beside new rows there is a label now, which the run knows nothing of.
    write(table, [*(row.rpartition(",")[0] + ",normal" for row in ROWS), "200,3,a,dos"])
    opened = begun.again()
    assert all(same(opened, begun.opened, split) for split in SPLITS)
    assert begun.said(opened)[0].startswith("1 item added")


def test_a_row_may_move_from_one_table_to_the_other(tmp_path):
    place = tmp_path / "set"
    write(place / "train.csv", ROWS[:60])
    write(place / "test.csv", [f"{row},x" for row in ROWS[60:]], f"{HEADER},more")
    begun = begin(JOB, config_of(place), tmp_path / "run")
    seen(begun)
    write(place / "train.csv", [*ROWS[:60], ROWS[70]])
    write(
        place / "test.csv",
        [f"{row},x" for i, row in enumerate(ROWS) if i >= 60 and i != 70],
        f"{HEADER},more",
    )
    opened = begun.again()
    assert all(same(opened, begun.opened, split) for split in SPLITS)
    assert begun.said(opened) == []


def test_windows_end_where_files_ended(tmp_path):
    place = tmp_path / "set"
    write(place / "a.csv", ROWS[:30])
    write(place / "b.csv", ROWS[30:])
    begun = begin(JOB, config_of(place, WINDOWS), tmp_path / "run")
    seen(begun)
    write(place / "a.csv", [*ROWS[:30], "200,3,a,normal"])
    opened = begun.again()
    assert all(same(opened, begun.opened, split) for split in SPLITS)
    (place / "b.csv").unlink()
    write(place / "a.csv", ROWS)
    with pytest.raises(InputError, match="GR-RUN-019"):
        begun.again().parts.rows.part("train")


def test_the_twin_comes_back(tmp_path):
    config = RECIPES["smoke"]().config
    begun = begin(JOB, replace(config, data=replace(config.data, count=100)), tmp_path / "run")
    opened = begun.again()
    assert all(same(opened, begun.opened, split) for split in SPLITS)
    assert begun.said(opened) == []
    assert np.concatenate([opened.parts.rows.part(split).rows for split in SPLITS]).size == 200
