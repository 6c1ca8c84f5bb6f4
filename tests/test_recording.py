"""Evidence: frames of a replay are those of the block, offline, elsewhere, and of nobody."""

from __future__ import annotations

import base64
import hashlib
import inspect
import json
import os
import pickle
import re
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import matplotlib.pyplot as plt
import pandas as pd
import pytest
import requests

import mgframe as mg
from mgframe.client import Call
from mgframe.simulator import Server
from mgframe.simulator.faults import Fault

KEY = "key-simulated"
NEWS = "news.example.com"
#: What a person's address looks like: something before an at sign and a host.
ADDRESS = re.compile(r"[\w.+%-]@[\w-]+\.\w|(?<!%3E)%40[\w-]+\.\w|＠")

Serving = Callable[..., tuple[Server, mg.Client]]
Ask = Callable[[mg.Client], Any]

#: Every function that asks, in forms that take several requests, pages or both APIs.
ASKED: dict[str, Ask] = {
    "account_totals": lambda c: mg.account_totals(last="48h", partial=True, client=c),
    "account_totals from metrics": lambda c: mg.account_totals(last="7d", api="metrics", client=c),
    "domain_totals": lambda c: mg.domain_totals(last="7d", client=c),
    "domain_totals by duration": lambda c: mg.domain_totals(NEWS, duration="1m", client=c),
    "domain_snapshot": lambda c: mg.domain_snapshot("2026-11-13", client=c),
    "grouped_totals": lambda c: mg.grouped_totals("provider", last="3d", client=c),
    "provider_aggregates": lambda c: mg.provider_aggregates(NEWS, client=c),
    "device_aggregates": lambda c: mg.device_aggregates(NEWS, client=c),
    "country_aggregates": lambda c: mg.country_aggregates(NEWS, client=c),
    "tag_totals": lambda c: mg.tag_totals(NEWS, "digest", last="7d", client=c),
    "tag_aggregates": lambda c: mg.tag_aggregates(NEWS, "digest", by="device", client=c),
    "metrics": lambda c: mg.metrics(by=["domain", "recipient_provider"], last="60d", client=c),
    "metrics of a filter": lambda c: mg.metrics(
        by="tag", where={"tag": mg.contains("d")}, last="7d", resolution="total", client=c
    ),
    "usage": lambda c: mg.usage(last="2m", client=c),
    "bounce_classification": lambda c: mg.bounce_classification(by="entity", last="3d", client=c),
    "failures": lambda c: mg.failures(last="12h", client=c),
    "failures of a filter": lambda c: mg.failures(
        NEWS, where={"tag": "digest", "severity": "temporary"}, last="4d", client=c
    ),
    "domains": lambda c: mg.domains(client=c),
    "tags": lambda c: mg.tags(client=c),
    "tags of a domain": lambda c: mg.tags(NEWS, client=c),
    "subaccounts": lambda c: mg.subaccounts(client=c),
    "names": lambda c: pd.DataFrame({"name": mg.names(c, "ip_pool")}),
    "investigate": lambda c: mg.investigate(last="35d", client=c),
    "reconcile": lambda c: mg.reconcile(last="2d", client=c),
}


def told(frame: pd.DataFrame) -> dict[str, Any]:
    """Return what a frame says of itself, except that it was replayed."""
    return {k: v for k, v in frame.attrs.get("mgframe", {}).items() if k != "replayed_from"}


def assert_identical(a: pd.DataFrame, b: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(a, b, check_exact=True, check_freq=True)
    assert told(a) == told(b)


def text_of(path: Path) -> str:
    """Return everything that a file holds, names of its members too."""
    with zipfile.ZipFile(path) as file:
        parts = [file.read(name).decode("utf-8") for name in file.namelist()]
        return "\n".join([*file.namelist(), file.comment.decode(), *parts])


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, pd.DataFrame]]:
    """A recording of everything, and the frames of its block."""
    path = tmp_path_factory.mktemp("evidence") / "case.zip"
    with mg.record(path, parameters={"domain": NEWS}, client=mg.demo()) as recording:
        frames = {name: ask(recording.client) for name, ask in ASKED.items()}
    return path, frames


@pytest.fixture
def no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every socket, those to this machine too."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a socket was opened")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)


# ---------------------------------------------------------------- identical frames


def test_without_sockets_an_account_cannot_be_asked(no_socket: None) -> None:
    with mg.Client(KEY, base_url="127.0.0.1:9") as client, pytest.raises(AssertionError):
        mg.domains(client=client)


def test_every_function_that_asks_is_tried_here() -> None:
    asking = {n for n in mg.__all__ if hasattr(getattr(mg, n), "__wrapped__")} | {"names"}
    assert asking <= {name.split()[0] for name in ASKED}


