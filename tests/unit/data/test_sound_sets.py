"""Recordings with transcripts, decoded: what was done to them, and what is wrong by file and line."""

import zipfile

import pytest
import torch

from gradus.core.errors import InputError
from gradus.data.sound_sets import read_sound_set
from tests.unit.data.made import write_files, write_zip
from tests.unit.data.made_sounds import tone, wav

A, B, C = (wav(tone(hertz=hertz)) for hertz in (300, 400, 500))


def texts(found, split="train"):
    part = found.splits[split]
    return dict(zip(part.names, part.texts, strict=True))


def read(root, files, **options):
    return read_sound_set(write_files(root, files), rate_hz=8000, **options)


# -- where it is -----------------------------------------------------------------------------------------


def test_a_folder_with_one_zip_is_that_zip(tmp_path):
    write_zip(tmp_path / "fsdd.zip", {"recordings/0_ann_9.wav": A})
    (tmp_path / "README.md").write_text("about")
    assert texts(read_sound_set(tmp_path, rate_hz=8000)) == {"recordings/0_ann_9.wav": "zero"}


# -- what was done to sounds -----------------------------------------------------------------------------


def test_channels_and_rates_are_counted(tmp_path):
    stereo = wav(torch.tensor([[0.5, 0.0]] * 100).numpy(), rate_hz=8000)
    slow = wav(tone(rate_hz=4000), rate_hz=4000)
    files = {"a.wav": stereo, "a.txt": b"a", "b.wav": slow, "b.txt": b"b", "c.wav": A, "c.txt": b"c"}
    found = read(tmp_path, files)
    assert found.notes == (
        "1 sounds of 2 channels were mixed to one",
        "1 sounds of 4000 Hz were resampled to 8000",
    )
    sounds = found.splits["train"].sounds
    assert [len(one) for one in sounds] == [100, 4000, 4000]
    assert sounds[0].tolist() == [0.25] * 100


# -- what is wrong ---------------------------------------------------------------------------------------

GOOD = {"a.wav": A, "a.txt": b"yes"}


@pytest.mark.parametrize(
    ("files", "code", "says"),
    [
        ({}, "GR-SOUND-010", "0 sounds among 0 files"),
        ({"a.txt": b"yes"}, "GR-SOUND-010", "0 sounds among 1 files"),
        (GOOD | {"b.wav": B}, "GR-SOUND-011", "b.wav"),
        (GOOD | {"b.txt": b"no"}, "GR-SOUND-012", "b.txt"),
        (GOOD | {"b.wav": B, "b.txt": b""}, "GR-SOUND-013", "b.txt"),
        (GOOD | {"b.wav": B, "b.txt": b" ... "}, "GR-SOUND-013", "b.txt"),
        (GOOD | {"b.wav": B, "b.txt": b"caf\xe9"}, "GR-TEXT-003", "b.txt, line 1"),
        (GOOD | {"b.wav": b"text", "b.txt": b"no"}, "GR-SOUND-001", "b.wav"),
        (GOOD | {"b.wav": B[:500], "b.txt": b"no"}, "GR-SOUND-003", "b.wav"),
        (GOOD | {"b.wav": B, "c.wav": C}, "GR-SOUND-015", "b.wav"),
        ({"a.wav": A, "transcripts.csv": b"file,words\n"}, "GR-SOUND-014", "transcripts.csv, line 1"),
        ({"a.wav": A, "transcripts.csv": b""}, "GR-SOUND-014", "transcripts.csv, line 1"),
        ({"a.wav": A, "transcripts.csv": b"path,text\na.wav\n"}, "GR-SOUND-015", "line 2"),
        ({"a.wav": A, "transcripts.csv": b'path;text\na.wav;"yes,\nno"\n'}, "GR-SOUND-015", "line 2"),
        ({"a.wav": A, "transcripts.csv": b"path,text\na.wav,a\na.wav,b\n"}, "GR-SOUND-014", "line 3"),
        ({"a.wav": A, "transcripts.csv": b"path,text,split\na.wav,a,exam\n"}, "GR-SOUND-015", "line 2"),
        ({"wavs/1.wav": A, "metadata.csv": b"1|a|b|c\n"}, "GR-SOUND-015", "metadata.csv, line 1"),
        ({"wavs/1.wav": A, "metadata.csv": b"1|a|a\n2|b|b\n"}, "GR-SOUND-012", "metadata.csv, line 2"),
        ({"a.wav": A, "wav.scp": b"u1 a.wav\n"}, "GR-SOUND-015", "wav.scp, line 1"),
        ({"a.wav": A, "wav.scp": b"u1 a.wav\n", "text": b"u1 a\nu2 b\n"}, "GR-SOUND-014", "text, line 2"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, files, code, says):
    with pytest.raises(InputError) as caught:
        read(tmp_path, files)
    assert caught.value.code == code, str(caught.value)
    assert says in str(caught.value)


def test_the_bad_can_be_left_out_and_are_listed(tmp_path):
    files = GOOD | {"b.wav": b"text", "b.txt": b"no", "c.wav": C}
    found = read(tmp_path, files, skip_bad=True)
    assert texts(found) == {"a.wav": "yes"}
    assert len(found.skipped) == 2
    assert all(name in " ".join(found.skipped) for name in ("b.wav", "c.wav"))


def test_with_nothing_left_the_bad_are_refused_all_the_same(tmp_path):
    with pytest.raises(InputError, match="GR-SOUND-001"):
        read(tmp_path, {"b.wav": b"text", "b.txt": b"no"}, skip_bad=True)


def test_a_path_with_nothing_there(tmp_path):
    with pytest.raises(InputError, match="GR-DATA-001"):
        read_sound_set(tmp_path / "none", rate_hz=8000)


def test_a_hostile_archive_is_refused(tmp_path):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../a.wav", A)
    with pytest.raises(InputError, match="GR-DATA-026"):
        read_sound_set(path, rate_hz=8000)


# -- the real sets ---------------------------------------------------------------------------------------


def test_the_real_digits(real_data):
    found = read_sound_set(real_data / "fsdd", rate_hz=8000)
    assert {split: len(part) for split, part in found.splits.items()} == {"train": 2700, "test": 300}
    assert len(set(found.splits["test"].speakers)) == 6
    assert found.notes == ()


def test_the_real_sentences(real_data):
    pytest.importorskip("soundfile")
    found = read_sound_set(real_data / "ljspeech_32", rate_hz=22050)
    part = found.splits["train"]
    assert len(part) == 32
    assert len(part.sounds.values) / 22050 == pytest.approx(221.7, abs=0.1)
    assert part.texts[1] == "in being comparatively modern"
