"""Configs: checked, written as JSON, read back unchanged, and strict about what they do not know."""

import json
import math
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradus.core import configs
from gradus.core.configs import Count, Fraction, NotNegative, Positive, Share, Whole, Within
from gradus.core.errors import UsageError


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    radius: Positive = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class SquareConfig:
    side: Count = 1
    corners: tuple[Share, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Paint:
    colour: str = "red"
    coats: Whole = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Thing:
    shape: Round | SquareConfig = field(default_factory=Round)
    paint: Paint = field(default_factory=Paint)
    spare: Paint | None = None
    weight: Positive | Literal["auto"] = 1.0
    betas: tuple[Fraction, NotNegative] = (0.5, 2.0)
    hollow: bool = False
    grade: Literal["a", "b"] = "a"
    limit: Annotated[int, Within(low=-2, high=2)] | None = None


positive = st.floats(min_value=0, exclude_min=True, allow_infinity=False)
paints = st.builds(Paint, colour=st.text(), coats=st.integers(0, 10**20))
shapes = st.builds(Round, radius=positive) | st.builds(
    SquareConfig, side=st.integers(1, 10**20), corners=st.lists(st.floats(0, 1)).map(tuple)
)
things = st.builds(
    Thing,
    shape=shapes,
    paint=paints,
    spare=st.none() | paints,
    weight=st.just("auto") | positive,
    betas=st.tuples(st.floats(0, 1, exclude_max=True), st.floats(0, allow_infinity=False)),
    hollow=st.booleans(),
    grade=st.sampled_from(["a", "b"]),
    limit=st.none() | st.integers(-2, 2),
)


@given(things)
def test_a_config_in_range_passes_and_comes_back_from_json(thing):
    configs.check(thing)
    assert configs.from_json(Thing, json.loads(json.dumps(configs.to_json(thing))), "config") == thing


def test_json_is_plain_and_kinds_are_named_where_there_is_a_choice():
    thing = Thing(shape=SquareConfig(side=3, corners=(0.5,)), spare=Paint(colour="blue"))
    assert configs.to_json(thing) == {
        "shape": {"kind": "square", "side": 3, "corners": [0.5]},
        "paint": {"colour": "red", "coats": 1},
        "spare": {"colour": "blue", "coats": 1},
        "weight": 1.0,
        "betas": [0.5, 2.0],
        "hollow": False,
        "grade": "a",
        "limit": None,
    }


def test_whole_numbers_are_read_where_floats_are_wanted():
    read = configs.from_json(Thing, configs.to_json(Thing()) | {"weight": 2}, "config")
    assert (read.weight, type(read.weight)) == (2.0, float)


@pytest.mark.parametrize(
    ("path", "nearest"),
    [
        (("zzz",), "Known are: betas, grade"),
        (("paint", "color"), "'colour'"),
        (("shape", "radios"), "'radius'"),
    ],
)
def test_an_unknown_key_is_named_with_its_nearest(path, nearest):
    content = configs.to_json(Thing())
    inner = content
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = 1
    with pytest.raises(UsageError) as caught:
        configs.from_json(Thing, content, "config.json")
    assert (caught.value.code, caught.value.where) == ("GR-CONFIG-001", ".".join(["config.json", *path]))
    assert nearest in caught.value.remedy


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("shape", {"kind": "triangle", "side": 1}),
        ("shape", {"kind": "round", "radius": "wide"}),
        ("paint", None),
        ("paint", {"colour": "red"}),
        ("paint", {"colour": 1, "coats": 1}),
        ("spare", "none"),
        ("weight", "heavy"),
        ("weight", True),
        ("betas", [0.5]),
        ("betas", [0.5, 2.0, 3.0]),
        ("betas", 0.5),
        ("hollow", 1),
        ("hollow", "false"),
        ("grade", "c"),
        ("limit", 1.0),
        ("limit", True),
    ],
)
def test_a_value_of_another_type_is_refused_where_it_stands(key, value):
    with pytest.raises(UsageError) as caught:
        configs.from_json(Thing, configs.to_json(Thing()) | {key: value}, "config.json")
    assert caught.value.code == "GR-CONFIG-002"
    assert caught.value.where.startswith(f"config.json.{key}")


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("weight", "float or 'auto'"),
        ("limit", "int or null"),
        ("grade", "'a' or 'b'"),
        ("betas", "a list of float"),
        ("hollow", "bool"),
    ],
)
def test_what_a_setting_takes_is_said_in_words(key, wanted):
    with pytest.raises(UsageError) as caught:
        configs.from_json(Thing, configs.to_json(Thing()) | {key: {}}, "config.json")
    assert caught.value.wanted == wanted


