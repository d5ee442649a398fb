"""What opening a run may not do: run code that it names, use other weights unsaid, lose its data."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gradus.cli import train
from gradus.cli.main import main
from tests.unit.cli.bad_inputs import CATS_AND_DOGS, write

SHORT = ["--train.steps", "60", "--train.precision", "fp32"]
ASK = {
    "evaluate": ["evaluate", "run"],
    "predict": ["predict", "run", "points.npy"],
    "report": ["report", "run"],
    "resume": ["resume", "run", "--train.steps", "80"],
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A job of the user's own, and a run of it."""
    place = tmp_path_factory.mktemp("opening")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        assert main(["new", "job", "spirals_to_open"]) == 0
        assert main(["train", "./spirals_to_open", "--out", "run", *SHORT]) == 0
    (place / "points.npy").write_bytes(b"")
    return place


@pytest.fixture
def place(trained, tmp_path, monkeypatch):
    shutil.copytree(trained, tmp_path / "place")
    monkeypatch.chdir(tmp_path / "place")
    return tmp_path / "place"


@pytest.mark.parametrize("verb", ASK)
def test_the_job_that_a_run_names_is_never_imported(place, capsys, verb):
    trap = place / "trap"
    trap.mkdir()
    (trap / "__init__.py").write_text("from pathlib import Path\nPath(__file__).with_name('ran').touch()\n")
    head = json.loads((place / "run" / "config.json").read_text())
    for named in (str(trap), "trap", "trap.job", "./trap"):
        (place / "run" / "config.json").write_text(json.dumps(head | {"job": named}))
        assert main(ASK[verb]) == 1
        assert "GR-RUN-015" in capsys.readouterr().err
        assert main([*ASK[verb], "--job", "image_classification"]) == 1, "another job is no way in"
        assert "GR-RUN-015" in capsys.readouterr().err
    assert sorted(path.name for path in trap.iterdir()) == ["__init__.py"]


def test_a_run_of_ours_opens_with_no_other_job(place, capsys):
    head = json.loads((place / "run" / "config.json").read_text())
    (place / "run" / "config.json").write_text(json.dumps(head | {"job": "sentiment"}))
    assert main(["evaluate", "run", "--job", "./spirals_to_open"]) == 1
    assert "GR-RUN-015" in capsys.readouterr().err


def test_a_job_that_was_moved_is_named_where_it_is(place, capsys):
    shutil.move(place / "spirals_to_open", place / "elsewhere")
    (place / "jobs").mkdir()
    shutil.move(place / "elsewhere", place / "jobs" / "spirals_to_open")
    assert main(["evaluate", "run", "--job", "jobs/spirals_to_open", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["step"] == 60


@pytest.mark.parametrize("verb", ["evaluate", "report", "resume"])
def test_weights_that_are_damaged_are_told_and_refused_if_asked(place, capsys, verb):
    (place / "run" / "checkpoints" / "step-60" / "model.safetensors").write_bytes(b"short")
    asked = [*ASK[verb], "--job", "./spirals_to_open"]
    assert main([*asked, "--strict"]) == 1
    said = capsys.readouterr()
    assert "error GR-RUN-006" in said.err
    assert main(asked) == 0
    said = capsys.readouterr()
    assert "GR-RUN-006" in said.out + said.err
    assert "step-60" in said.out + said.err


def test_runs_without_a_name_are_told_apart(place, monkeypatch):
    """Three of them begin in the same second."""
    monkeypatch.setattr(train.time, "strftime", lambda *_: "20260101T000000Z")
    for _ in range(3):
        assert main(["train", "./spirals_to_open", "--train.steps", "2", "--train.precision", "fp32"]) == 0
    names = sorted(path.name.removeprefix("spirals_to_open-") for path in (place / "runs").iterdir())
    assert [name.partition("20260101T000000Z")[2] for name in names] == ["", "-2", "-3"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_names_the_run_and_what_is_saved(place, number):
    command = [sys.executable, "-m", "gradus", "train", "./spirals_to_open", "--out", "long"]
    process = subprocess.Popen(
        [*command, "--train.steps", "1000000", "--train.precision", "fp32"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout
    while "training from" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "which is saved; go on with `gradus resume long --job" in said
    assert "Traceback" not in said
    last = Path("long/checkpoints/last").read_text().strip()
    assert f"interrupted at step {last.removeprefix('step-')}," in said


def test_data_are_remembered_from_the_root(place, capsys):
    pictures = place / "pictures"
    write(pictures, CATS_AND_DOGS)
    given = ["train", "image_classification/folder", "--data", "pictures", "--out", "looked"]
    small = ["--data.side", "8", "--data.validation", "0", "--train.keep", "last", "--train.batch", "4"]
    assert main([*given, *small, "--model", "convnet", "--model.widths", "4", *SHORT]) == 0
    config = json.loads((place / "looked" / "config.json").read_text())["config"]
    assert config["data"]["path"] == str(pictures)
