"""Lines as inputs, and following them: files that grow, are cut short, are replaced, and standard input."""

import io
import os
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from gradus.core.errors import GradusError, InputError
from gradus.ship import follow as module
from gradus.ship.follow import added_lines, follow
from gradus.ship.predict import expand, predict
from tests.unit.ship.weigher import Total, bad, toy


def numbers(lines, where):
    """A number a line; the first line is a header."""
    for count, line in enumerate(lines, start=1):
        if count > 1:
            yield f"{where}:{count}", [float(line)] if line != "?" else bad(line)


def listener():
    return replace(toy(), lines=numbers, matters=lambda answer: answer.total > 5)


def test_the_lines_of_a_file_are_inputs_and_go_by_their_number(tmp_path):
    (tmp_path / "a.csv").write_text("value\n1\n?\n3\n")
    pairs = list(predict(listener(), [tmp_path / "a.csv", [9.0]], skip_bad=True, batch=2))
    assert [name for name, _ in pairs] == [*(f"{tmp_path / 'a.csv'}:{n}" for n in (2, 3, 4)), [9.0]]
    assert [said.total for _, said in pairs if isinstance(said, Total)] == [1, 5, 17]
    assert isinstance(pairs[1][1], GradusError)


def test_a_file_that_is_no_text_is_an_error_in_its_place(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"value\n1\n\xff\n")
    pairs = list(predict(listener(), [tmp_path / "a.csv", [9.0]], skip_bad=True))
    assert [type(said) for _, said in pairs] == [Total, InputError, Total]


@pytest.mark.parametrize(
    "word", ["a great film", "great", "great.", "e.g. this", "4/5 and 3.5", "9.5", "x" * 9999]
)
def test_words_that_are_no_path_are_an_input_where_inputs_are_spoken(word):
    assert expand([word], spoken=True) == [word]


@pytest.mark.parametrize("word", ["reviews.txt", "reviews/new", "a.csv.gz"])
def test_a_path_with_a_slip_in_it_is_not_taken_for_a_sentence(tmp_path, monkeypatch, word):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="GR-DATA-050"):
        expand([word], spoken=True)


def test_a_path_that_is_there_is_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a great film").write_text("x")
    assert expand(["a great film"], spoken=True) == [(tmp_path / "a great film").relative_to(tmp_path)]


def test_standard_input_is_followed_to_its_end(monkeypatch):
    monkeypatch.setattr(module.sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"value\n1\n2")))
    assert [(name, said.total) for name, said in follow(listener(), "-")] == [
        ("standard input:2", 1),
        ("standard input:3", 3),
    ]


def test_answers_come_line_by_line(monkeypatch):
    """The next line is not read before the answer to this one is out."""
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb") as reader, os.fdopen(write_end, "wb", buffering=0) as writer:
        monkeypatch.setattr(module.sys, "stdin", SimpleNamespace(buffer=reader))
        answers = follow(listener(), "-")
        for value in (1, 2, 3):
            writer.write(b"value\n1\n" if value == 1 else b"%d\n" % value)
            assert next(answers)[1].total == 2 * value - 1


def test_a_growing_file_is_read_in_whole_lines_and_anew_when_it_is_rotated(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"old\n")
    lines = added_lines(path, pause_seconds=0.001)
    assert next(lines) == b"old\n"

    def later(*steps):
        def act():
            for step in steps:
                time.sleep(0.02)
                step()

        threading.Thread(target=act, daemon=True).start()

    def add(content):
        with path.open("ab") as file:
            file.write(content)

    def replace_file():
        (tmp_path / "new").write_bytes(b"a longer line in another file\n")
        (tmp_path / "new").replace(path)

    later(lambda: add(b"ha"), lambda: add(b"lf\nnext\n"))
    assert [next(lines), next(lines)] == [b"half\n", b"next\n"]
    later(lambda: path.write_bytes(b"cut\n"))  # shorter than what was read
    assert next(lines) == b"cut\n"
    later(replace_file)
    assert next(lines) == b"a longer line in another file\n"


def test_what_cannot_be_followed_is_named(tmp_path):
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(InputError, match="GR-DATA-050"):
            next(added_lines(path))


def test_the_module_rests_while_it_follows(monkeypatch):
    deployable = listener()
    deployable.module.train()
    monkeypatch.setattr(module.sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"value\n1\n")))
    assert [said.total for _, said in follow(deployable, "-")] == [1]
    assert not deployable.module.training
