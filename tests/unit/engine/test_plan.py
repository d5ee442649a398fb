"""The plan: a decision is made once, written with its reason, and kept."""

from pathlib import Path

import pytest

from gradus.core.errors import InputError
from gradus.engine.plan import Plan


def test_a_decision_on_record_is_kept_and_not_made_again(tmp_path: Path) -> None:
    plan = Plan()
    assert plan.decide("rate", 0.25, "range test") == 0.25
    assert plan.decide("sides", lambda: (3, 4), "counted") == [3, 4]
    plan.write(tmp_path / "plan.json")
    again = Plan.read(tmp_path / "plan.json")
    assert again.decide("rate", 99.0, "another reason") == 0.25

    def never() -> list[int]:
        raise AssertionError("a decision on record is not made again")

    assert again.decide("sides", never, "") == [3, 4]
    assert again.decisions == {
        "rate": {"value": 0.25, "reason": "range test"},
        "sides": {"value": [3, 4], "reason": "counted"},
    }


def test_a_decision_is_what_json_will_give_back_at_once() -> None:
    plan = Plan()
    assert plan.decide("names", ("a", ("b",)), "") == ["a", ["b"]]
    assert plan.decide("classes", {"x": (1,)}, "") == {"x": [1]}


def test_a_value_that_json_cannot_hold_is_refused() -> None:
    with pytest.raises(TypeError):
        Plan().decide("odd", {1, 2}, "")


def test_no_plan_yet_is_an_empty_one(tmp_path: Path) -> None:
    assert Plan.read(tmp_path / "plan.json").decisions == {}


@pytest.mark.parametrize("content", ['{"rate": ', "[]", '{"rate": 3}', '{"rate": {"value": 3}}'])
def test_a_damaged_plan_is_an_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "plan.json").write_text(content)
    with pytest.raises(InputError, match="GR-RUN-003"):
        Plan.read(tmp_path / "plan.json")
