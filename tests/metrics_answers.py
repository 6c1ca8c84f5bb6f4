"""An account behind the Metrics API, written by hand: it answers any question from a plain table.

It knows nothing of :mod:`mgframe.simulator`, and sums in plain loops. :func:`expected` says what
one unlimited query would give, by pandas alone, so that frames have an oracle of another making.
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
import requests

import mgframe as mg
from mgframe.client import LIMITS

NOW = datetime(2026, 11, 16, 9, 30, tzinfo=UTC)
DATE = "Mon, 16 Nov 2026 09:30:00 GMT"

#: Sums that Mailgun documents, typed out once more.
SUMS = {
    "failed": {"temporary_failed": 1, "permanent_failed": 1},
    "bounced": {
        "permanent_failed": 1,
        "suppressed_bounces": -1,
        "suppressed_unsubscribed": -1,
        "suppressed_complaints": -1,
    },
    "sent": {
        "delivered": 1,
        "permanent_failed": 1,
        "suppressed_bounces": -1,
        "suppressed_unsubscribed": -1,
        "suppressed_complaints": -1,
    },
    "processed": {"delivered": 1, "permanent_failed": 1, "webhook": -1, "delayed_bounce": -1},
    "delayed_first_attempt": {"delivered_two_plus_attempts": 1, "permanent_failed_old": 1},
}
_PARTS = """hard_bounces soft_bounces delayed_bounce suppressed_bounces suppressed_unsubscribed
    suppressed_complaints permanent_failed_old webhook"""
_OTHERS = """permanent_failed delivered accepted accepted_outgoing accepted_incoming delivered_smtp
    delivered_http delivered_optimized temporary_failed permanent_failed_esp_block rate_limit
    temporary_failed_esp_block permanent_failed_optimized delivered_first_attempt
    delivered_two_plus_attempts opened clicked unique_opened unique_clicked unsubscribed
    complained stored"""
_PERMANENT = _PARTS.split()
REPORTED = [*_PERMANENT, *_OTHERS.split()]
ENGAGEMENT = ["opened", "clicked", "unique_opened", "unique_clicked", "unsubscribed", "complained"]
ACCEPTED = ["accepted", "accepted_outgoing", "accepted_incoming"]
#: What the server holds; frames have country and device in lower case.
KEYS: dict[str, list[str]] = {
    "domain": ["a.com", "b.com", "c.example.org"],
    "subaccount": ["5f01", "5f02"],
    "ip": ["192.0.2.1", "192.0.2.2"],
    "ip_pool": ["pool-1", "pool-2"],
    "recipient_domain": ["gmail.com", "yahoo.com", "x.org"],
    "recipient_provider": ["Gmail", "Yahoo", "unknown"],
    "country": ["US", "DE", "Unknown"],
    "device": ["Mobile", "desktop", "Unknown"],
    "tag": ["news", "Shop", "newsletter"],
    "bot": ["Apple", "None"],
}


@dataclass(frozen=True)
class Row:
    """The counts of one hour and one combination of keys; a key that is None is left out."""

    hour: pd.Timestamp
    keys: Mapping[str, str | None]
    counts: Mapping[str, int]


def random_rows(seed: int, number: int, *, missing: float = 0.1) -> list[Row]:
    """Return rows at random hours of the weeks before now, with parts that agree."""
    chance = np.random.default_rng(seed)
    newest = pd.Timestamp("2026-11-16 09:00", tz="UTC")
    rows = []
    for _ in range(number):
        keys = {
            key: None if chance.random() < missing else str(chance.choice(values))
            for key, values in KEYS.items()
        }
        counts = dict(zip(REPORTED, chance.integers(0, 9, len(REPORTED)).tolist(), strict=True))
        counts["permanent_failed"] += sum(counts[part] for part in _PERMANENT)
        hour = newest - pd.Timedelta(hours=int(chance.integers(0, 24 * 20)))
        rows.append(Row(hour, keys, counts))
    return rows


# ---------------------------------------------------------------- the server


@dataclass
class Refusal:
    """An answer that is none: a status, a text, headers."""

    status: int
    text: str = ""
    headers: dict[str, str] = field(default_factory=dict)


Said = dict[str, Any] | str | Refusal


class Session:
    """In place of a :class:`requests.Session`: `answer` takes a question and its number, from 1."""

    def __init__(self, answer: Callable[[dict[str, Any], int], Said], *, date: str = DATE) -> None:
        self.answer, self.date = answer, date
        self.asked: list[dict[str, Any]] = []
        self.urls: list[str] = []
        self.bodies: list[bytes] = []
        self._lock = threading.Lock()

    def request(self, method: str, url: str, **sent: Any) -> requests.Response:
        """Answer one request."""
        question = json.loads(sent["data"])
        with self._lock:
            self.asked.append(question)
            self.urls.append(f"{method} {url}")
            self.bodies.append(sent["data"])
            said = self.answer({**question, "url": url}, len(self.asked))
        return self._response(said)

    def _response(self, said: Said) -> requests.Response:
        if isinstance(said, dict):
            said = Refusal(200, json.dumps(said))
        if isinstance(said, str):
            said = Refusal(200, said)
        response = requests.Response()
        response.status_code, response._content = said.status, said.text.encode()
        response.headers.update({"Date": self.date, **said.headers})
        return response


def client_of(session: Session, **more: Any) -> mg.Client:
    """Return a client that asks this session, once each."""
    settings: dict[str, Any] = {"base_url": "http://127.0.0.1:9", "retries": 0, **more}
    client = mg.Client("key-0123", session=session, clock=lambda: NOW, **settings)  # type: ignore[arg-type]
    assert LIMITS["metrics"] == (500, 10.0)
    return client


@contextmanager
def small_pages(rows: int = 7) -> Iterator[None]:
    """Make pages small, so that few rows need many."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("PAGE_WITH_TIME", "PAGE_WITHOUT_TIME"):
            patch.setattr(f"mgframe.metrics_asking.{name}", rows)
        yield


