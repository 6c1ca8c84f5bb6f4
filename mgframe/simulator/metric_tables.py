"""Rows of the Metrics API: sparse tables of counts by time and keys, kept for the next page."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mgframe.simulator.blocks import Bounded
from mgframe.simulator.counters import COUNT_NAMES
from mgframe.simulator.metric_query import Predicate, Query
from mgframe.simulator.model import Condition, Model, Tally
from mgframe.simulator.windows import Window, floored, steps
from mgframe.vocabulary import NO_KEY

#: Buckets that are counted in one go: a dense table of all is larger than its rows.
_TOGETHER: Final = {"hour": 168, "day": 91, "month": 12}

#: Rows of all the tables that are kept for further pages.
_KEPT_ROWS: Final = 400_000

#: What the model calls a dimension, where it is another word.
_MODEL_NAMES: Final = {"tag": "tag_or_none"}

UNTAGGED: Final = "Untagged"

#: The domains that a question is about, None where it is about all.
Domains = tuple[str, ...] | None


def wire(dimension: str, name: str) -> str:
    """Return a value of a dimension as the Metrics API writes it."""
    if dimension == "tag" and name == NO_KEY:
        return UNTAGGED
    if dimension in ("country", "device") and name == "unknown":
        return "Unknown"
    return name.upper() if dimension == "country" else name


@dataclass(frozen=True, eq=False)
class Table:
    """Rows in the order of time and key, none of them empty.

    `keys` are the keys that occur, in order, `key` says which one each row has; `time` is where its
    bucket starts, the same for all rows where time is no dimension.
    """

    columns: tuple[str, ...]
    keys: list[tuple[str, ...]]
    key: NDArray[np.intp]
    time: NDArray[np.datetime64]
    counts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.key)

    def __getitem__(self, column: str) -> NDArray[np.int64]:
        """Return one count, by row."""
        return np.asarray(self.counts[:, self.columns.index(column)])


Parts = Sequence[tuple[Window, Tally]]


def in_time(parts: Parts, columns: Sequence[str]) -> Table:
    """Return the rows of tallies whose windows follow each other."""
    keys = _keys(parts)
    rows, times, counts = [_NO_ROWS], [_NO_TIMES], [np.zeros((0, len(columns)), np.int64)]
    for window, tally in parts:
        code = _codes(keys, tally)
        bucket, own = np.nonzero(tally.counts.any(axis=2).T)
        order = np.lexsort((code[own], bucket))
        bucket, own = bucket[order], own[order]
        rows.append(code[own])
        times.append(window.starts[bucket].astype("datetime64[s]"))
        counts.append(tally.counts[own, bucket])
    return Table(
        tuple(columns), keys, np.concatenate(rows), np.concatenate(times), np.concatenate(counts)
    )


def in_total(parts: Parts, columns: Sequence[str]) -> Table:
    """Return one row for each key of the tallies."""
    keys = _keys(parts)
    total = np.zeros((len(keys), len(columns)), np.int64)
    for _, tally in parts:
        np.add.at(total, _codes(keys, tally), tally.counts.sum(axis=1))
    some = np.flatnonzero(total.any(axis=1))
    times = np.zeros(len(some), "datetime64[s]")
    return Table(tuple(columns), keys, some, times, total[some])


_NO_ROWS: Final = np.zeros(0, np.intp)
_NO_TIMES: Final = np.zeros(0, "datetime64[s]")


def _keys(parts: Parts) -> list[tuple[str, ...]]:
    return sorted({key for _, tally in parts for key in tally.keys})


def _codes(keys: Sequence[tuple[str, ...]], tally: Tally) -> NDArray[np.intp]:
    place = {key: i for i, key in enumerate(keys)}
    return np.array([place[key] for key in tally.keys], np.intp)


def windows(
    model: Model, first: np.datetime64, last: np.datetime64, resolution: str
) -> Iterator[Window]:
    """Return the buckets of a window that can hold anything, a few at a time."""
    kept = model.kept_since(resolution)
    first = max(first, floored(model.created, resolution), *([] if kept is None else [kept]))
    last = min(last, floored(model.now, resolution))
    starts = np.arange(first, last + steps(1, resolution))
    for place in range(0, len(starts), _TOGETHER[resolution]):
        yield Window(starts[place : place + _TOGETHER[resolution]], resolution)


def mail_table(model: Model, query: Query, domains: Domains) -> Table:
    """Return the rows of a question about mail, all of them."""
    by = [_MODEL_NAMES.get(name, name) for name in query.keys]
    where = None if domains is None else {"domain": domains}
    conditions = [condition(model, predicate) for predicate in query.predicates]
    parts = [
        (
            window,
            _written(query.keys, model.tally(window, by=by, where=where, conditions=conditions)),
        )
        for window in windows(model, query.first, query.last, query.resolution)
    ]
    return (in_time if query.timed else in_total)(parts, COUNT_NAMES)


def _written(names: Sequence[str], tally: Tally) -> Tally:
    keys = [tuple(map(wire, names, key)) for key in tally.keys]
    return Tally(keys, tally.counts)


def condition(model: Model, predicate: Predicate) -> Condition:
    """Return a part of a filter as the model takes it.

    What is negated also keeps mail that has no value at all, such as no IP yet.
    """
    name = _MODEL_NAMES.get(predicate.attribute, predicate.attribute)
    contains = predicate.comparator.endswith("contains")
    found = [
        value
        for value in model.names(name)
        if _fits(wire(predicate.attribute, value), predicate.values, contains=contains)
    ]
    return Condition(name, found, predicate.comparator in ("!=", "not contains"))


def _fits(text: str, values: Sequence[str], *, contains: bool) -> bool:
    return any(value in text for value in values) if contains else text in values


Make = Callable[[Model, Query, Domains], Table]


class Tables:
    """The tables of an account, the last few kept: a walk over pages counts only once."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._kept = Bounded[Table](_KEPT_ROWS, len)
        self._orders = Bounded[NDArray[np.intp]](_KEPT_ROWS, len)
        # Pages are asked side by side: the first counts, the others wait for it.
        self._lock = threading.Lock()

    def get(self, make: Make, query: Query, domains: Domains) -> Table:
        """Return the table of a question."""
        with self._lock:
            return self._kept.get(
                _place(make, query, domains), lambda: make(self._model, query, domains)
            )

    def order(
        self, make: Make, query: Query, domains: Domains, sort: Callable[[], NDArray[np.intp]]
    ) -> NDArray[np.intp]:
        """Return the rows of a question's table in the order asked; `sort` gives it."""
        place = (*_place(make, query, domains), query.sort, query.metrics)
        with self._lock:
            return self._orders.get(place, sort)


def _place(make: Make, query: Query, domains: Domains) -> tuple[object, ...]:
    window = (query.first, query.last, query.resolution)
    return (make, *window, query.dimensions, query.predicates, domains)


def without_keys(query: Query) -> Query:
    """Return the question about everything that a question lets through, in one row."""
    return replace(query, dimensions=(), sort="", column="")
