"""Every bad recording or transcript has its answer, and leaves nothing behind."""

import pytest

from gradus.cli.main import main
from gradus.core.findings import PAGES
from gradus.jobs.speech.data import load
from tests.unit.cli.bad_sounds import CASES, float_wav, sounds
from tests.unit.cli.held import hold
from tests.unit.data.made_sounds import wav


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    load.cache_clear()  # it goes by the path, which is another folder in each test
    return tmp_path


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_a_bad_sound_has_its_answer(case, place, capsys):
    if case.code == "GR-SOUND-008":
        pytest.importorskip("soundfile")
    hold(case, place, capsys)


def test_the_table_is_in_order():
    assert len({case.what for case in CASES}) == len(CASES)
    assert {case.code for case in CASES} <= PAGES.keys()


def test_data_check_lists_what_is_wrong_and_ends_as_training_would_begin(place, capsys):
    sounds({"x.wav": float_wav(float("nan")), "x.txt": b"x", "y.wav": wav([0.1] * 99)})(place)
    given = ["data", "check", "speech", "--data", "sounds", "--train.batch", "4"]
    assert main(given) == 1
    capsys.readouterr()
    assert main([*given, "--skip-bad"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "10 with transcripts" in said
    assert all(word in said for word in ("2 cannot be used", "GR-SOUND-005", "GR-SOUND-011"))
    assert "10 sounds of 8000 Hz were resampled to 16000" in said
