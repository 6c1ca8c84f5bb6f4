"""Frames of time by two keys to slices: both counts of a rate by key and day, and what is expected.

A slice is the mail of one key (a domain, a tag), a cell that of two. Before a slice is judged, its
counts are compared with what the usual rates of its cells give for the day's mix: a day with more
mail of a bad tag is no bad day of its domain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd

from mgframe.analysis.lags import late_denominators, usual_spread
from mgframe.analysis.seasonality import Calendar
from mgframe.dividing import Floats
from mgframe.feedback import without_feedback_loop
from mgframe.summing import Booleans
from mgframe.vocabulary import OVERLAPPING_LEVELS, PROVIDER_LEVELS

#: A place: keys by level, in order; empty for the whole account.
Place = tuple[tuple[str, str], ...]

#: The level that stands for "no second key".
ALONE: Final = ""
#: By which other key a slice's expectation is made, best first.
_PARTNERS: Final = ("tag", "domain", "subaccount", "recipient_provider", "ip", ALONE)
_PRIOR_EVENTS: Final = 5.0
_STRAY: Final = 0.25
_WILD: Final = 3.0
#: By how much the share that comes on the day of the send differs from send to send.
_HASTE: Final = 0.18
#: Which share of what fails may come on the next day.
_SPILL: Final = 0.1


@dataclass(frozen=True)
class Metric:
    """A rate as it is judged: `k` (events) over `n`; `worse` is the sign of a change for the worse.

    `failing` takes what is lacking of the numerator for the event; `late` events come days after
    the send; `rate` is the name in a finding, and `family` what belongs to one incident.
    """

    name: str
    rate: str
    family: str
    numerator: str
    denominator: str
    worse: int = 1
    failing: bool = False
    late: bool = False
    bots: bool = False


@dataclass(frozen=True)
class Table:
    """Counts by two keys and day, with the names of both levels and of their members."""

    levels: tuple[str, str]
    members: tuple[tuple[str, ...], tuple[str, ...]]
    counts: Mapping[str, Floats]

    @property
    def overlaps(self) -> Booleans:
        """Which of both levels cannot be summed over."""
        return np.array([level in OVERLAPPING_LEVELS for level in self.levels])


@dataclass(frozen=True)
class Cube:
    """Both counts of one metric: first key by second key by day; `n` is 0 where not judged.

    `mix` is by how much the mix within the second key raises what is expected of a day.
    """

    levels: tuple[str, str]
    members: tuple[tuple[str, ...], tuple[str, ...]]
    k: Floats
    n: Floats
    noise: Floats
    mix: Floats | float = 1.0

    def turned(self) -> Cube:
        """Return the same with the keys the other way round."""
        sides = (side.swapaxes(0, 1) for side in (self.k, self.n, self.noise))
        return Cube(self.levels[::-1], self.members[::-1], *sides)

    @cached_property
    def rates(self) -> Floats:
        """The usual rate of each cell, from tame days; drawn to that of its first key."""
        keep = self.n > 0
        rate = _pooled(self.k, self.n, keep)
        for _ in range(2):
            expected = self.n * rate[:, :, None]
            off = (self.k - expected) / np.sqrt(expected + (_STRAY * expected) ** 2 + 0.5)
            keep = (self.n > 0) & (np.abs(off) < _WILD)
            rate = _pooled(self.k, self.n, keep)
        return rate


def _pooled(k: Floats, n: Floats, keep: Booleans) -> Floats:
    events, messages = ((side * keep).sum(axis=2) for side in (k, n))
    whole = events.sum(axis=1) / np.maximum(messages.sum(axis=1), 1.0)
    prior = np.clip(whole, 1e-9, 1.0)[:, None]
    rate: Floats = (events + _PRIOR_EVENTS) / (messages + _PRIOR_EVENTS / prior)
    return np.minimum(rate, 0.999)


@dataclass(frozen=True)
class Stack:
    """The slices of one metric: series (rows, at `places`) by days."""

    metric: Metric
    places: tuple[Place, ...]
    k: Floats
    n: Floats
    offset: Floats
    noise: Floats


@dataclass(frozen=True)
class Account:
    """What the frames say of an account, day by day.

    `settled` tells of each kind of event (``False`` for deliveries, ``True`` for what comes late)
    which days are over and no longer move, without the holidays.
    """

    times: pd.DatetimeIndex
    tables: tuple[Table, ...]
    settled: Mapping[bool, Booleans]

    @property
    def calendar(self) -> Calendar:
        """The weekdays of the days."""
        return Calendar.of(self.times, "day")

    @property
    def levels(self) -> list[str]:
        """The keys that mail is told apart by."""
        seen = {level: None for table in self.tables for level in table.levels}
        return [level for level in seen if level not in (ALONE, "bot", "account")]

    def names(self, level: str) -> list[str]:
        """Return the keys of a level."""
        tables = (table for table in self.tables if level in table.levels)
        return sorted({name for t in tables for name in t.members[t.levels.index(level)]})

    def gives(self, metric: Metric) -> bool:
        """Say whether some frame has both counts of a metric."""
        return any(self._has(table, metric) for table in self.tables)

    def _has(self, table: Table, metric: Metric) -> bool:
        if ("bot" in table.levels) != metric.bots:
            return False
        return {metric.numerator, metric.denominator} <= set(table.counts) or (
            metric.bots and metric.numerator in table.counts
        )

    @cached_property
    def _known(self) -> dict[Metric, list[Cube]]:
        return {}

    def cubes(self, metric: Metric) -> list[Cube]:
        """Return both counts in every table that has them."""
        key = replace(metric, name="", rate="", worse=1)
        if key not in self._known:
            self._known[key] = (
                self._machine_cubes(metric)
                if metric.bots
                else [
                    self._cube(table.levels, table.members, table.counts, metric)
                    for table in self.tables
                    if self._has(table, metric)
                ]
            )
        return self._known[key]

    def _cube(
        self,
        levels: tuple[str, str],
        members: tuple[tuple[str, ...], tuple[str, ...]],
        counts: Mapping[str, Floats],
        metric: Metric,
    ) -> Cube:
        k, n = counts[metric.numerator], counts[metric.denominator]
        if metric.failing:
            k = n - k
        known = np.isfinite(k) & np.isfinite(n) & _has_feedback(levels, members, metric)
        k, n = np.where(known, k, 0.0), np.where(known, n, 0.0)
        noise, done = _spilled(n), self.settled[metric.late]
        if metric.late:
            k, n, noise = _came_late(k, n, done, metric)
        judged = known & done
        return Cube(levels, members, np.where(judged, k, 0.0), np.where(judged, n, 0.0), noise)

    def _machine_cubes(self, metric: Metric) -> list[Cube]:
        """Return what each class of machines did, over the deliveries of another table."""
        found = []
        for table in self.tables:
            if "bot" not in table.levels or metric.numerator not in table.counts:
                continue
            side = table.levels.index("bot")
            level, members = table.levels[1 - side], table.members[1 - side]
            classes = table.members[side]
            machines = [i for i, name in enumerate(classes) if name.casefold() != "none"]
            opens = np.moveaxis(table.counts[metric.numerator], side, 1)[:, machines]
            sent = self._deliveries(level, members, metric.denominator)
            if sent is not None:
                every = np.broadcast_to(sent[:, None], opens.shape)
                names = tuple(classes[i] for i in machines)
                counts = {metric.numerator: opens, metric.denominator: every}
                found.append(self._cube((level, "bot"), (members, names), counts, metric))
        return found

    def _deliveries(self, level: str, members: Sequence[str], name: str) -> Floats | None:
        for table in self.tables:
            if level not in table.levels or name not in table.counts or "bot" in table.levels:
                continue
            side = table.levels.index(level)
            if table.overlaps[1 - side]:
                continue
            sums = table.counts[name].sum(axis=1 - side)
            place = {member: i for i, member in enumerate(table.members[side])}
            nothing = np.zeros(sums.shape[1])
            return np.array([sums[place[m]] if m in place else nothing for m in members])
        return None

    def stack(self, metric: Metric) -> Stack:
        """Return every slice of one key, and the whole account, with what is expected.

        Of machines each class is a series of its own, by key and of the whole account: a scanner
        that opens all mail is lost in what the image proxies of large providers open.
        """
        if metric.bots:
            return self._machines(metric)
        cubes = [turn for cube in self.cubes(metric) for turn in (cube, cube.turned())]
        places: list[Place] = []
        parts: list[tuple[Floats, ...]] = []
        for level in [*self.levels, ALONE]:
            source = _source(cubes, level)
            if source is None:
                continue
            partner = _weighted(cubes, _partner(cubes, level) or source)
            part = _slices(source, partner, metric, whole=level == ALONE)
            if level in PROVIDER_LEVELS and partner.levels[1] == "tag":
                part = (part[0], part[1], part[2] + _unshared(cubes, partner), part[3])
            parts.append(part)
            places += [()] if level == ALONE else [((level, name),) for name in source.members[0]]
        if not parts:
            empty = np.zeros((0, len(self.times)))
            return Stack(metric, (), empty, empty, empty, empty)
        return Stack(
            metric, tuple(places), *(np.concatenate(side) for side in zip(*parts, strict=True))
        )

    def classes(self, metric: Metric, name: str) -> list[Cube]:
        """Return what one class of machines did, in every table of classes."""
        found = []
        for cube in self.cubes(metric):
            own = _cut(cube, {"bot": (name,)})
            found.append(
                replace(own, levels=(cube.levels[0], ALONE), members=(own.members[0], ("",)))
            )
        return found

    def _machines(self, metric: Metric) -> Stack:
        places: list[Place] = []
        parts: list[tuple[Floats, Floats, Floats]] = []
        for cube in self.cubes(metric):
            level, (members, classes) = cube.levels[0], cube.members
            if level != ALONE:
                places += [((level, one), ("bot", name)) for one in members for name in classes]
                sides = (cube.k, cube.n, cube.noise)
                parts.append(tuple(side.reshape(-1, side.shape[2]) for side in sides))  # type: ignore[arg-type]
            if level not in OVERLAPPING_LEVELS:
                places += [(("bot", name),) for name in classes]
                parts.append(_summed(cube))
        return _level_stack(metric, places, parts, len(self.times))

    def at(self, metric: Metric, where: Mapping[str, Sequence[str]]) -> Stack | None:
        """Return the mail of one place as a single series, None where no table tells it."""
        if metric.bots:
            return self._machines_at(metric, where)
        cubes = [turn for cube in self.cubes(metric) for turn in (cube, cube.turned())]
        levels = list(where)
        if len(levels) == 2:
            source = next((c for c in cubes if c.levels == (levels[0], levels[1])), None)
            partner = source
        else:
            source = _source(cubes, levels[0] if levels else ALONE)
            partner = _partner(cubes, levels[0] if levels else ALONE) or source
        if source is None or partner is None:
            return None
        parts = _slices(_cut(source, where), _cut(partner, where), metric, whole=True)
        return Stack(metric, ((),), *parts)

    def _machines_at(self, metric: Metric, where: Mapping[str, Sequence[str]]) -> Stack | None:
        for cube in self.cubes(metric):
            if set(where) - set(cube.levels) or "bot" not in where:
                continue
            if cube.levels[0] in OVERLAPPING_LEVELS and cube.levels[0] not in where:
                continue
            own = _summed(_cut(cube, where))
            # Classes of machines open the same mail, so that it counts once.
            k, n, noise = own[0].sum(axis=0), own[1].max(axis=0), own[2].max(axis=0)
            return _level_stack(metric, [()], [(k[None], n[None], noise[None])], len(self.times))
        return None


def _summed(cube: Cube) -> tuple[Floats, Floats, Floats]:
    """Return both counts and the noise of a table without its first key."""
    n = cube.n.sum(axis=0)
    vague = (np.sqrt(cube.noise) * cube.n).sum(axis=0) / np.maximum(n, 1e-9)
    return cube.k.sum(axis=0), n, vague**2


def _level_stack(
    metric: Metric,
    places: Sequence[Place],
    parts: Sequence[tuple[Floats, Floats, Floats]],
    days: int,
) -> Stack:
    """Return series of which nothing is known beforehand but their own level."""
    if not parts:
        empty = np.zeros((0, days))
        return Stack(metric, (), empty, empty, empty, empty)
    k, n, noise = (np.concatenate(side) for side in zip(*parts, strict=True))
    return Stack(metric, tuple(places), k, n, np.zeros_like(k), noise)


def _cut(cube: Cube, where: Mapping[str, Sequence[str]]) -> Cube:
    """Return the cells of some members; the rates are those that all cells tell."""
    keep = [
        [i for i, name in enumerate(names) if level not in where or name in where[level]]
        for level, names in zip(cube.levels, cube.members, strict=True)
    ]
    members = (
        tuple(cube.members[0][i] for i in keep[0]),
        tuple(cube.members[1][i] for i in keep[1]),
    )
    sides = (side[np.ix_(*keep, range(side.shape[2]))] for side in (cube.k, cube.n, cube.noise))
    return Cube(cube.levels, members, *sides)


def _source(cubes: Sequence[Cube], level: str) -> Cube | None:
    """Return the table whose second key can be summed over; providers tell who is silent."""

    def rank(cube: Cube) -> int:
        return 0 if cube.levels[1] in PROVIDER_LEVELS else 1

    if level == ALONE:
        fits = [c for c in cubes if not OVERLAPPING_LEVELS.intersection(c.levels)]
    else:
        fits = [c for c in cubes if c.levels[0] == level and c.levels[1] not in OVERLAPPING_LEVELS]
    return min(fits, key=rank, default=None)


def _partner(cubes: Sequence[Cube], level: str) -> Cube | None:
    """Return the table that a slice's expectation is made from."""
    if level == ALONE:
        fits = [c for c in cubes if c.levels == ("domain", "tag")]
    else:
        fits = [c for c in cubes if c.levels[0] == level and c.levels[1] in _PARTNERS]
    return min(fits, key=lambda cube: _PARTNERS.index(cube.levels[1]), default=None)


