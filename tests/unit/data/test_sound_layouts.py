"""The layouts that sets of recordings are published in, and the tables of people's own."""

import io

import numpy as np
import pytest

from gradus.core.errors import InputError
from gradus.data.sound_layouts import Columns
from gradus.data.sound_sets import read_sound_set
from tests.unit.data.made import write_files, write_zip
from tests.unit.data.made_sounds import tone, wav

A, B, C = (wav(tone(hertz=hertz)) for hertz in (300, 400, 500))


def texts(found, split="train"):
    part = found.splits[split]
    return dict(zip(part.names, part.texts, strict=True))


def read(root, files, **options):
    return read_sound_set(write_files(root, files), rate_hz=8000, **options)


def refusal(root, files, **options):
    """What reading the files says is wrong."""
    with pytest.raises(InputError) as caught:
        read(root, files, **options)
    return caught.value


# -- layouts ---------------------------------------------------------------------------------------------


def test_spoken_digits_have_their_official_split(tmp_path):
    files = {
        f"recordings/{d}_{who}_{i}.wav": A for d in (0, 7) for who in ("ann", "bo") for i in (0, 4, 5, 49)
    }
    found = read_sound_set(write_zip(tmp_path / "x.zip", files), rate_hz=8000)
    assert {split: len(part) for split, part in found.splits.items()} == {"train": 8, "test": 8}
    assert texts(found, "test")["recordings/7_bo_4.wav"] == "seven"
    assert set(found.splits["train"].speakers) == {"ann", "bo"}


def test_librispeech(tmp_path):
    found = read(
        tmp_path / "LibriSpeech",
        {
            "train-clean-100/19/198/19-198-0001.wav": A,
            "train-clean-100/19/198/19-198.trans.txt": b"19-198-0001 CHAPTER ONE\n",
            "dev-other/7/1/7-1-0001.wav": B,
            "dev-other/7/1/7-1.trans.txt": b"7-1-0001 IT'S LATE\n",
            "test-clean/8/2/8-2-0003.wav": C,
            "test-clean/8/2/8-2.trans.txt": b"8-2-0003 YES\n\n",
            "SPEAKERS.TXT": b"; about",
        },
    )
    assert {split: part.texts for split, part in found.splits.items()} == {
        "train": ["chapter one"],
        "validation": ["it's late"],
        "test": ["yes"],
    }
    assert found.splits["train"].speakers == ["19"]


def test_ljspeech_takes_the_normalised_text(tmp_path):
    metadata = "LJ1|In 1984.|In nineteen eighty-four.\nLJ2|Yes.\n"
    found = read(tmp_path, {"LJ/metadata.csv": metadata.encode(), "LJ/wavs/LJ1.wav": A, "LJ/wavs/LJ2.wav": B})
    assert found.splits["train"].texts == ["in nineteen eighty four", "yes"]


def test_common_voice(tmp_path):
    head = "client_id\tpath\tsentence\tup_votes\n"
    found = read(
        tmp_path,
        {
            "train.tsv": f'{head}me\ta.wav\tSay "hello", please.\t2\n'.encode(),
            "test.tsv": f"{head}you\tb.wav\tBye\t2\n".encode(),
            "invalidated.tsv": f"{head}you\tc.wav\tNoise\t0\n".encode(),
            **{f"clips/{name}.wav": content for name, content in (("a", A), ("b", B), ("c", C))},
        },
    )
    assert texts(found) == {"clips/a.wav": "say hello please"}
    assert texts(found, "test") == {"clips/b.wav": "bye"}
    assert found.splits["test"].speakers == ["you"]
    assert found.notes == ("1 sounds that no table of a split names were passed over",)


def test_kaldi_tables(tmp_path):
    found = read(
        tmp_path,
        {
            "data/train/wav.scp": b"u1 audio/a.wav\nu2 data/train/b.wav\n",
            "data/train/text": b"u2 second one\nu1 first one\n",
            "data/train/utt2spk": b"u1 ann\nu2 bo\n",
            "data/dev/wav.scp": b"u3 c.wav\n",
            "data/dev/text": b"u3 third\n",
            "audio/a.wav": A,
            "data/train/b.wav": B,
            "data/dev/c.wav": C,
        },
    )
    assert texts(found) == {"audio/a.wav": "first one", "data/train/b.wav": "second one"}
    assert found.splits["train"].speakers == ["ann", "bo"]
    assert texts(found, "validation") == {"data/dev/c.wav": "third"}


