"""Steps of series and features of the calendar against Python's datetime."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradus.data.calendar import (
    DAY,
    HOUR,
    MINUTE,
    Step,
    calendar_features,
    places_of,
    season_of,
    shown,
    step_of,
    times_at,
    worded,
)


def times_of(texts):
    return np.array(
        [int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1e6) for text in texts]
    )


MONTHS = times_of([f"2025-{month:02d}-15" for month in range(1, 13)])
ENDS = times_of(["2023-12-31", "2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30"])
WORKDAYS = times_of(["2026-01-05", "2026-01-06", "2026-01-07", "2026-01-08", "2026-01-09"])
WEEKS = np.concatenate([WORKDAYS, WORKDAYS + 7 * DAY, WORKDAYS + 14 * DAY])


@pytest.mark.parametrize(
    ("times", "step", "words", "season"),
    [
        (np.arange(30) * HOUR, Step("microseconds", HOUR), "1 hour", 24),
        (np.arange(30) * 15 * MINUTE, Step("microseconds", 15 * MINUTE), "15 minutes", 96),
        (np.arange(30) * DAY, Step("microseconds", DAY), "1 day", 7),
        (np.arange(30) * 7 * DAY, Step("microseconds", 7 * DAY), "7 days", 52),
        (np.arange(30) * 7 * HOUR, Step("microseconds", 7 * HOUR), "7 hours", 1),
        (MONTHS, Step("months", 1), "1 month", 12),
        (ENDS, Step("months", 1), "1 month", 12),
        (MONTHS[::3], Step("months", 3), "3 months", 4),
        (WEEKS, Step("weekdays", 1), "1 weekday", 5),
    ],
)
def test_a_step_is_found_and_goes_on(times, step, words, season):
    assert step_of(times, dated=True) == step
    assert worded(step) == words
    assert season_of(step) == season
    places, on_grid = places_of(times, step)
    assert places.tolist() == list(range(len(times)))
    assert on_grid.all()
    assert times_at(int(times[0]), step, places).tolist() == times.tolist()


def test_plain_numbers_have_a_step_of_their_own():
    assert step_of(np.array([3, 5, 7]), dated=False) == Step("numbers", 2)
    assert season_of(Step("numbers", 2)) == 1
    assert shown(np.array([3, 5]), dated=False) == ["3", "5"]


def test_one_row_has_the_plainest_step():
    assert step_of(np.array([5]), dated=True) == Step("microseconds", DAY)
    assert step_of(np.array([5]), dated=False) == Step("numbers", 1)


def test_the_odd_one_may_be_the_first():
    times = np.array([20 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR])
    _, on_grid = places_of(times, Step("microseconds", HOUR))
    assert on_grid.tolist() == [False, True, True, True]


def test_a_holiday_is_a_gap_among_weekdays():
    places, on_grid = places_of(np.delete(WEEKS, 6), Step("weekdays", 1))
    assert on_grid.all()
    assert np.flatnonzero(np.diff(places) > 1).tolist() == [5]


def test_friday_is_followed_by_monday():
    ahead = times_at(int(WEEKS[-1]), Step("weekdays", 1), np.arange(1, 3))
    assert shown(ahead, dated=True) == ["2026-01-26", "2026-01-27"]


def test_the_last_of_january_is_followed_by_the_last_of_february():
    ahead = times_at(int(times_of(["2026-01-31"])[0]), Step("months", 1), np.arange(1, 4))
    assert shown(ahead, dated=True) == ["2026-02-28", "2026-03-31", "2026-04-30"]
    ahead = times_at(int(times_of(["2026-01-30"])[0]), Step("months", 1), np.arange(1, 3))
    assert shown(ahead, dated=True) == ["2026-02-28", "2026-03-30"]


def test_times_are_shown_as_short_as_they_are():
    assert shown(np.array([0, DAY]), dated=True) == ["1970-01-01", "1970-01-02"]
    assert shown(np.array([0, HOUR]), dated=True) == ["1970-01-01 00:00:00", "1970-01-01 01:00:00"]


CYCLES = ("minute", "hour", "weekday", "month_day", "year_day")


@given(st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)))
def test_features_agree_with_datetime(moment):
    features, names = calendar_features(
        np.array([int(moment.replace(tzinfo=UTC).timestamp()) * 1_000_000]), CYCLES
    )
    assert names[:3] == ("minute_sine", "minute_cosine", "hour_sine")
    moment = moment.replace(microsecond=0)
    midnight = moment.replace(hour=0, minute=0, second=0)
    month = midnight.replace(day=1)
    year = month.replace(month=1)
    next_month = (month + timedelta(days=32)).replace(day=1)
    wanted = [
        (moment.minute * 60 + moment.second) / 3600,
        (moment - midnight) / timedelta(days=1),
        (moment.weekday() + (moment - midnight) / timedelta(days=1)) / 7,
        (moment - month) / (next_month - month),
        (moment - year) / (year.replace(year=year.year + 1) - year),
    ]
    angles = 2 * np.pi * np.array(wanted)
    both = np.stack([np.sin(angles), np.cos(angles)], axis=1).flatten()
    np.testing.assert_allclose(features[0], both, atol=1e-5)
