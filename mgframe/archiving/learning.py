"""`Archive.settling`: how long counts keep moving, as it was seen; and the lags a sync learns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from mgframe.archiving.changes import Commit, commits, feed
from mgframe.archiving.libraries import database, told
from mgframe.archiving.spans import Span, holding, without
from mgframe.archiving.states import State
from mgframe.archiving.stores import Store
from mgframe.archiving.tables import Table
from mgframe.archiving.tracks import Track
from mgframe.framing import with_meta
from mgframe.settling import lag_of
from mgframe.timespan import Moment, bucket_ends, json_time, read_moment
from mgframe.vocabulary import COUNTS, DELIVERY_LAG_HOURS

#: A count has settled where its sum is within one part in so many of the final one.
_PART: Final = 100
#: A bucket whose first read is older says nothing of its first hours.
_YOUNG_HOURS: Final = 24
#: What changed between two reads further apart may have changed at any moment between them.
_APART: Final = pd.Timedelta(days=2)
#: So little teaches nothing: the usual lag stays.
_LEAST_EVENTS, _LEAST_BUCKETS = 200, 24
#: What is learnt is taken half as long again, so that a lag which cuts changes off grows.
_MARGIN: Final = 1.5
_LONGEST_HOURS: Final = 30 * 24
_WINDOW: Final = pd.Timedelta(days=60)
_EVERY: Final = pd.Timedelta(days=7)

Integers = np.ndarray[Any, np.dtype[np.int64]]
Floats = np.ndarray[Any, np.dtype[np.float64]]


def settling(archive: Store, name: str, since: Moment | None = None) -> pd.DataFrame:
    """Return how long each count took to reach 99 % of its final value.

    :meth:`Archive.sync` learns from it for how long to read buckets again, and
    :func:`mgframe.settled` takes it as ``lag=``.

    Parameters
    ----------
    name : str
        The track.
    since : str or datetime, optional
        Only from what was read after that moment; by default from all that is kept.

    Returns
    -------
    DataFrame
        One row a count of which enough is known, in the columns' order; index `count`. Columns:

        - `hours`: the age, in hours since the bucket's end, from which on 99 % was known,
          ``float64``. An upper bound: a bucket changes between two reads, and is seen to have
          changed at the second.
        - `first_share`: the share of the final sum that was known at the first read, ``float64``.
        - `buckets`: on how many buckets `hours` rests.
        - `final`: the final sum of these, ``Int64``. A share of few events says little.
        - `lag`: `hours` rounded up, as ``settled(lag=...)`` takes it: ``"30h"``.

    Raises
    ------
    QueryError
        There is no such track, or `since` is no moment.
    ArchiveError
        The table cannot be read.

    Notes
    -----
    For a bucket b of final value F(b), first read at the age f(b), with v(b, a) as read last at
    the age a or before::

        known(a) = sum of v(b, a) over f(b) <= a / sum of F(b) over f(b) <= a
        hours    = the least a with |known(x) - 1| <= 1 % for every x >= a

    A bucket counts where it was still moving when it was first read, at most 24 hours old, and is
    final now. What was fetched when it was final already, and what was imported, teaches nothing
    of how it came to be; nor does a bucket with a part that is or was unknown, or one that changed
    between two reads more than two days apart, for nobody saw when.

    Examples
    --------
    >>> import tempfile, pandas as pd, mgframe as mg
    >>> archive = mg.Archive(tempfile.mkdtemp())
    >>> archive.track("days", ["delivered", "opened"], by="domain", start="2026-11-08")
    >>> for day in ("2026-11-10 09:30", "2026-11-16 09:30"):
    ...     _ = archive.sync(client=mg.demo(now=pd.Timestamp(day, tz="UTC")))
    >>> seen = archive.settling("days")  # all was known when it was read first
    >>> seen
               hours  first_share  buckets  final  lag
    count
    delivered    9.5          1.0        1  21219  10h
    opened       9.5          1.0        1  10509  10h
    >>> df = mg.domain_totals(last="3d", client=mg.demo())
    >>> settled = df.mg.settled(lag=dict(seen["lag"]))
    >>> int(settled["opened"].isna().sum())  # yesterday of three domains, at 9:30
    3
    """
    moment = None if since is None else read_moment(since, argument="since")
    table = archive.table(name)
    found = _settled(table, archive.named(name), moment)
    meta = {"track": name, "simulated": bool(table.state.simulated)}
    if moment is not None:
        meta["since"] = json_time(moment)
    return with_meta(found, meta)


def learn(table: Table, track: Track, now: pd.Timestamp) -> dict[str, float]:
    """Return for each count of a track after how many hours it is to be taken as final.

    Half as long again as it was seen to move in the last 60 days, 8 hours at least and 30 days at
    most; the usual lag where fewer than 200 events or 24 buckets were seen, and nothing where that
    is so of all counts. A derived count waits for its slowest part. Only the commits of these days
    are read, whatever else is kept.
    """
    seen = _settled(table, track, now - _WINDOW)
    enough = seen[(seen["final"] >= _LEAST_EVENTS) & (seen["buckets"] >= _LEAST_BUCKETS)]
    known = {
        str(count): _bounded(math.ceil(hours * _MARGIN))
        for count, hours in enough["hours"].items()
        if not (str(count) in COUNTS and COUNTS[str(count)].terms)
    }
    if not known:  # with the usual lag of deliveries, a day may never be seen to move
        return {}
    return {name: float(lag_of(name, known)) for name in table.counts}


def learnt(state: State, table: Table, track: Track, now: pd.Timestamp) -> State:
    """Return a state with lags that are a week old at most; `table` is where they are learnt."""
    if state.lags_at is not None and state.lags_at <= now < state.lags_at + _EVERY:
        return state
    return replace(state, lags=learn(table, track, now), lags_at=now)


def _bounded(hours: int) -> int:
    return min(max(hours, DELIVERY_LAG_HOURS), _LONGEST_HOURS)


def _settled(table: Table, track: Track, since: pd.Timestamp | None) -> pd.DataFrame:
    made = commits(table, since)
    flows = _flows(table, made)
    counts = table.counts
    kept = _Buckets.of(flows, made, table.state, track.resolution)
    rows = [row for name in counts if (row := kept.settled(name)) is not None]
    columns = ["count", "hours", "first_share", "buckets", "final", "lag"]
    found = pd.DataFrame(rows, columns=columns).set_index("count")
    whole = {"buckets": "Int64", "final": "Int64"}
    return found.astype({"hours": "float64", "first_share": "float64", **whole})


def _flows(table: Table, made: Sequence[Commit]) -> pd.DataFrame:
    """Return what each version added to each bucket's counts, and where it left one unknown."""
    counts = table.counts
    sums = "".join(
        f', CAST(sum(sign * coalesce("{name}", 0)) AS BIGINT) AS "{name}"'
        f', bool_or("{name}" IS NULL) AS "{name}?"'
        for name in counts
    )
    with database() as connection, told(table.where, "reading what changed"):
        feed(connection, table, made, "feed")
        flows: pd.DataFrame = connection.sql(
            f"SELECT time, _commit_version AS version{sums} FROM (SELECT *, CASE WHEN _change_type "
            "IN ('update_preimage', 'delete') THEN -1 ELSE 1 END AS sign FROM feed) "
            "GROUP BY time, version ORDER BY time, version"
        ).df()
    return flows.astype({"time": "datetime64[us, UTC]"})