def test_a_command_in_a_table_is_not_run(tmp_path):
    files = {"wav.scp": b"u1 touch hacked |\n", "text": b"u1 yes\n"}
    with pytest.raises(InputError, match=r"wav.scp, line 1: .* a command, which is not run"):
        read(tmp_path, files)
    assert not (tmp_path / "hacked").exists()


def test_a_table_of_transcripts(tmp_path):
    rows = 'path,text,split,speaker\na.wav,"Yes, sir",train,ann\nsub/b.wav,No,test,bo\n'
    found = read(tmp_path, {"transcripts.csv": rows.encode(), "a.wav": A, "sub/b.wav": B})
    assert texts(found) == {"a.wav": "yes sir"}
    assert texts(found, "test") == {"sub/b.wav": "no"}


@pytest.mark.parametrize("around", ["", "mine/"])
def test_texts_beside_sounds_and_folders_of_splits(tmp_path, around):
    files = {"train/a.wav": A, "train/a.txt": b"yes\nsir\n", "test/b.wav": B, "test/b.txt": b"no"}
    found = read(tmp_path, {f"{around}{name}": content for name, content in files.items()})
    assert texts(found) == {f"{around}train/a.wav": "yes sir"}
    assert texts(found, "test") == {f"{around}test/b.wav": "no"}
    assert texts(read(tmp_path / "other", files | {"readme.txt": b"about"})) == {"train/a.wav": "yes sir"}


# -- tables of transcripts -------------------------------------------------------------------------------

WORDS = Columns(path="File", text="Words", speaker="Who", split="Part")


def test_columns_may_have_other_names(tmp_path):
    table = b"Words;File;Who;Part\nYes;a.wav;ann;train\nNo;b.wav;bo;test\n"
    found = read(tmp_path, {"transcripts.csv": table, "a.wav": A, "b.wav": B}, columns=WORDS)
    assert texts(found) == {"a.wav": "yes"}
    assert texts(found, "test") == {"b.wav": "no"}
    assert found.splits["test"].speakers == ["bo"]


@pytest.mark.parametrize(
    ("first", "columns", "wanted"),
    [
        ("file,words", Columns(), "path and text"),
        ("File,Words,Part", WORDS, "File and Words and Who and Part"),
        ("File,Words,Who", WORDS, "File and Words and Who and Part"),
        ("path,text,text", Columns(), "path and text, each once"),
    ],
)
def test_a_missing_column_is_an_error_that_lists_what_is_there(tmp_path, first, columns, wanted):
    row = ",".join("x" for _ in first.split(","))
    files = {"transcripts.csv": f"{first}\n{row}\n".encode(), "a.wav": A}
    said = refusal(tmp_path, files, columns=columns)
    assert said.code == "GR-SOUND-014"
    assert said.where.endswith("transcripts.csv, line 1")
    assert wanted in said.wanted
    assert said.got == ", ".join(first.split(","))
    assert all(f"--data.{kind}-column" in said.remedy for kind in ("path", "text", "speaker", "split"))


@pytest.mark.parametrize("name", ["Transcripts.CSV", "TRANSCRIPTS.TSV", "transcripts.Csv"])
def test_a_table_is_found_in_any_capitals(tmp_path, name):
    separator = "\t" if name.lower().endswith(".tsv") else ","
    table = f"path{separator}text\na.wav{separator}yes\n"
    assert texts(read(tmp_path, {name: table.encode(), "a.wav": A})) == {"a.wav": "yes"}


