"""Generator B: accounts made of mixtures, by no part of the simulator.

Volumes are gamma-Poisson, rates move on the log scale with heavy-tailed autoregressive noise,
weekdays of their own and a random walk, and leaves are beta-binomial around them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .accounts import ACTS, BOTS, MAIL, SILENT, Account, Leaf, Truth, inside, mix_points
from .planning import DAYS, Plan, Usual, kind_of, plans

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

#: Days before the first, whose mail is still opened in it.
_BEFORE: Final = 10
_LAGS: Final = 8
_PROVIDERS: Final = (
    "Gmail", "Google Workspace", "Outlook", "Yahoo", "Apple", "GMX", "Libero", "Proton", "Other",
)  # fmt: skip
_TAGS: Final = ("a-test", "launch", "invoice", "survey", "winter", "event", "trial", "recap")
_NAMES: Final = ("acme.test", "mx.borealis.test", "post.cumulus.test", "delta.test", "m.eider.test")

#: Usual chances, the share of precision that leaves keep, and how noisy each is on the log scale.
_BASE: Final = {
    "hard": 0.0045,
    "soft": 0.0015,
    "blocked": 0.0008,
    "suppressed": 0.009,
    "deferred": 0.014,
    "complained": 0.0006,
    "unsubscribed": 0.0012,
    "human": 0.17,
    "apple": 0.35,
    "gmail": 0.05,
    "scanner": 0.008,
    "clicked": 0.10,
}
_NOISE: Final = {"human": 0.06, "apple": 0.04, "gmail": 0.04, "clicked": 0.08}
_PRECISION: Final = {"human": 400.0, "apple": 400.0, "gmail": 600.0, "clicked": 300.0}


@dataclass(frozen=True, eq=False)
class _Stream:
    """One kind of mail of a domain's: its keys, messages a day, and how its readers open."""

    domain: str
    tags: tuple[str, ...]
    ip: str
    daily: float
    opens: float


def mixed_account(seed: int) -> Account:
    """Return the account of a seed."""
    kind = kind_of(seed)
    rng = np.random.default_rng([seed, 2])
    streams = _streams(rng)
    shares = rng.dirichlet([9, 1.5, 5, 4, 2.5, 1, 0.6, 0.5, 2], len(streams))
    leaves = [Leaf(s.domain, p, s.tags, s.ip) for s in streams for p in _PROVIDERS]
    opens = np.repeat([s.opens for s in streams], len(_PROVIDERS))
    usual = Usual(
        leaves,
        (np.array([s.daily for s in streams])[:, None] * shares).ravel(),
        _BASE["human"] * opens + 0.1,
    )
    planned = plans(rng, kind, usual)
    partial = bool(rng.random() < 0.4)
    sent = _sent(rng, kind, usual, planned, DAYS + partial)
    if partial:
        sent[-1] = rng.binomial(sent[-1], 0.4)
    mail, acts, extras = _outcomes(rng, kind, leaves, opens, sent, planned)
    first = pd.Timestamp("2025-02-03", tz="UTC") + pd.Timedelta(days=int(rng.integers(500)))
    truths = tuple(
        _truth(plan, leaves, sent[_BEFORE:], extra, mail, acts)
        for plan, extra in zip(planned, extras, strict=True)
    )
    return Account(
        seed, kind, "mixtures", first, tuple(leaves), mail, acts, truths, partial=partial
    )


def _streams(rng: np.random.Generator) -> list[_Stream]:
    daily = float(np.exp(rng.uniform(np.log(500), np.log(60_000))))
    addresses = [f"198.18.7.{place}" for place in range(1, int(rng.integers(2, 6)))]
    domains = rng.permutation(_NAMES)[: int(rng.integers(2, 6))]
    owners = [str(d) for d in domains for _ in range(int(rng.integers(1, 5)))]
    weights = rng.pareto(1.6, len(owners)) + 0.25
    return [
        _Stream(
            owner,
            tuple(
                str(t) for t in rng.permutation(_TAGS)[: int(rng.choice(4, p=[0.1, 0.4, 0.3, 0.2]))]
            ),
            str(rng.choice(addresses)),
            daily * float(weight / weights.sum()),
            float(np.clip(rng.gamma(4, 0.25), 0.15, 2.8)),
        )
        for owner, weight in zip(owners, weights, strict=True)
    ]


