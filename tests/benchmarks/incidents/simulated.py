"""Generator A: accounts from the simulator's model, read from its facts without HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mgframe.simulator.account import STREAMS, Domain, Lane
from mgframe.simulator.audience import (
    PROVIDER_CODES,
    PROVIDERS,
    RECIPIENT_SHARES,
)
from mgframe.simulator.counters import COUNT_NAMES, PRIMITIVES, public_counts
from mgframe.simulator.incidents import Incident
from mgframe.simulator.model import Model
from mgframe.simulator.seasons import first_hour, week_of

from .accounts import ACTS, BOTS, MAIL, Account, Leaf, Truth, inside, mix_points
from .planning import DAYS, Plan, Usual, kind_of, plans

#: What the simulator calls a kind of incident.
_PLANTED: Final = {
    "provider_block": "block",
    "auth_break": "block",
    "stale_list": "stale_list",
    "ip_block": "block",
    "throttle": "throttle",
    "complaints": "complaints",
    "bots": "bots",
    "tracking": "tracking",
    "mix": "surge",
}

_TAGS: Final = {
    "newsletter": ("newsletter", "weekly", "stories"),
    "promotion": ("promo", "sale", "vip"),
    "digest": ("digest", "product-news"),
    "transactional": ("receipt", "shipping", "alert", "account"),
    "automation": ("welcome", "cart", "reminder", "onboarding"),
}
_WORDS: Final = ("harbor", "maple", "cedar", "copper", "juniper", "meadow", "quill")
_PREFIXES: Final = ("mail", "news", "go", "hello", "updates")


class Planted(NamedTuple):
    """The model behind an account; `first` is its first day, of `days` in all."""

    kind: str
    model: Model
    plans: list[Plan]
    first: datetime
    days: int


def simulated_account(seed: int) -> Account:
    """Return the account of a seed."""
    planted = planted_model(seed)
    leaves, mail, acts = _counts(planted.model, planted.first, planted.days)
    account = Account(
        seed,
        planted.kind,
        "simulator",
        pd.Timestamp(planted.first),
        leaves,
        mail,
        acts,
        partial=planted.days > DAYS,
    )
    return replace(account, truths=tuple(_truth(account, plan) for plan in planted.plans))


def planted_model(seed: int) -> Planted:
    """Return the model of a seed and what was planted in it."""
    kind = kind_of(seed)
    rng = np.random.default_rng([seed, 1])
    now = _clock(rng, kind)
    domains = _domains(rng, kind)
    planned = plans(rng, kind, _usual(domains))
    first = datetime(now.year, now.month, now.day, tzinfo=UTC) - timedelta(days=DAYS)
    incidents = [_incident(rng, plan, first) for plan in planned] + _harmless(rng, kind, first)
    model = Model(seed, domains=domains, days=DAYS + 20, now=now, incidents=incidents)
    return Planted(kind, model, planned, first, DAYS + int(rng.random() < 0.4))


def _clock(rng: np.random.Generator, kind: str) -> datetime:
    hours = float(rng.uniform(1, 23))
    start = (
        datetime(2026, 12, 1, tzinfo=UTC)
        if kind == "holiday"
        else datetime(2026, 3, 20, tzinfo=UTC)
    )
    return start + timedelta(days=int(rng.integers(38 if kind == "holiday" else 220)), hours=hours)


def _domains(rng: np.random.Generator, kind: str) -> list[Domain]:
    number = int(rng.integers(2, 6))
    daily = float(np.exp(rng.uniform(np.log(600), np.log(40_000))))
    shares = rng.dirichlet(np.full(number, 2.0))
    addresses = [f"192.0.2.{10 + place}" for place in range(int(rng.integers(1, 5)))]
    words = rng.permutation(_WORDS)
    return [
        Domain(
            f"{rng.choice(_PREFIXES)}.{words[index]}.example",
            index,
            _lanes(rng, kind, 7 * daily * float(share), addresses),
            zone=float(rng.choice([-8, -5, 0, 1, 2])),
            growth=float(rng.normal(0.1, 0.3)),
            delayed_bounces=bool(rng.random() < 0.2),
        )
        for index, share in enumerate(shares)
    ]


def _lanes(
    rng: np.random.Generator, kind: str, weekly: float, addresses: Sequence[str]
) -> tuple[Lane, ...]:
    number = int(rng.integers(2, 6))
    streams = rng.choice(list(STREAMS), number, p=[0.2, 0.2, 0.1, 0.3, 0.2])
    lanes = []
    for stream, share in zip(streams, rng.dirichlet(np.full(number, 2.0)), strict=True):
        some = int(rng.choice(4, p=[0.08, 0.4, 0.37, 0.15]))
        tags = rng.permutation(_TAGS[str(stream)])[:some]
        address = str(rng.choice(addresses))
        lanes.append(
            Lane(
                str(stream),
                tuple(str(tag) for tag in tags),
                address,
                "pool-1",
                weekly * float(share),
                hour=float(rng.uniform(7, 19)),
                days=_weekdays(rng, str(stream)) if kind == "seasonal" else None,
            )
        )
    return tuple(lanes)


def _weekdays(rng: np.random.Generator, stream: str) -> tuple[float, ...] | None:
    """Return strong weekdays for steady mail: of people at work, or of those who are not."""
    if not STREAMS[stream].steady:
        return None
    at_work = (1.3, 1.2, 1.2, 1.2, 1.0, 0.15, 0.1)
    return at_work if rng.random() < 0.6 else (0.5, 0.5, 0.6, 0.7, 1.3, 1.8, 1.6)


def _usual(domains: Sequence[Domain]) -> Usual:
    share = np.bincount(PROVIDER_CODES[:-1], weights=RECIPIENT_SHARES, minlength=len(PROVIDERS))
    share = share / share.sum()
    lanes = [(domain, lane) for domain in domains for lane in domain.lanes]
    return Usual(
        _leaves(domains),
        np.concatenate([lane.weekly / 7 * share for _, lane in lanes]),
        # About what people and machines open of a stream's mail.
        np.repeat([0.16 * lane.kind.opens + 0.2 for _, lane in lanes], len(share)),
    )


def _leaves(domains: Sequence[Domain]) -> list[Leaf]:
    return [
        Leaf(domain.name, provider, lane.tags, lane.ip)
        for domain in domains
        for lane in domain.lanes
        for provider in PROVIDERS
    ]


def _incident(rng: np.random.Generator, plan: Plan, first: datetime) -> Incident:
    start = first + timedelta(days=plan.start, hours=int(rng.integers(0, 6)))
    end = first + timedelta(days=plan.last, hours=int(rng.integers(14, 25)))
    return Incident(_PLANTED[plan.kind], plan.where, start, end, plan.size)


def _harmless(rng: np.random.Generator, kind: str, first: datetime) -> list[Incident]:
    """Return what happens in quiet accounts: more mail for some days, readers who grow tired."""
    if kind == "volume_spike":
        start = first + timedelta(days=int(rng.integers(DAYS - 30, DAYS - 4)))
        lasts = timedelta(days=int(rng.integers(1, 5)))
        return [Incident("surge", {}, start, start + lasts, float(rng.uniform(0.5, 0.85)))]
    if kind == "drift":
        end = first + timedelta(days=DAYS + 1)
        return [Incident("fade", {}, first, end, float(rng.uniform(0.05, 0.2)))]
    return []


def _counts(
    model: Model, first: datetime, days: int
) -> tuple[tuple[Leaf, ...], NDArray[np.int64], NDArray[np.int64]]:
    """Return the leaves that occur, and their counts by day."""
    hour = int(first.timestamp() // 3600)
    leaves, tables = _leaves(model.domains), []
    for domain in model.domains:
        lanes, providers, width = len(domain.lanes), len(PROVIDERS), len(PRIMITIVES)
        shape = (days, lanes, providers, len(BOTS), width)
        total = np.zeros(int(np.prod(shape)))
        for week in range(week_of(hour), week_of(hour + 24 * days - 1) + 1):
            facts = model.facts(domain, week)
            day = (first_hour(week) + facts.column("hour") - hour) // 24
            facts, day = facts.take((day >= 0) & (day < days)), day[(day >= 0) & (day < days)]
            place = (day, facts.column("lane"), PROVIDER_CODES[facts.column("recipient")])
            place = (*place, facts.column("bot"), facts.column("primitive"))
            codes = np.ravel_multi_index(place, shape)
            total += np.bincount(codes, weights=facts.counts, minlength=len(total))
        tables.append(total.reshape(days, lanes * providers, len(BOTS), width))
    counts = public_counts(np.concatenate(tables, axis=1).astype(np.int64))
    some = np.flatnonzero(counts.any(axis=(0, 2, 3)))
    counts = counts[:, some]
    mail = counts[..., [COUNT_NAMES.index(name) for name in MAIL]].sum(axis=2)
    acts = counts[..., [COUNT_NAMES.index(name) for name in ACTS]]
    return tuple(leaves[i] for i in some), mail, acts


# ---------------------------------------------------------------- what was planted, in events

#: Days after its end that an incident still shows.
_TAIL: Final = {"complaints": 7, "bots": 1}


def _truth(account: Account, plan: Plan) -> Truth:
    place = inside(account.leaves, plan.where)
    processed = account.mail[: account.days, :, MAIL.index("processed")]
    mail = processed[plan.start : plan.last + 1, place].sum(axis=1)
    affected = np.flatnonzero(mail) if plan.kind != "tracking" else np.arange(len(mail))
    start = plan.start + int(affected[0] if len(affected) else 0)
    end = plan.start + int(affected[-1] if len(affected) else len(mail) - 1)
    extra = {event: _extra(account, plan, place, event) for event in _EVENTS.get(plan.kind, ())}
    points = (
        mix_points(account.mail[:DAYS], account.acts[:DAYS], plan.start, plan.last)
        if plan.kind == "mix"
        else 0.0
    )
    return Truth(plan.kind, plan.where, start, end, plan.size, extra, points)


_BLOCKED: Final[Mapping[str, tuple[str, ...]]] = {
    "failure": ("permanent_failed_esp_block", "permanent_failed_old"),
    "deferral": ("delayed_first_attempt",),
}
#: Which events of a kind are planted, and the counts that hold few others.
_EVENTS: Final[dict[str, Mapping[str, tuple[str, ...]]]] = {
    **dict.fromkeys(("provider_block", "auth_break", "ip_block"), _BLOCKED),
    "stale_list": {"failure": ("hard_bounces",)},
    "throttle": {"deferral": ("delayed_first_attempt",), "failure": ("permanent_failed_old",)},
    "complaints": {"complaint": ("complained",)},
    "bots": {"open": ("unique_opened",)},
    "tracking": {"open": ("unique_opened",), "click": ("unique_clicked",)},
}


def _extra(account: Account, plan: Plan, place: NDArray[np.bool_], event: str) -> float:
    """Return the events that the incident added: those there were beyond the usual rate's."""
    names = _EVENTS[plan.kind][event]
    days = slice(0, account.days)
    if set(names) <= set(MAIL):
        counts = account.mail[days][:, :, [MAIL.index(name) for name in names]].sum(axis=2)
    else:
        bots = [BOTS.index("Generic")] if plan.kind == "bots" else list(range(len(BOTS)))
        counts = account.acts[days][:, :, bots, ACTS.index(names[0])].sum(axis=2)
    by_day = counts[:, place].sum(axis=1)
    during = np.zeros(account.days, bool)
    during[plan.start : plan.last + 1 + _TAIL.get(plan.kind, 0)] = True
    seen = float(by_day[during].sum())
    if plan.kind == "tracking":  # what is left tells what there was
        return seen * plan.size / (1 - plan.size)
    below = "delivered" if event in ("complaint", "open") else "processed"
    sent = account.mail[days, :, MAIL.index(below)][:, place].sum(axis=1)
    usual = by_day[~during].sum() / max(sent[~during].sum(), 1)
    return max(seen - float(usual * sent[during].sum()), 0.0)
