"""The optimizer against loops written out by hand on plain torch, one setting at a time."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gradus.engine.optim import Optim, stages_of
from gradus.engine.schedules import Constant, Cosine, Plateau, Schedule, factor
from gradus.engine.settings import OptimConfig, TrainConfig

Loop = Callable[[list[dict[str, Any]]], torch.optim.Optimizer]


def network() -> nn.Sequential:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(5, 7), nn.LayerNorm(7), nn.Tanh(), nn.Linear(7, 3))


def data(step: int) -> tuple[Tensor, Tensor]:
    made = torch.Generator().manual_seed(step)
    return torch.randn(8, 5, generator=made), torch.randn(8, 3, generator=made)


def train_config(*, rate: float = 0.1, schedule: Schedule | None = None, **optim: Any) -> TrainConfig:
    return TrainConfig(steps=20, rate=rate, schedule=schedule or Constant(), optim=OptimConfig(**optim))


def one_update(optim: Optim, loss: Tensor, *, step: int = 0) -> None:
    optim.begin()
    optim.backward(loss, torch.tensor(1.0))
    optim.unscale()
    optim.step(step)


def train(model: nn.Module, optim: Optim, *, first: int = 0, steps: int = 20) -> None:
    for step in range(first, first + steps):
        inputs, wanted = data(step)
        one_update(optim, F.mse_loss(model(inputs), wanted), step=step)


def weights(module: nn.Module) -> list[Tensor]:
    return [tensor.detach().clone() for tensor in module.state_dict().values()]


def assert_same_bits(one: nn.Module, other: nn.Module) -> None:
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


# -- the rules ---------------------------------------------------------------------------------------------


ALGORITHMS: dict[str, Loop] = {
    "sgd": lambda groups: torch.optim.SGD(groups, lr=0.1),
    "momentum": lambda groups: torch.optim.SGD(groups, lr=0.1, momentum=0.8),
    "nesterov": lambda groups: torch.optim.SGD(groups, lr=0.1, momentum=0.8, nesterov=True),
    "rmsprop": lambda groups: torch.optim.RMSprop(groups, lr=0.1, momentum=0.8, eps=1e-3, foreach=False),
    "adam": lambda groups: torch.optim.Adam(groups, lr=0.1, betas=(0.7, 0.95), eps=1e-3, foreach=False),
    "adamw": lambda groups: torch.optim.AdamW(groups, lr=0.1, betas=(0.7, 0.95), eps=1e-3, foreach=False),
}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_twenty_steps_are_those_of_a_plain_loop(algorithm: Any) -> None:
    model, plain = network(), network()
    config = train_config(
        schedule=Cosine(end=0.1),
        algorithm=algorithm,
        momentum=0.8,
        betas=(0.7, 0.95),
        epsilon=1e-3,
        weight_decay=0.05,
    )
    train(model, Optim(model, config))
    matrices = [p for p in plain.parameters() if p.ndim == 2]
    vectors = [p for p in plain.parameters() if p.ndim < 2]
    optimizer = ALGORITHMS[algorithm](
        [{"params": matrices, "weight_decay": 0.05}, {"params": vectors, "weight_decay": 0.0}]
    )
    for step in range(20):
        for group in optimizer.param_groups:
            group["lr"] = 0.1 * factor(Cosine(end=0.1), step, steps=20)
        inputs, wanted = data(step)
        optimizer.zero_grad()
        F.mse_loss(plain(inputs), wanted).backward()
        optimizer.step()
    for ours, theirs in zip(weights(model), weights(plain), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=2e-5, atol=2e-6)


def test_rate_scale_multiplies_the_rate() -> None:
    model, plain = network(), network()
    train(model, Optim(model, train_config(algorithm="sgd", rate=0.1, rate_scale=0.5)), steps=3)
    train(plain, Optim(plain, train_config(algorithm="sgd", rate=0.05)), steps=3)
    assert_same_bits(model, plain)


def test_weight_decay_spares_vectors() -> None:
    model = network()
    before = dict(zip(model.state_dict(), weights(model), strict=True))
    optim = Optim(model, train_config(weight_decay=0.1))
    for step in range(3):
        one_update(optim, 0.0 * sum(p.sum() for p in model.parameters()), step=step)
    for name, parameter in model.named_parameters():
        shrink = (1 - 0.1 * 0.1) ** 3 if parameter.ndim == 2 else 1.0
        torch.testing.assert_close(parameter.detach(), before[name] * shrink)


@pytest.mark.parametrize("algorithm", ["momentum", "nesterov", "rmsprop", "adam"])
def test_parameters_whose_gradients_come_late(algorithm: Any) -> None:
    """A branch that the first updates leave out, as stochastic depth does, learns as in a plain loop."""
    model = nn.ModuleList([nn.Linear(5, 3), nn.Linear(5, 3)])
    plain = deepcopy(model)

    def loss(branches: nn.ModuleList, step: int) -> Tensor:
        inputs, wanted = data(step)
        return F.mse_loss(sum(branch(inputs) for branch in branches[: 1 if step < 2 else 2]), wanted)

    optim = Optim(model, train_config(algorithm=algorithm, momentum=0.8, betas=(0.7, 0.95), epsilon=1e-3))
    optimizer = ALGORITHMS[algorithm]([{"params": list(plain.parameters())}])
    for step in range(6):
        one_update(optim, loss(model, step), step=step)
        optimizer.zero_grad()
        loss(plain, step).backward()
        optimizer.step()
    for ours, theirs in zip(weights(model), weights(plain), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=2e-5, atol=2e-6)


# -- around the step ---------------------------------------------------------------------------------------


def test_stages_run_from_input_to_output() -> None:
    model = nn.Module()
    model.stem = nn.Conv2d(3, 4, 1)
    model.blocks = nn.ModuleList([nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)), nn.Linear(4, 4)])
    model.scale = nn.Parameter(torch.ones(4))
    model.head = nn.Linear(4, 2, bias=False)
    assert stages_of(model) == [
        ["scale"],  # a parameter of the module itself comes first, as torch lists it
        ["stem.weight", "stem.bias"],
        ["blocks.0.0.weight", "blocks.0.0.bias", "blocks.0.1.weight", "blocks.0.1.bias"],
        ["blocks.1.weight", "blocks.1.bias"],
        ["head.weight"],
    ]


def test_layer_decay_slows_the_stages_near_the_input() -> None:
    model = network()  # three stages with parameters: 0, 1 and 3
    before = dict(zip(model.state_dict(), weights(model), strict=True))
    optim = Optim(model, train_config(algorithm="sgd", layer_decay=0.5, weight_decay=0.1))
    one_update(optim, sum(p.sum() for p in model.parameters()))
    for name, parameter in model.named_parameters():
        rate = {"0": 0.025, "1": 0.05, "3": 0.1}[name[0]]
        decay = 0.1 if parameter.ndim == 2 else 0.0
        torch.testing.assert_close(parameter.detach(), before[name] - rate * (1 + decay * before[name]))


def test_clip_norm_shortens_long_gradients_and_leaves_short_ones() -> None:
    for longest in (1e-3, 1e3):
        model = network()
        before = nn.utils.parameters_to_vector(model.parameters()).detach()
        inputs, wanted = data(0)
        optim = Optim(model, train_config(algorithm="sgd", rate=1.0, clip_norm=longest))
        optim.begin()
        optim.backward(F.mse_loss(model(inputs), wanted), torch.tensor(1.0))
        gradient = torch.cat([g.flatten() for g in optim.gradients()]).clone()
        optim.step(0)
        moved = before - nn.utils.parameters_to_vector(model.parameters()).detach()
        wanted_move = gradient * min(1.0, longest / gradient.norm().item())
        torch.testing.assert_close(moved, wanted_move, rtol=1e-3, atol=1e-6)
        assert optim.norm is not None
        torch.testing.assert_close(optim.norm, gradient.norm())


def test_clip_value_bounds_each_number() -> None:
    model = nn.Linear(3, 1, bias=False)
    nn.init.zeros_(model.weight)
    optim = Optim(model, train_config(algorithm="sgd", rate=1.0, clip_value=0.5))
    one_update(optim, (model.weight * torch.tensor([[-3.0, 0.2, 9.0]])).sum())
    torch.testing.assert_close(model.weight.detach(), torch.tensor([[0.5, -0.2, -0.5]]))


def test_l1_adds_the_sign_of_weights_and_spares_vectors() -> None:
    model = nn.Linear(3, 1)
    model.load_state_dict({"weight": torch.tensor([[2.0, 0.0, -3.0]]), "bias": torch.tensor([1.0])})
    optim = Optim(model, train_config(algorithm="sgd", rate=0.1, l1=0.5))
    one_update(optim, 2.0 * model.weight.sum() + model.bias.sum())
    torch.testing.assert_close(model.weight.detach(), torch.tensor([[2 - 0.25, -0.2, -3 - 0.15]]))
    torch.testing.assert_close(model.bias.detach(), torch.tensor([0.9]))


def test_l1_of_a_module_without_matrices_does_nothing() -> None:
    model, plain = nn.LayerNorm(4), nn.LayerNorm(4)
    inputs = torch.randn(2, 4)
    for module, l1 in ((model, 0.5), (plain, 0.0)):
        one_update(Optim(module, train_config(algorithm="sgd", l1=l1)), module(inputs).square().sum())
    assert_same_bits(model, plain)


@pytest.mark.parametrize("layer", [nn.Linear(6, 4), nn.Conv2d(3, 4, 2)], ids=["rows", "filters"])
def test_max_norm_scales_back_long_rows_only(layer: nn.Linear | nn.Conv2d) -> None:
    with torch.no_grad():
        layer.weight.mul_(0.01)
        layer.weight[0].fill_(3.0)
        layer.bias.fill_(100.0)
    before = layer.weight.detach().clone()
    one_update(Optim(layer, train_config(algorithm="sgd", max_norm=1.5)), 0.0 * layer.weight.sum())
    torch.testing.assert_close(layer.weight[0].norm().item(), 1.5, rtol=1e-5, atol=0)
    torch.testing.assert_close(layer.weight[0] / layer.weight[0].norm(), before[0] / before[0].norm())
    assert torch.equal(layer.weight[1:], before[1:])
    assert torch.equal(layer.bias, torch.full((4,), 100.0))


# -- the average of weights --------------------------------------------------------------------------------


def test_average_follows_weights_and_statistics() -> None:
    model = nn.Sequential(nn.Linear(5, 7), nn.BatchNorm1d(7), nn.Linear(7, 3))
    optim = Optim(model, train_config(ema=0.8))
    followed = {n: t.detach().clone() for n, t in model.state_dict().items() if t.is_floating_point()}
    model.train()
    for step in range(20):
        train(model, optim, first=step, steps=1)
        decay = min(0.8, (step + 1) / (step + 10))
        for name, average in followed.items():
            followed[name] = decay * average + (1 - decay) * model.state_dict()[name]
    own = {n: t.clone() for n, t in model.state_dict().items()}
    with optim.averaged():
        for name, tensor in model.state_dict().items():
            torch.testing.assert_close(tensor, followed.get(name, own[name]), rtol=1e-5, atol=1e-6)
        assert not torch.equal(model[0].weight, own["0.weight"])
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, own[name]), name


def test_average_comes_out_when_evaluation_fails() -> None:
    model = network()
    optim = Optim(model, train_config(ema=0.9))
    train(model, optim, steps=3)
    own = weights(model)
    with pytest.raises(ValueError, match="bad"), optim.averaged():
        raise ValueError("bad")
    assert all(map(torch.equal, weights(model), own))


# -- a plateau ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("higher", [True, False])
def test_plateau_is_torchs(higher: bool) -> None:
    values = [0.5, 0.6, 0.6, 0.55, 0.59, 0.7, 0.7, 0.6, 0.71, 0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.5, 0.5, 0.5]
    model = nn.Linear(2, 1)
    optim = Optim(
        model, train_config(rate=1.0, schedule=Plateau(patience=3, factor=0.3, end=0.02), algorithm="sgd")
    )
    theirs = torch.optim.SGD(model.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        theirs, mode="max" if higher else "min", factor=0.3, patience=2, threshold=0.0, min_lr=0.02, eps=0.0
    )
    for value in values:
        optim.observe(value, higher=higher)
        scheduler.step(value)
        one_update(optim, model.weight.sum())
        assert optim.torch.param_groups[0]["lr"] == pytest.approx(theirs.param_groups[0]["lr"])


def test_a_score_that_is_no_number_is_no_improvement() -> None:
    optim = Optim(nn.Linear(2, 1), train_config(schedule=Plateau(patience=1, factor=0.5)))
    optim.observe(float("nan"), higher=True)
    optim.observe(0.5, higher=True)
    assert optim.plateau.best == 0.5


# -- frozen stages -----------------------------------------------------------------------------------------


class Stages(nn.Module):
    """Three stages with norms, one of them without parameters, and dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.ModuleDict({"linear": nn.Linear(5, 7), "norm": nn.BatchNorm1d(7, affine=False)})
        self.body = nn.ModuleDict({"linear": nn.Linear(7, 7), "norm": nn.BatchNorm1d(7)})
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(7, 3)

    def forward(self, x: Tensor) -> Tensor:
        for stage in (self.stem, self.body):
            x = stage["norm"](stage["linear"](x))
        return self.head(self.drop(x))


