"""The client's settings, the client as an object, and one request with its answer."""

import copy
import dataclasses
import inspect
import pickle
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
import requests
import responses
from hypothesis import given
from hypothesis import strategies as st

import mgframe.client as module
from mgframe.client import REGIONS, Call, Client, default_client, segment
from mgframe.errors import (
    ConfigurationError,
    PermissionDenied,
    QueryError,
    ResponseError,
)

KEY = "key-0123456789abcdef0123456789abcdef"
US, EU = REGIONS["us"], REGIONS["eu"]
CALL = Call("GET", "/v3/stats/total", (("event", "accepted"), ("event", "failed")))
NOW = datetime(2025, 8, 25, 7, 0, 0, tzinfo=UTC)
VARIABLES = (
    *("MAILGUN_API_KEY", "MG_API_KEY", "MAILGUN_API_BASE", "MAILGUN_API_URL", "MG_URL"),
    *("MAILGUN_REGION", "MAILGUN_API_REGION"),
)


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def client():
    with Client(KEY, clock=lambda: NOW) as client:
        yield client


# ---------------------------------------------------------------- key


def test_key_comes_from_argument_then_environment(monkeypatch, server):
    server.get(US + CALL.path, json={})
    monkeypatch.setenv("MG_API_KEY", "third")
    for key in ("third", "second", "first"):
        if key == "second":
            monkeypatch.setenv("MAILGUN_API_KEY", " second\n")
        with Client("first " if key == "first" else None) as client:
            client.send(CALL)
        sent = server.calls[-1].request.headers["Authorization"]
        assert sent == requests.auth._basic_auth_str("api", key)


@pytest.mark.parametrize("empty", [None, "", "  "])
def test_missing_key_says_how_to_set_one_and_names_the_demo(empty, monkeypatch):
    monkeypatch.setenv("MAILGUN_API_KEY", "  ")
    with pytest.raises(ConfigurationError, match=r"api_key=.*MAILGUN_API_KEY.*mg\.demo\(\)"):
        Client(empty)


@pytest.mark.parametrize("key", ["secret secret", "secret\tsecret", "secret\x00", "secret\u20ac"])
def test_impossible_key_is_refused_without_its_text(key, monkeypatch):
    with pytest.raises(ConfigurationError, match="api_key holds") as caught:
        Client(key)
    assert "secret" not in str(caught.value)
    monkeypatch.setenv("MG_API_KEY", key.replace("\x00", "\x01"))
    with pytest.raises(ConfigurationError, match="MG_API_KEY holds"):
        Client()


# ---------------------------------------------------------------- address


@pytest.mark.parametrize(
    ("given", "base_url", "region"),
    [
        ("api.mailgun.net", US, "us"),
        ("https://API.eu.mailgun.net/v3/", EU, "eu"),
        ("https://api.mailgun.net/v4", US, "us"),
        ("api.eu.mailgun.net/v1//", EU, "eu"),
        ("http://127.0.0.1:8025/", "http://127.0.0.1:8025", "other"),
        ("localhost:8025/v3", "http://localhost:8025", "other"),
        ("http://[::1]:8025", "http://[::1]:8025", "other"),
        ("https://proxy.example.com/mailgun/v3", "https://proxy.example.com/mailgun", "other"),
    ],
)
def test_base_url_is_understood_with_and_without_scheme_version_and_slash(given, base_url, region):
    client = Client(KEY, base_url=f" {given} ")
    assert (client.base_url, client.region) == (base_url, region)


@pytest.mark.parametrize("variable", ["MAILGUN_API_BASE", "MAILGUN_API_URL", "MG_URL"])
def test_base_url_comes_from_the_environment(variable, monkeypatch):
    monkeypatch.setenv(variable, "https://api.eu.mailgun.net/v3")
    assert Client(KEY).region == "eu"


def test_environment_variables_have_an_order(monkeypatch):
    monkeypatch.setenv("MG_URL", "three.example.com")
    monkeypatch.setenv("MAILGUN_API_URL", "two.example.com")
    assert Client(KEY).base_url == "https://two.example.com"
    monkeypatch.setenv("MAILGUN_API_BASE", "one.example.com")
    assert Client(KEY).base_url == "https://one.example.com"