@pytest.mark.parametrize("name", ASKED)
def test_a_replayed_frame_is_the_recorded_one(
    case: tuple[Path, dict[str, pd.DataFrame]], name: str, no_socket: None
) -> None:
    path, frames = case
    again = ASKED[name](mg.replay(path))
    assert_identical(again, frames[name])
    assert name == "reconcile" or len(again)


@pytest.mark.parametrize("name", ASKED)
def test_recording_changes_no_frame(
    case: tuple[Path, dict[str, pd.DataFrame]], name: str, demo: mg.Client
) -> None:
    assert_identical(ASKED[name](demo), case[1][name])


def test_a_replayed_frame_says_so_and_stays_simulated(case: tuple[Path, Any]) -> None:
    client = mg.replay(case[0])
    for ask in ("domain_totals", "failures", "domains", "reconcile", "metrics"):
        meta = ASKED[ask](client).attrs["mgframe"]
        assert meta["replayed_from"] == "case.zip"
        assert meta["simulated"] is True
    ax = ASKED["domain_totals"](client).mg.plot.rates("delivery_rate")
    assert "SIMULATED" in " ".join(text.get_text() for text in ax.texts)
    plt.close("all")


def test_it_replays_on_another_machine_without_key_network_or_simulator(
    case: tuple[Path, dict[str, pd.DataFrame]], tmp_path: Path
) -> None:
    path, frames = case
    copy = tmp_path / "Fälle für Jürgen 日本.zip"
    copy.write_bytes(path.read_bytes())
    names = ["domain_totals", "account_totals", "failures", "metrics", "tags", "reconcile"]
    source = "\n".join(
        f"    {name!r}: {inspect.getsource(ASKED[name]).split(': ', 1)[1].rstrip().rstrip(',')},"
        for name in names
    )
    code = textwrap.dedent("""
        import pickle, socket, sys
        for name in ("werkzeug", "vcr"):
            sys.modules[name] = None
        class Refused(socket.socket):
            def __init__(self, *args, **kwargs):
                raise AssertionError("a socket was opened")
        socket.socket = socket.create_connection = socket.getaddrinfo = Refused
        import mgframe as mg
        NEWS = "news.example.com"
        asked = {
        %s
        }
        client = mg.replay(sys.argv[1])
        frames = {name: ask(client) for name, ask in asked.items()}
        sys.stdout.buffer.write(pickle.dumps(frames))
    """)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAILGUN", "MG_"))} | {
        "TZ": "Pacific/Chatham",
        "LC_ALL": "C",
        "PYTHONUTF8": "1",
    }
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code % source, str(copy)],
        capture_output=True,
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(Path(mg.__file__).parent.parent)},
        check=False,
    )
    assert result.returncode == 0, result.stderr.decode()
    for name, frame in pickle.loads(result.stdout).items():  # our own child's
        assert_identical(frame, frames[name])
        assert frame.attrs["mgframe"]["replayed_from"] == copy.name


# ---------------------------------------------------------------- what is matched


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "case.zip"


def test_what_was_not_recorded_is_an_error_that_names_the_nearest(path: Path) -> None:
    with mg.record(path, client=mg.demo()) as case:
        mg.domain_totals(NEWS, last="7d", client=case.client)
        mg.metrics("delivered", by="domain", last="7d", client=case.client)
    client = mg.replay(path)
    with pytest.raises(mg.QueryError) as caught:
        mg.domain_totals(NEWS, last="8d", client=client)
    text = str(caught.value)
    assert text.startswith(f"case.zip holds no answer to GET /v3/{NEWS}/stats/total?event=accepted")
    assert "has start 'Mon, 09 Nov 2026 00:00:00 +0000' instead of 'Sun, 08 Nov" in text
    assert "mg.record('new.zip'" in text
    with pytest.raises(mg.QueryError, match=r"has dimensions .*domain.* instead of .*tag"):
        mg.metrics("delivered", by="tag", last="7d", client=client)
    with pytest.raises(mg.QueryError, match=f"nearest that it holds is GET /v3/{NEWS}/stats/total"):
        mg.domain_totals("other.example.com", last="7d", client=client)


def test_an_outage_in_the_block_is_no_excuse_for_what_was_not_recorded(path: Path) -> None:
    with mg.record(path, client=mg.demo()) as case:
        mg.domain_totals(NEWS, last="7d", client=case.client)
    with pytest.raises(mg.QueryError, match="holds no answer"):
        mg.domain_totals([NEWS, "mail.example.com"], last="7d", on_error="warn",
                         client=mg.replay(path))  # fmt: skip
    with pytest.raises(mg.QueryError, match="holds no answer"):
        mg.reconcile(last="2d", client=mg.replay(path))


