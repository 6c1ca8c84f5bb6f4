"""What a report of an account or an archive asks: few questions; what fails fails alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, Final

import pandas as pd

from mgframe.directory import active
from mgframe.errors import AuthenticationError, PermissionDenied, QueryError, gathered, warn
from mgframe.filtering import is_not
from mgframe.framing import meta_of, with_meta
from mgframe.investigation import PAIRS, counts_of
from mgframe.joining import View, ask_together
from mgframe.planning import Question
from mgframe.reporting.material import Coverage, Material, from_frames, in_days
from mgframe.reporting.spans import Days, Spans
from mgframe.sourcing import FromArchive, Source
from mgframe.vocabulary import NO_FEEDBACK_LOOP

#: What the figures need: ten counts are one request a page.
_COUNTS: Final = (
    "processed", "sent", "delivered", "bounced", "hard_bounces", "permanent_failed_esp_block",
    "complained", "unique_opened", "unique_clicked", "unsubscribed",
)  # fmt: skip
_HISTORY: Final = 90

#: Which pairs a section needs.
_NEEDS: Final = {
    "findings": PAIRS,
    "breakdown": (("domain", "recipient_provider"), ("domain", "tag")),
    "limits": (("domain", "recipient_provider"),),
}


def fetch_material(
    source: Source, names: Sequence[str] | None, spans: Spans, sections: Sequence[str]
) -> Material:
    """Ask for what the sections need.

    Parameters
    ----------
    source : Source
        Whom to ask.
    names : sequence of str, optional
        Domains; all active ones where left out.
    spans : Spans
        The days of the report.
    sections : sequence of str
        Which sections are wanted; what they do not need is not asked.

    Raises
    ------
    MgframeError
        Nothing at all could be asked: the first error.
    """
    questions = _questions(source, names, spans, sections)
    with _noted(source, sections) as remarks:
        views, requests = ask_together(source.client, questions)
    listing = views["listing"].frame if "listing" in views else None
    asked = _asked(names, listing)
    base, failed, more = _base(source, views, asked, spans)
    told = "domain" in base.index.names
    asked = asked or ([str(name) for name in base.index.unique("domain")] if told else [])
    failed = {**_not_listed(names, listing), **failed}
    coverage = Coverage(
        asked=tuple(asked),
        answered=tuple(name for name in asked if name not in failed),
        failed=failed,
        problems=tuple(_errors(views, not_kept=False)),
        not_kept=tuple(_errors(views, not_kept=True)),
        requests=requests + more,
    )
    _warn_of(coverage)
    pairs = [view.frame for name, view in views.items() if name in _pair_names()]
    frames = [base, *(frame for frame in pairs if frame is not None)]
    material = from_frames(frames, spans, coverage)
    return replace(material, remarks=remarks, **_roles(views, spans, names))


def _noted(source: Source, sections: Sequence[str]) -> AbstractContextManager[list[str]]:
    """Collect what an archive does not reach: the report says it, and need not warn of it too."""
    if isinstance(source, FromArchive) and "caveats" in sections:
        return gathered()
    return nullcontext([])


def _pair_names() -> dict[str, tuple[str, str]]:
    return {" by ".join(pair): pair for pair in PAIRS}


def _questions(
    source: Source, names: Sequence[str] | None, spans: Spans, sections: Sequence[str]
) -> dict[str, Question]:
    only: dict[str, Any] = {} if names is None else {"domain": list(names)}
    window = _window(source, Days(spans.before.first, spans.now.last), spans)
    days: dict[str, Any] = {"counts": _COUNTS, "by": "domain", "where": only or None}
    complaints: dict[str, Any] = {
        "counts": ("delivered", "complained"),
        "by": "domain",
        "where": {**only, "recipient_provider": is_not(*sorted(NO_FEEDBACK_LOOP))},
    }
    asked = {"days": {**days, **window}, "complaints": {**complaints, **window}}
    if names is None:
        asked["account"] = {"counts": _COUNTS, **window}
    since = source.kept_since("day" if spans.zone is None else "hour")
    if spans.year.first >= since.tz_localize(None):
        year = _window(source, spans.year, spans)
        asked |= {"year": {**days, **year}, "year of complaints": {**complaints, **year}}
    if "breakdown" in sections and spans.zone is not None:
        asked["providers"] = {
            "counts": _COUNTS, "by": "recipient_provider", "where": only or None, **window,
        }  # fmt: skip
    wanted = {pair for name in sections for pair in _NEEDS.get(name, ())}
    for name, pair in _pair_names().items():
        if pair in wanted:
            edges = {"start": _history(spans), "end": f"{spans.now.last:%Y-%m-%d}"}
            asked[name] = {
                "counts": counts_of(pair), "by": pair, "where": only or None,
                "resolution": "day", **edges,
            }  # fmt: skip
    questions = {name: source.question(**arguments) for name, arguments in asked.items()}
    return {**source.directory(), **questions}


def _window(source: Source, days: Days, spans: Spans) -> dict[str, Any]:
    edges = {"start": f"{days.first:%Y-%m-%d}", "end": f"{days.last:%Y-%m-%d}"}
    return {**edges, **source.days_in(spans.zone)}


def _history(spans: Spans) -> str:
    first = min(spans.now.last - pd.Timedelta(days=_HISTORY - 1), spans.before.first)
    return f"{first:%Y-%m-%d}"


# ---------------------------------------------------------------- what came


def _asked(names: Sequence[str] | None, listing: pd.DataFrame | None) -> list[str]:
    if names is not None:
        return [name.lower() for name in names]
    return [] if listing is None else active(listing)


def _not_listed(names: Sequence[str] | None, listing: pd.DataFrame | None) -> dict[str, str]:
    """Return which of the names asked for are no domains of the account."""
    if names is None or listing is None:
        return {}
    known = set(listing["name"])
    return {n.lower(): "not a domain of this account" for n in names if n.lower() not in known}


def _base(
    source: Source, views: Mapping[str, View], asked: Sequence[str], spans: Spans
) -> tuple[pd.DataFrame, dict[str, str], int]:
    """Return the days by domain, what failed, and how many more requests it took.

    Where the question for all domains fails, each is asked alone, so that one bad answer does not
    take the others with it. Where domains are not told apart, the days are the account's.
    """
    view, account = views["days"], views.get("account", View())
    if view.frame is not None:
        return view.frame, {}, 0
    error = next(iter(view.errors.values()))
    if isinstance(error, QueryError) and account.frame is not None:
        return account.frame, {}, 0
    if not asked or isinstance(error, (AuthenticationError, PermissionDenied, QueryError)):
        raise error
    window = _window(source, Days(spans.before.first, spans.now.last), spans)
    questions = {
        name: source.question(_COUNTS, by="domain", where={"domain": name}, **window)
        for name in asked
    }
    alone, requests = ask_together(source.client, questions)
    frames = {name: one.frame for name, one in alone.items() if one.frame is not None}
    failed = {
        name: str(next(iter(one.errors.values())))
        for name, one in alone.items()
        if one.frame is None
    }
    if not frames:
        raise error
    whole = pd.concat([frame for frame in frames.values() if len(frame)]).sort_index()
    return with_meta(whole, meta_of(next(iter(frames.values())))), failed, requests


def _roles(views: Mapping[str, View], spans: Spans, names: Sequence[str] | None) -> dict[str, Any]:
    """Return the parts of the material that were asked apart."""

    def days(name: str) -> pd.DataFrame | None:
        frame = views[name].frame if name in views else None
        return None if frame is None or not len(frame) else in_days(frame, spans)

    roles: dict[str, Any] = {"account": _own_total(views, days("account"))}
    if "listing" in views:
        roles["listing"] = _listing_of(views["listing"].frame, names)
    roles |= {"year": days("year"), "year_of_complaints": days("year of complaints")}
    complaints = days("complaints")
    if complaints is not None:
        roles |= {
            "complaints": complaints, "complaints_of": None, "complaints_filtered": True
        }  # fmt: skip
    providers = days("providers")
    if providers is not None:
        roles["providers"] = providers
    return roles


def _own_total(views: Mapping[str, View], total: pd.DataFrame | None) -> pd.DataFrame | None:
    """Return the account's total, None where it is a sum of the same rows and proves nothing."""
    days = views["days"].frame
    track = None if total is None else meta_of(total).get("track")
    same = track is not None and days is not None and meta_of(days).get("track") == track
    return None if same else total


def _listing_of(table: pd.DataFrame | None, names: Sequence[str] | None) -> pd.DataFrame | None:
    if table is None or names is None:
        return table
    return table[table["name"].isin([name.lower() for name in names])]


def _errors(views: Mapping[str, View], *, not_kept: bool) -> list[str]:
    """Return what went wrong, or what an archive does not keep, each once: that is no outage."""
    found = {
        name: next(iter(view.errors.values()))
        for name, view in views.items()
        if view.frame is None and (name != "days" or not_kept)
    }
    told = [
        str(error) if not_kept else f"{name}: {error}"
        for name, error in found.items()
        if isinstance(error, QueryError) is not_kept
    ]
    return list(dict.fromkeys(told))  # several sections may lack the same track


def _warn_of(coverage: Coverage) -> None:
    if coverage.failed:
        named = "; ".join(f"{name}: {why}" for name, why in list(coverage.failed.items())[:3])
        warn(f"{len(coverage.failed)} of {len(coverage.asked)} domains failed: {named}")
    for problem in coverage.problems:
        warn(f"could not be asked: {problem}")