def test_two_tables_are_one_too_many(tmp_path):
    table = b"path,text\na.wav,yes\n"
    said = refusal(tmp_path, {"transcripts.csv": table, "transcripts.tsv": table, "a.wav": A})
    assert said.got == "transcripts.csv and transcripts.tsv"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_every_kind_of_line_end_mark_and_separator_is_read(tmp_path, end, mark, separator):
    rows = [["path", "text", "split"], ["a.wav", "Yes", ""], ["b.wav", '"No"', "test"]]
    table = mark + "".join(separator.join(row) + end for row in rows)
    found = read(tmp_path, {"transcripts.csv": table.encode(), "a.wav": A, "b.wav": B})
    assert texts(found) == {"a.wav": "yes"}
    assert texts(found, "test") == {"b.wav": "no"}


def test_blanks_around_cells_are_none_of_theirs(tmp_path):
    table = b'path, text, split\n a.wav, "Yes, sir", test \nb.wav, no,\n'
    found = read(tmp_path, {"transcripts.csv": table, "a.wav": A, "b.wav": B})
    assert texts(found, "test") == {"a.wav": "yes sir"}


def test_the_last_cells_of_a_line_may_be_empty(tmp_path):
    table = b"path\ttext\tspeaker\na.wav\tyes\tann\nb.wav\tno\t\n"
    found = read(tmp_path, {"transcripts.tsv": table, "a.wav": A, "b.wav": B})
    assert found.splits["train"].speakers == ["ann", ""]


@pytest.mark.parametrize(
    "place", ["sub/a.wav", "./sub/a.wav", "sub/../sub/a.wav", "sub\\a.wav", "{root}/sub/a.wav"]
)
def test_paths_inside_the_set_are_read_however_they_are_written(tmp_path, place):
    table = f"path,text\n{place.format(root=tmp_path)},yes\n"
    found = read(tmp_path, {"transcripts.csv": table.encode(), "sub/a.wav": A})
    assert texts(found) == {"sub/a.wav": "yes"}
    scp = f"u1 {place.format(root=tmp_path / 'kaldi')}\n"
    found = read(tmp_path / "kaldi", {"wav.scp": scp.encode(), "text": b"u1 yes\n", "sub/a.wav": A})
    assert texts(found) == {"sub/a.wav": "yes"}


def test_absolute_paths_through_links_are_inside(tmp_path):
    write_files(tmp_path / "disk", {"a.wav": A, "b.wav": B})
    root = write_files(tmp_path / "set", {"b.wav": B})
    (root / "a.wav").symlink_to(tmp_path / "disk/a.wav")
    (tmp_path / "link").symlink_to(root)
    rows = f"{root}/a.wav,yes\n{tmp_path}/link/b.wav,no\n"
    found = read(root, {"transcripts.csv": f"path,text\n{rows}".encode()})
    assert texts(found) == {"a.wav": "yes", "b.wav": "no"}


@pytest.mark.parametrize("place", ["{root}/a.wav", "../a.wav", "sub/../../a.wav", "C:\\clips\\a.wav"])
@pytest.mark.parametrize("archived", [False, True])
def test_paths_outside_the_set_are_refused(tmp_path, place, archived):
    (tmp_path / "a.wav").write_bytes(A)
    place = place.format(root=tmp_path)
    for files in (
        {"transcripts.csv": f"path,text\nb.wav,no\n{place},yes\n".encode(), "b.wav": B},
        {"wav.scp": f"u0 b.wav\nu1 {place}\n".encode(), "text": b"u0 no\nu1 yes\n", "b.wav": B},
    ):
        path = (
            write_zip(tmp_path / "x.zip", files)
            if archived
            else write_files(tmp_path / next(iter(files)), files)
        )
        with pytest.raises(
            InputError, match=r"line [23]: wanted a path inside .*which is outside.*GR-SOUND-014"
        ):
            read_sound_set(path, rate_hz=8000)


def test_a_row_without_a_path_is_named(tmp_path):
    said = refusal(tmp_path, {"transcripts.csv": b"path,text\na.wav,yes\n,no\n", "a.wav": A})
    assert (said.where.rpartition(" ")[2], said.wanted) == ("3", "a path in path")


