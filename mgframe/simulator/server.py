"""A simulated account over HTTP on loopback, with the answers of Mailgun's API."""

from __future__ import annotations

import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from email.utils import format_datetime
from types import TracebackType
from typing import Any, Final, Self

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Request, Response

from mgframe.simulator.answers import Edition, Shape, Suffix
from mgframe.simulator.faults import Answer, Fault, FaultQueue
from mgframe.simulator.metric_answers import Rows, ZoneLabels
from mgframe.simulator.model import Model
from mgframe.simulator.views import FORBIDDEN, Api, Limit

#: How many requests the log keeps.
_LOGGED: Final = 10_000

_TYPES: Final = {
    "json": "application/json; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "text": "text/plain; charset=utf-8",
}


class Simulator:
    """The WSGI application that answers for a simulated account.

    Parameters
    ----------
    model : Model
        The account.
    key : str
        The only API key that is let in.
    shape : str
        Where grouped answers carry their keys: ``"member"`` of the item, item ``"type"``, in place
        of ``"time"`` (one item for the whole window), a list of ``"envelopes"``, a ``"map"``, or
        ``"none"``.
    limit : str
        What ``limit`` of the snapshot means: rows to ``"skip"``, or page ``"size"``.
    edition, suffix : str
        The member set of 2016, 2024 or 2026, and how dates end: UTC, GMT, +0000.
    page : int
        Rows of a snapshot's page.
    singular : bool
        Whether aggregates are called provider, device, country as for tags, and not providers ...
    explicit_resolution : bool
        Whether a resolution that was asked for wins over that of a duration.
    apart : bool
        Whether the account answers without its subaccounts unless `include_subaccounts` is true;
        as it is, the account's own answers hold them.
    strict : bool
        Whether the Metrics API refuses more than ten metrics.
    rows : str
        Which rows the Metrics API has: those in which ``"any"`` event happened, or only those in
        which a metric that was ``"asked"`` for is not 0.
    zone : str, optional
        The account's time zone, such as ``"Europe/Berlin"``: the Metrics API writes hours in it.
        Days and months stay those of UTC.
    zone_labels : str
        How it writes them: with their ``"offset"`` (``+0100``), or ``"disguised"`` as if the local
        time were UTC (``+0000``), the window's start and end too.
    """

    def __init__(self, model: Model, *, key: str = "key-simulated", **api: Any) -> None:
        self.model = model
        self.faults = FaultQueue()
        self.requests: list[str] = []
        self.bodies: list[Any] = []
        self._key, self._form = key, api
        self._api = Api(model, **api)

    def advance(self, now: datetime) -> None:
        """Move the account's clock; see :meth:`mgframe.simulator.Model.at`."""
        self.model = self.model.at(now)
        self._api = Api(self.model, **self._form)

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer one request (WSGI)."""
        request = Request(environ)
        query = f"?{request.query_string.decode()}" if request.query_string else ""
        self.requests.append(f"{request.method} {request.path}{query}")
        del self.requests[:-_LOGGED]
        if request.method == "POST":
            self.bodies.append(_logged(request.get_data(as_text=True)))
            del self.bodies[:-_LOGGED]
        fault = self.faults.next(request.path)
        response = self._response(self._answer(request, fault))
        if fault is not None:
            _disturb(response, fault, environ)
        return response(environ, start_response)

    def _answer(self, request: Request, fault: Fault | None) -> Answer:
        instead = fault.answer(self.model.now) if fault else None
        if instead is not None:
            return instead
        user = request.authorization
        if user is None or (user.username, user.password) != ("api", self._key):
            return FORBIDDEN
        return self._api.answer(
            request.method,
            request.path,
            dict(request.args.lists()),
            body=request.get_data(as_text=True),
            url=request.root_url.rstrip("/"),
            subaccount=request.headers.get("X-Mailgun-On-Behalf-Of"),
            fault=fault,
        )

    def _response(self, answer: Answer) -> Response:
        response = Response(answer.body, answer.status)
        response.headers["Content-Type"] = _TYPES[answer.kind]
        for name, value in (
            ("Access-Control-Allow-Origin", "*"),
            ("Access-Control-Allow-Credentials", "true"),
            ("Cache-Control", "no-store"),
            ("Date", format_datetime(self.model.now, usegmt=True)),
            ("Strict-Transport-Security", "max-age=63072000; includeSubDomains"),
            ("X-Xss-Protection", "1; mode=block"),
            ("X-Mgframe-Simulated", "1"),
            *answer.headers,
        ):
            response.headers[name] = value
        if answer.status == 200:
            response.headers["X-Mailgun-Key-Id"] = "51a8e070-3b6f4c21"
        return response


def _logged(body: str) -> Any:
    """Return a posted body as the log has it: parsed where it is JSON."""
    try:
        return json.loads(body) if body else None
    except ValueError:
        return body


def _disturb(response: Response, fault: Fault, environ: dict[str, Any]) -> None:
    """Spoil what goes over the wire."""
    if fault.kind == "slow":
        time.sleep(fault.seconds)
    elif fault.kind == "truncated":
        body = response.get_data()
        response.set_data(body[: len(body) // 2])
    elif fault.kind == "short":
        body = response.get_data()
        response.set_data(body[: len(body) // 2])
        response.headers["Content-Length"] = str(len(body))
        response.headers["Connection"] = "close"
    elif fault.kind == "drop":
        connection = environ.get("werkzeug.socket")
        if connection is None:
            raise ConnectionResetError("dropped on demand")
        connection.shutdown(socket.SHUT_RDWR)


class _Handler(WSGIRequestHandler):
    """Keeps connections open and quiet; werkzeug's own closes each, after waiting 10 ms."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)  # type: ignore[attr-defined]

    def finish(self) -> None:
        self.server.connections.discard(self.connection)  # type: ignore[attr-defined]
        super().finish()

    def run_wsgi(self) -> None:
        self.environ = environ = self.make_environ()
        # Read it whole, or the rest would be taken for the next request.
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        if len(body) < size:  # the client is gone, perhaps killed
            self.close_connection = True
            return
        environ["wsgi.input"] = io.BytesIO(body)
        parts, status, headers = run_wsgi_app(self.server.app, environ, buffered=True)
        code, _, phrase = status.partition(" ")
        self.send_response_only(int(code), phrase)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"".join(parts))

    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing."""


class Server:
    """A simulator that listens on loopback in a thread of its own; a context manager.

    Attributes
    ----------
    url : str
        Where it listens, ``"http://127.0.0.1:8025"``.
    key : str
        The key that it lets in.
    app : Simulator
        The application.
    """

    def __init__(self, app: Simulator, key: str, port: int) -> None:
        self.app, self.key = app, key
        with socket.create_server(("127.0.0.1", port), backlog=128) as listening:
            self._http: BaseWSGIServer = make_server(
                "127.0.0.1",
                port,
                app,
                threaded=True,
                request_handler=_Handler,
                fd=listening.fileno(),
            )
        self._http.connections = set()  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self._http.port}"
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()

    def __repr__(self) -> str:
        return f"<Server {self.url}>"

    @property
    def model(self) -> Model:
        """The account."""
        return self.app.model

    def advance(self, now: datetime) -> None:
        """Move the account's clock: requests from now on are answered as of that moment."""
        self.app.advance(now)

    @property
    def requests(self) -> list[str]:
        """What was asked, newest last: ``"GET /v3/stats/total?event=opened"``."""
        return self.app.requests

    @property
    def bodies(self) -> list[Any]:
        """What was posted, newest last: parsed JSON, text where it is none, None where empty."""
        return self.app.bodies

    @property
    def faults(self) -> list[Fault]:
        """The faults still to come; may be changed."""
        return self.app.faults.waiting

    def inject(self, fault: Fault | str) -> None:
        """Let something go wrong from the next request on."""
        self.faults.append(Fault(fault) if isinstance(fault, str) else fault)

    def wait(self) -> None:
        """Block until the server is closed, or the user interrupts."""
        try:
            while self._thread.is_alive():
                self._thread.join(0.5)
        except KeyboardInterrupt:
            self.close()

    def close(self) -> None:
        """Stop listening and drop open connections."""
        self._http.shutdown()
        self._thread.join()
        for connection in list(self._http.connections):  # type: ignore[attr-defined]
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def serve(
    model: Model,
    *,
    port: int = 0,
    key: str = "key-simulated",
    shape: Shape = "member",
    limit: Limit = "skip",
    edition: Edition = "2026",
    suffix: Suffix = "UTC",
    faults: Iterable[Fault | str] = (),
    page: int = 100,
    singular: bool = False,
    explicit_resolution: bool = False,
    apart: bool = False,
    strict: bool = False,
    rows: Rows = "any",
    zone: str | None = None,
    zone_labels: ZoneLabels = "offset",
) -> Server:
    """Serve a simulated account on loopback.

    Parameters
    ----------
    model : Model
        The account.
    port : int
        Where to listen; 0 takes a free one.
    faults : iterable of Fault or str
        What goes wrong from the start.
    key, shape, limit, edition, suffix, page, singular, explicit_resolution, apart
        As for :class:`Simulator`.
    strict, rows, zone, zone_labels
        Of the Metrics API, as for :class:`Simulator`.

    Returns
    -------
    Server
        Listening already; ``close()`` it, or use it in a ``with``.

    Raises
    ------
    OSError
        The port is taken.

    Examples
    --------
    >>> from mgframe.simulator.model import Model
    >>> with serve(Model(domains=1)) as server:
    ...     server.url.startswith("http://127.0.0.1:")
    True
    """
    app = Simulator(
        model,
        key=key,
        shape=shape,
        limit=limit,
        edition=edition,
        suffix=suffix,
        page=page,
        singular=singular,
        explicit_resolution=explicit_resolution,
        apart=apart,
        strict=strict,
        rows=rows,
        zone=zone,
        zone_labels=zone_labels,
    )
    server = Server(app, key, port)
    for fault in faults:
        server.inject(fault)
    return server
