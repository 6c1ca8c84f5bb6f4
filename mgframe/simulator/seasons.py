"""When mail is sent: expected messages by hour and lane, with weekdays, campaigns and holidays."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mgframe.simulator.account import Domain, Lane
from mgframe.simulator.senders import Senders

HOURS: Final = 168

#: The Monday that week 0 begins with.
_FIRST_MONDAY: Final = date(1970, 1, 5)

#: Where growth is one: volumes are those of this day.
_REFERENCE_WEEK: Final = (date(2026, 10, 5) - _FIRST_MONDAY).days // 7

#: Activity of a day by local hour, a night valley and two humps.
# fmt: off
_DAY_CURVE: Final = np.array([
    0.34, 0.22, 0.15, 0.12, 0.13, 0.20, 0.38, 0.62, 0.85, 1.02, 1.12, 1.15,
    1.14, 1.08, 1.05, 1.06, 1.08, 1.12, 1.18, 1.24, 1.22, 1.06, 0.80, 0.54,
])
# fmt: on

#: Factors of holidays on (transactional, promotion, newsletter, other) mail, by month and day.
_FIXED_HOLIDAYS: Final = {
    (1, 1): (0.62, 0.55, 0.2, 0.5),
    (1, 2): (0.85, 0.8, 0.5, 0.8),
    (2, 13): (1.05, 1.3, 1.0, 1.0),
    (5, 1): (0.88, 0.9, 0.9, 0.8),
    (7, 4): (0.8, 1.2, 0.7, 0.7),
    (12, 23): (0.92, 0.9, 0.7, 0.9),
    (12, 24): (0.72, 0.6, 0.15, 0.55),
    (12, 25): (0.52, 0.35, 0.05, 0.4),
    (12, 26): (0.74, 1.1, 0.1, 0.5),
    (12, 31): (0.75, 0.7, 0.3, 0.6),
}

#: Factors by days after Thanksgiving: Thursday itself, Black Friday ... Cyber Monday and after.
_THANKSGIVING_WEEK: Final = {
    -2: (1.05, 1.3, 1.0, 1.0),
    -1: (1.02, 1.5, 0.9, 0.95),
    0: (0.86, 1.6, 0.5, 0.75),
    1: (1.42, 2.6, 0.9, 0.85),
    2: (1.25, 1.7, 1.0, 0.95),
    3: (1.18, 1.6, 1.0, 1.0),
    4: (1.36, 2.3, 1.0, 1.0),
    5: (1.15, 1.2, 1.0, 1.0),
}

_HOLIDAY_COLUMN: Final = {"transactional": 0, "promotion": 1, "newsletter": 2}


def week_of(hour: int) -> int:
    """Return the week that an hour since 1970 falls in."""
    return (hour - 96) // HOURS


def first_hour(week: int) -> int:
    """Return the first hour of a week, since 1970."""
    return week * HOURS + 96


def monday(week: int) -> date:
    """Return the Monday that a week begins with."""
    return _FIRST_MONDAY + timedelta(weeks=week)


def thanksgiving(year: int) -> date:
    """Return the fourth Thursday of November."""
    first = date(year, 11, 1)
    return first + timedelta(days=(3 - first.weekday()) % 7 + 21)


@lru_cache(maxsize=4096)
def holiday_factors(day: date) -> tuple[float, float, float, float]:
    """Return how a day differs for transactional, promotion, newsletter and other mail."""
    if (day.month, day.day) in _FIXED_HOLIDAYS:
        return _FIXED_HOLIDAYS[day.month, day.day]
    after = (day - thanksgiving(day.year)).days
    if after in _THANKSGIVING_WEEK:
        return _THANKSGIVING_WEEK[after]
    if day.month == 12 and day.day < 21:
        return (1.1, 1.25, 1.0, 1.0)
    if day.month == 12:
        return (0.88, 0.8, 0.35, 0.7)
    return (1.0, 1.0, 1.0, 1.0)


def expected_volume(
    senders: Senders, week: int, rng: np.random.Generator, noise: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the expected outgoing messages of a week, by hour and lane.

    `noise` holds one standard normal number for each day and lane, correlated over days.
    """
    size = np.array([lane.weekly for lane in senders.lanes])
    spread = senders.of_lanes("volatility")
    daily = np.exp(spread * noise - spread**2 / 2) * _day_factors(senders, week)
    shape = _shapes(senders, week, rng) * np.repeat(daily.T, 24, axis=1)
    return np.asarray((shape * size[:, None]).T)


