"""Every bad input has its answer: a code with a page, an exit status, what to mend; and leaves nothing."""

import io
import json
import os
import shutil

import pytest
from PIL import Image

from gradus.cli import train
from gradus.cli.main import main
from gradus.core.findings import PAGES
from gradus.jobs.image_classification.data import load
from tests.unit.cli.bad_inputs import CASES, CATS_AND_DOGS, Case, encoded, pictures, write
from tests.unit.cli.held import SHORT, contents, hold

SMALL = [
    *("--data.side", "8", "--data.validation", "0", "--train.keep", "last", "--train.batch", "4"),
    *("--model", "convnet"),
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of four steps on twelve pictures of 8 x 8."""
    place = tmp_path_factory.mktemp("bad_inputs")
    pictures()(place)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        given = ["train", "image_classification/folder", "--data", "pictures", "--out", "run"]
        assert main([*given, *SMALL, "--model.widths", "4", *SHORT]) == 0
    return place / "run"


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    load.cache_clear()  # it goes by the path, which is another folder in each test
    return tmp_path


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_a_bad_input_has_its_answer(case: Case, place, trained, capsys):
    if case.run:
        shutil.copytree(trained, place / "run")
    hold(case, place, capsys)


def test_the_table_is_in_order():
    assert len(CASES) >= 60
    assert len({case.what for case in CASES}) == len(CASES)
    assert all(case.says and case.status in (1, 2) for case in CASES)
    answered = {case.code for case in CASES}
    assert answered <= PAGES.keys()


ODD = {
    "cat/new\nline.png": encoded(1),
    "cat/\u202eturned.png": encoded(2),
    "dog/$x_{$.png": encoded(3),
    "dog/\x1b[31mred.png": encoded(4),
    os.fsdecode(b"dog/no-text-\xff.png"): encoded(5),
}


def animated() -> bytes:
    """A GIF of three frames."""
    file = io.BytesIO()
    frames = [Image.new("L", (8, 8), shade) for shade in (0, 100, 200)]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    return file.getvalue()


def test_odd_is_not_bad(place, trained, capsys):
    """Names that a terminal would obey, moving pictures and colours of every kind are read."""
    write(place / "pictures", CATS_AND_DOGS | ODD | {"cat/moving.gif": animated()})
    given = ["data", "check", "image_classification", "--data", "pictures", "--train.batch", "4"]
    assert main(given) == 0
    assert "18 in 2 classes" in capsys.readouterr().out
    write(place / "inputs", ODD)
    assert main(["predict", str(trained), "inputs"]) == 0
    said = capsys.readouterr().out
    assert len(said.splitlines()) == len(ODD)
    assert "".join(said.splitlines()).isprintable()
    assert main(["predict", str(trained), "inputs", "--json"]) == 0
    named = {json.loads(line)["input"] for line in capsys.readouterr().out.splitlines()}
    assert named == {f"inputs/{name}" for name in ODD}


def test_a_run_that_failed_before_its_first_step_leaves_what_was_there(place, capsys):
    """The user's own files in --out stay, and so do folders that were there."""
    write(place / "out", {"notes.txt": b"mine"})
    before = contents(place)
    assert main(["train", "image_classification/folder", "--data", "nowhere", "--out", "out", *SHORT]) == 1
    assert contents(place) == before
    assert "GR-DATA-001" in capsys.readouterr().err


def test_processes_that_failed_before_the_first_step_leave_nothing(place, monkeypatch):
    """They say why themselves, and tell this process by their exit status alone."""
    pictures()(place)
    before = contents(place)
    monkeypatch.setattr(train, "spread", lambda count, command, run: 1)
    given = ["train", "image_classification/folder", "--data", "pictures", "--devices", "2"]
    assert main([*given, *SHORT]) == 1
    assert contents(place) == before


def test_a_run_that_failed_later_stays(place, capsys):
    """Its journal says how it went."""
    assert main(["train", "image_classification/smoke", "--out", "run", "--train.rate", "1e30", *SHORT]) == 1
    assert "GR-RUN-008" in capsys.readouterr().err
    assert "GR-RUN-008" in (place / "run" / "journal.jsonl").read_text()
    assert main(["train", "image_classification/smoke", "--out", "run", *SHORT]) == 2


def test_data_that_can_only_be_scored_are_scored_whole(place, trained, capsys):
    """A run needs no training split to be evaluated on, and one picture of a class is enough."""
    write(place / "pictures", {"test/cat/1.png": encoded(1), "test/dog/1.png": encoded(2)})
    assert main(["evaluate", str(trained), "--data", "pictures", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["split"] == "all"
    assert said["metrics"]["accuracy"] in (0.0, 0.5, 1.0)
