"""The run folder: begun, trained, cut off, resumed, extended, opened; and how each of that may go wrong."""

import json
import math
import shutil
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from gradus.core.configs import to_json
from gradus.core.errors import InputError, UsageError
from gradus.core.facts import Evaluated, Halt, Listeners, Measured, Saved
from gradus.core.files import read_json, sha256, write_json
from gradus.engine import claim, folder
from gradus.engine.claim import held
from gradus.engine.contract import differing, tensors_in
from gradus.engine.job import Job, state_of, supervised
from gradus.engine.journal import Journal, read_journal
from gradus.engine.loop import measure
from gradus.engine.loss import Loss
from gradus.engine.settings import OptimConfig, TrainConfig
from tests.contract.toys import forecaster

KEYS = [
    *("job", "recipe", "headline", "direction", "value", "baseline", "metrics", "baseline_metrics"),
    *("seconds", "steps", "device", "doctor"),
]


def config_with(**train: Any) -> forecaster.Config:
    settings = {
        "steps": 12,
        "batch": 8,
        "evaluate_every": 4,
        "log_every": 2,
        "precision": "fp32",
        "device": "cpu",
    }
    optim = OptimConfig(ema=0.9)
    return forecaster.Config(window=6, width=4, train=TrainConfig(**(settings | {"optim": optim} | train)))


def begun(out: Path, job: Job = forecaster.JOB, **train: Any) -> Path:
    folder.begin(out, reference=job.name, recipe="smoke", config=config_with(**train))
    return out


def halting(step: int) -> folder.Watch:
    """A watcher that ends the run at the checkpoint of a step."""

    def stop(fact: Saved) -> None:
        if fact.step == step:
            raise Halt("far enough")

    return lambda listeners: listeners.add(Saved, stop)


def extend(out: Path, steps: int) -> None:
    """As ``gradus resume --train.steps`` does it."""
    config = folder.config_of(out, forecaster.JOB)
    longer = replace(config, train=replace(config.train, steps=steps))
    write_json(out / "config.json", folder.header(out) | {"config": to_json(longer)})


def scores(out: Path, **options: Any) -> dict[str, float]:
    opened = folder.open_run(forecaster.JOB, out, **options)
    return measure(forecaster.JOB, opened.config, opened.parts, opened.run, split="test")


# -- a run from begin to end -------------------------------------------------------------------------------


def test_a_run_folder_is_what_the_design_says(tmp_path: Path) -> None:
    out = begun(tmp_path / "runs" / "one")
    assert sorted(p.name for p in out.iterdir()) == [".lock", "checkpoints", "config.json", "env.json"]
    result = folder.execute(forecaster.JOB, out)
    names = {"checkpoints", "config.json", "env.json", "journal.jsonl", "metrics.json", "plan.json"}
    assert {p.name for p in out.iterdir() if not p.name.startswith(".")} == names
    assert result == read_json(out / "metrics.json")
    assert [key for key in result if key in KEYS] == KEYS
    assert (result["job"], result["recipe"]) == ("toy_forecaster", "smoke")
    assert (result["headline"], result["direction"]) == ("mse", "lower")
    assert (result["value"], result["baseline"]) == (
        result["metrics"]["mse"],
        result["baseline_metrics"]["mse"],
    )
    assert (result["steps"], result["device"], result["doctor"]["verdict"]) == (12, "cpu", "not watched")
    assert result["seconds"] > 0
    assert result["baseline_metrics"] == forecaster.baseline(
        config_with(), folder.open_run(forecaster.JOB, out).parts
    )
    assert {p.name for p in (out / "checkpoints").iterdir()} >= {"step-8", "step-12", "last", "best"}


def test_the_config_is_complete_and_comes_back(tmp_path: Path) -> None:
    out = begun(tmp_path / "run", rate=0.02)
    head = folder.header(out)
    assert list(head) == ["job", "recipe", "gradus", "config"]
    assert head["config"]["train"]["schedule"] == {"kind": "cosine", "end": 0.0}
    assert folder.config_of(out, forecaster.JOB) == config_with(rate=0.02)


