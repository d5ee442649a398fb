"""Times of a series: its step (microseconds, weekdays, months or plain numbers) and features of the calendar.

A time is a whole number: microseconds since 1970, or a plain count.
Letters: T rows, N times, K features.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float64, Int64

Unit = Literal["microseconds", "weekdays", "months", "numbers"]
Cycle = Literal["minute", "hour", "weekday", "month_day", "year_day"]
SECOND = 1_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND
WEEKDAYS_LEAST = 10  # rows without a weekend among them that make a series one of weekdays


@dataclass(frozen=True, slots=True)
class Step:
    """So many of a unit."""

    unit: Unit
    count: int


def step_of(times: Int64[np.ndarray, "T"], *, dated: bool) -> Step:
    """The commonest distance between sorted times, in the unit that fits them."""
    distances = np.diff(times)
    distances = distances[distances > 0]
    if len(distances) == 0:
        return Step("microseconds", DAY) if dated else Step("numbers", 1)
    kinds, counts = np.unique(distances, return_counts=True)
    common = int(kinds[counts.argmax()])
    if not dated:
        return Step("numbers", common)
    if common == DAY and len(times) >= WEEKDAYS_LEAST and bool(np.is_busday(_days(times)).all()):
        return Step("weekdays", 1)
    if common >= 28 * DAY and _same_day_of_month(times):
        months = np.diff(_months(times))
        kinds, counts = np.unique(months[months > 0], return_counts=True)
        return Step("months", int(kinds[counts.argmax()]))
    return Step("microseconds", common)


def places_of(
    times: Int64[np.ndarray, "T"], step: Step
) -> tuple[Int64[np.ndarray, "T"], Bool[np.ndarray, "T"]]:
    """How many steps sorted times lie behind the first, and which of them lie a whole number behind it."""
    if step.unit == "weekdays":
        days = _days(times)
        off = times - days.astype("datetime64[us]").astype(np.int64)
        return np.busday_count(days[0], days).astype(np.int64), np.is_busday(days) & (off == off[0])
    if step.unit == "months":
        months = _months(times) - _months(times)[0]
        return months // step.count, months % step.count == 0
    distance = times - times[0]
    phase, counts = np.unique(distance % step.count, return_counts=True)
    common = int(phase[counts.argmax()])  # the first row itself may be the odd one
    return (distance - common) // step.count, distance % step.count == common


def times_at(first: int, step: Step, places: Int64[np.ndarray, "N"]) -> Int64[np.ndarray, "N"]:
    """The times so many steps after the first."""
    if step.unit == "weekdays":
        day = np.datetime64(int(first), "us").astype("datetime64[D]")
        of_day = int(first) - int(day.astype("datetime64[us]").astype(np.int64))
        return (
            np.busday_offset(day, places, roll="forward").astype("datetime64[us]").astype(np.int64) + of_day
        )
    if step.unit == "months":
        moment = np.datetime64(int(first), "us")
        month = moment.astype("datetime64[M]")
        at_end = (moment + np.timedelta64(1, "D")).astype("datetime64[M]") != month
        months = month + places * step.count
        into = int((moment - month.astype("datetime64[us]")).astype(np.int64))
        last_day = ((months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")).astype(
            np.int64
        ) - 1
        day = last_day if at_end else np.minimum(into // DAY, last_day)
        return months.astype("datetime64[us]").astype(np.int64) + day * DAY + into % DAY
    return int(first) + places * step.count


def season_of(step: Step) -> int:
    """Steps in the season that such series usually have: a day, a week of days, a year of months; else 1."""
    match step.unit:
        case "weekdays":
            return 5
        case "months":
            return 12 // step.count if 12 % step.count == 0 else 1
        case "microseconds":
            if step.count < DAY:
                return DAY // step.count if DAY % step.count == 0 else 1
            return {DAY: 7, 7 * DAY: 52}.get(step.count, 1)
        case _:
            return 1


def worded(step: Step) -> str:
    """A step in words: ``15 minutes``."""
    count, unit = step.count, step.unit.removesuffix("s")
    if step.unit == "microseconds":
        for size, name in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (SECOND, "second")):
            if count % size == 0:
                count, unit = count // size, name
                break
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def shown(times: Int64[np.ndarray, "N"], *, dated: bool) -> list[str]:
    """Times as people write them: 2026-01-31 14:00:00, without what is zero in all of them."""
    if not dated:
        return [str(time) for time in times.tolist()]
    unit: Literal["D", "s", "us"] = "us" if (times % SECOND).any() else "s" if (times % DAY).any() else "D"
    texts = np.datetime_as_string(times.astype("datetime64[us]"), unit=unit)
    return [str(text).replace("T", " ") for text in texts]


def _days(times: Int64[np.ndarray, "T"]) -> np.ndarray:
    return times.astype("datetime64[us]").astype("datetime64[D]")


def _months(times: Int64[np.ndarray, "T"]) -> Int64[np.ndarray, "T"]:
    return times.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)


def _same_day_of_month(times: Int64[np.ndarray, "T"]) -> bool:
    """Whether all times are on one day of their months, or all on the last."""
    moments = times.astype("datetime64[us]")
    into = (moments - moments.astype("datetime64[M]")).astype(np.int64)
    tomorrow = times + DAY
    return bool((into == into[0]).all()) or bool((_months(tomorrow) != _months(times)).all())


def calendar_features(
    times: Int64[np.ndarray, "T"], cycles: Sequence[Cycle]
) -> tuple[Float64[np.ndarray, "T K"], tuple[str, ...]]:
    """The sine and the cosine of where each time stands in each cycle, and their names.

    minute is the place in the hour, hour that in the day, and so on; the ends of a cycle meet.
    """
    moments = times.astype("datetime64[us]")
    months, years = moments.astype("datetime64[M]"), moments.astype("datetime64[Y]")

    def since(begin: np.ndarray) -> np.ndarray:
        return (moments - begin.astype("datetime64[us]")).astype(np.int64)

    def length(begin: np.ndarray) -> np.ndarray:
        return ((begin + 1).astype("datetime64[us]") - begin.astype("datetime64[us]")).astype(np.int64)

    shares = {
        "minute": lambda: times % HOUR / HOUR,
        "hour": lambda: times % DAY / DAY,
        "weekday": lambda: (times + 3 * DAY) % (7 * DAY) / (7 * DAY),  # 1970 began on a Thursday
        "month_day": lambda: since(months) / length(months),
        "year_day": lambda: since(years) / length(years),
    }
    angles = np.stack([2 * np.pi * shares[cycle]() for cycle in cycles], axis=1)  # (T, cycles)
    features = np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(len(times), -1)  # (T, 2 cycles)
    return features, tuple(f"{cycle}_{wave}" for cycle in cycles for wave in ("sine", "cosine"))
