"""Small accounts to investigate: leaves of domain, provider, tag and IP that vary by themselves.

Not the simulator: rates wander from day to day, campaigns have days without mail, and what is
planted is known exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from mgframe.framing import build, make_index

PAIRS = (
    ("domain", "recipient_provider"),
    ("domain", "tag"),
    ("recipient_provider", "tag"),
    ("domain", "ip"),
    ("recipient_provider", "ip"),
    ("recipient_provider", "bot"),
)
PROVIDERS = ("Gmail", "Outlook", "Yahoo", "Apple", "Comcast", "Other")
OPEN_SPREAD = np.array([0.61, 0.25, 0.05, 0.03, 0.02, 0.015, 0.015, 0.01])


@dataclass(frozen=True)
class Plant:
    """What goes wrong: `days` are numbers from the first day, both included."""

    kind: str
    where: Mapping[str, str]
    days: tuple[int, int]
    size: float


@dataclass
class Leaves:
    """The account's leaves: a name per dimension and leaf, and daily counts, leaves by days."""

    names: dict[str, np.ndarray[Any, Any]]
    counts: dict[str, np.ndarray[Any, Any]] = field(default_factory=dict)

    def at(self, where: Mapping[str, str]) -> np.ndarray[Any, Any]:
        mask = np.ones(len(self.names["tag"]), dtype=bool)
        for level, value in where.items():
            mask &= self.names[level] == value
        return mask


def _walk(rng: np.random.Generator, shape: tuple[int, int], sd: float) -> np.ndarray[Any, Any]:
    """Return noise in which a day resembles the next one."""
    steps = rng.normal(0, sd, shape)
    for day in range(1, shape[1]):
        steps[:, day] = 0.3 * steps[:, day - 1] + np.sqrt(1 - 0.09) * steps[:, day]
    return steps