def _slices(source: Cube, partner: Cube, metric: Metric, *, whole: bool) -> tuple[Floats, ...]:
    """Return both counts, the offset of the expectation and the noise of a table's slices."""
    axes: int | tuple[int, int] = (0, 1) if whole else 1
    k, n = (side.sum(axis=axes) for side in (source.k, source.n))
    messages = np.maximum(n, 1e-9)
    vague = (np.sqrt(source.noise) * source.n).sum(axis=axes) / messages
    noise = vague**2 if metric.late else _spilled(n)
    expected = (partner.rates[:, :, None] * partner.n * partner.mix).sum(axis=axes)
    mail = partner.n.sum(axis=axes)
    share = np.divide(expected, mail, out=np.full(mail.shape, np.nan), where=mail > 0)
    if whole:
        k, n, noise, share = (side[None, :] for side in (k, n, noise, share))
    told = np.isfinite(share)
    whole_share = np.where(told, share, 0.0).sum(axis=1, keepdims=True)
    usual = np.where(told.any(axis=1, keepdims=True), whole_share, 0.5)
    usual = usual / np.maximum(told.sum(axis=1, keepdims=True), 1)
    share = np.clip(np.where(told, share, usual), 1e-9, 1 - 1e-9)
    return k, n, np.log(share / (1 - share)), noise


