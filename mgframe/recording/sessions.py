"""What stands between a client and the network: a session that records, and one that replays."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from requests import RequestException, Response, Session

from mgframe.errors import QueryError
from mgframe.recording.cleaning import Json, cleaned
from mgframe.recording.exchanges import Exchange, Request, failure_of, subaccount_of
from mgframe.recording.scrubbing import Scrubber
from mgframe.recording.tape import Tape


class Recorder(Session):
    """Sends through another session, and keeps what comes.

    What is kept is what the client gets, cleaned: so whatever is made of it is the same when it is
    replayed.
    """

    def __init__(self, inner: Session, scrubber: Scrubber, keep: Callable[[Exchange], None]):
        super().__init__()
        self._inner, self._scrubber, self._keep = inner, scrubber, keep

    def request(self, *args: Any, **options: Any) -> Response:
        """Send a request as the client wrote it; return the answer, cleaned.

        Raises
        ------
        QueryError
            The request names an address; nothing was sent.
        """
        request = read_request(*args, **options)
        written = clean_request(self._scrubber, request)
        if written != request:
            raise QueryError(
                "a recording keeps nobody's address, and this request names one; ask with the name "
                f"that frames have in the block, as here: {written}"
            )
        exchange = self._sent(request, *args, **options)
        self._keep(exchange)
        return exchange.outcome()

    def close(self) -> None:
        """Close the session underneath."""
        self._inner.close()

    def _sent(self, request: Request, method: str, url: str, **options: Any) -> Exchange:
        restored = self._scrubber.restored
        params = [(name, restored(value)) for name, value in options.pop("params", None) or ()]
        data = options.pop("data", None)
        data = None if data is None else self._scrubber.restored_body(data.decode()).encode()
        url = self._scrubber.restored_url(url)
        try:
            came = self._inner.request(method, url, params=params, data=data, **options)
            content = came.content
        except RequestException as error:
            kind, text = failure_of(error)
            return Exchange(request, failure=(kind, self._scrubber.error_text(text)))
        body, is_json = self._scrubber.body_answered(came.status_code, content)
        reason = self._scrubber.text(came.reason or "")
        headers = self._scrubber.headers(came.headers)
        return Exchange(request, came.status_code, reason, headers, body, is_json)


class Player(Session):
    """Answers from a tape, and never opens a connection."""

    def __init__(self, tape: Tape) -> None:
        super().__init__()
        self._tape = tape

    def request(self, *args: Any, **options: Any) -> Response:
        """Return what was recorded for a request.

        Raises
        ------
        QueryError
            Nothing was, or the request names an address.
        """
        request = read_request(*args, **options)
        if clean_request(Scrubber(), request) != request:
            raise QueryError(
                "a recording keeps nobody's address, and this request names one; ask with the name "
                "that replayed frames have, such as <redacted-1>@example.com"
            )
        return self._tape.play(request).outcome()


def read_request(method: str, url: str, **options: Any) -> Request:
    """Return the request that a session was asked for."""
    data = options.get("data")
    body = None if data is None else _decoded(data)
    headers = options.get("headers") or {}
    return Request(method, url, tuple(options.get("params") or ()), body, subaccount_of(headers))


def clean_request(scrubber: Scrubber, asked: Request) -> Request:
    """Return a request as it is written down."""
    query = tuple((scrubber.text(name), scrubber.text(value)) for name, value in asked.query)
    body = cleaned(asked.body, scrubber.text)
    return Request(asked.method, scrubber.url(asked.url), query, body, asked.subaccount)


def _decoded(data: bytes) -> Json:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return data.decode("utf-8", "replace")
