"""The recordings of a run that is opened again, whatever has become of its data."""

from dataclasses import replace

import pytest
import torch

from gradus.core.errors import InputError
from gradus.jobs.speech import JOB
from gradus.jobs.speech.data import DataConfig, load
from gradus.jobs.speech.recipes import RECIPES
from tests.unit.data.made import write_files
from tests.unit.data.made_sounds import tone, wav
from tests.unit.jobs.reopened import begin

pytest.importorskip("jiwer")

SPLITS = ("train", "validation", "test")
WORDS = ("one", "two", "three")


def sound(number):
    return wav(tone(0.3, hertz=200 + 7 * number))


def files_of(count, first=0):
    """Sounds with a text beside each."""
    files = {}
    for number in range(first, first + count):
        files[f"{number:03}.wav"] = sound(number)
        files[f"{number:03}.txt"] = WORDS[number % 3].encode()
    return files


def config_of(place, **changes):
    config = RECIPES["smoke"]().config
    data = DataConfig(path=str(place), rate_hz=8000, validation=0.2, **changes)
    return replace(config, data=data, train=replace(config.train, batch=4))


@pytest.fixture
def place(tmp_path):
    load.cache_clear()
    return write_files(tmp_path / "set", files_of(20))


@pytest.fixture
def begun(place, tmp_path):
    return begin(JOB, config_of(place), tmp_path / "run")


def same(opened, other, split):
    found, wanted = (one.parts.splits.clips(split) for one in (opened, other))
    same_sounds = torch.equal(found.sounds.values, wanted.sounds.values)
    return (
        same_sounds and torch.equal(found.sounds.bounds, wanted.sounds.bounds) and found.texts == wanted.texts
    )


def renamed(place, begun):
    for path in sorted(place.iterdir()):
        path.rename(place / f"z{999 - int(path.stem)}{path.suffix}")


def appended(place, begun):
    write_files(place, {"00.wav": sound(50), "00.txt": b"one", "zz.wav": sound(51), "zz.txt": b"two"})


def duplicated(place, begun):
    for name, split in (("00", "test"), ("zz", "train")):
        number = int(begun.name(split).partition(".")[0])
        write_files(place, {f"{name}.wav": sound(number), f"{name}.txt": WORDS[number % 3].encode()})


def broken_beside(place, begun):
    write_files(place, {"00.wav": b"no sound", "00.txt": b"one"})


@pytest.mark.parametrize("change", [renamed, appended, duplicated, broken_beside])
def test_every_split_stays_what_it_was(begun, place, change):
    change(place, begun)
    opened = begun.again()
    found, before = begun.splits(opened), begun.splits()
    assert {split: found[split] for split in SPLITS} == {split: before[split] for split in SPLITS}
    assert all(same(opened, begun.opened, split) for split in SPLITS)
    added = ["2 items added"] if change in (appended, duplicated) else []
    assert [said[:13] for said in begun.said(opened)] == added


def gone(split):
    def change(place, begun):
        for suffix in (".wav", ".txt"):
            (place / begun.name(split)).with_suffix(suffix).unlink()

    return change


def edited(place, begun):
    (place / begun.name("test")).write_bytes(sound(77))


def rewritten(place, begun):
    for split in ("train", "test"):
        (place / begun.name(split)).with_suffix(".txt").write_text("seven")


@pytest.mark.parametrize(
    ("change", "lost", "said"),
    [
        (gone("test"), {"test": 1}, ["1 item removed from the test split"]),
        (gone("train"), {"train": 1}, ["1 item removed from the train split"]),
        (edited, {"test": 1}, ["1 item changed in the test split"]),
        (rewritten, {"train": 1, "test": 1}, ["1 item changed in the train", "1 item changed in the test"]),
    ],
)
def test_what_is_gone_is_told_and_nothing_takes_its_place(begun, place, change, lost, said):
    change(place, begun)
    opened = begun.again()
    found, before = begun.splits(opened), begun.splits()
    for split in SPLITS:
        assert found[split] == [key for key in before[split] if key in found[split]]
        assert len(found[split]) == len(before[split]) - lost.get(split, 0)
        assert len(opened.parts.splits.clips(split)) == len(found[split])
    for wanted, sentence in zip(said, begun.said(opened), strict=True):
        assert sentence.startswith(wanted)


def test_all_other_data_are_no_part_of_the_run(begun, place):
    write_files(place, {name: content for name, content in files_of(20, first=40).items()})
    for path in place.glob("0[01]*"):
        path.unlink()
    opened = begun.again()
    assert not any(begun.splits(opened)[split] for split in SPLITS)
    with pytest.raises(InputError, match="GR-RUN-019"):
        opened.parts.splits.clips("test")
    load.cache_clear()
    other = begun.again(own_data=False)
    begun.splits(other)
    assert len(other.parts.splits.clips("all")) == 20
    assert len(other.parts.splits.clips("test")) == 4


def test_a_division_anew_would_test_on_what_was_trained_on(begun, place):
    before, config = load(begun.opened.config.data).splits, begun.opened.config
    appended(place, begun)
    load.cache_clear()
    assert set(load(config.data).splits["test"].names) & set(before["train"].names)
    opened = begun.again()
    assert opened.parts.splits.clips("test").names == before["test"].names


@pytest.mark.parametrize("settings", [{"folds": 4, "fold": 1}, {"test_on_train": True}])
def test_every_division_is_kept(place, tmp_path, settings):
    write_files(place.parent / "more", files_of(3, first=60) | files_of(2))
    config = config_of(place, train_also=(str(place.parent / "more"),), **settings)
    begun = begin(JOB, config, tmp_path / "run")
    assert len(begun.splits()["train"]) == (23 if settings.get("test_on_train") else 15)
    assert len(begun.splits()["left_out"]) == 2  # the set has them already
    assert begun.said(begun.again()) == []
    appended(place, begun)
    opened = begun.again()
    present = [split for split in SPLITS if begun.opened.parts.splits.clips(split)]
    assert all(same(opened, begun.opened, split) for split in present)
    assert begun.said(opened)[0].startswith("2 items added")


def test_what_is_too_short_stays_so_under_another_name(place, tmp_path):
    for number in (97, 98, 99):
        write_files(
            place, {f"0{number}.wav": wav(tone(0.02 + number / 1e4)), f"0{number}.txt": b"one two three"}
        )
    begun = begin(JOB, config_of(place, skip_bad=True), tmp_path / "run")
    assert begun.opened.run.plan.decisions["data"]["value"]["too_short"]
    before = begun.opened.parts.splits.clips("train")
    renamed(place, begun)
    assert begun.again().parts.splits.clips("train").texts == before.texts


def test_the_twin_is_keyed_by_its_samples(tmp_path):
    config = RECIPES["smoke"]().config
    begun = begin(JOB, replace(config, data=replace(config.data, count=10)), tmp_path / "run")
    opened = begun.again()
    assert all(same(opened, begun.opened, split) for split in SPLITS)
    assert begun.said(opened) == []
