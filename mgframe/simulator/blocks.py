"""Blocks of one domain and one week, drawn when asked for and kept while there is room."""

from __future__ import annotations

import copy
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from datetime import datetime
from typing import Final, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from mgframe.simulator.account import Domain
from mgframe.simulator.counters import NOTHING, PRIMITIVES, Facts
from mgframe.simulator.counting import LATEST, counted_until
from mgframe.simulator.engagement import engage
from mgframe.simulator.incidents import Incident
from mgframe.simulator.seasons import HOURS, first_hour
from mgframe.simulator.senders import Senders, arranged
from mgframe.simulator.traffic import prepare_week, send
from mgframe.simulator.traits import Traits, draw_traits

_WIDTH: Final = len(PRIMITIVES)
_KEPT_FACTS: Final = 4_000_000
_KEPT_WEEKS: Final = 2_500
_KEPT_DAYS: Final = 40_000
Value = TypeVar("Value")


class Bounded(Generic[Value]):
    """A cache that drops what was used longest ago once its weights pass `most`."""

    def __init__(self, most: int, weigh: Callable[[Value], int] = lambda _: 1) -> None:
        self._most, self._weigh = most, weigh
        self._kept: OrderedDict[Hashable, Value] = OrderedDict()
        self._weight = 0
        self._lock = threading.Lock()

    def get(self, place: Hashable, make: Callable[[], Value]) -> Value:
        """Return what is kept at a place, made if need be."""
        with self._lock:
            if place in self._kept:
                self._kept.move_to_end(place)
                return self._kept[place]
        value = make()
        with self._lock:
            if place not in self._kept:
                self._kept[place] = value
                self._weight += self._weigh(value)
            while self._weight > self._most and len(self._kept) > 1:
                self._weight -= self._weigh(self._kept.popitem(last=False)[1])
        return value


class Blocks:
    """The facts of an account by domain and week, up to its clock."""

    def __init__(
        self,
        seed: int,
        domains: Sequence[Domain],
        incidents: Sequence[Incident],
        now: datetime,
        since: Sequence[int],
        *,
        late: bool = False,
    ) -> None:
        self._seed, self._incidents, self._since = seed, incidents, np.array(since)
        self._open_hour, self._elapsed = divmod(now.timestamp() / 3600, 1)
        self._late = late
        self._senders = arranged(domains)
        self._home = {
            domain.index: (row, place)
            for row, senders in enumerate(self._senders)
            for place, domain in enumerate(senders.domains)
        }
        self._traits: dict[int, Traits] = {}
        self._mail = Bounded[tuple[Facts, Facts]](
            _KEPT_FACTS, lambda halves: len(halves[0]) + len(halves[1])
        )
        self._hours = Bounded[NDArray[np.int32]](_KEPT_WEEKS, len)
        self._days = Bounded[NDArray[np.int32]](_KEPT_DAYS, len)

    def at(self, now: datetime) -> Self:
        """Return the same account's facts up to another clock; what is drawn serves both."""
        moved = copy.copy(self)
        moved._open_hour, moved._elapsed = divmod(now.timestamp() / 3600, 1)
        return moved

    def facts(self, domain: int, week: int) -> Facts:
        """Return the facts of a domain's week, lanes as places in ``Domain.lanes``.

        Hours count from the week's Monday; mail that came in has the place after the last lane.
        """
        row, place = self._home[domain]
        facts, slots = self._together(row, week), self._senders[row].first_slots
        slot = facts.column("lane")
        own = facts.take((slot >= slots[place]) & (slot < slots[place + 1]))
        return own.in_lane(-int(slots[place]))

    def hourly(self, domain: int, week: int) -> NDArray[np.int32]:
        """Return the primitives of a domain's week by hour."""
        row, place = self._home[domain]
        return np.asarray(self._by_hour(row, week)[place])

    def daily(self, domain: int, week: int) -> NDArray[np.int32]:
        """Return the primitives of a domain's week by day."""
        row, place = self._home[domain]
        known = (row, week, self._clock(week))
        days = self._days.get(known, lambda: _by_day(self._by_hour(row, week)))
        return np.asarray(days[place])

    def _by_hour(self, row: int, week: int) -> NDArray[np.int32]:
        return self._hours.get(
            (row, week, self._clock(week)),
            lambda: _by_domain_and_hour(self._senders[row], self._together(row, week)),
        )

    def _clock(self, week: int) -> float | None:
        """Return the clock that a week's facts depend on, None where all of it is counted."""
        ended = self._open_hour - first_hour(week + 1)
        counted = ended >= (LATEST if self._late else 0)
        return None if counted else self._open_hour + self._elapsed

    def _together(self, row: int, week: int) -> Facts:
        """Return the facts of some senders' week, none after the clock."""
        _, earlier = self._sent(row, week - 1)
        own, _ = self._sent(row, week)
        together = _joined(earlier, own)
        if self._clock(week) is None:
            return together
        now = int(self._open_hour - first_hour(week))
        return counted_until(together, now, self._elapsed, late=self._late)

    def _sent(self, row: int, week: int) -> tuple[Facts, Facts]:
        """Return what the mail sent in a week causes in that week and in the next."""
        return self._mail.get((row, week), lambda: self._draw(row, week))

    def _draw(self, row: int, week: int) -> tuple[Facts, Facts]:
        senders = self._senders[row]
        since = self._since[[domain.index for domain in senders.domains]]
        if first_hour(week + 1) <= since.min():
            return NOTHING, NOTHING
        if row not in self._traits:
            self._traits[row] = draw_traits(self._seed, senders)
        known = prepare_week(self._traits[row], week, self._incidents, since)
        mail = send(known)
        told = _joined(mail.facts, engage(known, mail))
        in_time = told.column("hour") < HOURS
        return told.take(in_time), told.take(~in_time).in_hour(-HOURS)


def _joined(one: Facts, other: Facts) -> Facts:
    return Facts(
        np.concatenate([one.codes, other.codes]), np.concatenate([one.counts, other.counts])
    )


def _by_domain_and_hour(senders: Senders, facts: Facts) -> NDArray[np.int32]:
    domains = len(senders.domains)
    domain = np.searchsorted(senders.first_slots, facts.column("lane"), side="right") - 1
    place = (domain * HOURS + facts.column("hour")) * _WIDTH + facts.column("primitive")
    counted = np.bincount(place, weights=facts.counts, minlength=domains * HOURS * _WIDTH)
    return counted.astype(np.int32).reshape(domains, HOURS, _WIDTH)


def _by_day(hourly: NDArray[np.int32]) -> NDArray[np.int32]:
    return np.asarray(hourly.reshape(len(hourly), 7, 24, _WIDTH).sum(axis=2, dtype=np.int32))
