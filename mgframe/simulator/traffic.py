"""What becomes of a week's mail: accepted, delivered, deferred, failed. Facts by the hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mgframe.simulator.account import MAIL_STREAM, Domain
from mgframe.simulator.audience import OWN_DOMAIN, PROVIDER_OF, RECIPIENTS
from mgframe.simulator.counters import PRIMITIVE, Facts, gathered, packed
from mgframe.simulator.incidents import Incident
from mgframe.simulator.seasons import HOURS, expected_volume, first_hour, inbound_volume
from mgframe.simulator.traits import CHANCE, Noise, Traits

#: A week's mail causes events for another week; what would come later comes in its last hour.
SPAN: Final = 2 * HOURS

#: Minutes after the first attempt of the second to the seventh, and the last, attempt.
_RETRY_MINUTES: Final = np.array([0, 10, 25, 55, 115, 235, 475])

_SUCCESS_PER_RETRY: Final = 0.5
_THROTTLED_SUCCESS: Final = 0.28


@dataclass(frozen=True)
class Cells:
    """Places in a week, one row each: hour, lane, recipient (its place in the domain's list)."""

    hour: NDArray[np.intp]
    lane: NDArray[np.intp]
    recipient: NDArray[np.intp]

    def take(self, rows: NDArray[np.intp]) -> Cells:
        """Return the cells of some rows."""
        return Cells(self.hour[rows], self.lane[rows], self.recipient[rows])

    def of(self, chances: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the chances of each cell, by kind, from those by day, lane and recipient."""
        day = np.minimum(self.hour // 24, 6)
        _, lanes, recipients, kinds = chances.shape
        row = (day * lanes + self.lane) * recipients + self.recipient
        return np.asarray(chances.reshape(-1, kinds)[row])


@dataclass(frozen=True)
class Mail:
    """A week's mail: its facts, and where and how many messages were delivered by SMTP."""

    facts: Facts
    delivered: Cells
    counts: NDArray[np.int64]


@dataclass(frozen=True)
class Week:
    """What the mail of one domain and week needs to know."""

    traits: Traits
    week: int
    noise: Noise
    chances: NDArray[np.float64]
    incidents: tuple[Incident, ...]
    since: NDArray[np.int64]

    def place(self, cells: Cells) -> NDArray[np.int64]:
        """Return the codes of cells: their hour, lane and recipient domain, no primitive yet."""
        hour = np.minimum(cells.hour, SPAN - 1)
        return packed(
            hour=hour,
            lane=self.traits.senders.slots[cells.lane],
            recipient=self.traits.recipients[cells.recipient],
        )


#: What is told of a week: codes, and how often each (None is once).
Told = tuple[NDArray[np.int64], NDArray[np.int64] | None]


def tell(primitive: str, place: NDArray[np.int64], counts: NDArray[np.int64] | None = None) -> Told:
    """Return what happened at places: one primitive, as often as `counts` say, or once."""
    return place | packed(primitive=PRIMITIVE[primitive]), counts


def prepare_week(
    traits: Traits, week: int, incidents: Sequence[Incident], since: NDArray[np.int64]
) -> Week:
    """Return what a week's mail needs; `since` is each domain's first hour since 1970."""
    noise = traits.noise(week)
    first = first_hour(week)
    touching = tuple(
        incident
        for incident in incidents
        if hour_of(incident.start) < first + SPAN and hour_of(incident.end) > first
    )
    return Week(traits, week, noise, traits.chances(week, noise), touching, since)


def hour_of(moment: object) -> float:
    """Return a moment as hours since 1970, with its fraction."""
    return float(moment.timestamp()) / 3600  # type: ignore[attr-defined]


def added_chance(
    week: Week, kind: str, cells: Cells, *, factor: float = 1.0
) -> NDArray[np.float64] | float:
    """Return the chance that incidents of a kind add in each cell; 0 where there is none."""
    added: NDArray[np.float64] | float = 0.0
    for incident in week.incidents:
        if incident.kind == kind:
            more = factor * incident.size * _touched(week, incident, cells)
            if kind == "fade":
                more = more * _progress(week, incident, cells)
            added = np.asarray(added + more - added * more)
    return added


def _progress(week: Week, incident: Incident, cells: Cells) -> NDArray[np.float64]:
    """Return how far along an incident each cell is, from 0 to 1."""
    start, end = hour_of(incident.start), hour_of(incident.end)
    hour = cells.hour + first_hour(week.week) + 0.5
    return np.asarray(np.clip((hour - start) / (end - start), 0, 1))


def _touched(week: Week, incident: Incident, cells: Cells) -> NDArray[np.bool_]:
    traits = week.traits
    lanes = traits.senders.touched_by(incident)
    domains = [RECIPIENTS[r] for r in traits.recipients]
    providers = np.array(
        [
            incident.allows("provider", [name])
            and incident.allows("recipient_provider", [PROVIDER_OF[name]])
            for name in domains
        ]
    )
    hour = cells.hour + first_hour(week.week)
    # An hour belongs to an incident when its middle does.
    on = (hour + 0.5 >= hour_of(incident.start)) & (hour + 0.5 < hour_of(incident.end))
    return np.asarray(on & lanes[cells.lane] & providers[cells.recipient])


def send(week: Week) -> Mail:
    """Return what becomes of the mail that a domain sends in a week."""
    senders = week.traits.senders
    rng = np.random.default_rng([week.traits.seed, senders.index, week.week, MAIL_STREAM])
    cells, counts = _accepted(rng, week)
    rows, troubles = _troubles(rng, week, cells, counts)
    first = counts.copy()
    first[rows] -= troubles.sum(axis=1)
    troubled = cells.take(rows)
    retries, retried = _retries(rng, week, troubled, troubles[:, -1])
    place = week.place(cells)
    told = [
        tell("accepted_outgoing", place, counts),
        *_first_attempts(rng, week, cells, place, first),
        *_failures(rng, week, troubled, place[rows], troubles),
        *retries,
        *_delayed_bounces(rng, week, cells, first),
        *_inbound(rng, week),
    ]
    arrived = np.concatenate([first, np.ones(len(retried.hour), np.int64)])
    return Mail(gathered(told), _joined(cells, retried), arrived)


def _joined(one: Cells, other: Cells) -> Cells:
    return Cells(
        np.concatenate([one.hour, other.hour]),
        np.concatenate([one.lane, other.lane]),
        np.concatenate([one.recipient, other.recipient]),
    )


def _accepted(rng: np.random.Generator, week: Week) -> tuple[Cells, NDArray[np.int64]]:
    """Return the cells that mail was accepted in, and how much."""
    senders = week.traits.senders
    volume = expected_volume(senders, week.week, rng, week.noise.of_volume())
    hour = first_hour(week.week) + np.arange(HOURS)[:, None]
    volume *= hour >= week.since[senders.owner]
    # Nothing to speak of comes in most hours of a campaign's week: not worth a draw.
    hour_of_row, lane_of_row = np.nonzero(volume > 1e-3)
    expected = volume[hour_of_row, lane_of_row, None] * week.traits.shares[lane_of_row]
    accepted = rng.poisson(expected * _surge(week, hour_of_row, lane_of_row))
    row, recipient = np.nonzero(accepted)
    cells = Cells(hour_of_row[row], lane_of_row[row], recipient)
    return cells, accepted[row, recipient].astype(np.int64)


def _surge(week: Week, hour: NDArray[np.intp], lane: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return how many times the usual mail there is, by row and recipient."""
    recipients = week.traits.shares.shape[1]
    every = Cells(
        np.repeat(hour, recipients),
        np.repeat(lane, recipients),
        np.tile(np.arange(recipients), len(hour)),
    )
    on_top = np.zeros(len(every.hour)) + added_chance(week, "surge", every)
    return np.asarray(1 / (1 - on_top.reshape(len(hour), recipients)))


#: What can befall a message before or at its first attempt, in the order of the columns.
_TROUBLES: Final = (
    "suppressed_bounces",
    "suppressed_unsubscribed",
    "suppressed_complaints",
    "hard_plain",
    "soft",
    "blocked",
    "deferred",
)


_SUPPRESSED_SHARES: Final = (0.55, 0.42, 0.03)
_CHANCES_OF_TROUBLE: Final = [
    *[CHANCE["suppressed"]] * len(_SUPPRESSED_SHARES),
    *[CHANCE[name] for name in ("invalid", "soft", "blocked", "deferred")],
]
_SHARES_OF_TROUBLE: Final = np.array([*_SUPPRESSED_SHARES, 1, 1, 1, 1])


def _troubles(
    rng: np.random.Generator, week: Week, cells: Cells, counts: NDArray[np.int64]
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Return the rows of cells that have trouble, and in them how many messages of each kind."""
    usual = cells.of(week.chances)
    chance = usual[:, _CHANCES_OF_TROUBLE] * _SHARES_OF_TROUBLE
    for name, kind, factor in (
        ("hard_plain", "stale_list", 1.0),
        ("blocked", "block", 1.0),
        ("deferred", "throttle", 1.0),
        ("deferred", "block", 0.5),
    ):
        column = _TROUBLES.index(name)
        added = added_chance(week, kind, cells, factor=factor)
        chance[:, column] += added * (1 - chance[:, column])
    # Where incidents pile up, what remains of a chance is shared out.
    any_trouble = chance.sum(axis=1)
    share = chance / any_trouble[:, None]
    troubled = rng.binomial(counts, np.minimum(any_trouble, 0.995))
    rows = np.flatnonzero(troubled)
    return rows, rng.multinomial(troubled[rows], share[rows])


def _first_attempts(
    rng: np.random.Generator,
    week: Week,
    cells: Cells,
    place: NDArray[np.int64],
    first: NDArray[np.int64],
) -> list[Told]:
    optimized = _optimized(rng, week, cells, first)
    return [
        tell("first_optimized", place, optimized),
        tell("first_plain", place, first - optimized),
    ]


def _optimized(
    rng: np.random.Generator, week: Week, cells: Cells, counts: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return how many of the counts belong to send-time optimised messages."""
    chance = np.array([lane.optimized for lane in week.traits.senders.lanes])
    return rng.binomial(counts, chance[cells.lane]) if chance.any() else np.zeros_like(counts)


def _failures(
    rng: np.random.Generator,
    week: Week,
    cells: Cells,
    place: NDArray[np.int64],
    troubles: NDArray[np.int64],
) -> list[Told]:
    hard = troubles[:, _TROUBLES.index("hard_plain")]
    told = {name: troubles[:, i] for i, name in enumerate(_TROUBLES[:-1])}
    told["hard_optimized"] = _optimized(rng, week, cells, hard)
    told["hard_plain"] = hard - told["hard_optimized"]
    return [tell(name, place, count) for name, count in told.items()]


def _retries(
    rng: np.random.Generator, week: Week, cells: Cells, deferred: NDArray[np.int64]
) -> tuple[list[Told], Cells]:
    """Return what is told of deferred mail, and the cells, one message each, it arrived in.

    Each attempt that fails is a temporary failure; what has not arrived after seven is too old.
    """
    queued = cells.take(np.repeat(np.arange(len(deferred)), deferred))
    size = len(queued.hour)
    throttled = rng.random(size) < added_chance(week, "throttle", queued)
    success = np.where(throttled, _THROTTLED_SUCCESS, _SUCCESS_PER_RETRY)
    # Full mailboxes and dead servers never take a message, however often it is tried.
    success = np.where(rng.random(size) < 0.02, 1e-9, success)
    attempts = len(_RETRY_MINUTES)
    failed = np.minimum(rng.geometric(success), attempts)
    blocked = rng.random(size) < 0.16 + 0.6 * added_chance(week, "block", queued)
    start = 60 * queued.hour + rng.integers(0, 60, size)
    message = np.repeat(np.arange(size), failed)
    attempt = np.arange(len(message)) - np.repeat(np.cumsum(failed) - failed, failed)
    tried = week.place(_at(queued, message, start[message] + _RETRY_MINUTES[attempt]))
    given_up = np.flatnonzero(failed == attempts)
    expired = week.place(_at(queued, given_up, start[given_up] + _RETRY_MINUTES[-1]))
    there = np.flatnonzero(failed < attempts)
    arrived = _at(queued, there, start[there] + _RETRY_MINUTES[failed[there]])
    told = [
        tell("deferred", tried[~blocked[message]]),
        tell("deferred_block", tried[blocked[message]]),
        tell("old", expired),
        tell("retried", week.place(arrived)),
    ]
    return told, arrived


def _at(cells: Cells, rows: NDArray[np.intp], minute: NDArray[np.integer]) -> Cells:
    """Return some cells, moved to the hours of the minutes given."""
    return Cells((minute // 60).astype(np.intp), cells.lane[rows], cells.recipient[rows])


def _delayed_bounces(
    rng: np.random.Generator, week: Week, cells: Cells, first: NDArray[np.int64]
) -> list[Told]:
    """Return bounces that come back hours or days after the server took the message."""
    senders = week.traits.senders
    returns = np.array([domain.delayed_bounces for domain in senders.domains])
    if not returns.any():
        return []
    chance = 0.00035 * returns[senders.owner]
    rows = np.repeat(np.arange(len(first)), rng.binomial(first, chance[cells.lane]))
    minute = 60 * (cells.hour[rows] + rng.exponential(9, len(rows)))
    return [tell("delayed_bounce", week.place(_at(cells, rows, minute.astype(np.int64))))]


def _inbound(rng: np.random.Generator, week: Week) -> list[Told]:
    """Return mail that comes in over routes: forwarded to a web hook, or stored."""
    senders = week.traits.senders
    told: list[Told] = []
    for domain, since, after in zip(
        senders.domains, week.since, senders.first_slots[1:], strict=True
    ):
        if domain.inbound:
            told += _routed(rng, week.week, domain, int(since), int(after) - 1)
    return told


def _routed(
    rng: np.random.Generator, week: int, domain: Domain, since: int, slot: int
) -> list[Told]:
    expected = inbound_volume(domain, week)
    expected[: max(0, since - first_hour(week))] = 0
    accepted = rng.poisson(expected)
    stored = rng.binomial(accepted, 0.25)
    refused = rng.binomial(accepted - stored, 0.012)
    place = packed(hour=np.arange(HOURS), lane=slot, recipient=OWN_DOMAIN)
    return [
        tell("accepted_incoming", place, accepted),
        tell("stored", place, stored),
        tell("http", place, accepted - stored - refused),
        tell("webhook", place, refused),
    ]
