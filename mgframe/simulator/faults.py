"""Faults on demand: what can go wrong between a client and Mailgun, played once or more."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any, Final, NamedTuple

#: Faults of the connection: what is sent, rather than what is said.
WIRE_FAULTS: Final = ("truncated", "short", "slow", "drop")

_TOO_MANY: Final = '{"message":"Too Many Requests"}\n'


class Answer(NamedTuple):
    """What is sent: status, body, whether it is JSON or HTML or text, further headers."""

    status: int
    body: str
    kind: str = "json"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass
class Fault:
    """Something that goes wrong `times` times, after `after` answers that went well.

    Parameters
    ----------
    kind : str
        A status: ``"429"``, ``"429-retry-after"``, ``"429-reset"``, ``"420"``, ``"420-seconds"``,
        ``"500"``, ``"502"``, ``"503"``; a 200 that is none: ``"html"``, ``"magnificent"``; the
        wire: ``"truncated"``, ``"short"``, ``"slow"``, ``"drop"``; or the data: ``"extra-field"``,
        ``"negative"``, ``"textual"``, ``"quoted"``, ``"duplicate"``, ``"unsorted"``, ``"gap"``, and
        of the Metrics API ``"total"`` (one row more than there is), ``"dimension"`` (the first row
        lacks its last one), ``"rate"`` (the first rate is no number), ``"lost"`` (one value of the
        first key, such as a domain, is not there).
    times : int
        How often.
    path : str, optional
        Only requests whose path holds this text.
    after : int
        How many fitting requests go well first.
    seconds : float
        How long ``"slow"`` takes, and the wait that 420 and 429 ask for.
    """

    kind: str
    times: int = 1
    path: str | None = None
    after: int = 0
    seconds: float = 1.0

    def __post_init__(self) -> None:
        known = (*_STATUS, *WIRE_FAULTS, *_DATA)
        if self.kind not in known:
            raise ValueError(f"kind={self.kind!r}: a fault is one of {', '.join(known)}")

    def answer(self, now: datetime) -> Answer | None:
        """Return what is answered instead, None where the fault is of another sort."""
        make = _STATUS.get(self.kind)
        return make(self, now) if make else None

    def spoil(self, payload: Any) -> None:
        """Change a payload in place where the fault is one of the data."""
        if self.kind in _DATA:
            _DATA[self.kind](payload)


class FaultQueue:
    """Faults that are still to come."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []
        self._lock = threading.Lock()

    def next(self, path: str) -> Fault | None:
        """Return the fault that this request meets, None where all goes well."""
        with self._lock:
            for fault in self.waiting:
                if fault.path is not None and fault.path not in path:
                    continue
                if fault.after > 0:
                    fault.after -= 1
                    continue
                fault.times -= 1
                if fault.times <= 0:
                    self.waiting.remove(fault)
                return fault
        return None


def _reset(fault: Fault, now: datetime) -> Answer:
    # Fractions of a second, as the Go client expects them.
    moment = f"{now.timestamp() + fault.seconds:.3f}"
    return Answer(429, _TOO_MANY, headers=(("X-RateLimit-Reset", moment),))


def _until(fault: Fault, now: datetime) -> Answer:
    moment = format_datetime(now + timedelta(seconds=fault.seconds)).replace("+0000", "UTC")
    return Answer(420, f'{{"message":"recipient limit exceeded, try again after {moment}"}}\n')


def _seconds(fault: Fault, _: datetime) -> Answer:
    return Answer(420, f'{{"message":"limit exceeded, try again after {fault.seconds:.0f} sec"}}\n')


def _page(status: int, title: str) -> Callable[[Fault, datetime], Answer]:
    body = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
    return lambda *_: Answer(status, body, "html")


_STATUS: Final[dict[str, Callable[[Fault, datetime], Answer]]] = {
    "429": lambda *_: Answer(429, _TOO_MANY),
    "429-retry-after": lambda fault, _: Answer(
        429, _TOO_MANY, headers=(("Retry-After", f"{fault.seconds:.0f}"),)
    ),
    "429-reset": _reset,
    "420": _until,
    "420-seconds": _seconds,
    "500": _page(500, "500 Internal Server Error"),
    "502": _page(502, "502 Bad Gateway"),
    "503": lambda *_: Answer(503, '{"message":"Service Unavailable"}\n'),
    "html": _page(200, "Sign in"),
    "magnificent": lambda *_: Answer(200, "Mailgun Magnificent API", "text"),
}


def _stats(payload: Any) -> list[Any]:
    """Return the rows of a Stats or a Metrics answer; a listing has none."""
    rows = None
    if isinstance(payload, dict):
        rows = payload.get("items" if "dimensions" in payload else "stats")
    return rows if isinstance(rows, list) else []


def _repeat(payload: Any) -> None:
    stats = _stats(payload)
    stats[1:1] = stats[:1]


def _reverse(payload: Any) -> None:
    _stats(payload).reverse()


def _drop_middle(payload: Any) -> None:
    stats = _stats(payload)
    del stats[len(stats) // 2 : len(stats) // 2 + 1]


def _add_field(payload: Any) -> None:
    if isinstance(payload, dict):
        payload["mystery"] = "new"
        for item in _stats(payload):
            item["mystery"] = {"total": 1}


def _spoil_first(payload: Any, change: Callable[[int], Any]) -> bool:
    """Change the first count found, however deep, and say whether there was one."""
    places = payload.items() if isinstance(payload, dict) else enumerate(payload)
    for place, value in list(places):
        if isinstance(value, int) and not isinstance(value, bool):
            payload[place] = change(value)
            return True
        if isinstance(value, dict | list) and _spoil_first(value, change):
            return True
    return False


def _spoil_count(change: Callable[[int], Any]) -> Callable[[Any], None]:
    def spoil(payload: Any) -> None:
        of_metrics = isinstance(payload, dict) and "dimensions" in payload
        _spoil_first(payload["items"] if of_metrics else payload, change)

    return spoil


def _raise_total(payload: Any) -> None:
    payload["pagination"]["total"] += 1


def _drop_dimension(payload: Any) -> None:
    payload["items"][0]["dimensions"].pop()


def _lose_key(payload: Any) -> None:
    """Drop the rows of the first value of the first key, as if there were none."""
    items = payload["items"]
    keys = [_first_key(item) for item in items]
    lost = min(keys, default="")
    payload["items"] = [item for item, key in zip(items, keys, strict=True) if key != lost]
    payload["pagination"]["total"] -= keys.count(lost)


def _first_key(item: Any) -> str:
    named = [d["value"] for d in item["dimensions"] if d["dimension"] != "time"]
    return str(named[0]) if named else ""


def _spoil_rate(payload: Any) -> None:
    for metrics in (item["metrics"] for item in payload["items"][:1]):
        for name in [name for name in metrics if name.endswith("_rate")][:1]:
            metrics[name] = "many"


_DATA: Final[dict[str, Callable[[Any], None]]] = {
    "extra-field": _add_field,
    "negative": _spoil_count(lambda value: -value - 1),
    "textual": _spoil_count(lambda _: "many"),
    "quoted": _spoil_count(str),
    "duplicate": _repeat,
    "unsorted": _reverse,
    "gap": _drop_middle,
    "total": _raise_total,
    "dimension": _drop_dimension,
    "rate": _spoil_rate,
    "lost": _lose_key,
}
