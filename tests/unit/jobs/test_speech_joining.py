"""Recordings that are trained on as well: what is held out stays held out, whatever comes beside it."""

import json
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gradus.cli.main import main
from gradus.core.errors import InputError
from gradus.data.ragged import Ragged
from gradus.data.sound_sets import Clips, SoundSet
from gradus.engine.probes import Scratch
from gradus.jobs.speech import JOB
from gradus.jobs.speech.config import Config
from gradus.jobs.speech.data import DataConfig, load, survey
from gradus.jobs.speech.examine import examine
from gradus.jobs.speech.joining import duplicates, join, joined_from, key_of
from gradus.jobs.speech.recipes import RECIPES
from tests.unit.data.made import write_files, write_zip
from tests.unit.data.made_sounds import tone, wav

pytest.importorskip("jiwer")

SPEAKERS = ("ann", "bo", "cy", "di")


def sound(place, *, rate_hz=8000):
    return wav(tone(0.3, hertz=200 + 7 * place, rate_hz=rate_hz), rate_hz=rate_hz)


def digits(root):
    """Six recordings of three digits by each of four speakers, two of them of the official test split."""
    names = [f"recordings/{d}_{who}_{i}.wav" for d in (1, 2, 3) for who in SPEAKERS for i in range(3, 9)]
    files = {name: sound(place) for place, name in enumerate(names)}
    return write_zip(root / "digits.zip", files), files


def beside(root, rows, sounds):
    """A table of transcripts with speakers and splits of its own."""
    table = "path,text,speaker,split\n" + "".join(f"{','.join(row)}\n" for row in rows)
    return str(write_files(root, sounds | {"transcripts.csv": table.encode()}))


@pytest.fixture
def sets(tmp_path):
    """The digits, and beside them two new voices, three copies of digits, and one more recording of bo."""
    path, files = digits(tmp_path)
    copies = [name for name in files if "_cy_" in name][:3]
    rows = [("a.wav", "four", "eve", "test"), ("b.wav", "five", "fay", "val"), ("bo.wav", "six", "bo", "")]
    rows += [(f"copy{i}.wav", "one", "gus", "train") for i in range(3)]
    sounds = {"a.wav": sound(100), "b.wav": sound(101), "bo.wav": sound(102)}
    sounds |= {f"copy{i}.wav": files[name] for i, name in enumerate(copies)}
    return DataConfig(source="fsdd", path=str(path), rate_hz=8000), beside(tmp_path / "more", rows, sounds)


def keys(part):
    return {key_of(part.sounds[place]) for place in range(len(part))}


# -- what is held out ------------------------------------------------------------------------------------


@pytest.mark.parametrize("fold", range(4))
def test_a_fold_holds_out_what_it_held_out_before(sets, fold):
    alone, further = sets
    alone = replace(alone, folds=4, fold=fold)
    before, after = load(alone).splits, load(replace(alone, train_also=(further,))).splits
    for split in ("test", "validation"):
        assert after[split].names == before[split].names
        assert torch.equal(after[split].sounds.values, before[split].sounds.values)
        assert not keys(after[split]) & keys(after["train"])
    held = set(after["test"].speakers)
    assert len(held) == 1
    assert not held & set(after["train"].speakers)
    added = after["train"].names[len(before["train"]) :]
    assert after["train"].names[: len(before["train"])] == before["train"].names
    wanted = ["a.wav", "b.wav"] if held == {"bo"} else ["a.wav", "b.wav", "bo.wav"]
    assert sorted(name.rpartition("/")[2] for name in added) == wanted


def test_an_official_test_split_stays_and_its_copies_are_not_trained_on(sets):
    alone, further = sets
    found = load(replace(alone, train_also=(further,)))
    assert found.splits["test"].names == load(alone).splits["test"].names
    assert set(found.splits["train"].speakers) == {*SPEAKERS, "eve", "fay"}
    assert duplicates(found) == []
    assert [note.replace(further, "MORE") for note in found.notes] == [
        "3 recordings of MORE are trained on as well",
        "3 recordings of MORE were left out: the set has the same sounds",
        "of MORE, 1 of its validation split, 1 of its test split are no split here",
    ]


def test_nothing_of_it_is_scored(sets):
    alone, further = sets
    config = RECIPES["fsdd"]().config
    config = replace(config, data=replace(alone, train_also=(further,)), train=replace(config.train, batch=8))
    made = Scratch(JOB, config, torch.device("cpu"))
    clips = {split: made.parts.splits.clips(split) for split in ("train", "validation", "test", "all")}
    assert len(joined_from(clips.pop("train"), further)) == 3
    assert [joined_from(part, further) for part in clips.values()] == [[], [], []]
    assert len(clips["all"]) == 72


def test_a_set_that_is_tested_on_itself_is_still_tested_on_itself(sets):
    alone, further = sets
    found = load(replace(alone, test_on_train=True, train_also=(further,))).splits
    assert found["test"].names == load(replace(alone, test_on_train=True)).splits["test"].names
    assert found["train"].names[:48] == found["test"].names
    assert len(joined_from(found["train"], further)) == 5  # of its three copies, one is in that split


def test_a_set_beside_itself_adds_nothing(sets):
    alone, _ = sets
    found = load(replace(alone, train_also=(alone.path,)))
    assert len(found.splits["train"]) == len(load(alone).splits["train"])
    assert found.notes[0] == f"72 recordings of {alone.path} were left out: the set has the same sounds"


def made(numbers, speakers, *, name):
    sounds = [torch.tensor([float(number), 1.0]) for number in numbers]
    return Clips(
        Ragged.of(sounds), ["a"] * len(numbers), [f"{name}/{i}" for i in range(len(numbers))], speakers
    )


