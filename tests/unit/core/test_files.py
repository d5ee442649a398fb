"""Files are whole or absent, also when writing fails or the process is killed half-way."""

import contextlib
import errno
import json
import math
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradus.core import files
from gradus.core.errors import InputError


def in_a_fresh_process(code, *arguments):
    """Run code that needs a process of its own: to be killed, or to lower what it may write."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def names_in(folder):
    return [path.name for path in folder.iterdir()]


@given(st.binary(max_size=2000), st.binary(max_size=2000))
def test_content_comes_back_and_is_replaced(tmp_path_factory, first, second):
    path = tmp_path_factory.mktemp("files") / "a.bin"
    for content in (first, second):
        files.write_bytes(path, content)
        assert path.read_bytes() == content
    assert names_in(path.parent) == ["a.bin"]


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "GR-RUN-001"),
        (errno.EDQUOT, "GR-RUN-001"),
        (errno.EROFS, "GR-RUN-002"),
        (errno.EIO, "GR-RUN-002"),
    ],
)
def test_a_failing_write_leaves_the_old_file_and_says_why(tmp_path, monkeypatch, number, code):
    path = tmp_path / "a.bin"
    files.write_bytes(path, b"old")

    def fail(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files.os, "fsync", fail)
    with pytest.raises(InputError) as caught:
        files.write_bytes(path, b"new")
    assert (caught.value.code, caught.value.where) == (code, str(path))
    assert caught.value.got == os.strerror(number).lower()
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["a.bin"]


def test_a_file_larger_than_allowed_is_refused_whole(tmp_path):
    code = """
import resource, sys
from pathlib import Path
from gradus.core.errors import InputError
from gradus.core.files import write_bytes
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
write_bytes(Path(sys.argv[1]), b"o" * 1000)
try:
    write_bytes(Path(sys.argv[1]), b"n" * 1001)
except InputError as error:
    print(error.code)
"""
    ended = in_a_fresh_process(code, tmp_path / "a.bin")
    assert ended.stdout == "GR-RUN-001\n", ended.stderr
    assert (tmp_path / "a.bin").read_bytes() == b"o" * 1000
    assert names_in(tmp_path) == ["a.bin"]


def test_a_kill_before_the_rename_leaves_the_old_file(tmp_path):
    code = """
