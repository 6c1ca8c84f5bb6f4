"""The HTTP client: key, region, retries, limits and calls side by side; it knows no pandas.

Every request that mgframe makes is a read (POST asks analytics questions), so each may be repeated.
The key lives in one place, the auth object of requests, and everything that a server says is
cleaned of it before it can reach a message.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NoReturn

from mgframe import pacing
from mgframe.errors import (
    ApiError,
    ConfigurationError,
    MgframeError,
    ResponseError,
    TransportError,
)
from mgframe.exchange import (
    Answer,
    Call,
    Failure,
    cause_of,
    demanded_wait,
    document_of,
    error_of,
    finite,
    forms_of,
    is_passing,
    name_of,
    pooled,
    read_date,
    said,
    segment,
    text_of,
    user_agent,
    without_tags,
)
from mgframe.pacing import LIMITS, LONGEST_WAIT
from mgframe.progress import Watch, watched
from mgframe.settings import (
    KEY_VARIABLES,
    REGION_VARIABLES,
    REGIONS,
    URL_VARIABLES,
    read_addresses,
    read_key,
    read_subaccount,
    read_timeout,
    read_whole,
)
from mgframe.smtp import redact

if TYPE_CHECKING:
    from requests import Response, Session

__all__ = ["REGIONS", "Answer", "Call", "Client", "default_client", "segment"]

_PROBES: Final = 3
_PROBE_TIMEOUT: Final = (3.0, 5.0)
#: How much of a server's text is read for a message, and how much of it is shown.
_READ, _EXCERPT = 20_000, 300
_LOG = logging.getLogger("mgframe")


class Client:
    """A connection to one Mailgun account in one region.

    Parameters
    ----------
    api_key : str, optional
        An account key; else ``MAILGUN_API_KEY``, then ``MG_API_KEY`` from the environment.
    base_url : str or mapping of region to str, optional
        Another address of the API, for a proxy or a simulator: a URL or a bare host, with or
        without ``/v3``, or one for each region; else ``MAILGUN_API_BASE``, ``MAILGUN_API_URL`` or
        ``MG_URL``. Plain http is taken for loopback hosts only.
    region : {"us", "eu"}, optional
        Where the domains live; else ``MAILGUN_REGION`` or ``MAILGUN_API_REGION``, else ``"us"``.
        An argument of either kind beats the environment of either kind. ``regions=`` of a fetch
        function asks several.
    subaccount : str, optional
        The id of a subaccount to act for.
    timeout : float or (float, float), default (5.0, 60.0)
        Seconds to connect, and to wait for bytes.
    retries : int, default 4
        How often a request is repeated on 420, 429, 5xx, time-outs and dropped connections.
    connections : int, default 10
        How many requests run side by side.
    session : requests.Session, optional
        A session of your own, with its adapters and proxies; it stays yours to close.
    clock : callable, optional
        Gives the current datetime (naive is UTC), for simulated and replayed accounts.

    Raises
    ------
    ConfigurationError
        There is no usable key or address, or an argument is out of range.

    Notes
    -----
    The region is ``"other"`` for an address that is not Mailgun's. At most 300 Stats requests start
    in any 60 seconds, and 500 Metrics requests in any 10; a burst may use them all at once.

    Examples
    --------
    >>> import mgframe as mg
    >>> mg.Client("a-key-that-is-not-shown", region="eu")
    Client(region='eu', base_url='https://api.eu.mailgun.net')
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | Mapping[str, str] | None = None,
        region: str | None = None,
        subaccount: str | None = None,
        timeout: float | tuple[float, float] = (5.0, 60.0),
        retries: int = 4,
        connections: int = 10,
        session: Session | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        from requests.auth import HTTPBasicAuth

        self._auth = HTTPBasicAuth("api", read_key(api_key))
        self.addresses, self.region = read_addresses(base_url, region)
        self.base_url = self.addresses[self.region]
        self.subaccount = read_subaccount(subaccount)
        self.retries = read_whole("retries", retries, least=0)
        self.connections = read_whole("connections", connections, least=1)
        self._timeout = read_timeout(timeout)
        self._own_session = session is None
        self._session = pooled(self.connections, self.addresses) if session is None else session
        self._clock = clock or (lambda: datetime.now(UTC))
        self._budgets = {name: pacing.Bucket(*limit) for name, limit in LIMITS.items()}
        #: What ids are called, by key, as far as answers told; see :func:`mgframe.names`.
        self.names: dict[str, dict[str, str]] = {}
        #: The keys whose names were all asked for.
        self.named: set[str] = set()
        #: The recording that answers in place of Mailgun; empty for an account.
        self.replayed_from = ""
        self._probed: dict[str, bool | None] = {}
        self._probing, self._decoding = threading.Lock(), threading.Lock()
        self._tapping = threading.Lock()

    def now(self) -> datetime:
        """Return the client's time, aware UTC."""
        moment = self._clock()
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)

    def send(self, call: Call) -> Answer:
        """Send one call, repeating it while that may help, and return its answer.

        Raises
        ------
        ApiError, TransportError, ResponseError
            An error status, no answer at all, or an answer that is not JSON.
        """
        return self._send(call, threading.Event())

    def send_all(
        self,
        calls: Iterable[Call],
        *,
        keep_errors: bool = False,
        progress: bool | None = None,
        read: Callable[[Answer], Answer] | None = None,
        watch: Watch | None = None,
    ) -> list[Answer | MgframeError]:
        """Send calls side by side and return what came, in the order of `calls`.

        Parameters
        ----------
        calls : iterable of Call
            What to send.
        keep_errors : bool, default False
            Put a failed call's error in the place of its answer. By default the first error is
            raised, with a note that tells how far it got, and what has not started is not sent.
        progress : bool, optional
            Show a bar; by default where somebody watches: a terminal or a notebook. A single call
            has none.
        read : callable, optional
            What to make of each answer as soon as it comes; its :class:`ResponseError` is the
            answer's.
        watch : Watch, optional
            Who is told how far it is, and may cancel: then ``CancelledError`` of
            :mod:`concurrent.futures` is raised where anything was still to be sent.
        """
        todo, stop = list(calls), threading.Event()
        if watch is not None:
            watch.begin(len(todo), stop)
        kept = (ApiError, TransportError, ResponseError) if keep_errors else ()

        def outcome(call: Call) -> Answer | MgframeError:
            try:
                return self._send(call, stop, read)
            except kept as error:
                return error
            finally:
                if watch is not None:
                    watch.step()

        if len(todo) < 2:
            return [outcome(call) for call in todo]
        pool = ThreadPoolExecutor(min(self.connections, len(todo)), thread_name_prefix="mgframe")
        try:
            futures = [pool.submit(outcome, call) for call in todo]
            try:
                for future in watched(as_completed(futures), len(todo), progress):
                    future.result()
            except Exception as error:
                stop.set()
                pool.shutdown(wait=True, cancel_futures=True)
                error.add_note(f"{_answered(futures)} of {len(todo)} requests had answered")
                raise
            return [future.result() for future in futures]
        finally:
            # An interrupt comes here at once: who presses Ctrl-C does not wait for what is running.
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)

    def remember(self, names: Mapping[str, Mapping[str, str]]) -> None:
        """Keep what ids are called, by key."""
        for key, found in names.items():
            self.names[key] = {**self.names.get(key, {}), **found}

    @contextmanager
    def tapped(self, tap: Callable[[Session, tuple[str, ...]], Session]) -> Iterator[None]:
        """Send through `tap(session, secrets)` for a block, while the clock stands still.

        What earlier answers told is set aside for the block: it asks for all that it needs, and
        the same call twice is the same request. `secrets` are the forms of the key, which nobody
        may write down.

        Raises
        ------
        ConfigurationError
            The client is being tapped already.
        """
        if not self._tapping.acquire(blocking=False):
            raise ConfigurationError(
                "this client is being recorded already; end that recording first, or give another "
                "client"
            )
        before = self._session, self._clock, self.names, self.named, self._probed
        try:
            now = self.now()
            self._session, self._clock = tap(self._session, self._secrets()), lambda: now
            self.names, self.named, self._probed = {}, set(), {}
            yield
        finally:
            self._session, self._clock, self.names, self.named, self._probed = before
            self._tapping.release()

    def close(self) -> None:
        """Close the connections that this client opened."""
        if self._own_session:
            self._session.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        subaccount = f", subaccount={self.subaccount!r}" if self.subaccount else ""
        return f"Client(region={self.region!r}, base_url={self.base_url!r}{subaccount})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Client holds a key and is not copied or pickled; make one where needed")

    def _send(
        self,
        call: Call,
        stop: threading.Event,
        read: Callable[[Answer], Answer] | None = None,
    ) -> Answer:
        attempt = 0
        while True:
            attempt += 1
            if not self.replayed_from:  # a file needs no sparing
                self._budgets[call.budget].take(stop)
            outcome = self._attempt(call, read)
            if isinstance(outcome, Answer):
                return outcome
            if not outcome.again or attempt > self.retries or (outcome.wait or 0) > LONGEST_WAIT:
                raise error_of(
                    call,
                    outcome,
                    attempts=attempt,
                    base_url=self._address(call),
                    region=call.region or self.region,
                    elsewhere=self._elsewhere(call, outcome.status),
                )
            wait = (
                pacing.back_off(attempt) if outcome.wait is None else outcome.wait + pacing.jitter()
            )
            wait = 0.0 if self.replayed_from else wait
            came = outcome.status or "nothing"
            _LOG.info("%s answered %s; asking again in %.1f s", name_of(call), came, wait)
            pacing.pause(wait, stop)

    def _address(self, call: Call) -> str:
        return self.addresses[call.region or self.region]

    def _attempt(self, call: Call, read: Callable[[Answer], Answer] | None) -> Answer | Failure:
        from requests import RequestException

        try:
            response = self._transmit(call, self._address(call), self._timeout)
        except RequestException as error:
            # Only its words leave: the exception holds the request, and that holds the key.
            return Failure(self._clean(cause_of(error)), again=is_passing(error))
        if response.ok:
            return self._read(call, response, read)
        status, document = response.status_code, document_of(response.content)
        words = said(document) or without_tags(self._clean(text_of(response)))
        words = self._clean(words or response.reason or "nothing")
        now = read_date(response.headers.get("Date", "")) or self.now()
        wait = demanded_wait(status, response.headers, document, words, now)
        again = status in (420, 429) or status >= 500
        return Failure(words[:_EXCERPT], again, status, wait)

    def _read(
        self, call: Call, response: Response, read: Callable[[Answer], Answer] | None
    ) -> Answer:
        # One at a time: decoding holds the interpreter anyway, and ten answers would fill memory.
        with self._decoding:
            answer = Answer(call, self._decode(call, response), response.headers, self.now())
            if read is None:
                return answer
            try:
                return read(answer)
            except ResponseError as error:
                raise ResponseError(f"{name_of(call)}: {error}") from None

    def _transmit(self, call: Call, base_url: str, timeout: tuple[float, float]) -> Response:
        headers = {"User-Agent": user_agent(), "Accept": "application/json"}
        if self.subaccount:
            headers["X-Mailgun-On-Behalf-Of"] = self.subaccount
        if call.body is not None:
            headers["Content-Type"] = "application/json"
        return self._session.request(
            call.method,
            base_url + call.path,
            params=call.params,
            data=None if call.body is None else call.body.encode(),
            headers=headers,
            auth=self._auth,
            timeout=timeout,
            allow_redirects=False,
        )

    def _decode(self, call: Call, response: Response) -> Any:
        name = f"{name_of(call)} answered {response.status_code}"
        if response.status_code >= 300:
            raise ResponseError(
                f"{name}, a redirect, which is not followed because it would carry the key "
                "elsewhere; check base_url"
            )
        content = response.content
        for secret in self._secrets():  # a proxy may echo the request
            content = content.replace(secret.encode("latin-1"), b"[key]")
        try:
            return json.loads(content, parse_constant=finite, parse_float=finite)
        except (ValueError, RecursionError) as error:
            reason = str(error)
        start = self._clean(text_of(response))[:80]
        if not start:
            raise ResponseError(f"{name} with an empty body; ask again, or check base_url")
        if start.startswith("Mailgun Magnificent API"):
            raise ResponseError(
                f"{name} with 'Mailgun Magnificent API': Mailgun does not know this path; check "
                "the domain and base_url"
            )
        raise ResponseError(f"{name}, but not with JSON: {start!r} ({reason}); check base_url")

    def _elsewhere(self, call: Call, status: int) -> str:
        """Return what is known of the call's domain in the other region, as the end of a hint."""
        if status not in (401, 404) or "{domain}" not in call.endpoint:
            return ""
        if self._address(call) not in REGIONS.values():
            return ". It may also belong to another region than the one behind this base_url"
        other = "eu" if (call.region or self.region) == "us" else "us"
        domain, use = call.label or call.path, f"use mg.Client(region={other!r})"
        with self._probing:
            found = [name for name, answers in self._probed.items() if answers]
            worth_it = len(self._probed) < _PROBES and None not in self._probed.values()
            if worth_it and not found and domain not in self._probed:
                self._probed[domain] = self._answers_in(other, call)
            if self._probed.get(domain):
                return f". {domain} answers in region {other!r}: {use}"
            if found:
                return f". {found[0]} answers in region {other!r}, this one may too: {use}"
            if self._probed.get(domain) is False:
                return f". Region {other!r} does not know it either"
        return f". If it lives in region {other!r}, {use}"

    def _answers_in(self, region: str, call: Call) -> bool | None:
        try:
            response = self._transmit(call, REGIONS[region], _PROBE_TIMEOUT)
            return response.status_code == 200 and self._decode(call, response) is not None
        except Exception:  # noqa: BLE001 - a failed probe must never hide the first error
            return None

    def _secrets(self) -> tuple[str, ...]:
        return forms_of(str(self._auth.password))

    def _clean(self, text: str) -> str:
        """Return `text` on one line, printable, without the key in any form, or any address."""
        for secret in self._secrets():
            text = text.replace(secret, "[key]")
        text = redact(text[:_READ])
        return " ".join("".join(c if c.isprintable() else " " for c in text).split())


_DEFAULTS: dict[int, Client] = {}
_DEFAULTS_LOCK = threading.Lock()


def default_client() -> Client:
    """Return the process's client for the environment as it is now, made at first use."""
    names = (*KEY_VARIABLES, *URL_VARIABLES, *REGION_VARIABLES)
    # A hash, because the settings hold the key; with the process, because sockets are not shared.
    settings = hash((os.getpid(), *map(os.environ.get, names)))
    with _DEFAULTS_LOCK:
        if settings not in _DEFAULTS:
            _DEFAULTS[settings] = Client()
        return _DEFAULTS[settings]


def _answered(futures: Iterable[Future[Answer | MgframeError]]) -> int:
    return sum(f.done() and not f.cancelled() and f.exception() is None for f in futures)
