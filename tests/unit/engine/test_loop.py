"""The loop: train mode for one step, what is told and saved when, stopping early, and going on to the bit."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gradus.core.errors import InputError, UsageError
from gradus.core.facts import (
    Backpropagated,
    Ended,
    Evaluated,
    Fetched,
    Found,
    Halt,
    Measured,
    Saved,
    Started,
    Updated,
)
from gradus.data.batches import Batches
from gradus.engine import loop
from gradus.engine.checkpoint import Checkpoints
from gradus.engine.contract import differing, tensors_in
from gradus.engine.job import Headline, Job, forever, state_of, supervised
from gradus.engine.loop import Best, Learning, Training, measure
from gradus.engine.loss import Loss
from gradus.engine.optim import Optim
from gradus.engine.run import Run
from gradus.engine.schedules import Constant, Plateau
from gradus.engine.settings import OptimConfig
from tests.contract.toys import forecaster

CPU = torch.device("cpu")
KINDS = (Started, Measured, Evaluated, Saved, Found, Ended)


def config_with(optim: OptimConfig | None = None, **train: Any) -> forecaster.Config:
    base = forecaster.Config(window=6, width=4).train
    settings = {
        "steps": 12,
        "batch": 8,
        "evaluate_every": 4,
        "log_every": 2,
        "optim": optim or base.optim,
    } | train
    return forecaster.Config(window=6, width=4, train=replace(base, **settings))


def new_training(job: Job, config: Any, folder: Path | None = None) -> tuple[Training, list[Any]]:
    """A run that is about to train or to go on, and the list that its facts will fill."""
    run = Run(config.train, device=CPU)
    told: list[Any] = []
    for kind in KINDS:
        run.listeners.add(kind, told.append)
    checkpoints = Checkpoints(folder) if folder else None
    state = checkpoints.load() if checkpoints else None
    return Training(job, config, run, checkpoints=checkpoints, state=state), told


def bits(training: Training) -> dict[str, Tensor]:
    return tensors_in(state_of(training.parts) | {"run": training.run.state_dict()})


def steps_of(told: list[Any], kind: type) -> list[int]:
    return [fact.step for fact in told if isinstance(fact, kind)]


def scripted(values: list[float]) -> Job:
    """The forecaster, with validation scores that are given; its test score is that of the weights it has."""
    given = iter(values)

    def evaluate(config: Any, parts: Any, run: Run, split: Any) -> dict[str, float]:
        if split == "validation":
            return {"mse": next(given) if run.step else math.nan}  # asked at first whether there is a split
        return forecaster.evaluate(config, parts, run, split)

    return replace(forecaster.JOB, evaluate=evaluate)


# -- one step ----------------------------------------------------------------------------------------------


@dataclass
class Pair:
    model: nn.Sequential
    reference: nn.Sequential
    optim: Optim


def test_owned_modules_train_for_exactly_one_step_and_others_never() -> None:
    pair = [nn.Sequential(nn.Linear(2, 2), nn.Dropout(), nn.Sequential(nn.BatchNorm1d(2))) for _ in range(2)]
    config = config_with()
    parts = Pair(*pair, Optim(pair[0], config.train))
    learning = Learning([parts.optim], Run(config.train, device=CPU))
    parts.reference.eval()
    for _ in range(2):
        assert not any(m.training for m in parts.model.modules())
        with learning:
            assert all(m.training for m in parts.model.modules())
            assert not any(m.training for m in parts.reference.modules())
    with pytest.raises(ValueError, match="bad"), learning:
        raise ValueError("bad")
    assert not any(m.training for m in parts.model.modules())


def test_modules_rest_in_eval_mode_and_step_in_train_mode() -> None:
    seen: list[tuple[str, bool]] = []

    def stream(config: Any, parts: Any, run: Run) -> Iterator[Any]:
        for batch in forecaster.JOB.stream(config, parts, run):
            seen.append(("stream", parts.model.training))
            yield batch

    def step(config: Any, parts: Any, batch: Any, run: Run) -> None:
        seen.append(("step", parts.model.training))
        forecaster.JOB.step(config, parts, batch, run)

    def evaluate(config: Any, parts: Any, run: Run, split: Any) -> dict[str, float]:
        seen.append(("evaluate", parts.model.training or torch.is_grad_enabled()))
        return forecaster.evaluate(config, parts, run, split)

    training, _ = new_training(
        replace(forecaster.JOB, stream=stream, step=step, evaluate=evaluate), config_with()
    )
    training.train()
    training.finish()
    assert set(seen) == {("stream", False), ("step", True), ("evaluate", False)}


def test_measure_scores_the_averaged_weights() -> None:
    training, _ = new_training(forecaster.JOB, config_with(OptimConfig(ema=0.9)))
    training.train()
    parts, config, run = training.parts, training.config, training.run
    scored = measure(training.job, config, parts, run, split="test")
    with torch.no_grad():
        plain = forecaster.evaluate(config, parts, run, "test")
        with parts.optim.averaged():
            averaged = forecaster.evaluate(config, parts, run, "test")
    assert scored == averaged != plain


# -- what is told and saved, and when ----------------------------------------------------------------------


def test_facts_come_in_order(tmp_path: Path) -> None:
    training, told = new_training(forecaster.JOB, config_with(steps=8, warmup=5), tmp_path)
    training.train()
    training.finish()
    names = [(type(fact).__name__, fact.step) for fact in told]
    assert names == [
        ("Started", 0),
        ("Measured", 2),
        ("Measured", 4),
        ("Evaluated", 4),
        ("Saved", 4),
        ("Measured", 6),
        ("Measured", 8),
        ("Evaluated", 8),
        ("Saved", 8),
        ("Ended", 8),
        ("Evaluated", 8),
    ]
    assert [fact.split for fact in told if isinstance(fact, Evaluated)] == [
        "validation",
        "validation",
        "test",
    ]
    line = told[1]
    assert set(line.values) == {"loss", "rate", "gradient_norm", "memory_gib"}
    assert line.values["rate"] == pytest.approx(1e-2 * 2 / 6), "warm-up: the second step of five"
    assert line.samples_per_second > 0
    assert told[-2].reason == "all steps taken"


@pytest.mark.parametrize(("log", "evaluate"), [(10, 7), (1, 7), (7, 10), (30, 1), (0, 0)])
def test_each_evaluation_comes_when_it_was_asked_for(log: int, evaluate: int) -> None:
    steps = 25
    training, told = new_training(
        forecaster.JOB, config_with(steps=steps, log_every=log, evaluate_every=evaluate)
    )
    training.train()
    wanted = {step for step in range(1, steps + 1) if step % (evaluate or 2) == 0} | {steps}
    assert steps_of(told, Evaluated) == sorted(wanted)
    lines = {step for step in range(1, steps + 1) if step % (log or 1) == 0} | {steps}
    assert set(steps_of(told, Measured)) >= lines


def test_a_job_settles_on_the_weights_that_are_scored_before_they_are() -> None:
    order: list[tuple[str, int, float]] = []

    def noted(what: str, parts: Any, run: Run) -> None:
        assert not torch.is_grad_enabled()
        order.append((what, run.step, sum(p.sum().item() for p in parts.model.parameters())))

    def evaluate(config: Any, parts: Any, run: Run, split: Any) -> dict[str, float]:
        noted("evaluate", parts, run)
        return {"mse": 1.0}

    config = config_with(steps=6, evaluate_every=3)
    config = replace(config, train=replace(config.train, optim=replace(config.train.optim, ema=0.9)))
    job = replace(forecaster.JOB, evaluate=evaluate, settle=lambda c, parts, run: noted("settle", parts, run))
    training, _ = new_training(job, config)
    training.train()
    assert [entry[:2] for entry in order] == [(w, s) for s in (3, 6) for w in ("settle", "evaluate")]
    assert [entry[2] for entry in order[::2]] == [entry[2] for entry in order[1::2]]
    training.finish()
    assert order[-1][2] == order[-2][2] != sum(p.sum().item() for p in training.parts.model.parameters())


def test_a_long_time_without_an_evaluation_is_saved_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "SAVE_SECONDS", 0.0)
    training, told = new_training(forecaster.JOB, config_with(evaluate_every=12), tmp_path)
    training.train()
    assert steps_of(told, Saved) == [2, 4, 6, 8, 10, 12]


def without_validation() -> Job:
    return replace(
        forecaster.JOB,
        evaluate=lambda c, p, r, split: {} if split == "validation" else forecaster.evaluate(c, p, r, split),
    )


@pytest.mark.parametrize("waits", [{"keep": "best"}, {"patience": 1}, {"schedule": Plateau()}])
def test_what_waits_for_validation_scores_is_refused_without_them(waits: dict[str, Any]) -> None:
    training, told = new_training(without_validation(), config_with(**waits))
    with pytest.raises(UsageError, match="GR-CONFIG-007") as caught:
        training.train()
    assert caught.value.where.startswith(f"--train.{next(iter(waits))}")
    assert told == []


@pytest.mark.parametrize(("warmup", "codes"), [(11, []), (12, ["GR-RUN-017"])])
def test_a_warm_up_as_long_as_the_run_is_told(warmup: int, codes: list[str]) -> None:
    training, told = new_training(forecaster.JOB, config_with(warmup=warmup))
    training.train()
    assert [fact.code for fact in told if isinstance(fact, Found)] == codes


def test_a_stream_that_ends_too_early_is_named(tmp_path: Path) -> None:
    def short(config: Any, parts: Any, run: Run) -> Iterator[Any]:
        batches = forecaster.JOB.stream(config, parts, run)
        yield from (next(batches) for _ in range(5))

    training, _ = new_training(replace(forecaster.JOB, stream=short), config_with(), tmp_path)
    with pytest.raises(InputError, match="GR-RUN-016") as caught:
        training.train()
    assert caught.value.where == "step 5"


def test_weights_that_are_no_numbers_are_not_saved(tmp_path: Path) -> None:
    """The loss is measured before the update that breaks the weights."""

    def breaks(config: Any, parts: Any, batch: Any, run: Run) -> None:
        forecaster.JOB.step(config, parts, batch, run)
        if run.step == 7:
            next(parts.model.parameters()).data.fill_(math.nan)

    training, _ = new_training(replace(forecaster.JOB, step=breaks), config_with(), tmp_path)
    with pytest.raises(InputError, match="GR-RUN-008"):
        training.train()
    assert training.checkpoints is not None
    training.checkpoints.wait()
    assert training.checkpoints.steps() == [4]


def test_a_job_without_a_validation_split_saves_and_is_not_evaluated(tmp_path: Path) -> None:
    training, told = new_training(without_validation(), config_with(), tmp_path)
    training.train()
    metrics = training.finish()
    assert steps_of(told, Saved) == [4, 8, 12]
    assert [fact.split for fact in told if isinstance(fact, Evaluated)] == ["test"]
    assert metrics["mse"] > 0


def test_a_batch_with_nothing_to_learn_from_does_not_stop_a_run() -> None:
    def empty(config: Any, parts: Any, batch: Any) -> Loss:
        return Loss(0.0 * parts.model(batch["past"]).sum(), torch.tensor(0))

    training, told = new_training(replace(forecaster.JOB, step=supervised(empty)), config_with())
    training.train()
    assert told[-1].reason == "all steps taken"


def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path) -> None:
    def explode(config: Any, parts: Any, batch: Any) -> Loss:
        loss = forecaster.loss(config, parts, batch)
        return loss if training.run.step < 9 else Loss(loss.total * math.inf, loss.count)

    training, told = new_training(replace(forecaster.JOB, step=supervised(explode)), config_with(), tmp_path)
    with pytest.raises(InputError, match="GR-RUN-008") as caught:
        training.train()
    assert (caught.value.where, caught.value.exit_status) == ("step 10", 1)
    assert isinstance(told[-1], Found)
    assert told[-1].code == "GR-RUN-008"
    assert training.checkpoints is not None
    training.checkpoints.wait()
    again, _ = new_training(forecaster.JOB, config_with(), tmp_path)
    assert again.run.step == 8
    assert all(t.isfinite().all() for t in bits(again).values())


# -- the best, and stopping early --------------------------------------------------------------------------


def test_best_counts_the_wait_and_ignores_what_is_no_number() -> None:
    best, low = Best(), Headline("mse", higher=False)
    values = [math.nan, 3.0, math.nan, 2.0, 2.5]
    assert [best.see(v, step=s, headline=low) for s, v in enumerate(values)] == [
        False,
        True,
        False,
        True,
        False,
    ]
    assert (best.value, best.step, best.waited) == (2.0, 3, 1)


def test_of_equals_the_last_is_kept_but_is_no_improvement() -> None:
    best, low = Best(), Headline("mse", higher=False)
    assert all(best.see(value, step=step, headline=low) for step, value in enumerate([3.0, 2.0, 2.0, 2.0]))
    assert (best.value, best.step, best.waited) == (2.0, 3, 2)


def test_stops_when_it_has_waited_enough_and_keeps_the_best(tmp_path: Path) -> None:
    config = config_with(steps=40, patience=2, keep="best")
    training, told = new_training(scripted([3.0, 1.0, 2.0, 1.5, 0.5]), config, tmp_path)
    training.train()
    assert training.run.step == 16, "evaluations at 4, 8 (the best), 12 and 16"
    assert told[-1].reason == "mse has not improved for 2 evaluations"
    assert [fact.best for fact in told if isinstance(fact, Evaluated)] == [True, True, False, False]
    checkpoints = Checkpoints(tmp_path)
    assert (checkpoints.named("best"), checkpoints.steps()) == (8, [16, 12, 8])
    metrics = training.finish()
    short, _ = new_training(scripted([3.0, 1.0]), config, tmp_path / "short")
    short.run.listeners.add(Saved, lambda fact: halt_at(fact, 8))
    short.train()
    assert metrics == short.finish()


def halt_at(fact: Any, step: int) -> None:
    if fact.step == step:
        raise Halt("far enough")


def test_keeps_the_last_unless_told_otherwise(tmp_path: Path) -> None:
    training, _ = new_training(scripted([1.0, 2.0, 3.0]), config_with(), tmp_path)
    training.train()
    last = measure(training.job, training.config, training.parts, training.run, split="test")
    assert training.finish() == last


def test_the_best_survives_a_kill_before_its_pointer_was_written(tmp_path: Path) -> None:
    """The checkpoint of step 8 is on disk and knows that it is the best; the file ``best`` names step 4."""
    config = config_with(keep="best")
    values = [3.0, 1.0, 2.0]
    whole, _ = new_training(scripted(values), config, tmp_path / "whole")
    whole.train()
    cut, _ = new_training(scripted(values[:2]), config, tmp_path / "cut")
    cut.run.listeners.add(Saved, lambda fact: halt_at(fact, 8))
    cut.train()
    (tmp_path / "cut" / "best").write_text("step-4\n")
    again, _ = new_training(scripted(values[2:]), config, tmp_path / "cut")
    again.train()
    assert again.finish() == whole.finish()


# -- going on ----------------------------------------------------------------------------------------------


@dataclass
class BatchNorms:
    model: nn.ModuleDict
    optim: Optim
    train: Batches


def thawing(*, passes: int = 1) -> Job:
    """A job with batch norms and dropout in stages that are frozen at first, and random noise in the step."""

    def build(config: Any, run: Run) -> BatchNorms:
        stage = lambda: nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6), nn.Dropout(0.2))  # noqa: E731
        model = nn.ModuleDict({name: stage() for name in ("stem", "body", "head")})
        rows = {"x": torch.randn(64, 6, generator=run.rng("data"))}
        return BatchNorms(model, Optim(model, config.train), Batches(rows, batch=8, seed=config.train.seed))

    def step(config: Any, parts: BatchNorms, batch: Any, run: Run) -> None:
        def loss(piece: Any) -> Loss:
            x = piece["x"] + 0.1 * torch.randn(piece["x"].shape, generator=run.rng("noise"))
            for stage in parts.model.values():
                x = stage(x)
            return Loss((x - piece["x"]).square().sum(), len(x))

        for _ in range(passes):
            run.update(parts.optim, loss, batch)

    def evaluate(config: Any, parts: BatchNorms, run: Run, split: Any) -> dict[str, float]:
        return {"mse": float(torch.rand(1, generator=run.rng("score")))}

    return replace(forecaster.JOB, build=build, stream=forever("train"), step=step, evaluate=evaluate)


RESUMED: dict[str, tuple[Job, dict[str, Any]]] = {
    "dropout, average, warm-up, cosine": (forecaster.JOB, {}),
    "a stage joins": (thawing(), {"optim": OptimConfig(train_last=1, unfreeze_every=2, ema=0.9)}),
    "stages join with momentum": (
        thawing(passes=2),
        {"optim": OptimConfig(algorithm="nesterov", train_last=1, unfreeze_every=2, max_norm=0.5, l1=1e-3)},
    ),
    "pieces": (thawing(), {"micro_batches": 3}),
    "bf16": (forecaster.JOB, {"precision": "bf16"}),
}


@pytest.mark.parametrize("cut", [3, 4, 7, 11])
@pytest.mark.parametrize("kind", RESUMED)
def test_a_resumed_run_ends_on_the_same_bits(tmp_path: Path, kind: str, cut: int) -> None:
    job, settings = RESUMED[kind]
    config = config_with(**settings, log_every=1, evaluate_every=cut)
    whole, told = new_training(job, config, tmp_path / "whole")
    whole.train()
    first, told_first = new_training(job, config, tmp_path / "cut")
    first.run.listeners.add(Saved, lambda fact: halt_at(fact, cut))
    first.train()
    assert (first.run.step, told_first[-1].reason) == (cut, "far enough")
    second, told_second = new_training(job, config, tmp_path / "cut")
    assert (second.restored, second.run.step) == (True, cut)
    second.train()
    assert differing(bits(whole), bits(second)) == []
    losses = [fact.values["loss"] for fact in told if isinstance(fact, Measured)]
    halves = [fact.values["loss"] for fact in told_first + told_second if isinstance(fact, Measured)]
    assert halves == losses
    assert whole.parts.optim.learning == len(whole.parts.optim.stages), "every stage has joined by now"
    assert whole.best == second.best


@pytest.mark.parametrize("kind", [Fetched, Backpropagated, Updated, Measured, Evaluated, Saved])
def test_a_run_that_a_watcher_halts_can_go_on_exactly(tmp_path: Path, kind: type) -> None:
    """Whatever it was that the watcher saw, the step that it saw it in is finished, and saved as a whole."""
    config = config_with()
    whole, _ = new_training(thawing(passes=2), config, tmp_path / "whole")
    whole.train()
    first, told = new_training(thawing(passes=2), config, tmp_path / "halted")
    first.run.listeners.add(kind, lambda fact: halt_at(fact, 4))
    first.train()
    assert (told[-1].reason, told[-1].step) == (
        "far enough",
        5 if kind in (Fetched, Backpropagated, Updated) else 4,
    )
    second, _ = new_training(thawing(passes=2), config, tmp_path / "halted")
    assert second.run.step == told[-1].step
    second.train()
    assert differing(bits(whole), bits(second)) == []


@pytest.mark.parametrize(("kind", "ended"), [(Started, 1), (Ended, 12), (Evaluated, 4)])
def test_a_watcher_may_halt_at_any_time(kind: type, ended: int) -> None:
    """Before the first step it ends after that one; after the last one it changes nothing."""

    def stop(fact: Any) -> None:
        raise Halt("at once")

    training, told = new_training(forecaster.JOB, config_with())
    training.run.listeners.add(kind, stop)
    training.train()
    assert training.finish()["mse"] > 0
    assert training.run.step == ended
    assert [fact.reason for fact in told if isinstance(fact, Ended)] == [
        "all steps taken" if kind is Ended else "at once"
    ]


def test_an_extended_run_is_the_longer_run_where_no_setting_depends_on_the_length(tmp_path: Path) -> None:
    long = config_with(schedule=Constant(), steps=12)
    short = config_with(schedule=Constant(), steps=8)
    whole, _ = new_training(forecaster.JOB, long, tmp_path / "whole")
    whole.train()
    new_training(forecaster.JOB, short, tmp_path / "extended")[0].train()
    second, told = new_training(forecaster.JOB, long, tmp_path / "extended")
    second.train()
    assert (told[0].step, told[0].steps) == (8, 12)
    assert differing(bits(whole), bits(second)) == []


def test_seconds_add_up_over_resumed_runs(tmp_path: Path) -> None:
    first, _ = new_training(forecaster.JOB, config_with(steps=4), tmp_path)
    first.clock.before = 100.0
    first.train()
    second, told = new_training(forecaster.JOB, config_with(steps=8), tmp_path)
    second.train()
    assert 100.0 < told[-1].seconds < 160.0