import os, signal, sys
from pathlib import Path
from gradus.core import files
path = Path(sys.argv[1])
files.write_bytes(path, b"old")
files.os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
files.write_bytes(path, b"new")
"""
    assert in_a_fresh_process(code, tmp_path / "a.bin").returncode == -9
    assert (tmp_path / "a.bin").read_bytes() == b"old"
    files.write_bytes(tmp_path / "a.bin", b"newer")  # and what the dead process left is no obstacle
    assert names_in(tmp_path) == ["a.bin"]


def test_content_is_flushed_before_it_is_renamed(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(files.os, "fsync", lambda descriptor: seen.append(os.fstat(descriptor).st_size))
    files.write_bytes(tmp_path / "a.bin", b"12345")
    assert seen == [5]


@pytest.mark.parametrize("place", ["absent/a.json", "file/a.json"])
def test_a_place_that_cannot_hold_a_file_is_named(tmp_path, place):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError) as caught:
        files.write_json(tmp_path / place, {})
    assert (caught.value.code, caught.value.where) == ("GR-RUN-002", str(tmp_path / place))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(json_values)
def test_json_comes_back(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("files") / "a.json"
    files.write_json(path, value)
    assert files.read_json(path) == value
    assert path.read_bytes().endswith(b"\n")


def test_json_keeps_the_order_of_its_keys(tmp_path):
    files.write_json(tmp_path / "a.json", {"b": 1, "a": 2})
    assert list(json.loads((tmp_path / "a.json").read_text())) == ["b", "a"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [-float("inf")]])
def test_json_without_a_meaning_is_refused_and_the_old_file_stays(tmp_path, value):
    files.write_json(tmp_path / "a.json", 1)
    with pytest.raises(ValueError, match="JSON compliant"):
        files.write_json(tmp_path / "a.json", value)
    assert files.read_json(tmp_path / "a.json") == 1


ODD_JSON = {
    "cut off": b"{",
    "in UTF-16, cut off": b"\xff\xfe",
    "in Latin-1": '{"caf\xe9": 1}'.encode("latin-1"),
    "deep": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "deeper than what is written": b"[" * 900 + b"]" * 900,
    "a number of more digits than Python reads": b"9" * 5000,
}


@pytest.mark.parametrize("content", [None, b"", *ODD_JSON.values()], ids=["absent", "empty", *ODD_JSON])
def test_unreadable_json_is_named(tmp_path, content):
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        files.read_json(path)
    assert (caught.value.code, caught.value.where) == ("GR-RUN-003", str(path))


@pytest.mark.parametrize(
    ("content", "got"),
    [("[]", "[]"), ('"a"', "'a'"), ("null", "None"), ('{"steps": 3}', "one without value")],
)
def test_an_object_without_what_it_should_hold_is_refused(tmp_path, content, got):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(InputError) as caught:
        files.read_object(tmp_path / "a.json", "steps", "value")
    assert (caught.value.code, caught.value.where) == ("GR-RUN-003", str(tmp_path / "a.json"))
    assert caught.value.wanted == "a JSON object with steps, value"
    assert caught.value.got == got


def test_an_object_with_all_that_it_should_hold_comes_back(tmp_path):
    (tmp_path / "a.json").write_text('{"steps": 3, "more": null}')
    assert files.read_object(tmp_path / "a.json", "steps") == {"steps": 3, "more": None}


def test_a_folder_that_was_made_for_nothing_goes_again(tmp_path):
    (tmp_path / "old").mkdir()
    for end in (None, KeyboardInterrupt):
        with contextlib.suppress(KeyboardInterrupt), files.made_folder(tmp_path / "old" / "a" / "b"):
            assert (tmp_path / "old" / "a" / "b").is_dir()
            if end:
                raise end
        assert list((tmp_path / "old").iterdir()) == []
    with files.made_folder(tmp_path / "old"):
        pass
    assert (tmp_path / "old").is_dir(), "it was not made here"


def test_a_folder_with_something_in_it_stays(tmp_path):
    with files.made_folder(tmp_path / "a" / "b"):
        (tmp_path / "a" / "note").write_text("")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["note"]
    with contextlib.suppress(ZeroDivisionError), files.made_folder(tmp_path / "c" / "d"):
        (tmp_path / "c" / "d" / "note").write_text("")
        raise ZeroDivisionError
    assert (tmp_path / "c" / "d" / "note").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    for place in ("file", "file/a", "x" * 300):
        with pytest.raises(InputError, match="GR-RUN-002") as caught, files.made_folder(tmp_path / place):
            pass
        assert caught.value.where == str(tmp_path / place)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_sha256_of_a_known_message():  # FIPS 180-2, appendix B.1
    assert files.sha256(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_folder_is_flushed_and_let_go_of(tmp_path, monkeypatch):
    flushed = []

    def fsync(descriptor):
        flushed.append((descriptor, os.path.samestat(os.fstat(descriptor), tmp_path.stat())))

    monkeypatch.setattr(files.os, "fsync", fsync)
    files.sync_folder(tmp_path)
    ((descriptor, is_the_folder),) = flushed
    assert is_the_folder
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_what_is_no_number_is_null_at_any_depth():
    """In a line of JSON; what is given stays as it is."""
    value = {"a": math.nan, "b": [1.5, -math.inf, {"c": (math.inf, "x", None, True, 3)}]}
    assert json.loads(files.json_line(value)) == {
        "a": None,
        "b": [1.5, None, {"c": [None, "x", None, True, 3]}],
    }
    assert math.isnan(value["a"])
    assert "\n" not in files.json_line({"a": "one\ntwo"})
