"""Numbers that are measured: the choice follows from the timings, was among what ran, and leaves no trace."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from gradus.core.errors import GradusError, InputError, UsageError
from gradus.core.files import read_json
from gradus.data.batches import Batches
from gradus.engine import folder, probes
from gradus.engine.contract import differing, tensors_in
from gradus.engine.job import Job, forever, state_of, supervised
from gradus.engine.loss import Loss
from gradus.engine.optim import Optim
from gradus.engine.plan import Plan
from gradus.engine.probes import RANGE, RANGE_STEPS, Scratch, find_batch, probe_precision, range_test, settle
from gradus.engine.run import Run, rows_of
from gradus.engine.schedules import Constant
from gradus.engine.settings import OptimConfig, TrainConfig
from tests.contract.toys import actor_critic, forecaster, labeller

CPU = torch.device("cpu")
RATES = [RANGE[0] * (RANGE[1] / RANGE[0]) ** (place / (RANGE_STEPS - 1)) for place in range(RANGE_STEPS)]
Timing = Callable[[Scratch], float]


def config_with(**train: Any) -> forecaster.Config:
    settings = {"steps": 6, "batch": 8, "rate": 1e-3, "precision": "fp32", "device": "cpu", "warmup": 2}
    optim = OptimConfig(ema=0.9)
    return forecaster.Config(window=6, width=4, train=TrainConfig(**(settings | {"optim": optim} | train)))


def timed(monkeypatch: pytest.MonkeyPatch, timing: Timing) -> list[Scratch]:
    """Steps take as long as ``timing`` says; returns the scratches that were timed, in order."""
    seen: list[Scratch] = []

    def seconds(scratch: Scratch) -> float:
        scratch.step()
        seen.append(scratch)
        return timing(scratch)

    monkeypatch.setattr(Scratch, "seconds", seconds)
    return seen


# -- precision ---------------------------------------------------------------------------------------------


@dataclass
class Parts:
    model: nn.Module
    optim: Optim
    train: Batches


def convolving() -> Job:
    """A job with filters, for which the memory layout is a question."""

    def build(config: Any, run: Run) -> Parts:
        model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(12, 1))
        rows = {"image": torch.randn(16, 2, 4, 4)}
        return Parts(model, Optim(model, config.train), Batches(rows, batch=config.train.batch, seed=0))

    def loss(config: Any, parts: Parts, batch: Any) -> Loss:
        out = parts.model(batch["image"]).float().square()
        return Loss(out.sum(), len(out))

    return replace(forecaster.JOB, build=build, stream=forever("train"), step=supervised(loss))


def layout(scratch: Scratch) -> tuple[str, bool]:
    last = any(
        p.ndim == 4 and p.is_contiguous(memory_format=torch.channels_last)
        for p in scratch.parts.model.parameters()
    )
    return scratch.run.precision, last


@pytest.mark.parametrize(
    ("speeds", "wanted"),
    [
        ({("fp32", False): 1.0, ("fp32", True): 0.5, ("bf16", True): 0.7}, ("fp32", True)),
        ({("fp32", False): 1.0, ("fp32", True): 0.9, ("bf16", True): 0.6}, ("bf16", True)),
        ({("fp32", False): 1.0, ("fp32", True): 0.9, ("bf16", True): 0.88}, ("fp32", False)),
        ({("fp32", False): 1.0, ("fp32", True): 2.0, ("bf16", True): 3.0}, ("fp32", False)),
    ],
)
def test_the_fastest_arithmetic_is_chosen_if_it_pays(
    monkeypatch: pytest.MonkeyPatch, speeds: dict[tuple[str, bool], float], wanted: tuple[str, bool]
) -> None:
    seen = timed(monkeypatch, lambda scratch: speeds[layout(scratch)])
    chosen, reason = probe_precision(convolving(), config_with(), CPU)
    assert chosen == wanted
    assert {layout(scratch) for scratch in seen} == set(speeds)
    for name, seconds in zip(
        ("fp32", "fp32 with channels last", "bf16 with channels last"), speeds.values(), strict=True
    ):
        assert f"{name} {1e3 * seconds:.2f}" in reason


def test_without_filters_the_layout_is_no_question(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = timed(monkeypatch, lambda scratch: 1.0)
    assert probe_precision(forecaster.JOB, config_with(), CPU)[0] == ("fp32", False)
    assert {scratch.run.precision for scratch in seen} == {"fp32", "bf16"}


def test_one_slow_step_does_not_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    spikes = iter([9.0, 9.0, 1.0, 0.1, 1.0, 0.1, 1.0, 50.0, 1.0, 50.0, 1.0, 0.1])
    timed(monkeypatch, lambda scratch: next(spikes))
    assert probe_precision(forecaster.JOB, config_with(), CPU)[0][0] == "bf16"


def test_arithmetic_that_the_model_cannot_do_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some operations have no bf16 kernel: a default that is probed must not stop a run that fp32 can do."""

    def loss(config: Any, parts: Any, batch: Any) -> Loss:
        if torch.is_autocast_enabled("cpu"):
            raise RuntimeError("\"some_kernel\" not implemented for 'BFloat16'")
        return forecaster.loss(config, parts, batch)

    timed(monkeypatch, lambda scratch: 1.0 if scratch.run.precision == "fp32" else 0.1)
    chosen, reason = probe_precision(replace(forecaster.JOB, step=supervised(loss)), config_with(), CPU)
    assert chosen == ("fp32", False)
    assert "not implemented" in reason