# ---------------------------------------------------------------- how much is sent


def _sent(
    rng: np.random.Generator, kind: str, usual: Usual, planned: list[Plan], days: int
) -> Counts:
    """Return messages by day and leaf, the days before the first included."""
    total, streams = days + _BEFORE, len(usual.leaves) // len(_PROVIDERS)
    factor = np.stack([_rhythm(rng, kind, total) for _ in range(streams)], axis=1)
    if kind == "volume_spike":
        start = _BEFORE + int(rng.integers(DAYS - 30, DAYS - 4))
        factor[start : start + int(rng.integers(1, 5))] *= rng.uniform(2, 6)
    if kind == "holiday":
        start = _BEFORE + int(rng.integers(DAYS - 30, DAYS - 6))
        factor[start : start + int(rng.integers(2, 8))] *= rng.uniform(0.1, 0.5)
    mean = np.repeat(factor, len(_PROVIDERS), axis=1) * usual.daily
    for plan in planned:
        if plan.kind == "mix":
            there = inside(usual.leaves, plan.where)
            mean[_during(plan, total)[:, None] & there] /= 1 - plan.size
    shape = float(rng.uniform(20, 120))
    return rng.poisson(mean * rng.gamma(shape, 1 / shape, mean.shape))


def _rhythm(rng: np.random.Generator, kind: str, days: int) -> Array:
    """Return the factors of a stream's days: weekdays, every few days, or most days."""
    day = np.arange(days)
    strength = 1.2 if kind == "seasonal" else 0.35
    weekday = np.exp(strength * rng.standard_normal(7))
    rhythm = (weekday / weekday.mean())[(day + rng.integers(7)) % 7]
    if rng.random() < 0.35:
        every = int(rng.integers(2, 8))
        rhythm = np.where((day + rng.integers(every)) % every == 0, float(every), 0.0)
    luck = rng.gamma(12, 1 / 12, days)
    return np.asarray(rhythm * luck * np.exp(rng.normal(0, 0.002) * day))


def _during(plan: Plan, days: int) -> NDArray[np.bool_]:
    day = np.arange(days) - _BEFORE
    return (day >= plan.start) & (day <= plan.last)


# ---------------------------------------------------------------- what becomes of it


class _Chances:
    """Chances by day and leaf: a usual one, moved on the log scale, then beta around it."""

    def __init__(self, rng: np.random.Generator, kind: str, shape: tuple[int, int]) -> None:
        self._rng, self._shape = rng, shape
        self._memory = float(rng.uniform(0, 0.5))
        self._loud = float(rng.uniform(0.7, 1.2))
        self._walks = 0.012 if kind == "drift" else 0.002

    def __call__(self, name: str, factor: Array | float = 1.0) -> Array:
        """Return the chances of one thing."""
        rng, (days, leaves) = self._rng, self._shape
        providers = len(_PROVIDERS)
        streams, noise = leaves // providers, self._loud * _NOISE.get(name, 0.16)
        steps = noise if name not in _NOISE else 0.5 * noise
        by_stream = np.repeat(self._moving(streams, steps), providers, axis=1)
        by_provider = np.tile(self._moving(providers, steps), streams)
        weekday = 0.6 * noise * rng.standard_normal((7, 1))
        lasting = 2 * noise * rng.standard_normal(leaves)
        moved = by_stream + by_provider + weekday[np.arange(days) % 7] + lasting
        chance = np.clip(_BASE[name] * factor * np.exp(moved), 0, 0.9)
        precision = _PRECISION.get(name, 3000.0)
        drawn = rng.beta(chance * precision + 1e-9, (1 - chance) * precision)
        return np.where(chance > 0, drawn, 0.0)

    def _moving(self, columns: int, noise: float) -> Array:
        """Return heavy-tailed AR(1) noise, and a random walk under it, by day and column."""
        days = self._shape[0]
        fresh = self._rng.standard_t(5, (days, columns)) * np.sqrt(3 / 5)
        moving = np.empty_like(fresh)
        moving[0] = fresh[0]
        for day in range(1, days):
            kept = self._memory * moving[day - 1]
            moving[day] = kept + np.sqrt(1 - self._memory**2) * fresh[day]
        walk = self._walks * np.cumsum(self._rng.standard_normal((days, columns)), axis=0)
        return np.asarray(noise * moving + walk)


