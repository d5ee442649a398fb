"""The command line's settings: dotted overrides, kinds, and errors in gradus' words."""

from dataclasses import dataclass, field

import pytest

from gradus.cli import arguments
from gradus.core.configs import settings
from gradus.core.errors import UsageError
from gradus.engine.schedules import Cosine, OneCycle, Schedule
from gradus.engine.settings import TrainConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    widths: tuple[int, ...] = (8, 16)
    shuffle: bool = True
    schedule: Schedule = field(default_factory=Cosine)
    train: TrainConfig = field(default_factory=TrainConfig)


def overridden(*given: str) -> Config:
    return arguments.override(Config(), list(given), verb="train x")


def test_values_keep_their_types():
    config = overridden("--widths", "3", "4", "5", "--no-shuffle", "--train.rate", "auto", "--train.batch=7")
    assert config.widths == (3, 4, 5)
    assert config.shuffle is False
    assert (config.train.rate, config.train.batch) == ("auto", 7)


def test_underscores_and_hyphens_are_the_same():
    assert overridden("--train.micro-batches", "2") == overridden("--train.micro_batches", "2")


@pytest.mark.parametrize("given", [("--schedule", "one_cycle"), ("--schedule=one-cycle",)])
def test_naming_a_kind_replaces_it_by_its_defaults(given):
    assert overridden(*given, "--schedule.rise", "0.2").schedule == OneCycle(rise=0.2)


def test_a_kind_below_a_section():
    assert overridden("--train.schedule", "one_cycle").train.schedule == OneCycle()


def test_nothing_given_changes_nothing():
    assert overridden() == Config()


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (("--train.rat", "1"), "GR-CONFIG-001", "train.rate"),
        (("--schedule.rise", "1"), "GR-CONFIG-001", "schedule"),
        (("--schedule", "one_circle"), "GR-CONFIG-002", "one_cycle"),
        (("--schedule",), "GR-CONFIG-002", "cosine"),
        (("--train.rate", "-1"), "GR-CONFIG-003", "above 0"),
        (("--train.rate", "nan"), "GR-CONFIG-003", "above 0"),
        (("--train.steps", "0"), "GR-CONFIG-003", "at least 1"),
        (("--train.optim.momentum", "1"), "GR-CONFIG-003", "below 1"),
        (("--train.steps", "many"), "GR-CLI-002", "many"),
        (("--train.precision", "fp8"), "GR-CLI-002", "fp8"),
        (("stray",), "GR-CLI-002", "stray"),
    ],
)
def test_what_cannot_be_is_refused_with_a_remedy(given, code, said):
    with pytest.raises(UsageError) as caught:
        overridden(*given)
    assert caught.value.code == code
    assert said in str(caught.value)
    assert caught.value.exit_status == 2


def test_help_lists_every_setting(capsys):
    arguments.show_help(Config, Config(), verb="train x")
    text = capsys.readouterr().out
    for name, _ in settings(Config()):
        assert name.replace("_", "-") in text
    assert "--schedule constant|step" in text
