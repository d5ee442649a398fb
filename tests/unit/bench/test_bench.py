"""gradus bench: what it trains, what it refuses, and the record that it writes."""

import json
import subprocess
from pathlib import Path

import pytest

from gradus.cli import bench, records
from gradus.core.errors import InputError, UsageError
from tests.architecture.source import ROOT
from tests.made_up import ENVIRONMENT, scores

TOY = "tests.contract.toys.labeller"


@pytest.fixture
def trained(monkeypatch):
    """The commands that would have trained, each answered with scores of its own."""
    commands = []

    def answer(command, **_):
        commands.append(command[3:])
        out = Path(command[command.index("--out") + 1])
        out.mkdir(parents=True)
        value = 0.9 - 0.1 * len(commands)
        (out / "metrics.json").write_text(json.dumps(scores(value, seconds=1.0, job="toy_labeller")))
        (out / "env.json").write_text(json.dumps(ENVIRONMENT))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(bench, "commit_of_package", lambda: None)
    monkeypatch.setattr(bench.subprocess, "run", answer)
    return commands


def the_record(folder: Path) -> records.Record:
    ((_, record),) = records.read_all(folder).items()
    return record


def test_seeds_are_trained_one_by_one_and_recorded(trained, tmp_path, capsys):
    out = tmp_path / "records"
    assert bench.run([TOY, "--seeds", "2", "--out", str(out), "--train.steps", "5", "--name", "short"]) == 0
    assert [command[:4] for command in trained] == [["train", f"{TOY}/smoke", "--train.steps", "5"]] * 2
    assert [command[4:6] for command in trained] == [["--train.seed", "0"], ["--train.seed", "1"]]
    record = the_record(out)
    assert (record.by, record.runs, record.values) == ("seed", (0, 1), pytest.approx((0.8, 0.7)))
    assert (record.name, record.settings) == ("short", ("--train.steps", "5"))
    assert record.command == f"gradus bench {TOY}/smoke --seeds 2 --name short --train.steps 5"
    said = capsys.readouterr().out
    assert "seed 0: accuracy 0.8000 (baseline 0.1000) in 1.0 s" in said
    assert f"record {out}" in said


def test_three_seeds_are_the_default(trained, tmp_path):
    bench.run([TOY, "--out", str(tmp_path)])
    assert the_record(tmp_path).runs == (0, 1, 2)


def test_runs_are_removed_or_kept(trained, tmp_path):
    bench.run([TOY, "--seeds", "1", "--out", str(tmp_path / "records"), "--keep", str(tmp_path / "runs")])
    (kept,) = (tmp_path / "runs").iterdir()
    assert [path.name for path in kept.iterdir()] == ["seed-0"]
    bench.run([TOY, "--seeds", "1", "--out", str(tmp_path / "records"), "--name", "again"])
    assert not Path(trained[-1][trained[-1].index("--out") + 1]).exists()