@dataclass(frozen=True)
class _Buckets:
    """The flows into buckets that teach something; in the order of time and version.

    `age` is how old the bucket was, in hours; `bucket` numbers them, and `first` is the age at the
    first read.
    """

    flows: pd.DataFrame
    bucket: Integers
    age: Floats
    first: Floats

    @classmethod
    def of(
        cls, flows: pd.DataFrame, made: Sequence[Commit], state: State, resolution: str
    ) -> _Buckets:
        """Leave out buckets that were old or final when they were first read, or still move."""
        begun = [(span, commit) for commit in made for span in _begun(commit)]
        imports = [commit.version for commit in made if commit.state.kind == "import"]
        moments = {c.version: c.state.at for c in made if c.state.at is not None}
        flows = flows[flows["version"].isin(list(moments))]
        imported = flows["time"].isin(flows["time"][flows["version"].isin(imports)])
        times = pd.DatetimeIndex(flows["time"])
        at = holding(times, [span for span, _ in begun])
        unseen = flows["time"].isin(_changed_unseen(flows, made))
        inside = (at >= 0) & (holding(times, state.final) >= 0) & ~(imported | unseen).to_numpy()
        rows, at = flows[inside], at[inside]
        firsts = pd.DatetimeIndex([c.state.at for _, c in begun], tz="UTC").as_unit("us")
        ends = bucket_ends(pd.DatetimeIndex(rows["time"]), resolution)
        read = pd.DatetimeIndex(rows["version"].map(moments), tz="UTC").as_unit("us")
        first = _hours(firsts.take(at), ends)
        young = first <= _YOUNG_HOURS
        bucket, _ = pd.factorize(rows["time"][young])
        return cls(rows[young], bucket, _hours(read, ends)[young], first[young])

    def settled(self, count: str) -> tuple[str, float, float, int, int, str] | None:
        """Return a count's row of :func:`settling`; None where nothing is known of it."""
        size = int(self.bucket.max(initial=-1)) + 1
        unknown = np.zeros(size, dtype=np.bool_)
        unknown[self.bucket[self.flows[f"{count}?"].to_numpy(dtype="bool")]] = True
        rows = ~unknown[self.bucket]
        bucket, age, first = self.bucket[rows], self.age[rows], self.first[rows]
        flow = self.flows[count].to_numpy(dtype="int64")[rows]
        final, begun = np.zeros(size, dtype="int64"), np.zeros(size)
        np.add.at(final, bucket, flow)
        begun[bucket] = first
        if not final.any():
            return None
        hours = _settled_at(age, flow, begun[final > 0], final[final > 0])
        rests = (final > 0) & (begun <= hours)
        share = float(flow[age <= first].sum() / final.sum())
        lag = f"{max(1, math.ceil(hours))}h"
        return count, hours, share, int(rests.sum()), int(final[rests].sum()), lag


