"""What the client makes of error statuses: kinds, words, the other region, waits and limits."""

import logging
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import requests
import responses
from test_pacing import FakeTime

from mgframe import pacing
from mgframe.client import REGIONS, Call, Client, segment
from mgframe.errors import (
    ApiError,
    AuthenticationError,
    NotFound,
    PermissionDenied,
    RateLimited,
    ServerError,
    TransportError,
)

KEY = "key-0123456789abcdef0123456789abcdef"
US, EU = REGIONS["us"], REGIONS["eu"]
CALL = Call("GET", "/v3/stats/total", (("event", "accepted"), ("event", "failed")))
DOMAIN_PATH = "/v3/news.example.com/stats/total"
NOW = datetime(2025, 8, 25, 7, 0, 0, tzinfo=UTC)


def domain_call(domain="news.example.com"):
    return Call(
        "GET",
        f"/v3/{segment(domain)}/stats/total",
        endpoint="GET /v3/{domain}/stats/total",
        label=domain,
    )


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    """Nothing sleeps; the list tells how long it would have."""
    slept = []
    monkeypatch.setattr(pacing, "pause", lambda seconds, stop: slept.append(seconds))
    monkeypatch.setattr(pacing, "jitter", lambda: 0.5)
    return slept


@pytest.fixture
def server():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def client():
    with Client(KEY, clock=lambda: NOW) as client:
        yield client


def waits(pauses):
    """Leave out the client-side limit, which asks for no wait in these tests."""
    return [seconds for seconds in pauses if seconds]


# ---------------------------------------------------------------- error statuses


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ApiError),
        (401, AuthenticationError),
        (402, PermissionDenied),
        (403, PermissionDenied),
        (404, NotFound),
        (418, ApiError),
        (420, RateLimited),
        (429, RateLimited),
        (500, ServerError),
        (503, ServerError),
    ],
)
def test_each_status_has_its_error(server, client, status, kind):
    server.get(US + CALL.path, status=status, json={"message": "so it is"})
    with pytest.raises(kind) as caught:
        client.send(CALL)
    error = caught.value
    assert type(error) is kind
    assert (error.status, error.message, error.region) == (status, "so it is", "us")
    assert error.endpoint == "GET /v3/stats/total"
    assert len(server.calls) == (5 if status in (420, 429, 500, 503) else 1)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"Reason": "upgrade your account"}', "upgrade your account"),
        ('{"Description": "no", "Field": "x"}', "no"),
        ('{"error": "not found", "id": 1}', "not found"),
        ('{"error": {"code": 7}}', '{"code": 7}'),
        ('{"Field": "event", "Value": "sent"}', "event: sent"),
        ('{"message": "", "error": "second"}', "second"),
        ('{"other": 1}', '{"other": 1}'),
        ("Forbidden", "Forbidden"),
        ("", "Bad Request"),
        ("<html><style>b {}</style><h1>502&nbsp;Bad</h1>\n<p>Gateway</p>", "502 Bad Gateway"),
        ("colour \x1b[31mred", "colour [31mred"),
        ("y" * 1000, "y" * 300),
    ],
)
def test_server_words_are_found_wherever_they_stand(server, client, body, message):
    server.get(US + CALL.path, status=400, body=body)
    with pytest.raises(ApiError) as caught:
        client.send(CALL)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (401, r"wrong, a domain sending key \(it can only send\), or of another account"),
        (402, "plan"),
        (403, "role of this key"),
        (404, r"mg\.domains\(\)"),
        (500, r"[Tt]ry again later \(gave up after 5 attempts\)"),
    ],
)
def test_each_status_names_the_next_step(server, client, status, hint):
    server.get(US + CALL.path, status=status, body="no")
    with pytest.raises(ApiError, match=hint):
        client.send(CALL)


