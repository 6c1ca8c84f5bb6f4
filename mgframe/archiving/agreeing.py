"""Whether kept sums agree: with a fresh answer, and of two tracks with each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Final

import pandas as pd

from mgframe.archiving.findings import Findings, Part
from mgframe.archiving.libraries import told
from mgframe.archiving.scanning import scan
from mgframe.archiving.spans import Span, holding, within
from mgframe.archiving.tables import period_of
from mgframe.client import Client
from mgframe.errors import MgframeError
from mgframe.framing import is_simulated, kept_since, resolution_of
from mgframe.planning import Question, run
from mgframe.progress import Watch
from mgframe.timespan import bucket_ends, floor, shift
from mgframe.vocabulary import COUNTS, RESOLUTIONS

if TYPE_CHECKING:
    import duckdb

#: Keys that part the whole: each message has one value of each.
_PARTING: Final = frozenset({"account", "region", "domain", "subaccount", "provider",
                             "recipient_domain", "recipient_provider"})  # fmt: skip


def answered(
    connection: duckdb.DuckDBPyConnection,
    part: Part,
    client: Client,
    last: pd.Timedelta,
    found: Findings,
) -> None:
    """Compare a track's final sums with what Mailgun answers to the same question now."""
    track = part.track
    if track.api == "none":
        return
    width = "day" if track.resolution == "hour" else track.resolution
    asking = replace(track, resolution=width)
    now = pd.Timestamp(client.now()).tz_convert("UTC").as_unit("us")
    since = floor(now - last, width)
    since = min(since, shift(floor(now, width), -2, width)) if width == "month" else since
    since = max(since, kept_since(track.resolution, now))
    for start, until in within(_whole(part.table.state.final, width), since, now):
        start = start if start == floor(start, width) else shift(floor(start, width), 1, width)
        if start < until:
            _ask(connection, part, asking.question(client, start, until), (start, until), found)


def _ask(
    connection: duckdb.DuckDBPyConnection,
    part: Part,
    question: Question,
    span: Span,
    found: Findings,
) -> None:
    """Ask for a span and compare; what cannot be compared is noted."""
    said, watch = {"start": span[0], "until": span[1]}, Watch()
    try:
        frame = run(question, watch)
    except MgframeError as error:
        found.add(part.track, "not compared", note=str(error)[:300], **said)
        return
    finally:
        found.requests += watch.done
    if is_simulated(frame) != bool(part.table.state.simulated):
        note = "this client asks another account: one is simulated, the other is not"
        found.add(part.track, "not compared", note=note, **said)
        return
    width = resolution_of(frame)
    sums = _sums(connection, part, [span], width), _of_frame(frame)
    note = "Mailgun says otherwise now; import_frame or a new track takes its answer"
    _compare(found, part, "api", sums, width, width != part.track.resolution, note=note)


def between(connection: duckdb.DuckDBPyConnection, parts: Sequence[Part], found: Findings) -> None:
    """Compare the sums of tracks that keep the same counts of the same mail."""
    for one, other in combinations(parts, 2):
        if not _comparable(one, other):
            continue
        width = max(one.track.resolution, other.track.resolution, key=RESOLUTIONS.index)
        spans = [
            span
            for start, until in _whole(one.table.state.final, width)
            for span in within(_whole(other.table.state.final, width), start, until)
        ]
        if not spans:
            continue
        sums = _sums(connection, one, spans, width), _sums(connection, other, spans, width)
        name = other.track.name
        coarser = one.track.resolution != other.track.resolution
        _compare(found, one, "tracks", sums, width, coarser, what=name, note=f"{name} has another")


def _comparable(one: Part, other: Part) -> bool:
    a, b = one.track, other.track
    same = all(
        getattr(a, name) == getattr(b, name) for name in ("api", "where", "regions", "subaccounts")
    )
    return same and a.api != "none" and {*a.levels, *b.levels} <= _PARTING


def _whole(spans: Iterable[Span], width: str) -> list[Span]:
    """Return the spans without the buckets of that width that they hold a part of."""
    cut = [
        (start if floor(start, width) == start else shift(floor(start, width), 1, width),
         floor(until, width))
        for start, until in spans
    ]  # fmt: skip
    return [(start, until) for start, until in cut if start < until]


def _sums(
    connection: duckdb.DuckDBPyConnection, part: Part, spans: Sequence[Span], width: str
) -> pd.DataFrame:
    """Return the kept sums by bucket of a width; NA where a part is unknown."""
    table, resolution = part.table, part.track.resolution
    counts = table.counts
    ends = spans[0][0], spans[-1][1]
    scan(connection, table, "rows", *(period_of(moment, resolution) for moment in ends))
    each = "".join(
        f', CASE WHEN count(*) = count("{name}") THEN CAST(sum("{name}") AS BIGINT) END AS "{name}"'
        for name in counts
    )
    with told(table.where, "adding up"):
        flat = connection.execute(
            f"SELECT date_trunc('{width}', time) AS bucket{each} FROM rows "
            "WHERE time >= ? AND time < ? GROUP BY bucket ORDER BY bucket",
            list(ends),
        ).df()
    types = {"bucket": "datetime64[us, UTC]", **dict.fromkeys(counts, "Int64")}
    sums = flat.astype(types).set_index("bucket")
    times = pd.DatetimeIndex(sums.index)
    return sums[holding(times, spans) >= 0]


def _of_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame's sums by bucket; NA where a part is unknown."""
    groups = frame.index.get_level_values("time")
    sums = frame.astype("Int64").groupby(groups).sum()
    return sums.mask(frame.isna().groupby(groups).any())


def _compare(
    found: Findings,
    part: Part,
    check: str,
    sums: tuple[pd.DataFrame, pd.DataFrame],
    width: str,
    coarser: bool,
    **said: str,
) -> None:
    """Note where two sums differ; a bucket that one of them lacks is 0 there."""
    kept, other = sums
    counts = [
        name
        for name in kept.columns
        if name in other.columns and not (coarser and _is_unique(str(name)))
    ]
    times = pd.DatetimeIndex(kept.index.union(other.index))
    kept, other = (one.reindex(times, fill_value=0)[counts] for one in (kept, other))
    found.compared(check, int((kept.notna() & other.notna()).to_numpy().sum()))
    ends = pd.Series(bucket_ends(times, width), index=times)
    for name in counts:
        a, b = kept[name], other[name]
        rows = pd.DataFrame({"kept": a, "answered": b, "difference": a - b})
        rows = rows[(rows["difference"] != 0).fillna(False).astype("bool")]
        late = (rows["difference"].abs() * 100 <= rows["answered"]) & (
            (rows["difference"] < 0) | (check == "tracks")
        )
        rows = rows.assign(start=rows.index, until=ends[rows.index], expected=late, count=name)
        found.add_sums(part.track, check, rows, **said)


def _is_unique(name: str) -> bool:
    return name in COUNTS and COUNTS[name].unique