def _begun(commit: Commit) -> list[Span]:
    """Return the spans that a commit read first, and that could still change then."""
    if commit.state.kind == "import":
        return []
    moving = [r.span for r in commit.state.reads if r.at is not None and not r.doubted]
    return without(moving, commit.before.covered)


def _changed_unseen(flows: pd.DataFrame, made: Sequence[Commit]) -> pd.Series[Any]:
    """Return the buckets that changed in a commit long after the one before it."""
    late = [
        commit.version
        for commit in made
        if commit.state.at is not None
        and commit.before.at is not None
        and commit.state.at - commit.before.at > _APART
    ]
    changed = flows["version"] > flows.groupby("time")["version"].transform("min")
    return flows["time"][changed & flows["version"].isin(late)]


def _hours(moments: pd.DatetimeIndex, ends: pd.DatetimeIndex) -> Floats:
    """Return the hours from the ends of buckets to moments; none before a bucket's end."""
    hours = np.asarray((moments - ends) / pd.Timedelta(hours=1), dtype="float64")
    return np.where(hours > 0, hours, 0.0)


def _settled_at(age: Floats, flow: Integers, begun: Floats, final: Integers) -> float:
    """Return the least age from which on what was known stays within 1 % of the final sum."""
    ages, at = np.unique(np.append(age, begun), return_inverse=True)
    known, whole = np.zeros(len(ages), dtype="int64"), np.zeros(len(ages), dtype="int64")
    np.add.at(known, at[: len(age)], flow)
    np.add.at(whole, at[len(age) :], final)
    known, whole = known.cumsum(), whole.cumsum()
    outside = _PART * np.abs(known - whole) > whole
    least = np.flatnonzero(whole > 0)[0]
    last = np.flatnonzero(outside)
    return float(ages[max(least, last[-1] + 1) if len(last) else least])
