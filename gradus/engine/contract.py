"""The contract suite: what every job must hold, ours or a user's. ``gradus check JOB`` runs it.

Each check is a function of a job and its smallest config that returns what it saw, or raises ``Broken``.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gradus.core.configs import check as check_ranges
from gradus.core.configs import from_json, to_json
from gradus.core.facts import Backpropagated, Halt, Saved
from gradus.engine import folder
from gradus.engine.checkpoint import Checkpoints
from gradus.engine.job import Deployable, Job, modules_of, optims_of, scored_for, state_of
from gradus.engine.loop import Training, measure
from gradus.engine.optim import Optim
from gradus.engine.probes import Scratch
from gradus.engine.run import Batch, Run, rows_of


class Broken(Exception):
    """A job does not hold a clause of the contract; the message says what was seen."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one check found."""

    name: str
    passed: bool
    sentence: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Subject:
    """A job with the config that it is checked on: fp32, not compiled, the recipe ``smoke`` or the first."""

    job: Job
    recipe: str
    config: Any

    def scratch(self, seed: int | None = None, **changes: Any) -> Scratch:
        """A throw-away copy of the job, built and ready to step."""
        train = replace(self.config.train, **changes)
        train = replace(train, seed=train.seed if seed is None else seed)
        return Scratch(self.job, replace(self.config, train=train), torch.device("cpu"))


def subject_of(job: Job) -> Subject:
    """The job on its smoke recipe."""
    recipe = "smoke" if "smoke" in job.recipes else next(iter(job.recipes))
    config = job.recipes[recipe]().config
    settled = replace(config.train, device="cpu", precision="fp32", compile=False)
    return Subject(scored_for(job, recipe), recipe, replace(config, train=settled))


def examine(job: Job) -> Iterator[Outcome]:
    """Run every check, in order, each told as soon as it is known."""
    subject = subject_of(job)
    for name, check in CHECKS.items():
        start = time.perf_counter()
        try:
            sentence, passed = check(subject), True
        except Exception as error:  # a check of foreign code: whatever it raises is its finding
            sentence, passed = f"{type(error).__name__}: {error}", False
            if isinstance(error, Broken):
                sentence = str(error)
        yield Outcome(name, passed, sentence, time.perf_counter() - start)


def config_round_trip(subject: Subject) -> str:
    """Every recipe's config is in range, and comes back from JSON unchanged."""
    for name, recipe in subject.job.recipes.items():
        config = recipe().config
        check_ranges(config)
        if from_json(type(config), to_json(config), name) != config:
            raise Broken(f"the config of {name} comes back from JSON changed")
    return f"{len(subject.job.recipes)} recipes"


def builds_the_same_twice(subject: Subject) -> str:
    """One seed gives one set of weights, another seed another."""
    built = [subject.scratch(seed).parts for seed in (1, 1, 2)]
    first, second, _ = (tensors_in(state_of(parts)) for parts in built)
    if changed := differing(first, second):
        raise Broken(f"two builds with one seed differ in {changed[0]}")
    weights, _, others = ([p for m in modules_of(parts) for p in m.parameters()] for parts in built)
    if all(map(torch.equal, weights, others)):
        raise Broken("two seeds give the same weights: build does not use the run's seed")
    return f"{len(first)} tensors"


def first_loss_is_blind(subject: Subject) -> str:
    """The first loss is what guessing blindly costs."""
    expected = subject.job.recipes[subject.recipe]().expect.first_loss
    loss = _losses(subject.scratch(), 1)[0]
    if not abs(loss) < float("inf"):
        raise Broken(f"the first loss is {loss}")
    if expected and not expected[0] <= loss <= expected[1]:
        raise Broken(f"the first loss is {loss:.4g}, expected between {expected[0]:g} and {expected[1]:g}")
    return f"{loss:.4g}"


def every_parameter_moves(subject: Subject) -> str:
    """After a few steps no parameter is where it was built."""
    scratch = subject.scratch(warmup=0)
    owned = {
        f"{o.name}{n}": p for o in optims_of(scratch.parts) for n, p in o.named.items() if p.requires_grad
    }
    before = {name: p.detach().clone() for name, p in owned.items()}
    for _ in range(5):
        scratch.step()
    still = [name for name, p in owned.items() if torch.equal(p, before[name])]
    if still:
        raise Broken(f"{len(still)} of {len(owned)} parameters did not move, {still[0]} among them")
    return f"{len(owned)} parameters"


