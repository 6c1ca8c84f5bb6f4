"""An archive of a made-up account, kept as a sync would keep it, for what runs on archives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
from reporting.made import UNTIL, account

import mgframe as mg
from mgframe.archiving.spans import Read, read_again
from mgframe.archiving.states import State
from mgframe.archiving.storing import Kept, keep
from mgframe.framing import with_meta

#: The Monday morning on which the archive was kept last.
NOW = pd.Timestamp(f"{UNTIL} 06:30", tz="UTC").as_unit("us")
LAG = pd.Timedelta("72h")
PAIR = ("domain", "recipient_provider")
TAGS = ("domain", "tag")


def keep_frame(
    archive: mg.Archive,
    name: str,
    frame: pd.DataFrame,
    *,
    at: pd.Timestamp = NOW,
    simulated: bool = False,
) -> None:
    """Keep a frame as what was true at a moment."""
    track, times = archive.named(name), frame.index.unique("time")
    width = pd.Timedelta(hours=1) if track.resolution == "hour" else pd.Timedelta(days=1)
    span = (times.min(), times.max() + width)

    def after(state: State, _: Kept) -> State:
        reads = read_again(state.reads, Read(*span, at), LAG, track.resolution)
        return replace(state, kind="sync", at=at, reads=reads, simulated=simulated)

    frame = with_meta(frame.copy(), {"simulated": simulated})
    keep(archive.table(name), track, frame, span, after)


def archive_of(
    path: Path,
    *,
    days: int = 430,
    by: Sequence[Sequence[str]] = (PAIR,),
    simulated: bool = False,
) -> mg.Archive:
    """Return an archive of so many days, with a track for each choice of keys."""
    archive = mg.Archive(path)
    for keys in by:
        name = "-".join(keys or ["account"]).replace("_", "-")
        archive.track(name, by=keys)
        keep_frame(archive, name, by_keys(days, keys), simulated=simulated)
    return archive


def by_keys(days: int, keys: Sequence[str]) -> pd.DataFrame:
    """Return the account's counts by these keys."""
    level = "tag" if "tag" in keys else "recipient_provider"
    values = ("news", "receipts") if level == "tag" else ("Gmail", "Outlook", "Yahoo")
    frame = account(level=level, keys=values, days=days)
    if keys and level not in keys:
        return frame.mg.sum(["time", *keys])
    return frame if keys else frame.mg.sum(["time"]).pipe(_as_account)


def _as_account(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(account="account").set_index("account", append=True)


def spoken(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame without keys that count nothing in all of it, which no answer lists."""
    keys = [name for name in frame.index.names if name != "time"]
    some = frame.groupby(level=keys).transform("sum").sum(axis=1) > 0
    return frame[some]