def test_error_names_endpoint_template_and_what_it_was_about(server, client):
    server.get(US + DOMAIN_PATH, status=403, body="no")
    with pytest.raises(PermissionDenied, match=r"Asked about news\.example\.com\.") as caught:
        client.send(domain_call())
    assert caught.value.endpoint == "GET /v3/{domain}/stats/total"


# ---------------------------------------------------------------- the other region


@pytest.mark.parametrize("status", [401, 404])
@pytest.mark.parametrize(("region", "other"), [("us", "eu"), ("eu", "us")])
def test_unknown_domain_is_also_looked_for_in_the_other_region(server, status, region, other):
    server.get(REGIONS[region] + DOMAIN_PATH, status=status, json={"message": "domain not found"})
    server.get(REGIONS[other] + DOMAIN_PATH, json={"stats": []})
    words = rf"news\.example\.com answers in region '{other}': use mg\.Client\(region='{other}'\)"
    with pytest.raises(ApiError, match=words), Client(KEY, region=region) as client:
        client.send(domain_call())
    assert len(server.calls) == 2
    assert server.calls[1].request.headers["Authorization"]


def test_domain_that_neither_region_knows_says_so_and_is_asked_for_once(server, client):
    for home in (US, EU):
        server.get(home + DOMAIN_PATH, status=404, json={"message": "domain not found"})
    for _ in range(3):
        with pytest.raises(NotFound, match="Region 'eu' does not know it either"):
            client.send(domain_call())
    assert len(server.calls) == 4


@pytest.mark.parametrize("where", ["here", "nowhere"])
def test_many_failing_domains_ask_the_other_region_a_few_times_at_most(server, client, where):
    calls = [domain_call(f"d{number}.example.com") for number in range(40)]
    for call in calls:
        server.get(US + call.path, status=404, json={"message": "domain not found"})
        server.get(EU + call.path, status=200 if where == "here" else 404, json={})
    errors = client.send_all(calls, keep_errors=True, progress=False)
    asked = Counter(call.request.url.startswith(EU) for call in server.calls)
    assert asked == {False: 40, True: 1 if where == "here" else 3}
    assert all(isinstance(error, NotFound) for error in errors)
    assert all("mg.Client(region='eu')" in str(e) or "either" in str(e) for e in errors)


@pytest.mark.parametrize("failure", [requests.ConnectionError("down"), RuntimeError("blocked")])
def test_failed_question_to_the_other_region_hides_nothing(server, client, failure):
    server.get(US + DOMAIN_PATH, status=404, json={"message": "domain not found"})
    server.get(EU + DOMAIN_PATH, body=failure)
    for _ in range(2):
        with pytest.raises(NotFound, match="If it lives in region 'eu'") as caught:
            client.send(domain_call())
        assert caught.value.message == "domain not found"
        assert caught.value.__context__ is None
    assert len(server.calls) == 3


def test_other_region_that_does_not_answer_is_asked_once_for_all_domains(server, client):
    calls = [domain_call(f"d{number}.example.com") for number in range(3)]
    for call in calls:
        server.get(US + call.path, status=404, json={"message": "domain not found"})
    errors = client.send_all(calls, keep_errors=True, progress=False)
    assert all("If it lives in region 'eu'" in str(error) for error in errors)
    assert sum(call.request.url.startswith(EU) for call in server.calls) == 1


def test_other_region_that_talks_nonsense_does_not_count_as_an_answer(server, client):
    server.get(US + DOMAIN_PATH, status=404, json={"message": "domain not found"})
    server.get(EU + DOMAIN_PATH, body="Mailgun Magnificent API")
    with pytest.raises(NotFound, match="If it lives in region 'eu'"):
        client.send(domain_call())


def test_behind_an_own_address_the_other_region_is_only_mentioned(server):
    server.get(f"http://127.0.0.1:1{DOMAIN_PATH}", status=404, json={"message": "no"})
    with pytest.raises(NotFound, match="another region than the one behind this base_url"):
        Client(KEY, base_url="http://127.0.0.1:1").send(domain_call())
    assert len(server.calls) == 1


