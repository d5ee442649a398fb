"""Lines as inputs, and following them: files that grow, are cut short, are replaced, and standard input."""

import io
import os
import threading
import time
from dataclasses import replace
from itertools import islice
from types import SimpleNamespace

import pytest

from gradus.core.errors import GradusError, InputError
from gradus.ship import follow as module
from gradus.ship.follow import added_pieces, follow
from gradus.ship.predict import expand, predict
from tests.unit.ship.weigher import Total, bad, toy


def numbers(lines, where):
    """A number a line; the first line is a header, and empty ones are passed over."""
    for count, line in enumerate(lines, start=1):
        if count > 1 and line:
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


LONG = b"7" * (2**20 + 5)
BAD_LINES = {
    "a byte that is no text": (b"\xff", "GR-TEXT-003"),
    "a byte within a number": (b"1\xe92", "GR-TEXT-003"),
    "a line over a mebibyte": (LONG, "GR-TEXT-002"),
    "a line of several mebibytes": (3 * LONG, "GR-TEXT-002"),
    "a long line that ends as Windows has it": (LONG[:-4] + b"\r", "GR-TEXT-002"),
}


@pytest.mark.parametrize("source", ["file", "followed file", "standard input"])
@pytest.mark.parametrize("case", BAD_LINES)
def test_a_bad_line_is_left_out_and_the_next_ones_keep_their_numbers(tmp_path, monkeypatch, source, case):
    line, code = BAD_LINES[case]
    content = b"value\n1\n" + line + b"\n3\n" + line + b"\n" + line + b"\n?\n6\n"
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    name = "standard input" if source == "standard input" else str(path)

    def answers(*, skip_bad):
        monkeypatch.setattr(module.sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
        if source == "file":
            return predict(listener(), [path], skip_bad=skip_bad)
        return follow(listener(), "-" if source == "standard input" else name, skip_bad=skip_bad)

    pairs = list(islice(answers(skip_bad=True), 7))  # a file that is followed has no end
    said = [answer.total if isinstance(answer, Total) else answer.code for _, answer in pairs]
    assert said == [1, code, 5, code, code, "GR-DATA-050", 11]
    faults = [answer.where for _, answer in pairs if not isinstance(answer, Total)]
    assert faults[:3] == [f"{name}, line {number}" for number in (3, 5, 6)]
    assert pairs[-1][0] == f"{name}:8"
    strict = answers(skip_bad=False)
    assert next(strict)[1].total == 1
    with pytest.raises(InputError, match=code):
        next(strict)


def test_a_first_line_that_is_bad_ends_it_all_the_same(tmp_path):
    """It may name the columns, and says what kind of file this is."""
    (tmp_path / "a.csv").write_bytes(b"\xff\n1\n")
    ((_, fault),) = predict(listener(), [tmp_path / "a.csv"], skip_bad=True)
    assert fault.code == "GR-TEXT-003"


def test_a_file_that_is_replaced_within_a_long_line_begins_with_its_first_line(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"value\n1\n" + LONG)
    answers = follow(listener(), str(path), skip_bad=True)
    assert next(answers)[1].total == 1

    def replace_file():
        time.sleep(0.05)
        (tmp_path / "new").write_bytes(b"2\n")
        (tmp_path / "new").replace(path)

    threading.Thread(target=replace_file, daemon=True).start()
    assert [getattr(answer, "total", answer) for _, answer in islice(answers, 2)][1] == 3


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
    lines = added_pieces(path, pause_seconds=0.001)
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
            next(added_pieces(path))


def test_the_module_rests_while_it_follows(monkeypatch):
    deployable = listener()
    deployable.module.train()
    monkeypatch.setattr(module.sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"value\n1\n")))
    assert [said.total for _, said in follow(deployable, "-")] == [1]
    assert not deployable.module.training
