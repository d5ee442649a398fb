"""The contract suite can fail: toys broken on purpose, each in one way, and the check that must see it."""

import math
import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gradus.core.errors import UsageError
from gradus.data.batches import Batches
from gradus.engine.contract import CHECKS, Broken, subject_of
from gradus.engine.job import Job, Recipe, supervised
from gradus.engine.loss import Loss
from gradus.engine.optim import Optim
from gradus.engine.run import Run
from tests.contract.toys import actor_critic, forecaster, labeller, preference


def with_model(job: Job, change: Callable[[nn.Module], nn.Module]) -> Job:
    """The job with another model in place of its own, and an optimizer for that."""

    def build(config: Any, run: Run) -> Any:
        parts = job.build(config, run)
        model = change(parts.model)
        return replace(parts, model=model, optim=Optim(model, config.train))

    return replace(job, build=build)


def with_config(job: Job, **changes: Any) -> Job:
    """The job with other settings for training in its smoke recipe."""
    recipe = job.recipes["smoke"]()
    config = replace(recipe.config, train=replace(recipe.config.train, **changes))
    return replace(job, recipes={"smoke": lambda: Recipe(config, recipe.expect)})


# -- configs -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Forgetful:
    """A setting that JSON cannot hold as it is: a tuple in a field that says list."""

    train: Any = forecaster.Config().train
    sides: list[int] = ()  # type: ignore[assignment]


def a_config_that_json_changes() -> Job:
    return replace(forecaster.JOB, recipes={"smoke": lambda: Recipe(Forgetful(), forecaster.smoke().expect)})


def a_config_out_of_range() -> Job:
    return with_config(forecaster.JOB, rate=-1.0)


# -- building ----------------------------------------------------------------------------------------------


def a_build_that_ignores_the_seed() -> Job:
    def build(config: Any, run: Run) -> Any:
        torch.manual_seed(0)
        return labeller.build(config, run)

    return replace(labeller.JOB, build=build)


def weights_that_ignore_the_seed_among_parts_that_follow_it() -> Job:
    """The corridors differ from seed to seed, and hide that the weights do not."""

    def build(config: Any, run: Run) -> Any:
        torch.manual_seed(0)
        return actor_critic.build(config, run)

    return replace(actor_critic.JOB, build=build)


def a_build_with_randomness_of_its_own() -> Job:
    def change(model: nn.Module) -> nn.Module:
        with torch.no_grad():
            model.head.bias.fill_(random.random())
        return model

    return with_model(labeller.JOB, change)


# -- learning ----------------------------------------------------------------------------------------------