def _weighted(cubes: Sequence[Cube], partner: Cube) -> Cube:
    """Return a table by domain with the mail of each day counted at the domain's mix of tags."""
    exact = next((cube for cube in cubes if cube.levels == ("domain", "tag")), None)
    if exact is None or partner.levels[1] != "domain" or partner.levels[0] == "tag":
        return partner
    mail = exact.n.sum(axis=1)
    expected = (exact.rates[:, :, None] * exact.n).sum(axis=1)
    whole = expected.sum(axis=1, keepdims=True) / np.maximum(mail.sum(axis=1, keepdims=True), 1e-9)
    usual = mail * np.maximum(whole, 1e-9)
    mix = np.divide(expected, usual, out=np.ones(mail.shape), where=usual > 0)
    place = {name: i for i, name in enumerate(exact.members[0])}
    rows = [place.get(name, -1) for name in partner.members[1]]
    found = np.where(np.array(rows)[:, None] >= 0, mix[rows], 1.0)
    return replace(partner, mix=found)


def _unshared(cubes: Sequence[Cube], partner: Cube) -> Floats | float:
    """Return by how much the account's expected logit errs where domains share tags.

    A provider's expectation is made from tags, and the same tag may do better in one domain than in
    another; how the mix of both moves the whole account is known.
    """
    exact = next((cube for cube in cubes if cube.levels == ("domain", "tag")), None)
    if exact is None:
        return 0.0
    k, n = partner.k.sum(axis=0), partner.n.sum(axis=0)
    usual = k.sum(axis=1) / np.maximum(n.sum(axis=1), 1.0)
    known = (exact.rates[:, :, None] * exact.n).sum(axis=(0, 1)), exact.n.sum(axis=(0, 1))
    logits = []
    for events, mail in (known, ((usual[:, None] * n).sum(axis=0), n.sum(axis=0))):
        share = np.divide(events, mail, out=np.full(mail.shape, 0.5), where=mail > 0)
        share = np.clip(share, 1e-9, 1 - 1e-9)
        logits.append(np.log(share / (1 - share)))
    return np.where((known[1] > 0) & (n.sum(axis=0) > 0), logits[0] - logits[1], 0.0)


