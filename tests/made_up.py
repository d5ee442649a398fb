"""Scores and records as runs would write them, for tests that train nothing."""

from datetime import UTC, datetime
from typing import Any

from gradus.cli import records

ENVIRONMENT: dict[str, Any] = {
    "machine": {"processor": "x86_64 AVX2", "cores": 2, "threads": 2, "cuda": None, "system": "Linux x86_64"},
    "versions": {"python": "3.11.7", "gradus": None, "torch": "2.13.0+cpu", "pillow": None},
}


def scores(value: float, *, seconds: float, **changes: Any) -> dict[str, Any]:
    """The ``metrics.json`` of a run that took 120 steps."""
    return {
        "job": "toy",
        "recipe": "smoke",
        "headline": "accuracy",
        "direction": "higher",
        "value": value,
        "baseline": 0.1,
        "metrics": {"accuracy": value, "cross_entropy": 1 - value},
        "baseline_metrics": {"accuracy": 0.1},
        "seconds": seconds,
        "steps": 120,
        "device": "cpu",
        "precision": "fp32",
    } | changes


def record(*results: dict[str, Any], **changes: Any) -> records.Record:
    """The record of some runs; by default of two seeds."""
    given: dict[str, Any] = {
        "date": datetime(2026, 1, 31, 12, tzinfo=UTC),
        "by": "seed",
        "name": "",
        "command": "gradus bench toy/smoke --seeds 2",
        "settings": [],
        "commit": records.Commit(hash="0123456789" * 4, dirty=False),
    }
    made = results or (scores(0.9, seconds=2.0), scores(0.7, seconds=4.0))
    return records.make(made, ENVIRONMENT, **given | changes)