@pytest.mark.parametrize("variable", ["MAILGUN_REGION", "MAILGUN_API_REGION"])
def test_region_comes_from_argument_then_environment_then_us(variable, monkeypatch):
    assert Client(KEY).base_url == US
    monkeypatch.setenv(variable, " EU ")
    assert Client(KEY).base_url == EU
    assert Client(KEY, region="US").base_url == US


def test_an_argument_of_either_kind_beats_the_environment_of_either_kind(monkeypatch):
    monkeypatch.setenv("MAILGUN_API_BASE", "https://proxy.example.com")
    assert Client(KEY, region="eu").base_url == EU
    monkeypatch.delenv("MAILGUN_API_BASE")
    monkeypatch.setenv("MAILGUN_REGION", "eu")
    assert Client(KEY, base_url="127.0.0.1:1").region == "other"


@pytest.mark.parametrize("base_url", ["https://api.eu.mailgun.net", "https://proxy.example.com"])
def test_base_url_and_region_that_contradict_are_refused(base_url, monkeypatch):
    with pytest.raises(ConfigurationError, match=r"base_url.*mailgun|base_url.*proxy"):
        Client(KEY, base_url=base_url, region="us")
    monkeypatch.setenv("MAILGUN_API_BASE", base_url)
    monkeypatch.setenv("MAILGUN_REGION", "us")
    with pytest.raises(ConfigurationError, match=r"MAILGUN_API_BASE .* MAILGUN_REGION 'us'"):
        Client(KEY)


def test_base_url_and_region_that_agree_are_taken():
    assert Client(KEY, base_url="api.eu.mailgun.net", region="eu").region == "eu"


# ---------------------------------------------------------------- an address for each region


@pytest.mark.parametrize(
    ("given", "addresses"),
    [
        ({}, {"us": US, "eu": EU}),
        ({"region": "eu"}, {"us": US, "eu": EU}),
        ({"base_url": "api.eu.mailgun.net/v3"}, {"us": US, "eu": EU}),
        ({"base_url": "127.0.0.1:9"}, {"other": "http://127.0.0.1:9"}),
        ({"base_url": "https://p.example.com/mg"}, {"other": "https://p.example.com/mg"}),
        (
            {"base_url": {"us": "127.0.0.1:1/v3", "eu": "https://p.example.com"}},
            {"us": "http://127.0.0.1:1", "eu": "https://p.example.com"},
        ),
        ({"base_url": {"eu": "127.0.0.1:2"}}, {"eu": "http://127.0.0.1:2"}),
    ],
)
def test_a_client_knows_which_regions_it_can_ask(given, addresses):
    assert Client(KEY, **given).addresses == addresses


def test_the_first_address_is_the_clients_own_unless_a_region_is_given():
    both = {"eu": "127.0.0.1:2", "us": "127.0.0.1:1"}
    client = Client(KEY, base_url=both)
    assert (client.region, client.base_url) == ("eu", "http://127.0.0.1:2")
    client = Client(KEY, base_url=both, region="us")
    assert (client.region, client.base_url) == ("us", "http://127.0.0.1:1")
    assert repr(client) == "Client(region='us', base_url='http://127.0.0.1:1')"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"base_url": {}}, "the regions are 'us' and 'eu'"),
        ({"base_url": {"ue": "127.0.0.1:1"}}, "the regions are 'us' and 'eu'"),
        ({"base_url": {"us": "127.0.0.1:1"}, "region": "eu"}, "region='eu' has no address"),
        ({"base_url": {"us": "http://api.mailgun.net"}}, "in clear"),
        ({"base_url": {"us": "https://api:hunter2@api.mailgun.net"}}, "no credentials"),
    ],
)
def test_addresses_that_are_none_are_refused_without_echoing_them(given, words):
    with pytest.raises(ConfigurationError, match=words) as caught:
        Client(KEY, **given)
    assert "hunter2" not in str(caught.value)


def test_a_call_goes_to_the_region_it_names_and_else_to_the_clients_own(server, client):
    for address in (US, EU):
        server.get(address + CALL.path, json={"asked": address})
    for region, address in (("", US), ("eu", EU), ("us", US)):
        assert client.send(dataclasses.replace(CALL, region=region)).body == {"asked": address}


