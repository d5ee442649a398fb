"""One optimizer with everything done around its step: groups, schedule, clipping, averages, freezing.

The rules themselves (Adam and its kin) are torch's. Sources: decoupled decay (Loshchilov & Hutter 2019,
arXiv 1711.05101), max-norm (Srivastava et al. 2014), layer-wise rates and gradual unfreezing (Howard & Ruder
2018, arXiv 1801.06146).
"""

import inspect
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from gradus.engine.devices import World
from gradus.engine.schedules import Plateau, factor
from gradus.engine.settings import OptimConfig, TrainConfig


@dataclass(frozen=True, slots=True)
class PlateauState:
    """What a plateau schedule remembers: its factor, the best headline, evaluations since."""

    factor: float = 1.0
    best: float | None = None
    waited: int = 0


class Optim:
    """Moves the parameters of one module; owns them, so that nothing else may.

    ``name`` prefixes its lines in the journal where a job has several optimizers.
    """

    def __init__(
        self, module: nn.Module, train: TrainConfig, *, config: OptimConfig | None = None, name: str = ""
    ) -> None:
        self.module, self.config, self.name = module, config or train.optim, name
        self.schedule, self.warmup, self.steps = train.schedule, train.warmup, train.steps
        assert not isinstance(train.rate, str), "an automatic rate is settled before anything is built"
        self.rate = train.rate * self.config.rate_scale
        self.named = dict(module.named_parameters())
        self.parameters = list(self.named.values())
        self.stages = stages_of(module)
        self.torch = _torch_optimizer(_groups(self.named, self.stages, self.config), self.config)
        # torch wraps step in hooks and a label for its profiler: 15 microseconds that nobody here asks for.
        self._move: Callable[[Any], Any] = inspect.unwrap(type(self.torch).step, stop=_is_hooked)
        self.decayed = [p for p in self.parameters if p.ndim >= 2]
        self.norm: Tensor | None = None
        self.updates = 0
        self.average: dict[str, Tensor] = {}
        if self.config.ema:
            self.average = {name: tensor.detach().clone() for name, tensor in self._averaged_tensors()}
        self.plateau = PlateauState()
        self.scaler: torch.amp.GradScaler | None = None
        self.prefix = f"{name}_" if name else ""
        self.learning = -1
        self.thaw(0)
        module.eval()  # the resting state

    # -- one update, in the order that the engine calls it ----------------------------------------------

    def begin(self) -> None:
        """Forget the last gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def backward(self, total: Tensor, weight: Tensor) -> None:
        """Add the gradient of ``weight * total``, scaled up where half precision needs it.

        The weight goes in as the gradient of the total: a division would add a node to every graph.
        """
        total.backward(weight if self.scaler is None else self.scaler.scale(weight))

    def unscale(self) -> None:
        """Take back the scaling of ``backward``, before anybody reads the gradients; once an update."""
        if self.scaler is not None:
            self.scaler.unscale_(self.torch)

    def gradients(self) -> list[Tensor]:
        """The gradients that the last backward passes left."""
        return [p.grad for p in self.parameters if p.grad is not None]

    def share(self, world: World, count: Tensor) -> None:
        """Sum gradients and the count over all processes."""
        device = self.parameters[0].device
        present = torch.tensor([float(p.grad is not None) for p in self.parameters], device=device)
        world.sum_([present])
        for parameter, some in zip(self.parameters, present.tolist(), strict=True):
            if some and parameter.grad is None:  # another process had rows that reached it
                parameter.grad = torch.zeros_like(parameter)
        world.sum_([*self.gradients(), count])

    @torch.no_grad()
    def finite(self) -> bool:
        """Whether every weight is a number."""
        return bool(torch.stack(torch._foreach_norm(tuple(self.parameters))).isfinite().all())

    def step(self, step: int) -> None:
        """Clip, set the rate of ``step``, move the parameters, hold them to their norm, average them."""
        config = self.config
        shape = factor(self.schedule, step, steps=self.steps, warmup=self.warmup)
        rate = self.rate * self.plateau.factor * shape
        for group in self.torch.param_groups:
            group["lr"] = rate * group["scale"]
        if config.l1:
            self._add_l1()
        if config.clip_value:
            nn.utils.clip_grad_value_(self.parameters, config.clip_value)
        if config.clip_norm:
            self.norm = nn.utils.clip_grad_norm_(self.parameters, config.clip_norm)
        if config.algorithm in ("momentum", "nesterov") and len(self.torch.state) < len(self.parameters):
            self._start_momentum()
        if self.scaler is None:
            self._move(self.torch)
        else:
            self.scaler.step(self.torch)
            self.scaler.update()
        self.updates += 1
        if config.max_norm:
            self._hold_norms(config.max_norm)
        if self.average:
            self._follow(config.ema)

    @torch.no_grad()
    def _add_l1(self) -> None:
        """Add the subgradient of the absolute weights."""
        for parameter in self.decayed:
            if parameter.grad is not None:
                parameter.grad.add_(parameter.sign(), alpha=self.config.l1)

    def _start_momentum(self) -> None:
        """Start at zero where a first gradient came: the fused kernel takes momentum for all or for none."""
        for parameter in self.parameters:
            if parameter.grad is not None and parameter not in self.torch.state:
                self.torch.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)

    @torch.no_grad()
    def _hold_norms(self, longest: float) -> None:
        """Scale back each row (filter) of a weight that is longer than allowed."""
        for parameter in self.decayed:
            if parameter.requires_grad:
                parameter.copy_(torch.renorm(parameter, p=2, dim=0, maxnorm=longest))

    # -- the average of weights -------------------------------------------------------------------------

    def _averaged_tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Parameters, and buffers of real numbers (the statistics of a norm must fit its weights)."""
        yield from self.module.named_parameters()
        yield from ((n, b) for n, b in self.module.named_buffers() if b.is_floating_point())

    @torch.no_grad()
    def _follow(self, decay: float) -> None:
        """Move the average towards the weights; at first a plain mean, so early weights do not linger."""
        decay = min(decay, self.updates / (self.updates + 9.0))
        tensors = [tensor for _, tensor in self._averaged_tensors()]
        torch._foreach_lerp_(list(self.average.values()), tensors, weight=1.0 - decay)

    @torch.no_grad()
    def lay_out(self) -> None:
        """Give the average the memory layout that the module has now; two layouts make every step slow."""
        for name, tensor in self._averaged_tensors():
            if name in self.average:
                self.average[name] = _laid_out_as(tensor, self.average[name])

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Within this block the module holds the averaged weights, if they are kept."""
        self.swap_average()
        try:
            yield
        finally:
            self.swap_average()

    @torch.no_grad()
    def swap_average(self) -> None:
        """Exchange the weights and their average."""
        if self.average:
            for name, tensor in self._averaged_tensors():
                self.average[name].data, tensor.data = tensor.data, self.average[name].data

    # -- frozen stages ----------------------------------------------------------------------------------

    def thaw(self, step: int) -> None:
        """Let the stages learn that ``step`` allows; the frozen ones keep their norms' statistics too."""
        learning = len(self.stages)
        if self.config.train_last is not None:
            joined = step // self.config.unfreeze_every if self.config.unfreeze_every else 0
            learning = min(learning, self.config.train_last + joined)
        if learning == self.learning:
            return
        self.learning = learning
        frozen = {name for stage in self.stages[: len(self.stages) - learning] for name in stage}
        if self.config.train_last is not None:
            for name, parameter in self.named.items():
                parameter.requires_grad_(name not in frozen)
        self.learners = _modules_that_train(self.module, frozen)

    # -- watching and state -----------------------------------------------------------------------------

    def observe(self, value: float, *, higher: bool) -> None:
        """Tell a plateau schedule the headline of an evaluation."""
        if not isinstance(self.schedule, Plateau):
            return
        best, seen = self.plateau.best, self.plateau
        better = not math.isnan(value) and (best is None or (value > best if higher else value < best))
        if better:
            self.plateau = replace(seen, best=value, waited=0)
        elif seen.waited + 1 < self.schedule.patience:
            self.plateau = replace(seen, waited=seen.waited + 1)
        else:
            lower = max(seen.factor * self.schedule.factor, self.schedule.end)
            self.plateau = replace(seen, factor=lower, waited=0)

    def state_dict(self) -> dict[str, Any]:
        """Moments by parameter name, the average, and the few numbers beside them."""
        moments = {n: dict(self.torch.state[p]) for n, p in self.named.items() if p in self.torch.state}
        return {
            "algorithm": self.config.algorithm,
            "moments": moments,
            "average": self.average,
            "updates": self.updates,
            "plateau": asdict(self.plateau),
            "scaler": self.scaler.state_dict() if self.scaler is not None else None,
        }

    def like(self) -> dict[str, Any]:
        """The names, types and shapes that a state of it has; None where ``load_state_dict`` looks itself."""
        plateau = {"factor": 1.0, "best": None, "waited": 0}
        known = {"algorithm": "", "moments": None, "average": self.average, "updates": 0}
        return known | {"plateau": plateau, "scaler": None}

    def _refuse_moments(self, moments: dict[str, Any], parameter: Tensor, name: str) -> None:
        """Raise ValueError for moments that the algorithm would not have made of a parameter."""
        if moments.keys() != _moments_of(self.config):
            raise ValueError(f"moments of {name} are {', '.join(moments)}")
        for kind, value in moments.items():
            is_alone = kind == "step"
            if value is not None and (
                value.dtype != (torch.float32 if is_alone else parameter.dtype)
                or value.shape != (() if is_alone else parameter.shape)
            ):
                raise ValueError(f"{kind} of {name} is {value.dtype} of shape {tuple(value.shape)}")

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what ``state_dict`` gave, in the memory layout that each parameter has now.

        Raises ValueError where it is another algorithm's.
        """
        if state["algorithm"] != self.config.algorithm:
            raise ValueError(f"moments of {state['algorithm']}, not of {self.config.algorithm}")
        for name, moments in state["moments"].items():
            self._refuse_moments(moments, self.named[name], name)
        self.torch.state.clear()
        for name, moments in state["moments"].items():
            parameter = self.named[name]
            self.torch.state[parameter] = {
                key: _laid_out_as(parameter, value) for key, value in moments.items()
            }
        for name, tensor in self.average.items():
            tensor.copy_(state["average"][name])
        self.updates, self.plateau = state["updates"], PlateauState(**state["plateau"])
        if self.scaler is not None and state["scaler"]:
            self.scaler.load_state_dict(state["scaler"])


def _is_hooked(step: Any) -> bool:
    """Whether this is the rule itself, below torch's wrapper for profiling and hooks, marked ``hooked``."""
    return "hooked" not in step.__dict__