class Account(requests.Session):
    """In place of the network: answers by a function of the request, and counts."""

    def __init__(self, answer: Callable[..., Any]) -> None:
        super().__init__()
        self.answer, self.sent = answer, []

    def request(self, *args: Any, **options: Any) -> requests.Response:
        self.sent.append((*args, options))
        said = self.answer(*args, number=len(self.sent), **options)
        if isinstance(said, Exception):
            raise said
        status, body, headers = (*said, {}) if len(said) == 2 else said
        response = requests.Response()
        response.status_code, response.reason = status, "Said"
        response.headers.update({"Date": "Mon, 16 Nov 2026 09:30:00 GMT", **headers})
        response._content = body if isinstance(body, bytes) else body.encode()
        return response


def client_of(answer: Callable[..., Any], **settings: Any) -> mg.Client:
    now = datetime(2026, 11, 16, 9, 30, tzinfo=UTC)
    settings = {"clock": lambda: now, "region": "eu", **settings}
    return mg.Client("key-0123456789", session=Account(answer), **settings)


def sent_by(client: mg.Client) -> list[tuple[Any, ...]]:
    """Return what a client of :func:`client_of` has sent."""
    account = client._session
    assert isinstance(account, Account)
    return account.sent


CALL = Call("GET", "/v3/stats/total", (("event", "accepted"),))


def test_the_same_request_gets_its_answers_in_order_and_then_the_last(path: Path) -> None:
    with mg.record(path, client=client_of(lambda *_, number, **__: (200, f"[{number}]"))) as case:
        recorded = [case.client.send(CALL).body for _ in range(3)]
    client = mg.replay(path)
    assert [client.send(CALL).body for _ in range(5)] == [*recorded, [3], [3]]
    assert mg.replay(path).send(CALL).body == [1]


def test_order_of_query_and_body_is_no_part_of_a_request_but_all_else_is(path: Path) -> None:
    calls = {
        "one": Call("POST", "/v1/x", (("a", "1"), ("b", "2")), body='{"x":1,"y":[1,2]}'),
        "other body": Call("POST", "/v1/x", (("a", "1"), ("b", "2")), body='{"x":1,"y":[2,1]}'),
        "other query": Call("POST", "/v1/x", (("a", "1"),), body='{"x":1,"y":[1,2]}'),
        "no body": Call("POST", "/v1/x", (("a", "1"), ("b", "2"))),
        "other method": Call("GET", "/v1/x", (("a", "1"), ("b", "2")), body='{"x":1,"y":[1,2]}'),
        "other region": Call("POST", "/v1/x", (("a", "1"), ("b", "2")), body='{"x":1,"y":[1,2]}',
                             region="us"),
    }  # fmt: skip
    with mg.record(path, client=client_of(lambda *_, number, **__: (200, f"[{number}]"))) as case:
        recorded = {name: case.client.send(call).body for name, call in calls.items()}
    client = mg.replay(path)
    for name, call in reversed(calls.items()):
        assert client.send(call).body == recorded[name], name
    same = Call("POST", "/v1/x", (("b", "2"), ("a", "1")), body='{ "y": [1, 2], "x": 1 }')
    assert client.send(same).body == recorded["one"]
    with pytest.raises(mg.QueryError, match="has body"):
        client.send(Call("POST", "/v1/x", (("a", "1"), ("b", "2")), body="[]"))


def test_a_recording_of_a_subaccount_is_of_that_one(path: Path) -> None:
    with mg.record(path, client=client_of(lambda *_, **__: (200, "{}"), subaccount="5f")) as case:
        case.client.send(CALL)
    client = mg.replay(path)
    assert client.subaccount == "5f"
    assert (client.region, client.base_url) == ("eu", "https://api.eu.mailgun.net")
    assert client.send(CALL).body == {}
    client.subaccount = None
    with pytest.raises(mg.QueryError, match="has subaccount '5f' instead of"):
        client.send(CALL)


def test_a_replay_asks_as_the_recorded_client_would(path: Path, monkeypatch: Any) -> None:
    settings = {"retries": 2, "connections": 3}
    with mg.record(path, client=client_of(lambda *_, **__: (200, "{}"), **settings)) as case:
        case.client.send(CALL)
    monkeypatch.setenv("MAILGUN_REGION", "us")
    monkeypatch.setenv("MAILGUN_API_KEY", "another-key")
    client = mg.replay(path)
    assert (client.retries, client.connections, client.region) == (2, 3, "eu")
    assert client.addresses == case.client.addresses
    assert client.now() == case.client.now()


# ---------------------------------------------------------------- errors as they came


