"""A Mailgun account that does not exist: who sent what, and what became of it, at any time.

Blocks of one domain and one week are drawn from the seed, the domain and the week alone, so that
the numbers of a past date depend neither on the clock nor on what was asked before. Every view of
the account adds up the same facts.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce
from itertools import product
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from mgframe.simulator.account import (
    Domain,
    default_domains,
    invented_domains,
    with_campaigns,
)
from mgframe.simulator.audience import (
    OWN_DOMAIN,
    PROVIDER_CODES,
)
from mgframe.simulator.blocks import Blocks
from mgframe.simulator.counters import COUNT_NAMES, PRIMITIVE, Facts, public_counts
from mgframe.simulator.dimensions import DIMENSIONS, OF_DOMAIN, domain_key, lane_codes, names_of
from mgframe.simulator.incidents import DEFAULT_INCIDENTS, Incident, in_utc
from mgframe.simulator.seasons import HOURS, first_hour, week_of
from mgframe.simulator.sums import WIDTH, Sums, bucket_of, counted
from mgframe.simulator.windows import Window, floored, hours_of
from mgframe.vocabulary import RETENTION_DAYS

#: The frozen clock of an account that is told no other: a Monday morning.
NOW: Final = datetime(2026, 11, 16, 9, 30, tzinfo=UTC)

_ACCEPTED: Final = [PRIMITIVE["accepted_outgoing"], PRIMITIVE["accepted_incoming"]]

Where = Mapping[str, Collection[str]]
Codes = list[NDArray[np.int64]]


class Condition(NamedTuple):
    """A filter by one dimension: one of the values, or if `negated` none of them."""

    name: str
    values: Collection[str]
    negated: bool = False


@dataclass(frozen=True)
class Tally:
    """Counts of an account: one row for each key that occurs, by bucket, by ``COUNT_NAMES``.

    A key has one value for each dimension grouped by: not grouped, there is one row, ``()``.
    """

    keys: list[tuple[str, ...]]
    counts: NDArray[np.int64]

    def __getitem__(self, name: str) -> NDArray[np.int64]:
        """Return one count, keys by buckets."""
        return np.asarray(self.counts[:, :, COUNT_NAMES.index(name)])

    def with_keys(self, keys: Sequence[tuple[str, ...]]) -> Tally:
        """Return the rows of these keys, zeros for one that does not occur."""
        counts = np.zeros((len(keys), *self.counts.shape[1:]), np.int64)
        place = {key: row for row, key in enumerate(self.keys)}
        for row, key in enumerate(keys):
            if key in place:
                counts[row] = self.counts[place[key]]
        return Tally(list(keys), counts)


class Model:
    """A simulated account.

    Parameters
    ----------
    seed : int
        Another seed is another account.
    domains : int, sequence of str or sequence of Domain
        Up to three: the default account's newsletter, transactional and promotion domains. More:
        that many invented ones, with log-normal volumes, some in subaccounts. Or their names, or
        the domains themselves, whose index is their place.
    days : int
        Age of the account, and so of its lifetime counters.
    now : datetime
        The frozen clock, UTC: nothing exists after it, and the hour that holds it is open.
    incidents : sequence of Incident, optional
        What goes wrong. Without it, the incidents of the default account whose domains are there.
    campaigns : mapping of str to datetime or str, optional
        Tag to moment (a naive one is UTC): campaigns that the first domain also sent, once each.
    retention : bool
        Whether buckets older than Mailgun keeps (hours 60 days, days a year) come back as zeros.
    late : bool
        Whether what happened is counted late, so that the past is restated: hours that have ended
        grow, by deliveries and failures for up to 8 hours, by opens, clicks, unsubscribes,
        complaints and delayed bounces for up to 3 days. See :meth:`at` for a clock that goes on.

    Examples
    --------
    >>> from mgframe.simulator.windows import parse_window
    >>> model = Model(seed=1, domains=1)
    >>> tally = model.tally(parse_window(model.now, duration="7d"))
    >>> bool((tally["accepted"] > tally["delivered"]).all())
    True
    """

    def __init__(
        self,
        seed: int = 1,
        *,
        domains: int | Sequence[str] | Sequence[Domain] = 3,
        days: int = 400,
        now: datetime = NOW,
        incidents: Sequence[Incident] | None = None,
        campaigns: Mapping[str, datetime | str] | None = None,
        retention: bool = True,
        late: bool = False,
    ) -> None:
        self.seed = seed
        self.now = in_utc(now)
        self.created = self.now.replace(minute=0, second=0, microsecond=0) - timedelta(days=days)
        self.retention = retention
        self.domains = _domains(seed, domains)
        if campaigns is not None:
            first, *others = self.domains
            self.domains = (with_campaigns(seed, first, campaigns), *others)
        names = {domain.name for domain in self.domains}
        if incidents is None:
            incidents = [i for i in DEFAULT_INCIDENTS if not names.isdisjoint(i.where["domain"])]
        self.incidents = tuple(incidents)
        since = [hours_of(self._added_at(domain)) for domain in self.domains]
        self._blocks = Blocks(seed, self.domains, self.incidents, self.now, since, late=late)
        self._names = names_of(self.domains)
        self._lifetimes: dict[int, dict[str, Tally]] = {}

    def at(self, now: datetime) -> Self:
        """Return the same account as it is at another moment, later or earlier.

        It was created when it was, and what it did before both clocks is the same, apart from what
        is counted late and what is kept no longer.
        """
        moved = copy.copy(self)
        moved.now = in_utc(now)
        moved._blocks = self._blocks.at(moved.now)
        moved._lifetimes = {}
        return moved

    def created_at(self, domain: Domain) -> datetime:
        """Return when a domain was added to the account."""
        return min(self._added_at(domain), self.now)

    def _added_at(self, domain: Domain) -> datetime:
        """Return when a domain is added, also where the clock has not come so far."""
        if domain.born is None:
            return self.created
        born = datetime(domain.born.year, domain.born.month, domain.born.day, 9, 12, tzinfo=UTC)
        return max(born, self.created)

    @property
    def subaccounts(self) -> list[str]:
        """The ids of the account's subaccounts."""
        return sorted({domain.subaccount for domain in self.domains if domain.subaccount})

    def lifetime(self) -> Window:
        """Return one window of months from the account's creation to the clock."""
        first, last = (np.datetime64(d.replace(tzinfo=None), "M") for d in (self.created, self.now))
        return Window(np.arange(first, last + np.timedelta64(1, "M")), "month")

    def lifetime_tally(self, domain: Domain, dimension: str) -> Tally:
        """Return a domain's counts by provider, device or country since it was created."""
        if domain.index not in self._lifetimes:
            groupings = {name: [name] for name in ("provider", "device", "country")}
            tallies = self.tallies(
                self.lifetime(), list(groupings.values()), where={"domain": [domain.name]}
            )
            self._lifetimes[domain.index] = dict(zip(groupings, tallies, strict=True))
        return self._lifetimes[domain.index][dimension]

    def facts(self, domain: Domain, week: int) -> Facts:
        """Return the single facts of a domain's week; hours count from the week's Monday."""
        return self._blocks.facts(domain.index, week)

    def names(self, dimension: str) -> list[str]:
        """Return every value that a dimension can have."""
        return self._names[dimension]

    def tally(
        self,
        window: Window,
        *,
        by: Sequence[str] = (),
        where: Where | None = None,
        conditions: Sequence[Condition] = (),
    ) -> Tally:
        """Count the account over a window.

        Parameters
        ----------
        window : Window
            The buckets.
        by : sequence of str
            Dimensions to group by. A message with several tags counts under each of them; a
            grouping or filter by IP leaves accepted at 0, as nothing has an IP yet then.
        where : mapping of str to collection of str, optional
            Values to keep, by dimension.
        conditions : sequence of Condition
            More filters, all of which hold.

        Returns
        -------
        Tally
            Keys that occur, in order; all zeros where nothing is grouped and nothing occurs.
        """
        return self.tallies(window, [by], where=where, conditions=conditions)[0]

    def tallies(
        self,
        window: Window,
        groupings: Sequence[Sequence[str]],
        *,
        where: Where | None = None,
        conditions: Sequence[Condition] = (),
    ) -> list[Tally]:
        """Count the account over a window in several groupings, in one pass over its facts."""
        kept = [*(Condition(*item) for item in (where or {}).items()), *conditions]
        asked = {*(c.name for c in kept), *(name for by in groupings for name in by)}
        if unknown := asked - set(DIMENSIONS):
            raise ValueError(f"{min(unknown)!r}: a dimension is one of {', '.join(DIMENSIONS)}")
        edges = window.edges
        sums = [Sums(len(edges) - 1) for _ in groupings]
        below = [condition for condition in kept if condition.name not in OF_DOMAIN]
        for domain in self._domains_where(kept):
            for week in self._weeks(domain, edges):
                if asked <= OF_DOMAIN:
                    self._add_whole(sums, groupings, domain, week, edges)
                else:
                    self._add_facts(sums, groupings, domain, week, edges, below)
        return [
            self._finished(total, by, window) for total, by in zip(sums, groupings, strict=True)
        ]

    def _domains_where(self, conditions: Sequence[Condition]) -> list[Domain]:
        asked = [condition for condition in conditions if condition.name in OF_DOMAIN]
        return [
            domain
            for domain in self.domains
            if all((domain_key(domain, [c.name])[0] in c.values) != c.negated for c in asked)
        ]

    def _weeks(self, domain: Domain, edges: NDArray[np.int64]) -> Iterator[int]:
        first = max(int(edges[0]), hours_of(self.created_at(domain)))
        last = min(int(edges[-1]) - 1, hours_of(self.now))
        return iter(range(week_of(first), week_of(last) + 1)) if first <= last else iter(())

    def _add_whole(
        self,
        sums: list[Sums],
        groupings: Sequence[Sequence[str]],
        domain: Domain,
        week: int,
        edges: NDArray[np.int64],
    ) -> None:
        """Add a week without looking at single facts: nothing below the domain is asked."""
        hourly = bool((edges % 24).any())
        step, read = (1, self._blocks.hourly) if hourly else (24, self._blocks.daily)
        bucket = bucket_of(edges, first_hour(week) + step * np.arange(HOURS // step))
        block = read(domain.index, week)
        for total, by in zip(sums, groupings, strict=True):
            total.add(domain_key(domain, by), bucket, block)

    def _add_facts(
        self,
        sums: list[Sums],
        groupings: Sequence[Sequence[str]],
        domain: Domain,
        week: int,
        edges: NDArray[np.int64],
        conditions: Sequence[Condition],
    ) -> None:
        facts = self._blocks.facts(domain.index, week)
        bucket = bucket_of(edges, first_hour(week) + np.arange(HOURS))
        facts = facts.take((bucket >= 0)[facts.column("hour")])
        for condition in conditions:
            facts = facts.take(self._matches(facts, domain, condition))
        low = int(bucket[bucket >= 0].min())
        place = (bucket[facts.column("hour")] - low) * WIDTH + facts.column("primitive")
        for total, by in zip(sums, groupings, strict=True):
            for key_codes, rows in self._keyed(facts, domain, by):
                codes, chosen = key_codes[rows], place[rows]
                for code, block in counted(codes, chosen, facts.counts[rows]):
                    total.add_at(self._key(code, by), low, block)

    def _matches(self, facts: Facts, domain: Domain, condition: Condition) -> NDArray[np.bool_]:
        names = self._names[condition.name]
        wanted = [names.index(value) for value in condition.values if value in names]
        found = reduce(
            np.logical_or,
            (np.isin(codes, wanted) for codes in self._codes(facts, domain, condition.name)),
        )
        return np.asarray(found != condition.negated)

    def _keyed(
        self, facts: Facts, domain: Domain, by: Sequence[str]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.intp]]]:
        """Return key codes of facts, and the rows that have them; several tags come in turn."""
        for columns in product(*(self._codes(facts, domain, name) for name in by)):
            codes = np.zeros(len(facts), np.int64)
            for name, column in zip(by, columns, strict=True):
                codes = codes * len(self._names[name]) + column
            missing = [column < 0 for column in columns if column.min(initial=0) < 0]
            rows = np.flatnonzero(~np.any(missing, axis=0)) if missing else np.arange(len(facts))
            yield codes, rows

    def _key(self, code: int, by: Sequence[str]) -> tuple[str, ...]:
        """Return the key that a code stands for."""
        values = []
        for name in reversed(by):
            code, place = divmod(code, len(self._names[name]))
            values.append(self._names[name][place])
        return tuple(reversed(values))

    def _codes(self, facts: Facts, domain: Domain, name: str) -> Codes:
        """Return the code of each fact in a dimension, -1 for none; for tags several rows."""
        if name in ("country", "device", "bot"):
            return [facts.column(name)]
        recipient = facts.column("recipient")
        if name == "recipient_provider":
            return [PROVIDER_CODES[recipient]]
        if name in ("provider", "recipient_domain"):
            return [np.where(recipient == OWN_DOMAIN, OWN_DOMAIN + domain.index, recipient)]
        lane, table = facts.column("lane"), lane_codes(domain, name, self._names[name])
        if name == "ip":  # nothing has one yet when it is accepted
            accepted = np.isin(facts.column("primitive"), _ACCEPTED)
            return [np.where(accepted, -1, row[lane]) for row in table]
        return [row[lane] for row in table]

    def _finished(self, total: Sums, by: Sequence[str], window: Window) -> Tally:
        keys = sorted(total.kept) or ([()] if not by else [])
        shape = (len(window.starts), WIDTH)
        primitives = np.array([total.kept.get(key, np.zeros(shape)) for key in keys], np.int64)
        primitives = primitives.reshape(len(keys), *shape)
        if (oldest := self.kept_since(window.resolution)) is not None:
            primitives[:, window.starts < oldest] = 0
        if by:
            occurs = np.flatnonzero(primitives.any(axis=(1, 2)))
            keys = [keys[place] for place in occurs]
            primitives = primitives[occurs]
        return Tally(keys, public_counts(primitives))

    def kept_since(self, resolution: str) -> np.datetime64 | None:
        """Return the oldest bucket of a resolution that is kept, None where all are."""
        days = RETENTION_DAYS.get(resolution)
        if days is None or not self.retention:
            return None
        return floored(self.now - timedelta(days=days), resolution)


def _domains(seed: int, domains: int | Sequence[str] | Sequence[Domain]) -> tuple[Domain, ...]:
    if isinstance(domains, int):
        if domains < 1:
            raise ValueError(f"domains={domains}: an account has at least one")
        usual = default_domains()
        return usual[:domains] if domains <= len(usual) else invented_domains(seed, domains)
    names = [domain for domain in domains if isinstance(domain, str)]
    given = [domain for domain in domains if isinstance(domain, Domain)]
    if names and given:
        raise ValueError("domains: either names or domains, not both")
    return _in_place(given) if given else invented_domains(seed, names)


def _in_place(domains: Sequence[Domain]) -> tuple[Domain, ...]:
    if any(domain.index != place for place, domain in enumerate(domains)):
        raise ValueError("domains: the index of each is its place")
    return tuple(domains)