@pytest.mark.parametrize("status", [400, 403, 500])
def test_other_errors_do_not_ask_the_other_region(server, client, status):
    server.get(US + DOMAIN_PATH, status=status, json={"message": "no"})
    with pytest.raises(ApiError):
        client.send(domain_call())
    assert not [call for call in server.calls if call.request.url.startswith(EU)]


# ---------------------------------------------------------------- waits


@pytest.mark.parametrize("status", [420, 429, 500, 502, 503, 504, 599])
def test_passing_errors_are_asked_again_until_an_answer_comes(server, client, pauses, status):
    server.get(US + CALL.path, status=status, body="<h1>busy</h1>")
    server.get(US + CALL.path, status=status, body="<h1>busy</h1>")
    server.get(US + CALL.path, json={"stats": []})
    assert client.send(CALL).body == {"stats": []}
    assert waits(pauses) == [1.0, 2.0]


def test_posted_questions_are_asked_again_too(server, client):
    call = Call("POST", "/v1/analytics/metrics", body="{}", budget="metrics")
    server.post(US + call.path, status=503)
    server.post(US + call.path, json={"items": []})
    assert client.send(call).body == {"items": []}


@pytest.mark.parametrize("chance", [0.0, 0.37, 0.999])
def test_back_off_grows_with_jitter_and_spans_more_than_ten_seconds(
    server, client, pauses, chance, monkeypatch
):
    monkeypatch.setattr(pacing, "jitter", lambda: chance)
    server.get(US + CALL.path, status=500)
    with pytest.raises(ServerError):
        client.send(CALL)
    slept = waits(pauses)
    assert len(slept) == 4
    assert slept == sorted(slept)
    assert 10 < sum(slept) < 20


def test_no_retries_means_one_attempt(server):
    server.get(US + CALL.path, status=500)
    with pytest.raises(ServerError, match="gave up after 1 attempt"):
        Client(KEY, retries=0).send(CALL)
    assert len(server.calls) == 1


SOON = NOW + timedelta(seconds=31)
DEMANDS = {
    "seconds": ({"Retry-After": "31"}, ""),
    "HTTP date": ({"Retry-After": format_datetime(SOON, usegmt=True)}, ""),
    "reset": ({"X-RateLimit-Reset": str(SOON.timestamp())}, ""),
    "fractional reset": ({"X-RateLimit-Reset": f"{SOON.timestamp():.3f}"}, ""),
    "body": ({}, '{"retry-seconds": 31}'),
    "words, seconds": ({}, '{"message": "limit exceeded, try again after 31 sec"}'),
    "words, date": ({}, '{"message": "x, try again after Mon, 25 Aug 2025 07:00:31 UTC"}'),
    "plain words": ({}, "Try again after Mon, 25 Aug 2025 07:00:31 GMT."),
    "first that makes sense": (
        {"Retry-After": "soon", "X-RateLimit-Reset": "31"},
        '{"retry-seconds": "31"}',
    ),
}


@pytest.mark.parametrize("form", DEMANDS)
@pytest.mark.parametrize("status", [420, 429])
def test_demanded_wait_is_honoured(server, client, pauses, status, form):
    headers, body = DEMANDS[form]
    server.get(US + CALL.path, status=status, headers=headers, body=body)
    server.get(US + CALL.path, json={})
    client.send(CALL)
    assert waits(pauses) == [pytest.approx(31.5)]


