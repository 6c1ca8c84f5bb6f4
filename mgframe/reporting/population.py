"""Which domains are new, which fell silent, and which never send."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from mgframe.framing import times_of
from mgframe.reporting.material import Material
from mgframe.reporting.texts import day
from mgframe.reporting.volumes import Volume, volume_column, volumes
from mgframe.reshaping import sum as add


@dataclass(frozen=True)
class Member:
    """A domain, its state in the account, its mail, and the last (or for new ones first) day."""

    name: str
    state: str
    volume: Volume | None
    day: str


@dataclass(frozen=True)
class Population:
    """Domains by what became of them; `states` counts those that are not active."""

    new: list[Member]
    silent: list[Member]
    mute: list[str]
    states: dict[str, int]
    listed: bool
    known_since: str
    title: str = "New, silent and mute domains"
    id: str = "domains"


def population(material: Material) -> Population | None:
    """Return which domains came and went, None where the frames know no domains.

    New is a domain with mail now and none in the weeks before, silent one with mail then and none
    now, mute a domain that can send and did not in all that time.
    """
    frame = material.domains
    if frame is None:
        return None
    spans, listing, name = material.spans, material.listing, volume_column(frame)
    if name is None:
        return None
    sizes, states = volumes(material, frame, "domain"), _states(listing)
    now, before = (_known(material, days.of(frame)[[name]]) for days in (spans.now, spans.before))
    first, last = _mailing_days(frame, name)

    def members(keys: list[str], days: dict[str, Any]) -> list[Member]:
        return [Member(k, states.get(k, ""), sizes[k], day(days.get(k))) for k in keys]

    new = [k for k, size in now.items() if size > 0 and before.get(k, 0 if before else 1) == 0]
    silent = [k for k, size in now.items() if size == 0 and sizes[k].before]
    there = set(frame.index.unique("domain"))
    mute = [
        k
        for k in material.coverage.asked
        if k not in material.coverage.failed and (k not in there or _is_mute(k, now, before))
    ]
    return Population(
        new=members(sorted(new, key=lambda k: -(sizes[k].value or 0)), first),
        silent=members(sorted(silent, key=lambda k: -(sizes[k].before or 0)), last),
        mute=sorted(mute),
        states={s: list(states.values()).count(s) for s in sorted(set(states.values()))},
        listed=listing is not None,
        known_since=day(spans.before.first) if before else "",
    )


def _known(material: Material, frame: pd.DataFrame) -> dict[str, int]:
    """Return how much mail each domain had, where all of it is known."""
    sums = material.quietly(add, frame, ["domain"]).iloc[:, 0].dropna()
    return {str(key): int(value) for key, value in sums.items()}


def _is_mute(key: str, now: dict[str, int], before: dict[str, int]) -> bool:
    """Return whether a domain surely had no mail."""
    return now.get(key) == 0 and (not before or before.get(key) == 0)


def _states(listing: pd.DataFrame | None) -> dict[str, str]:
    if listing is None:
        return {}
    disabled = listing["state"].mask(listing["is_disabled"], "disabled")
    return dict(zip(listing["name"], disabled, strict=True))


def _mailing_days(frame: pd.DataFrame, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the first and the last day with mail of each domain."""
    rows = frame[frame[name].fillna(0) > 0]
    days = pd.Series(times_of(rows).tz_localize(None), index=rows.index.get_level_values("domain"))
    grouped = days.groupby(level=0)
    return dict(grouped.min()), dict(grouped.max())
