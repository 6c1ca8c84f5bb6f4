"""What went wrong in an account: the frames that it takes, fetched or given, and their findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Final

import pandas as pd

from mgframe.analysis.causes import with_causes
from mgframe.analysis.collecting import LIMIT
from mgframe.analysis.investigating import check_options
from mgframe.analysis.investigating import investigate as analyse
from mgframe.analysis.metrics import METRICS
from mgframe.analysis.reading import Frames
from mgframe.archiving.archive import Archive
from mgframe.cause_asking import MOST_FINDINGS, ask_causes, is_refusal
from mgframe.client import Client
from mgframe.errors import MgframeError, QueryError
from mgframe.framing import meta_of, with_meta
from mgframe.joining import Inquiry, View, ask_together, inquire
from mgframe.planning import Question
from mgframe.sourcing import Source, source_of
from mgframe.timespan import Moment

DEFAULT_LAST: Final = "90d"

#: Every two keys that are looked at together: the Metrics API gives no three by day.
PAIRS: Final = (
    ("domain", "recipient_provider"),
    ("domain", "tag"),
    ("recipient_provider", "tag"),
    ("domain", "ip"),
    ("recipient_provider", "ip"),
    ("recipient_provider", "bot"),
)


_FOLLOW_UP: Final = (
    "one request for each further page of rows, and some for the causes of "
    f"{MOST_FINDINGS} findings at most"
)


@inquire
def investigate(
    frames: Frames | None = None,
    *,
    last: str | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    period: str | None = None,
    within: str = "35d",
    failures: pd.DataFrame | None = None,
    notes: bool = False,
    limit: float = LIMIT,
    holidays: Sequence[Moment] | None = None,
    until: Moment | None = None,
    progress: bool | None = None,
    archive: Archive | None = None,
    client: Client | None = None,
) -> Inquiry | pd.DataFrame:
    """Return what went wrong, best first: one row an incident, at the smallest place that holds it.

    Parameters
    ----------
    frames : DataFrame or list of them, optional
        Frames of counts in days (hours are summed) of the same window, each by one key or two.
        Left out, they are fetched: domain by recipient_provider, domain by tag, recipient_provider
        by tag, domain by ip, recipient_provider by ip, and recipient_provider by bot, six requests
        of at most 1,500 rows and one for each further page. Of an archive it takes those that its
        tracks can tell, and a key alone where no track tells two.
    last : str, optional
        So many complete days to fetch; without any window ``"90d"``. Of an archive they can be any,
        such as ``"14m"``.
    start, end, period : optional
        The window of days to fetch, as in :func:`mgframe.metrics`.
    within : str, default "35d"
        Incidents that began in so many days before the end are looked for, in d or w.
    failures : DataFrame, optional
        A table of :func:`mgframe.failures` or a frame of :func:`mgframe.bounce_classification`,
        from which the leading cause at a place is named; of the place and its days, else it tells
        nothing.
    notes : bool, default False
        Add rows of kind ``"note"`` for what is no incident: changes of volume, rates that got
        better, the open bucket.
    limit : float, default 4.7
        How far an incident must lie from chance, as a normal deviate; rates that jump by
        themselves (deferrals, opens, clicks) and single days must lie further. Another mix, and a
        rate that got better (`notes`), have limits of their own.
    holidays : list of dates, optional
        Days that are neither learnt from nor judged.
    until : str or datetime, optional
        Until when (exclusive) buckets are complete; from attrs where left out.
    progress : bool, optional
        Show a progress bar; by default on a terminal or in a notebook.
    archive : Archive, optional
        Where the frames come from; now is then when it was last kept. Without a client nothing is
        sent.
    client : Client, optional
        Whom to ask, for frames and for causes; without `frames` and `archive` by default a client
        made from the environment. With one of them it is asked for causes alone.

    Returns
    -------
    DataFrame
        A plain table with these columns:

        - `kind`: ``rate`` (something got worse), ``mix`` (the mix of mail changed),
          ``tracking`` (opens and clicks fell alike, as if not counted), ``bots`` (machines open or
          click more).
        - `metric`: the rate's name; `where`: the place as text; `keys`: the same as JSON text,
          level to list of keys, ``{}`` for the whole account.
        - `start`, `end`: first and last affected day (UTC); `start_low`, `start_high`: the first
          and last day of the 90 % set of the start; `ongoing`: whether it lasts.
        - `n`, `k`, `expected`: messages, counted and expected events on these days (of rates of
          what comes late `n` is how many deliveries the days' events come from, no whole number).
        - `before`, `during`, `change`, `change_low`, `change_high`: rates as fractions, and the
          change with its 95 % interval; `excess`: how many messages fared worse than expected;
          `share`: of the whole account's departure on these days, NaN where that has another sign.
        - `q_value`: Benjamini and Hochberg's, over all series looked at; `score`: what the rows
          are sorted by: how sure it is, times log(1 + excess), half as much again where it lasts.
        - `cause`: the leading failure there, with its codes and what they mean (empty where not
          known); `next_check`: what to look at first; `sentence`: all of it, to be forwarded.

        Of a ``mix`` the rate, which may also have risen, is the whole account's, and counts and
        rates are what the usual rates of its parts give for each day's mail: `excess` is how many
        messages fared otherwise, `share` NaN. Of ``bots`` events are those of machines alone, and
        where a domain is named its part of a provider's is an estimate. A ``note`` has no dates
        of the start, no `q_value`, and `excess` below 0 where a rate got better.

        Consequences are folded into the row of their cause. ``attrs["mgframe"]`` has `series` (how
        many were looked at), `cannot_tell` (what could not be judged, and why), `requests`.
        :func:`mgframe.show` shows a row with what is behind it.

    Raises
    ------
    ConfigurationError
        None of `frames`, `archive` and `client` is given, and the environment has no key.
    QueryError
        An argument is wrong, or frames and a window or an archive are given, or no track of the
        archive tells any of these keys; nothing was sent.
    ArchiveError
        The archive holds nothing yet, or cannot be read.
    FrameError
        A frame has no time, more than two keys or buckets longer than days; two frames have the
        same keys, other days or another zone; no frame has both counts of any rate that is looked
        at; or it is not known until when they are complete.
    ApiError, TransportError, ResponseError
        A frame could not be fetched. A pair of keys that Mailgun refuses to tell, or that no track
        keeps, is left out, and `cannot_tell` says so; all refused raise the first error.

    Notes
    -----
    Each slice (a domain, a provider, a tag, an IP, the account) of each rate is compared with what
    the usual rates of its cells give for the day's mix of mail. The strongest interval of days is
    taken where it lies `limit` standard deviations from what the slice strays by itself and reaches
    the smallest effect that matters. Its place is the one under which the counts of all tables are
    the most likely, a short description before a long one; what it explains is taken from the
    others, and the search goes on. Machines are looked at by class, and put down to a domain where
    all opens tell which.

    A client is asked for the cause of the first three findings about failed deliveries: the newest
    500 log lines of the place and its days, where Mailgun still keeps them (1 to 30 days, by plan),
    else its bounce classification. Where that fails the cause is empty, and `cannot_tell` says why.

    Examples
    --------
    >>> import mgframe as mg
    >>> client = mg.demo()
    >>> found = mg.investigate(last="90d", client=client)
    >>> found.loc[0, ["kind", "where"]].tolist()
    ['rate', 'domain=news.example.com & recipient_provider=Gmail']
    >>> print(found.loc[0, "cause"])
    espblock 550 5.7.26: Unauthenticated: neither SPF nor DKIM passes, or ...

    Of frames that are there already, with nothing sent:

    >>> frames = [mg.metrics(by=by, last="90d", client=client)
    ...           for by in (["domain", "recipient_provider"], ["domain", "tag"])]
    >>> mg.investigate(frames).loc[0, "metric"]
    'block_rate'
    """
    check_options(within=within, limit=limit, failures=failures, holidays=holidays)
    window = {"last": last, "start": start, "end": end, "period": period}
    options: dict[str, Any] = {
        "within": within, "failures": failures, "notes": notes, "limit": limit,
        "holidays": holidays, "until": until,
    }  # fmt: skip
    if frames is not None:
        refuse_window({**window, "archive": archive})
        if client is None:
            return analyse(frames, **options)
    source = source_of(client, archive)
    asks = client if archive is not None else source.client

    def finish(views: dict[str, View], requests: int) -> pd.DataFrame:
        given, refused = (frames, []) if frames is not None else frames_of(views)
        found = analyse(given, **options)
        return _with_asked_causes(asks, found, refused, requests, progress)

    questions = {} if frames is not None else questions_of(source, window)
    return Inquiry(asks or source.client, questions, finish, _FOLLOW_UP if asks else "", progress)


def refuse_window(window: Mapping[str, object]) -> None:
    """Raise :class:`QueryError` for a window, or where to fetch it from, beside frames."""
    given = [name for name, value in window.items() if value is not None]
    if given:
        raise QueryError(
            f"{given[0]}= says what to fetch, but frames are given; leave one of them out"
        )


def questions_of(source: Source, window: Mapping[str, Any]) -> dict[str, Question]:
    """Return the question of every pair of keys, all about the same days."""
    if all(value is None for value in window.values()):
        window = {"last": DEFAULT_LAST}
    days = source.window("day", **window)
    edges: dict[str, Any] = {"start": days.start, "end": days.end, "resolution": "day"}
    return {
        " by ".join(keys): source.question(counts_of(keys), by=keys, **edges)
        for keys in (*PAIRS, *_singles(source))
    }


def _singles(source: Source) -> list[tuple[str, ...]]:
    """Return the keys that are told by themselves alone; in no pair can they be looked at."""
    told = {key for pair in PAIRS if source.gives(pair, "day") for key in pair}
    rest = dict.fromkeys(key for pair in PAIRS for key in pair if key not in told)
    return [(key,) for key in rest if source.gives((key,), "day")]


def counts_of(keys: Sequence[str]) -> list[str]:
    """Return the counts that are looked at by some keys; deliveries to a bot there are none."""
    bots = "bot" in keys
    sides = ((m.numerator, *(() if bots else (m.denominator,))) for m in METRICS if m.bots == bots)
    return list(dict.fromkeys(chain.from_iterable(sides)))


def frames_of(views: Mapping[str, View]) -> tuple[list[pd.DataFrame], list[str]]:
    """Return the frames of the pairs, and in words which ones Mailgun refuses to tell.

    Raises
    ------
    MgframeError
        An answer did not come or cannot be read, or every pair is refused.
    """
    errors = {name: _error(view) for name, view in views.items() if view.frame is None}
    outages = [error for error in errors.values() if not _is_no(error)]
    if outages or len(errors) == len(views):
        raise (outages or list(errors.values()))[0]
    frames = [view.frame for view in views.values() if view.frame is not None]
    return frames, [
        str(error) if isinstance(error, QueryError) else f"{name} is refused: {error}"
        for name, error in errors.items()
    ]


def _is_no(error: MgframeError) -> bool:
    """Return whether an answer was no, by Mailgun or by an archive; all else is an outage."""
    return is_refusal(error) or isinstance(error, QueryError)


def fetch_frames(
    client: Client, window: Mapping[str, Any], *, progress: bool | None = None
) -> list[pd.DataFrame]:
    """Return the frames that an investigation looks at."""
    questions = questions_of(source_of(client, None), window)
    views, _ = ask_together(client, questions, progress=progress)
    return frames_of(views)[0]


def _error(view: View) -> MgframeError:
    return next(iter(view.errors.values()))


def _with_asked_causes(
    client: Client | None,
    found: pd.DataFrame,
    refused: list[str],
    requests: int,
    progress: bool | None,
) -> pd.DataFrame:
    """Return the findings with their causes, where there is somebody to ask for them."""
    learnt, more = ({}, 0) if client is None else ask_causes(client, found, progress=progress)
    causes = {label: one.cause for label, one in learnt.items()}
    untold = [
        f"no cause of {found.loc[label, 'where']}: {one.why}"
        for label, one in learnt.items()
        if not one.cause
    ]
    meta = meta_of(found)
    told = {
        "cannot_tell": [*refused, *untold, *meta["cannot_tell"]],
        "requests": requests + more,
    }
    table = with_causes(found, lambda row: causes.get(row.name, ""))
    return with_meta(table, {**meta, **told})