@dataclass
class Account:
    """A table that answers questions as the Metrics API documents it.

    `quiet_too` is False for a server that leaves out rows whose metrics are all zero, `restless`
    is the seed of one that gives rows of one sort value in another order every time.
    """

    rows: Sequence[Row]
    quiet_too: bool = True
    restless: int | None = None
    _known: dict[str, list[dict[str, Any]]] = field(default_factory=dict, repr=False)

    def __call__(self, question: dict[str, Any], number: int = 1) -> Said:
        """Return the answer to a question."""
        page = question.get("pagination", {})
        timed = "time" in question["dimensions"]
        skip, limit = page.get("skip", 0), page.get("limit", 1500 if timed else 10)
        if limit > (1500 if timed else 1000) or len(question["metrics"]) > 10:
            return Refusal(400, '{"message":"beyond the limits"}')
        items = list(self.items(question))
        if self.restless is not None:
            random.Random(self.restless + number).shuffle(items)
        column, _, _ = page.get("sort", "").partition(":")
        if column:
            place = question["dimensions"].index(column)
            items.sort(key=lambda item: self._order(item, column, place))
        first, last = window_of(question)
        return {
            "start": format_datetime(first.to_pydatetime()),
            "end": format_datetime(last.to_pydatetime()),
            "resolution": question["resolution"],
            **({"duration": question["duration"]} if "duration" in question else {}),
            "dimensions": question["dimensions"],
            "pagination": {**page, "total": len(items)},
            "items": items[skip : skip + limit],
        }

    def _order(self, item: dict[str, Any], column: str, place: int) -> Any:
        member = next((m for m in item["dimensions"] if m["dimension"] == column), None)
        if member is None:
            return ""
        return parsedate_to_datetime(member["value"]) if column == "time" else member["value"]

    def items(self, question: dict[str, Any]) -> list[dict[str, Any]]:
        """Return every item of an answer, whatever its page."""
        said = json.dumps({k: v for k, v in question.items() if k not in ("pagination", "url")})
        if said not in self._known:
            self._known[said] = self._items(question)
        return self._known[said]

    def _items(self, question: dict[str, Any]) -> list[dict[str, Any]]:
        first, last = window_of(question)
        names = [name.removesuffix("_count") for name in question["metrics"]]
        predicates = question.get("filter", {"AND": []})["AND"]
        sums: dict[tuple[Any, ...], dict[str, int]] = {}
        for row in self.rows:
            start = floored(row.hour, question["resolution"])
            if not (first <= start <= last) or not all(passes(row, p) for p in predicates):
                continue
            found = tuple(
                start if name == "time" else row.keys[name] for name in question["dimensions"]
            )
            group = sums.setdefault(found, dict.fromkeys(names, 0))
            for name in names:
                group[name] += count_of(row, name)
        return [
            item(dict(zip(question["dimensions"], found, strict=True)), counts)
            for found, counts in sums.items()
            if self.quiet_too or any(counts.values())
        ]


def window_of(question: Mapping[str, Any]) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return the first and the last bucket of a question."""
    resolution = question["resolution"]
    last = floored(_utc(question["end"]), resolution)
    if "duration" in question:
        number, unit = int(question["duration"][:-1]), question["duration"][-1]
        name = {"h": "hours", "d": "days", "m": "months"}[unit]
        return floored(last - pd.DateOffset(**{name: number}), resolution), last
    return floored(_utc(question["start"]), resolution), last


def _utc(text: str) -> pd.Timestamp:
    return pd.Timestamp(parsedate_to_datetime(text)).tz_convert("UTC")


def floored(moment: pd.Timestamp, resolution: str) -> pd.Timestamp:
    """Return the start of an hour's bucket."""
    parts = {"hour": 0, "day": 1, "month": 2}[resolution]
    day = moment.replace(hour=0) if parts else moment
    return (day.replace(day=1) if parts > 1 else day).replace(minute=0, second=0, microsecond=0)


