"""Slices of an account: both counts of a rate by key and day, and what is expected of them.

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

from mgframe.analysis.cubes import (
    ALONE,
    Cube,
    Place,
    Stack,
    Table,
    both_ways,
    cube_of,
    cut,
    is_place,
    spilled,
)
from mgframe.analysis.machines import machine_cubes, machine_stack, machines_at
from mgframe.analysis.metrics import Metric
from mgframe.analysis.seasonality import Calendar
from mgframe.dividing import Floats
from mgframe.summing import Booleans
from mgframe.vocabulary import OVERLAPPING_LEVELS, PROVIDER_LEVELS

#: By which other key a slice's expectation is made, best first.
_PARTNERS: Final = ("tag", "domain", "subaccount", "recipient_provider", "ip", ALONE)


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
        return [level for level in seen if is_place(level)]

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
                machine_cubes(self.tables, metric, self.settled)
                if metric.bots
                else [
                    cube_of(table.levels, table.members, table.counts, metric, self.settled)
                    for table in self.tables
                    if self._has(table, metric)
                ]
            )
        return self._known[key]

    def stack(self, metric: Metric) -> Stack:
        """Return every slice of one key, and the whole account, with what is expected.

        Of machines each class is a series of its own: a scanner that opens all mail is lost in what
        the image proxies of large providers open.
        """
        if metric.bots:
            return machine_stack(metric, self.cubes(metric), len(self.times))
        cubes = both_ways(self.cubes(metric))
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

    def at(self, metric: Metric, where: Mapping[str, Sequence[str]]) -> Stack | None:
        """Return the mail of one place as a single series, None where no table tells it."""
        if metric.bots:
            return machines_at(metric, self.cubes(metric), where)
        cubes = both_ways(self.cubes(metric))
        levels = list(where)
        if len(levels) == 2:
            source = next((c for c in cubes if c.levels == (levels[0], levels[1])), None)
            partner = source
        else:
            source = _source(cubes, levels[0] if levels else ALONE)
            partner = _partner(cubes, levels[0] if levels else ALONE) or source
        if source is None or partner is None:
            return None
        parts = _slices(cut(source, where), cut(partner, where), metric, whole=True)
        return Stack(metric, ((),), *parts)


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
    noise = vague**2 if metric.late else spilled(n)
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