def stages_of(module: nn.Module) -> list[list[str]]:
    """Names of parameters from input to output: a stage a child, the items of lists and sequences apart."""
    stages: dict[str, list[str]] = {}
    for name, _ in module.named_parameters():
        head, _, rest = name.partition(".")
        child = getattr(module, head)
        if isinstance(child, nn.Sequential | nn.ModuleList):
            head = f"{head}.{rest.partition('.')[0]}"
        stages.setdefault(head, []).append(name)
    return list(stages.values())


def _modules_that_train(module: nn.Module, frozen: set[str]) -> list[dict[str, Any]]:
    """The attribute tables of the modules to switch to train mode: all but those whose parameters are frozen.

    A module without parameters (dropout, a norm without scale) goes with the one around it. Writing
    ``training`` into the table is what ``Module.train`` does, without its walk over the tree.
    """
    tables, resting = [], set()
    for prefix, inner in module.named_modules():  # a module comes after the one around it
        below = [f"{prefix}.{n}".lstrip(".") for n, _ in inner.named_parameters()]
        if frozen.issuperset(below) if below else prefix.rpartition(".")[0] in resting:
            resting.add(prefix)
        else:
            tables.append(inner.__dict__)
    return tables


def _groups(
    named: dict[str, nn.Parameter], stages: list[list[str]], config: OptimConfig
) -> list[dict[str, Any]]:
    """Parameter groups: a rate a stage where rates differ, and no decay for vectors (norms, biases)."""
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for place, stage in enumerate(reversed(stages)):
        for name in stage:
            decays = config.weight_decay > 0 and named[name].ndim >= 2  # fewer groups are fewer kernels
            key = (config.layer_decay**place, decays)
            groups.setdefault(key, []).append(named[name])
    return [
        {"params": params, "scale": scale, "weight_decay": config.weight_decay if decays else 0.0}
        for (scale, decays), params in groups.items()
    ]


