"""The pictures of a run that is opened again, whatever has become of its data."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from gradus.core.errors import InputError
from gradus.jobs.image_classification import JOB
from gradus.jobs.image_classification.data import DataConfig, load
from gradus.jobs.image_classification.recipes import RECIPES
from tests.unit.jobs.reopened import begin

SPLITS = ("train", "validation", "test")


def picture(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(values).save(path)


def coin_tosses(place, count=40):
    """Noise in two folders: nothing can be learnt of it."""
    for number in range(count):
        picture(place / "ab"[number % 2] / f"{number}.png", number)
    return place


def config_of(place, **changes):
    config = RECIPES["smoke"]().config
    data = DataConfig(path=str(place), side=8, **changes)
    return replace(config, data=data, train=replace(config.train, batch=8))


@pytest.fixture
def begun(tmp_path):
    load.cache_clear()
    return begin(JOB, config_of(coin_tosses(tmp_path / "set")), tmp_path / "run")


def same(opened, other, split):
    found, wanted = (one.parts.pictures.tensors(split) for one in (opened, other))
    return all(torch.equal(found[name], wanted[name]) for name in wanted)


def renamed(place, begun):
    for number, path in enumerate(sorted(place.rglob("*.png"))):
        path.rename(path.with_name(f"other {39 - number}.png"))


def appended(place, begun):
    for number in range(3):
        picture(place / "a" / f"00{number}.png", 100 + number)  # before all others


def duplicated(place, begun):
    shutil.copy(place / begun.name("test"), place / "a" / "000.png")
    shutil.copy(place / begun.name("train"), place / "b" / "zzz.png")


def broken_beside(place, begun):
    (place / "a" / "000.png").write_bytes(b"no picture")


@pytest.mark.parametrize("change", [renamed, appended, duplicated, broken_beside, lambda place, begun: None])
def test_every_split_stays_what_it_was(begun, tmp_path, change):
    change(tmp_path / "set", begun)
    opened = begun.again()
    found, before = begun.splits(opened), begun.splits()
    assert {split: found[split] for split in SPLITS} == {split: before[split] for split in SPLITS}
    assert all(same(opened, begun.opened, split) for split in SPLITS)
    added = {appended: ["3 items added"], duplicated: ["2 items added"]}.get(change, [])
    assert [said[:13] for said in begun.said(opened)] == added


def gone(split):
    def change(place, begun):
        (place / begun.name(split)).unlink()

    return change


def edited(place, begun):
    picture(place / begun.name("test"), 500)


def swapped(place, begun):
    """The labels of a training and a test picture."""
    for split in ("train", "test"):
        path = place / begun.name(split)
        path.rename(place / ("b" if path.parent.name == "a" else "a") / f"was {path.name}")


@pytest.mark.parametrize(
    ("change", "lost", "said"),
    [
        (gone("test"), {"test": 1}, ["1 item removed from the test split"]),
        (gone("train"), {"train": 1}, ["1 item removed from the train split"]),
        (edited, {"test": 1}, ["1 item changed in the test split"]),
        (
            swapped,
            {"train": 1, "test": 1},
            ["1 item removed from the train split", "1 item removed from the test split", "2 items added"],
        ),
    ],
)
def test_what_is_gone_is_told_and_nothing_takes_its_place(begun, tmp_path, change, lost, said):
    change(tmp_path / "set", begun)
    opened = begun.again()
    found, before = begun.splits(opened), begun.splits()
    for split in SPLITS:
        assert found[split] == [key for key in before[split] if key in found[split]]
        assert len(found[split]) == len(before[split]) - lost.get(split, 0)
        assert len(opened.parts.pictures.tensors(split)["label"]) == len(found[split])
    assert opened.run.manifest.found.lost(*SPLITS) == sum(lost.values())
    for wanted, sentence in zip(said, begun.said(opened), strict=True):
        assert sentence.startswith(wanted)


def test_all_other_data_are_no_part_of_the_run(begun, tmp_path):
    shutil.rmtree(tmp_path / "set")
    for number in range(40):
        picture(tmp_path / "set" / "ab"[number % 2] / f"{number}.png", 1000 + number)
    opened = begun.again()
    assert opened.run.manifest is not None
    assert not any(begun.splits(opened)[split] for split in SPLITS)
    with pytest.raises(InputError, match="GR-RUN-019"):
        opened.parts.pictures.tensors("test")
    load.cache_clear()
    other = begun.again(own_data=False)  # they are divided by themselves
    assert len(other.parts.pictures.tensors("test")["label"]) == 8
    assert len(other.parts.pictures.tensors("all")["label"]) == 40
    assert other.run.manifest.holds(begun.job.items(other.config, other.parts).splits["left_out"]) == 0


def test_other_data_may_hold_what_was_trained_on(begun, tmp_path):
    for number in range(10):
        name = begun.name("train", number)
        (tmp_path / "other" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tmp_path / "set" / name, tmp_path / "other" / name)
    picture(tmp_path / "other" / "a" / "new.png", 77)
    other = begun.again(config_of(tmp_path / "other"), own_data=False)
    assert len(other.parts.pictures.tensors("all")["label"]) == 11
    found = JOB.items(other.config, other.parts)
    assert sum(other.run.manifest.holds(part) for part in found.splits.values()) == 10


def test_a_score_on_coin_tosses_stays_one_when_pictures_are_added(begun, tmp_path):
    """Divided anew, the test split would hold pictures that were trained on."""
    before, config = load(begun.opened.config.data).splits, begun.opened.config
    score = JOB.evaluate(config, begun.opened.parts, begun.opened.run, "test")
    appended(tmp_path / "set", begun)
    load.cache_clear()
    anew = load(begun.opened.config.data).splits
    assert set(anew["test"].files.tolist()) & set(before["train"].files.tolist())
    opened = begun.again()
    opened.parts.model.load_state_dict(begun.opened.parts.model.state_dict())
    assert JOB.evaluate(config, opened.parts, opened.run, "test") == score


@pytest.mark.parametrize("settings", [{"folds": 4, "fold": 1}, {"validation": 0.0}])
def test_every_division_is_kept(tmp_path, settings):
    load.cache_clear()
    begun = begin(JOB, config_of(coin_tosses(tmp_path / "set"), **settings), tmp_path / "run")
    appended(tmp_path / "set", begun)
    opened = begun.again()
    assert all(same(opened, begun.opened, split) for split in SPLITS)


def test_a_run_is_read_once(begun, monkeypatch):
    import gradus.jobs.image_classification.data as module

    reads = []
    read = module._read
    monkeypatch.setattr(module, "_read", lambda *given: reads.append(1) or read(*given))
    opened = begun.again()
    begun.splits(opened)
    for split in SPLITS:
        opened.parts.pictures.tensors(split)
    assert len(reads) == 1


@pytest.mark.parametrize("name", ["digits", "quarters"])
def test_sets_without_files_are_keyed_by_their_pixels(tmp_path, name):
    config = RECIPES["smoke"]().config
    data = DataConfig(source=name, channels=1, side=8)
    begun = begin(JOB, replace(config, data=data), tmp_path / "run")
    opened = begun.again()
    assert all(same(opened, begun.opened, split) for split in SPLITS)
    assert begun.said(opened) == []