def _outcomes(
    rng: np.random.Generator,
    kind: str,
    leaves: list[Leaf],
    opens: Array,
    sent: Counts,
    planned: list[Plan],
) -> tuple[Counts, Counts, list[dict[str, Array]]]:
    """Return mail and acts from the first day on, and what each plan added, by day and leaf."""
    extras: list[dict[str, Array]] = [{} for _ in planned]
    chance = _Chances(rng, kind, sent.shape)
    added = _Added(rng, leaves, planned, extras)
    parts, good = {}, sent
    for name in ("suppressed", "hard", "soft", "blocked", "deferred"):
        parts[name] = rng.binomial(good, chance(name))
        good = good - parts[name]
    for name, kinds, event, factor in (
        ("hard", ("stale_list",), "failure", 1.0),
        ("blocked", ("provider_block", "auth_break", "ip_block"), "failure", 1.0),
        ("deferred", ("throttle",), "deferral", 1.0),
        ("deferred", ("provider_block", "auth_break", "ip_block"), "deferral", 0.4),
    ):
        more = added(good, kinds, event, factor)
        parts[name], good = parts[name] + more, good - more
    expired = rng.binomial(parts["deferred"], 0.04)
    mail = _mail(rng, good, parts, expired)
    acts = _acts(rng, chance, added, leaves, opens, mail["delivered"])
    table = np.stack([mail[name] for name in MAIL], axis=2)[_BEFORE:]
    return table, acts[_BEFORE:], extras


class _Added:
    """What the plans add to counts; remembers how much of it each plan did."""

    def __init__(
        self,
        rng: np.random.Generator,
        leaves: list[Leaf],
        planned: list[Plan],
        extras: list[dict[str, Array]],
    ) -> None:
        self._rng, self._leaves, self._planned, self._extras = rng, leaves, planned, extras

    def __call__(
        self, among: Counts, kinds: tuple[str, ...], event: str, factor: float = 1.0
    ) -> Counts:
        """Return how many of the counts the plans of these kinds touch."""
        total = np.zeros_like(among)
        for plan, extra in zip(self._planned, self._extras, strict=True):
            if plan.kind in kinds:
                there = inside(self._leaves, plan.where)
                touched = _during(plan, len(among))[:, None] & there
                more = self._rng.binomial((among - total) * touched, factor * plan.size)
                extra[event] = extra.get(event, 0) + more[_BEFORE:]
                total += more
        return total


def _mail(
    rng: np.random.Generator, good: Counts, parts: Mapping[str, Counts], expired: Counts
) -> dict[str, Counts]:
    late = parts["deferred"] - expired
    temporary = parts["deferred"] + rng.poisson(0.8 * late) + 6 * expired
    bounced = parts["hard"] + parts["soft"] + parts["blocked"] + expired
    suppressed, delivered = parts["suppressed"], good + late
    unsubscribed = rng.binomial(suppressed, 0.4)
    permanent = bounced + suppressed
    return {
        "processed": delivered + permanent,
        "sent": delivered + bounced,
        "delivered": delivered,
        "bounced": bounced,
        "failed": temporary + permanent,
        "permanent_failed": permanent,
        "temporary_failed": temporary,
        "hard_bounces": parts["hard"],
        "soft_bounces": parts["soft"] + parts["blocked"],
        "suppressed_bounces": suppressed - unsubscribed,
        "suppressed_unsubscribed": unsubscribed,
        "suppressed_complaints": np.zeros_like(suppressed),
        "permanent_failed_esp_block": parts["blocked"],
        "permanent_failed_old": expired,
        "delivered_two_plus_attempts": late,
        "delayed_first_attempt": parts["deferred"],
    }