def test_a_record_is_not_overwritten(trained, tmp_path):
    bench.run([TOY, "--seeds", "1", "--out", str(tmp_path)])
    with pytest.raises(UsageError, match="GR-BENCH-003"):
        bench.run([TOY, "--seeds", "1", "--out", str(tmp_path)])
    assert len(trained) == 1


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (["--seeds", "0"], "GR-CONFIG-003"),
        (["--folds", "1"], "GR-CONFIG-003"),
        (["--folds", "5"], "GR-CLI-006"),  # this toy has no data to cut
        (["--data", "a.csv"], "GR-CLI-006"),
        (["--name", "a/b"], "GR-CLI-002"),
        (["--seeds", "many"], "GR-CLI-002"),
        (["--train.seed", "4"], "GR-BENCH-004"),
        (["--train.seed=4"], "GR-BENCH-004"),
        (["--train.stpes", "4"], "GR-CONFIG-001"),
        (["--train.steps", "0"], "GR-CONFIG-003"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_trained(trained, tmp_path, given, code):
    with pytest.raises(UsageError) as caught:
        bench.run([TOY, "--out", str(tmp_path), *given])
    assert (caught.value.code, trained) == (code, [])


def test_folds_are_set_one_by_one(monkeypatch):
    monkeypatch.setattr(
        bench, "settings", lambda config: [("data.folds", 0), ("data.fold", 0), ("train.seed", 0)]
    )
    plan = bench.plan_of(bench.Arguments(target="a", folds=2), ["--train.seed", "3"], None)
    assert plan.by == "fold"
    assert plan.runs == [["--data.folds", "2", "--data.fold", str(fold)] for fold in range(2)]
    for asked, rest in [
        (bench.Arguments(target="a", folds=2, seeds=2), []),
        (bench.Arguments(target="a", folds=2), ["--data.fold", "1"]),
    ]:
        with pytest.raises(UsageError, match="GR-BENCH-004"):
            bench.plan_of(asked, rest, None)


def test_a_folder_that_cannot_be_made_is_refused_before_anything_is_trained(trained, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError) as caught:
        bench.run([TOY, "--out", str(tmp_path / "file" / "records")])
    assert (caught.value.code, trained) == ("GR-RUN-002", [])


def test_a_failing_run_is_quoted_and_leaves_no_record(monkeypatch, tmp_path):
    failed = subprocess.CompletedProcess([], 1, "", "error GR-RUN-008: step 3\n  wanted  a finite loss\n")
    monkeypatch.setattr(bench.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(InputError) as caught:
        bench.run([TOY, "--out", str(tmp_path / "records")])
    assert (caught.value.code, caught.value.where) == ("GR-BENCH-002", "seed 0")
    assert "error GR-RUN-008: step 3 wanted a finite loss" in caught.value.got
    assert f"gradus train {TOY}/smoke --train.seed 0" in caught.value.remedy
    assert not (tmp_path / "records").exists()


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        ("--data.path=/elsewhere/mine", "--data.path=.../mine"),
        ("/elsewhere/mine", ".../mine"),
        ("mine/train", "mine/train"),
        ("--train.steps", "--train.steps"),
        ("0.5", "0.5"),
    ],
)
def test_folders_of_this_machine_are_not_recorded(monkeypatch, token, shown):
    monkeypatch.delenv("GRADUS_DATA", raising=False)
    assert bench.portable(token) == shown


def test_data_are_recorded_below_their_variable(monkeypatch, tmp_path):
    monkeypatch.setenv("GRADUS_DATA", str(tmp_path))
    assert bench.portable(f"--data.path={tmp_path}/digits") == "--data.path=$GRADUS_DATA/digits"
    asked = bench.Arguments(target="a", folds=5, data=f"{tmp_path}/two words")
    told = bench.command_of(asked, ["--note", "it's"], "a/b")
    assert told == """gradus bench a/b --folds 5 --data "$GRADUS_DATA/two words" --note 'it'"'"'s'"""


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    return subprocess.run(
        ["git", "-C", str(folder), *identity, *words], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_the_commit_is_that_of_the_package_and_of_nothing_around_it(monkeypatch, tmp_path):
    source = tmp_path / "gradus" / "__init__.py"
    source.parent.mkdir()
    source.write_text("")
    monkeypatch.setattr(bench.gradus, "__file__", str(source))
    assert bench.commit_of_package() is None
    git(tmp_path, "init", "-q")
    (tmp_path / "other").write_text("")
    git(tmp_path, "add", "other")
    git(tmp_path, "commit", "-q", "-m", "a")
    assert bench.commit_of_package() is None  # a repository that does not hold the package
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "b")
    assert bench.commit_of_package() == records.Commit(hash=git(tmp_path, "rev-parse", "HEAD"), dirty=False)
    (tmp_path / "other").write_text("changed")
    assert not bench.commit_of_package().dirty
    source.write_text("changed = 1\n")
    assert bench.commit_of_package().dirty


def test_a_toy_is_trained_for_real(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)  # where a fresh process finds the toys
    assert bench.run([TOY, "--seeds", "1", "--train.steps", "4", "--out", str(tmp_path)]) == 0
    record = the_record(tmp_path)
    assert (record.job, record.recipe, record.steps) == ("toy_labeller", "smoke", (4,))
    assert record.machine.cores
    assert capsys.readouterr().out.splitlines()[-1] == f"record {next(tmp_path.iterdir())}"


@pytest.mark.parametrize("name", ["value", "baseline"])
def test_a_run_whose_headline_is_no_number_is_named_and_leaves_no_record(
    trained, tmp_path, monkeypatch, name
):
    undefined = scores(0.5, seconds=1.0, job="toy_labeller") | {name: None}
    monkeypatch.setattr(bench, "read_json", lambda path: undefined)
    with pytest.raises(InputError, match="GR-BENCH-002") as caught:
        bench.run([TOY, "--seeds", "2", "--out", str(tmp_path / "records")])
    assert caught.value.where == "seed 0"
    assert not (tmp_path / "records").exists()
