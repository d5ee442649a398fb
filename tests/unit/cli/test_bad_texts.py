"""Every bad text has its answer, and leaves nothing behind."""

import pytest

from gradus.cli.main import main
from gradus.jobs.sentiment.data import load
from tests.unit.cli.bad_texts import CASES, GOOD, table
from tests.unit.cli.held import SHORT, hold


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    load.cache_clear()  # it goes by the path, which is another folder in each test
    return tmp_path


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_a_bad_text_has_its_answer(case, place, capsys):
    hold(case, place, capsys)


def test_bad_lines_are_left_out_and_counted(place, capsys):
    table("fine, really,good", ",", GOOD[0] + ",good")(place)
    given = ["train", "sentiment/folder", "--data", "reviews.csv", "--train.batch", "4", *SHORT]
    assert main([*given, "--skip-bad", "--out", "run"]) == 0
    plan = (place / "run" / "plan.json").read_text()
    assert f'"{place / "reviews.csv"}, line 18"' in plan
    assert f'"{place / "reviews.csv"}, line 19"' in plan