def _acts(
    rng: np.random.Generator,
    chance: _Chances,
    added: _Added,
    leaves: list[Leaf],
    opens: Array,
    delivered: Counts,
) -> Counts:
    """Return acts by day, leaf, bot and ``ACTS``, each on the day it happens."""
    providers = np.array([leaf.recipient_provider for leaf in leaves])
    heard = ~np.isin(providers, SILENT)
    slow, quick = rng.uniform(0.35, 0.6), rng.uniform(0.7, 0.95)
    apple = np.where(providers == "Apple", 1.3, 0.25)
    shares = {"human": opens, "apple": apple, "gmail": 1.0 * (providers == "Gmail"), "scanner": 1.0}
    acts = np.zeros((*delivered.shape, len(BOTS), len(ACTS)), np.int64)
    for bot, (name, share) in enumerate(shares.items()):
        opened = rng.binomial(delivered, chance(name, share))
        if name == "scanner":
            opened = opened + added(delivered - opened, ("bots",), "open")
        seen = _later(rng, opened, slow if name == "human" else quick)
        clicked = rng.binomial(seen, chance("clicked", 0.0 if name in ("apple", "gmail") else 1.0))
        seen = seen - added(seen, ("tracking",), "open")
        clicked = np.minimum(clicked - added(clicked, ("tracking",), "click"), seen)
        acts[:, :, bot, ACTS.index("unique_opened")] = seen
        acts[:, :, bot, ACTS.index("opened")] = seen + rng.poisson(0.4 * seen)
        acts[:, :, bot, ACTS.index("unique_clicked")] = clicked
        acts[:, :, bot, ACTS.index("clicked")] = clicked + rng.poisson(0.3 * clicked)
    complained = rng.binomial(delivered, chance("complained", 1.0 * heard))
    complained = complained + added((delivered - complained) * heard, ("complaints",), "complaint")
    unsubscribed = rng.binomial(delivered, chance("unsubscribed"))
    acts[:, :, 0, ACTS.index("complained")] = _later(rng, complained, slow)
    acts[:, :, 0, ACTS.index("unsubscribed")] = _later(rng, unsubscribed, slow)
    return acts


def _later(rng: np.random.Generator, counts: Counts, quick: float) -> Counts:
    """Return counts on the days they happen: each day a share of what is left."""
    shares = quick * (1 - quick) ** np.arange(_LAGS)
    lagged = rng.multinomial(counts, shares / shares.sum())
    total = np.zeros_like(counts)
    for lag in range(_LAGS):
        total[lag:] += lagged[: len(counts) - lag, :, lag]
    return total


def _truth(
    plan: Plan,
    leaves: list[Leaf],
    sent: Counts,
    extra: Mapping[str, Array],
    mail: Counts,
    acts: Counts,
) -> Truth:
    there = inside(leaves, plan.where)
    days = min(plan.last, DAYS - 1)
    affected = plan.start + np.flatnonzero(sent[plan.start : days + 1, there].sum(axis=1))
    if plan.kind == "tracking" or not len(affected):
        affected = np.array([plan.start, days])
    events = {event: float(more[:DAYS].sum()) for event, more in extra.items()}
    points = (
        mix_points(mail[:DAYS], acts[:DAYS], plan.start, plan.last) if plan.kind == "mix" else 0.0
    )
    return Truth(
        plan.kind, plan.where, int(affected[0]), int(affected[-1]), plan.size, events, points
    )