def test_an_error_names_the_region_that_was_asked(server, client):
    server.get(EU + CALL.path, status=403)
    with pytest.raises(PermissionDenied, match=r"\(region eu\)") as caught:
        client.send(dataclasses.replace(CALL, region="eu"))
    assert caught.value.region == "eu"


def test_every_address_has_a_pool_and_loopback_alone_decides_on_proxies():
    both = {"us": "127.0.0.1:1", "eu": "127.0.0.1:2"}
    session = Client(KEY, base_url=both, connections=7)._session
    assert {session.get_adapter(f"http://{host}/v3")._pool_maxsize for host in both.values()} == {7}
    assert session.trust_env is False
    mixed = Client(KEY, base_url={**both, "eu": "https://p.example.com"})
    assert mixed._session.trust_env is False


# ---------------------------------------------------------------- what is made of an answer, names


def test_an_answer_is_reduced_at_once_and_one_that_cannot_be_is_named(server, client):
    def halved(answer):
        if answer.body["n"] % 2:
            raise ResponseError("it is odd")
        return dataclasses.replace(answer, body=answer.body["n"] // 2)

    calls = [Call("GET", f"/v3/{n}", label=f"page {n}") for n in (2, 4, 5)]
    for call, n in zip(calls, (2, 4, 5), strict=True):
        server.get(US + call.path, json={"n": n})
    assert [answer.body for answer in client.send_all(calls[:2], read=halved)] == [1, 2]
    with pytest.raises(ResponseError, match=r"^GET /v3/5 for page 5: it is odd"):
        client.send_all(calls, read=halved, progress=False)
    kept = client.send_all(calls, read=halved, progress=False, keep_errors=True)
    assert [type(outcome).__name__ for outcome in kept] == ["Answer", "Answer", "ResponseError"]


def test_answers_are_reduced_one_at_a_time(server, client):
    running, most = [], []

    def slow(answer):
        running.append(1)
        most.append(len(running))
        time.sleep(0.005)
        running.pop()
        return answer

    calls = [Call("GET", f"/v3/{n}") for n in range(8)]
    for call in calls:
        server.get(US + call.path, json={})
    client.send_all(calls, read=slow, progress=False)
    assert most == [1] * 8


def test_a_client_remembers_what_ids_are_called(client):
    client.remember({"ip_pool": {"p1": "Shop"}})
    client.remember({"ip_pool": {"p2": "News"}, "subaccount": {}})
    client.remember({"ip_pool": {"p1": "Store"}})
    assert client.names == {"ip_pool": {"p1": "Store", "p2": "News"}, "subaccount": {}}


@pytest.mark.parametrize("region", ["use", "", "other"])
def test_unknown_region_is_refused_with_the_choices(region):
    with pytest.raises(ConfigurationError, match="region must be 'us' or 'eu'"):
        Client(KEY, region=region)


@pytest.mark.parametrize("host", ["api.mailgun.net", "192.168.0.7:8025", "localhost.example.com"])
def test_plain_http_is_for_loopback_only(host):
    with pytest.raises(ConfigurationError, match="in clear"):
        Client(KEY, base_url=f"http://{host}")


@pytest.mark.parametrize(
    "base_url",
    [
        "https://api:hunter2@api.mailgun.net",
        "api:hunter2@api.mailgun.net",
        "https://api.mailgun.net?key=hunter2",
        "https://api.mailgun.net/v3#hunter2",
        "ftp://hunter2",
        "https://",
        "",
        "https://[::hunter2",
        "https://api.mailgun.net:hunter2",
        "https://api.mailgun.net\\hunter2",
        "https://api.mailgun.net /hunter2",
    ],
)
def test_unusable_base_url_is_refused_without_echoing_it(base_url):
    with pytest.raises(ConfigurationError, match="base_url") as caught:
        Client(KEY, base_url=base_url)
    assert "hunter2" not in str(caught.value)


# ---------------------------------------------------------------- other arguments, the object


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("retries", -1),
        ("retries", True),
        ("retries", 1.5),
        ("connections", 0),
        ("timeout", 0),
        ("timeout", (5, None)),
        ("timeout", (1, 2, 3)),
        ("timeout", float("nan")),
        ("timeout", "fast"),
        ("subaccount", ""),
        ("subaccount", "abc\r\nX-Evil: 1"),
    ],
)
def test_arguments_out_of_range_are_refused_by_name(argument, value):
    with pytest.raises(ConfigurationError, match=f"^{argument} must be"):
        Client(KEY, **{argument: value})


