"""What went wrong in an account: where, since when, how badly, and what to look at first."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd

from mgframe.analysis.causes import check_failures, leading_cause, with_causes
from mgframe.analysis.collecting import LIMIT, chance, collect
from mgframe.analysis.cubes import ALONE
from mgframe.analysis.describing import Finding
from mgframe.analysis.discoveries import q_values
from mgframe.analysis.kinds import folded, mixes, with_kind
from mgframe.analysis.metrics import METRICS
from mgframe.analysis.neighbours import neighbours, quiet_words
from mgframe.analysis.noting import notes_of
from mgframe.analysis.reading import Frames, account_of, frames_listed, read_account
from mgframe.analysis.rereading import Row, read_row
from mgframe.analysis.slices import Account
from mgframe.analysis.spans import read_days
from mgframe.analysis.wording import next_check, sentence, where_text
from mgframe.dividing import Floats, span_hours
from mgframe.errors import FrameError, QueryError, warn
from mgframe.framing import is_simulated, meta_of, with_meta
from mgframe.timespan import Moment, json_time

#: So many days with mail must be known before anything can be said.
LEAST_DAYS: Final = 28

#: The columns of the table of findings, with their types.
COLUMNS: Final = {
    "kind": "str", "metric": "str", "where": "str", "keys": "str", "start": "time", "end": "time",
    "start_low": "time", "start_high": "time", "ongoing": "bool", "n": "float64", "k": "float64",
    "expected": "float64", "before": "float64", "during": "float64", "change": "float64",
    "change_low": "float64", "change_high": "float64", "excess": "float64", "share": "float64",
    "q_value": "float64", "score": "float64", "cause": "str", "next_check": "str",
    "sentence": "str",
}  # fmt: skip


def investigate(
    frames: Frames,
    *,
    within: str = "35d",
    failures: pd.DataFrame | None = None,
    notes: bool = False,
    limit: float = LIMIT,
    holidays: Sequence[Moment] | None = None,
    until: Moment | None = None,
) -> pd.DataFrame:
    """Return what went wrong in frames, as :func:`mgframe.investigate` does; nothing is asked.

    Parameters
    ----------
    frames, within, failures, notes, limit, holidays, until
        As there.

    Returns
    -------
    DataFrame
        A plain table with the columns that are told there.

    Raises
    ------
    QueryError, FrameError
        As there.

    Examples
    --------
    >>> import mgframe as mg
    >>> frame = mg.metrics(by=["domain", "recipient_provider"], last="90d", client=mg.demo())
    >>> found = investigate(frame)
    >>> found.loc[0, ["kind", "where"]].tolist()
    ['rate', 'domain=news.example.com & recipient_provider=Gmail']
    """
    days = check_options(within=within, limit=limit, failures=failures, holidays=holidays)
    account = read_account(frames, holidays=holidays, until=until)
    refusal = ["the frames have no rows"] if account is None else _cannot(account, frames)
    if account is None or refusal:
        # An empty table alone would read as "nothing went wrong".
        warn(f"cannot tell, because {refusal[0]}")
        return _table([], [], account, np.zeros(0), refusal, frames)
    scan = collect(account, limit=limit, since=max(len(account.times) - days, 0))
    found = folded(
        [with_kind(account, one) for one in (*scan.findings, *mixes(account, scan.since))]
    )
    found = _with_q(found, scan.p)
    rows = [_row(account, one) for one in found]
    extra = notes_of(account, scan, COLUMNS) if notes else []
    table = _table(rows, extra, account, scan.p, _limits_of(account), frames)
    return with_causes(table, lambda row: leading_cause(row, failures))


def check_options(*, within: object, limit: object, failures: object, holidays: Any) -> int:
    """Return how many days `within` is, once it is sure that the options are right."""
    _read_limit(limit)
    check_failures(failures)
    read_days(holidays)
    return _days(within)


def _days(within: object) -> int:
    if not isinstance(within, str):
        raise QueryError(f"within={within!r} must be a span of days, such as '35d'")
    hours = span_hours(within, argument="within")
    if hours % 24:
        raise QueryError(f"within={within!r} must be whole days, such as '35d'")
    return hours // 24


def _read_limit(limit: object) -> None:
    if isinstance(limit, bool) or not isinstance(limit, (int, float)) or not limit > 0:
        raise QueryError(f"limit={limit!r} must be a number of standard deviations, such as 4.7")


def _cannot(account: Account, frames: Frames) -> list[str]:
    """Return why nothing can be said at all; raise where the frames lack what is looked at."""
    given = [metric for metric in METRICS if account.gives(metric)]
    if not given:
        needed = sorted({name for m in METRICS for name in (m.numerator, m.denominator)})
        way = "archive.track('NAME', counts, ...) keeps" if _are_kept(frames) else "fetch"
        by = "" if _are_kept(frames) else " with mg.metrics()"
        raise FrameError(
            f"no frame has both counts of a rate that is looked at; {way} these{by}: "
            f"{', '.join(needed)}"
        )
    stacks = [account.stack(metric) for metric in given if not metric.late and not metric.bots]
    stacks = stacks or [account.stack(metric) for metric in given]
    mailing = max((int((stack.n > 0).sum(axis=1).max(initial=0)) for stack in stacks), default=0)
    if mailing == 0:
        return ["no day has mail whose counts are known"]
    if mailing < LEAST_DAYS:
        return [
            f"the busiest slice has {mailing} complete days with mail, too few to know what is "
            f"usual: {LEAST_DAYS} are needed"
            + ("; the archive has fewer" if _are_kept(frames) else "; fetch last='90d'")
        ]
    return []


def _are_kept(frames: Frames) -> bool:
    """Return whether frames come from an archive, where what was not kept cannot be fetched."""
    listed = [frames] if isinstance(frames, pd.DataFrame) else frames
    return any("track" in meta_of(frame) for frame in listed)


def _limits_of(account: Account) -> list[str]:
    """Return what the frames cannot tell."""
    told = []
    if not any(ALONE not in table.levels for table in account.tables):
        told.append("no frame has two keys, so no place is narrower than one key")
    missing = sorted({m.rate for m in METRICS if not m.bots and not account.gives(m)})
    if missing:
        told.append(f"counts are missing for {', '.join(missing)}")
    if not any("bot" in table.levels for table in account.tables):
        told.append("no frame has the key 'bot', so opens by machines cannot be told apart")
    return told


def _with_q(found: Sequence[Finding], p: Floats) -> list[Finding]:
    """Return the findings with Benjamini and Hochberg's q over all series."""
    if not found:
        return []
    own = np.array([float(chance(np.array([one.z]))[0]) for one in found])
    q = q_values(np.clip(np.concatenate([own, p]), 1e-300, 1.0))[: len(own)]
    return [replace(one, q=float(value)) for one, value in zip(found, q, strict=True)]