def test_an_archive_inside_is_not_looked_into_and_named(tmp_path):
    inner = write_zip(tmp_path / "inner.zip", {"a.wav": A, "a.txt": b"yes"}).read_bytes()
    outer = write_zip(tmp_path / "outer.zip", {"inner.zip": inner})
    with pytest.raises(InputError, match=r"1 of them archives, the first inner.zip. Unpack .*GR-SOUND-010"):
        read_sound_set(outer, rate_hz=8000)
    said = refusal(tmp_path / "two", {"a.zip": inner, "b.zip": inner})
    assert "2 of them archives, the first a.zip" in said.got


def test_a_transcript_over_two_lines_is_not_cut_in_half(tmp_path):
    table = b'path;text\na.wav;yes, no\nb.wav;"yes,\nno"\n'
    found = read(tmp_path, {"transcripts.csv": table, "a.wav": A, "b.wav": B}, skip_bad=True)
    assert found.splits["train"].texts == ["yes no"]
    assert [fault.partition(":")[0].rpartition(" ")[2] for fault in found.skipped][:2] == ["3", "4"]


# -- Kaldi's segments ------------------------------------------------------------------------------------


def counting(seconds):
    """A recording whose samples say where they are."""
    return wav(np.arange(round(seconds * 8000)) / 32768)


def kaldi(segments, *, text=b"u1 first\nu2 second\n", **files):
    scp = b"talk audio/talk.wav\n"
    made = {"wav.scp": scp, "text": text, "segments": segments, "audio/talk.wav": counting(2.0)}
    return made | {name.replace("_", "."): content for name, content in files.items()}


def test_segments_cut_recordings_into_utterances(tmp_path):
    files = kaldi(b"u2 talk 1.25 2.0\nu1 talk 0.5 1.125\n") | {"utt2spk": b"u1 ann\nu2 bo\n"}
    part = read(tmp_path, files).splits["train"]
    assert part.texts == ["second", "first"]
    assert part.names == ["audio/talk.wav#u2", "audio/talk.wav#u1"]
    assert part.speakers == ["bo", "ann"]
    samples = [(part.sounds[i] * 32768).round() for i in range(2)]
    assert [(one[0].item(), len(one)) for one in samples] == [(10_000, 6000), (4000, 5000)]


def test_segments_are_cut_at_the_rate_of_the_recording_and_counted_once(tmp_path):
    files = kaldi(b"u1 talk 0.0 1.0\nu2 talk 1.0 -1\n") | {
        "audio/talk.wav": wav(tone(2.0, rate_hz=16000), rate_hz=16000)
    }
    found = read(tmp_path, files)
    assert found.splits["train"].sounds.lengths.tolist() == [8000, 8000]
    assert found.notes == ("1 sounds of 16000 Hz were resampled to 8000",)


def test_folders_of_splits_with_segments_and_without(tmp_path):
    files = {f"train/{name}": content for name, content in kaldi(b"u1 talk 0 1\nu2 talk 1 2\n").items()}
    files |= {"test/wav.scp": b"u3 b.wav\n", "test/text": b"u3\tthird\n", "test/b.wav": B}
    found = read(tmp_path, files)
    assert found.splits["train"].texts == ["first", "second"]
    assert texts(found, "test") == {"test/b.wav": "third"}


def test_one_bad_utterance_leaves_the_others_of_its_recording(tmp_path):
    files = kaldi(b"u1 talk 0 1\nu2 talk 1 2\n", text=b"u1 first\nu2 ...\n")
    said = refusal(tmp_path, files)
    assert (said.code, said.where.rpartition("/")[2]) == ("GR-SOUND-013", "text, line 2")
    assert read(tmp_path, files, skip_bad=True).splits["train"].texts == ["first"]


def test_times_to_the_hundredth_may_end_a_little_late(tmp_path):
    found = read(tmp_path, kaldi(b"u1 talk 0 1\nu2 talk 1 2.009\n"))
    assert found.splits["train"].sounds.lengths.tolist() == [8000, 8000]


