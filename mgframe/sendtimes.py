"""When each tag was sent: a mapping, a Series, or a table of campaigns of the user's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import tzinfo
from typing import Any, Final

import numpy as np
import pandas as pd

from mgframe.errors import QueryError, suggestion, warn
from mgframe.summing import Booleans
from mgframe.timespan import Moment, read_moment

Sends = Mapping[str, Moment] | pd.Series | pd.DataFrame

_MOST_NAMED: Final = 3


def read_sends(sent_at: Sends, zone: tzinfo | None) -> pd.Series[pd.Timestamp]:
    """Return when each tag was sent, in the zone of the frame; without those not sent yet."""
    given = _as_series(sent_at)
    known = given[given.notna()]
    moments = [
        read_moment(moment, argument=f"sent_at[{tag!r}]", zone=zone).tz_convert(zone)
        for tag, moment in known.items()
    ]
    sends = pd.DataFrame({"tag": known.index.map(str), "sent": pd.DatetimeIndex(moments, tz=zone)})
    sends = sends.drop_duplicates()
    twice = sends[sends["tag"].duplicated(keep=False)]
    if len(twice):
        tag = twice["tag"].iloc[0]
        times = " and ".join(str(sent) for sent in twice["sent"][twice["tag"] == tag].iloc[:2])
        raise QueryError(
            f"sent_at has several send times of {tag!r}, {times}, so that its mail has no one age; "
            "tag each send apart, or cut the frame to one send and give its time"
        )
    return sends.set_index("tag")["sent"]


def _as_series(sent_at: Sends) -> pd.Series[Any]:
    if isinstance(sent_at, pd.DataFrame):
        table = sent_at.reset_index() if "tag" in sent_at.index.names else sent_at
        if not {"tag", "sent_at"} <= set(table.columns):
            raise QueryError(
                "sent_at is a table without the columns 'tag' and 'sent_at'; its columns are "
                f"{list(table.columns)}; rename them, or pass a Series: "
                "sent_at=table.set_index('my_tag')['my_time']"
            )
        return table.set_index("tag")["sent_at"]
    if isinstance(sent_at, pd.Series):
        return sent_at
    if isinstance(sent_at, Mapping):
        return pd.Series(dict(sent_at), dtype=object)
    raise QueryError(
        f"sent_at={sent_at!r} must say when each tag was sent: {{'my-tag': '2026-11-10 09:00'}}, "
        "a Series indexed by tag, or a table with the columns 'tag' and 'sent_at'"
    )


def sent_rows(tags: pd.Index, sends: pd.Series[pd.Timestamp]) -> Booleans:
    """Return the rows whose tag has a send time; warn of the others."""
    known = np.asarray(tags.isin(sends.index))
    lacking = tags[~known].unique()
    unused = [tag for tag in sends.index if tag not in tags]
    if len(tags) and not known.any():
        raise QueryError(
            f"sent_at has no send time of any tag of the frame ({named(lacking, unused)}); it has "
            f"{named(unused) or 'none at all'}, and upper and lower case are told apart"
        )
    if len(lacking):
        warn(
            f"{len(lacking)} of {tags.nunique()} tags have no send time in sent_at and are left "
            f"out: {named(lacking, unused)}"
        )
    return known


def named(tags: Iterable[str], near: Iterable[str] = ()) -> str:
    """Return the first tags and how many more there are, each with the one it is nearest to."""
    listed, near = list(tags), list(near)
    parts = [f"{tag!r}{suggestion(tag, near)}" for tag in listed[:_MOST_NAMED]]
    more = len(listed) - len(parts)
    return f"{', '.join(parts)}{f' and {more} more' if more else ''}"
