from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests
from werkzeug.test import Client

from mgframe.simulator.faults import Fault, FaultQueue
from mgframe.simulator.model import Model
from mgframe.simulator.server import Server, Simulator, serve

STATS = "/v3/stats/total?event=opened&event=accepted"


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with serve(Model(domains=1, days=30)) as server:
        yield server


@pytest.fixture
def session(running: Server) -> Iterator[requests.Session]:
    running.faults.clear()
    running.requests.clear()
    with requests.Session() as session:
        session.auth = ("api", running.key)
        yield session


def get(running: Server, session: requests.Session, path: str = STATS) -> requests.Response:
    return session.get(running.url + path, timeout=10)


def test_answers_are_served_on_loopback(running: Server, session: requests.Session) -> None:
    response = get(running, session)
    assert response.status_code == 200
    assert response.headers["Date"] == "Mon, 16 Nov 2026 09:30:00 GMT"
    assert len(response.json()["stats"]) == 8
    assert running.requests == [f"GET {STATS}"]


def test_one_connection_serves_many_requests(running: Server, session: requests.Session) -> None:
    get(running, session)
    adapter = session.get_adapter("http://")
    started = time.perf_counter()
    for _ in range(30):
        get(running, session)
    assert time.perf_counter() - started < 3
    (pool,) = adapter.poolmanager.pools._container.values()
    assert pool.num_connections == 1
    assert pool.num_requests == 31


def test_a_body_that_is_not_expected_does_not_spoil_the_connection(
    running: Server, session: requests.Session
) -> None:
    posted = session.post(running.url + "/v1/analytics/nothing", json={"a": 1}, timeout=10)
    assert posted.status_code == 404
    assert "not found" in posted.json()["error"]
    assert running.requests[-1] == "POST /v1/analytics/nothing"
    assert running.bodies[-1] == {"a": 1}
    assert get(running, session).status_code == 200


def test_nothing_is_written_to_the_terminal(
    running: Server, session: requests.Session, capfd: pytest.CaptureFixture[str]
) -> None:
    get(running, session)
    running.inject("drop")
    with pytest.raises(requests.ConnectionError):
        get(running, session)
    assert capfd.readouterr() == ("", "")


def test_the_key_is_shown_nowhere(running: Server) -> None:
    assert running.key not in repr(running)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("429", 429),
        ("429-retry-after", 429),
        ("429-reset", 429),
        ("420", 420),
        ("420-seconds", 420),
        ("500", 500),
        ("502", 502),
        ("503", 503),
        ("html", 200),
        ("magnificent", 200),
    ],
)
def test_a_fault_of_the_status_is_played_once(
    running: Server, session: requests.Session, kind: str, status: int
) -> None:
    running.inject(Fault(kind, seconds=7))
    spoilt = get(running, session)
    assert spoilt.status_code == status
    if status == 200:
        with pytest.raises(requests.JSONDecodeError):
            spoilt.json()
    assert spoilt.headers["X-Mgframe-Simulated"] == "1"
    assert get(running, session).json()["resolution"] == "day"


def test_waits_are_told_relative_to_the_frozen_clock(
    running: Server, session: requests.Session
) -> None:
    now = running.model.now
    for kind in ("429", "429-retry-after", "429-reset", "420", "420-seconds"):
        running.inject(Fault(kind, seconds=7))
    bare, after, reset, until, seconds = (get(running, session) for _ in range(5))
    assert not {"Retry-After", "X-RateLimit-Reset"} & set(bare.headers)
    assert after.headers["Retry-After"] == "7"
    assert float(reset.headers["X-RateLimit-Reset"]) == pytest.approx(now.timestamp() + 7)
    _, moment = until.json()["message"].split("try again after ")
    assert (parsedate_to_datetime(moment).replace(tzinfo=UTC) - now).total_seconds() == 7
    assert seconds.json()["message"].endswith("try again after 7 sec")


def test_a_truncated_answer_has_a_matching_length(
    running: Server, session: requests.Session
) -> None:
    running.inject("truncated")
    response = get(running, session)
    assert int(response.headers["Content-Length"]) == len(response.content)
    with pytest.raises(requests.JSONDecodeError):
        response.json()


def test_a_short_answer_ends_before_its_length(running: Server, session: requests.Session) -> None:
    running.inject("short")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        get(running, session)
    assert get(running, session).status_code == 200


def test_a_dropped_connection_gives_no_answer(running: Server, session: requests.Session) -> None:
    running.inject("drop")
    with pytest.raises(requests.ConnectionError):
        get(running, session)
    assert get(running, session).status_code == 200


def test_a_slow_answer_takes_its_time(running: Server, session: requests.Session) -> None:
    running.inject(Fault("slow", seconds=0.2))
    started = time.perf_counter()
    assert get(running, session).status_code == 200
    assert time.perf_counter() - started >= 0.2