def test_the_environment_names_the_machine_and_the_versions(tmp_path: Path) -> None:
    env = read_json(begun(tmp_path / "run") / "env.json")
    assert env["versions"]["torch"] == torch.__version__
    assert env["machine"]["cores"] > 0
    assert not any("/" in str(value) for value in env["machine"].values()), "no paths, no names of hosts"


def test_the_plan_is_written_before_the_first_step(tmp_path: Path) -> None:
    out = begun(tmp_path / "run")
    seen: list[dict[str, Any]] = []

    def watch(listeners: Listeners) -> None:
        listeners.add(Measured, lambda fact: seen.append(read_json(out / "plan.json")))

    folder.execute(forecaster.JOB, out, watch=watch)
    assert seen[0] == seen[-1] == read_json(out / "plan.json")
    assert seen[0]["precision"] == {"value": "fp32", "reason": "given"}


def test_the_journal_tells_the_run(tmp_path: Path) -> None:
    out = begun(tmp_path / "run")
    result = folder.execute(forecaster.JOB, out)
    rows = read_journal(out / "journal.jsonl")
    names = [(row["fact"], row["step"]) for row in rows]
    pauses = {step: [("evaluated", step), ("saved", step)] for step in (4, 8, 12)}
    lines = [pair for step in (2, 4, 6, 8, 10, 12) for pair in [("measured", step), *pauses.get(step, [])]]
    assert names == [("started", 0), *lines, ("ended", 12), ("evaluated", 12)]
    assert rows[-1]["split"] == "test"
    assert rows[-1]["metrics"] == result["metrics"]
    assert rows[0]["recipe"] == "smoke"


# -- cut off and resumed -----------------------------------------------------------------------------------