class WithSpare(nn.Module):
    """The toy's model, and a layer that nothing reaches."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model, self.spare = model, nn.Linear(2, 2)

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.model(*inputs)


def a_layer_that_no_loss_reaches() -> Job:
    return with_model(forecaster.JOB, WithSpare)


def a_gradient_that_is_cut_off() -> Job:
    def loss(config: Any, parts: Any, batch: Any) -> Loss:
        states, _ = parts.model.recurrent(batch["past"][:, :, None])
        error = (parts.model.head(states[:, -1].detach()).squeeze(1) - batch["next"]).square()
        return Loss(error.sum(), len(error))

    return replace(forecaster.JOB, step=supervised(loss))


def a_loss_of_the_wrong_size() -> Job:
    """Divided by the batch, and then by the engine again."""

    def loss(config: Any, parts: Any, batch: Any) -> Loss:
        made = labeller.loss(config, parts, batch)
        return Loss(made.total / len(batch["tokens"]), made.count)

    return replace(labeller.JOB, step=supervised(loss))


def a_loss_that_is_no_number() -> Job:
    def loss(config: Any, parts: Any, batch: Any) -> Loss:
        return Loss(labeller.loss(config, parts, batch).total * math.inf, 1)

    return replace(labeller.JOB, step=supervised(loss))


def labels_that_have_nothing_to_do_with_the_input() -> Job:
    def stream(config: Any, parts: Any, run: Run) -> Iterator[Any]:
        for batch in labeller.JOB.stream(config, parts, run):
            yield batch | {"tokens": torch.zeros_like(batch["tokens"])}

    return replace(labeller.JOB, stream=stream)


def a_step_in_the_wrong_direction() -> Job:
    def loss(config: Any, parts: Any, batch: Any) -> Loss:
        made = labeller.loss(config, parts, batch)
        return Loss(2 * made.total.detach() - made.total, made.count)

    return replace(labeller.JOB, step=supervised(loss))


def a_batch_norm_that_needs_two_items() -> Job:
    class Normed(nn.Module):
        def __init__(self, model: nn.Module) -> None:
            super().__init__()
            self.norm, self.model = nn.BatchNorm1d(forecaster.Config().window), model

        def forward(self, past: Tensor) -> Tensor:
            return self.model(self.norm(past))

    return with_model(forecaster.JOB, Normed)


def a_loss_divided_by_the_spread_of_its_batch() -> Job:
    def loss(config: Any, parts: Any, batch: Any) -> Loss:
        error = parts.model(batch["past"]) - batch["next"]
        return Loss((error / error.std()).square().sum(), len(error))

    return replace(forecaster.JOB, step=supervised(loss))


def a_job_that_learns_too_little() -> Job:
    return with_config(forecaster.JOB, rate=1e-7)


# -- going on ----------------------------------------------------------------------------------------------


def a_stream_that_counts() -> Job:
    def stream(config: Any, parts: Any, run: Run) -> Iterator[Any]:
        data, first = parts.splits["train"], 0
        while True:
            yield {name: tensor[first : first + 32] for name, tensor in data.items()}
            first += 32

    return replace(forecaster.JOB, stream=stream)


def a_stream_with_randomness_of_its_own() -> Job:
    def stream(config: Any, parts: Any, run: Run) -> Iterator[Any]:
        while True:
            rows = torch.tensor(random.sample(range(500), 32))
            yield {name: tensor[rows] for name, tensor in parts.splits["train"].items()}

    return replace(forecaster.JOB, stream=stream)


@dataclass
class Centred:
    """A running mean that steers the loss and is not saved."""

    model: nn.Module
    optim: Optim
    train: Batches
    splits: dict[str, dict[str, Tensor]]
    mean: Tensor


def a_part_that_is_not_saved() -> Job:
    def build(config: Any, run: Run) -> Any:
        made = forecaster.build(config, run)
        return Centred(made.model, made.optim, made.train, made.splits, torch.zeros(()))

    def step(config: Any, parts: Any, batch: Any, run: Run) -> None:
        parts.mean = 0.9 * parts.mean + batch["next"].mean()
        centred = {"past": batch["past"] - parts.mean, "next": batch["next"]}
        run.update(parts.optim, lambda piece: forecaster.loss(config, parts, piece), centred)

    return replace(forecaster.JOB, build=build, step=step)


# -- pieces ------------------------------------------------------------------------------------------------


def a_mean_instead_of_a_sum() -> Job:
    def loss(config: Any, parts: Any, batch: Any) -> Loss:
        made = forecaster.loss(config, parts, batch)
        return Loss(made.total / made.count, 1)

    return replace(forecaster.JOB, step=supervised(loss))


def a_mean_over_batches_that_three_divides() -> Job:
    """Three pieces of eleven rows each: a mean of means is the mean, until a batch is ragged."""
    return with_config(a_mean_instead_of_a_sum(), batch=33)


def a_count_that_forgets_the_mask() -> Job:
    def loss(config: Any, parts: Any, batch: Any) -> Loss:
        made = labeller.loss(config, parts, batch)
        return Loss(made.total / made.count, len(batch["tokens"]))

    return replace(labeller.JOB, step=supervised(loss))


def a_contrast_within_the_batch_that_is_split() -> Job:
    def loss(config: Any, parts: Any, batch: Any) -> Loss:
        out = parts.model(batch["past"])
        return Loss((out[:, None] - out).square().mean(1).sum(), len(out))

    return replace(forecaster.JOB, step=supervised(loss))


# -- evaluating --------------------------------------------------------------------------------------------


def evaluating(job: Job, first: Callable[[Any, Run], Any]) -> Job:
    """The job, with something done before each evaluation."""

    def evaluate(config: Any, parts: Any, run: Run, split: Any) -> dict[str, float]:
        more = first(parts, run)
        return job.evaluate(config, parts, run, split) | ({} if more is None else {"more": more})

    return replace(job, evaluate=evaluate)


def an_evaluation_that_moves_the_loader() -> Job:
    return evaluating(forecaster.JOB, lambda parts, run: parts.train.next_batch() and None)


def an_evaluation_with_randomness_of_its_own() -> Job:
    return evaluating(forecaster.JOB, lambda parts, run: random.random())


def an_evaluation_that_steps_batch_norm() -> Job:
    class Normed(nn.Module):
        def __init__(self, model: nn.Module) -> None:
            super().__init__()
            self.norm, self.model = nn.BatchNorm1d(1), model

        def forward(self, past: Tensor) -> Tensor:
            return self.model(self.norm(past[:, None]).squeeze(1))  # (B, T) -> (B, 1, T) -> (B, T)

    def in_train_mode(parts: Any, run: Run) -> None:
        parts.model.train()
        parts.model(parts.splits["test"]["past"])
        parts.model.eval()

    return evaluating(with_model(forecaster.JOB, Normed), in_train_mode)


def an_evaluation_that_learns() -> Job:
    def nudge(parts: Any, run: Run) -> None:
        with torch.enable_grad():
            run.update(parts.optim, lambda piece: forecaster.loss(None, parts, piece), parts.splits["test"])

    return evaluating(forecaster.JOB, nudge)


# -- peeking -----------------------------------------------------------------------------------------------


class BothWays(nn.Module):
    """A writer or labeller that reads its sequence from both ends."""

    def __init__(self, model: nn.Module, *, head_at_zero: bool = False) -> None:
        super().__init__()
        width = model.embed.embedding_dim
        self.embed = model.embed
        self.recurrent = nn.GRU(width, width, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * width, model.head.out_features)
        if head_at_zero:
            nn.init.zeros_(self.head.weight)
            nn.init.zeros_(self.head.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.recurrent(self.embed(tokens))[0])


def reading_ahead(*, head_at_zero: bool = False) -> Job:
    """The preference toy, which has no padding, with a policy that reads both ways."""

    def build(config: Any, run: Run) -> Any:
        policy = BothWays(preference.Writer(config.width), head_at_zero=head_at_zero)
        reference = deepcopy(policy).requires_grad_(False)
        return preference.Parts(policy, reference, Optim(policy, config.train))

    return replace(preference.JOB, build=build)


def a_model_that_reads_the_future() -> Job:
    return reading_ahead()


def a_model_that_will_read_the_future_when_its_head_has_learnt() -> Job:
    """Heads often start at zero: an untrained model then says the same whatever it reads."""
    return reading_ahead(head_at_zero=True)


def deploying_example(job: Job, example: Tensor) -> Job:
    """The job, which deploys with another example."""
    return replace(
        job, deploy=lambda config, parts: replace(job.deploy(config, parts), example={"before": example})
    )


def a_future_that_is_only_padding() -> Job:
    """The example's second half is padding: another order of it is no other future."""
    return deploying_example(reading_ahead(), torch.tensor([[1, 2, 3, 0, 0, 0], [4, 5, 6, 0, 0, 0]]))


