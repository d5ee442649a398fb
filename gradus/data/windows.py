"""Sliding windows over series that lie end to end in one tensor: where they begin, and views of them.

A split is a range of rows whose values are forecast. The windows of validation and test borrow the rows
before their range as a past, as in the standard protocol of Zhou et al. 2021, arXiv 2012.07436; those of
training see nothing outside it.
Letters: T rows, N windows, L steps of a window.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int64, Shaped
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Span:
    """The rows of one series whose values a split forecasts."""

    first: int
    stop: int


def windows(rows: Shaped[Tensor, "T ..."], *, steps: int) -> Shaped[Tensor, "N {steps} ..."]:
    """Every run of so many rows, as a view: ``windows(rows, steps=3)[5]`` is ``rows[5:8]``."""
    view = rows.unfold(0, steps, 1)  # (T, ...) -> (N, ..., L)
    return view.movedim(-1, 1)  # (N, L, ...)


def starts_in(span: Span, *, series: Span, past: int, horizon: int, borrows: bool) -> range:
    """Where windows of ``past`` and ``horizon`` rows begin that forecast rows of ``span`` alone.

    ``series`` are the rows of the whole series. With ``borrows`` the past may lie before the span.
    """
    first = max(series.first, span.first - past) if borrows else span.first
    return range(first, max(first, min(span.stop, series.stop) - past - horizon + 1))


def cut(count: int, *, validation: float, test: float) -> tuple[int, int]:
    """Where validation and test begin in a series of ``count`` rows: train and test are whole shares."""
    first_test = count - int(count * test)
    if validation == 0:
        return first_test, first_test
    return max(0, min(int(count * (1 - validation - test) + 1e-9), first_test)), first_test


def rolled(count: int, *, validation: float, test: float, folds: int, fold: int) -> tuple[int, int, int]:
    """Where validation and test begin and test ends, for one fold of a rolling origin.

    The test rows of ``cut`` are divided into ``folds`` blocks of one size, one after the other; a fold tests
    on its block and learns from all that was before it. Source: Tashman 2000, International Journal of
    Forecasting 16, 437-450.
    """
    _, first_test = cut(count, validation=validation, test=test)
    origins = torch.linspace(first_test, count, folds + 1).round().long().tolist()
    begins, ends = origins[fold], origins[fold + 1]
    return max(0, begins - int(count * validation)), begins, ends


def as_places(ranges: Sequence[range]) -> Int64[Tensor, "N"]:
    """The places in several ranges, one after the other."""
    return torch.cat([torch.arange(each.start, each.stop) for each in ranges])