def test_repr_shows_region_address_and_subaccount():
    assert repr(Client(KEY)) == f"Client(region='us', base_url='{US}')"
    assert repr(Client(KEY, subaccount="5f00")).endswith("subaccount='5f00')")


def test_client_is_neither_pickled_nor_copied(client):
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="holds a key"):
            attempt(client)


def test_signature_is_the_documented_one():
    names = list(inspect.signature(Client).parameters)
    assert names == [
        *("api_key", "base_url", "region", "subaccount", "timeout"),
        *("retries", "connections", "session", "clock"),
    ]


def test_importing_the_module_does_not_load_requests():
    code = (
        "import sys, mgframe.client; sys.exit('requests' in sys.modules or 'tqdm' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_default_client_is_one_per_environment(monkeypatch):
    monkeypatch.setattr(module, "_DEFAULTS", {})
    with pytest.raises(ConfigurationError, match="no Mailgun API key"):
        default_client()
    monkeypatch.setenv("MAILGUN_API_KEY", KEY)
    first = default_client()
    assert default_client() is first
    monkeypatch.setenv("MAILGUN_REGION", "eu")
    assert default_client().region == "eu"
    monkeypatch.delenv("MAILGUN_REGION")
    assert default_client() is first
    assert KEY not in repr(module._DEFAULTS)


@pytest.mark.parametrize(
    "moment",
    [
        NOW,
        NOW.replace(tzinfo=None),
        NOW.astimezone(timezone(timedelta(hours=9))),
    ],
)
def test_clock_is_read_as_aware_utc(moment):
    now = Client(KEY, clock=lambda: moment).now()
    assert now == NOW
    assert now.tzinfo is UTC


def test_without_a_clock_it_is_now():
    assert abs(Client(KEY).now() - datetime.now(UTC)) < timedelta(seconds=5)


@given(st.text(min_size=1).filter(lambda text: text not in (".", "..")))
def test_segment_survives_the_way_through_requests(text):
    try:
        path = f"/v3/{segment(text)}/stats/total"
    except UnicodeEncodeError:  # a lone surrogate is no text
        return
    url = requests.Request("GET", US + path).prepare().url
    name = url.removeprefix(f"{US}/v3/").removesuffix("/stats/total")
    assert "/" not in name
    assert requests.utils.unquote(name) == text


@pytest.mark.parametrize("text", ["", ".", ".."])
def test_segment_refuses_what_would_name_another_path(text):
    with pytest.raises(QueryError, match="cannot stand in a path"):
        segment(text)


# ---------------------------------------------------------------- one request, one answer


def test_request_carries_repeated_names_agent_and_subaccount(server):
    server.get(US + CALL.path, json={"stats": []})
    with Client(KEY, subaccount="5f00ab") as client:
        answer = client.send(CALL)
    sent = server.calls[0].request
    assert sent.url == f"{US}/v3/stats/total?event=accepted&event=failed"
    assert sent.headers["X-Mailgun-On-Behalf-Of"] == "5f00ab"
    assert sent.headers["User-Agent"].startswith("mgframe")
    assert (answer.call, answer.body) == (CALL, {"stats": []})


def test_without_a_subaccount_no_such_header_is_sent(server, client):
    server.get(US + CALL.path, json={})
    client.send(CALL)
    assert "X-Mailgun-On-Behalf-Of" not in server.calls[0].request.headers


def test_body_is_posted_as_it_stands(server, client):
    call = Call("POST", "/v1/analytics/metrics", body='{"b":"\u00e4","a":1}', budget="metrics")
    server.post(US + call.path, json={"items": []})
    client.send(call)
    sent = server.calls[0].request
    assert sent.body.decode() == call.body
    assert sent.headers["Content-Type"] == "application/json"


def test_answer_knows_its_date_and_whether_it_is_simulated(server, client):
    date = {"date": "Mon, 25 Aug 2025 06:59:30 GMT", "x-mgframe-simulated": "1"}
    server.get(US + CALL.path, json={}, headers=date)
    server.get(US + CALL.path, json={}, headers={"Date": "yesterday"})
    server.get(US + CALL.path, json={})
    answers = [client.send(CALL) for _ in range(3)]
    assert [a.date for a in answers] == [NOW - timedelta(seconds=30), NOW, NOW]
    assert [a.simulated for a in answers] == [True, False, False]
    assert all(a.received_at == NOW for a in answers)


def test_own_session_is_used_and_left_open(server):
    server.get(US + CALL.path, json={})
    session = requests.Session()
    session.headers["X-Mine"] = "yes"
    adapters = dict(session.adapters)
    closed = []
    session.close = lambda: closed.append(1)
    with Client(KEY, session=session) as client:
        client.send(CALL)
    assert server.calls[0].request.headers["X-Mine"] == "yes"
    assert dict(session.adapters) == adapters
    assert not closed


def test_tapped_client_sends_through_the_tap_with_its_clock_stopped(server):
    server.get(US + CALL.path, json={})
    ticks = iter(NOW + timedelta(hours=hour) for hour in range(9))
    client = Client(KEY, clock=lambda: next(ticks))
    client.remember({"ip_pool": {"1": "one"}})
    client.named.add("ip_pool")
    own, taps = client._session, []

    def tap(session, secrets):
        taps.append((session, secrets))
        return session

    with client.tapped(tap):
        assert client.send(CALL).received_at == client.now() == NOW
        assert (client.names, client.named) == ({}, set())
        client.remember({"ip_pool": {"2": "two"}})
    assert client.now() == NOW + timedelta(hours=1)
    assert (client.names, client.named) == ({"ip_pool": {"1": "one"}}, {"ip_pool"})
    ((session, secrets),) = taps
    assert session is own
    assert KEY in secrets


def test_tap_that_fails_leaves_the_client_as_it_was(client):
    def tap(session, secrets):
        raise ZeroDivisionError

    own = client._session
    for _ in range(2):  # and it can be tapped again
        with pytest.raises(ZeroDivisionError), client.tapped(tap):
            pass
    assert client._session is own
    with (
        client.tapped(lambda session, secrets: session),
        pytest.raises(ConfigurationError, match="recorded already"),
        client.tapped(tap),
    ):
        pass
    assert client._session is own


def test_pool_is_as_large_as_the_connections_and_loopback_takes_no_proxy():
    client = Client(KEY, connections=7, base_url="127.0.0.1:9")
    assert client._session.get_adapter("http://127.0.0.1:9/v3")._pool_maxsize == 7
    assert client._session.trust_env is False
    assert Client(KEY)._session.trust_env is True


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("<html><b>Sign in</b></html>", r"not with JSON: '<html><b>Sign in.*Expecting value"),
        ("x" * 200, "'" + "x" * 80 + "'"),
        ('{"stats": [1, 2', r"not with JSON.*delimiter"),
        ("Mailgun Magnificent API\n", "does not know this path; check the domain"),
        ("", "empty body"),
        (" \n", "empty body"),
        ('{"a": NaN}', "NaN is no finite number"),
        ('{"a": -Infinity}', "-Infinity is no finite number"),
        ('{"a": 1e999}', "1e999 is no finite number"),
        (b'{"a": "\xff"}', "not with JSON"),
        ("[" * 100_000, "not with JSON"),
    ],
)
def test_200_that_is_no_json_is_a_response_error(server, client, body, words):
    server.get(US + CALL.path, body=body)
    with pytest.raises(ResponseError, match=words) as caught:
        client.send(CALL)
    assert str(caught.value).startswith("GET /v3/stats/total answered 200")
    assert len(server.calls) == 1


def test_numbers_arrive_as_they_are(server, client):
    server.get(US + CALL.path, body='{"a": 0.25, "b": 12345678901234567890, "c": "0.2500"}')
    assert client.send(CALL).body == {"a": 0.25, "b": 12345678901234567890, "c": "0.2500"}


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect_is_not_followed(server, client, status):
    server.get(US + CALL.path, status=status, headers={"Location": "https://evil.example.com/x"})
    with pytest.raises(ResponseError, match=f"answered {status}, a redirect") as caught:
        client.send(CALL)
    assert "evil" not in str(caught.value)
    assert len(server.calls) == 1