def inbound_volume(domain: Domain, week: int) -> NDArray[np.float64]:
    """Return the expected messages over the domain's routes in a week, by hour."""
    office = np.repeat([1.2, 1.15, 1.1, 1.05, 1.0, 0.35, 0.3], 24)
    curve = _local(_DAY_CURVE**1.5, domain.zone) * office
    factor = np.repeat([holiday_factors(monday(week) + timedelta(days=d))[3] for d in range(7)], 24)
    return np.asarray(domain.inbound * curve / curve.sum() * factor)


def _day_factors(senders: Senders, week: int) -> NDArray[np.float64]:
    days = [monday(week) + timedelta(days=d) for d in range(7)]
    columns = [_HOLIDAY_COLUMN.get(lane.stream, 3) for lane in senders.lanes]
    holidays = np.array([holiday_factors(day) for day in days])[:, columns]
    growth = np.array([domain.growth for domain in senders.domains])[senders.owner]
    years = (week - _REFERENCE_WEEK) / 52.18
    return np.asarray(holidays * np.exp(growth * years))


def _shapes(senders: Senders, week: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the share of a usual week by lane and hour: a curve, or the week's campaigns."""
    days = np.array([_days(lane, week) for lane in senders.lanes])
    once = np.array([[lane.on is not None] for lane in senders.lanes])
    hour = np.array([lane.hour for lane in senders.lanes])[:, None] - senders.zones[:, None]
    goes_out = rng.random(days.shape) < days
    late = np.round(rng.normal(0, 0.35, days.shape) * 4) / 4
    start = hour + 24 * np.arange(7) + np.where(once, 0, late)
    lasts = rng.gamma(6, 0.22, days.shape) + 0.25
    luck = np.exp(senders.of_lanes("volatility")[:, None] * rng.standard_normal(days.shape))
    # A campaign that goes out in another week has no day at all in this one.
    usual = np.where(once, 1, days.sum(axis=1, keepdims=True))
    size = np.where(goes_out, np.where(once, 1, luck), 0) / usual
    steady = senders.of_lanes("steady") > 0
    shapes = np.empty((len(days), HOURS))
    shapes[~steady] = _drained(start[~steady] % HOURS, lasts[~steady], size[~steady])
    for lane in np.flatnonzero(steady):
        shapes[lane] = _steady_shape(
            senders.lanes[lane].hour, float(senders.zones[lane]), days[lane]
        )
    return shapes


def _days(lane: Lane, week: int) -> tuple[float, ...]:
    """Return the weights of a lane's weekdays in a week."""
    if lane.on is None:
        return lane.days or lane.kind.days
    return tuple(float(monday(week) + timedelta(days=day) == lane.on) for day in range(7))


@lru_cache(maxsize=4096)
def _steady_curve(hour: float, zone: float) -> NDArray[np.float64]:
    local = np.arange(24)
    distance = np.minimum((local - hour) % 24, (hour - local) % 24)
    return np.asarray(_local(_DAY_CURVE * (1 + 0.5 * np.exp(-((distance / 3.5) ** 2))), zone))


def _steady_shape(hour: float, zone: float, days: NDArray[np.float64]) -> NDArray[np.float64]:
    shape = _steady_curve(hour, zone) * np.repeat(days, 24)
    return np.asarray(shape / shape.sum())


def _local(curve: NDArray[np.float64], zone: float) -> NDArray[np.float64]:
    return np.tile(np.roll(curve, -round(zone)), 7)


def _drained(
    start: NDArray[np.float64], lasts: NDArray[np.float64], size: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return by lane and hour how a queue drains, filled at each `start`: evenly, then a tail."""
    since = np.arange(HOURS + 1) - start[..., None]
    evenly = np.clip(since / lasts[..., None], 0, 1)
    tail = 1 - np.exp(-np.clip(since, 0, None) / (0.8 * lasts[..., None]))
    return np.asarray((size[..., None] * np.diff(0.88 * evenly + 0.12 * tail)).sum(axis=-2))
