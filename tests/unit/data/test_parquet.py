"""Parquet: read whole and in every type, refused by its ends, and readers that die of a file."""

import math
import os
import sys
import time
from datetime import datetime

import polars
import pytest
from polars.testing import assert_frame_equal

from gradus.core.errors import InputError
from gradus.data import parquet
from gradus.data.notation import PLAIN
from gradus.data.parquet import read_parquet
from gradus.data.series import Form, read_series

FRAME = polars.DataFrame(
    {
        "date": [datetime(2026, 1, 1), datetime(2026, 1, 2), None],
        "load": [1.5, math.nan, None],
        "kind": polars.Series(["a", "b", "a"], dtype=polars.Categorical),
        "some": [[1, 2], [], None],
        "of": [{"x": 1}, {"x": None}, None],
        "bytes": [b"\xff", b"", None],
        "money": polars.Series([1, 2, None]).cast(polars.Decimal(10, 2)),
    }
)


def written(folder, name="a.parquet", frame=FRAME):
    frame.write_parquet(folder / name)
    return folder / name


@pytest.mark.parametrize(
    "name", ["a.parquet", "a*[1].parquet", "year=2026.parquet", "-c.parquet", "ü.parquet"]
)
def test_a_file_is_read_as_the_library_reads_it(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path, name).relative_to(tmp_path)
    written(tmp_path, "ab1.parquet", FRAME.head(1))  # what the pattern would name
    assert_frame_equal(read_parquet(path), FRAME, categorical_as_str=True)


def test_no_rows_and_many_columns(tmp_path):
    assert read_parquet(written(tmp_path, frame=FRAME.clear())).height == 0
    wide = polars.DataFrame({f"column {place}": [place] for place in range(3000)})
    assert_frame_equal(read_parquet(written(tmp_path, frame=wide)), wide)


def ends(content: bytes, case: str) -> bytes:
    """A whole file's bytes, and what is wrong with its ends."""
    return {
        "empty": b"",
        "a mark": b"PAR1",
        "two marks": b"PAR1PAR1",
        "text": b"date,load\n1,2\n" * 9,
        "another beginning": b"PAR2" + content[4:],
        "cut off": content[:-30],
        "encrypted": content[:-1] + b"E",
        "a footer longer than the file": content[:-8] + b"\xff\xff\xff\x7f" + content[-4:],
        "a footer a byte too long": content[:-8] + (len(content) - 11).to_bytes(4, "little") + content[-4:],
    }[case]


CASES = ("empty", "a mark", "two marks", "text", "another beginning", "cut off", "encrypted")
CASES += ("a footer longer than the file", "a footer a byte too long")


@pytest.mark.parametrize("case", CASES)
def test_ends_are_looked_at_before_anything_is_read(tmp_path, monkeypatch, case):
    path = written(tmp_path)
    path.write_bytes(ends(path.read_bytes(), case))
    monkeypatch.setattr(sys, "executable", "/nowhere")  # no child is begun
    with pytest.raises(InputError, match="GR-SERIES-003") as caught:
        read_parquet(path)
    assert caught.value.where == str(path)


def test_what_is_wrong_between_the_ends_is_told_in_the_words_of_the_library(tmp_path):
    path = written(tmp_path)
    content = path.read_bytes()
    footer = int.from_bytes(content[-8:-4], "little")
    path.write_bytes(content[: -8 - footer] + bytes(footer) + content[-8:])
    with pytest.raises(InputError, match="GR-SERIES-003") as caught:
        read_parquet(path)
    assert caught.value.got
    assert "Traceback" not in caught.value.got


@pytest.mark.parametrize(
    ("child", "said"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
        ("import os; os._exit(3)", "ends its reader"),
        ("import os; os._exit(0)", "ends its reader"),
        ("import sys; sys.stdout.write('half'); sys.exit('thread panicked')", "thread panicked"),
    ],
)
def test_a_file_that_ends_whoever_reads_it_is_an_error_like_others(tmp_path, monkeypatch, child, said):
    monkeypatch.setattr(parquet, "CHILD", child)
    path = written(tmp_path)
    for read in (read_parquet, lambda path: read_series(path, Form(notation=PLAIN))):
        with pytest.raises(InputError, match="GR-SERIES-003") as caught:
            read(path)
        assert said in caught.value.got


def test_an_interruption_leaves_no_reader_behind(tmp_path, monkeypatch):
    """The child ends with its parent's wish to read."""

    def interrupted(self):
        began.append(self.pid)
        raise KeyboardInterrupt

    began = []
    monkeypatch.setattr(parquet, "CHILD", "import time; time.sleep(600)")
    monkeypatch.setattr("subprocess.Popen.communicate", interrupted)
    before = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        read_parquet(written(tmp_path))
    assert time.monotonic() - before < 60
    with pytest.raises(ProcessLookupError):
        os.kill(began[0], 0)
