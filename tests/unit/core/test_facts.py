"""Facts go to those who asked for their kind, in order, and to nobody else."""

import dataclasses
import inspect

import pytest

from gradus.core import facts
from gradus.core.facts import Ended, Halt, Listeners, Saved


def test_a_fact_reaches_those_who_asked_in_the_order_they_asked():
    listeners, heard = Listeners(), []
    listeners.add(Saved, lambda fact: heard.append(("first", fact.step)))
    listeners.add(Saved, lambda fact: heard.append(("second", fact.step)))
    listeners.add(Ended, lambda fact: heard.append(("ended", fact.reason)))
    listeners.tell(Saved(3))
    assert heard == [("first", 3), ("second", 3)]
    listeners.tell(Ended(4, "all steps taken", 1.0))
    assert heard[2:] == [("ended", "all steps taken")]


def test_nobody_is_asked_about_facts_that_nobody_wants():
    listeners = Listeners()
    listeners.add(Saved, print)
    assert listeners.wants(Saved)
    assert not listeners.wants(Ended)
    assert listeners.tell(Ended(1, "", 0.0)) is None


def test_two_runs_do_not_share_listeners():
    Listeners().add(Saved, print)
    assert not Listeners().wants(Saved)


def test_halt_reaches_the_loop():
    def stop(fact):
        raise Halt("enough")

    listeners = Listeners()
    listeners.add(Saved, stop)
    with pytest.raises(Halt, match="enough"):
        listeners.tell(Saved(1))


KINDS = [c for _, c in inspect.getmembers(facts, dataclasses.is_dataclass) if c is not Listeners]


@pytest.mark.parametrize("kind", KINDS)
def test_a_fact_is_frozen_and_says_its_step_first(kind):
    first = dataclasses.fields(kind)[0]
    assert (first.name, first.type) == ("step", int)
    assert kind.__dataclass_params__.frozen
