"""Why mail failed where findings are, asked of Mailgun: of the logs, else of its own classes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from mgframe.analysis.causes import has_cause, leading_cause, severity_of
from mgframe.analysis.rereading import Told, read_row
from mgframe.bounces_api import bounce_classification
from mgframe.client import Client
from mgframe.errors import (
    ApiError,
    AuthenticationError,
    MgframeError,
    QueryError,
    RateLimited,
    ServerError,
)
from mgframe.joining import View, ask_together, question_of
from mgframe.logs_api import failures
from mgframe.planning import Question
from mgframe.timespan import floor

#: Of so many findings the cause is asked, and of each so many log lines are read.
MOST_FINDINGS: Final = 3
MOST_LINES: Final = 500
#: Mailgun keeps logs for so many days at most.
_KEPT: Final = pd.Timedelta(days=30)
_LAST_HOUR: Final = pd.Timedelta(hours=23)
_CLASSES: Final = ("entity", "category", "criticality", "severity")
_PLACES: Final = ("recipient_provider", "domain", "tag", "ip", "subaccount")

#: One way to ask for a cause; None where another one has asked the same.
Way = Callable[[Client, Told], Question | None]


@dataclass(frozen=True)
class Learnt:
    """What is known of a cause: itself, or why it is not; `closed` where asking on is no use."""

    cause: str = ""
    why: str = "Mailgun keeps no failure of these days"
    closed: bool = False


def is_refusal(error: MgframeError) -> bool:
    """Say whether Mailgun answered that it does not tell this; anything else is an outage."""
    outage = (AuthenticationError, RateLimited, ServerError)
    return isinstance(error, ApiError) and not isinstance(error, outage)


def ask_causes(
    client: Client, found: pd.DataFrame, *, progress: bool | None = None
) -> tuple[dict[Any, Learnt], int]:
    """Ask for the cause of the first findings about failed deliveries that have none yet.

    The logs of a finding's days are asked first; where they are refused or hold nothing, those of
    its last day, then Mailgun's classification. No outage and no refusal is raised: it is why a
    cause is not known. Returns what was learnt by the row's label, and how many requests it took.
    """
    rows = {label: row for label, row in found.iterrows() if has_cause(row) and not row["cause"]}
    rows = dict(list(rows.items())[:MOST_FINDINGS])
    learnt, requests = dict.fromkeys(rows, Learnt()), 0
    for way in (_logs, _last_logs, _classes):
        left = {label: rows[label] for label, one in learnt.items() if not one.closed}
        views, sent = _asked(client, left, way, progress)
        learnt |= {label: _learn(rows[label], view) for label, view in views.items()}
        requests += sent
    return learnt, requests


def _asked(
    client: Client, rows: Mapping[Any, pd.Series], way: Way, progress: bool | None
) -> tuple[dict[Any, View], int]:
    """Ask for every row in one way; what cannot even be asked is an error of that row alone."""
    questions: dict[Any, Question] = {}
    refused: dict[Any, View] = {}
    with warnings.catch_warnings(action="ignore"):  # that logs are cut matters to no leading cause
        for label, row in rows.items():
            try:
                question = way(client, read_row(row))
            except QueryError as error:
                refused[label] = View(errors={"": error})
            else:
                questions |= {} if question is None else {label: question}
        views, sent = ask_together(client, questions, progress=progress)
    return {**refused, **views}, sent


def _learn(row: pd.Series, view: View) -> Learnt:
    if view.frame is not None:
        cause = leading_cause(row, view.frame)
        return Learnt(cause, closed=bool(cause))
    error = next(iter(view.errors.values()))
    return Learnt(why=str(error), closed=not (isinstance(error, QueryError) or is_refusal(error)))


# ---------------------------------------------------------------- three ways to ask


def _logs(client: Client, told: Told) -> Question | None:
    return _failures(client, told, _first_kept(client, told))


def _last_logs(client: Client, told: Told) -> Question | None:
    """Ask for the last day alone, which a plan that keeps few days may still hold."""
    return _failures(client, told, told.end) if _first_kept(client, told) < told.end else None


def _failures(client: Client, told: Told, start: pd.Timestamp) -> Question:
    places = {level: list(told.where[level]) for level in _PLACES if level in told.where}
    return question_of(
        failures, where={**places, "severity": severity_of(told)}, start=start,
        end=told.end + _LAST_HOUR, most=MOST_LINES, client=client,
    )  # fmt: skip


def _classes(client: Client, told: Told) -> Question | None:
    where = {
        "entity" if level == "recipient_provider" else level: list(told.where[level])
        for level in _PLACES
        if level in told.where
    }
    return question_of(
        bounce_classification, by=_CLASSES, where=where, resolution="total",
        start=_first_kept(client, told), end=told.end + _LAST_HOUR, client=client,
    )  # fmt: skip


def _first_kept(client: Client, told: Told) -> pd.Timestamp:
    """Return the first day of a finding whose logs can still be there."""
    return max(told.start, floor(pd.Timestamp(client.now()), "day") - _KEPT)
