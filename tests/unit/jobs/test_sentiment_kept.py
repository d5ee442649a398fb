"""The texts of a run that is opened again, whatever has become of its data."""

import csv
from dataclasses import replace

import pytest
import torch

from gradus.core.errors import InputError
from gradus.data.ragged import Ragged
from gradus.jobs.sentiment import JOB
from gradus.jobs.sentiment.corpus import CorpusConfig, read_corpus
from gradus.jobs.sentiment.data import DataConfig, load
from gradus.jobs.sentiment.recipes import RECIPES
from tests.unit.jobs.reopened import begin

SPLITS = ("train", "validation", "test")
ROWS = [(f"{'fine' if i % 3 else 'dull'} number{i}", "ab"[i % 2]) for i in range(40)]
ROWS[::5] = [(f"{' ' * (i % 3)}same words", "a") for i in range(8)]  # these come into several splits
COLUMNS = ("text", "label")


def write(path, rows, columns=COLUMNS):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])


def config_of(path, **changes):
    config = RECIPES["smoke"]().config
    return replace(config, data=DataConfig(path=str(path), **changes), train=replace(config.train, batch=8))


@pytest.fixture
def table(tmp_path):
    load.cache_clear()
    write(tmp_path / "reviews.csv", ROWS)
    return tmp_path / "reviews.csv"


@pytest.fixture
def begun(table, tmp_path):
    begun = begin(JOB, config_of(table), tmp_path / "run")
    assert begun.splits()["left_out"]
    return begun


def same(opened, other, split):
    found, wanted = (one.parts.splits.columns(split) for one in (opened, other))
    for name, column in wanted.items():
        pairs = [(found[name], column)]
        if isinstance(column, Ragged):
            pairs = [(found[name].values, column.values), (found[name].bounds, column.bounds)]
        if not all(torch.equal(*pair) for pair in pairs):
            return False
    return True


def line_of(begun, split):
    """Which of the rows an item of a split was."""
    return int(begun.name(split).rpartition(" ")[2]) - 2


def swapped_columns(path, begun):
    write(path, [(label, "more", text) for text, label in ROWS], ("label", "notes", "text"))


def reordered(path, begun):
    write(path, ROWS[::-1])


def appended(path, begun):
    write(path, [("new one", "a"), *ROWS, ("new two", "b")])


def duplicated(path, begun):
    write(path, [ROWS[line_of(begun, "test")], *ROWS, ROWS[line_of(begun, "train")]])


def another_class(path, begun):
    write(path, [*ROWS, ("something", "c")])


def broken_line(path, begun):
    path.write_text(path.read_text() + "one,two,three\n")


KEPT = [swapped_columns, reordered, appended, duplicated, another_class, broken_line]


@pytest.mark.parametrize("change", KEPT)
def test_every_split_stays_what_it_was(begun, table, change):
    for split in SPLITS:
        begun.opened.parts.splits.columns(split)
    change(table, begun)
    opened = begun.again()
    found, before = begun.splits(opened), begun.splits()
    assert {split: found[split] for split in SPLITS} == {split: before[split] for split in SPLITS}
    assert all(same(opened, begun.opened, split) for split in SPLITS)
    added = ["2 items added"] if change in (appended, duplicated) else []
    assert [said[:13] for said in begun.said(opened)] == added


def without(split):
    return lambda begun: [row for i, row in enumerate(ROWS) if i != line_of(begun, split)]


def edited(begun):
    return [("other words", row[1]) if i == line_of(begun, "test") else row for i, row in enumerate(ROWS)]


def relabelled(begun):
    lines = [line_of(begun, split) for split in ("train", "test")]
    return [
        (text, "ba"["ab".index(label)]) if i in lines else (text, label)
        for i, (text, label) in enumerate(ROWS)
    ]


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
        assert len(opened.parts.splits.texts(split)) == len(found[split])
    for wanted, sentence in zip(said, begun.said(opened), strict=True):
        assert sentence.startswith(wanted)


def test_all_other_data_are_no_part_of_the_run(begun, table):
    write(table, [(f"other {text}", label) for text, label in ROWS])
    opened = begun.again()
    assert not any(begun.splits(opened)[split] for split in SPLITS)
    with pytest.raises(InputError, match="GR-RUN-019"):
        opened.parts.splits.columns("test")
    load.cache_clear()
    other = begun.again(own_data=False)
    begun.splits(other)
    assert len(other.parts.splits.texts("all")) == len(ROWS)
    assert len(other.parts.splits.texts("test")) == 8


def test_a_division_anew_would_test_on_what_was_trained_on(begun, table):
    before, config = load(begun.opened.config.data).texts.splits, begun.opened.config
    score = JOB.evaluate(config, begun.opened.parts, begun.opened.run, "test")
    write(table, [("new one", "a"), *ROWS])
    load.cache_clear()
    assert set(load(config.data).texts.splits["test"].texts) & set(before["train"].texts)
    opened = begun.again()
    opened.parts.model.load_state_dict(begun.opened.parts.model.state_dict())
    assert JOB.evaluate(config, opened.parts, opened.run, "test") == score


@pytest.mark.parametrize(
    "settings", [{"folds": 4, "fold": 1}, {"validation": 0.0}, {"repeated": "keep"}, {"labels": "several"}]
)
def test_every_division_is_kept(table, tmp_path, settings):
    begun = begin(JOB, config_of(table, **settings), tmp_path / "run")
    for split in SPLITS:
        begun.opened.parts.splits.columns(split)
    appended(table, begun)
    opened = begun.again()
    assert all(same(opened, begun.opened, split) for split in SPLITS)
    assert begun.said(opened)[0].startswith("2 items added")


@pytest.mark.parametrize("source", ["sentences", "sst2"])
def test_known_sets_come_back(tmp_path, source):
    path = None
    if source == "sst2":
        path = str(tmp_path)
        for part in ("train", "dev", "test"):
            lines = [f"{i % 2} {part} number {i}" for i in range(20)]
            (tmp_path / f"stsa.binary.{part}").write_text("\n".join(lines) + "\n")
    config = RECIPES["smoke"]().config
    config = replace(config, data=DataConfig(source=source, path=path, count=40))
    begun = begin(JOB, config, tmp_path / "run")
    opened = begun.again()
    assert all(same(opened, begun.opened, split) for split in SPLITS)
    assert begun.said(opened) == []


# -- word vectors ----------------------------------------------------------------------------------------


def test_a_corpus_that_grows_gives_the_sentences_of_before(tmp_path):
    read_corpus.cache_clear()
    lines = [f"the king{i % 7} rules the land{i % 5}" for i in range(60)]
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(lines) + "\n")
    config = RECIPES["word_vectors"]().config
    train = replace(config.train, batch=16)
    config = replace(config, data=CorpusConfig(path=str(path), min_count=1), train=train)
    begun = begin(JOB, config, tmp_path / "run")
    before = next(JOB.stream(config, begun.opened.parts, begun.opened.run))
    path.write_text("\n".join(["a new line", *lines]) + "\n")
    read_corpus.cache_clear()
    opened = begun.again()
    after = next(JOB.stream(config, opened.parts, opened.run))
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert begun.said(opened)[0].startswith("1 item added")
    path.write_text("\n".join(lines[1:]) + "\n")
    read_corpus.cache_clear()
    assert begun.said(begun.again())[0].startswith("1 item removed from the train split")