def an_example_without_another_future() -> Job:
    return deploying_example(preference.JOB, torch.zeros(2, 6, dtype=torch.long))


def padding_that_is_read() -> Job:
    return with_model(labeller.JOB, BothWays)


def a_model_that_looks_at_the_other_rows() -> Job:
    class Relative(nn.Module):
        def __init__(self, model: nn.Module) -> None:
            super().__init__()
            self.model = model

        def forward(self, past: Tensor) -> Tensor:
            return self.model(past - past.mean(0))

    return with_model(forecaster.JOB, Relative)


def padding_that_is_learnt_from() -> Job:
    def loss(config: Any, parts: Any, batch: Any) -> Loss:
        everywhere = batch | {"mask": torch.ones_like(batch["mask"])}
        return labeller.loss(config, parts, everywhere)

    return replace(labeller.JOB, step=supervised(loss))


# -- deploying ---------------------------------------------------------------------------------------------


def deploying(job: Job, module: Callable[[Any, Any], nn.Module]) -> Job:
    """The job, which deploys another module than the one that was trained."""
    return replace(
        job, deploy=lambda config, parts: replace(job.deploy(config, parts), module=module(config, parts))
    )


def a_deployment_that_was_never_trained() -> Job:
    return deploying(forecaster.JOB, lambda config, parts: forecaster.Forecaster(config.width).eval())