def spoilt(kind: str) -> tuple[Any, Any]:
    app = Simulator(Model(domains=1, days=30))
    client = Client(app)
    auth = ("api", "key-simulated")
    good = client.get(STATS, auth=auth).get_json()
    app.faults.waiting.append(Fault(kind))
    return good, client.get(STATS, auth=auth).get_json()


def times(payload: Any) -> list[str]:
    return [item["time"] for item in payload["stats"]]


def test_faults_of_the_data_spoil_only_what_they_say() -> None:
    good, gap = spoilt("gap")
    assert len(times(gap)) == len(times(good)) - 1
    good, double = spoilt("duplicate")
    assert times(double) == times(good)[:1] + times(good)
    good, mixed = spoilt("unsorted")
    assert times(mixed) == times(good)[::-1]
    good, extra = spoilt("extra-field")
    assert extra.pop("mystery") == "new"
    assert all(item.pop("mystery") == {"total": 1} for item in extra["stats"])
    assert extra == good


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("negative", lambda good, bad: bad == -good - 1),
        ("textual", lambda good, bad: bad == "many"),
        ("quoted", lambda good, bad: bad == str(good)),
    ],
)
def test_one_count_is_spoilt(kind: str, wrong: Any) -> None:
    good, bad = spoilt(kind)
    before, after = good["stats"][0]["accepted"], bad["stats"][0]["accepted"]
    assert wrong(before["incoming"], after["incoming"])
    assert before["outgoing"] == after["outgoing"]
    assert good["stats"][1:] == bad["stats"][1:]


def test_faults_wait_for_their_path_and_their_turn() -> None:
    queue = FaultQueue()
    queue.waiting += [Fault("500", times=2, path="/aggregates", after=1), Fault("429")]
    met = [queue.next(path) for path in ["/x", "/aggregates"] + ["/aggregates"] * 3]
    assert [fault and fault.kind for fault in met] == ["429", None, "500", "500", None]
    assert queue.waiting == []


def test_an_unknown_fault_is_refused() -> None:
    with pytest.raises(ValueError, match="a fault is one of 429"):
        Fault("418")


def test_a_closed_server_answers_no_more() -> None:
    server = serve(Model(domains=1, days=10), faults=["500"])
    with requests.Session() as session:
        session.auth = ("api", server.key)
        assert session.get(server.url + STATS, timeout=5).status_code == 500
        server.close()
        with pytest.raises(requests.ConnectionError):
            session.get(server.url + STATS, timeout=5)


def test_a_taken_port_is_an_ordinary_error() -> None:
    model = Model(domains=1, days=10)
    taken = socket.create_server(("127.0.0.1", 0))
    with taken, pytest.raises(OSError, match="in use"):
        serve(model, port=taken.getsockname()[1])


def test_waiting_ends_when_the_server_is_closed() -> None:
    server = serve(Model(domains=1, days=10))
    waiting = threading.Thread(target=server.wait)
    waiting.start()
    server.close()
    waiting.join(5)
    assert not waiting.is_alive()


def test_many_clients_at_once_get_the_same_numbers(running: Server) -> None:
    answers: list[Any] = []

    def ask() -> None:
        answers.append(
            requests.get(running.url + STATS, auth=("api", running.key), timeout=30).json()
        )

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert all(answer == answers[0] for answer in answers)


def test_the_clock_is_what_the_model_says() -> None:
    later = Model(domains=1, days=10, now=datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC))
    response = Client(Simulator(later)).get(STATS, auth=("api", "key-simulated"))
    assert response.headers["Date"] == "Sat, 02 Jan 2027 03:04:05 GMT"


def test_a_server_whose_clock_moves_answers_as_of_then() -> None:
    past = "/v3/stats/total?event=opened&start=1794614400&end=1794614400&resolution=day"
    with serve(Model(days=30, late=True)) as server, requests.Session() as session:
        session.auth = ("api", server.key)
        before = get(server, session, past)
        server.advance(server.model.now + timedelta(days=4))
        after = get(server, session, past)
    opened = [answer.json()["stats"][0]["opened"]["total"] for answer in (before, after)]
    assert opened[0] < opened[1]
    assert after.headers["Date"] == "Fri, 20 Nov 2026 09:30:00 GMT"


def test_a_client_that_dies_amid_its_request_is_let_go(
    running: Server, session: requests.Session, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.create_connection(("127.0.0.1", int(running.url.rsplit(":", 1)[1]))) as dying:
        dying.sendall(b"POST /v1/analytics/metrics HTTP/1.1\r\nContent-Length: 90\r\n\r\n{")
    time.sleep(0.1)
    assert get(running, session).status_code == 200
    assert capfd.readouterr().err == ""
