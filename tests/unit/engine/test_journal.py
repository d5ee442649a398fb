"""The journal: what a run told, as JSON lines, whole after a kill and telling one story after a resume."""

import json
import math
import os
from pathlib import Path

import pytest

from gradus.core import facts
from gradus.core.errors import InputError
from gradus.engine.journal import Journal, cut_journal, read_journal


def write(path: Path, *told: object) -> None:
    journal = Journal(path)
    listeners = facts.Listeners()
    journal.listen(listeners)
    for fact in told:
        listeners.tell(fact)
    journal.close()


def story(steps: int) -> list[object]:
    rows: list[object] = [facts.Started(0, steps, "job", "recipe")]
    for step in range(1, steps + 1):
        rows += [facts.Measured(step, {"loss": 1 / step}, 0.5 * step, 10.0), facts.Saved(step)]
    return [*rows, facts.Ended(steps, "all steps taken", 9.0)]


def test_each_fact_is_a_line_of_json_that_says_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    write(
        path, *story(1), facts.Evaluated(1, "test", {"mse": 0.5}, 0.1), facts.Found(1, "GR-RUN-005", "seen")
    )
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert rows == read_journal(path)
    assert rows[:2] == [
        {"fact": "started", "step": 0, "steps": 1, "job": "job", "recipe": "recipe"},
        {"fact": "measured", "step": 1, "values": {"loss": 1.0}, "seconds": 0.5, "samples_per_second": 10.0},
    ]
    assert [row["fact"] for row in rows] == ["started", "measured", "saved", "ended", "evaluated", "found"]
    assert rows[4]["metrics"] == {"mse": 0.5}


