"""Records: what they hold, that they come back, and that a wrong one is refused with its field."""

import dataclasses
import json
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradus import __version__
from gradus.cli import records
from gradus.core.errors import InputError
from tests.architecture.source import ROOT
from tests.made_up import record, scores


def plain(one: records.Record) -> dict:
    """A record as it stands in its file."""
    return json.loads(json.dumps(dataclasses.asdict(one)))


def test_a_record_says_what_the_runs_said():
    one = record(name="wide", settings=["--model.width", "64"])
    assert (one.job, one.recipe, one.name, one.by, one.runs) == ("toy", "smoke", "wide", "seed", (0, 1))
    assert (one.headline, one.direction, one.values) == ("accuracy", "higher", (0.9, 0.7))
    assert one.mean == pytest.approx(0.8)
    assert one.sd == pytest.approx(0.02**0.5)  # two values 0.2 apart: 0.1² + 0.1², over n - 1 = 1
    assert one.baseline == pytest.approx(0.1)
    (loss,) = one.others
    assert (loss.name, loss.values, loss.baseline) == ("cross_entropy", pytest.approx((0.1, 0.3)), None)
    assert (one.seconds, one.mean_seconds, one.steps) == ((2.0, 4.0), 3.0, (120, 120))
    assert (one.device, one.precision, one.machine.threads) == ("cpu", ("fp32", "fp32"), 2)
    assert one.versions == ("python 3.11.7", f"gradus {__version__}", "torch 2.13.0+cpu")
    assert (one.date, one.settings) == ("2026-01-31T12:00:00Z", ("--model.width", "64"))


def test_scores_that_only_some_runs_have_are_left_out():
    odd = scores(0.7, seconds=1.0, metrics={"accuracy": 0.7})
    assert record(scores(0.9, seconds=1.0), odd).others == ()


def test_scores_that_are_no_number_in_some_run_are_left_out():
    odd = scores(0.7, seconds=1.0, metrics={"accuracy": 0.7, "cross_entropy": None})
    assert record(scores(0.9, seconds=1.0), odd).others == ()


def test_the_deviation_of_one_run_is_unknown():
    assert record(scores(0.9, seconds=1.0)).sd is None


finite = st.floats(-1e6, 1e6)


@given(st.lists(st.tuples(finite, finite, st.floats(0.01, 1e6)), min_size=1, max_size=5))
def test_a_record_comes_back_from_its_file(tmp_path_factory, runs):
    folder = tmp_path_factory.mktemp("records")
    results = [scores(value, seconds=s, baseline_metrics={"accuracy": b}) for value, b, s in runs]
    one = record(*results)
    path = records.write(one, folder)
    assert path.name == "2026-01-31-toy-smoke.json"
    assert records.read(path) == one
    values = [value for value, _, _ in runs]
    assert one.mean == pytest.approx(statistics.fmean(values))
    assert one.baseline == pytest.approx(statistics.fmean(b for _, b, _ in runs), abs=1e-9)
    if len(values) > 1:
        assert one.sd == pytest.approx(statistics.stdev(values))


def test_records_are_listed_from_the_oldest(tmp_path):
    new, old = record(), dataclasses.replace(record(name="old"), date="2025-12-31T23:59:59Z")
    paths = [records.write(one, tmp_path) for one in (new, old)]
    assert paths[1].name == "2025-12-31-toy-smoke-old.json"
    assert list(records.read_all(tmp_path).items()) == [(paths[1], old), (paths[0], new)]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format", 2),
        ("date", "2026-01-31"),
        ("date", "2026-02-30T12:00:00Z"),
        ("name", "a b"),
        ("by", "chance"),
        ("runs", []),
        ("runs", [0, 2]),
        ("runs", [0, 1, 2]),
        ("direction", "up"),
        ("values", [0.9]),
        ("values", [0.9, "0.7"]),
        ("values", [0.9, float("nan")]),
        ("mean", 0.81),
        ("mean", None),
        ("sd", 0.1),
        ("sd", None),
        ("baseline", float("inf")),
        ("baseline", None),
        ("others", [{"name": "cross_entropy"}]),
        ("seconds", [2.0]),
        ("seconds", [2.0, 0.0]),
        ("mean_seconds", 2.0),
        ("steps", [120]),
        ("steps", [120, 1.5]),
        ("precision", ["fp32"]),
        ("machine", {"processor": "x"}),
        ("versions", {"torch": "2"}),
        ("commit", {"hash": "abc", "dirty": False}),
        ("commit", {"hash": "0" * 40}),
        ("command", "gradus bench toy --data /a/b"),
        ("settings", ["--data.path=/a/b"]),
    ],
)
def test_a_record_that_does_not_hold_is_refused_with_its_field(field, value):
    with pytest.raises(InputError) as caught:
        records.verify(plain(record()) | {field: value}, "a.json")
    assert caught.value.code == "GR-BENCH-001"
    named = {"settings": "command", "runs": "" if value == [0, 1, 2] else "runs"}.get(field, field)
    assert caught.value.where.startswith(f"a.json.{named}")


def test_a_field_too_many_or_too_few_is_refused():
    content = plain(record())
    with pytest.raises(InputError, match=r"a\.json\.mood"):
        records.verify(content | {"mood": "good"}, "a.json")
    del content["machine"]
    with pytest.raises(InputError, match=r"a\.json\.machine: wanted a value, got 'nothing'"):
        records.verify(content, "a.json")


@pytest.mark.parametrize("key", ["values", "mean", "sd", "baseline"])
def test_the_other_scores_are_held_to_the_same(key):
    content = plain(record())
    content["others"][0][key] = [0.1, float("inf")] if key == "values" else float("inf")
    with pytest.raises(InputError) as caught:
        records.verify(content, "a.json")
    assert caught.value.where == f"a.json.others.cross_entropy.{key}"


def test_a_score_stands_once():
    content = plain(record())
    content["others"].append(content["others"][0])
    with pytest.raises(InputError, match="every score once"):
        records.verify(content, "a.json")


def test_a_file_with_the_name_of_another_is_refused(tmp_path):
    path = records.write(record(), tmp_path)
    other = path.rename(tmp_path / "2026-01-31-toy-digits.json")
    with pytest.raises(InputError, match=r"the name 2026-01-31-toy-smoke\.json"):
        records.read(other)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff"])
def test_a_file_that_is_no_record_is_refused(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        records.read_all(tmp_path)
    assert (caught.value.code, caught.value.where) == ("GR-BENCH-001", "a.json")


def test_a_record_that_does_not_hold_is_not_written(tmp_path):
    with pytest.raises(InputError):
        records.write(dataclasses.replace(record(), mean=0.0), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_every_record_in_the_repository_holds():
    folder = ROOT / "bench" / "records"
    assert folder.is_dir()
    assert len(records.read_all(folder)) == len(list(folder.iterdir()))