def test_retries_are_replayed_without_their_waits(
    path: Path, serving: Serving, monkeypatch: Any
) -> None:
    server, _ = serving()
    now = server.model.now
    client = mg.Client(KEY, base_url=server.url, clock=lambda: now, retries=4)
    for kind in ("429-retry-after", "503", "drop", "short"):
        server.faults.append(Fault(kind, seconds=40.0))
    monkeypatch.setattr("mgframe.pacing.pause", lambda seconds, stop: None)
    with mg.record(path, client=client) as case:
        frame = mg.account_totals(last="7d", client=case.client)
    monkeypatch.undo()
    assert repr(case).startswith("Recording('case.zip': 5 answers")
    started = time.monotonic()
    assert_identical(mg.account_totals(last="7d", client=mg.replay(path)), frame)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    "said",
    [
        (429, '{"message":"slow down"}', {"Retry-After": "7"}),
        (401, "Forbidden"),
        (404, '{"message":"domain not found: jo@example.com"}'),
        (500, "<html><h1>jo.doe@example.com broke it</h1></html>"),
        (200, "<html>Sign in</html>"),
        (200, "Mailgun Magnificent API"),
        (200, ""),
        (200, b'{"a": "\xff"}'),
        (200, '{"stats": [1, 2'),
        (200, '{"a": NaN}'),
        (302, ""),
        requests.ConnectTimeout("timed out"),
        requests.exceptions.ChunkedEncodingError("cut off"),
        requests.exceptions.SSLError("CERTIFICATE_VERIFY_FAILED for jo@example.com"),
        requests.exceptions.InvalidURL("no url"),
        type("Odd", (requests.ReadTimeout,), {})("odd"),
    ],
    ids=str,
)
def test_an_error_is_replayed_word_for_word(path: Path, said: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("mgframe.pacing.pause", lambda seconds, stop: None)
    client = client_of(lambda *_, **__: said, retries=1)
    with pytest.raises(mg.MgframeError) as plain:
        client.send(CALL)
    with pytest.raises(mg.MgframeError) as recorded, mg.record(path, client=client):
        client.send(CALL)
    with pytest.raises(mg.MgframeError) as replayed:
        mg.replay(path).send(CALL)
    assert type(replayed.value) is type(recorded.value)
    assert (
        str(replayed.value) == str(recorded.value) == str(plain.value).replace("Odd", "ReadTimeout")
    )
    assert getattr(replayed.value, "wait", None) == getattr(recorded.value, "wait", None)
    assert not ADDRESS.search(text_of(path))


def test_what_the_other_region_knows_is_replayed_too(path: Path) -> None:
    def answer(method: str, url: str, **_: Any) -> tuple[int, str]:
        return (404, "{}") if "api.eu." in url else (200, "{}")

    call = Call("GET", "/v3/a.com/stats", endpoint="GET /v3/{domain}/stats", label="a.com")
    with mg.record(path, client=client_of(answer)) as case, pytest.raises(mg.NotFound) as recorded:
        case.client.send(call)
    with pytest.raises(mg.NotFound, match=r"a\.com answers in region 'us'") as replayed:
        mg.replay(path).send(call)
    assert str(replayed.value) == str(recorded.value)


def test_more_answers_than_the_limits_of_a_minute_are_replayed_at_once(
    path: Path, monkeypatch: Any
) -> None:
    calls = [Call("GET", f"/v3/{number}/stats") for number in range(500)]
    with mg.record(path, client=client_of(lambda *_, **__: (200, "[]"))) as case:
        monkeypatch.setitem(case.client._budgets, "stats", case.client._budgets["metrics"])
        case.client.send_all(calls[:500])
    started = time.monotonic()
    assert len(mg.replay(path).send_all(calls)) == 500
    assert time.monotonic() - started < 20


def test_answers_side_by_side_are_all_kept(path: Path) -> None:
    def answer(method: str, url: str, **_: Any) -> tuple[int, str]:
        time.sleep(0.001)
        return 200, f'["{url[-3:]}"]'

    calls = [Call("GET", f"/v3/stats/{number:03d}") for number in range(200)]
    with mg.record(path, client=client_of(answer)) as case:
        case.client.send_all(calls)
    answers = mg.replay(path).send_all(calls)
    assert [a.body for a in answers] == [[f"{n:03d}"] for n in range(200)]  # type: ignore[union-attr]


# ---------------------------------------------------------------- the block


def test_the_clock_stands_still_in_the_block_and_goes_on_after_it(path: Path) -> None:
    ticking = iter(datetime(2026, 11, 16, 9, tzinfo=UTC) + timedelta(hours=h) for h in range(99))
    client = client_of(lambda *_, **__: (200, "{}"), clock=lambda: next(ticking))
    with mg.record(path, client=client) as case:
        inside = {case.client.now() for _ in range(3)}
        case.client.send(CALL)
    assert len(inside) == 1
    assert client.now() > max(inside)
    assert mg.replay(path).now() == inside.pop()


def test_without_client_the_one_of_the_environment_is_recorded(
    path: Path, serving: Serving, monkeypatch: Any
) -> None:
    server, _ = serving()
    monkeypatch.setenv("MAILGUN_API_KEY", KEY)
    monkeypatch.setenv("MAILGUN_API_BASE", server.url)
    window = {"start": "2026-11-09", "end": "2026-11-15"}
    with mg.record(path):
        frame = mg.account_totals(**window)
    assert_identical(mg.account_totals(**window, client=mg.replay(path)), frame)


def test_without_any_client_the_error_names_the_demo(path: Path) -> None:
    with pytest.raises(mg.ConfigurationError, match=r"mg\.demo\(\)"):
        mg.record(path)
    with pytest.raises(mg.ConfigurationError, match=r"must be an mg\.Client, got str"):
        mg.record(path, client="key")  # type: ignore[arg-type]


def test_a_block_that_asked_another_client_warns_and_writes_nothing(
    path: Path, demo: mg.Client
) -> None:
    with (
        pytest.warns(mg.MgframeWarning, match=r"nothing was recorded.*client=case\.client"),
        mg.record(path, client=client_of(lambda *_, **__: (200, "{}"))),
    ):
        mg.domains(client=demo)
    assert not list(path.parent.iterdir())


def test_what_was_known_before_the_block_is_asked_anew_and_forgotten_after_it(path: Path) -> None:
    client = mg.demo()
    known = mg.names(client, "ip_pool")
    with mg.record(path, client=client) as case:
        assert client.names == {}
        inside = mg.names(case.client, "ip_pool")
    assert client.names["ip_pool"] == known == inside
    assert mg.names(mg.replay(path), "ip_pool") == inside


def test_a_client_is_recorded_once_at_a_time(path: Path) -> None:
    client = client_of(lambda *_, **__: (200, "{}"))
    with mg.record(path, client=client):
        client.send(CALL)
        with (
            pytest.raises(mg.ConfigurationError, match="recorded already"),
            mg.record(path.with_name("b.zip"), client=client),
        ):
            pass
        client.send(CALL)
    assert mg.replay(path).manifest.requests == 2
    with mg.record(path.with_name("b.zip"), client=client):
        client.send(CALL)


def test_two_clients_are_recorded_side_by_side(path: Path) -> None:
    a, b = (client_of(lambda *_, n=n, **__: (200, f"[{n}]")) for n in (1, 2))
    other = path.with_name("other.zip")
    with mg.record(path, client=a), mg.record(other, client=b):
        a.send(CALL)
        b.send(CALL)
    assert [mg.replay(p).send(CALL).body for p in (path, other)] == [[1], [2]]


def test_a_replay_can_be_recorded_in_turn(case: tuple[Path, Any], path: Path) -> None:
    part = path.with_name("part.zip")
    with mg.record(part, client=mg.replay(case[0])) as recording:
        frame = ASKED["failures"](recording.client)
    client = mg.replay(part)
    assert_identical(ASKED["failures"](client), frame)
    assert_identical(frame, case[1]["failures"])
    assert client.manifest.replayed_from == "case.zip"
    assert client.manifest.simulated


def test_an_error_in_the_block_is_raised_and_what_came_before_it_is_kept(path: Path) -> None:
    client = client_of(lambda *_, **__: (200, "{}"))

    def investigate() -> None:
        with mg.record(path, client=client):
            client.send(CALL)
            _ = 1 / 0

    with pytest.raises(ZeroDivisionError):
        investigate()
    replayed = mg.replay(path)
    assert replayed.manifest.ended == "ZeroDivisionError"
    assert "ended by ZeroDivisionError" in repr(replayed)
    assert client._session.__class__ is Account


def test_an_error_before_any_answer_writes_nothing_and_warns_of_nothing(path: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        mg.record(path, client=client_of(lambda *_, **__: (200, "{}"))),
    ):
        raise KeyboardInterrupt
    assert not list(path.parent.iterdir())


def test_an_answer_that_comes_after_the_block_is_not_kept(path: Path) -> None:
    release, started = threading.Event(), threading.Event()

    def answer(method: str, url: str, **_: Any) -> tuple[int, str]:
        if "slow" in url:
            started.set()
            release.wait(10)
        return 200, "{}"

    client = client_of(answer)
    with mg.record(path, client=client):
        client.send(CALL)
        late = threading.Thread(target=client.send, args=(Call("GET", "/v3/slow"),))
        late.start()
        started.wait(10)
    release.set()
    late.join(10)
    assert mg.replay(path).manifest.requests == 1


def test_parameters_are_kept_as_plain_values_and_of_nobody(path: Path) -> None:
    given = {"domain": "a.com", "since": pd.Timestamp("2026-11-01"), "for": "jo.doe@example.com",
             "key": "key-0123456789"}  # fmt: skip
    with mg.record(path, parameters=given, client=client_of(lambda *_, **__: (200, "{}"))) as case:
        case.client.send(CALL)
        inside = case.parameters
    assert mg.replay(path).parameters == inside == {
        "domain": "a.com",
        "since": "2026-11-01 00:00:00",
        "for": "<redacted>@example.com",
        "key": "[key]",
    }  # fmt: skip
    with pytest.raises(mg.QueryError, match=r"parameters=.*must be a mapping"):
        mg.record(path, parameters=["a.com"], client=mg.demo())  # type: ignore[arg-type]


def test_a_repr_says_what_is_inside_and_never_a_key(path: Path) -> None:
    client = client_of(lambda *_, **__: (200, "{}"), subaccount="5f00")
    with mg.record(path, client=client) as case:
        client.send(CALL)
        assert repr(case).startswith("Recording('case.zip': 1 answer so far, of Client(region='eu'")
    expected = (
        "('case.zip': 1 answer of an account at https://api.eu.mailgun.net, subaccount 5f00, "
        "clock 2026-11-16 09:30 UTC)"
    )
    assert repr(case) == f"Recording{expected}"
    assert repr(mg.replay(path)) == f"Client(replayed from {expected[1:]}"
    assert "0123456789" not in f"{case!r} {vars(case)} {mg.replay(path)!r}"


# ---------------------------------------------------------------- of nobody


def test_a_recording_of_everything_holds_no_key_and_no_address(case: tuple[Path, Any]) -> None:
    text = text_of(case[0])
    encoded = [base64.b64encode(t.encode()).decode() for t in (f"api:{KEY}", KEY)]
    for secret in (KEY, *(e.rstrip("=") for e in encoded), "51a8e070-3b6f4c21"):
        assert secret not in text
        assert secret.encode() not in case[0].read_bytes()
    headers = r"authorization|cookie|key-id|user-agent|basic "
    assert not re.search(headers, text.replace("API key, cookies", ""), re.IGNORECASE)
    assert not ADDRESS.search(text), ADDRESS.search(text)
    assert "message-id" not in text
    assert "<redacted>@gmail.com" in text  # the logs are there


SECRET_SAID = {
    "items": [{"tag": f"for {who}@example.com", "description": f"ask {who}@example.com"}
              for who in ("jo.doe", "bo")],
    "smtp_password": "hunter2",
    "link": "https://jo:pw@x.com/u/jo.doe%40example.com?t=for+bo%40example.com&k=key-0123456789",
    "key-0123456789": "a2V5LTAxMjM0NTY3ODk",
    "basic": base64.b64encode(b"api:key-0123456789").decode(),
}  # fmt: skip


def test_keys_stay_apart_and_passwords_go(path: Path) -> None:
    with mg.record(path, client=client_of(lambda *_, **__: (200, json.dumps(SECRET_SAID)))) as case:
        inside = case.client.send(CALL).body
    assert mg.replay(path).send(CALL).body == inside
    assert [item["tag"] for item in inside["items"]] == [
        "for <redacted-1>@example.com",
        "for <redacted-2>@example.com",
    ]
    assert inside["items"][0]["description"] == "ask <redacted-1>@example.com"
    assert inside["smtp_password"] == "[removed]"
    text = text_of(path)
    for secret in ("hunter2", "0123456789", "MDEyMzQ1Njc4O", "jo.doe", "bo@", "jo:pw", "a2V5LTAx"):
        assert secret not in text, secret
    assert not ADDRESS.search(text)


def test_headers_that_nothing_needs_are_not_kept(path: Path) -> None:
    headers = {"Set-Cookie": "session=1", "X-Mailgun-Key-Id": "4711", "Server": "nginx",
               "Retry-After": "3", "X-RateLimit-Reset": "9"}  # fmt: skip
    with mg.record(path, client=client_of(lambda *_, **__: (200, "{}", headers))) as case:
        inside = case.client.send(CALL).headers
    replayed = mg.replay(path).send(CALL).headers
    assert dict(replayed) == dict(inside)
    assert set(replayed) == {"Date", "Retry-After", "X-RateLimit-Reset"}
    assert "4711" not in text_of(path)


def tags_of(method: str, url: str, *, params: Any = (), **_: Any) -> tuple[int, str]:
    """Answer the tags of a domain, one a page; the next page is named by an address."""
    names = ["plain", "für jo.doe@example.com", "for a+b@example.com", "z"]
    after = dict(params or ()).get("tag", "")
    page = names[names.index(after) + 1 :][:1] if after else names[:1]
    query = urlencode({"page": "next", "tag": page[0] if page else "", "limit": 1})
    items = [{"tag": name, "description": ""} for name in page]
    return 200, json.dumps({"items": items, "paging": {"next": f"{url}?{query}"}})


def test_the_server_sees_the_names_that_it_gave(path: Path) -> None:
    client = client_of(tags_of)
    with mg.record(path, client=client) as case:
        table = mg.tags("a.com", client=case.client)
    assert list(table["tag"]) == [
        "for <redacted-2>@example.com", "für <redacted-1>@example.com", "plain", "z",
    ]  # fmt: skip
    asked = [dict(sent[2]["params"]).get("tag") for sent in sent_by(client)]
    assert asked == [None, "plain", "für jo.doe@example.com", "for a+b@example.com", "z"]
    assert_identical(mg.tags("a.com", client=mg.replay(path)), table)
    assert not ADDRESS.search(text_of(path))


def test_a_name_with_an_address_is_asked_for_as_the_block_shows_it(path: Path) -> None:
    client = client_of(tags_of)
    sent = sent_by(client)
    call = Call("POST", "/v3/u/x%40y", body='{"tag": "für <redacted-1>@example.com"}')
    path_call = Call("GET", "/v3/a.com/tag/f%C3%BCr%20%3Credacted-1%3E%40example.com")
    with mg.record(path, client=client) as case:
        mg.tags("a.com", client=case.client)
        with pytest.raises(mg.QueryError, match=r"names one; .*tag=für <redacted-1>@example\.com"):
            client.send(Call("GET", "/v3/a.com", (("tag", "für jo.doe@example.com"),)))
        before = len(sent)
        client.send(call)
        client.send(path_call)
    posted, got = sent[before:]
    assert posted[2]["data"].decode() == '{"tag": "für jo.doe@example.com"}'
    assert got[1].endswith("/v3/a.com/tag/f%C3%BCr%20jo.doe%40example.com")
    client = mg.replay(path)
    assert client.send(call).body["items"] == client.send(path_call).body["items"]
    with pytest.raises(mg.QueryError, match=r"names one; .*such as <redacted-1>@example\.com"):
        client.send(Call("GET", "/v3/a.com", (("tag", "für jo.doe@example.com"),)))


def test_tokens_of_log_pages_are_not_kept(path: Path, serving: Serving) -> None:
    server, client = serving()
    with mg.record(path, client=client) as case:
        table = mg.failures(last="12h", client=case.client)
    tokens = {b["pagination"].get("token") for b in server.bodies if b} - {None}
    assert tokens
    assert not any(str(token) in text_of(path) for token in tokens)
    assert_identical(mg.failures(last="12h", client=mg.replay(path)), table)


def line_of(recipient: str, said: str) -> dict[str, Any]:
    return {
        "id": "x1", "event": "failed", "@timestamp": "2026-11-16T08:00:00.000Z",
        "recipient": recipient, "recipient-domain": recipient.partition("@")[2],
        "recipient-provider": "Gmail", "severity": "permanent", "reason": "bounce",
        "delivery-status": {"message": said, "code": 550, "mx-host": "gmail-smtp-in.l.google.com"},
    }  # fmt: skip


@pytest.mark.parametrize("local", ["2026", "gmail", "550", "bounce", "failed", "x1", "permanent"])
def test_a_recipient_named_like_something_else_changes_no_table(path: Path, local: str) -> None:
    line = line_of(f"{local}@gmail.com", f"550 5.1.1 <{local}@gmail.com> {local} is unknown")
    body = json.dumps({"items": [line], "pagination": {"total": 1}})
    client = client_of(lambda *_, **__: (200, body))
    plain = mg.failures(last="3h", client=client)
    with mg.record(path, client=client):
        inside = mg.failures(last="3h", client=client)
    assert_identical(inside, plain)
    assert_identical(mg.failures(last="3h", client=mg.replay(path)), plain)


# ---------------------------------------------------------------- the file


def test_a_colleague_can_open_it_by_hand(case: tuple[Path, Any], tmp_path: Path) -> None:
    with zipfile.ZipFile(case[0]) as file:
        assert file.testzip() is None
        assert sorted(file.namelist()) == ["README.txt", "answers.jsonl", "manifest.json"]
        manifest = json.loads(file.read("manifest.json"))
        answers, words = file.read("answers.jsonl"), file.read("README.txt").decode()
        table = pd.read_json(file.open("answers.jsonl"), lines=True)
    assert manifest["format"] == "mgframe recording"
    assert manifest["version"] == 1
    assert manifest["sha256"] == hashlib.sha256(answers).hexdigest()
    assert manifest["requests"] == len(table) == len(answers.splitlines())
    assert manifest["clock"] == "2026-11-16T09:30:00+00:00"
    assert manifest["ended"] == "complete"
    assert manifest["simulated"] is True
    assert manifest["parameters"] == {"domain": NEWS}
    assert manifest["versions"]["pandas"] == pd.__version__
    assert set(manifest["client"]) == {
        "region", "base_url", "addresses", "subaccount", "retries", "connections",
    }  # fmt: skip
    assert "SIMULATED" in words
    assert "mg.replay('case.zip')" in words
    assert f"GET /v3/{NEWS}/stats/total" in words


def test_a_file_is_not_replaced_unless_asked(path: Path) -> None:
    path.write_text("the evidence of last week")
    client = client_of(lambda *_, **__: (200, "{}"))
    with pytest.raises(mg.ConfigurationError, match=r"exists.*overwrite=True"):
        mg.record(path, client=client).__enter__()
    assert not sent_by(client)
    assert path.read_text() == "the evidence of last week"
    with mg.record(path, overwrite=True, client=client):
        client.send(CALL)
        assert path.read_text() == "the evidence of last week"
    assert mg.replay(path).send(CALL).body == {}
    assert [p.name for p in path.parent.iterdir()] == ["case.zip"]


def test_a_file_that_somebody_made_meanwhile_is_left_alone(path: Path) -> None:
    client = client_of(lambda *_, **__: (200, "{}"))
    case = mg.record(path, client=client)

    def investigate() -> None:
        with case:
            client.send(CALL)
            path.write_text("theirs")

    # Warnings are errors here, and even so nothing is lost.
    with pytest.raises(mg.MgframeWarning, match=r"the recording is case-2\.zip"):
        investigate()
    assert path.read_text() == "theirs"
    assert case.path.name == "case-2.zip"
    assert mg.replay(case.path).send(CALL).body == {}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "must name a file"),
        ("no/such/case.zip", "there is no folder .*make it first"),
        (".", "is a folder; name a file in it"),
        ("x" * 300 + ".zip", "cannot write to .*File name too long"),
        ("~nobody-at-all/case.zip", "must name a file"),
        ("a\0b.zip", "must name a file"),
        (4, "must name a file"),
        (b"case.zip", "must name a file"),
    ],
    ids=repr,
)
def test_a_place_that_cannot_be_written_is_refused_before_anything_is_asked(
    tmp_path: Path, name: Any, words: str, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    client = client_of(lambda *_, **__: (200, "{}"))
    with pytest.raises(mg.ConfigurationError, match=words), mg.record(name, client=client):
        client.send(CALL)
    assert not sent_by(client)
    assert not list(tmp_path.iterdir())


def test_a_read_only_folder_is_refused_before_anything_is_asked(
    path: Path, monkeypatch: Any
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    client = client_of(lambda *_, **__: (200, "{}"))
    monkeypatch.setattr(Path, "touch", refuse)  # root may write anywhere
    with pytest.raises(mg.ConfigurationError, match=r"cannot write to .*case\.zip: Permission"):
        mg.record(path, client=client).__enter__()
    assert not sent_by(client)


def test_a_disk_that_is_full_leaves_no_half_file_and_the_client_as_it_was(
    path: Path, monkeypatch: Any
) -> None:
    client = client_of(lambda *_, **__: (200, "{}"))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with (
        pytest.raises(mg.ConfigurationError, match="No space left"),
        mg.record(path, client=client),
    ):
        client.send(CALL)
    assert not list(path.parent.iterdir())
    assert isinstance(client._session, Account)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="POSIX only")
def test_a_process_that_is_killed_leaves_no_half_file(path: Path) -> None:
    code = textwrap.dedent("""
        import os, signal, sys, mgframe as mg
        with mg.record(sys.argv[1], client=mg.demo()) as case:
            mg.domain_totals(last="7d", client=case.client)
            print("recorded", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
    """)
    result = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    assert "recorded" in result.stdout
    assert not list(path.parent.iterdir())


def test_times_of_the_file_do_not_depend_on_the_zone(path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("TZ", "America/St_Johns")
    time.tzset()
    try:
        with mg.record(path, client=mg.demo()) as case:
            frame = mg.account_totals(last="24h", client=case.client)
        monkeypatch.setenv("TZ", "Asia/Kathmandu")
        time.tzset()
        client = mg.replay(path)
        assert_identical(mg.account_totals(last="24h", client=client), frame)
        assert client.manifest.clock == "2026-11-16T09:30:00+00:00"
    finally:
        monkeypatch.undo()
        time.tzset()
