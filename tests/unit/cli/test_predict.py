"""gradus predict: answers as lines to read."""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest

from gradus.cli.main import main
from gradus.cli.predict import worded
from tests.unit.ship.weigher import toy


def test_values_are_on_one_line():
    answer = {
        "input": "a.png",
        "label": "cat",
        "probability": 0.98765,
        "classes": {"cat": 0.98765, "dog": 0.5},
    }
    assert worded(answer) == ["input a.png  label cat  probability 0.9877  classes cat 0.9877, dog 0.5000"]


def test_rows_are_a_table_below_the_other_values():
    rows = [{"time": "2026-01-01", "load": 1.5}, {"time": "2026-01-02", "load": -10.25, "odd": 3}]
    assert worded({"input": "load.csv", "forecast": rows}) == [
        "input load.csv",
        "        time      load  odd",
        "  2026-01-01    1.5000     ",
        "  2026-01-02  -10.2500    3",
    ]


def test_a_list_of_values_stays_on_its_line():
    assert worded({"words": ["a", "b"], "none": []}) == ["words ['a', 'b']  none []"]


def test_standard_input_wants_to_be_followed(tmp_path, capsys):
    run = str(tmp_path / "run")
    assert main(["train", "anomaly/smoke", "--train.steps", "2", "--out", run]) == 0
    capsys.readouterr()
    assert main(["predict", run, "-"]) == 2
    assert "--follow" in capsys.readouterr().err


@dataclass(frozen=True)
class Undefined:
    """An answer without numbers."""

    def to_dict(self):
        return {"score": float("nan"), "all": [float("-inf"), (1.0, float("inf"))]}

    def draw(self):
        return None


def numbers(lines, name):
    """A number a line."""
    for place, line in enumerate(lines, start=1):
        if line:
            yield f"{name}, line {place}", [float(line)]


def asking(monkeypatch, deployable):
    """Let predict ask this, whatever the run."""
    job = SimpleNamespace(deploy=lambda config, parts: deployable)
    opened = SimpleNamespace(job=job, config=None, parts=None)
    monkeypatch.setattr("gradus.cli.predict.open_named", lambda *given, **settings: opened)


@pytest.mark.parametrize("more", [["--json"], ["--follow"]])
def test_answers_that_are_no_number_are_null_in_json(tmp_path, capsys, monkeypatch, more):
    asking(monkeypatch, replace(toy(answer=lambda output, raw: Undefined()), lines=numbers))
    monkeypatch.setattr("gradus.ship.follow.added_pieces", lambda path: iter([b"1\n"]))
    path = tmp_path / "a.txt"
    path.write_text("1\n")
    assert main(["predict", "run", str(path), *more]) == 0
    said = f'{{"input": "{path}, line 1", "score": null, "all": [null, [1.0, null]]}}\n'
    assert capsys.readouterr().out == said