@pytest.mark.parametrize("form", ["HTTP date", "reset", "words, date"])
def test_dates_are_measured_from_the_answers_own_date(server, client, pauses, form):
    headers, body = DEMANDS[form]
    date = format_datetime(SOON - timedelta(seconds=5), usegmt=True)
    server.get(US + CALL.path, status=429, headers={**headers, "Date": date}, body=body)
    server.get(US + CALL.path, json={})
    client.send(CALL)
    assert waits(pauses) == [pytest.approx(5.5)]


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "0"},
        {"Retry-After": "-5"},
        {"Retry-After": "nan"},
        {"Retry-After": "1e999"},
        {"Retry-After": "Mon, 25 Aug 2025 06:00:00 GMT"},
        {"Retry-After": "Mon, 99 Aug 2025 06:00:00 GMT"},
        {"X-RateLimit-Reset": "0"},
        {},
    ],
)
def test_demand_without_sense_falls_back_to_back_off(server, client, pauses, headers):
    server.get(US + CALL.path, status=429, headers=headers, body='{"retry-seconds": []}')
    server.get(US + CALL.path, json={})
    client.send(CALL)
    assert waits(pauses) == [1.0]


def test_server_error_honours_retry_after_but_no_limit_header(server, client, pauses):
    reset = str((NOW + timedelta(hours=1)).timestamp())
    server.get(US + CALL.path, status=503, headers={"X-RateLimit-Reset": reset})
    server.get(US + CALL.path, status=503, headers={"Retry-After": "7"})
    server.get(US + CALL.path, json={})
    client.send(CALL)
    assert waits(pauses) == [1.0, 7.5]


def test_longer_wait_than_the_cap_is_raised_at_once_with_the_wait(server, client, pauses):
    body = {"message": "sending limit exceeded, try again after 120 sec"}
    server.get(US + CALL.path, status=420, json=body)
    with pytest.raises(RateLimited, match="asks to wait 120 s; try again later") as caught:
        client.send(CALL)
    assert caught.value.wait == 120
    assert caught.value.status == 420
    assert len(server.calls) == 1
    assert not waits(pauses)


def test_server_error_that_asks_for_long_is_raised_at_once(server, client):
    server.get(US + CALL.path, status=503, headers={"Retry-After": "3600"})
    with pytest.raises(ServerError, match="asks to wait 3600 s"):
        client.send(CALL)
    assert len(server.calls) == 1


@pytest.mark.parametrize(("headers", "wait"), [({"Retry-After": "20"}, 20.0), ({}, None)])
def test_exhausted_retries_raise_rate_limited_with_the_wait(server, client, headers, wait):
    server.get(US + CALL.path, status=429, headers=headers, json={"message": "Too Many Requests"})
    with pytest.raises(RateLimited, match="gave up after 5 attempts") as caught:
        client.send(CALL)
    assert caught.value.wait == wait
    assert len(server.calls) == 5


def test_retries_are_logged_without_the_query(server, client, caplog):
    server.get(US + CALL.path, status=503)
    server.get(US + CALL.path, json={})
    with caplog.at_level(logging.INFO, logger="mgframe"):
        client.send(CALL)
    assert caplog.messages == ["GET /v3/stats/total answered 503; asking again in 1.0 s"]


@pytest.mark.parametrize(
    "failure",
    [
        requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"),
        requests.exceptions.InvalidProxyURL("malformed"),
    ],
)
def test_connection_that_cannot_heal_is_not_tried_again(server, client, failure):
    server.get(US + CALL.path, body=failure)
    with pytest.raises(TransportError, match=f"in 1 attempt: {type(failure).__name__}"):
        client.send(CALL)
    assert len(server.calls) == 1


# ---------------------------------------------------------------- the client-side limit


def test_limit_counts_retries_and_keeps_budgets_apart(server, monkeypatch):
    monkeypatch.setitem(pacing.LIMITS, "stats", (3, 60.0))
    time = FakeTime(monkeypatch)
    server.get(US + CALL.path, status=500)
    server.get(US + CALL.path, status=500)
    server.get(US + CALL.path, json={})
    server.post(f"{US}/v1/analytics/metrics", json={})
    client = Client(KEY)
    client.send(CALL)
    assert time.now == pytest.approx(103.0)
    client.send(Call("POST", "/v1/analytics/metrics", body="{}", budget="metrics"))
    assert time.now == pytest.approx(103.0)
    client.send(CALL)
    assert time.now == pytest.approx(160.0)
