"""The client against a real socket: faults, calls side by side, progress, and no key anywhere."""

import base64
import io
import logging
import signal
import socket
import struct
import sys
import threading
import time
import traceback
import types
import warnings
from concurrent.futures import CancelledError
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import mgframe.client as module
from mgframe import pacing
from mgframe import progress as progress_bar
from mgframe.client import Call, Client
from mgframe.errors import (
    ApiError,
    AuthenticationError,
    ConfigurationError,
    MgframeError,
    NotFound,
    ResponseError,
    TransportError,
)

KEY = "key-0123456789abcdef0123456789abcdef"
BASIC = base64.b64encode(f"api:{KEY}".encode()).decode()


class Handler(BaseHTTPRequestHandler):
    """Does what the path says: /ok, /status/404, /drop, /cut, /slow, /echo."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.seen.append(self.path)
        fault, _, detail = self.path.removeprefix("/").partition("?")[0].partition("/")
        getattr(self, fault)(detail)

    def log_message(self, *_):
        """Keep quiet."""

    def reply(self, body, status=200, headers=(), missing=0):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body) + missing), **dict(headers)}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def ok(self, detail):
        time.sleep(0.005 * self.server.delay)
        self.reply(b'{"stats": ["%s"]}' % detail.encode())

    def status(self, detail):
        self.reply(b'{"message": "no"}', int(detail))

    def drop(self, detail):
        if self.server.drops(detail):
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()
            self.close_connection = True
            self.rfile.close()
        else:
            self.ok(detail)

    def cut(self, detail):
        if self.server.drops(detail):
            self.reply(b'{"stats": [1, 2', missing=4000)
            self.close_connection = True
        else:
            self.ok(detail)

    def slow(self, detail):
        self.server.released.wait(5)
        self.ok(detail)

    def echo(self, detail):
        """Say everything that the request said, as a careless proxy would."""
        sent = self.headers["Authorization"]
        key = base64.b64decode(sent.split()[1]).decode().partition(":")[2]
        body = f"<p>{sent}</p> {key} {'z' * 50} {key}".encode()
        headers = {"Retry-After": "1", "Location": f"https://{key}@evil.example.com/"}
        self.reply(body, int(detail), headers)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen, self.delay, self.released = [], 0, threading.Event()
        self.left = {}

    def drops(self, times):
        """Whether this request still meets its fault; `times` of them do, "" means each."""
        if not times:
            return True
        self.left.setdefault(times, int(times))
        self.left[times] -= 1
        return self.left[times] >= 0

    def handle_error(self, request, client_address):
        """A dropped connection is meant."""


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.released.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def pauses(monkeypatch):
    slept = []

    def pause(seconds, stop):
        slept.append(seconds)
        if stop.is_set():
            raise CancelledError

    monkeypatch.setattr(pacing, "pause", pause)
    return slept


@pytest.fixture
def connect(server, pauses):
    clients = []

    def connect(**arguments):
        url = f"http://127.0.0.1:{server.server_port}"
        clients.append(Client(KEY, base_url=url, **arguments))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


def get(path):
    return Call("GET", path, (("event", "accepted"),))


# ---------------------------------------------------------------- faults of the network


@pytest.mark.parametrize("fault", ["drop", "cut"])
def test_dropped_and_truncated_answers_are_survived(connect, server, pauses, fault):
    assert connect().send(get(f"/{fault}/3")).body == {"stats": ["3"]}
    assert len(server.seen) == 4
    assert len([seconds for seconds in pauses if seconds]) == 3


@pytest.mark.parametrize(
    ("fault", "words"),
    [("drop", "ConnectionError: .*(reset|aborted)"), ("cut", "IncompleteRead")],
)
def test_answers_that_never_come_whole_are_a_transport_error(connect, server, fault, words):
    with pytest.raises(TransportError, match=f"(?i)got no answer.* in 5 attempts: .*{words}"):
        connect().send(get(f"/{fault}"))
    assert len(server.seen) == 5


def test_slow_server_is_a_transport_error_after_the_retries(connect, server):
    with pytest.raises(TransportError, match=r"in 2 attempts: .*timed out.*longer timeout="):
        connect(timeout=(1.0, 0.3), retries=1).send(get("/slow"))
    assert len(server.seen) == 2


def test_refused_connection_names_the_address(pauses):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(TransportError, match=rf"from {address} in 5 attempts: .*refused"):
            Client(KEY, base_url=address).send(get("/ok"))


def test_transport_error_is_logged_and_carries_no_request(connect, caplog):
    with caplog.at_level(logging.INFO, logger="mgframe"), pytest.raises(TransportError) as caught:
        connect(retries=1).send(get("/drop"))
    assert "GET /drop answered nothing; asking again in" in caplog.text
    assert caught.value.__cause__ is caught.value.__context__ is None


# ---------------------------------------------------------------- side by side


def test_answers_come_in_the_order_of_the_calls(connect, server):
    calls = [get(f"/ok/{number}") for number in range(60)]
    answers = connect().send_all(iter(calls))
    assert [answer.call for answer in answers] == calls
    assert [answer.body["stats"] for answer in answers] == [[str(n)] for n in range(60)]
    assert len(server.seen) == 60


def test_calls_run_side_by_side_up_to_the_connections(connect, server, monkeypatch):
    running, most, lock = [], [], threading.Lock()
    plain = Client._transmit

    def watched(self, *arguments):
        with lock:
            running.append(1)
            most.append(len(running))
        try:
            return plain(self, *arguments)
        finally:
            with lock:
                running.pop()

    monkeypatch.setattr(Client, "_transmit", watched)
    server.delay = 4
    connect(connections=4).send_all([get(f"/ok/{number}") for number in range(16)])
    assert max(most) == 4


def test_no_calls_give_no_answers_and_one_call_needs_no_pool(connect, monkeypatch):
    monkeypatch.setattr(module, "ThreadPoolExecutor", None)
    client = connect()
    assert client.send_all([]) == []
    assert client.send_all([get("/ok/1")])[0].body == {"stats": ["1"]}
    with pytest.raises(NotFound):
        client.send_all([get("/status/404")])
    assert isinstance(client.send_all([get("/status/404")], keep_errors=True)[0], NotFound)


def test_first_error_is_raised_what_has_not_started_is_not_sent(connect, server):
    calls = [get(f"/ok/{number}") for number in range(200)]
    calls[30] = get("/status/400")
    with pytest.raises(ApiError) as caught:
        connect().send_all(calls)
    (note,) = caught.value.__notes__
    answered = int(note.removesuffix(" of 200 requests had answered"))
    assert answered == len(server.seen) - 1
    assert 20 < answered < 150
    seen = len(server.seen)
    time.sleep(0.05)
    assert len(server.seen) == seen


def test_kept_errors_stand_in_the_place_of_their_answers(connect):
    calls = [get("/ok/0"), get("/status/401"), get("/drop"), get("/status/302"), get("/ok/4")]
    outcomes = connect().send_all(calls, keep_errors=True)
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [
        module.Answer,
        AuthenticationError,
        TransportError,
        ResponseError,
        module.Answer,
    ]
    assert [outcomes[0].body, outcomes[4].body] == [{"stats": ["0"]}, {"stats": ["4"]}]


def test_errors_that_are_not_of_one_call_are_raised_even_so(connect, monkeypatch):
    def broken(*_):
        raise ConfigurationError("broken")

    monkeypatch.setattr(Client, "_attempt", broken)
    with pytest.raises(ConfigurationError):
        connect().send_all([get("/ok/1"), get("/ok/2")], keep_errors=True)


def test_failing_batch_wakes_the_calls_that_wait_for_a_retry(connect, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(pacing, "back_off", lambda attempt: 60.0)
    begun = time.monotonic()
    with pytest.raises(ApiError, match="400"):
        connect().send_all([get("/status/503"), get("/status/503"), get("/status/400")])
    assert time.monotonic() - begun < 5


@pytest.fixture
def _interruptible():
    """Take interrupts even where a shell's background job would ignore them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