def a_deployment_of_the_first_weights() -> Job:
    """Always the same ones, so that two deployments agree."""

    def module(config: Any, parts: Any) -> nn.Module:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return forecaster.Forecaster(config.width).eval()

    return deploying(forecaster.JOB, module)


def a_deployment_of_the_frozen_reference() -> Job:
    return deploying(preference.JOB, lambda config, parts: parts.reference)


def a_deployment_that_is_still_learning() -> Job:
    return deploying(forecaster.JOB, lambda config, parts: parts.model.train())


def a_deployment_whose_axes_name_another_input() -> Job:
    def deploy(config: Any, parts: Any) -> Any:
        return replace(forecaster.deploy(config, parts), axes={"image": {0: "batch"}})

    return replace(forecaster.JOB, deploy=deploy)


@dataclass
class Offset:
    """A number that training finds and evaluation needs, kept where an opened run does not look."""

    value: float = 0.0

    def state_dict(self) -> dict[str, float]:
        return {"value": self.value}

    def load_state_dict(self, state: dict[str, float]) -> None:
        self.value = state["value"]


@dataclass
class WithOffset:
    model: nn.Module
    optim: Optim
    train: Batches
    splits: dict[str, dict[str, Tensor]]
    offset: Offset


def a_run_that_scores_otherwise_when_opened() -> Job:
    def build(config: Any, run: Run) -> Any:
        made = forecaster.build(config, run)
        return WithOffset(made.model, made.optim, made.train, made.splits, Offset())

    def step(config: Any, parts: Any, batch: Any, run: Run) -> None:
        forecaster.JOB.step(config, parts, batch, run)
        parts.offset.value += 1e-6

    def evaluate(config: Any, parts: Any, run: Run, split: Any) -> dict[str, float]:
        return {"mse": forecaster.evaluate(config, parts, run, split)["mse"] + parts.offset.value}

    return replace(forecaster.JOB, build=build, step=step, evaluate=evaluate)


