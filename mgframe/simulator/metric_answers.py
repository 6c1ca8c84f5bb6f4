"""The answers of the Metrics API: sorted pages of rows, written in the server's order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from mgframe.simulator.answers import written
from mgframe.simulator.metric_names import REGULAR, USAGE, Metric, Schema
from mgframe.simulator.metric_query import Query, parse_query
from mgframe.simulator.metric_tables import Domains, Make, Table, Tables, mail_table, without_keys
from mgframe.simulator.model import Model
from mgframe.simulator.tags import account_name
from mgframe.simulator.usage_table import LEAKED, usage_table
from mgframe.vocabulary import NO_KEY

#: Which rows there are: those in which anything happened, or a metric that was asked for.
Rows = Literal["any", "asked"]

#: How hours of the account's own zone are written: with their offset, or as if they were UTC.
ZoneLabels = Literal["offset", "disguised"]

_UTC: Final = "+0000"


class MetricsApi:
    """Answers questions to the Metrics API; the parameters are those of ``Simulator``."""

    def __init__(
        self,
        model: Model,
        *,
        strict: bool = False,
        rows: Rows = "any",
        zone: str | None = None,
        zone_labels: ZoneLabels = "offset",
    ) -> None:
        for name, value, choices in (
            ("rows", rows, get_args(Rows)),
            ("zone_labels", zone_labels, get_args(ZoneLabels)),
        ):
            if value not in choices:
                raise ValueError(f"{name}={value!r}: one of {', '.join(choices)}")
        self._model, self._tables = model, Tables(model)
        self._strict, self._only_asked = strict, rows == "asked"
        self._zone = None if zone is None else _full_hours(zone, model.now)
        self._disguised = zone_labels == "disguised"

    def metrics(self, body: Mapping[str, Any], domains: Domains) -> dict[str, Any]:
        """Return a page of metrics of some domains, of all where None."""
        query = parse_query(body, REGULAR, self._model.now, strict=self._strict)
        answer = self._page(query, REGULAR, mail_table, domains)
        if query.aggregates:
            answer["aggregates"] = {"metrics": self._whole(query, REGULAR, mail_table, domains)}
        return answer

    def usage(self, body: Mapping[str, Any], domains: Domains) -> dict[str, Any]:
        """Return a page of usage."""
        query = parse_query(body, USAGE, self._model.now, strict=self._strict)
        answer = self._page(query, USAGE, usage_table, domains)
        if query.aggregates:
            whole = self._whole(query, USAGE, usage_table, domains, also=LEAKED)
            answer["aggregates"] = {"metrics": whole}
        return answer

    def _page(self, query: Query, schema: Schema, make: Make, domains: Domains) -> dict[str, Any]:
        table = self._tables.get(make, query, domains)
        order = self._tables.order(
            make, query, domains, lambda: _order(table, query, schema, self._only_asked)
        )
        rows = order[query.skip : query.skip + query.limit]
        return {
            "start": self._label(query.first, query.resolution),
            "end": self._label(query.last, query.resolution),
            "resolution": query.resolution,
            **({"duration": query.duration} if query.duration else {}),
            "dimensions": list(query.dimensions),
            "pagination": {
                "sort": query.sort,
                "skip": query.skip,
                "limit": query.limit,
                "total": len(order),
            },
            "items": self._items(table, rows, query, schema),
        }

    def _items(
        self, table: Table, rows: NDArray[np.intp], query: Query, schema: Schema
    ) -> list[dict[str, Any]]:
        columns = [written_values(table, rows, schema.metrics[name]) for name in query.metrics]
        metrics = (
            [dict(zip(query.metrics, row, strict=True)) for row in zip(*columns, strict=True)]
            if columns
            else [{} for _ in rows]
        )
        return [
            {"dimensions": dimensions, "metrics": counted}
            for dimensions, counted in zip(
                self._dimensions(table, rows, query), metrics, strict=True
            )
        ]

    def _dimensions(
        self, table: Table, rows: NDArray[np.intp], query: Query
    ) -> list[list[dict[str, str]]]:
        """Return the dimensions of rows, time first."""
        key = table.key[rows].tolist()
        shown = {code: self._key(query.keys, table.keys[code]) for code in set(key)}
        if not query.timed:
            return [list(shown[code]) for code in key]
        starts, bucket = np.unique(table.time[rows], return_inverse=True)
        times = [_dimension("time", self._label(start, query.resolution)) for start in starts]
        return [[times[i], *shown[code]] for i, code in zip(bucket.tolist(), key, strict=True)]

    def _key(self, names: Sequence[str], key: Sequence[str]) -> list[dict[str, str]]:
        return [
            _dimension(name, value, self._display(name, value))
            for name, value in zip(names, key, strict=True)
        ]

    def _display(self, name: str, value: str) -> str:
        if name == "subaccount" and value != NO_KEY:
            return account_name(self._model, value)
        return f"pool {value[-4:]}" if name == "ip_pool" else value

    def _whole(
        self, query: Query, schema: Schema, make: Make, domains: Domains, also: str = ""
    ) -> dict[str, Any]:
        """Return the metrics of all rows together; a message with several tags counts once."""
        table = self._tables.get(make, without_keys(query), domains)
        if not len(table):
            return {}
        wanted = {name: schema.metrics[name] for name in query.metrics}
        if also:
            wanted[f"{also}_count"] = Metric(also)
        return {name: written_values(table, np.arange(1), of)[0] for name, of in wanted.items()}

    def _label(self, start: np.datetime64, resolution: str) -> str:
        if self._zone is None or resolution != "hour":
            return written(start, _UTC)
        moment: datetime = start.astype("datetime64[s]").item()
        local = moment.replace(tzinfo=UTC).astimezone(self._zone)
        suffix = _UTC if self._disguised else f"{local:%z}"
        return written(np.datetime64(local.replace(tzinfo=None)), suffix)


def _full_hours(zone: str, now: datetime) -> ZoneInfo:
    found = ZoneInfo(zone)
    for month in range(1, 13):
        offset = now.replace(month=month, day=1).astimezone(found).utcoffset()
        if offset is None or offset.total_seconds() % 3600:
            raise ValueError(f"zone={zone!r}: its hours are not those of UTC")
    return found


def _dimension(name: str, value: str, display: str | None = None) -> dict[str, str]:
    return {
        "dimension": name,
        "value": value,
        "display_value": value if display is None else display,
    }


def written_values(table: Table, rows: NDArray[np.intp], metric: Metric) -> list[Any]:
    """Return a metric of some rows: counts are numbers, rates texts of four decimals."""
    if not metric.bottom:
        return list(table[metric.top][rows].tolist())
    return [f"{rate:.4f}" for rate in _ratio(table, metric)[rows].tolist()]


def _ratio(table: Table, metric: Metric) -> NDArray[np.float64]:
    """Return a rate by row, 0 where there is nothing to divide by."""
    top, bottom = table[metric.top], table[metric.bottom]
    return np.divide(top, bottom, out=np.zeros(len(top)), where=bottom > 0)


def _numbers(table: Table, metric: Metric) -> NDArray[np.float64] | NDArray[np.int64]:
    return _ratio(table, metric) if metric.bottom else table[metric.top]


def _order(table: Table, query: Query, schema: Schema, only_asked: bool) -> NDArray[np.intp]:
    """Return the rows of an answer as asked; what ties goes by time and then by key."""
    rows = np.arange(len(table))
    if only_asked:
        asked = [_numbers(table, schema.metrics[name]) > 0 for name in query.metrics]
        rows = np.flatnonzero(np.any(asked, axis=0)) if asked else rows
    if not query.sort:
        return rows
    rank = _rank(table, query, schema)[rows]
    return rows[np.argsort(-rank if query.descending else rank, kind="stable")]


def _rank(table: Table, query: Query, schema: Schema) -> NDArray[Any]:
    if query.column in schema.metrics:
        return _numbers(table, schema.metrics[query.column])
    if query.column == "time":
        return table.time.astype(np.int64)
    place = query.keys.index(query.column)
    _, rank = np.unique([key[place] for key in table.keys], return_inverse=True)
    return np.asarray(rank)[table.key]
