"""Every bad series has its answer, and leaves nothing behind."""

import shlex
import shutil

import pytest

from gradus.cli.main import main
from gradus.jobs.forecasting.inputs import load
from tests.unit.cli.bad_inputs import named
from tests.unit.cli.bad_series import CASES, CSV, SOUND
from tests.unit.cli.held import SHORT, hold


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of two steps on the sound table."""
    place = tmp_path_factory.mktemp("bad_series")
    named("load.csv", SOUND)(place)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        assert main([*shlex.split(CSV), "--out", "run", *SHORT]) == 0
    return place / "run"


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    load.cache_clear()  # it goes by the path, which is another file in each test
    return tmp_path


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_a_bad_series_has_its_answer(case, place, trained, capsys):
    if case.run:
        shutil.copytree(trained, place / "run")
    hold(case, place, capsys)


def test_bad_rows_are_left_out_and_counted(place):
    rows = SOUND.decode().splitlines()
    rows[6], rows[9], rows[12], rows[20] = (
        "2026-01-01 05:00,5,high",
        "soon,8,1",
        "2026-01-01 11:00,1",
        rows[20] + ",1",
    )
    named("load.csv", "\n".join(rows).encode())(place)
    assert main([*shlex.split(f"{CSV} --skip-bad --data.mend.gaps hold --out run"), *SHORT]) == 0
    plan = (place / "run" / "plan.json").read_text()
    assert "2 rows with a bad cell are left out, line 10, column date; line 7, column flow first" in plan
    assert f"2 rows are left out, {place / 'load.csv'}, line 13 first" in plan
    assert "4 steps are missing in 4 gaps" in plan


def test_what_is_mended_is_counted_in_the_plan(place):
    rows = SOUND.decode().splitlines()
    rows[5], rows[6] = rows[6], rows[5]
    rows[9] = rows[9].rpartition(",")[0] + ","
    del rows[20]
    named("load.csv", "\n".join(rows).encode())(place)
    mend = "--data.mend.order sort --data.mend.gaps hold --data.mend.missing hold --out run"
    assert main([*shlex.split(f"{CSV} {mend}"), *SHORT]) == 0
    plan = (place / "run" / "plan.json").read_text()
    for note in ("1 rows were out of order", "1 steps are missing in 1 gaps", "1 missing values"):
        assert note in plan