def without_times(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Journal rows less what differs between two runs of the same numbers: clocks, memory, starts, ends."""
    kept = [row for row in rows if row["fact"] not in ("started", "ended")]
    for row in kept:
        for name in ("seconds", "samples_per_second"):
            row.pop(name, None)
        row.get("values", {}).pop("memory_gib", None)
    return kept


def test_a_resumed_run_ends_like_an_undisturbed_one_and_tells_one_story(tmp_path: Path) -> None:
    whole, cut = begun(tmp_path / "whole"), begun(tmp_path / "cut")
    wanted = folder.execute(forecaster.JOB, whole)
    folder.execute(forecaster.JOB, cut, watch=halting(8))
    with (cut / "journal.jsonl").open("a") as file:  # what a killed run wrote after its last checkpoint
        file.write(
            json.dumps({"fact": "measured", "step": 10, "values": {"loss": 99.0}}) + '\n{"fact": "meas'
        )
    got = folder.execute(forecaster.JOB, cut)
    assert got["metrics"] == wanted["metrics"]
    assert (
        differing(*(tensors_in(state_of(folder.open_run(forecaster.JOB, o).parts)) for o in (whole, cut)))
        == []
    )
    rows = read_journal(cut / "journal.jsonl")
    assert [row["step"] for row in rows if row["fact"] == "started"] == [0, 8]
    assert [row["step"] for row in rows if row["fact"] == "ended"] == [12]
    assert without_times(rows) == without_times(read_journal(whole / "journal.jsonl"))


def test_a_finished_run_can_be_extended(tmp_path: Path) -> None:
    out = begun(tmp_path / "run", steps=8)
    folder.execute(forecaster.JOB, out)
    extend(out, 12)
    result = folder.execute(forecaster.JOB, out)
    assert (result["steps"], read_json(out / "metrics.json")["steps"]) == (12, 12)
    rows = read_journal(out / "journal.jsonl")
    assert [row["step"] for row in rows if row["fact"] == "started"] == [0, 8]
    assert [row["step"] for row in rows if row["fact"] == "saved"] == [4, 8, 12]


def test_an_extension_holds_from_its_first_checkpoint_on(tmp_path: Path) -> None:
    out = begun(tmp_path / "run", steps=8)
    folder.execute(forecaster.JOB, out)
    seen: list[tuple[int, int, bool]] = []

    def see(fact: Measured) -> None:
        planned = folder.config_of(out, forecaster.JOB).train.steps
        seen.append((fact.step, planned, (out / "metrics.json").exists()))

    result = folder.execute(
        forecaster.JOB, out, steps=16, watch=lambda listeners: listeners.add(Measured, see)
    )
    assert result["steps"] == folder.config_of(out, forecaster.JOB).train.steps == 16
    assert read_json(out / "metrics.json")["steps"] == 16
    assert seen == [(10, 8, True), (12, 8, True), (14, 16, False), (16, 16, False)]


def test_an_extension_that_cannot_begin_changes_no_setting(tmp_path: Path) -> None:
    out = begun(tmp_path / "run", steps=8)
    folder.execute(forecaster.JOB, out)
    before = (out / "config.json").read_bytes()

    def step(*_: Any) -> None:
        raise InputError("GR-DATA-001", where="data", wanted="data", got="none", remedy="Bring them.")

    with pytest.raises(InputError, match="GR-DATA-001"):
        folder.execute(replace(forecaster.JOB, step=step), out, steps=12)
    assert (out / "config.json").read_bytes() == before


def test_a_finished_run_executed_again_says_the_same(tmp_path: Path) -> None:
    out = begun(tmp_path / "run")
    first, second = (folder.execute(forecaster.JOB, out)["metrics"] for _ in range(2))
    assert first == second
    rows = read_journal(out / "journal.jsonl")
    assert [row["fact"] for row in rows[-2:]] == ["ended", "evaluated"]
    assert len([row for row in rows if row["fact"] == "ended" or row.get("split") == "test"]) == 2


def test_a_damaged_checkpoint_is_told_in_the_journal(tmp_path: Path) -> None:
    out = begun(tmp_path / "run")
    wanted = folder.execute(forecaster.JOB, begun(tmp_path / "whole"))
    folder.execute(forecaster.JOB, out, watch=halting(8))
    (out / "checkpoints" / "step-8" / "model.safetensors").write_bytes(b"short")
    result = folder.execute(forecaster.JOB, out)
    assert result["metrics"] == wanted["metrics"]
    found = [row for row in read_journal(out / "journal.jsonl") if row["fact"] == "found"]
    assert [row["code"] for row in found] == ["GR-RUN-006"]
    assert "step-8" in found[0]["sentence"]
    assert [row["step"] for row in read_journal(out / "journal.jsonl") if row["fact"] == "started"] == [0, 4]


def test_a_best_checkpoint_that_is_damaged_is_told_too(tmp_path: Path) -> None:
    """The run then keeps other weights than it says: that is a finding, not a detail."""
    out = begun(tmp_path / "run", keep="best")

    def damage(fact: Evaluated) -> None:
        if (fact.split, fact.step) == ("validation", 12):
            (out / "checkpoints" / (out / "checkpoints" / "best").read_text().strip() / "state.json").unlink()

    values = iter([9.0, 1.0, 2.0, 3.0])  # the first asks whether there is a validation split
    job = replace(
        forecaster.JOB,
        evaluate=lambda c, p, r, split: (
            {"mse": next(values)} if split == "validation" else forecaster.evaluate(c, p, r, split)
        ),
    )
    folder.execute(job, out, watch=lambda listeners: listeners.add(Evaluated, damage))
    found = [row for row in read_journal(out / "journal.jsonl") if row["fact"] == "found"]
    assert [row["code"] for row in found] == ["GR-RUN-006"]
    assert "step-4" in found[0]["sentence"]


def test_a_loss_that_is_no_number_ends_the_run_and_leaves_it_in_order(tmp_path: Path) -> None:
    out = begun(tmp_path / "run")

    def loss(config: Any, parts: Any, batch: Any) -> Loss:
        made = forecaster.loss(config, parts, batch)
        return Loss(made.total * math.nan if parts.optim.updates >= 9 else made.total, made.count)

    with pytest.raises(InputError, match="GR-RUN-008"):
        folder.execute(replace(forecaster.JOB, step=supervised(loss)), out)
    rows = read_journal(out / "journal.jsonl")
    assert [(row["fact"], row["step"]) for row in rows][-2:] == [("saved", 8), ("found", 10)]
    assert rows[-1]["code"] == "GR-RUN-008"
    assert not (out / "metrics.json").exists()
    assert folder.execute(forecaster.JOB, out)["steps"] == 12, "with the cause gone the run goes on"


# -- opened ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keep", ["best", "last"])
def test_an_opened_run_scores_what_it_scored(tmp_path: Path, keep: str) -> None:
    out = begun(tmp_path / "run", keep=keep)
    result = folder.execute(forecaster.JOB, out)
    assert scores(out) == result["metrics"]


def test_an_opened_run_has_its_average_for_weights_and_nothing_left_to_learn(tmp_path: Path) -> None:
    out = begun(tmp_path / "run")
    folder.execute(forecaster.JOB, out)
    opened = folder.open_run(forecaster.JOB, out)
    assert opened.step == opened.run.step == 12
    assert opened.parts.optim.average == {}
    assert not opened.parts.model.training


def test_the_best_and_the_last_can_be_asked_for(tmp_path: Path) -> None:
    values = iter([1.0, 2.0, 3.0])
    job = replace(
        forecaster.JOB,
        evaluate=lambda c, p, r, split: (
            {"mse": next(values)} if split == "validation" else forecaster.evaluate(c, p, r, split)
        ),
    )
    out = begun(tmp_path / "run")
    folder.execute(job, out)
    assert [folder.open_run(job, out, which=which).step for which in ("best", "last")] == [4, 12]


# -- refused -----------------------------------------------------------------------------------------------


def test_a_folder_with_a_run_is_not_overwritten(tmp_path: Path) -> None:
    out = begun(tmp_path / "run")
    before = (out / "config.json").read_bytes()
    with pytest.raises(UsageError, match="GR-RUN-009"):
        begun(out, rate=0.5)
    assert (out / "config.json").read_bytes() == before


def test_a_config_out_of_range_starts_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="GR-CONFIG-003"):
        begun(tmp_path / "run", rate=-1.0)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("steps_taken", [0, 1, 8])
def test_a_new_run_that_fails_is_taken_away_unless_it_has_taken_a_step(
    tmp_path: Path, steps_taken: int
) -> None:
    def step(config: Any, parts: Any, batch: Any, run: Any) -> None:
        if run.step == steps_taken:
            raise ZeroDivisionError
        forecaster.JOB.step(config, parts, batch, run)

    out = tmp_path / "runs" / "one"
    config = config_with(log_every=1)
    with (
        pytest.raises(ZeroDivisionError),
        folder.new_run(out, reference="toy_forecaster", recipe="smoke", config=config) as ours,
    ):
        folder.execute(replace(forecaster.JOB, step=step), out, claim=ours)
    assert out.exists() == (steps_taken > 0)
    assert (tmp_path / "runs").exists() == (steps_taken > 0)


def test_a_new_run_that_is_interrupted_stays(tmp_path: Path) -> None:
    """It can be resumed, from its first step."""
    out, config = tmp_path / "run", config_with()
    with (
        pytest.raises(KeyboardInterrupt),
        folder.new_run(out, reference="toy_forecaster", recipe="smoke", config=config),
    ):
        raise KeyboardInterrupt
    assert folder.execute(forecaster.JOB, out)["steps"] == 12


def test_a_new_run_that_another_process_trains_is_not_taken_away(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with ExitStack() as other:
        with (
            suppress(ZeroDivisionError),
            folder.new_run(out, reference="toy_forecaster", recipe="smoke", config=config_with()) as ours,
        ):
            ours.release()
            other.enter_context(held(out))
            raise ZeroDivisionError
        assert (out / "config.json").exists()


def test_a_run_that_lost_its_plan_is_not_planned_again(tmp_path: Path) -> None:
    out = begun(tmp_path / "run")
    folder.execute(forecaster.JOB, out)
    (out / "plan.json").unlink()
    for use in (folder.execute, folder.open_run):
        with pytest.raises(InputError, match="GR-RUN-003") as caught:
            use(forecaster.JOB, out)
        assert caught.value.where == str(out / "plan.json")


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    out = begun(tmp_path / "run")
    folder.execute(forecaster.JOB, out)
    head = folder.header(out)
    head["config"]["width"] = 5
    write_json(out / "config.json", head)
    for use in (folder.execute, folder.open_run):
        with pytest.raises(InputError, match="GR-RUN-020") as caught:
            use(forecaster.JOB, out)
        assert (caught.value.where, caught.value.got) == (f"{out}, width", "5")


def test_what_is_no_run_is_said_to_be_none(tmp_path: Path) -> None:
    for place, got in ((tmp_path, "a folder without one"), (tmp_path / "absent", "no such folder")):
        with pytest.raises(InputError, match="GR-RUN-010") as caught:
            folder.execute(forecaster.JOB, place)
        assert caught.value.got == got


def test_a_run_without_a_checkpoint_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="GR-RUN-011"):
        folder.open_run(forecaster.JOB, begun(tmp_path / "run"))


def test_a_run_that_another_process_trains_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = begun(tmp_path / "run")
    clock = iter(range(100))
    monkeypatch.setattr(claim.time, "monotonic", lambda: 3.0 * next(clock))
    with held(out):
        with pytest.raises(InputError, match="GR-RUN-012"):
            folder.execute(forecaster.JOB, out)
        assert not (out / "plan.json").exists()
    assert folder.execute(forecaster.JOB, out)["steps"] == 12


def test_an_error_of_the_job_is_not_taken_for_the_folders(tmp_path: Path) -> None:
    """A file of the data that is not there says so itself; the lock of the run does not hide it."""
    out = begun(tmp_path / "run")

    def step(*_: Any) -> None:
        (tmp_path / "absent.csv").read_text()

    with pytest.raises(FileNotFoundError, match=r"absent\.csv"):
        folder.execute(replace(forecaster.JOB, step=step), out)
    assert folder.execute(forecaster.JOB, out)["steps"] == 12, "the lock is free again"


def test_all_checkpoints_damaged_is_an_error(tmp_path: Path) -> None:
    out = begun(tmp_path / "run")
    folder.execute(forecaster.JOB, out, watch=halting(8))
    for state in out.glob("checkpoints/step-*/state.json"):
        state.write_text("{")
    with pytest.raises(InputError, match="GR-RUN-007"):
        folder.execute(forecaster.JOB, out)


def test_a_config_with_an_unknown_key_names_it(tmp_path: Path) -> None:
    out = begun(tmp_path / "run")
    head = folder.header(out)
    head["config"]["train"]["stepps"] = 3
    write_json(out / "config.json", head)
    with pytest.raises(UsageError, match="GR-CONFIG-001") as caught:
        folder.execute(forecaster.JOB, out)
    assert "steps" in caught.value.remedy
    assert caught.value.where == f"{out / 'config.json'}.train.stepps"


def test_a_setting_out_of_range_in_the_config_is_refused(tmp_path: Path) -> None:
    out = begun(tmp_path / "run")
    head = folder.header(out)
    head["config"]["train"]["rate"] = -1
    write_json(out / "config.json", head)
    with pytest.raises(UsageError, match="GR-CONFIG-003") as caught:
        folder.execute(forecaster.JOB, out)
    assert caught.value.where == f"{out / 'config.json'}.train.rate"


def test_a_score_that_is_no_number_loses_no_run(tmp_path: Path) -> None:
    """A class that is absent from the test split gives NaN: the other scores are written all the same."""
    out = begun(tmp_path / "run")
    job = replace(
        forecaster.JOB,
        evaluate=lambda c, p, r, split: forecaster.evaluate(c, p, r, split) | {"odd": math.nan},
    )
    result = folder.execute(job, out)
    assert read_json(out / "metrics.json")["metrics"]["odd"] is None
    assert result["metrics"]["mse"] > 0


# -- nothing is replaced unsaid ----------------------------------------------------------------------------


def found(out: Path) -> list[tuple[str, str]]:
    rows = read_journal(out / "journal.jsonl")
    return [(row["code"], row["sentence"]) for row in rows if row["fact"] == "found"]


def test_an_opened_run_says_which_checkpoints_it_passed_over(tmp_path: Path) -> None:
    out = begun(tmp_path / "run")
    folder.execute(forecaster.JOB, out)
    assert folder.open_run(forecaster.JOB, out).damaged == ()
    (out / "checkpoints" / "step-12" / "model.safetensors").write_bytes(b"short")
    opened = folder.open_run(forecaster.JOB, out)
    assert opened.step == 8
    assert "step-12" in opened.damaged[0]
    with pytest.raises(InputError, match=r"step-12.*GR-RUN-006"):
        folder.refuse_damage(opened.damaged, where=out)


def test_a_run_that_lost_all_checkpoints_says_that_it_begins_again(tmp_path: Path) -> None:
    out = begun(tmp_path / "run")
    folder.execute(forecaster.JOB, out)
    shutil.rmtree(out / "checkpoints")
    with pytest.raises(InputError, match="GR-RUN-006"):
        folder.execute(forecaster.JOB, out, strict=True)
    assert folder.execute(forecaster.JOB, out)["steps"] == 12
    assert [code for code, _ in found(out)] == ["GR-RUN-006"]


def test_a_strict_run_does_not_go_on_from_an_older_checkpoint(tmp_path: Path) -> None:
    out = begun(tmp_path / "run")
    folder.execute(forecaster.JOB, out, watch=halting(8))
    (out / "checkpoints" / "step-8" / "state.json").unlink()
    with pytest.raises(InputError, match="GR-RUN-006"):
        folder.execute(forecaster.JOB, out, strict=True)
    assert folder.execute(forecaster.JOB, out)["steps"] == 12


@pytest.mark.parametrize(
    ("name", "value"), [("seed", 3), ("batch", 4), ("rate", 0.5), ("precision", "bf16"), ("micro_batches", 2)]
)
def test_a_setting_that_was_edited_is_refused_by_name(tmp_path: Path, name: str, value: Any) -> None:
    out = begun(tmp_path / "run")
    folder.execute(forecaster.JOB, out, watch=halting(8))
    head = folder.header(out)
    head["config"]["train"][name] = value
    write_json(out / "config.json", head)
    for use in (folder.execute, folder.open_run):
        with pytest.raises(InputError, match="GR-RUN-020") as caught:
            use(forecaster.JOB, out)
        assert caught.value.where == f"{out}, train.{name}"


def test_a_decision_that_was_edited_is_refused_by_name(tmp_path: Path) -> None:
    out = begun(tmp_path / "run")
    folder.execute(forecaster.JOB, out, watch=halting(8))
    plan = read_json(out / "plan.json")
    changes = (
        {**plan, "precision": {"value": "bf16", "reason": "x"}},
        {**plan, "precision": {"value": plan["precision"]["value"], "reason": math.nan}},
        {"threads": plan["threads"]},
    )
    for changed in changes:
        (out / "plan.json").write_text(json.dumps(changed))
        for use in (folder.execute, folder.open_run):
            with pytest.raises(InputError, match=r"plan\.json, precision.*GR-RUN-020"):
                use(forecaster.JOB, out)
    write_json(out / "plan.json", {**plan, "later": {"value": 1, "reason": "a later gradus decided more"}})
    assert folder.execute(forecaster.JOB, out)["steps"] == 12


def test_a_run_is_repeated_with_the_config_and_the_plan_of_another(tmp_path: Path) -> None:
    out = begun(tmp_path / "run")
    wanted = folder.execute(forecaster.JOB, out)
    (tmp_path / "again").mkdir()
    for name in ("config.json", "plan.json"):
        shutil.copy(out / name, tmp_path / "again")
    assert folder.execute(forecaster.JOB, tmp_path / "again")["metrics"] == wanted["metrics"]
    assert read_json(tmp_path / "again" / "plan.json") == read_json(out / "plan.json")


def test_a_run_goes_on_with_the_threads_that_it_began_with(tmp_path: Path) -> None:
    out, here = begun(tmp_path / "run"), torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        folder.execute(forecaster.JOB, out, watch=halting(8))
        torch.set_num_threads(1)
        folder.execute(forecaster.JOB, out)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(here)
    assert [code for code, _ in found(out)] == ["GR-RUN-021"]
    assert read_json(out / "plan.json")["threads"]["value"] == 2


def test_a_full_disk_at_a_line_of_the_journal_is_one_error(tmp_path: Path) -> None:
    out = begun(tmp_path / "run")
    (out / "journal.jsonl").symlink_to("/dev/full")
    journal = Journal(out / "journal.jsonl")
    with pytest.raises(InputError, match="GR-RUN-001") as caught:
        journal.write(Saved(3))
    journal.close()
    assert caught.value.where == str(out / "journal.jsonl")


def resealed(place: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the parts of a state and correct its hashes, as somebody with a will would."""
    body = read_json(place / "state.json")["body"]
    change(body["parts"])
    seal = sha256(json.dumps(body, indent=1).encode())
    (place / "state.json").write_text(json.dumps({"sha256": seal, "body": body}))


MISSHAPEN: dict[str, Callable[[dict[str, Any]], Any]] = {
    "no model": lambda parts: parts.pop("model"),
    "a model that is a list": lambda parts: parts.update(model=[1]),
    "a weight less": lambda parts: parts["model"].popitem(),
    "a weight that is a number": lambda parts: parts["model"].update(dict.fromkeys(parts["model"], 3)),
    "no optimizer": lambda parts: parts.pop("optim"),
    "moments of a name that is none": lambda parts: parts["optim"]["moments"].update(x={}),
    "moments without names": lambda parts: parts["optim"].update(moments=[]),
    "no moments of a weight": lambda parts: parts["optim"]["moments"].update(
        {name: {} for name in parts["optim"]["moments"]}
    ),
    "no average": lambda parts: parts["optim"].update(average={}),
    "updates that are a text": lambda parts: parts["optim"].update(updates="many"),
}
MISSHAPEN_LOOP: dict[str, Callable[[dict[str, Any]], Any]] = {
    "no run": lambda parts: parts.pop("run"),
    "no step": lambda parts: parts["run"].pop("step"),
    "a step that is a text": lambda parts: parts["run"].update(step="x"),
    "a step below 0": lambda parts: parts["run"].update(step=-4),
    "no random states": lambda parts: parts["run"].update(states={}),
    "random states of another kind": lambda parts: parts["run"].update(states=[]),
    "no loop": lambda parts: parts.pop("loop"),
    "no best": lambda parts: parts["loop"].update(best=None),
    "a best that is a text": lambda parts: parts["loop"]["best"].update(value="good"),
    "seconds that are a list": lambda parts: parts["loop"].update(seconds=[]),
    "a cursor that is a text": lambda parts: parts["train"].update(cursor="x"),
    "a cursor below 0": lambda parts: parts["train"].update(cursor=-3),
}


@pytest.mark.parametrize("kind", [*MISSHAPEN, *MISSHAPEN_LOOP])
def test_a_state_that_does_not_fit_is_one_error(tmp_path: Path, kind: str) -> None:
    out = begun(tmp_path / "run")
    folder.execute(forecaster.JOB, out, watch=halting(8))
    resealed(out / "checkpoints" / "step-8", (MISSHAPEN | MISSHAPEN_LOOP)[kind])
    with pytest.raises(InputError, match="GR-RUN-014") as caught:
        folder.execute(forecaster.JOB, out)
    assert str(out / "checkpoints") in caught.value.where
    if kind in MISSHAPEN:
        with pytest.raises(InputError, match="GR-RUN-014"):
            folder.open_run(forecaster.JOB, out)