BROKEN: list[tuple[Callable[[], Job], str, str]] = [
    (a_config_that_json_changes, "config_round_trip", "GR-CONFIG-002"),
    (a_config_out_of_range, "config_round_trip", "GR-CONFIG-003"),
    (a_build_that_ignores_the_seed, "builds_the_same_twice", "two seeds give the same weights"),
    (
        weights_that_ignore_the_seed_among_parts_that_follow_it,
        "builds_the_same_twice",
        "two seeds give the same",
    ),
    (a_build_with_randomness_of_its_own, "builds_the_same_twice", r"differ in model\.head\.bias"),
    (a_loss_of_the_wrong_size, "first_loss_is_blind", "expected between 0.6 and 0.8"),
    (a_loss_that_is_no_number, "first_loss_is_blind", "the first loss is inf"),
    (a_layer_that_no_loss_reaches, "every_parameter_moves", "2 of 8 parameters did not move, spare"),
    (a_gradient_that_is_cut_off, "every_parameter_moves", "4 of 6 parameters did not move, recurrent"),
    (labels_that_have_nothing_to_do_with_the_input, "overfits_one_batch", "wanted below"),
    (a_step_in_the_wrong_direction, "overfits_one_batch", "wanted below"),
    (a_batch_norm_that_needs_two_items, "learns_from_one_item", "more than 1 value per channel"),
    (a_loss_divided_by_the_spread_of_its_batch, "learns_from_one_item", "not finite"),
    (a_stream_that_counts, "resumes_exactly", "tensors differ"),
    (a_stream_with_randomness_of_its_own, "resumes_exactly", "tensors differ"),
    (a_part_that_is_not_saved, "resumes_exactly", "tensors differ"),
    (a_mean_instead_of_a_sum, "splits_into_micro_batches", "is off by"),
    (a_mean_over_batches_that_three_divides, "splits_into_micro_batches", "is off by"),
    (a_count_that_forgets_the_mask, "splits_into_micro_batches", "is off by"),
    (a_contrast_within_the_batch_that_is_split, "splits_into_micro_batches", "is off by"),
    (an_evaluation_that_moves_the_loader, "evaluation_changes_nothing", "evaluating changed"),
    (an_evaluation_with_randomness_of_its_own, "evaluation_changes_nothing", "two evaluations"),
    (an_evaluation_that_steps_batch_norm, "evaluation_changes_nothing", "two evaluations|evaluating changed"),
    (an_evaluation_that_learns, "evaluation_changes_nothing", "two evaluations"),
    (a_model_that_reads_the_future, "does_not_peek", "the future of before"),
    (a_model_that_will_read_the_future_when_its_head_has_learnt, "does_not_peek", "the future of before"),
    (a_future_that_is_only_padding, "does_not_peek", "the future of before"),
    (an_example_without_another_future, "does_not_peek", "one value everywhere"),
    (a_model_that_looks_at_the_other_rows, "does_not_peek", "depends on the others"),
    (padding_that_is_read, "does_not_peek", "what the mask hides"),
    (padding_that_is_learnt_from, "does_not_peek", "what the mask hides"),
    (a_deployment_that_was_never_trained, "deploys_what_it_trained", "differs from that of the trained one"),
    (a_deployment_of_the_first_weights, "deploys_what_it_trained", "before training"),
    (a_deployment_of_the_frozen_reference, "deploys_what_it_trained", "before training"),
    (a_deployment_that_is_still_learning, "deploys_what_it_trained", "differs from that of the trained one"),
    (a_deployment_whose_axes_name_another_input, "deploys_what_it_trained", "name different inputs"),
    (a_job_that_learns_too_little, "beats_its_baseline", "no better than the baseline"),
    (a_run_that_scores_otherwise_when_opened, "beats_its_baseline", "opened again"),
]


@pytest.mark.parametrize(("variant", "check", "words"), BROKEN, ids=[make.__name__ for make, _, _ in BROKEN])
@pytest.mark.filterwarnings("ignore:std")
def test_the_check_sees(variant: Callable[[], Job], check: str, words: str) -> None:
    with pytest.raises((Broken, UsageError, ValueError), match=words):
        CHECKS[check](subject_of(variant()))


def test_every_check_is_seen_to_fail() -> None:
    assert {check for _, check, _ in BROKEN} == set(CHECKS)


# -- what looks wrong and is right -------------------------------------------------------------------------


def test_the_global_generator_is_evaluations_own() -> None:
    """The engine lends it out with a seed of its own, so that old habits do no harm."""
    job = evaluating(forecaster.JOB, lambda parts, run: float(torch.rand(1)))
    assert CHECKS["evaluation_changes_nothing"](subject_of(job)) == "same bits after it"


def test_a_stream_may_act_by_named_randomness() -> None:
    def stream(config: Any, parts: Any, run: Run) -> Iterator[Any]:
        while True:
            rows = torch.randint(500, (32,), generator=run.rng("rows"))
            yield {name: tensor[rows] for name, tensor in parts.splits["train"].items()}

    assert CHECKS["resumes_exactly"](subject_of(replace(forecaster.JOB, stream=stream)))


def test_a_loss_may_refuse_to_be_split() -> None:
    def step(config: Any, parts: Any, batch: Any, run: Run) -> None:
        def loss(piece: Any) -> Loss:
            out = parts.model(piece["past"])
            return Loss((out[:, None] - out).square().mean(1).sum(), len(out))

        run.update(parts.optim, loss, batch, whole=True)

    assert CHECKS["splits_into_micro_batches"](subject_of(replace(forecaster.JOB, step=step)))
