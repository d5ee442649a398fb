"""Every bad table of rows has its answer, and leaves nothing behind."""

import pytest

from tests.unit.cli.bad_rows import CASES
from tests.unit.cli.held import hold


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_a_bad_table_has_its_answer(case, place, capsys):
    hold(case, place, capsys)