def _torch_optimizer(groups: list[dict[str, Any]], config: OptimConfig) -> torch.optim.Optimizer:
    """The torch optimizer of the algorithm, fused into one kernel where torch has one for it."""
    betas, epsilon = config.betas, config.epsilon
    match config.algorithm:
        case "adamw":
            return torch.optim.AdamW(groups, lr=0.0, betas=betas, eps=epsilon, fused=True)
        case "adam":
            return torch.optim.Adam(groups, lr=0.0, betas=betas, eps=epsilon, fused=True)
        case "rmsprop":
            return torch.optim.RMSprop(
                groups, lr=0.0, momentum=config.momentum, eps=config.epsilon, foreach=True
            )
        case "sgd" | "momentum" | "nesterov":
            momentum = config.momentum if config.algorithm != "sgd" else 0.0
            nesterov = config.algorithm == "nesterov"
            return torch.optim.SGD(groups, lr=0.0, momentum=momentum, nesterov=nesterov, fused=True)


def _moments_of(config: OptimConfig) -> set[str]:
    """What the algorithm keeps of each parameter."""
    match config.algorithm:
        case "adam" | "adamw":
            return {"step", "exp_avg", "exp_avg_sq"}
        case "rmsprop":
            return {"step", "square_avg"} | ({"momentum_buffer"} if config.momentum else set())
        case "momentum" | "nesterov":
            return {"momentum_buffer"}
        case "sgd":
            return set()


def _laid_out_as(parameter: Tensor, value: Any) -> Any:
    """A loaded moment with the strides of its parameter: fused kernels walk both in memory order."""
    if isinstance(value, Tensor) and value.shape == parameter.shape:
        return torch.empty_like(parameter, dtype=value.dtype).copy_(value)
    return value.to(parameter.device) if isinstance(value, Tensor) else value
