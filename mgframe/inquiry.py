"""Questions about the answers: whether two frames, and all views of an account, agree."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from mgframe.auditing.checks import audit
from mgframe.auditing.matching import Audit, table_of
from mgframe.auditing.views import LISTING, Windows, questions_of, windows_of
from mgframe.client import Client
from mgframe.differing import differences
from mgframe.errors import QueryError
from mgframe.framing import meta_of, with_meta
from mgframe.joining import Inquiry, View, inquire
from mgframe.metrics_asking import refuse_forgotten
from mgframe.planning import client_of
from mgframe.timespan import Moment, Window, floor, json_time, resolve, shift

_DEFAULT_LAST = "14d"


def parity(frame_a: pd.DataFrame, frame_b: pd.DataFrame) -> pd.DataFrame:
    """List what is renamed, missing or redefined between two frames, and where values differ.

    For the same question to the Stats API and to the Metrics API, or any two frames of counts.

    Parameters
    ----------
    frame_a, frame_b : DataFrame
        Frames of counts. What they are about is read from their index, and from their attrs where
        these are kept.

    Returns
    -------
    DataFrame
        A plain table, empty where the frames are equal. ``attrs["mgframe"]["compared"]`` has how
        many rows and counts were compared. Columns:

        - `kind`: ``scope`` (another region, account, zone or width of buckets), ``renamed`` (a
          level), ``redefined`` (the name stays or seems to, the meaning does not), ``missing`` (a
          count or a level), ``rows`` (keys or buckets that one frame lacks), ``unknown`` (NA on one
          side, a number, zero too, on the other), ``differs``.
        - `what`: the level or the count.
        - `in_a`, `in_b`: what it is there: a name, examples of the rows, or the two values where
          they differ most; ``"-"`` for nothing.
        - `rows`: in how many rows.
        - `largest`: the largest absolute difference; for rows and unknown values the largest count
          that the other side lacks; NaN where nothing was compared.
        - `note`: why, or what changes in meaning.

    Raises
    ------
    FrameError
        An argument is no frame of counts.

    Notes
    -----
    Frames with buckets of another width, or with keys that mean something else, are not compared:
    a row says so. Between the two APIs a difference of unique counts or of hard bounces is
    ``redefined``. Source: Mailgun's OpenAPI document and its metric definitions.

    Examples
    --------
    >>> import mgframe as mg
    >>> client = mg.demo()
    >>> by = {"last": "7d", "client": client}
    >>> a = mg.grouped_totals("provider", events="opened", **by)
    >>> b = mg.metrics(["opened", "unique_opened"], by="recipient_domain", **by)
    >>> mg.parity(a, b)[["kind", "what", "in_a", "in_b", "note"]]
          kind      what      in_a              in_b                                     note
    0  renamed  provider  provider  recipient_domain  another name for the recipient's domain
    """
    return differences(frame_a, frame_b)


@inquire
def reconcile(
    *,
    last: str | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    period: str | None = None,
    progress: bool | None = None,
    client: Client | None = None,
) -> Inquiry:
    """Ask all views of the account about the same mail, and list where they disagree.

    The first thing to run on a live account. The Stats API, which it asks beside the Metrics API,
    is deprecated by Mailgun; it still answers.

    Parameters
    ----------
    last : str, optional
        So many complete days before the open one; without any window ``"14d"``.
    start, end, period : optional
        The window of days, as in :func:`mgframe.account_totals`; the open day is left out.
    progress : bool, optional
        Show a progress bar; by default on a terminal or in a notebook.
    client : Client, optional
        Whom to ask; by default a client made from the environment.

    Returns
    -------
    DataFrame
        A plain table, one row a breach, empty where all is well. Columns:

        - `check`: ``domains`` (their sum is the account's), ``each domain`` (asked one by one,
          grouped, and in the Metrics API), ``apis`` (Stats and Metrics), ``providers`` (their sum
          is the account's), ``hours`` (their sum is the day's), ``months`` (the days' sum is the
          last complete month's), ``tags`` (none has more than the account, all together have no
          less), ``rates`` (as reported, and computed from the counts), ``formulas`` (sent,
          processed and the like as reported, and added up).
        - `view_a`, `view_b`: what was compared.
        - `time`: the bucket (UTC), NaT where it is about no single one.
        - `key`, `count`: which domain or tag, and which count or rate.
        - `a`, `b`, `difference`: the two values and a - b, ``float64``.
        - `expected`: whether a known cause explains it, and `reason`: which.

        A view that could not be asked or read, and a rate that is no number, is a row too ("not
        compared", and why): one odd answer does not end what the others tell.
        ``attrs["mgframe"]`` has the proof behind an empty table: `compared` (how many numbers, by
        check), `unknown` (where only one side knew), `requests`, `window`, `unexplained`.

    Raises
    ------
    QueryError
        The window is none, or Mailgun has forgotten it; nothing was sent.
    MgframeError
        Nothing at all could be asked or read: the first error.

    Notes
    -----
    Expected are: unique counts over time (de-duplicated over 7 days) and across the APIs (counted
    per bot class); hours in the account's own time zone; small differences of buckets that late
    events still reach (8 hours for delivery, 3 days for engagement); mail of domains that are
    listed no more; hours and days that Mailgun has forgotten. Tags overlap, so they are compared by
    bounds alone. It takes about 30 requests, and one for each domain (``mg.plan(mg.reconcile)``),
    disabled ones included. Source: Mailgun's OpenAPI document, metric and rate definitions.

    Examples
    --------
    >>> import mgframe as mg
    >>> table = mg.reconcile(last="7d", client=mg.demo())
    >>> len(table), table.attrs["mgframe"]["compared"]["rates"]
    (0, 84)
    """
    client = client_of(client)
    if last is None and start is None and end is None and period is None:
        last = _DEFAULT_LAST
    days = resolve(
        start=start, end=end, last=last, period=period, duration=None, resolution="day", tz=None,
        partial=False, now=client.now(),
    )  # fmt: skip
    refuse_forgotten(days, client)
    now = pd.Timestamp(client.now())
    days = _complete_days(days, now)
    windows = windows_of(days, now)

    def finish(views: dict[str, View], requests: int) -> pd.DataFrame:
        _refuse_outage(views)
        found = audit(views, windows, now)
        return with_meta(table_of(found.breaches), _meta(client, found, windows, requests))

    follow_up = "one request for each domain, and for each further page"
    return Inquiry(client, questions_of(client, windows), finish, follow_up, progress)


def _complete_days(days: Window, now: pd.Timestamp) -> Window:
    """Return the window without the open day, whose numbers move between two requests."""
    last = min(days.end, shift(floor(now, "day"), -1, "day"))
    if last < days.start:
        raise QueryError(
            f"the window has no complete day: {days.start:%Y-%m-%d} is still open; begin earlier"
        )
    return replace(days, end=last)


def _refuse_outage(views: dict[str, View]) -> None:
    """Raise the first error where no view of the counts was answered."""
    counts = [view for name, view in views.items() if name != LISTING]
    if all(view.frame is None for view in counts):
        raise next(error for view in counts for error in view.errors.values())


def _meta(client: Client, found: Audit, windows: Windows, requests: int) -> dict[str, Any]:
    frames = [view.frame for view in found.views.values() if view.frame is not None]
    expected = [bool(value) for rows in found.breaches for value in rows["expected"]]
    return {
        "compared": {**found.compared, "all": sum(found.compared.values())},
        "unknown": found.unknown,
        "unexplained": expected.count(False),
        "requests": requests,
        "window": _edges(windows.days),
        "month": _edges(windows.month),
        "region": client.region,
        "fetched_at": json_time(client.now()),
        "simulated": any(meta_of(frame).get("simulated", False) for frame in frames),
        **({"replayed_from": client.replayed_from} if client.replayed_from else {}),
    }


def _edges(window: Window) -> list[str]:
    return [json_time(window.start), json_time(window.end)]