# ---------------------------------------------------------------- rows


def _row(account: Account, finding: Finding) -> dict[str, Any]:
    times = account.times
    quiet = quiet_words(account, finding)
    return {
        "kind": finding.kind,
        "metric": finding.metric.rate,
        "where": where_text(finding.where),
        "keys": json.dumps({level: list(names) for level, names in finding.where.items()}),
        "start": times[finding.start],
        "end": times[finding.stop - 1],
        "start_low": times[finding.lowest],
        "start_high": times[finding.highest],
        "ongoing": finding.ongoing,
        "n": finding.n,
        "k": finding.k,
        "expected": finding.expected,
        "before": finding.before,
        "during": finding.during,
        "change": finding.change,
        "change_low": finding.low,
        "change_high": finding.high,
        "excess": finding.excess,
        "share": finding.share,
        "q_value": finding.q,
        "score": finding.score,
        "cause": "",
        "next_check": next_check(finding, times),
        "sentence": sentence(finding, times, quiet),
    }


def _table(
    rows: Sequence[Mapping[str, Any]],
    extra: Sequence[Mapping[str, Any]],
    account: Account | None,
    p: Floats,
    cannot_tell: Sequence[str],
    frames: Frames,
) -> pd.DataFrame:
    every = [*rows, *extra]
    columns = {}
    for name, dtype in COLUMNS.items():
        values = [row[name] for row in every]
        if dtype == "time":
            moments = pd.DatetimeIndex(pd.to_datetime(pd.Series(values, dtype="object"), utc=True))
            columns[name] = pd.Series(moments.as_unit("us"))
        else:
            columns[name] = pd.Series(values, dtype=dtype)
    table = pd.DataFrame(columns)
    return with_meta(table, _meta(account, frames) | {
        "analysis": "investigate",
        "series": len(p),
        "cannot_tell": list(cannot_tell),
    })  # fmt: skip


def _meta(account: Account | None, frames: Frames) -> dict[str, Any]:
    """Return what is known of the frames: region and time of the first one, and their days."""
    listed = frames_listed(frames)
    first = meta_of(listed[0])
    meta: dict[str, Any] = {key: first[key] for key in ("region", "fetched_at") if key in first}
    if account is not None:
        edges = (account.times[0], account.times[-1] + pd.Timedelta(days=1))
        meta["window"] = [json_time(edge) for edge in edges]
    return {**meta, "simulated": any(is_simulated(frame) for frame in listed)}


def siblings(
    frames: Frames,
    finding: Row,
    *,
    holidays: Sequence[Moment] | None = None,
    until: Moment | None = None,
) -> pd.DataFrame:
    """Return what else was looked at on the days of a finding, and whether it moved too.

    Parameters
    ----------
    frames : DataFrame or list of them
        The frames that were investigated.
    finding : Series or mapping
        A row of :func:`mgframe.investigate`.
    holidays, until
        As there.

    Returns
    -------
    DataFrame
        A plain table, one row for each key beside those of the finding, level by level, the others
        held: ``level``, ``key``, ``where`` (texts), ``n``, ``k``, ``expected``, ``before``,
        ``during``, ``change``, ``change_low``, ``change_high`` (95 %), ``z``, ``moved`` (bool).

    Raises
    ------
    QueryError
        `finding` is no row of findings.
    FrameError
        As for :func:`mgframe.investigate`.

    Examples
    --------
    >>> import mgframe as mg
    >>> client = mg.demo()
    >>> frames = [mg.metrics(by=by, last="90d", client=client)
    ...           for by in (["domain", "recipient_provider"], ["domain", "tag"])]
    >>> found = investigate(frames)
    >>> table = siblings(frames, found.loc[0])
    >>> sorted(set(table["level"]))
    ['domain', 'recipient_provider']
    """
    told = read_row(finding)
    account = account_of(frames, holidays=holidays, until=until)
    return neighbours(account, *told.known_in(account), *told.days_in(account))
