"""Which rows and cells of a frame are final: without the open bucket, without what still moves."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray

from mgframe.dividing import span_hours
from mgframe.errors import QueryError
from mgframe.framing import (
    complete_until,
    meta_of,
    require_table,
    resolution_of,
    times_of,
    with_meta,
)
from mgframe.summing import Booleans, require_counts, with_used_labels
from mgframe.timespan import Moment, bucket_ends
from mgframe.vocabulary import COUNTS, ENGAGEMENT_LAG_HOURS, count_name


def complete(frame: pd.DataFrame, until: Moment | None = None) -> pd.DataFrame:
    """Return the frame without the open bucket.

    Parameters
    ----------
    frame : DataFrame
        A frame with the level `time`.
    until : str or datetime, optional
        Until when (exclusive) buckets are complete; from attrs where left out.

    Returns
    -------
    DataFrame
        The rows whose bucket ends at or before `until`.

    Raises
    ------
    FrameError
        It is not known until when the frame is complete, or it has no `time`.

    Examples
    --------
    >>> import pandas as pd, mgframe as mg
    >>> table = pd.DataFrame({"date": ["2026-11-14", "2026-11-15"], "domain": "a.com",
    ...                       "delivered": [10, 3]})
    >>> df = mg.as_frame(table, resolution="day")
    >>> df.mg.complete(until="2026-11-15 09:00")["delivered"].tolist()
    [10]
    """
    ended = np.asarray(_row_ends(frame) <= complete_until(frame, until))
    return with_meta(with_used_labels(frame[ended]), meta_of(frame))


def settled(
    frame: pd.DataFrame,
    *,
    until: Moment | None = None,
    lag: str | Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return the frame with the cells that may still change as NA.

    Deliveries are final about 8 hours after their bucket, opens and complaints about 3 days; a
    derived count follows its slowest part.

    Parameters
    ----------
    frame : DataFrame
        A frame of counts with the level `time`.
    until : str or datetime, optional
        The moment at which the age of a bucket is measured. Where left out it is when Mailgun
        answered (``fetched_at`` in attrs), else until when buckets are complete: of yesterday's
        deliveries, at noon, 12 hours have passed, although today's bucket began at midnight.
    lag : str or mapping of str to str, optional
        How long counts keep moving, in h, d or w: ``"3d"`` for all, or ``{"opened": "5d"}`` for
        some; the others keep the lag that :func:`mgframe.explain` names.

    Returns
    -------
    DataFrame
        The same rows and columns; a cell is NA where its bucket ended less than its count's lag
        before that moment.

    Raises
    ------
    QueryError
        `lag` is malformed, or names no count.
    FrameError
        It is not known when the frame was fetched, nor until when it is complete, or it has no
        `time`.

    Examples
    --------
    >>> import pandas as pd, mgframe as mg
    >>> table = pd.DataFrame({"date": ["2026-11-13", "2026-11-14"], "domain": "a.com",
    ...                       "delivered": [10, 20], "opened": [4, 2]})
    >>> df = mg.as_frame(table, resolution="day")
    >>> df.mg.settled(until="2026-11-17")["opened"].tolist()
    [4, <NA>]
    """
    require_table(frame)
    require_counts(frame, list(frame.columns))
    moment = until if until is not None else meta_of(frame).get("fetched_at")
    end, ends = complete_until(frame, moment), _row_ends(frame)
    hours = _lags([str(name) for name in frame.columns], lag)
    young = {h: np.asarray(ends + pd.Timedelta(hours=h) > end) for h in set(hours.values())}
    columns = {name: _without(frame[name], young[hours[name]]) for name in frame.columns}
    result = pd.DataFrame(columns, index=frame.index, columns=frame.columns, copy=False)
    return with_meta(result, meta_of(frame))


def _without(counts: pd.Series, cells: Booleans) -> ExtensionArray:
    """Return a count with some cells unknown."""
    values: ExtensionArray = pd.array(counts.array, dtype="Int64", copy=True)
    values[cells] = pd.NA
    return values


def _row_ends(frame: pd.DataFrame) -> pd.DatetimeIndex:
    """Return the end of every row's bucket."""
    times = times_of(frame)
    seen = times.unique()
    return bucket_ends(seen, resolution_of(frame)).take(seen.get_indexer(times))


def _lags(names: list[str], lag: str | Mapping[str, str] | None) -> dict[str, int]:
    """Return the hours after which each count is final."""
    if isinstance(lag, str):
        return dict.fromkeys(names, span_hours(lag, argument="lag"))
    if lag is not None and not isinstance(lag, Mapping):
        raise QueryError(f"lag={lag!r} must be a span such as '3d', or a mapping of counts to them")
    given = {
        name if name in names else count_name(name): span_hours(span, argument="lag")
        for name, span in (lag or {}).items()
    }
    return {name: lag_of(name, given) for name in names}


def lag_of(name: str, given: Mapping[str, int]) -> int:
    """Return the hours after which a count is final: as given, as its slowest part, or as usual."""
    if name in given:
        return given[name]
    if name not in COUNTS:
        # A column of the user's own may be anything, so it waits as long as the slowest count.
        return ENGAGEMENT_LAG_HOURS
    parts = [part for _, part in COUNTS[name].terms]
    return max((lag_of(part, given) for part in parts), default=COUNTS[name].lag)