recordings = st.lists(
    st.tuples(st.integers(0, 12), st.sampled_from(["", "ann", "bo", "cy"])), min_size=1, max_size=8
)


@given(recordings, recordings, recordings, recordings)
@settings(deadline=None, max_examples=60)
def test_no_held_out_sound_or_voice_comes_in(train, test, first, second):
    parts = [
        made([number for number, _ in rows], [speaker for _, speaker in rows], name=name)
        for name, rows in zip(("train", "test", "first", "second"), (train, test, first, second), strict=True)
    ]
    found = SoundSet({"train": parts[0], "test": parts[1]})
    joined = join(found, "beside", SoundSet({"test": parts[2], "train": parts[3]}))
    assert joined.splits["test"] is parts[1]
    together = joined.splits["train"]
    places = joined_from(together, "beside")
    assert places == list(range(len(train), len(together)))
    assert not {key_of(together.sounds[i]) for i in places} & (keys(parts[0]) | keys(parts[1]))
    assert not {together.speakers[i] for i in places} & (set(parts[1].speakers) - {*parts[0].speakers, ""})
    counted = [int(note.partition(" ")[0]) for note in joined.notes if note[0].isdigit()]
    assert sum(counted) == len(first) + len(second)


# -- what is done to it, and counted ---------------------------------------------------------------------


def test_another_rate_is_resampled_and_counted(sets, tmp_path):
    alone, _ = sets
    sounds = {"a.wav": sound(100, rate_hz=16000), "b.wav": sound(101)}
    further = beside(tmp_path / "x", [("a.wav", "four", "eve", ""), ("b.wav", "five", "eve", "")], sounds)
    found = load(replace(alone, train_also=(further,)))
    assert f"of {further}, 1 sounds of 16000 Hz were resampled to 8000" in found.notes
    train = found.splits["train"]
    assert [len(train.sounds[place]) for place in joined_from(train, further)] == [2400, 2400]


def test_several_sets_in_any_layout(sets, tmp_path):
    alone, further = sets
    other = str(
        write_files(
            tmp_path / "other",
            {"x/1.wav": sound(200), "x/1.txt": b"seven", "a.wav": sound(100), "a.txt": b"four"},
        )
    )
    data = replace(alone, train_also=(further, other))
    config = replace(RECIPES["fsdd"]().config, data=data)
    about = survey(
        data, features=config.hearings, strides=config.model.strides, augment=config.augment, merges=0
    )
    assert about["trained_also"] == {further: 3, other: 1}  # the second has a copy of one of the first
    assert about["recordings"]["train"] == len(load(alone).splits["train"]) + 4
    assert "v" in about["spelling"]["tokens"]  # of five and seven: nobody else says them
    assert {"eve", "fay"} <= set(about["speakers"]["train"])
    assert sum(note.endswith("are trained on as well") for note in about["notes"]) == 2


@pytest.mark.parametrize(
    ("files", "code", "says"),
    [
        (None, "GR-DATA-001", "nothing at that path"),
        ({"about.md": b"x"}, "GR-SOUND-010", "0 sounds among 1 files"),
        ({"a.wav": sound(1), "a.txt": b"yes", "b.wav": b"text", "b.txt": b"no"}, "GR-SOUND-001", "b.wav"),
    ],
)
def test_what_is_wrong_with_it_is_named(sets, tmp_path, files, code, says):
    alone, _ = sets
    path = tmp_path / "bad"
    if files is not None:
        write_files(path, files)
    data = replace(alone, train_also=(str(path),))
    for look in (load, lambda data: examine(Config(data=data))) if code != "GR-SOUND-001" else (load,):
        with pytest.raises(InputError, match=code) as caught:
            look(data)
        assert str(path) in str(caught.value)
        assert says in str(caught.value)


def test_the_bad_of_it_can_be_left_out(sets, tmp_path):
    alone, _ = sets
    files = {"a.wav": sound(150), "a.txt": b"yes", "b.wav": b"text", "b.txt": b"no"}
    further = str(write_files(tmp_path / "bad", files))
    found = load(replace(alone, train_also=(further,), skip_bad=True))
    assert len(found.skipped) == 1
    assert f"{further}/b.wav" in found.skipped[0]
    assert len(joined_from(found.splits["train"], further)) == 1


def test_looking_at_data_shows_it(sets, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    beside_it = ["--data", "digits.zip", "--data.rate-hz", "8000", "--data.train-also", "more"]
    assert main(["data", "check", "speech", *beside_it]) == 0
    assert "3 recordings of more are trained on as well" in capsys.readouterr().out
    looked_at = examine(Config(data=replace(sets[0], train_also=("more",))))[0]
    train = len(load(sets[0]).splits["train"])
    counted = {row[0]: row[1] for row in looked_at.rows}
    assert (counted["train"], counted["of train, from more"]) == (train + 3, 3)
    assert looked_at.sentence.startswith("75 with transcripts in the layout of spoken digits")


def test_a_run_says_how_many_it_trained_on(tmp_path, capsys):
    files = {"a.wav": wav(tone(0.9, hertz=500, rate_hz=4000), rate_hz=4000), "a.txt": b"ae"}
    further = str(write_files(tmp_path / "more", files))
    out = tmp_path / "run"
    short = ["--train.steps", "2", "--data.count", "30", "--data.train-also", further, "--out", str(out)]
    assert main(["train", "gradus.jobs.speech/smoke", *short]) == 0
    about = json.loads((out / "plan.json").read_text())["data"]["value"]
    assert about["recordings"] == {"train": 31, "validation": 6, "test": 6}
    assert f"1 recordings of {further} are trained on as well" in capsys.readouterr().out
