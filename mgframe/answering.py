"""Answers of the Stats API to one frame, and in words where they differ from what was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import compress
from typing import Any, Final

import numpy as np
import pandas as pd

from mgframe import parsing
from mgframe.checking import check_frame
from mgframe.client import Answer, Client
from mgframe.errors import ResponseError, warn
from mgframe.framing import build, empty_frame, kept_since, make_index, row_text
from mgframe.timespan import Window, bucket_ends, buckets, floor, json_time
from mgframe.vocabulary import NO_KEY, RESOLUTIONS, counts_of

_TOTAL: Final = "total"

#: What the rows of a call are about: the key of each level, by the call's label.
Keys = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Asked:
    """What a frame has to know of its question.

    `by` is the key that the server groups by, None where the caller knows each answer's key;
    `one_bucket` says that the window is answered as a single total. `keys` says by a call's label
    what its rows are about, where that is more than the one key of `level`.
    """

    client: Client
    endpoint: str
    level: str
    events: tuple[str, ...]
    window: Window
    params: tuple[tuple[str, str], ...] = ()
    by: str | None = None
    one_bucket: bool = False
    keys: Keys | None = None

    def columns(self, labels: list[str]) -> dict[str, list[str]]:
        """Return the keys of rows, by level, from the labels of their calls."""
        return {self.level: labels} if self.keys is None else _spread(self.keys, labels)


def _spread(keys: Keys, labels: list[str]) -> dict[str, list[str]]:
    levels = next(iter(keys.values()), {})
    return {level: [keys[label][level] for label in labels] for level in levels}


def origin(
    client: Client, endpoint: str, answers: list[Answer], failed: dict[str, str]
) -> dict[str, Any]:
    """Return where an answer came from, for attrs."""
    fetched = min((answer.date for answer in answers), default=client.now())
    meta: dict[str, Any] = {
        "endpoint": endpoint,
        "region": client.region,
        "fetched_at": json_time(fetched),
        "simulated": any(answer.simulated for answer in answers),
    }
    if client.subaccount:
        meta["subaccount"] = client.subaccount
    if client.replayed_from:
        meta["replayed_from"] = client.replayed_from
    if failed:
        meta["failed"] = failed
    return meta


def totals_frame(asked: Asked, answers: list[Answer], failed: dict[str, str]) -> pd.DataFrame:
    """Return the frame of counts over time that the answers hold."""
    meta = origin(asked.client, asked.endpoint, answers, failed)
    meta |= {"request": _request(asked.params), "resolution": asked.window.resolution}
    rows = _rows(asked, answers)
    if not rows.items:
        return empty_frame(["time", *asked.columns([])], counts_of(asked.events), meta=meta)
    answered_at = pd.Timestamp(min(answer.date for answer in answers))
    total = asked.one_bucket or rows.shape == "time"
    times = None if total else parsing.read_times([item["time"] for item in rows.items])
    answered = _window_of(parsing.envelope_of(answers[0].body), times, asked.window)
    index = _index(asked.columns(rows.keys), times, answered)
    fields = parsing.read_fields(rows.items, asked.events)
    _warn_of_differences(asked, answered, rows, fields.missing_events)
    meta |= _notes(asked, answered, rows, answers, answered_at, total=total)
    short = total and answered.start < kept_since(answered.resolution, answered_at)
    frame = build(
        index,
        unknown_totals(fields.counts, answered) if short else fields.counts,
        absent=fields.absent,
        grid=None if total else _grid(answered, answered_at),
        answered_at=answered_at,
        meta=meta,
    )
    return check_frame(frame)


def unknown_totals(counts: dict[str, Any], answered: Window) -> dict[str, Any]:
    """Return NA for all: a total over buckets that Mailgun has forgotten is short."""
    warn(
        f"the {answered.resolution}s from {json_time(answered.start)} on are partly beyond what "
        "Mailgun keeps, so their totals are NA; ask for a coarser resolution or a later start"
    )
    return {name: pd.array([None] * len(counts[name]), dtype="Int64") for name in counts}


def lifetime_frame(
    client: Client,
    endpoint: str,
    level: str,
    answers: list[Answer],
    failed: dict[str, str],
    about: Keys | None = None,
) -> pd.DataFrame:
    """Return the frame of lifetime counters that the answers hold; `about` as in `Asked.keys`."""
    parts = [(answer, parsing.counters_of(answer.body, level)) for answer in answers]
    # One reading, however many requests it took, so that its rows may be added up.
    as_of = pd.Timestamp(min((answer.date for answer in answers), default=client.now()))
    labels = [answer.call.label for answer, counters in parts for _ in counters]
    keys = {"domain": labels} if about is None else _spread(about, labels)
    keys[level] = [key for _, counters in parts for key in counters]
    counts = parsing.read_counters([row for _, part in parts for row in part.values()])
    meta = origin(client, endpoint, answers, failed)
    if not labels:
        return empty_frame(["as_of", *keys], list(counts), meta=meta)
    times = pd.DatetimeIndex([as_of] * len(labels)).as_unit("us")
    return check_frame(build(make_index(times, keys, time="as_of"), counts, meta=meta))


def _rows(asked: Asked, answers: list[Answer]) -> parsing.Rows:
    """Return the items of all answers; of a key on two pages the first page counts."""
    if asked.by is None:
        parts = [parsing.plain_rows(answer.body, answer.call.label) for answer in answers]
    else:
        parts = [parsing.grouped_rows(answer.body, asked.by) for answer in answers]
    if len(parts) == 1:
        return parts[0]
    silent = [a.call.label for a, part in zip(answers, parts, strict=True) if not part.items]
    if asked.by is None and 0 < len(silent) < len(parts):
        warn(f"{asked.endpoint} answered no buckets for {', '.join(silent[:5])}; no rows for them")
    items, keys, known = [], [], set[str]()
    for part in parts:
        fresh = [key not in known or key == NO_KEY for key in part.keys]
        items += list(compress(part.items, fresh))
        keys += list(compress(part.keys, fresh))
        known |= set(part.keys)
    return parsing.Rows(items, keys, parts[0].shape if parts else "none")


def _window_of(envelope: dict[str, Any], times: pd.DatetimeIndex | None, asked: Window) -> Window:
    """Return the window that the answer says or shows; the frame follows the answer."""
    resolution = envelope.get("resolution")
    width = resolution if resolution in RESOLUTIONS else asked.resolution
    try:
        first, last = parsing.read_time(envelope["start"]), parsing.read_time(envelope["end"])
    except (KeyError, ResponseError):
        first, last = asked.start, asked.end
    start, end = floor(first, width), floor(last, width)
    if times is not None:  # never narrower than the buckets that came
        start, end = min(start, times.min()), max(end, times.max())
    return Window(start, max(start, end), width)


def _index(
    keys: dict[str, list[str]], times: pd.DatetimeIndex | None, answered: Window
) -> pd.MultiIndex:
    if times is None:
        number = len(next(iter(keys.values())))
        times = pd.DatetimeIndex([answered.start] * number).as_unit("us")
    else:
        refuse_crooked(times, answered.resolution)
    index = make_index(times, keys)
    if not index.is_unique:
        twice = index[index.duplicated()][0]
        why = "; nothing tells these rows apart" if NO_KEY in twice else ""
        raise ResponseError(f"the answer holds the row {row_text(twice)} twice{why}")
    return index


def refuse_crooked(times: pd.DatetimeIndex, resolution: str) -> None:
    """Raise :class:`ResponseError` for a bucket that does not begin one in UTC."""
    width = pd.Timedelta(hours=1) if resolution == "hour" else pd.Timedelta(days=1)
    crooked = times.asi8 % (width // pd.Timedelta(microseconds=1)) != 0
    if resolution == "month":
        crooked |= np.asarray(times.day != 1)
    if crooked.any():
        wrong = times[crooked][0]
        raise ResponseError(f"the answer's bucket {wrong} does not begin a {resolution}")


def _grid(answered: Window, answered_at: pd.Timestamp) -> pd.DatetimeIndex:
    """Return the buckets to fill: none after the answer was given."""
    newest = floor(answered_at, answered.resolution)
    return buckets(answered.start, min(answered.end, newest), answered.resolution)


def _warn_of_differences(
    asked: Asked, answered: Window, rows: parsing.Rows, missing_events: list[str]
) -> None:
    if missing_events:
        warn(
            f"{asked.endpoint} was asked for {', '.join(missing_events)} but did not report it; NA"
        )
    if rows.shape == "none":
        warn(
            f"{asked.endpoint} names no {asked.by} for its rows; they are under '{NO_KEY}'. "
            "mg.domain_totals() needs no such name"
        )
    elif NO_KEY in rows.keys:
        warn(f"{asked.endpoint} left some rows without a {asked.by}; they are under '{NO_KEY}'")
    if not asked.one_bucket and (answered.start, answered.end, answered.resolution) != (
        asked.window.start,
        asked.window.end,
        asked.window.resolution,
    ):
        warn(
            f"asked {span_text(asked.window)}, answered {span_text(answered)}; "
            "the frame follows the answer"
        )


def span_text(window: Window) -> str:
    """Return a window in words."""
    return f"{window.resolution}s {json_time(window.start)} to {json_time(window.end)}"


def _notes(
    asked: Asked,
    answered: Window,
    rows: parsing.Rows,
    answers: list[Answer],
    answered_at: pd.Timestamp,
    *,
    total: bool,
) -> dict[str, Any]:
    """Return what attrs say of the window and of the answer's form."""
    last_end = bucket_ends(pd.DatetimeIndex([answered.end]), answered.resolution)[0]
    newest = floor(answered_at, answered.resolution)
    several = asked.keys is not None and len(answers) > 1  # each tag has a description of its own
    notes: dict[str, Any] = {
        "resolution": _TOTAL if total else answered.resolution,
        "asked": [json_time(asked.window.start), json_time(asked.window.end)],
        "answered": [json_time(answered.start), json_time(answered.end)],
        "complete_until": json_time(min(last_end, newest)),
        **({} if several else parsing.envelope_notes(parsing.envelope_of(answers[0].body))),
    }
    return {**notes, "shape": rows.shape} if asked.by else notes


def _request(params: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """Return the query as a mapping; the repeated events become a list."""
    query: dict[str, Any] = {"event": [value for name, value in params if name == "event"]}
    return query | {name: value for name, value in params if name != "event"}