def test_a_given_precision_is_not_probed(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = timed(monkeypatch, lambda scratch: 1.0)
    for precision, channels_last in (("fp32", False), ("bf16", True)):
        plan = Plan()
        settle(forecaster.JOB, config_with(precision=precision), plan, device=CPU)
        assert {name: made["value"] for name, made in plan.decisions.items()} == {
            "precision": precision,
            "channels_last": channels_last,
        }
    assert seen == []


# -- the learning rate -------------------------------------------------------------------------------------


def valley(curvature: float, *, algorithm: str = "sgd", scale: float = 1.0) -> tuple[Job, forecaster.Config]:
    """One weight in a parabola: gradient descent falls below a rate of 2 / curvature, and climbs above it."""

    def build(config: Any, run: Run) -> Parts:
        model = nn.Linear(1, 1, bias=False)
        nn.init.ones_(model.weight)
        return Parts(model, Optim(model, config.train), Batches({"x": torch.ones(8, 1)}, batch=8, seed=0))

    def loss(config: Any, parts: Parts, batch: Any) -> Loss:
        return Loss(curvature / 2 * parts.model(batch["x"]).square().sum(), len(batch["x"]))

    optim = OptimConfig(algorithm=algorithm, rate_scale=scale)
    job = replace(forecaster.JOB, build=build, stream=forever("train"), step=supervised(loss))
    return job, config_with(rate="auto", batch=8, optim=optim)


@pytest.mark.parametrize("curvature", [300.0, 1000.0, 3000.0])
def test_the_range_test_finds_a_rate_below_where_the_loss_climbs(curvature: float) -> None:
    rate, reason = range_test(*valley(curvature), CPU)
    assert rate in RATES
    assert 0.2 * 2 / curvature < rate < 2 / curvature
    assert "range test: loss fell" in reason


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("toy", [forecaster, labeller, actor_critic])
def test_the_range_test_is_not_led_astray_by_batches_that_differ(toy: Any, seed: int) -> None:
    """The first batch may be the easiest by chance: the rate that was tried on it is no answer for that."""
    config = toy.Config()
    rate, _ = range_test(toy.JOB, replace(config, train=replace(config.train, rate="auto", seed=seed)), CPU)
    assert rate in RATES
    assert 5e-4 < rate < 0.1


def test_the_scale_of_an_optimizer_is_part_of_what_is_tested() -> None:
    job, config = valley(1000.0, scale=0.1)
    used: list[float] = []

    def step(config: Any, parts: Parts, batch: Any, run: Run) -> None:
        job.step(config, parts, batch, run)
        used.append(parts.optim.torch.param_groups[0]["lr"])

    range_test(replace(job, step=step), config, CPU)
    assert used == pytest.approx([0.1 * rate for rate in RATES[: len(used)]])
    assert len(used) > 50


@pytest.mark.parametrize("curvature", [0.0, -1.0, float("nan")])
def test_a_loss_that_falls_nowhere_gives_no_rate(curvature: float) -> None:
    job, config = valley(curvature)
    if curvature == -1.0:  # it rises at every rate: the sign of the gradient is wrong

        def loss(config: Any, parts: Parts, batch: Any) -> Loss:
            out = parts.model(batch["x"])
            return Loss(out.square().sum().detach() - out.sum() + out.sum().detach(), len(out))

        job = replace(job, step=supervised(loss))
    with pytest.raises(UsageError, match="GR-CONFIG-005"):
        range_test(job, config, CPU)


# -- the batch size ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overhead", "wanted"),
    [
        (0.0, 8),  # time grows with the batch: nothing is gained
        (1e4, 512),  # a step costs the same: the largest that the data hold
        (50.0, 256),  # 256 items a 306 are within a tenth of 512 a 562, 128 a 178 are not
    ],
)
def test_the_smallest_batch_near_the_best_speed_is_chosen(
    monkeypatch: pytest.MonkeyPatch, overhead: float, wanted: int
) -> None:
    seen = timed(monkeypatch, lambda scratch: 1e-4 * (overhead + scratch.config.train.batch))
    chosen, reason = find_batch(forecaster.JOB, config_with(batch="auto"), CPU)
    ran = {scratch.config.train.batch for scratch in seen}
    assert chosen == wanted
    assert chosen in ran
    assert ran == {8, 16, 32, 64, 128, 256, 512}, "there are 794 items"
    assert f"{wanted}: " in reason