def moved_stages(model: nn.Module, optim: Optim, *, first: int, steps: int = 1) -> set[str]:
    """The stages in which any tensor changes over some steps in train mode."""
    before = dict(zip(model.state_dict(), weights(model), strict=True))
    for step in range(first, first + steps):
        optim.thaw(step)
        for table in optim.learners:
            table["training"] = True
        inputs, wanted = data(step)
        one_update(optim, F.mse_loss(model(inputs), wanted), step=step)
        for table in optim.learners:
            table["training"] = False
    return {n.split(".")[0] for n, t in model.state_dict().items() if not torch.equal(t, before[n])}


@pytest.mark.parametrize("algorithm", ["nesterov", "adamw"])
def test_frozen_stages_rest_until_they_join(algorithm: Any) -> None:
    model = Stages()
    optim = Optim(
        model,
        train_config(
            algorithm=algorithm, train_last=1, unfreeze_every=3, weight_decay=0.1, max_norm=0.01, ema=0.9
        ),
    )
    assert moved_stages(model, optim, first=0, steps=3) == {"head"}
    assert moved_stages(model, optim, first=3) == {"body", "head"}
    assert moved_stages(model, optim, first=5) == {"body", "head"}
    assert moved_stages(model, optim, first=6) == {"stem", "body", "head"}
    assert not any(module.training for module in model.modules())