def passes(row: Row, predicate: Mapping[str, Any]) -> bool:
    """Return whether a row is let through; one without the key is unlike everything."""
    said = row.keys[predicate["attribute"]] or ""
    values = [value["value"] for value in predicate["values"]]
    assert values == [value["label"] for value in predicate["values"]]
    return {
        "=": said in values,
        "!=": said not in values,
        "contains": any(value in said for value in values),
        "not contains": not any(value in said for value in values),
    }[predicate["comparator"]]


def count_of(row: Row, name: str) -> int:
    """Return a count of a row, added up where it is a sum."""
    if name in SUMS:
        return sum(sign * row.counts[part] for part, sign in SUMS[name].items())
    return row.counts[name]


def item(
    keys: Mapping[str, Any], counts: Mapping[str, Any], names: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return one item as Mailgun writes it; a key of None is left out, `names` are displayed."""
    members = []
    for name, value in keys.items():
        text = format_datetime(value) if isinstance(value, datetime) else value
        if text is not None:
            shown = (names or {}).get(name, text)
            members.append({"dimension": name, "value": text, "display_value": shown})
    return {"dimensions": members, "metrics": {f"{n}_count": value for n, value in counts.items()}}


def body_of(items: list[Any], **members: Any) -> dict[str, Any]:
    """Return an answer with these items, all on one page."""
    return {"pagination": {"sort": "", "skip": 0, "total": len(items)}, "items": items, **members}


def at(text: str) -> datetime:
    """Return a time in UTC."""
    return pd.Timestamp(text, tz="UTC").to_pydatetime()


# ---------------------------------------------------------------- the oracle


def expected(
    rows: Sequence[Row],
    counts: Sequence[str],
    keys: Sequence[str],
    where: Mapping[str, Any] | None = None,
    *,
    start: str,
    end: str,
    resolution: str,
    fill: bool = True,
) -> pd.DataFrame:
    """Return what one unlimited query gives, as columns of Python numbers in a plain frame."""
    table = pd.DataFrame(
        [{"time": row.hour, **row.keys, **row.counts} for row in rows],
        columns=["time", *KEYS, *REPORTED],
    )
    table = table.astype(dict.fromkeys(REPORTED, "int64"))
    for key in KEYS:
        table[key] = table[key].astype(object).where(table[key].notna(), "(none)")
    for key in ("country", "device"):
        table[key] = table[key].str.lower()
    width = {"hour": "h", "total": "D", "day": "D", "month": "M"}[resolution]
    stamps = pd.DatetimeIndex(pd.to_datetime(table["time"], utc=True)).tz_localize(None)
    table["time"] = stamps.to_period(width).start_time.tz_localize("UTC")
    first, last = pd.Timestamp(start, tz="UTC"), pd.Timestamp(end, tz="UTC")
    table = table[(table["time"] >= first) & (table["time"] <= last)]
    for key, said in (where or {}).items():
        for comparator, values in (said if isinstance(said, dict) else {"=": said}).items():
            table = table[_let_through(table[key], comparator, values)]
    for name, parts in SUMS.items():
        table = table.assign(**{name: sum(sign * table[p] for p, sign in parts.items())})
    account = list(keys) or ["account"]
    table = table.assign(account="account")
    levels = [*([] if resolution == "total" else ["time"]), *account]
    summed = table.groupby(levels)[list(counts)].sum()
    if not fill:
        return _multi(summed, levels)
    if not len(summed) and keys:
        return _multi(summed, levels)
    combos = table[account].drop_duplicates() if keys else pd.DataFrame({"account": ["account"]})
    if resolution != "total":
        newest = pd.Timestamp(NOW).floor("h").tz_localize(None).to_period(width).start_time
        offset = {"hour": "h", "day": "D", "month": "MS"}[resolution]
        final = min(last, newest.tz_localize("UTC"))
        grid = pd.DataFrame({"time": pd.date_range(first, final, freq=offset)})
        combos = grid.merge(combos, how="cross")
    index = pd.MultiIndex.from_frame(combos[levels])
    return summed.pipe(_multi, levels).reindex(index, fill_value=0).sort_index()


def _multi(frame: pd.DataFrame, levels: list[str]) -> pd.DataFrame:
    if not isinstance(frame.index, pd.MultiIndex):
        frame = frame.set_axis(pd.MultiIndex.from_arrays([frame.index], names=levels))
    return frame.sort_index()


def _let_through(column: pd.Series, comparator: str, values: str | Iterable[str]) -> Any:
    texts = [values] if isinstance(values, str) else list(values)
    said = column.where(column != "(none)", "")
    if "contains" in comparator:
        found = said.map(lambda text: any(t.lower() in text.lower() for t in texts)).astype(bool)
    else:
        found = said.isin(texts)
    return ~found if comparator in ("!=", "not contains") else found


def rows_of(frame: pd.DataFrame) -> dict[Any, tuple[Any, ...]]:
    """Return the rows of a frame by their keys, so that only numbers and keys are compared."""
    table = frame.astype(object).itertuples(name=None)
    return {row[0] if len(row[0]) > 1 else row[0][0]: row[1:] for row in table}