def overfits_one_batch(subject: Subject) -> str:
    """One batch, learnt alone by the first optimizer, costs far less in the end."""
    expect = subject.job.recipes[subject.recipe]().expect
    scratch = subject.scratch(warmup=0)
    batch = next(scratch.batches)
    for other in optims_of(scratch.parts)[1:]:
        other.rate = 0.0  # a GAN's other player holds still
    scratch.batches = iter(lambda: batch, None)
    losses = _losses(scratch, expect.overfit_steps)
    first, last = losses[0], min(losses[-5:])
    bound = expect.overfit_share * abs(first) if expect.overfit_share else first
    if not last < bound:
        raise Broken(f"the loss of one batch went from {first:.4g} to {last:.4g}, wanted below {bound:.4g}")
    return f"{first:.4g} to {last:.4g} in {expect.overfit_steps} steps"


def learns_from_one_item(subject: Subject) -> str:
    """A batch of one item gives a finite update."""
    scratch = subject.scratch()
    batch = {k: v[:1] if isinstance(v, Tensor) else v for k, v in next(scratch.batches).items()}
    scratch.batches = iter([batch])
    loss = _losses(scratch, 1)[0]
    odd = [n for n, t in tensors_in(state_of(scratch.parts)).items() if not t.isfinite().all()]
    if odd or not abs(loss) < float("inf"):
        raise Broken(f"a batch of one gives a loss of {loss} and {len(odd)} tensors that are not finite")
    return f"loss {loss:.4g}"


def resumes_exactly(subject: Subject) -> str:
    """Stopped after three steps, written, read and gone on with: six steps end on the same bits."""
    train = replace(subject.config.train, evaluate_every=3, log_every=1)
    with tempfile.TemporaryDirectory() as place:
        whole = _bits(_train(subject, replace(train, steps=6), Path(place) / "whole"))
        _train(subject, replace(train, steps=6), Path(place) / "cut", stop_after=3)
        again = _bits(_train(subject, replace(train, steps=6), Path(place) / "cut"))
    if changed := differing(whole, again):
        raise Broken(f"after a resume {len(changed)} tensors differ, {changed[0]} among them")
    return f"{len(whole)} tensors"


def splits_into_micro_batches(subject: Subject) -> str:
    """One batch or three pieces of it give the same gradient (in eval mode: dropout draws by piece)."""
    whole, pieces = (_first_gradient(subject.scratch(micro_batches=n)) for n in (1, 3))
    worst = max(
        ((a - b).abs().max() / (a.abs().max() + 1e-8)).item() for a, b in zip(whole, pieces, strict=True)
    )
    if worst > 1e-4:
        raise Broken(f"the gradient of three pieces is off by {worst:.1e} of its largest number")
    return f"within {worst:.0e}"


def evaluation_changes_nothing(subject: Subject) -> str:
    """Evaluating between two steps changes no weight, no statistic and no later random number."""
    states = []
    for evaluates in (False, True):  # one after the other: dropout draws from the one global generator
        scratch = subject.scratch()
        scratch.step()
        if evaluates:
            first, second = (
                measure(subject.job, scratch.config, scratch.parts, scratch.run, split="test")
                for _ in range(2)
            )
            if first != second:
                raise Broken(f"two evaluations of the same weights differ: {first} and {second}")
        scratch.step()
        states.append(tensors_in(state_of(scratch.parts) | scratch.run.state_dict()))
    if changed := differing(*states):
        raise Broken(f"evaluating changed {changed[0]}")
    return "same bits after it"