def _expit(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return 1 / (1 + np.exp(-x))


def leaves_of(
    seed: int,
    plants: Sequence[Plant] = (),
    *,
    days: int = 90,
    domains: int = 3,
    tags: int = 4,
    ips: int = 2,
    volume: float = 20_000,
    first_weekday: int = 1,
) -> Leaves:
    """Return the leaves of an account with about `volume` messages a day."""
    rng = np.random.default_rng([seed, 77])
    domain_share = rng.dirichlet(np.full(domains, 2.0))
    provider_share = np.array([0.42, 0.2, 0.14, 0.1, 0.05, 0.09])
    rows, shares = [], []
    for d in range(domains):
        tag_share = rng.dirichlet(np.full(tags, 1.5))
        for t in range(tags):
            ip_share = rng.dirichlet(np.full(ips, 3.0))
            for i in range(ips):
                for p, provider in enumerate(PROVIDERS):
                    rows.append((f"d{d}.example", provider, f"tag{t}", f"192.0.2.{i}"))
                    shares.append(domain_share[d] * tag_share[t] * ip_share[i] * provider_share[p])
    frame = pd.DataFrame(rows, columns=["domain", "recipient_provider", "tag", "ip"])
    names = {level: frame[level].to_numpy() for level in frame}
    found = Leaves(names)
    base = np.array(shares)[:, None] * volume

    def effect(levels: Sequence[str], sd: float, daily: float) -> np.ndarray[Any, Any]:
        """Return what the leaves of one key have in common: once, and day by day."""
        code = frame.groupby(list(levels), sort=False).ngroup().to_numpy()
        size = int(code.max()) + 1
        return (rng.normal(0, sd, (size, 1)) + _walk(rng, (size, days), daily))[code]

    weekday = (np.arange(days) + first_weekday) % 7
    tag_days = np.ones((len(frame), days))
    for d in range(domains):
        for t in range(tags // 2):  # the first half of a domain's tags are campaigns
            on = rng.choice(5, size=2, replace=False)
            there = (names["domain"] == f"d{d}.example") & (names["tag"] == f"tag{t}")
            tag_days[there] = np.where(np.isin(weekday, on), 3.5, 0.0)
    week = np.where(weekday >= 5, 0.6, 1.1)
    size = base * tag_days * week * np.exp(effect(["domain", "tag"], 0.0, 0.12))
    for plant in plants:
        if plant.kind in ("mix", "spike"):
            first, last = plant.days
            size[np.ix_(found.at(plant.where), range(first, last + 1))] *= plant.size
    sent = rng.poisson(size)

    def rate(base_rate: float, sd: float, daily: float) -> np.ndarray[Any, Any]:
        logit = np.log(base_rate / (1 - base_rate)) + np.zeros((len(frame), days))
        for levels in (["recipient_provider"], ["domain"], ["domain", "tag"]):
            logit = logit + effect(levels, sd, daily)
        return _expit(logit)

    def extra(kind: str) -> np.ndarray[Any, Any]:
        more = np.zeros((len(frame), days))
        for plant in plants:
            if plant.kind == kind:
                first, last = plant.days
                more[np.ix_(found.at(plant.where), range(first, last + 1))] = plant.size
        return more

    def split(total: Any, share: Any) -> Any:
        return rng.binomial(total, np.clip(share, 0, 1))

    hard = split(sent, rate(0.004, 0.3, 0.1) + extra("stale"))
    block = split(sent - hard, rate(0.002, 0.4, 0.15) + extra("block"))
    soft = split(sent - hard - block, rate(0.004, 0.3, 0.1))
    delayed = split(sent - hard - block - soft, rate(0.02, 0.3, 0.15) + extra("throttle"))
    delivered = sent - hard - block - soft
    is_gmail = np.isin(names["recipient_provider"], ["Gmail", "Apple"])[:, None]
    complained = np.where(
        is_gmail, 0, split(delivered, rate(0.0005, 0.3, 0.15) + extra("complaints"))
    )
    lost = 1 - extra("tracking")
    people = split(delivered, rate(0.2, 0.2, 0.05))
    machine = split(delivered - people, rate(0.15, 0.3, 0.05) + extra("bots"))
    clicks = split(people, rate(0.1, 0.2, 0.08))

    def late(events: Any) -> Any:
        found_late = np.zeros_like(events)
        left, remaining = events.copy(), 1.0
        for lag, share in enumerate(OPEN_SPREAD):
            now = rng.binomial(left, min(share / remaining, 1.0))
            found_late[:, lag:] += now[:, : days - lag]
            left, remaining = left - now, max(remaining - share, 1e-9)
        return split(found_late, lost)

    opens, machines = late(people), late(machine)
    unsubscribed = late(split(delivered, rate(0.002, 0.2, 0.1)))
    found.counts = {
        "processed": sent, "sent": sent, "delivered": delivered, "bounced": hard + block + soft,
        "complained": complained, "unique_opened": opens + machines,
        "unique_clicked": late(clicks), "unsubscribed": unsubscribed,
        "failed": hard + block + soft, "permanent_failed": hard + block + soft,
        "hard_bounces": hard, "soft_bounces": soft + block, "permanent_failed_esp_block": block,
        "delayed_first_attempt": delayed, "_people": opens, "_machines": machines,
    }  # fmt: skip
    return found


def frames_of(leaves: Leaves, *, start: str = "2026-08-18", **meta: Any) -> list[pd.DataFrame]:
    """Return the six frames that Mailgun would give of these leaves."""
    days = leaves.counts["sent"].shape[1]
    times = pd.date_range(start, periods=days, freq="D", tz="UTC", unit="us")
    end = (times[-1] + pd.Timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    told = {"resolution": "day", "complete_until": end, "simulated": True,
            "fetched_at": end.replace("T00", "T09"), **meta}  # fmt: skip
    return [_frame(leaves, pair, times, told) for pair in PAIRS]


def _frame(
    leaves: Leaves, pair: tuple[str, str], times: pd.DatetimeIndex, meta: dict[str, Any]
) -> pd.DataFrame:
    public = {name: values for name, values in leaves.counts.items() if name[0] != "_"}
    if "bot" in pair:
        zeros = np.zeros_like(leaves.counts["_people"])
        sides = {"None": leaves.counts["_people"], "Apple": leaves.counts["_machines"]}
        labels = {
            pair[0]: np.concatenate([leaves.names[pair[0]]] * 2),
            "bot": np.repeat(["None", "Apple"], len(zeros)),
        }
        public = {
            "unique_opened": np.concatenate([sides["None"], sides["Apple"]]),
            "unique_clicked": np.concatenate([leaves.counts["unique_clicked"], zeros]),
        }
    else:
        labels = {level: leaves.names[level] for level in pair}
    keys = pd.DataFrame(labels)
    code = keys.groupby(list(pair), sort=True).ngroup().to_numpy()
    unique = keys.assign(code=code).drop_duplicates("code").sort_values("code")
    sums = {}
    for name, values in public.items():
        total = np.zeros((len(unique), len(times)), dtype="int64")
        np.add.at(total, code, values)
        sums[name] = pd.array(total.T.ravel(), dtype="Int64")
    stamps = times.repeat(len(unique))
    levels = {level: np.tile(unique[level].to_numpy(), len(times)) for level in pair}
    return build(make_index(stamps, levels), sums, meta=meta)
