"""The verbs from end to end, in this process, on a small job of the user's own."""

import json

import pytest

from gradus.cli.main import main
from gradus.core.findings import PAGES

MINE = ("--job", "./spirals_of_mine")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("verbs")


@pytest.fixture
def here(place, monkeypatch):
    monkeypatch.chdir(place)
    return place


@pytest.fixture(scope="module")
def trained(place):
    """A finished run of a job that `gradus new` wrote."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        assert main(["new", "job", "spirals_of_mine"]) == 0
        assert main(["train", "./spirals_of_mine", "--out", "run", "--train.steps", "60"]) == 0
    return place / "run"


def test_train_leaves_a_whole_run_folder(trained):
    names = {path.name for path in trained.iterdir()}
    assert {"config.json", "plan.json", "env.json", "journal.jsonl", "metrics.json", "report.html"} <= names
    metrics = json.loads((trained / "metrics.json").read_text())
    assert metrics["value"] == metrics["metrics"]["accuracy"]
    assert (metrics["job"], metrics["direction"], metrics["steps"]) == ("spirals_of_mine", "higher", 60)
    assert (trained / "checkpoints" / "step-60" / "state.json").is_file()


def test_resume_of_a_finished_run_says_so_and_changes_nothing(trained, here, capsys):
    before = {p: p.stat().st_mtime_ns for p in trained.rglob("*") if p.is_file()}
    assert main(["resume", "run", *MINE]) == 0
    assert "complete" in capsys.readouterr().out
    assert before == {p: p.stat().st_mtime_ns for p in trained.rglob("*") if p.is_file()}


def test_evaluate_gives_the_numbers_of_the_run(trained, here, capsys):
    assert main(["evaluate", "run", *MINE, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["metrics"] == json.loads((trained / "metrics.json").read_text())["metrics"]


def test_report_is_written_again(trained, here):
    (trained / "report.html").unlink()
    assert main(["report", "run", *MINE]) == 0
    assert "spirals_of_mine" in (trained / "report.html").read_text()


def test_resume_extends(trained, here):
    assert main(["resume", "run", *MINE, "--train.steps", "90"]) == 0
    assert json.loads((trained / "metrics.json").read_text())["steps"] == 90


def test_help_of_a_job_shows_its_settings(trained, here, capsys):
    assert main(["train", "./spirals_of_mine", "--help"]) == 0
    assert "--train-points" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        (["trian"], 2, "GR-CLI-001"),
        (["train"], 2, "GR-CLI-002"),
        (["train", "nothing_like_it"], 2, "GR-CLI-003"),
        (["train", "./spirals_of_mine/nope"], 2, "GR-CLI-004"),
        (["train", "no.such.module"], 2, "GR-CLI-005"),
        (["train", "./spirals_of_mine", "--data", "x"], 2, "GR-CLI-006"),
        (["new", "job", "not-a-name"], 2, "GR-CLI-008"),
        (["new", "job", "spirals_of_mine"], 2, "GR-CLI-009"),
        (["train", "./spirals_of_mine", "--out", "run"], 2, "GR-RUN-009"),
        (["resume", "nowhere"], 1, "GR-RUN-010"),
        (["resume", "run", *MINE, "--train.steps", "3"], 2, "GR-RUN-013"),
        (["resume", "run", *MINE, "--train.rate", "3"], 2, "GR-CLI-002"),
        (["predict", "run", *MINE, "nowhere.png"], 1, "GR-DATA-050"),
        (["evaluate", "run", *MINE, "--data", "x"], 2, "GR-CLI-006"),
    ],
)
def test_errors_name_a_code_and_leave_nothing_behind(trained, here, capsys, given, status, code):
    before = sorted(here.rglob("*"))
    assert main(given) == status
    said = capsys.readouterr().err
    assert f"error {code}" in said
    assert PAGES[code].title
    assert "Traceback" not in said
    assert sorted(here.rglob("*")) == before


def test_a_run_that_is_taken_away_again_is_said_to_be(trained, here, capsys):
    given = ["train", "./spirals_of_mine", "--train.steps", "9"]
    assert main([*given, "--out", "short", "--train.batch", "100000"]) == 2
    assert "run short is taken away again" in capsys.readouterr().out
    assert not (here / "short").exists()
    assert main([*given, "--out", "run"]) == 2
    assert main([*given, "--out", "sound"]) == 0
    assert "taken away" not in capsys.readouterr().out


def test_help_needs_no_verb(capsys):
    assert main([]) == main(["--help"]) == 0
    assert "gradus train JOB" in capsys.readouterr().out


def test_scores_that_are_no_number_are_null_in_json(trained, here, capsys, monkeypatch):
    scores = {"accuracy": float("nan"), "loss": float("inf"), "f1": 0.5}
    monkeypatch.setattr("gradus.cli.evaluate.measure", lambda *given, **settings: scores)
    assert main(["evaluate", "run", *MINE, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["metrics"] == {"accuracy": None, "loss": None, "f1": 0.5}


def test_a_finished_run_without_scores_is_shown_as_it_is(trained, here, capsys):
    path = trained / "metrics.json"
    before = path.read_text()
    path.write_text(json.dumps(json.loads(before) | {"metrics": {}}))
    (trained / "report.html").touch()
    assert main(["resume", "run", *MINE]) == 0
    assert "on the test split" in capsys.readouterr().out
    path.write_text(before)
