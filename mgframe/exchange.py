"""One request and what comes back: the call, its answer, and how a server's words are read."""

from __future__ import annotations

import base64
import html
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from mgframe.errors import (
    ApiError,
    AuthenticationError,
    MgframeError,
    NotFound,
    PermissionDenied,
    QueryError,
    RateLimited,
    ServerError,
    TransportError,
)

if TYPE_CHECKING:
    from requests import RequestException, Response, Session


_KINDS: Final[dict[int, type[ApiError]]] = {
    401: AuthenticationError,
    402: PermissionDenied,
    403: PermissionDenied,
    404: NotFound,
}
_HINTS: Final = {
    400: "Mailgun refused the arguments; compare them with what it says",
    401: "The key may be wrong, a domain sending key (it can only send), or of another account",
    402: "The plan of this account does not include this; upgrade it or ask for something else",
    403: "The role of this key does not allow this; use a key that may read statistics",
    404: "Check the spelling; mg.domains() lists the domains of this account and region",
}


@dataclass(frozen=True)
class Call:
    """One request before it is sent.

    `params` may repeat a name, `body` is JSON text, `endpoint` the path's template for messages,
    `label` what the call is about (a domain), `budget` which of the client's limits it draws on,
    `region` whom to ask where that is not the client's own.
    """

    method: str
    path: str
    params: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    endpoint: str = ""
    label: str = ""
    budget: str = "stats"
    region: str = ""


@dataclass(frozen=True)
class Answer:
    """A decoded answer; `received_at` is the client's clock, aware UTC."""

    call: Call
    body: Any
    headers: Mapping[str, str]
    received_at: datetime

    @property
    def date(self) -> datetime:
        """When the server answered: its ``Date`` header, else the client's clock; aware UTC."""
        return read_date(self.headers.get("Date", "")) or self.received_at

    @property
    def simulated(self) -> bool:
        """Whether a simulated account answered."""
        return "X-Mgframe-Simulated" in self.headers


@dataclass(frozen=True)
class Failure:
    """Why an attempt gave no answer; no status means that nothing came back."""

    text: str
    again: bool
    status: int = 0
    wait: float | None = None


def segment(text: str) -> str:
    """Percent-encode one segment of a path.

    Raises
    ------
    QueryError
        `text` is empty, ``"."`` or ``".."``, which would name another path.

    Examples
    --------
    >>> from mgframe.client import segment
    >>> segment("news.example.com/x y")
    'news.example.com%2Fx%20y'
    """
    if text in ("", ".", ".."):
        raise QueryError(f"{text!r} cannot stand in a path; give a full name")
    return quote(text, safe="")


def forms_of(key: str) -> tuple[str, ...]:
    """Return the forms in which a server may repeat the key."""
    encoded = [
        base64.b64encode(text.encode("latin-1")).decode().rstrip("=")
        for text in (f"api:{key}", key)
    ]
    return key, *encoded, quote(key, safe="")


def text_of(response: Response) -> str:
    """Return the body as text, whatever its bytes."""
    return response.content.decode("utf-8", "replace")


def document_of(content: bytes) -> Any:
    """Return the decoded JSON, None where it is none."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def finite(text: str) -> float:
    """Return the number; JSON has neither NaN nor infinity."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no finite number")
    return number


def said(document: Any) -> str:
    """Return the server's own words from the body of an error, empty where it has none."""
    if not isinstance(document, dict):
        return ""
    members = {name.lower(): value for name, value in document.items()}
    for name in ("message", "reason", "description", "error"):
        if said := members.get(name):
            return said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
    return f"{members['field']}: {members.get('value')}" if members.get("field") else ""


def without_tags(text: str) -> str:
    """Return the words of a page of HTML."""
    bare = re.sub(r"(?is)<(script|style)\b.*?</\1>|<[^>]*>", " ", text)
    return html.unescape(bare)