def test_stages_stay_frozen_without_a_date() -> None:
    model = Stages()
    optim = Optim(model, train_config(train_last=2))
    assert moved_stages(model, optim, first=10**6) == {"body", "head"}


def test_dropout_before_the_head_works_while_the_stages_behind_it_are_frozen() -> None:
    model = Stages()
    optim = Optim(model, train_config(train_last=1))
    assert any(table is model.drop.__dict__ for table in optim.learners)


# -- state -------------------------------------------------------------------------------------------------


class Convolutions(nn.Module):
    """Four-dimensional weights, which channels last lays out anew."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3)
        self.norm = nn.BatchNorm2d(6)
        self.head = nn.Linear(6, 2)

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.norm(self.conv(image)).mean(dim=(2, 3)))


def prepared(config: TrainConfig, *, channels_last: bool) -> tuple[Convolutions, Optim]:
    """Built first and laid out after, as the engine does it."""
    torch.manual_seed(5)
    model = Convolutions()
    optim = Optim(model, config)
    if channels_last:
        model.to(memory_format=torch.channels_last)
        optim.lay_out()
    return model, optim


def take_steps(model: Convolutions, optim: Optim, *, first: int, last: int) -> None:
    for step in range(first, last):
        image = torch.randn(4, 3, 6, 6, generator=torch.Generator().manual_seed(step))
        one_update(optim, model(image).square().sum(), step=step)


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_state_comes_back_to_the_bit(algorithm: Any, channels_last: bool) -> None:
    config = train_config(rate=1e-2, algorithm=algorithm, ema=0.9, schedule=Plateau(patience=1))
    model, optim = prepared(config, channels_last=channels_last)
    take_steps(model, optim, first=0, last=4)
    optim.observe(0.5, higher=True)
    optim.observe(0.4, higher=True)
    contiguous = {
        n: t.contiguous() for n, t in deepcopy(model.state_dict()).items()
    }  # as safetensors keeps them
    kept = deepcopy(optim.state_dict())
    again, optim_again = prepared(config, channels_last=channels_last)
    again.load_state_dict(contiguous)
    optim_again.load_state_dict(kept)
    for one, its in ((model, optim), (again, optim_again)):
        take_steps(one, its, first=4, last=8)
    assert_same_bits(model, again)
    with optim.averaged(), optim_again.averaged():
        assert_same_bits(model, again)
    assert optim.plateau == optim_again.plateau
    assert optim.updates == optim_again.updates == 8


def test_what_was_learnt_since_is_forgotten() -> None:
    """The best checkpoint may be from before a stage joined: it has no moments for it."""
    model = network()
    optim = Optim(model, train_config(algorithm="adam"))
    fresh = deepcopy(optim.state_dict())
    train(model, optim, steps=3)
    optim.load_state_dict(fresh)
    assert optim.state_dict()["moments"] == {}


def test_channels_last_computes_what_contiguous_does() -> None:
    results = []
    for channels_last in (False, True):
        model, optim = prepared(train_config(rate=1e-2, algorithm="nesterov"), channels_last=channels_last)
        take_steps(model, optim, first=0, last=5)
        results.append(weights(model))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_the_average_is_laid_out_like_the_weights() -> None:
    """A mixed pair costs the foreach kernels their speed, and would swap the layouts at each evaluation."""
    model, optim = prepared(train_config(ema=0.9), channels_last=True)
    wanted = {n: t.clone() for n, t in optim.average.items()}
    assert optim.average["conv.weight"].is_contiguous(memory_format=torch.channels_last)
    with optim.averaged():
        assert model.conv.weight.is_contiguous(memory_format=torch.channels_last)
        for name, tensor in wanted.items():
            assert torch.equal(model.get_parameter(name) if "running" not in name else tensor, tensor)


# -- half precision ----------------------------------------------------------------------------------------


def test_scaled_gradients_give_the_step_of_unscaled_ones() -> None:
    settings = train_config(algorithm="sgd", l1=0.01, clip_norm=0.5, max_norm=1.0)
    model, plain = network(), network()
    optim = Optim(model, settings)
    optim.scaler = torch.amp.GradScaler("cpu")
    train(model, optim)
    train(plain, Optim(plain, settings))
    for ours, theirs in zip(weights(model), weights(plain), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_an_overflow_skips_the_step_and_halves_the_scale() -> None:
    model = network()
    optim = Optim(model, train_config(algorithm="momentum"))
    optim.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**16)
    train(model, optim, steps=2)
    before = weights(model)
    one_update(optim, model(data(0)[0]).sum() * float("inf"), step=2)
    assert all(map(torch.equal, weights(model), before))
    assert optim.scaler.get_scale() == 2.0**15
    other = Optim(network(), train_config(algorithm="momentum"))
    other.scaler = torch.amp.GradScaler("cpu")
    other.load_state_dict(optim.state_dict())
    assert other.scaler.get_scale() == 2.0**15