@pytest.mark.parametrize(
    ("second", "code", "says"),
    [
        (
            "u2 talk 1.5 1.25",
            "GR-SOUND-014",
            "wanted an end after its start, in seconds from 0, got 1.5 to 1.25",
        ),
        ("u2 talk 1 1", "GR-SOUND-014", "an end after its start"),
        ("u2 talk -0.5 1", "GR-SOUND-014", "in seconds from 0"),
        ("u2 talk nan 1", "GR-SOUND-014", "an end after its start"),
        ("u2 talk inf -1", "GR-SOUND-014", "an end after its start"),
        ("u2 talk 1 soon", "GR-SOUND-014", "start and end in seconds"),
        ("u2 talk 1", "GR-SOUND-014", "start and end in seconds"),
        ("u2", "GR-SOUND-014", "a recording that wav.scp names"),
        ("u2 speech 1 2", "GR-SOUND-014", "wanted a recording that wav.scp names, got 'speech'"),
        ("u1 talk 1 2", "GR-SOUND-014", "each key once"),
        ("u3 talk 1 2", "GR-SOUND-014", "a line of text with its transcript"),
        (
            "u2 talk 1 2.5",
            "GR-SOUND-017",
            "wanted times within the 2.00 seconds of the recording, got 1 to 2.5",
        ),
        ("u2 talk 2 -1", "GR-SOUND-017", "got 2 to inf"),
        ("u2 talk 3 4", "GR-SOUND-017", "got 3 to 4"),
    ],
)
def test_what_is_wrong_with_a_segment_is_named_by_its_line(tmp_path, second, code, says):
    files = kaldi(f"u1 talk 0 1\n{second}\n".encode())
    found = read(tmp_path, files, skip_bad=True)
    assert found.splits["train"].texts == ["first"]
    assert code in found.skipped[0]
    assert says in found.skipped[0]
    assert "segments, line 2" in found.skipped[0]
    assert refusal(tmp_path, files).code in (code, "GR-SOUND-015")


def test_a_recording_without_a_segment_is_one_without_a_transcript(tmp_path):
    files = kaldi(b"u1 talk 0 1\nu2 talk 1 2\n") | {
        "wav.scp": b"talk audio/talk.wav\nmore b.wav\n",
        "b.wav": B,
    }
    assert refusal(tmp_path, files).code == "GR-SOUND-011"


@pytest.mark.parametrize("name", ["wav.scp", "text"])
def test_a_key_that_stands_twice_is_named(tmp_path, name):
    files = {"wav.scp": b"u1 a.wav\n", "text": b"u1 yes\n", "a.wav": A}
    said = refusal(tmp_path, files | {name: files[name] + b"u1 no\n"})
    assert said.where.endswith(f"{name}, line 2")
    assert "each key once" in said.wanted


# -- clips in MP3 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate_hz", [8000, 11025, 16000, 32000, 44100, 48000])
def test_common_voice_as_it_is_published(tmp_path, rate_hz):
    soundfile = pytest.importorskip("soundfile")
    clip = io.BytesIO()
    soundfile.write(clip, tone(1.0, rate_hz=rate_hz), rate_hz, format="MP3")
    head = "client_id\tpath\tsentence\tup_votes\tdown_votes\tage\tgender\taccents\tlocale\tsegment\n"
    files = {
        f"{split}.tsv": f"{head}me\t{split}.mp3\tYes.\t2\t0\t\t\t\ten\t\n" for split in ("train", "test")
    }
    files = {f"cv/en/{name}": content.encode() for name, content in files.items()}
    files |= {f"cv/en/clips/{split}.mp3": clip.getvalue() for split in ("train", "test")}
    found = read_sound_set(write_files(tmp_path, files) / "cv", rate_hz=rate_hz)
    assert found.notes == ()
    assert texts(found) == {"en/clips/train.mp3": "yes"}
    assert texts(found, "test") == {"en/clips/test.mp3": "yes"}
    heard = found.splits["train"].sounds[0]
    assert len(heard) / rate_hz == pytest.approx(1.0, abs=0.15)  # MP3 pads to whole frames
    loudest = np.abs(np.fft.rfft(heard.numpy())).argmax() * rate_hz / len(heard)
    assert loudest == pytest.approx(440, abs=2)
