"""Answers of the Stats API written by hand, and strategies that draw right and broken ones."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from mgframe.answering import Asked, totals_frame
from mgframe.client import Answer, Call, Client
from mgframe.timespan import Window
from mgframe.vocabulary import EVENTS

#: For properties: the first text that is drawn takes seconds, and a busy machine is no bug.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

STAMP = "%a, %d %b %Y %H:%M:%S UTC"
NOW = datetime(2026, 11, 16, 9, 30, tzinfo=UTC)

#: Members by event, as Mailgun documents them in 2026; nested ones are tuples of a path.
MEMBERS = {
    "accepted": [("incoming",), ("outgoing",), ("total",)],
    "delivered": [("smtp",), ("http",), ("optimized",), ("total",)],
    "failed": [
        ("temporary", "espblock"),
        ("temporary", "total"),
        ("permanent", "suppress-bounce"),
        ("permanent", "suppress-unsubscribe"),
        ("permanent", "suppress-complaint"),
        ("permanent", "bounce"),
        ("permanent", "delayed-bounce"),
        ("permanent", "webhook"),
        ("permanent", "optimized"),
        ("permanent", "total"),
    ],
    "opened": [("total",), ("unique",)],
    "clicked": [("total",), ("unique",)],
    "unsubscribed": [("total",)],
    "complained": [("total",)],
    "stored": [("total",)],
}
#: What the edition of 2016 did not have.
LATER = {
    ("delivered", "optimized"),
    ("failed", "temporary", "total"),
    ("failed", "permanent", "delayed-bounce"),
    ("failed", "permanent", "webhook"),
    ("failed", "permanent", "optimized"),
    ("opened", "unique"),
    ("clicked", "unique"),
}


def stamp(moment: object) -> str:
    """Return a time as Mailgun writes it."""
    return pd.Timestamp(moment).strftime(STAMP)  # type: ignore[arg-type]


def block(event: str, numbers: Iterable[Any], *, edition: int = 2026) -> dict[str, Any]:
    """Return the object of one event; `numbers` fill its members in the documented order."""
    found: dict[str, Any] = {}
    for path, number in zip(MEMBERS[event], numbers, strict=True):
        if edition >= 2026 or (event, *path) not in LATER:
            inner = found
            for name in path[:-1]:
                inner = inner.setdefault(name, {})
            inner[path[-1]] = number
    return found


def item(
    moment: object,
    events: Sequence[str] = EVENTS,
    *,
    seed: int = 0,
    edition: int = 2026,
    **more: Any,
) -> dict[str, Any]:
    """Return one bucket with believable counts, parts that agree and no `unique` where it is 0."""
    random = np.random.default_rng(seed)
    found: dict[str, Any] = {"time": moment if isinstance(moment, str) else stamp(moment)}
    for event in events:
        numbers = [int(n) for n in random.integers(0, 50, len(MEMBERS[event]))]
        if event == "failed":
            numbers[-1] = sum(numbers[2:-1]) + 3
        found[event] = block(event, numbers, edition=edition)
        if event in ("opened", "clicked") and seed % 3 == 0:
            found[event] = {"total": 0}
    return {**found, **more}


def days(count: int, *, last: str = "2026-11-15") -> pd.DatetimeIndex:
    """Return the days up to `last`."""
    return pd.date_range(end=last, periods=count, freq="D", tz="UTC")


def envelope(items: Any, *, resolution: str = "day", **members: Any) -> dict[str, Any]:
    """Return what Mailgun puts around items; start and end are theirs unless given."""
    times = [i["time"] for i in items] if isinstance(items, list) else []
    edges = {"start": times[0], "end": times[-1]} if times else {}
    return {"description": "", **edges, "resolution": resolution, "stats": items, **members}


def answer(body: Any, *, label: str = "a.com", date: object = NOW, **headers: str) -> Answer:
    """Return an answer as the client gives it."""
    sent = pd.Timestamp(date).strftime("%a, %d %b %Y %H:%M:%S GMT")  # type: ignore[arg-type]
    return Answer(Call("GET", "/x", label=label), body, {"Date": sent, **headers}, NOW)


def question(
    window: Window, *, level: str = "domain", events: Sequence[str] = EVENTS, **more: Any
) -> Asked:
    """Return what was asked."""
    client = Client("key-0123", base_url="http://127.0.0.1:9", clock=lambda: NOW)
    return Asked(client, "GET /v3/x", level, tuple(events), window, **more)


def framed(
    *bodies: Any, asked: Asked | None = None, date: object = NOW, **more: Any
) -> pd.DataFrame:
    """Return the frame of answers to a question about their own window."""
    first = bodies[0]
    if asked is None:
        edges = [pd.Timestamp(i["time"].replace(" UTC", "")) for i in first["stats"]]
        window = Window(
            min(edges).tz_localize("UTC"), max(edges).tz_localize("UTC"), first["resolution"]
        )
        asked = question(window, **more)
    labels = "abcdefgh"
    answers = [answer(body, label=f"{labels[i]}.com", date=date) for i, body in enumerate(bodies)]
    return totals_frame(asked, answers, {})


# ---------------------------------------------------------------- broken answers

junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.sampled_from(
        [-1, 0, 2**53, 2**53 + 1, 2**63, 1.5, 5.0, 1e300, "15", "-3", "--5", "1.5", ""]
    ),
    st.text(max_size=6),
    st.sampled_from(["٣", "\ud800", "9" * 5000, "Mon, 16 Nov 2026 00:00:00 UTC", "US", "us"]),
    st.just([]),
    st.just({}),
    st.just([{}]),
    st.just({"total": 3}),
    st.just({"type": {"key": "x"}, "stats": []}),
)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [path, *(p for key, part in inner for p in _paths(part, (*path, key)))]


@st.composite
def broken(draw: st.DrawFn, bodies: st.SearchStrategy[Any]) -> Any:
    """Return an answer in which some parts are dropped, repeated, renamed or replaced."""
    body = copy.deepcopy(draw(bodies))
    for _ in range(draw(st.integers(0, 4))):
        path = draw(st.sampled_from(_paths(body)))
        if not path:
            if draw(st.integers(0, 20)) == 0:
                body = copy.deepcopy(draw(junk))
            continue
        inner = body
        for step in path[:-1]:
            inner = inner[step]
        _break(draw, inner, path[-1])
    return body


def _break(draw: st.DrawFn, inner: Any, place: Any) -> None:
    kind = draw(st.sampled_from(["replace", "drop", "repeat", "rename", "swap"]))
    if kind == "drop":
        del inner[place]
    elif kind == "repeat" and isinstance(inner, list):
        inner.insert(place, copy.deepcopy(inner[place]))
    elif kind == "swap" and isinstance(inner, list):
        inner.reverse()
    elif kind == "rename" and isinstance(inner, dict):
        inner[draw(st.sampled_from(["key", "domain", "x", "time", "total"]))] = inner.pop(place)
    else:
        inner[place] = copy.deepcopy(draw(junk))


@st.composite
def bodies(draw: st.DrawFn, by: str | None) -> Any:
    """Return a right answer: any events, edition, resolution, gaps, order and shape of keys."""
    events = draw(st.lists(st.sampled_from(EVENTS), min_size=1, unique=True))
    resolution = draw(st.sampled_from(["hour", "day", "month"]))
    offset = {"hour": "h", "day": "D", "month": "MS"}[resolution]
    end = {"hour": "2026-11-16 09:00", "day": "2026-11-16", "month": "2026-11-01"}[resolution]
    grid = list(pd.date_range(end=end, periods=draw(st.integers(1, 5)), freq=offset))
    keys = draw(
        st.lists(
            st.sampled_from(["US", "a.com", "x", "(none)", "gmail.com"]),
            min_size=1,
            max_size=3,
            unique=True,
        )
    )
    edition = draw(st.sampled_from([2016, 2026]))

    def items_of(seed: int) -> list[dict[str, Any]]:
        kept = draw(st.lists(st.sampled_from(grid), min_size=1, unique=True))
        return [item(t, events, seed=seed + i, edition=edition) for i, t in enumerate(kept)]

    if by is None:
        return events, envelope(items_of(0), resolution=resolution)
    shape = draw(st.sampled_from(["member", "typed", "envelopes", "map", "time", "none"]))
    parts = {key: items_of(i) for i, key in enumerate(keys)}
    return events, _in_shape(shape, parts, by, resolution)


def _in_shape(shape: str, parts: dict[str, list[Any]], by: str, resolution: str) -> Any:
    if shape == "envelopes":
        return [
            envelope(p, resolution=resolution, type={"type": by, "key": k})
            for k, p in parts.items()
        ]
    if shape == "map":
        return {**envelope(parts, resolution=resolution), "stats": parts}
    if shape == "time":
        return envelope([{**p[0], "time": k} for k, p in parts.items()], resolution=resolution)
    extra = {
        "member": lambda k: {by: k},
        "typed": lambda k: {"type": {"type": by, "key": k}},
        "none": lambda k: {},
    }[shape]
    return envelope([{**i, **extra(k)} for k, p in parts.items() for i in p], resolution=resolution)