def demanded_wait(
    status: int, headers: Mapping[str, str], document: Any, said: str, now: datetime
) -> float | None:
    """Return the seconds that the server asks to wait, by the first demand that makes sense."""

    def until(text: str | None) -> float | None:
        date = read_date(text or "")
        return None if date is None else (date - now).total_seconds()

    demands = [_number(headers.get("Retry-After")), until(headers.get("Retry-After"))]
    if status in (420, 429):
        reset = _number(headers.get("X-RateLimit-Reset"))
        demands.append(None if reset is None else reset - now.timestamp())
        demands.append(
            _number(document.get("retry-seconds") if isinstance(document, dict) else None)
        )
        if after := _TRY_AGAIN_AFTER.search(said):
            demands += [_number(after[1]), until(after[2])]
    return next((wait for wait in demands if wait is not None and wait > 0), None)


_TRY_AGAIN_AFTER: Final = re.compile(
    r"try again after (?:(\d+(?:\.\d+)?) ?s|(\w{3}, \d+ \w+ \d{4} [\d:]+ [\w+-]+))", re.IGNORECASE
)


def _number(value: object) -> float | None:
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def read_date(text: str) -> datetime | None:
    """Return a header's date as aware UTC, None where it is none."""
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def cause_of(error: RequestException) -> str:
    """Return what went wrong below requests, in its words."""
    inner = error.args[0] if error.args else ""
    return f"{type(error).__name__}: {getattr(inner, 'reason', inner)}"


def is_passing(error: RequestException) -> bool:
    """Return whether the same request may succeed a moment later."""
    from requests.exceptions import (
        ChunkedEncodingError,
        ConnectionError,
        ContentDecodingError,
        Timeout,
    )

    passing = (ChunkedEncodingError, ConnectionError, ContentDecodingError, Timeout)
    return isinstance(error, passing) and "CERTIFICATE_VERIFY_FAILED" not in str(error)


def name_of(call: Call) -> str:
    """Return what a message calls this request."""
    endpoint = call.endpoint or f"{call.method} {call.path}"
    return f"{endpoint} for {call.label}" if call.label else endpoint


def error_of(
    call: Call, failure: Failure, *, attempts: int, base_url: str, region: str, elsewhere: str
) -> MgframeError:
    """Return the error that a call's last failure amounts to, with the next step in its hint."""
    tries = f"{attempts} attempts" if attempts > 1 else "1 attempt"
    if not failure.status:
        return TransportError(
            f"{name_of(call)} got no answer from {base_url} in {tries}: {failure.text}; "
            "check the network, or give a longer timeout="
        )
    status, wait = failure.status, failure.wait
    hint = _HINTS.get(status, "")
    if status == 404 and "/tag/" in call.endpoint:
        hint = "Check the spelling; mg.tags(domain) lists a domain's tags, mg.domains() the domains"
    if failure.again:
        later = f"The server asks to wait {math.ceil(wait)} s; t" if wait else "T"
        hint = f"{later}ry again later (gave up after {tries})"
    told = "{domain}" in call.endpoint or call.label.startswith("page ")
    about = f"Asked about {call.label}. " if told else ""
    details = {
        "endpoint": call.endpoint or f"{call.method} {call.path}",
        "region": region,
        "hint": f"{about}{hint}{elsewhere}",
    }
    if status in (420, 429):
        return RateLimited(status, failure.text, wait=wait, **details)
    kind = _KINDS.get(status, ServerError if status >= 500 else ApiError)
    return kind(status, failure.text, **details)


def pooled(connections: int, addresses: Mapping[str, str]) -> Session:
    """Return a session that keeps so many connections open to each address."""
    import requests
    from requests.adapters import HTTPAdapter

    session = requests.Session()
    for address in addresses.values():
        session.mount(address, HTTPAdapter(pool_maxsize=connections))
    # Plain http is loopback, where a proxy of the environment would see the key in clear.
    session.trust_env = all(address.startswith("https:") for address in addresses.values())
    return session


@cache
def user_agent() -> str:
    """Return how mgframe names itself to servers."""
    try:
        return f"mgframe/{version('mgframe')}"
    except PackageNotFoundError:
        return "mgframe"
