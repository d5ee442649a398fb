"""Every bad table of rows has its answer, and leaves nothing behind."""

import re
import shlex

import pytest

from gradus.cli.main import main
from tests.unit.cli.bad_rows import CASES

SHORT = ["--train.steps", "2"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_a_bad_table_has_its_answer(case, place, capsys):
    case.make(place)
    capsys.readouterr()
    before = sorted(place.rglob("*"))
    given = shlex.split(case.command)
    status = main([*given, *(SHORT if given[0] == "train" else [])])
    said = capsys.readouterr().err
    assert (re.findall("^error (.*?):", said, re.MULTILINE), status) == ([case.code], case.status), said
    assert [word for word in case.says if word not in said] == [], said
    assert len(said.splitlines()) == 5
    assert sorted(place.rglob("*")) == before
