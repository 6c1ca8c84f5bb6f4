"""What the account uses beside sending, invented: validations, previews, tests, by day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mgframe.simulator.account import USAGE_STREAM, Domain
from mgframe.simulator.metric_query import Query
from mgframe.simulator.metric_tables import Domains, Table, condition, in_time, in_total, windows
from mgframe.simulator.model import Model, Tally
from mgframe.simulator.sums import bucket_of
from mgframe.simulator.windows import Window, hours_of, start_of
from mgframe.vocabulary import NO_KEY, USAGE_COUNTS

#: A count that nobody asks for and that the totals carry all the same, as on the real API.
LEAKED: Final = "permanent_failed"

#: Mailgun counts usage from here on.
_SINCE: Final = np.datetime64("2024-09-01", "s")

#: Expected numbers of a usual working day; the counts not named here follow from these.
_DAILY: Final = {
    "email_validation_single": 38.0,
    "email_validation_bulk": 26.0,
    "email_validation_list": 4.0,
    "email_preview": 5.0,
    "link_validation": 9.0,
    "seed_test": 0.7,
    "accessibility": 2.5,
    "image_validation": 3.5,
    "archived": 110.0,
}
_VALIDATIONS: Final = tuple(name for name in _DAILY if name.startswith("email_validation_"))

#: Counts that are a part of another.
_PARTS: Final = {
    "email_validation_public": ("email_validation_single", 0.3),
    "email_validation_valid": ("email_validation", 0.86),
    "email_validation_mailjet": ("email_validation", 0.12),
    "email_preview_failed": ("email_preview", 0.04),
    "link_validation_failed": ("link_validation", 0.07),
    "accessibility_failed": ("accessibility", 0.3),
    "image_validation_failed": ("image_validation", 0.1),
}
_WEEKDAYS: Final = (1.1, 1.1, 1.05, 1.0, 0.95, 0.35, 0.3)

#: How often a day each IP and each domain is looked up on the lists.
_LOOKUPS: Final = 4

_COLUMNS: Final = (*USAGE_COUNTS, LEAKED)


def usage_table(model: Model, query: Query, domains: Domains) -> Table:
    """Return the rows of a question about usage: days, or months, whatever hours were asked."""
    resolution = "month" if query.resolution == "month" else "day"
    first = max(start_of(query.first, resolution), start_of(_SINCE, resolution))
    last = start_of(query.last, resolution)
    allowed = [condition(model, predicate) for predicate in query.predicates]
    accounts: dict[str, list[Domain]] = {}
    for domain in model.domains:
        owner = domain.subaccount or NO_KEY
        if (domains is None or domain.name in domains) and all(
            (owner in c.values) != c.negated for c in allowed
        ):
            accounts.setdefault(owner, []).append(domain)
    parts = [
        (window, _tally(model, accounts, window, apart=bool(query.keys)))
        for window in windows(model, first, last, resolution)
    ]
    return (in_time if query.timed else in_total)(parts, _COLUMNS)


def _tally(
    model: Model, accounts: Mapping[str, Sequence[Domain]], window: Window, *, apart: bool
) -> Tally:
    names = [domain.name for own in accounts.values() for domain in own]
    keys: list[tuple[str, ...]] = [(account,) for account in sorted(accounts)]
    mail = model.tally(window, by=["subaccount"], where={"domain": names}).with_keys(keys)
    counts = np.zeros((len(keys), len(window.starts), len(_COLUMNS)), np.int64)
    for row, (account,) in enumerate(keys):
        used = _used(model, accounts[account], window)
        for name in USAGE_COUNTS:
            counts[row, :, _COLUMNS.index(name)] = used.get(name, 0)
    for name in ("processed", LEAKED):
        counts[:, :, _COLUMNS.index(name)] = mail[name]
    return Tally(keys, counts) if apart else Tally([()], counts.sum(axis=0, keepdims=True))


def _used(model: Model, domains: Sequence[Domain], window: Window) -> dict[str, NDArray[np.int64]]:
    """Return what one account uses, by bucket: a sum of its days up to the clock."""
    edges = window.edges
    first = max(int(edges[0]), min(hours_of(model.created_at(domain)) for domain in domains)) // 24
    days = np.arange(first, min(int(edges[-1]) - 1, hours_of(model.now)) // 24 + 1)
    bucket = bucket_of(edges, 24 * np.maximum(days, edges[0] // 24))
    by_day = _by_day(model, domains, days)
    used = {}
    for name, counts in by_day.items():
        used[name] = np.zeros(len(edges) - 1, np.int64)
        np.add.at(used[name], bucket, counts)
    return used


def _by_day(
    model: Model, domains: Sequence[Domain], days: NDArray[np.int64]
) -> dict[str, NDArray[np.int64]]:
    """Return what an account uses on days since 1970; the open day holds what it has so far."""
    size = np.clip(np.sqrt(sum(domain.weekly for domain in domains) / 40_000), 0.05, 4)
    drawn = np.zeros((len(days), len(_DAILY)), np.int64)
    rounds = np.zeros((len(days), len(_PARTS)))
    for row, day in enumerate(days.tolist()):
        rng = np.random.default_rng([model.seed, domains[0].index, day, USAGE_STREAM])
        usual = np.array(list(_DAILY.values())) * size * _WEEKDAYS[(day + 3) % 7]
        drawn[row], rounds[row] = rng.poisson(usual), rng.random(len(_PARTS))
    passed = np.clip(model.now.timestamp() / 86_400 - days, 0, 1)
    used = dict(zip(_DAILY, np.floor(drawn * passed[:, None]).astype(np.int64).T, strict=True))
    used["email_validation"] = np.sum([used[name] for name in _VALIDATIONS], axis=0)
    for (name, (whole, share)), round_up in zip(_PARTS.items(), rounds.T, strict=True):
        used[name] = np.floor(used[whole] * share + round_up).astype(np.int64)
    used["email_validation_mailgun"] = used["email_validation"] - used["email_validation_mailjet"]
    ips = {lane.ip for domain in domains for lane in domain.lanes}
    for name, number in (("ip", len(ips)), ("domain", len(domains))):
        looked_up = np.floor(_LOOKUPS * number * passed)
        used[f"{name}_blocklist_monitoring"] = looked_up.astype(np.int64)
    return used