def _has_feedback(
    levels: tuple[str, str], members: tuple[tuple[str, ...], tuple[str, ...]], metric: Metric
) -> Booleans:
    """Return which cells can have complaints at all."""
    found = np.ones((len(members[0]), len(members[1]), 1), dtype=bool)
    if metric.family != "complaint":
        return found
    for axis, (level, names) in enumerate(zip(levels, members, strict=True)):
        if level in PROVIDER_LEVELS:
            silent = np.isin(names, without_feedback_loop(names))
            found &= ~(silent[:, None, None] if axis == 0 else silent[None, :, None])
    return found


def _came_late(
    k: Floats, n: Floats, done: Booleans, metric: Metric
) -> tuple[Floats, Floats, Floats]:
    """Return events over the deliveries that they come from."""
    shape = n.shape
    flat_k, flat_n = k.reshape(-1, shape[2]), n.reshape(-1, shape[2])
    learn = np.broadcast_to(done, flat_n.shape)
    spread = usual_spread(metric.numerator)
    late, noise = late_denominators(flat_k, flat_n, learn, spread)
    late = np.nan_to_num(late)
    own = np.clip(spread[0] * flat_n / np.maximum(late, 1e-9), 0.0, 1.0)
    # How much a day's denominator errs where more or less than usual comes on the day of the send.
    lean = own - (1 - own) * spread[0] / (1 - spread[0])
    noise = noise + (_HASTE * lean) ** 2
    return k, late.reshape(shape), noise.reshape(shape)


def _spilled(n: Floats) -> Floats:
    """Return the variance of the logit that a quiet day has after a busy one, by late failures."""
    before = np.zeros(n.shape)
    before[..., 1:] = n[..., :-1]
    busier = np.divide(before, n, out=np.ones(n.shape), where=n > 0)
    noise: Floats = (_SPILL * np.maximum(busier - 1, 0)) ** 2
    return noise
