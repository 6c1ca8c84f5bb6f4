"""What a report of an account asks: few questions, side by side; what fails fails alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import pandas as pd

from mgframe.client import Client
from mgframe.directory import active, domains
from mgframe.errors import AuthenticationError, PermissionDenied, QueryError, warn
from mgframe.filtering import is_not
from mgframe.framing import kept_since, meta_of, with_meta
from mgframe.investigation import PAIRS, counts_of
from mgframe.joining import View, ask_together, question_of
from mgframe.metrics_api import metrics
from mgframe.planning import Question
from mgframe.reporting.material import Coverage, Material, from_frames, in_days
from mgframe.reporting.spans import Spans
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
    client: Client, names: Sequence[str] | None, spans: Spans, sections: Sequence[str]
) -> Material:
    """Ask for what the sections need.

    Parameters
    ----------
    client : Client
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
    questions = _questions(client, names, spans, sections)
    views, requests = ask_together(client, questions)
    listing = views["listing"].frame
    asked = _asked(names, listing)
    base, failed, more = _base(client, views["days"], asked, spans)
    asked = asked or [str(name) for name in base.index.unique("domain")]
    failed = {**_not_listed(names, listing), **failed}
    coverage = Coverage(
        asked=tuple(asked),
        answered=tuple(name for name in asked if name not in failed),
        failed=failed,
        problems=tuple(_problems(views)),
        requests=requests + more,
    )
    _warn_of(coverage)
    pairs = [view.frame for name, view in views.items() if name in _pair_names()]
    frames = [base, *(frame for frame in pairs if frame is not None)]
    material = from_frames(frames, spans, coverage)
    return replace(material, client=client, **_roles(views, spans, names))


def _pair_names() -> dict[str, tuple[str, str]]:
    return {" by ".join(pair): pair for pair in PAIRS}


def _questions(
    client: Client, names: Sequence[str] | None, spans: Spans, sections: Sequence[str]
) -> dict[str, Question]:
    only: dict[str, Any] = {} if names is None else {"domain": list(names)}
    window = _window(spans)
    asked: dict[str, dict[str, Any]] = {
        "days": {"counts": _COUNTS, "by": "domain", "where": only or None, **window},
        "complaints": {
            "counts": ("delivered", "complained"),
            "by": "domain",
            "where": {**only, "recipient_provider": is_not(*sorted(NO_FEEDBACK_LOOP))},
            **window,
        },
    }
    if names is None:
        asked["account"] = {"counts": _COUNTS, **window}
        if spans.zone is None and spans.year.first >= _first_kept(client):
            year = {"start": f"{spans.year.first:%Y-%m-%d}", "end": f"{spans.year.last:%Y-%m-%d}"}
            asked["year"] = {"counts": _COUNTS, **year, "resolution": "day"}
    if "breakdown" in sections and spans.zone is not None:
        asked["providers"] = {
            "counts": _COUNTS, "by": "recipient_provider", "where": only or None, **window,
        }  # fmt: skip
    wanted = {pair for name in sections for pair in _NEEDS.get(name, ())}
    for name, pair in _pair_names().items():
        if pair in wanted:
            days = {"start": _history(spans), "end": f"{spans.now.last:%Y-%m-%d}"}
            asked[name] = {"counts": counts_of(pair), "by": pair, "where": only or None, **days}
    questions = {
        name: question_of(metrics, client=client, progress=False, **arguments)
        for name, arguments in asked.items()
    }
    return {"listing": question_of(domains, client=client), **questions}


def _window(spans: Spans) -> dict[str, Any]:
    edges = {"start": f"{spans.before.first:%Y-%m-%d}", "end": f"{spans.now.last:%Y-%m-%d}"}
    if spans.zone is None:
        return {**edges, "resolution": "day"}
    return {**edges, "resolution": "hour", "tz": spans.zone}


def _history(spans: Spans) -> str:
    first = min(spans.now.last - pd.Timedelta(days=_HISTORY - 1), spans.before.first)
    return f"{first:%Y-%m-%d}"


def _first_kept(client: Client) -> pd.Timestamp:
    return kept_since("day", pd.Timestamp(client.now())).tz_localize(None)


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
    client: Client, view: View, asked: Sequence[str], spans: Spans
) -> tuple[pd.DataFrame, dict[str, str], int]:
    """Return the days by domain, what failed, and how many more requests it took.

    Where the question for all domains fails, each is asked alone, so that one bad answer does not
    take the others with it.
    """
    if view.frame is not None:
        return view.frame, {}, 0
    error = next(iter(view.errors.values()))
    if not asked or isinstance(error, (AuthenticationError, PermissionDenied, QueryError)):
        raise error
    questions = {
        name: question_of(
            metrics, _COUNTS, by="domain", where={"domain": name}, client=client, progress=False,
            **_window(spans),
        )
        for name in asked
    }  # fmt: skip
    views, requests = ask_together(client, questions)
    frames = {name: one.frame for name, one in views.items() if one.frame is not None}
    failed = {
        name: str(next(iter(one.errors.values())))
        for name, one in views.items()
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

    roles: dict[str, Any] = {"account": days("account")}
    roles["listing"] = _listing_of(views["listing"].frame, names)
    roles["year"] = days("year")
    complaints = days("complaints")
    if complaints is not None:
        roles |= {
            "complaints": complaints, "complaints_of": None, "complaints_filtered": True
        }  # fmt: skip
    providers = days("providers")
    if providers is not None:
        roles["providers"] = providers
    return roles


def _listing_of(table: pd.DataFrame | None, names: Sequence[str] | None) -> pd.DataFrame | None:
    if table is None or names is None:
        return table
    return table[table["name"].isin([name.lower() for name in names])]


def _problems(views: Mapping[str, View]) -> list[str]:
    return [
        f"{name}: {error}"
        for name, view in views.items()
        if view.frame is None and name != "days"
        for error in list(view.errors.values())[:1]
    ]


def _warn_of(coverage: Coverage) -> None:
    if coverage.failed:
        named = "; ".join(f"{name}: {why}" for name, why in list(coverage.failed.items())[:3])
        warn(f"{len(coverage.failed)} of {len(coverage.asked)} domains failed: {named}")
    for problem in coverage.problems:
        warn(f"could not be asked: {problem}")
