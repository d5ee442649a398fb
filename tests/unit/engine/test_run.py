"""What a run lends to a job, against hand loops: updates, pieces, randomness, sums, memory that runs out."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from gradus.core.errors import InputError
from gradus.core.facts import Backpropagated, Found, Updated
from gradus.engine.loss import Loss
from gradus.engine.optim import Optim
from gradus.engine.plan import Plan
from gradus.engine.run import Run, rows_of
from gradus.engine.schedules import Constant
from gradus.engine.settings import OptimConfig, TrainConfig

CPU = torch.device("cpu")
TRAIN = TrainConfig(rate=0.1, schedule=Constant(), optim=OptimConfig(algorithm="sgd"))
Batch = Mapping[str, Any]


def new_run(**changes: Any) -> Run:
    return Run(TrainConfig(rate=0.1, **changes), device=CPU)


def new_model() -> tuple[nn.Linear, Optim]:
    torch.manual_seed(7)
    model = nn.Linear(4, 1)
    return model, Optim(model, TRAIN)


def batch_of(rows: int, *, masked: tuple[int, ...] = ()) -> dict[str, Any]:
    made = torch.Generator().manual_seed(rows)
    mask = torch.ones(rows, dtype=torch.bool)
    mask[list(masked)] = False
    x, y = torch.randn(rows, 4, generator=made), torch.randn(rows, generator=made)
    return {"x": x, "y": y, "mask": mask, "name": "constant"}


def squares(model: nn.Module) -> Callable[[Batch], Loss]:
    """Summed squares over all rows; the count is a plain number."""

    def loss(batch: Batch) -> Loss:
        error = (model(batch["x"]).squeeze(1) - batch["y"]).square()
        return Loss(error.sum(), len(error), {"error": error.detach().sqrt().sum()})

    return loss


def masked_squares(model: nn.Module) -> Callable[[Batch], Loss]:
    """Summed squares over the rows of a mask; the count is a tensor."""

    def loss(batch: Batch) -> Loss:
        error = (model(batch["x"]).squeeze(1) - batch["y"]).square() * batch["mask"]
        return Loss(error.sum(), batch["mask"].sum())

    return loss


def hand_step(model: nn.Linear, batch: Batch) -> list[Tensor]:
    """The weights after one step of gradient descent, from the formula of the mean square's gradient."""
    mask = batch["mask"].float()
    error = 2 * (batch["x"] @ model.weight.T + model.bias - batch["y"][:, None]) * mask[:, None]
    slope = (error * batch["x"]).sum(0, keepdim=True) / mask.sum().clamp(min=1)
    return [
        (model.weight - 0.1 * slope).detach(),
        (model.bias - 0.1 * error.sum() / mask.sum().clamp(min=1)).detach(),
    ]


def assert_close(model: nn.Module, wanted: list[Tensor]) -> None:
    for ours, theirs in zip(model.parameters(), wanted, strict=True):
        torch.testing.assert_close(ours.detach(), theirs, rtol=1e-6, atol=1e-6)


# -- updates -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [10, 7, 2, 1])
@pytest.mark.parametrize("pieces", [1, 2, 3])
def test_update_is_one_step_along_the_mean(rows: int, pieces: int) -> None:
    model, optim = new_model()
    batch = batch_of(rows)
    wanted = hand_step(model, batch)
    new_run(micro_batches=pieces).update(optim, squares(model), batch)
    assert_close(model, wanted)


MASKS = {"ragged": (0, 3, 4, 8), "first": (0, 1, 2, 3), "middle": (3, 4, 5, 6), "last": (6, 7, 8, 9)}


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("pieces", [1, 2, 3])
def test_masked_rows_count_for_nothing(mask: str, pieces: int) -> None:
    """With three pieces of ten rows, ``first`` hides the whole first piece, ``last`` the whole last one."""
    model, optim = new_model()
    batch = batch_of(10, masked=MASKS[mask])
    wanted = hand_step(model, batch)
    run = new_run(micro_batches=pieces)
    run.update(optim, masked_squares(model), batch)
    assert_close(model, wanted)
    assert run.drain()["loss"] > 0


@settings(max_examples=40)
@given(hidden=st.sets(st.integers(0, 10)), pieces=st.integers(1, 12))
def test_pieces_never_change_the_update(hidden: set[int], pieces: int) -> None:
    batch = batch_of(11, masked=tuple(hidden))
    model, optim = new_model()
    wanted = hand_step(model, batch)
    new_run(micro_batches=pieces).update(optim, masked_squares(model), batch)
    assert_close(model, wanted)