def test_lines_are_on_disk_as_they_come(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.write(facts.Saved(3))
    assert read_journal(tmp_path / "journal.jsonl") == [{"fact": "saved", "step": 3}]
    journal.close()


def test_what_is_no_number_is_null_in_any_depth(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    write(path, facts.Measured(1, {"a": math.nan, "b": -math.inf, "c": 1.5}, 1.0, math.inf))
    assert "NaN" not in path.read_text()
    assert "Infinity" not in path.read_text()
    row = read_journal(path)[0]
    assert (row["values"], row["samples_per_second"]) == ({"a": None, "b": None, "c": 1.5}, None)


def test_steps_are_not_told_one_by_one(tmp_path: Path) -> None:
    write(
        tmp_path / "journal.jsonl",
        facts.Fetched(1, {}),
        facts.Backpropagated(1, None),
        facts.Updated(1, None),
    )
    assert read_journal(tmp_path / "journal.jsonl") == []


def test_no_journal_reads_as_an_empty_one(tmp_path: Path) -> None:
    assert read_journal(tmp_path / "journal.jsonl") == []
    cut_journal(tmp_path / "journal.jsonl", 5)
    assert read_journal(tmp_path / "journal.jsonl") == []


@pytest.mark.parametrize(("lost", "left"), [(1, 7), (5, 6), (40, 5)])
def test_a_line_cut_short_is_left_out_and_the_next_one_starts_afresh(
    tmp_path: Path, lost: int, left: int
) -> None:
    path = tmp_path / "journal.jsonl"
    write(path, *story(3)[:-1])
    path.write_bytes(path.read_bytes()[:-lost])
    whole = read_journal(path)
    assert len(whole) == left
    cut_journal(path, 3)
    write(path, facts.Saved(4))
    assert read_journal(path) == [*whole, {"fact": "saved", "step": 4}]


def test_a_byte_that_is_no_text_costs_at_most_its_line(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    write(path, *story(2))
    content = path.read_bytes()
    path.write_bytes(content.replace(b'{"fact": "saved", "step": 1}', b'\xff"fact": "saved", "step": 1}'))
    assert len(read_journal(path)) == len(content.splitlines()) - 1


@pytest.mark.parametrize("step", [0, 2, 3])
def test_a_cut_drops_what_lies_ahead_and_that_it_ended(tmp_path: Path, step: int) -> None:
    path = tmp_path / "journal.jsonl"
    ending = facts.Evaluated(3, "test", {"mse": 0.5}, 0.1)
    write(path, *story(3), facts.Evaluated(3, "validation", {"mse": 0.4}, 0.1), ending)
    before = read_journal(path)
    cut_journal(path, step)
    ends = [before[-3], before[-1]]
    assert [row["fact"] for row in ends] == ["ended", "evaluated"]
    assert read_journal(path) == [row for row in before if row["step"] <= step and row not in ends]


@pytest.mark.parametrize("line", ["[]", "3", "nonsense", '{"fact": "measured"}', '{"step": 3}'])
def test_a_line_that_is_no_fact_is_left_out(tmp_path: Path, line: str) -> None:
    path = tmp_path / "journal.jsonl"
    write(path, *story(2))
    before = read_journal(path)
    path.write_text(f"{line}\n{path.read_text()}{line}\n")
    assert read_journal(path) == before


def test_a_cut_that_is_killed_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old journal stays until the new one is whole."""
    path = tmp_path / "journal.jsonl"
    write(path, *story(3))
    before = path.read_bytes()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", killed)
    with pytest.raises(KeyboardInterrupt):
        cut_journal(path, 1)
    assert path.read_bytes() == before


def test_a_journal_that_cannot_be_written_names_its_path(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").mkdir()
    with pytest.raises(InputError, match="GR-RUN-002") as caught:
        Journal(tmp_path / "journal.jsonl")
    assert caught.value.where == str(tmp_path / "journal.jsonl")


ODD = [
    '{"fact": "saved", "step": "3"}',
    '{"fact": "saved", "step": null}',
    '{"fact": "saved", "step": true}',
    '{"fact": "saved", "step": 1.5}',
    '{"fact": "saved", "step": NaN}',
    '{"fact": "saved", "step": [3]}',
    f'{{"fact": "saved", "step": {"9" * 400}}}',
    f'{{"fact": "saved", "step": {"9" * 5000}}}',
    '{"fact": ["saved"], "step": 3}',
    '{"fact": "dreamt", "step": 3}',
    '{"fact": "measured", "step": 1, "values": [1], "seconds": 1, "samples_per_second": 1}',
    '{"fact": "measured", "step": 1, "values": {"loss": "low"}, "seconds": 1, "samples_per_second": 1}',
    '{"fact": "measured", "step": 1, "values": {"loss": [1]}, "seconds": 1, "samples_per_second": 1}',
    '{"fact": "measured", "step": 1, "values": {}, "seconds": 1, "samples_per_second": "many"}',
    f'{{"fact": "ended", "step": 1, "reason": "x", "seconds": {"9" * 400}}}',
    '{"fact": "evaluated", "step": 1, "split": 7, "metrics": {}, "seconds": 1, "best": false}',
    '{"fact": "evaluated", "step": 1, "split": "test", "metrics": null, "seconds": 1, "best": false}',
    '{"fact": "evaluated", "step": 1, "split": "test", "metrics": {}, "seconds": 1, "best": "no"}',
    '{"fact": "started", "step": 0, "steps": "4", "job": "job", "recipe": "recipe"}',
    '{"fact": "found", "step": 1, "code": null, "sentence": "x"}',
    '{"fact": "ended", "step": 1, "reason": 3, "seconds": 1}',
    '{"fact": "ended", "step": 1}',
    '{"fact": "saved", "step": -1}',
    "[" * 100_000,
    '{"fact": "saved", "step": ' + "[" * 100_000 + "]" * 100_000 + "}",
    '{"fact": "saved", "step": 1, "more": ' + "[" * 900 + "]" * 900 + "}",
    '{"a":' * 100_000,
]


@pytest.mark.parametrize("line", ODD, ids=range(len(ODD)))
def test_a_line_whose_values_are_not_those_of_its_fact_is_left_out(tmp_path: Path, line: str) -> None:
    path = tmp_path / "journal.jsonl"
    write(path, *story(2))
    before = read_journal(path)
    path.write_text(f"{line}\n{path.read_text()}{line}\n")
    assert [row for row in read_journal(path) if "more" not in row] == before
    cut_journal(path, 2)
    assert [row for row in read_journal(path) if "more" not in row] == before[:-1]


def test_a_number_that_was_none_is_none_in_whatever_spelling(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text(
        '{"fact": "evaluated", "step": 1, "split": "test", "seconds": 2,'
        ' "metrics": {"a": NaN, "b": Infinity, "c": 1e999, "d": null, "e": 1}}\n'
    )
    (row,) = read_journal(path)
    assert row["metrics"] == {"a": None, "b": None, "c": None, "d": None, "e": 1}
    assert row["best"] is False  # as earlier runs, which did not say


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_file_is_no_journal(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "journal.jsonl"
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    with pytest.raises(InputError, match="GR-RUN-003"):
        read_journal(path)
