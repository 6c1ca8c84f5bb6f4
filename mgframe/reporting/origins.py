"""Where the numbers come from: what answered, what is not known, how old it is, and the recipe."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from mgframe.framing import complete_until, meta_of
from mgframe.reporting.material import Coverage, Material
from mgframe.reporting.texts import minute
from mgframe.timespan import localise
from mgframe.vocabulary import COUNTS, ENGAGEMENT_LAG_HOURS

_PACKAGES: Final = ("mgframe", "pandas", "numpy", "scipy", "matplotlib", "jinja2")

_WEEK: Final = 7
_MOST_REMARKS: Final = 15
_SHORT: Final = (
    "The report is about less than a week: clicks and complaints of these days belong in part to "
    "mail that was sent before, and how days differ shows little or not at all."
)

#: What no frame of these counts can tell.
_ALWAYS: Final = (
    "Delivered means that the receiving server accepted a message, not that it reached the inbox. "
    "Nothing here measures inbox placement.",
    "Gmail and Google Workspace report no complaints to Mailgun; read their spam rate in Google "
    "Postmaster Tools.",
    "Opens are counted by an image that machines load too (Apple Mail Privacy Protection, Gmail's "
    "proxy, scanners), so this report judges clicks.",
    "Opens, clicks, unsubscribes and complaints land on the day they happen, not the day of the "
    "send; their denominator is the mail of the same days.",
    "Unique counts are de-duplicated per message and recipient within seven days.",
    "Intervals are 95 % and as wide as days differ; “no change seen” is no proof that nothing "
    "changed.",
)


@dataclass(frozen=True)
class Unknown:
    """A count with cells that are not known: in so many of the rows of the report's days."""

    count: str
    cells: int
    rows: int


@dataclass(frozen=True)
class Cover:
    """What was asked and what answered; `coverage` is also that of the result."""

    coverage: Coverage
    unknown: list[Unknown]
    days: int
    asked_days: int
    fetched: str
    complete: str
    still_counting: bool
    title: str = "Coverage"
    id: str = "coverage"


@dataclass(frozen=True)
class Caveats:
    """What the numbers do not tell: of this report in particular, then of all such numbers."""

    own: list[str]
    always: tuple[str, ...] = _ALWAYS
    title: str = "What these numbers do not tell"
    id: str = "caveats"


@dataclass(frozen=True)
class Recipe:
    """How to make this report again: facts by name, and code."""

    facts: dict[str, str]
    code: str
    title: str = "How to reproduce it"
    id: str = "reproduction"


def cover(material: Material) -> Cover:
    """Return what answered, what is unknown in it, and how old it is."""
    frame = material.whole if material.domains is None else material.domains
    own = material.spans.now.of(frame)
    cells = own.isna().sum()
    meta = meta_of(frame)
    fetched = meta.get("fetched_at")
    end = _edges(material)[1]
    lag = pd.Timedelta(hours=ENGAGEMENT_LAG_HOURS)
    return Cover(
        coverage=material.coverage,
        unknown=[Unknown(_label(n), int(k), len(own)) for n, k in cells.items() if k],
        days=own.index.unique("time").size,
        asked_days=material.spans.now.number,
        fetched=minute(fetched) if fetched else "not known",
        complete=minute(complete_until(frame)) if "complete_until" in meta else "not known",
        still_counting=fetched is not None and pd.Timestamp(fetched) < end + lag,
    )


def _label(name: object) -> str:
    return COUNTS[str(name)].label if str(name) in COUNTS else str(name)


def _edges(material: Material) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return start and end (exclusive) of the report's days in UTC."""
    days = material.spans.now
    naive = pd.DatetimeIndex([days.first, days.last + pd.Timedelta(days=1)])
    start, end = localise(naive, material.spans.zone or _utc()).tz_convert("UTC")
    return start, end


def _utc() -> Any:
    return pd.Timestamp(0, tz="UTC").tz


def caveats(material: Material, left_out: Mapping[str, str], told: Sequence[str]) -> Caveats:
    """Return what cannot be told: sections left out and why, what nobody could judge, remarks."""
    own = [f"No section “{title}”: {why}." for title, why in left_out.items()]
    own += [_as_sentence(text) for text in (*told, *material.remarks)]
    if "permanent_failed_esp_block" not in material.whole.columns:
        own.insert(0, "The frame has no count of blocks, so bounces are shown in their place.")
    if material.spans.now.number < _WEEK:
        own.insert(0, _SHORT)
    own = list(dict.fromkeys(own))
    more = len(own) - _MOST_REMARKS
    return Caveats(own if more <= 0 else [*own[:_MOST_REMARKS], f"And {more} more such remarks."])


def _as_sentence(text: str) -> str:
    """Return a remark with a capital and a full stop; the name of a count stays as it is."""
    first = text.partition(" ")[0]
    start = text[:1] if "_" in first else text[:1].upper()
    return f"{start}{text[1:].rstrip('.')}."


def recipe(material: Material) -> Recipe:
    """Return how to make the report again."""
    spans, (start, end) = material.spans, _edges(material)
    metas = [meta_of(frame) for frame in (material.whole, *material.frames)]
    endpoints = sorted({str(meta["endpoint"]) for meta in metas if meta.get("endpoint")})
    regions = sorted({str(meta["region"]) for meta in metas if meta.get("region")})
    fetched = sorted({str(meta["fetched_at"]) for meta in metas if meta.get("fetched_at")})
    facts = {
        "Days": f"{spans.now.text}, {spans.zone_name}",
        "Window in UTC": f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} (exclusive)",
        "Compared with": f"{spans.before.text} ({spans.before_text})",
        "Asked": ", ".join(endpoints) or "frames of the user",
        "Region": ", ".join(regions) or "not known",
        "Fetched": ", ".join(minute(text) for text in fetched[-1:]) or "not known",
        **_archive(material),
        "Requests": _requests(material.coverage),
        "Versions": f"Python {platform.python_version()}, {_versions()}",
    }
    return Recipe(facts, material.code)


def _archive(material: Material) -> dict[str, str]:
    """Return which archive the numbers are of, and when its tracks were kept last."""
    archive = material.archive
    if archive is None:
        return {}
    read = (meta_of(frame).get("track") for frame in (material.whole, *material.frames))
    names = dict.fromkeys(str(name) for name in read if name)
    at = archive.kept_at()
    tracks = [f"{name} ({minute(at[name])})" for name in names if name in at]
    return {
        "Archive": f"{archive.name}, as of {minute(archive.end)}",
        "Tracks, each with its last sync": ", ".join(tracks) or "not known",
    }


def _requests(coverage: Coverage) -> str:
    if coverage.requests is None:
        return "none, frames from memory"
    if not coverage.requests:
        return "none, figures from an archive"
    causes = (
        f", {coverage.causes} of them for causes, of logs or classes of bounces"
        if coverage.causes
        else ""
    )
    return f"{coverage.requests}{causes}"


def _versions() -> str:
    found = []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return ", ".join(found)