@pytest.mark.parametrize("pieces", [1, 3])
@pytest.mark.parametrize("count", [int, float, torch.tensor], ids=["int", "float", "tensor"])
def test_a_batch_with_nothing_to_learn_from_moves_nothing_and_logs_nothing(
    pieces: int, count: Callable[[int], Any]
) -> None:
    model, optim = new_model()
    before = [p.detach().clone() for p in model.parameters()]
    run = new_run(micro_batches=pieces)
    run.update(optim, lambda piece: Loss(0.0 * model(piece["x"]).sum(), count(0)), batch_of(10))
    assert_close(model, before)
    assert run.drain() == {}, "a mean over nothing is no line of the journal, and no reason to stop a run"


@pytest.mark.parametrize("pieces", [1, 3])
def test_a_count_may_be_less_than_one(pieces: int) -> None:
    """Items can have weights, and small ones."""
    model, optim = new_model()
    batch = batch_of(10)
    wanted = hand_step(model, batch)
    light = lambda piece: Loss(0.01 * squares(model)(piece).total, torch.tensor(0.01) * rows_of(piece))  # noqa: E731
    new_run(micro_batches=pieces).update(optim, light, batch)
    assert_close(model, wanted)


def test_whole_batches_are_not_split() -> None:
    model, optim = new_model()
    seen = []

    def loss(batch: Batch) -> Loss:
        seen.append(rows_of(batch))
        return squares(model)(batch)

    batch = batch_of(10)
    wanted = hand_step(model, batch)
    new_run(micro_batches=3).update(optim, loss, batch, whole=True)
    assert seen == [10]
    assert_close(model, wanted)


def test_pieces_keep_their_rows_together_and_constants_whole() -> None:
    model, optim = new_model()
    pieces = []

    def loss(batch: Batch) -> Loss:
        pieces.append(batch)
        return squares(model)(batch)

    batch = batch_of(10)
    new_run(micro_batches=3).update(optim, loss, batch)
    assert [rows_of(piece) for piece in pieces] == [3, 3, 4]
    for name in ("x", "y", "mask"):
        assert torch.equal(torch.cat([piece[name] for piece in pieces]), batch[name])
    assert {piece["name"] for piece in pieces} == {"constant"}