@pytest.mark.parametrize("key", list(configs.to_json(Thing())))
def test_a_missing_key_is_named(key):
    content = configs.to_json(Thing())
    del content[key]
    with pytest.raises(UsageError) as caught:
        configs.from_json(Thing, content, "config.json")
    assert (caught.value.code, caught.value.where) == ("GR-CONFIG-002", f"config.json.{key}")


@pytest.mark.parametrize("content", [None, [], "x", 1])
def test_settings_that_are_no_object_are_refused(content):
    with pytest.raises(UsageError, match="GR-CONFIG-002"):
        configs.from_json(Thing, content, "config.json")


@pytest.mark.parametrize(
    ("thing", "where", "wanted"),
    [
        (Thing(shape=Round(radius=0.0)), "--shape.radius", "above 0"),
        (Thing(shape=Round(radius=math.inf)), "--shape.radius", "above 0"),
        (Thing(shape=SquareConfig(side=0)), "--shape.side", "at least 1"),
        (Thing(shape=SquareConfig(corners=(0.5, 1.5))), "--shape.corners", "at least 0 and at most 1"),
        (Thing(paint=Paint(coats=-1)), "--paint.coats", "at least 0"),
        (Thing(spare=Paint(coats=-1)), "--spare.coats", "at least 0"),
        (Thing(weight=-1.0), "--weight", "above 0"),
        (Thing(weight=math.nan), "--weight", "above 0"),
        (Thing(betas=(1.0, 2.0)), "--betas", "at least 0 and below 1"),
        (Thing(betas=(0.5, -1.0)), "--betas", "at least 0"),
        (Thing(limit=3), "--limit", "at least -2 and at most 2"),
    ],
)
def test_a_number_out_of_range_is_refused_with_its_range(thing, where, wanted):
    with pytest.raises(UsageError) as caught:
        configs.check(thing)
    assert (caught.value.code, caught.value.where) == ("GR-CONFIG-003", where)
    assert caught.value.wanted == f"a number {wanted}"
    with pytest.raises(UsageError) as caught:
        configs.check(thing, "config.json.")
    assert caught.value.where == where.replace("--", "config.json.")


@given(
    value=st.floats() | st.integers(-3, 3).map(float),
    low=st.sampled_from([-math.inf, -1.0, 0.0]),
    high=st.sampled_from([math.inf, 0.0, 2.0]),
    above=st.sampled_from([-math.inf, -2.0, 0.0]),
    below=st.sampled_from([math.inf, 1.0]),
)
def test_a_range_holds_what_no_bound_excludes(value, low, high, above, below):
    excluded = math.isnan(value) or value < low or value > high or value <= above or value >= below
    assert Within(low=low, high=high, above=above, below=below).holds(value) is not excluded


def test_settings_are_the_leaves_in_order():
    paths = dict(configs.settings(Thing(spare=Paint(coats=2))))
    assert list(paths) == [
        "shape.radius",
        "paint.colour",
        "paint.coats",
        "spare.colour",
        "spare.coats",
        "weight",
        "betas",
        "hollow",
        "grade",
        "limit",
    ]
    assert paths["spare.coats"] == 2


def test_kinds_have_short_names():
    assert configs.kind_of(SquareConfig) == "square"
    assert configs.kind_of(type("WarmRestarts", (), {})) == "warm_restarts"
    hints = configs.hints_of(Thing)
    assert configs.choices_of(hints["shape"]) == {"round": Round, "square": SquareConfig}
    assert configs.choices_of(hints["spare"]) == {"paint": Paint}
    assert configs.choices_of(hints["weight"]) == {}


def test_the_remedy_offers_the_nearest_name_or_all():
    assert configs.nearest("stpes", ["steps", "batch"]) == "Did you mean 'steps'?"
    assert configs.nearest("zzz", ["steps", "batch"]) == "Known are: batch, steps."


def test_configs_are_values():
    assert replace(Thing(), hollow=True) == Thing(hollow=True) != Thing()