def test_interrupt_stops_the_batch_at_once(connect, server):
    connections, interrupts = 4, []

    def interrupt():
        while len(server.seen) < connections:
            time.sleep(0.005)
        time.sleep(0.2)  # the main thread waits by now, as it does when a person interrupts
        interrupts.append(time.monotonic())
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    client = connect(connections=connections)
    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        client.send_all([get(f"/slow/{number}") for number in range(100)])
    assert time.monotonic() - interrupts[0] < 1
    server.released.set()
    deadline = time.monotonic() + 5
    while any(thread.name.startswith("mgframe") for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert len(server.seen) == connections


# ---------------------------------------------------------------- progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@contextmanager
def notebook(monkeypatch):
    shell = types.SimpleNamespace(kernel=object())
    ipython = types.SimpleNamespace(get_ipython=lambda: shell)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "IPython", ipython)
        patch.setitem(sys.modules, "ipykernel.zmqshell", ipython)
        yield


@pytest.mark.parametrize(
    ("stderr", "progress", "calls", "shown"),
    [
        (Terminal, None, 3, True),
        (Terminal, False, 3, False),
        (Terminal, None, 1, False),
        (io.StringIO, None, 3, False),
        (io.StringIO, True, 3, True),
        (io.StringIO, True, 1, False),
    ],
)
def test_bar_is_shown_where_somebody_watches(connect, monkeypatch, stderr, progress, calls, shown):
    monkeypatch.setattr(sys, "stderr", stderr())
    connect().send_all([get("/ok/1")] * calls, progress=progress)
    assert ("3/3" in sys.stderr.getvalue() or "request/s" in sys.stderr.getvalue()) is shown
    assert bool(sys.stderr.getvalue()) is shown


