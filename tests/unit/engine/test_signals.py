"""Signals: raised where nothing can be lost, noted where a step is under way."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from gradus.core.facts import Listeners, Measured
from gradus.engine import folder
from gradus.engine.contract import differing, tensors_in
from gradus.engine.journal import read_journal
from gradus.engine.signals import SIGNALS, Interrupted, awaited, raised
from tests.contract.toys import forecaster
from tests.unit.engine.test_folder import begun


def send(number: int) -> None:
    os.kill(os.getpid(), number)


def test_a_termination_is_raised_with_its_number() -> None:
    with pytest.raises(Interrupted) as caught, raised():
        send(signal.SIGTERM)
    assert caught.value.number == signal.SIGTERM


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_is_noted_and_the_second_raised(number: int) -> None:
    before = [signal.getsignal(one) for one in SIGNALS]
    with awaited() as asked:
        send(number)
        assert asked.number == number
        with pytest.raises(Interrupted):
            send(number)
    assert [signal.getsignal(one) for one in SIGNALS] == before


@pytest.mark.parametrize("number", SIGNALS)
def test_an_interrupted_run_saves_its_step_and_goes_on_to_the_same_bits(tmp_path: Path, number: int) -> None:
    whole, cut = begun(tmp_path / "whole"), begun(tmp_path / "cut")
    wanted = folder.execute(forecaster.JOB, whole)

    def interrupt(fact: Measured) -> None:
        if fact.step == 6:
            send(number)

    def watch(listeners: Listeners) -> None:
        listeners.add(Measured, interrupt)

    with pytest.raises(Interrupted, match="step 6, which is saved") as caught:
        folder.execute(forecaster.JOB, cut, watch=watch)
    assert caught.value.number == number
    assert (cut / "checkpoints" / "last").read_text() == "step-6\n"
    assert not (cut / "metrics.json").exists()
    assert read_journal(cut / "journal.jsonl")[-1]["reason"] == "interrupted"
    assert folder.execute(forecaster.JOB, cut)["metrics"] == wanted["metrics"]
    assert differing(*(bits(out) for out in (whole, cut))) == []


def bits(out: Path) -> dict[str, Any]:
    opened = folder.open_run(forecaster.JOB, out)
    return tensors_in({"model": opened.parts.model.state_dict(), "optim": opened.parts.optim.state_dict()})
