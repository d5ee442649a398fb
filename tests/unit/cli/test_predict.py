"""gradus predict: answers as lines to read."""

from gradus.cli.main import main
from gradus.cli.predict import worded


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
