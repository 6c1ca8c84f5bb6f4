"""One request and what came of it, as a line of JSON; two requests are one if their keys are."""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from requests import RequestException, Response, exceptions

from mgframe.errors import ResponseError
from mgframe.exchange import cause_of
from mgframe.recording.cleaning import Json

_SUBACCOUNT: Final = "X-Mailgun-On-Behalf-Of"
_SHOWN: Final = 300
#: The errors of requests that a failure can be told as; of a subclass its nearest.
_KINDS: Final = (
    "ConnectTimeout",
    "ReadTimeout",
    "Timeout",
    "SSLError",
    "ProxyError",
    "ConnectionError",
    "ChunkedEncodingError",
    "ContentDecodingError",
    "TooManyRedirects",
    "InvalidURL",
    "RequestException",
)


@dataclass(frozen=True)
class Request:
    """What tells a request from others: method, address with region, query, body, subaccount."""

    method: str
    url: str
    query: tuple[tuple[str, str], ...] = ()
    body: Json = None
    subaccount: str = ""

    @functools.cached_property
    def key(self) -> str:
        """The request as one text; the order of the query and of a body's members is no part."""
        parts = [self.method, self.url, sorted(self.query), self.body, self.subaccount]
        return json.dumps(parts, sort_keys=True)

    @functools.cached_property
    def fields(self) -> dict[str, str]:
        """The parts by name, as texts: ``{"path": ..., "event": "accepted, failed", ...}``."""
        parts = urlsplit(self.url)
        host = f"{parts.scheme}://{parts.netloc}"
        found = {"method": self.method, "path": parts.path, "base_url": host}
        for name, value in sorted(self.query):
            found[name] = f"{found[name]}, {value}" if name in found else value
        found |= _flat(self.body) if isinstance(self.body, dict) else {"body": str(self.body)}
        return {**found, "subaccount": self.subaccount}

    def __str__(self) -> str:
        query = "&".join(f"{name}={value}" for name, value in self.query)
        body = "" if self.body is None else json.dumps(self.body, ensure_ascii=False)
        text = f"{self.method} {urlsplit(self.url).path}" + (f"?{query}" if query else "")
        text = f"{text} {body}".rstrip()
        return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _flat(body: Mapping[str, Json], before: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in body.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{before}{name}.")
        else:
            found[before + name] = value if isinstance(value, str) else json.dumps(value)
    return found


def subaccount_of(headers: Mapping[str, str]) -> str:
    """Return for which subaccount a request is made."""
    return headers.get(_SUBACCOUNT, "")


@dataclass(frozen=True)
class Exchange:
    """A request, and its answer or why none came; a status of 0 means that none came.

    `body` is decoded JSON, or a text where `is_json` is false; `failure` is the kind of error
    (the name of a class of requests) and its words.
    """

    request: Request
    status: int = 0
    reason: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Json = ""
    is_json: bool = False
    failure: tuple[str, str] = ("", "")

    def line(self) -> bytes:
        """Return the exchange as one line of JSON."""
        asked = {
            "method": self.request.method,
            "url": self.request.url,
            "query": self.request.query,
            "body": self.request.body,
            "subaccount": self.request.subaccount,
        }
        if not self.status:
            kind, text = self.failure
            return _encoded({"request": asked, "failure": {"kind": kind, "text": text}}) + b"\n"
        answer = {
            "status": self.status,
            "reason": self.reason,
            "headers": self.headers,
            "json" if self.is_json else "text": self.body,
        }
        return _encoded({"request": asked, "answer": answer}) + b"\n"

    def outcome(self) -> Response:
        """Return the answer as requests would, or raise as it would.

        Raises
        ------
        requests.RequestException
            No answer came.
        """
        if not self.status:
            raise _error(*self.failure)
        response = Response()
        response.status_code, response.reason = self.status, self.reason
        response.url = self.request.url
        response.headers.update(self.headers)
        content = _encoded(self.body) if self.is_json else _bytes(self.body)
        response.raw = io.BytesIO(content)
        response.content  # noqa: B018 - reads it, so that nothing is left open
        return response


def read_exchange(line: bytes) -> Exchange:
    """Return the exchange of a line.

    Raises
    ------
    ResponseError
        The line is no exchange.
    """
    try:
        document = json.loads(line)
        request = _request(document["request"])
        if "failure" in document:
            failure = document["failure"]
            return Exchange(request, failure=(_text(failure["kind"]), _text(failure["text"])))
        answer = document["answer"]
        is_json = "json" in answer
        return Exchange(
            request,
            _status(answer["status"]),
            _text(answer["reason"]),
            {_text(name): _text(value) for name, value in answer["headers"].items()},
            answer["json"] if is_json else _text(answer["text"]),
            is_json,
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ResponseError(f"a line of the recording is no exchange ({error!r})") from None


def _request(said: Mapping[str, Json]) -> Request:
    query = tuple((_text(name), _text(value)) for name, value in said["query"])
    return Request(
        _text(said["method"]), _text(said["url"]), query, said["body"], _text(said["subaccount"])
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.40} is no text")
    return value


def _status(value: Any) -> int:
    if type(value) is not int or not 100 <= value <= 999:
        raise TypeError(f"{value!r:.40} is no status")
    return value


def failure_of(error: RequestException) -> tuple[str, str]:
    """Return the kind of an error of requests, and its words."""
    kind = next(kind.__name__ for kind in type(error).__mro__ if kind.__name__ in _KINDS)
    return kind, cause_of(error).partition(": ")[2]


def _error(kind: str, text: str) -> RequestException:
    found: type[RequestException] = getattr(exceptions, kind if kind in _KINDS else _KINDS[-1])
    return found(text)


def _encoded(value: Json) -> bytes:
    # A lone surrogate has no bytes; as an escape it is JSON.
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