def does_not_peek(subject: Subject) -> str:
    """Masked entries change no update; other rows, and the future where there is one, change no output."""
    seen = ["other rows of a batch"]
    batch = next(subject.scratch().batches)
    if "mask" in batch:
        noisy = {k: _scrambled(v, batch["mask"]) if k != "mask" else v for k, v in batch.items()}
        results = []
        for content in (batch, noisy):
            scratch = subject.scratch()
            scratch.batches = iter([content])
            scratch.step()
            results.append(tensors_in(state_of(scratch.parts)))
        if changed := differing(*results):
            raise Broken(f"what the mask hides changes {changed[0]}")
        seen.append("padding")
    scratch = subject.scratch(warmup=0)
    for _ in range(3):
        scratch.step()  # a head that starts at zero says the same of everything
    deployed = subject.job.deploy(scratch.config, scratch.parts)
    both, alone = (
        _outputs(deployed, deployed.example),
        _outputs(deployed, _rows(deployed.example, slice(0, 1))),
    )
    if not all(torch.allclose(both[k][:1], alone[k], rtol=1e-4, atol=1e-5) for k in alone):
        raise Broken("the output for one item depends on the others in its batch")
    if deployed.causal:
        _check_future(deployed, both)
        seen.append("future")
    return ", ".join(seen)


def beats_its_baseline(subject: Subject) -> str:
    """The smoke recipe reaches what it expects, and beats the naive answer; opened again it says the same."""
    job, expect = subject.job, subject.job.recipes[subject.recipe]().expect
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "run"
        folder.begin(out, reference=job.name, recipe=subject.recipe, config=subject.config)
        result = folder.execute(job, out)
        value, naive = result["value"], result["baseline"]
        if not job.headline.better(value, naive):
            raise Broken(f"{job.headline.name} is {value:.4g}, no better than the baseline's {naive:.4g}")
        if value != expect.value and not job.headline.better(value, expect.value):
            raise Broken(f"{job.headline.name} is {value:.4g}, the recipe expects {expect.value:g}")
        opened = folder.open_run(job, out)
        again = measure(job, opened.config, opened.parts, opened.run, split="test")
        if again != result["metrics"]:
            raise Broken(f"the run opened again scores {again}, it had {result['metrics']}")
    return f"{job.headline.name} {value:.4g} against {naive:.4g}, in {result['seconds']} s"


def deploys_what_it_trained(subject: Subject) -> str:
    """The deployed model of a run, opened from its folder, gives the outputs of the one that was trained."""
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "run"
        train = replace(subject.config.train, steps=4, evaluate_every=2, warmup=0, keep="last")
        trained = _train(subject, train, out).parts
        opened = folder.open_run(subject.job, out)
    for optim in optims_of(trained):
        optim.swap_average()
    untrained = subject.scratch().parts
    deployed = [subject.job.deploy(opened.config, parts) for parts in (trained, opened.parts, untrained)]
    example = deployed[0].example
    if set(deployed[0].axes) != set(example):
        raise Broken("axes and example of the deployable name different inputs")
    live, again, blank = (_outputs(each, example) for each in deployed)
    if changed := differing(live, again):
        raise Broken(f"the deployment of an opened run differs from that of the trained one in {changed[0]}")
    if not differing(live, blank):
        raise Broken("the deployment gives the outputs that it gave before training")
    return ", ".join(f"{name} {tuple(t.shape)}" for name, t in live.items())


CHECKS: dict[str, Callable[[Subject], str]] = {
    check.__name__: check
    for check in (
        config_round_trip,
        builds_the_same_twice,
        first_loss_is_blind,
        every_parameter_moves,
        overfits_one_batch,
        learns_from_one_item,
        resumes_exactly,
        splits_into_micro_batches,
        evaluation_changes_nothing,
        does_not_peek,
        deploys_what_it_trained,
        beats_its_baseline,
    )
}


def tensors_in(state: Any, path: str = "") -> dict[str, Tensor]:
    """Every tensor of a nested state by its path; numbers count as tensors."""
    if isinstance(state, dict | list | tuple):
        items = state.items() if isinstance(state, dict) else enumerate(state)
        return {k: t for key, item in items for k, t in tensors_in(item, f"{path}.{key}".strip(".")).items()}
    if isinstance(state, bool | int | float):
        return {path: torch.tensor(state, dtype=torch.float64 if isinstance(state, float) else torch.int64)}
    return {path: state.detach().clone()} if isinstance(state, Tensor) else {}


