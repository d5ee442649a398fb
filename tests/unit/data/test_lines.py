"""Lines of text files: whole, compressed, cut off, in another encoding, without end."""

import gzip
import io
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradus.core.errors import InputError
from gradus.data import lines
from gradus.data.lines import decoded, read_lines


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_lines_come_without_their_ends(tmp_path, name, end, last):
    content = f"\ufeffgood{end}{end}bäd{end if last else ''}".encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    assert list(read_lines(tmp_path / name)) == ["good", "", "bäd"]


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n\ufeff"))))
def test_what_is_written_is_read(texts):
    assert list(decoded([f"{text}\n".encode() for text in texts], where="x")) == texts


@given(st.lists(st.sampled_from([b"a", b"bb", b"", b"\r", b"\n", b"\r\n"]), max_size=20), st.integers(1, 9))
def test_lines_are_the_same_however_a_text_is_cut(parts, size):
    """A piece ends with a line or anywhere, as readline has it."""
    content = b"".join(parts)
    assert list(lines.lines_of(iter(partial(io.BytesIO(content).readline, size), b""))) == content.splitlines(
        True
    )


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_of_a_line_that_is_too_long_the_beginning_is_given_once(monkeypatch, end):
    monkeypatch.setattr(lines, "LONGEST_BYTES", 10)
    for length in range(8, 35):
        file = io.BytesIO(end.join([b"a", b"x" * length, b"c", b"y" * length, b"e"]))
        faults = []
        found = list(decoded(lines.pieces(file.readline), where="a", faults=faults))
        wrong = length + len(end) > 10
        assert found == ["a", "" if wrong else "x" * length, "c", "" if wrong else "y" * length, "e"]
        assert [fault.where for fault in faults] == (["a, line 2", "a, line 4"] if wrong else [])


def test_a_file_of_old_line_ends_may_be_larger_than_a_line(tmp_path):
    (tmp_path / "a").write_bytes(b"some words\r" * 200_000)
    assert sum(line == "some words" for line in read_lines(tmp_path / "a")) == 200_000


def test_an_empty_file_has_no_line(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    assert list(read_lines(tmp_path / "a")) == []


def test_another_encoding_is_named_by_line_and_byte(tmp_path):
    (tmp_path / "a").write_bytes("one\ntwo: café".encode("latin-1"))
    with pytest.raises(InputError, match="GR-TEXT-003") as caught:
        list(read_lines(tmp_path / "a"))
    assert caught.value.where.endswith("a, line 2")
    assert caught.value.got == "the byte 0xe9 at place 9 of the line"


def test_a_line_without_end_is_refused_before_it_fills_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "LONGEST_BYTES", 100)
    asked = []

    def endless(most):
        asked.append(most)
        return b"x" * most

    with pytest.raises(InputError, match="GR-TEXT-002") as caught:
        list(decoded(lines.pieces(endless), where="pipe"))
    assert caught.value.where == "pipe, line 1"
    assert asked == [101]
    (tmp_path / "a").write_bytes(b"x" * 99 + b"\n" + b"x" * 100 + b"\n")
    with pytest.raises(InputError, match="line 2"):
        list(read_lines(tmp_path / "a"))


def test_files_that_cannot_be_read_are_named(tmp_path):
    whole = gzip.compress(b"one\n" * 1000)
    (tmp_path / "cut.gz").write_bytes(whole[:20])
    (tmp_path / "wrong.gz").write_bytes(b"plain text")
    (tmp_path / "broken.gz").write_bytes(whole[:10] + b"\xff" * 20)
    for name in ("cut.gz", "wrong.gz", "broken.gz", "absent", "."):
        with pytest.raises(InputError, match="GR-TEXT-001"):
            list(read_lines(tmp_path / name))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a,b".encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04\xff", "xlsx"),
        (b"PAR1\xff", "Parquet"),
        (gzip.compress(b"a,b"), "gzip"),
    ],
)
def test_a_file_that_is_no_text_is_said_to_be_what_it_is(tmp_path, content, said):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(InputError, match="GR-TEXT-003") as caught:
        list(read_lines(tmp_path / "a.csv"))
    assert said in caught.value.got


def test_the_ending_of_a_compressed_file_may_be_in_capitals(tmp_path):
    (tmp_path / "A.CSV.GZ").write_bytes(gzip.compress(b"a,b"))
    assert list(read_lines(tmp_path / "A.CSV.GZ")) == ["a,b"]