def refusing(above: int, error: Exception, *, whole: bool = False) -> Job:
    """A job that fails above so many items at once."""

    def step(config: Any, parts: Any, batch: Any, run: Run) -> None:
        def loss(piece: Any) -> Loss:
            if rows_of(piece) > above:
                raise error
            return forecaster.loss(config, parts, piece)

        run.update(parts.optim, loss, batch, whole=whole)

    return replace(forecaster.JOB, step=step)


MEMORY = {
    "torch": torch.OutOfMemoryError("out of memory"),
    "words": RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    "python": MemoryError(),
}


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("kind", MEMORY)
def test_a_batch_that_does_not_fit_is_not_chosen(
    monkeypatch: pytest.MonkeyPatch, kind: str, whole: bool
) -> None:
    seen = timed(monkeypatch, lambda scratch: 1.0)
    chosen, _ = find_batch(refusing(40, MEMORY[kind], whole=whole), config_with(batch="auto"), CPU)
    assert chosen == 32
    assert max(scratch.config.train.batch for scratch in seen) == 32


def test_data_that_take_no_memory_in_the_stream_end_the_search_as_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stream(config: Any, parts: Any, run: Run) -> Iterator[Any]:
        for batch in forecaster.JOB.stream(config, parts, run):
            if rows_of(batch) > 40:
                raise MEMORY["words"]
            yield batch

    timed(monkeypatch, lambda scratch: 1.0)
    assert find_batch(replace(forecaster.JOB, stream=stream), config_with(batch="auto"), CPU)[0] == 32


def test_too_few_data_give_no_batch() -> None:
    job, config = valley(1.0)
    small = replace(
        job,
        build=lambda c, run: replace(
            job.build(c, run), train=Batches({"x": torch.ones(4, 1)}, batch=c.train.batch, seed=0)
        ),
    )
    with pytest.raises(UsageError, match="GR-CONFIG-006"):
        find_batch(small, replace(config, train=replace(config.train, batch="auto")), CPU)


@pytest.mark.parametrize(
    "error",
    [
        UsageError("GR-CONFIG-003", where="--model.width", wanted="more", got="less", remedy="Mend it."),
        InputError("GR-RUN-003", where="a file", wanted="JSON", got="none", remedy="Mend it."),
        RuntimeError("shapes differ"),
    ],
    ids=["usage", "input", "bug"],
)
def test_another_error_is_not_taken_for_the_end_of_memory(error: Exception) -> None:
    kind = type(error)
    with pytest.raises(kind) as caught:
        find_batch(refusing(0, error), config_with(batch="auto"), CPU)
    assert caught.value is error
    assert not isinstance(error, GradusError) or "GR-CONFIG-006" not in str(caught.value)


# -- no trace ----------------------------------------------------------------------------------------------


def final(out: Path, config: Any) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    folder.begin(out, reference="toy", recipe="smoke", config=config)
    torch.rand(7)  # whatever ran before must not matter either
    result = folder.execute(forecaster.JOB, out)
    return tensors_in(state_of(folder.open_run(forecaster.JOB, out).parts)), result


def test_a_run_after_auto_is_the_run_that_was_given_the_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timed(monkeypatch, lambda scratch: 1e-3 * (8 + scratch.config.train.batch))
    auto = config_with(batch="auto", rate="auto", precision="auto", schedule=Constant())
    probed, result = final(tmp_path / "auto", auto)
    plan = {name: made["value"] for name, made in read_json(tmp_path / "auto" / "plan.json").items()}
    assert set(plan) == {"batch", "rate", "precision", "channels_last", "threads"}
    given = replace(auto.train, batch=plan["batch"], rate=plan["rate"], precision=plan["precision"])
    by_hand, wanted = final(tmp_path / "given", replace(auto, train=given))
    assert differing(probed, by_hand) == []
    assert result["metrics"] == wanted["metrics"]


def test_a_number_is_measured_once_and_then_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_with(batch="auto", rate="auto", precision="auto")
    plan = Plan()
    first = settle(forecaster.JOB, config, plan, device=CPU)
    plan.write(tmp_path / "plan.json")

    def never(*_: Any) -> Any:
        raise AssertionError("what is on record is not measured again")

    for name in ("find_batch", "range_test", "probe_precision"):
        monkeypatch.setattr(probes, name, never)
    again = Plan.read(tmp_path / "plan.json")
    assert settle(forecaster.JOB, config, again, device=CPU) == first
    assert again.decisions == plan.decisions
    assert isinstance(first.train.batch, int)
    assert isinstance(first.train.rate, float)


def test_the_rate_is_found_for_the_batch_that_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(probes, "find_batch", lambda *_: (16, "given"))
    monkeypatch.setattr(
        probes, "range_test", lambda job, config, device: (seen.append(config.train.batch) or 0.5, "")
    )
    settle(forecaster.JOB, config_with(batch="auto", rate="auto"), Plan(), device=CPU)
    assert seen == [16]
