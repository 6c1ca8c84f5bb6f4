"""The answers of a recording, found by their requests; each in turn, then the last again."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Final

from mgframe.errors import QueryError, ResponseError
from mgframe.recording.exchanges import Exchange, Request, read_exchange

_SHOWN: Final = 3
_LONGEST_VALUE: Final = 80


class Tape:
    """Recorded exchanges.

    Parameters
    ----------
    lines : iterable of bytes
        One exchange each; they are decoded when they are asked for.
    name : str
        What messages call the recording.
    hint : str
        What a message may say of why something is missing.

    Raises
    ------
    ResponseError
        A line is no exchange, or there is none.
    """

    def __init__(self, lines: Iterable[bytes], *, name: str, hint: str = "") -> None:
        self._name, self._hint = name, hint
        self._lines: dict[str, list[bytes]] = {}
        self._requests: dict[str, Request] = {}
        self._played: dict[str, int] = {}
        self._lock = threading.Lock()
        for line in lines:
            request = read_exchange(line).request
            self._lines.setdefault(request.key, []).append(line)
            self._requests.setdefault(request.key, request)
        if not self._lines:
            raise ResponseError(f"{name} holds no answers; get another copy")

    def play(self, request: Request) -> Exchange:
        """Return what came of a request: the first time the first, and so on, then the last.

        Raises
        ------
        QueryError
            It was not recorded; nothing was sent.
        """
        lines = self._lines.get(request.key)
        if lines is None:
            raise QueryError(f"{self._name} holds no answer to {request}. {self._nearest(request)}")
        with self._lock:
            played = self._played.get(request.key, 0)
            self._played[request.key] = played + 1
        return read_exchange(lines[min(played, len(lines) - 1)])

    def _nearest(self, request: Request) -> str:
        """Return in words which recorded request comes nearest, and how to record."""
        near = min(self._requests.values(), key=lambda other: _distance(request, other))
        return (
            f"The nearest that it holds {_difference(request, near)}. Ask what was recorded"
            f"{self._hint}, or record this too, on the account: "
            "with mg.record('new.zip', client=client) as case: ..."
        )


def _differing(a: Request, b: Request) -> list[str]:
    """Return the fields in which two requests differ; those that only one has come last."""
    common = [name for name in a.fields if name in b.fields and a.fields[name] != b.fields[name]]
    return common + sorted(a.fields.keys() ^ b.fields.keys())


def _distance(a: Request, b: Request) -> tuple[bool, int]:
    return a.fields["path"] != b.fields["path"], len(_differing(a, b))


def _difference(asked: Request, near: Request) -> str:
    if asked.fields["path"] != near.fields["path"]:
        return f"is {near}"
    names = _differing(asked, near)
    shown = [
        f"{name} {_value(near.fields.get(name))} instead of {_value(asked.fields.get(name))}"
        for name in names[:_SHOWN]
    ]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"has {'; '.join(shown)}{more}"


def _value(text: str | None) -> str:
    if not text:
        return "(none)"
    return repr(text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}...")