def differing(one: dict[str, Tensor], other: dict[str, Tensor]) -> list[str]:
    """The names whose bits differ, or that only one side has."""
    return sorted(
        n
        for n in one.keys() | other.keys()
        if n not in one
        or n not in other
        or one[n].dtype != other[n].dtype
        or not torch.equal(one[n], other[n])
    )


def _losses(scratch: Scratch, steps: int) -> list[float]:
    """The first optimizer's loss at each of so many steps."""
    losses = []
    for _ in range(steps):
        scratch.step()
        values = scratch.run.drain()
        losses.append(next(value for name, value in values.items() if name.endswith("loss")))
    return losses


def _train(subject: Subject, train: Any, out: Path, *, stop_after: int | None = None) -> Training:
    """Train in ``out`` from where it stands to its end, or to the checkpoint of ``stop_after``."""

    def stop(fact: Saved) -> None:
        if fact.step == stop_after:
            raise Halt("stopped by the check")

    config = replace(subject.config, train=train)
    if not out.exists():
        folder.begin(out, reference=subject.job.name, recipe=subject.recipe, config=config)
    run = Run(config.train, device=torch.device("cpu"), folder=out)
    run.listeners.add(Saved, stop)
    checkpoints = Checkpoints(out / "checkpoints")
    training = Training(subject.job, config, run, checkpoints=checkpoints, state=checkpoints.load())
    training.train()
    run.plan.write(out / "plan.json")
    return training


def _bits(training: Training) -> dict[str, Tensor]:
    """Every tensor and number that training left behind, random states among them."""
    return tensors_in(state_of(training.parts) | {"run": training.run.state_dict()})


def _first_gradient(scratch: Scratch) -> list[Tensor]:
    """The gradient of the first update of a step taken in eval mode, on rows that three does not divide."""
    caught: list[list[Tensor]] = []

    def catch(fact: Backpropagated) -> None:
        optim: Optim = fact.optim
        caught.append([g.clone() for g in optim.gradients()])

    scratch.run.listeners.add(Backpropagated, catch)
    batch = next(scratch.batches)
    rows = rows_of(batch)
    batch = _rows(batch, slice(0, rows - 1 if rows % 3 == 0 else rows))  # a mean of equal means is a mean
    scratch.job.step(scratch.config, scratch.parts, batch, scratch.run)
    return caught[0]


def _rows(batch: Batch, rows: slice) -> dict[str, Any]:
    return {k: v[rows] if isinstance(v, Tensor) else v for k, v in batch.items()}


def _outputs(deployed: Deployable, inputs: Batch) -> dict[str, Tensor]:
    with torch.no_grad():
        output = deployed.module(*(inputs[name] for name in deployed.example))
    return {"output": output} if isinstance(output, Tensor) else dict(output)


def _scrambled(value: Any, mask: Tensor) -> Any:
    """``value`` with other values of its own where the mask hides it."""
    if not isinstance(value, Tensor) or value.shape[: mask.ndim] != mask.shape:
        return value
    flat = value.reshape(-1)
    order = torch.randperm(len(flat), generator=torch.Generator().manual_seed(0))
    keep = mask.reshape(*mask.shape, *[1] * (value.ndim - mask.ndim))
    return torch.where(keep, value, flat[order].reshape(value.shape))


def _check_future(deployed: Deployable, outputs: dict[str, Tensor]) -> None:
    """Shuffle the second half along the causal axis: the first half's outputs must stay."""
    changed = dict(deployed.example)
    for name, axes in deployed.axes.items():
        for axis, label in axes.items():
            if label == deployed.causal:
                value = changed[name]
                half = max(1, value.shape[axis] // 2)
                past = torch.arange(value.shape[axis]) < half
                past = past.reshape([-1 if place == axis else 1 for place in range(value.ndim)])
                changed[name] = _scrambled(value, past.expand(value.shape))
                if torch.equal(changed[name], value):
                    raise Broken(f"the example of {name} has one value everywhere: it allows no other future")
                later = _outputs(deployed, changed)
                for key, output in outputs.items():
                    if not torch.allclose(
                        output.narrow(axis, 0, half), later[key].narrow(axis, 0, half), atol=1e-5
                    ):
                        raise Broken(f"changing the future of {name} changes {key} before it")