def test_notebook_counts_as_somebody_who_watches(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert not progress_bar.somebody_watches()
    with notebook(monkeypatch):
        assert progress_bar.somebody_watches()
    monkeypatch.setattr(sys, "stderr", None)
    assert not progress_bar.somebody_watches()


def test_notebook_without_widgets_gets_a_text_bar_and_no_warning(connect, monkeypatch):
    for name in [name for name in sys.modules if name.startswith(("tqdm", "ipywidgets"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with notebook(monkeypatch), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        connect().send_all([get("/ok/1")] * 3)
    assert not caught
    assert "request/s" in sys.stderr.getvalue()


# ---------------------------------------------------------------- no key anywhere


def everything_said(error):
    """Return all that a user could see of an error: text, notes, attributes, the whole chain."""
    chain, seen = [], error
    while seen is not None:
        chain += [str(seen), repr(seen), repr(vars(seen)), repr(seen.args)]
        seen = seen.__cause__ or seen.__context__
    return "\n".join([*chain, *traceback.format_exception(error)])


STATUSES = [200, 302, 400, 401, 402, 403, 404, 418, 420, 429, 500, 503]


@pytest.mark.parametrize("status", STATUSES)
def test_server_that_echoes_the_key_does_not_get_it_printed(connect, caplog, status):
    client = connect()
    with caplog.at_level(logging.DEBUG), pytest.raises(MgframeError) as caught:
        client.send_all([get(f"/echo/{status}")] * 2)
    said = everything_said(caught.value) + caplog.text
    assert status == 302 or "[key]" in said
    for secret in (KEY, KEY[:12], BASIC, BASIC.rstrip("="), BASIC[:20]):
        assert secret not in said


@pytest.mark.parametrize("path", ["/drop", "/cut", "/slow"])
def test_transport_errors_do_not_print_the_key(connect, caplog, path):
    with caplog.at_level(logging.DEBUG), pytest.raises(TransportError) as caught:
        connect(timeout=0.05, retries=1).send(get(path))
    said = everything_said(caught.value) + caplog.text
    assert KEY not in said
    assert BASIC not in said


def test_words_longer_than_a_message_do_not_leave_half_a_key(connect, monkeypatch):
    monkeypatch.setattr(
        Handler, "status", lambda self, _: self.reply(b"x" * 290 + KEY.encode(), 400)
    )
    with pytest.raises(ApiError) as caught:
        connect().send(get("/status/400"))
    assert "key-0" not in str(caught.value)
    assert len(caught.value.message) <= module._EXCERPT


def test_key_with_unusual_characters_is_cleaned_in_all_its_forms(server, monkeypatch):
    body = rb'{"message": "s\u00e9cret+/? and s%C3%A9cret%2B%2F%3F"}'
    monkeypatch.setattr(Handler, "status", lambda self, _: self.reply(body, 400))
    address = f"http://127.0.0.1:{server.server_port}"
    with (
        Client("s\u00e9cret+/?", base_url=address) as client,
        pytest.raises(ApiError, match=r"answered 400: \[key\] and \[key\] \("),
    ):
        client.send(get("/status/400"))


def test_object_and_its_parts_do_not_show_the_key(connect):
    client = connect()
    client.send(get("/ok/1"))
    shown = f"{client!r} {client} {vars(client)} {dir(client)} {vars(client._session)}"
    assert KEY not in shown
    assert BASIC not in shown
    with pytest.raises(TypeError) as caught:
        client.__reduce__()
    assert KEY not in everything_said(caught.value)