def test_facts_are_told_with_gradients_complete_and_then_weights_moved() -> None:
    model, optim = new_model()
    batch = batch_of(9)
    before = model.weight.detach().clone()
    run, told = new_run(micro_batches=3), []
    run.step = 5
    run.listeners.add(Backpropagated, lambda fact: told.append((fact.step, model.weight.grad.clone())))
    run.listeners.add(Updated, lambda fact: told.append((fact.step, model.weight.detach().clone())))
    wanted = hand_step(model, batch)[0]
    run.update(optim, squares(model), batch)
    (first, gradient), (second, after) = told
    assert (first, second) == (5, 5)
    torch.testing.assert_close(gradient, (before - wanted) / 0.1, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(after, wanted)


def test_a_second_optimizer_sees_none_of_the_first_ones_gradients() -> None:
    """A loss may reach into a module that another optimizer owns, as a generator's does into its critic."""
    (model, optim), (other, optim_other) = new_model(), new_model()
    batch = batch_of(6)
    run = new_run()
    both = lambda piece: Loss(squares(model)(piece).total + 9 * squares(other)(piece).total, 6)  # noqa: E731
    run.update(optim, both, batch)
    assert torch.equal(other.weight, new_model()[0].weight)
    wanted = hand_step(other, batch)
    run.update(optim_other, squares(other), batch)
    assert_close(other, wanted)


# -- half precision ----------------------------------------------------------------------------------------


def test_forward_passes_run_in_the_precision_that_was_chosen() -> None:
    model, optim = new_model()
    run = new_run()
    run.use_precision("bf16", [optim])
    seen = []

    def loss(batch: Batch) -> Loss:
        seen.append(model(batch["x"]).dtype)
        return squares(model)(batch)

    batch = batch_of(8)
    wanted = hand_step(model, batch)
    run.update(optim, loss, batch)
    with run.aside("evaluate"), run.aside("within"):
        seen.append(model(batch["x"]).dtype)
    seen.append(model(batch["x"]).dtype)
    assert seen == [torch.bfloat16, torch.bfloat16, torch.float32]
    assert not torch.is_autocast_enabled("cpu")
    for ours, theirs in zip(model.parameters(), wanted, strict=True):
        assert ours.dtype == torch.float32
        torch.testing.assert_close(ours.detach(), theirs, rtol=0.02, atol=0.02)


def test_half_precision_survives_a_first_piece_without_rows_to_learn_from() -> None:
    """The guess at the count must not blow gradients up: half precision ends at 65504."""
    model, optim = new_model()
    run = new_run(micro_batches=3)
    run.use_precision("fp16", [optim])
    optim.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    batch = batch_of(10, masked=MASKS["first"])
    wanted = hand_step(model, batch)
    run.update(optim, masked_squares(model), batch)
    assert optim.scaler.get_scale() == 2.0**10, "the step was skipped"
    for ours, theirs in zip(model.parameters(), wanted, strict=True):
        torch.testing.assert_close(ours.detach(), theirs, rtol=0.01, atol=0.01)


# -- the log -----------------------------------------------------------------------------------------------


def test_log_and_drain_are_sums_over_counts() -> None:
    run = new_run()
    run.log("a", 3.0, 2)
    run.log("a", torch.tensor(4.0, requires_grad=True), torch.tensor(5))
    run.log("b", 7)
    run.log("empty", 0.0, 0)
    assert run.drain() == pytest.approx({"a": 1.0, "b": 7.0})
    assert run.drain() == {}


def test_losses_and_notes_are_means_over_items_of_all_updates() -> None:
    model, optim = new_model()
    run = new_run(micro_batches=2)
    frozen = Optim(model, TrainConfig(rate=1e-12, optim=OptimConfig(algorithm="sgd")), name="still")
    sizes = (10, 4)
    errors = [(model(b["x"]).squeeze(1) - b["y"]).abs().detach() for b in map(batch_of, sizes)]
    for rows in sizes:
        run.update(frozen, squares(model), batch_of(rows))
    values = torch.cat(errors)
    drained = run.drain()
    assert drained == pytest.approx(
        {"still_loss": values.square().mean().item(), "still_error": values.mean().item()}, rel=1e-5
    )
    assert optim.prefix == ""


def test_lines_are_due_every_so_many_steps_and_at_the_end() -> None:
    def due(what: str, **changes: Any) -> list[int]:
        run = new_run(**changes)
        steps = []
        for step in range(1, run.train.steps + 1):
            run.step = step
            steps += [step] if run.due(what) else []
        return steps

    assert due("log", steps=7, log_every=3) == [3, 6, 7]
    assert due("evaluate", steps=7, evaluate_every=5) == [5, 7]
    assert due("evaluate", steps=40) == list(range(4, 41, 4))
    assert due("log", steps=300) == list(range(3, 301, 3))
    assert due("log", steps=5) == [1, 2, 3, 4, 5]


# -- randomness and decisions ------------------------------------------------------------------------------


def draw(run: Run, name: str) -> list[int]:
    return torch.randint(10**9, (4,), generator=run.rng(name)).tolist()


def test_named_randomness_is_independent_and_seeded() -> None:
    run, other = new_run(seed=1), new_run(seed=1)
    draw(other, "b")
    draw(other, "c")
    torch.rand(3)
    assert draw(run, "a") == draw(other, "a")
    assert draw(run, "a") != draw(new_run(seed=1), "a"), "a generator goes on, it does not start again"
    assert len({tuple(draw(new_run(seed=s), n)) for s in (1, 2) for n in ("a", "b")}) == 4


def test_aside_leaves_training_as_it_was() -> None:
    run, plain = new_run(), new_run()
    before = torch.get_rng_state()
    first = draw(run, "a"), draw(plain, "a")
    assert first[0] == first[1]
    asides = []
    for _ in range(2):
        with run.aside("evaluate"):
            asides.append((draw(run, "a"), draw(run, "only here"), torch.rand(3).tolist()))
            with run.aside("inner"):
                inner = draw(run, "a")
            after = draw(run, "after")
            run.log("score", 1.0)
    with pytest.raises(ValueError, match="bad"), run.aside("evaluate"):
        raise ValueError("bad")
    assert asides[0] == asides[1], "every evaluation starts from the same numbers"
    assert len({tuple(inner), tuple(asides[0][0]), tuple(first[0])}) == 3
    assert after != draw(new_run(), "after"), "after an inner one the outer purpose holds again"
    assert torch.equal(torch.get_rng_state(), before)
    assert draw(run, "a") == draw(plain, "a")
    assert set(run.state_dict()["states"]) == set(plain.state_dict()["states"])
    assert run.drain() == {}, "what evaluation logs is no part of training's means"


def test_state_brings_every_generator_back() -> None:
    run = new_run(micro_batches=2)
    draw(run, "a")
    torch.rand(5)
    run.step = 17
    state = run.state_dict()
    wanted = draw(run, "a"), draw(run, "later"), torch.rand(3).tolist()
    again = new_run()
    again.load_state_dict(state)
    assert (draw(again, "a"), draw(again, "later"), torch.rand(3).tolist()) == wanted
    assert (again.step, again.micro_batches) == (17, 2)


def test_a_decision_is_made_once() -> None:
    plan, calls = Plan(), []
    run = Run(TRAIN, device=CPU, plan=plan)
    made = lambda: calls.append(1) or (3, 4)  # noqa: E731
    assert run.decide("classes", made, "counted") == [3, 4], "as JSON gives it, the first time as well"
    assert Run(TRAIN, device=CPU, plan=plan).decide("classes", made, "counted") == [3, 4]
    assert (len(calls), plan.decisions) == (1, {"classes": {"value": [3, 4], "reason": "counted"}})


def test_place_takes_modules_tensors_and_dicts() -> None:
    run = Run(TRAIN, device=torch.device("meta"))
    placed = run.place({"a": torch.ones(2), "b": {"c": nn.Linear(2, 1)}, "d": "text"})
    assert placed["a"].is_meta
    assert placed["b"]["c"].weight.is_meta
    assert placed["d"] == "text"


# -- running out of memory ---------------------------------------------------------------------------------


def hungry(model: nn.Module, *, holds: int, error: Exception) -> Callable[[Batch], Loss]:
    """A loss that runs out of memory above so many rows, after it has computed something."""

    def loss(batch: Batch) -> Loss:
        made = squares(model)(batch)
        if rows_of(batch) > holds:
            raise error
        return made

    return loss


OUT_OF_MEMORY = {
    "cuda": torch.OutOfMemoryError("CUDA out of memory"),
    "cpu": RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    "python": MemoryError(),
}


@pytest.mark.parametrize("kind", OUT_OF_MEMORY)
@pytest.mark.parametrize(("holds", "pieces"), [(5, 2), (3, 4), (1, 16)])
def test_running_out_of_memory_halves_the_pieces_and_keeps_the_update(
    kind: str, holds: int, pieces: int
) -> None:
    model, optim = new_model()
    run, found = new_run(), []
    run.listeners.add(Found, found.append)
    batch = batch_of(10)
    wanted = hand_step(model, batch)
    error = (model(batch["x"]).squeeze(1) - batch["y"]).square().mean().item()
    run.update(optim, hungry(model, holds=holds, error=OUT_OF_MEMORY[kind]), batch)
    assert_close(model, wanted)
    assert run.micro_batches == run.state_dict()["micro_batches"] == pieces
    assert {fact.code for fact in found} == {"GR-RUN-005"}
    assert f"in {pieces} pieces" in found[-1].sentence
    assert run.drain()["loss"] == pytest.approx(error, rel=1e-5), "the failed attempts are not counted"


@pytest.mark.parametrize(
    ("rows", "whole", "got", "halvings"),
    [(4, False, "1 item", 2), (5, False, "1 item", 3), (1, False, "1 item", 0), (5, True, "5 items", 0)],
)
def test_what_cannot_be_split_further_is_an_error(rows: int, whole: bool, got: str, halvings: int) -> None:
    model, optim = new_model()
    run, found = new_run(), []
    run.listeners.add(Found, found.append)
    run.step = 12
    loss = hungry(model, holds=0, error=OUT_OF_MEMORY["cuda"])
    with pytest.raises(InputError, match="GR-RUN-004") as caught:
        run.update(optim, loss, batch_of(rows), whole=whole)
    assert caught.value.where == "step 12"
    assert got in caught.value.got
    assert len(found) == halvings
    assert isinstance(caught.value.__cause__, torch.OutOfMemoryError)


def test_other_errors_pass_through() -> None:
    model, optim = new_model()
    with pytest.raises(RuntimeError, match="shapes differ"):
        new_run().update(optim, hungry(model, holds=0, error=RuntimeError("shapes differ")), batch_of(4))
