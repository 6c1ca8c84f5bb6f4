"""The fetch functions against the simulator: what is sent, what comes back, what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest
import responses

import mgframe as mg
from mgframe.simulator import Fault, Model, Server
from mgframe.vocabulary import EVENTS

Serving = Callable[..., tuple[Server, mg.Client]]
NEWS = "news.example.com"


def query(request: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(request.split(" ", 1)[1]).query)


# ---------------------------------------------------------------- what is sent


def test_events_are_repeated_and_never_joined_with_commas(serving: Serving) -> None:
    server, client = serving()
    mg.account_totals(events=["opened", "delivered", "opened"], client=client)
    assert query(server.requests[0])["event"] == ["delivered", "opened"]
    assert "," not in server.requests[0].split("start")[0]


def test_without_events_all_eight_are_asked(serving: Serving) -> None:
    server, client = serving()
    mg.account_totals(client=client)
    assert query(server.requests[0])["event"] == list(EVENTS)


def test_the_same_call_twice_in_an_hour_is_the_same_request(model: Model, serving: Serving) -> None:
    server, _ = serving()
    for minute in (1, 59):
        now = model.now.replace(minute=minute)
        client = mg.Client("key-simulated", base_url=server.url, clock=lambda now=now: now)
        mg.account_totals(last="24h", client=client)
    assert server.requests[0] == server.requests[1]


def test_a_duration_goes_as_it_is_and_no_start_with_it(serving: Serving) -> None:
    server, client = serving()
    frame = mg.account_totals(duration="24h", client=client)
    sent = query(server.requests[0])
    assert sent["duration"] == ["24h"]
    assert "start" not in sent
    assert len(frame) == 24
    assert frame.attrs["mgframe"]["resolution"] == "hour"


def test_a_duration_of_one_month_is_the_calendar_month_so_far(serving: Serving) -> None:
    _, client = serving()
    frame = mg.account_totals(duration="1m", client=client)
    assert list(frame.index.get_level_values("time")) == [pd.Timestamp("2026-11-01", tz="UTC")]


def test_the_window_in_a_zone_begins_at_its_midnight(serving: Serving) -> None:
    _, client = serving()
    frame = mg.account_totals(period="last week", tz="Europe/Berlin", client=client)
    days = frame.mg.local_days("Europe/Berlin")
    assert len(frame) == 168
    assert [str(day)[:16] for day in days.index.get_level_values("time")[[0, -1]]] == [
        "2026-11-09 00:00",
        "2026-11-15 00:00",
    ]
    assert days["delivered"].sum() == frame["delivered"].sum()


def test_a_plan_shows_the_requests_and_sends_nothing(serving: Serving) -> None:
    server, client = serving()
    plan = mg.plan(mg.domain_totals, ["a.com", "b.com"], last="30d", client=client)
    assert (plan.requests, plan.pages) == (2, 2)
    assert plan.seconds > 0
    assert "GET /v3/b.com/stats/total?event=accepted" in repr(plan)
    assert server.requests == []


@pytest.mark.parametrize(
    ("fetch", "arguments"),
    [
        (mg.account_totals, ()),
        (mg.domain_totals, ()),
        (mg.domain_snapshot, ("2026-11-13",)),
        (mg.grouped_totals, ("domain",)),
        (mg.provider_aggregates, (NEWS,)),
        (mg.device_aggregates, (NEWS,)),
        (mg.country_aggregates, (NEWS,)),
        (mg.domains, ()),
    ],
)
def test_every_fetch_function_sends_what_its_plan_shows_first(
    serving: Serving, fetch: Any, arguments: tuple[str, ...]
) -> None:
    server, client = serving()
    plan = mg.plan(fetch, *arguments, client=client)
    assert server.requests == []
    fetch(*arguments, client=client)
    first = plan.calls[0]
    assert server.requests[0].startswith(f"{first.method} {first.path}")
    assert (len(server.requests) > plan.requests) == bool(plan.follow_up and fetch != mg.domains)


def test_plan_refuses_what_is_no_fetch_function() -> None:
    with pytest.raises(mg.QueryError, match=r"takes a fetch function such as mg\.domain_totals"):
        mg.plan(mg.rates)


# ---------------------------------------------------------------- views agree


def test_domains_add_up_to_the_account(demo: mg.Client) -> None:
    window: dict[str, Any] = {"last": "14d", "client": demo}
    account = mg.account_totals(**window).droplevel("account")
    pd.testing.assert_frame_equal(mg.domain_totals(**window).mg.sum("time"), account)
    pd.testing.assert_frame_equal(mg.grouped_totals("domain", **window).mg.sum("time"), account)


def test_the_snapshot_is_one_row_of_the_totals(demo: mg.Client) -> None:
    snapshot = mg.domain_snapshot("2026-11-13 17:00", client=demo)
    totals = mg.domain_totals(start="2026-11-13", end="2026-11-13", client=demo)
    pd.testing.assert_frame_equal(snapshot, totals)


def test_hours_add_up_to_days(demo: mg.Client) -> None:
    hours = mg.account_totals(start="2026-11-02", end="2026-11-08", resolution="hour", client=demo)
    days = mg.account_totals(start="2026-11-02", end="2026-11-08", client=demo)
    summed = hours.mg.resample("D")
    # An hour with a repeated click has no unique count in its answer, which is unknown, not 0.
    known = [name for name in days if summed[name].notna().all()]
    assert set(days) - set(known) <= {"unique_opened", "unique_clicked"}
    pd.testing.assert_frame_equal(summed[known], days[known])


def test_lifetime_counters_agree_with_each_other(demo: mg.Client) -> None:
    by_device = mg.device_aggregates(NEWS, client=demo).groupby("as_of").sum()
    by_country = mg.country_aggregates(NEWS, client=demo).groupby("as_of").sum()
    by_provider = mg.provider_aggregates(NEWS, client=demo).groupby("as_of").sum()
    pd.testing.assert_frame_equal(by_device, by_country)
    pd.testing.assert_frame_equal(by_device, by_provider[by_device.columns])


def test_a_filter_gives_one_domain(demo: mg.Client) -> None:
    filtered = mg.grouped_totals(where={"domain": NEWS}, last="7d", client=demo)
    direct = mg.domain_totals(NEWS, last="7d", client=demo)
    pd.testing.assert_frame_equal(filtered, direct)  # the level is the filter's, not the account
    assert filtered.attrs["mgframe"]["request"]["filter"] == f"domain:{NEWS}"


def test_a_subaccount_is_the_key_of_its_rows(serving: Serving) -> None:
    model = Model(domains=30, seed=3)
    server, _ = serving(model)
    (subaccount, *_) = model.subaccounts
    client = mg.Client(
        "key-simulated", base_url=server.url, subaccount=subaccount, clock=lambda: model.now
    )
    frame = mg.account_totals(last="7d", client=client)
    assert list(frame.index.unique("account")) == [subaccount]
    with pytest.warns(mg.MgframeWarning, match="left some rows without a subaccount"):
        whole = mg.grouped_totals("subaccount", last="7d", client=serving(model)[1])
    assert frame["delivered"].sum() == whole.xs(subaccount, level="subaccount")["delivered"].sum()


def test_a_group_of_total_is_one_bucket(demo: mg.Client) -> None:
    total = mg.grouped_totals("total", last="7d", client=demo)
    days = mg.account_totals(last="7d", client=demo)
    assert len(total) == 1
    assert total["delivered"].sum() == days["delivered"].sum()
    assert total.attrs["mgframe"]["resolution"] == "total"


# ---------------------------------------------------------------- shapes and editions


@pytest.mark.parametrize("shape", ["type", "envelopes", "map"])
@pytest.mark.parametrize("by", ["domain", "provider", "tag", "country", "ip"])
def test_every_shape_of_a_grouped_answer_gives_the_same_frame(
    serving: Serving, shape: str, by: Any
) -> None:
    events = ["delivered", "opened"]
    plain = mg.grouped_totals(by, events=events, last="3d", client=serving()[1])
    frame = mg.grouped_totals(by, events=events, last="3d", client=serving(shape=shape)[1])
    pd.testing.assert_frame_equal(frame, plain)
    noted = {"type": "member"}.get(shape, shape)
    assert frame.attrs["mgframe"]["shape"] == noted
    assert plain.attrs["mgframe"]["shape"] == "member"


def test_a_key_in_place_of_the_time_is_a_total_over_the_window(serving: Serving) -> None:
    plain = mg.grouped_totals("domain", last="3d", client=serving()[1])
    frame = mg.grouped_totals("domain", last="3d", client=serving(shape="time")[1])
    assert frame.attrs["mgframe"]["shape"] == "time"
    assert frame.attrs["mgframe"]["resolution"] == "total"
    pd.testing.assert_frame_equal(frame.mg.sum("domain"), plain.mg.sum("domain"))
    with pytest.raises(mg.FrameError, match="width of the frame's buckets is not known"):
        frame.mg.resample("W")


def test_rows_without_a_key_are_none_with_a_warning(serving: Serving) -> None:
    _, client = serving(Model(domains=1), shape="none")
    with pytest.warns(mg.MgframeWarning, match=r"names no domain.*'\(none\)'"):
        frame = mg.grouped_totals("domain", last="3d", client=client)
    assert set(frame.index.get_level_values("domain")) == {"(none)"}


def test_two_rows_without_a_key_in_one_bucket_are_an_error(serving: Serving) -> None:
    _, client = serving(shape="none")
    for ask in (
        lambda: mg.grouped_totals("domain", last="3d", client=client),
        lambda: mg.domain_snapshot("2026-11-13", client=client),
    ):
        with pytest.raises(mg.ResponseError, match="nothing tells these rows apart"):
            ask()


@pytest.mark.parametrize("limit", ["skip", "size"])
@pytest.mark.parametrize("shape", ["member", "envelopes", "map"])
def test_the_snapshot_reads_every_page_whichever_way_limit_is_read(
    serving: Serving, limit: str, shape: str
) -> None:
    model = Model(domains=23)
    _, client = serving(model, limit=limit, shape=shape, page=10)
    frame = mg.domain_snapshot("2026-11-13", events="delivered", client=client)
    assert len(frame) == 23
    assert frame.attrs["mgframe"]["limit_read_as"] == limit


@pytest.mark.slow
@pytest.mark.parametrize("resolution", ["day", "hour"])
def test_the_snapshot_of_300_domains_adds_up_to_the_account(
    serving: Serving, resolution: str
) -> None:
    server, client = serving(Model(domains=300))
    moment, events = "2026-11-15 03:00", ["delivered", "failed"]
    frame = mg.domain_snapshot(moment, events=events, resolution=resolution, client=client)
    assert len(server.requests) == 4  # three pages and the empty one that ends them
    account = mg.account_totals(
        events=events, start=moment, end=moment, resolution=resolution, client=client
    )
    assert len(frame) == 300
    pd.testing.assert_frame_equal(frame.mg.sum("time"), account.mg.sum("time"))


def test_a_server_that_leaves_idle_domains_out_of_its_pages_is_read_to_the_end(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mgframe.simulator.model.Tally.with_keys", lambda tally, keys: tally)
    server, client = serving(Model(domains=40), page=10)
    frame = mg.domain_snapshot("2026-11-15 03:00", resolution="hour", client=client)
    limits = [query(request).get("limit", ["0"]) for request in server.requests]
    assert len(limits) == len({*map(tuple, limits)}), "the same page was asked twice"
    whole = mg.grouped_totals(
        "domain", start="2026-11-15 03:00", end="2026-11-15 03:00", resolution="hour", client=client
    )
    assert set(frame.index.unique("domain")) == set(whole.index.unique("domain"))


def test_a_limit_is_passed_on_and_one_page_read(serving: Serving) -> None:
    server, client = serving(Model(domains=23), page=10)
    frame = mg.domain_snapshot("2026-11-13", events="delivered", limit=15, client=client)
    assert len(frame) == 8
    assert len(server.requests) == 1


@pytest.mark.parametrize("suffix", ["GMT", "+0000"])
def test_every_suffix_of_times_gives_the_same_frame(serving: Serving, suffix: str) -> None:
    plain = mg.account_totals(last="3d", client=serving()[1])
    pd.testing.assert_frame_equal(
        mg.account_totals(last="3d", client=serving(suffix=suffix)[1]), plain
    )


@pytest.mark.parametrize("edition", ["2016", "2024"])
def test_older_editions_keep_what_they_reported(serving: Serving, edition: str) -> None:
    now = mg.account_totals(last="7d", client=serving()[1])
    then = mg.account_totals(last="7d", client=serving(edition=edition)[1])
    mg.check_frame(then)
    for name in ("delivered", "hard_bounces", "permanent_failed", "sent", "bounced"):
        pd.testing.assert_series_equal(then[name], now[name])
    assert then["permanent_failed_optimized"].isna().all()
    if edition == "2016":
        assert then["webhook"].isna().all()
        # Without webhook and delayed-bounce members there was nothing to take off.
        assert list(then["processed"]) == list(then["delivered"] + then["permanent_failed"])
        assert then["processed"].notna().all()
        assert then["failed"].isna().all()


def test_singular_aggregate_keys_are_read(serving: Serving) -> None:
    for fetch in (mg.provider_aggregates, mg.device_aggregates, mg.country_aggregates):
        plural = fetch(NEWS, client=serving()[1])
        pd.testing.assert_frame_equal(fetch(NEWS, client=serving(singular=True)[1]), plural)


# ---------------------------------------------------------------- frames


def test_hours_beyond_sixty_days_are_unknown_and_not_zero(serving: Serving) -> None:
    _, client = serving()
    with pytest.warns(
        mg.MgframeWarning, match="Mailgun keeps hours for 60 days: their zeros are NA"
    ):
        frame = mg.account_totals(
            start="2026-09-14", end="2026-09-20", resolution="hour", client=client
        )
    times = frame.index.get_level_values("time")
    kept_since = pd.Timestamp("2026-09-17 09:00", tz="UTC")
    assert frame.loc[times < kept_since, "delivered"].isna().all()
    assert frame.loc[times >= kept_since, "delivered"].notna().all()


@pytest.mark.parametrize("form", [{}, {"shape": "time"}])
def test_a_total_over_forgotten_buckets_is_unknown(serving: Serving, form: Any) -> None:
    _, client = serving(**form)
    with pytest.warns(mg.MgframeWarning, match="partly beyond what Mailgun keeps.*are NA"):
        frame = mg.grouped_totals(
            "domain" if form else "total", start="2026-08-01", resolution="hour", client=client
        )
    assert frame["delivered"].isna().all()


def test_an_end_that_lies_ahead_is_cut_to_now_with_a_warning(demo: mg.Client) -> None:
    with pytest.warns(mg.MgframeWarning, match="end='2026-11-30' lies after now"):
        frame = mg.account_totals(start="2026-11-10", end="2026-11-30", client=demo)
    assert len(frame) == 7


@responses.activate
def test_the_lifetime_counters_of_one_call_are_one_reading() -> None:
    for second, domain in enumerate(["a.com", "b.com"]):
        responses.get(
            f"https://api.mailgun.net/v3/{domain}/aggregates/providers",
            json={"providers": {"gmail.com": {"delivered": 3}}},
            headers={"Date": f"Mon, 16 Nov 2026 09:30:0{second} GMT"},
        )
    client = mg.Client("key-x", region="us")
    frame = mg.provider_aggregates(["a.com", "b.com"], client=client)
    assert list(frame.index.unique("as_of")) == [pd.Timestamp("2026-11-16 09:30", tz="UTC")]
    assert list(frame.mg.sum(["as_of", "provider"])["delivered"]) == [6]


def test_only_the_requested_events_are_columns(demo: mg.Client) -> None:
    frame = mg.account_totals(events="clicked", client=demo)
    assert list(frame) == ["unique_clicked", "clicked"]


def test_an_account_without_domains_is_an_empty_frame(serving: Serving, monkeypatch: Any) -> None:
    monkeypatch.setattr("mgframe.stats_api.active", lambda table: [])
    frame = mg.domain_totals(client=serving()[1])
    assert frame.empty
    assert frame.index.names == ["time", "domain"]
    assert set(frame.dtypes.astype(str)) == {"Int64"}
    mg.check_frame(frame)


def test_frames_say_where_they_come_from(demo: mg.Client) -> None:
    frame = mg.domain_totals(NEWS, last="7d", partial=True, client=demo)
    known = frame.attrs["mgframe"]
    assert known["simulated"] is True
    assert known["endpoint"] == "GET /v3/{domain}/stats/total"
    assert known["complete_until"] == "2026-11-16T00:00:00Z"
    assert known["asked"] == known["answered"] == ["2026-11-09T00:00:00Z", "2026-11-16T00:00:00Z"]
    assert len(frame.mg.complete()) == 7


# ---------------------------------------------------------------- failures


def test_one_failing_domain_is_an_error_by_default(serving: Serving) -> None:
    _, client = serving()
    with pytest.raises(mg.NotFound, match="domain not found") as caught:
        mg.domain_totals([NEWS, "gone.example.com"], client=client)
    assert "gone.example.com" in str(caught.value)


def test_on_error_warn_keeps_the_rest_and_names_what_failed(serving: Serving) -> None:
    _, client = serving()
    with pytest.warns(mg.MgframeWarning, match=r"1 of 2 requests failed.*gone\.example\.com"):
        frame = mg.domain_totals([NEWS, "gone.example.com"], on_error="warn", client=client)
    assert list(frame.index.unique("domain")) == [NEWS]
    assert frame.attrs["mgframe"]["failed"] == {"gone.example.com": "NotFound"}


@pytest.mark.parametrize("kind", ["negative", "textual", "truncated"])
def test_an_answer_that_cannot_be_read_is_named_and_counts_as_failed(
    serving: Serving, kind: str
) -> None:
    server, client = serving()
    domains = [NEWS, "shop.example.com", "mail.example.com"]
    server.inject(Fault(kind, path="shop"))
    with pytest.raises(mg.ResponseError, match=r"stats/total for shop\.example\.com"):
        mg.domain_totals(domains, last="7d", client=client)
    server.inject(Fault(kind, path="shop"))
    with pytest.warns(mg.MgframeWarning, match=r"1 of 3 requests failed.*shop\.example\.com"):
        frame = mg.domain_totals(domains, last="7d", on_error="warn", client=client)
    assert set(frame.index.unique("domain")) == {NEWS, "mail.example.com"}
    assert frame.attrs["mgframe"]["failed"] == {"shop.example.com": "ResponseError"}


def test_an_outage_is_an_error_even_with_on_error_warn(serving: Serving) -> None:
    server, client = serving()
    server.inject(Fault("500", times=9))
    with pytest.raises(mg.ServerError):
        mg.domain_totals([NEWS, "shop.example.com"], on_error="warn", client=client)


FAULTS = {
    "429": mg.RateLimited,
    "429-retry-after": mg.RateLimited,
    "429-reset": mg.RateLimited,
    "420": mg.RateLimited,
    "500": mg.ServerError,
    "502": mg.ServerError,
    "503": mg.ServerError,
    "html": mg.ResponseError,
    "magnificent": mg.ResponseError,
    "truncated": mg.ResponseError,
    "short": mg.TransportError,
    "drop": mg.TransportError,
    "negative": mg.ResponseError,
    "textual": mg.ResponseError,
    "duplicate": mg.ResponseError,
}


@pytest.mark.parametrize("kind", FAULTS)
def test_each_fault_is_the_right_error_and_shows_no_key(
    serving: Serving, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    server, client = serving()
    server.inject(Fault(kind, times=99))
    with pytest.raises(FAULTS[kind]) as caught, caplog.at_level("DEBUG"):
        mg.account_totals(last="7d", client=client)
    said = f"{caught.value} {caught.value!r} {getattr(caught.value, '__notes__', '')} {caplog.text}"
    assert "key-simulated" not in said
    assert "YXBpO" not in said


@pytest.mark.parametrize("kind", ["429-retry-after", "420", "500", "502", "503", "drop", "short"])
def test_a_passing_fault_is_survived(
    serving: Serving, model: Model, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("mgframe.pacing.pause", lambda seconds, stop: waits.append(seconds))
    server, _ = serving()
    client = mg.Client("key-simulated", base_url=server.url, clock=lambda: model.now)
    plain = mg.account_totals(last="7d", client=client)
    server.inject(Fault(kind))
    pd.testing.assert_frame_equal(mg.account_totals(last="7d", client=client), plain)
    assert len([wait for wait in waits if wait > 0]) == 1


@pytest.mark.parametrize("kind", ["unsorted", "extra-field", "quoted"])
def test_a_documented_leniency_changes_nothing(serving: Serving, kind: str) -> None:
    server, client = serving()
    plain = mg.account_totals(last="7d", client=client)
    server.inject(Fault(kind))
    pd.testing.assert_frame_equal(mg.account_totals(last="7d", client=client), plain)


def test_a_gap_is_unknown_with_a_warning(serving: Serving) -> None:
    server, client = serving()
    server.inject(Fault("gap"))
    with pytest.warns(mg.MgframeWarning, match="1 buckets are missing in the answer; they are NA"):
        frame = mg.account_totals(last="7d", client=client)
    assert len(frame) == 7
    assert frame["delivered"].isna().sum() == 1


# ---------------------------------------------------------------- refused before anything is sent


BAD = [
    (lambda c: mg.account_totals(events="delivred", client=c), "did you mean 'delivered'"),
    (lambda c: mg.account_totals(events="opened,clicked", client=c), "several go as a list"),
    (lambda c: mg.account_totals(events=[], client=c), "events is empty"),
    (lambda c: mg.account_totals(resolution="week", client=c), r"resample\('W'\)"),
    (lambda c: mg.account_totals(start="2026-11-09", end="2026-11-01", client=c), "swap them"),
    (lambda c: mg.account_totals(last="30D", client=c), "did you mean '30d'"),
    (lambda c: mg.account_totals(duration="0d", client=c), "number above 0"),
    (lambda c: mg.account_totals(last="7d", period="2026-10", client=c), "say the window twice"),
    (lambda c: mg.domain_totals("a.com/b", client=c), "no scheme, slash or space"),
    (lambda c: mg.domain_totals("a b.com", client=c), "no scheme, slash or space"),
    (lambda c: mg.domain_totals(123, client=c), "domain=123 must be a name or a list"),
    (lambda c: mg.account_totals(events=5, client=c), "events=5 must be a name or a list"),
    (lambda c: mg.domain_totals([], client=c), "the list of domains is empty"),
    (lambda c: mg.domain_totals(NEWS, on_error="ignore", client=c), "'raise' or 'warn'"),
    (lambda c: mg.grouped_totals("providers", client=c), "did you mean 'provider'"),
    (lambda c: mg.grouped_totals("domain", where={"tag": "x"}, client=c), "filters by domain"),
    (lambda c: mg.grouped_totals("domain", where={}, client=c), "exactly one filter"),
    (lambda c: mg.domain_snapshot("2027-01-01", client=c), "lies after now"),
    (lambda c: mg.domain_snapshot("2026-11-01", limit=-1, client=c), "how many domains to skip"),
    (lambda c: mg.provider_aggregates("", client=c), "is no domain name"),
]


@pytest.mark.parametrize(("ask", "said"), BAD, ids=[said for _, said in BAD])
def test_a_wrong_argument_is_refused_before_anything_is_sent(
    serving: Serving, ask: Callable[[mg.Client], object], said: str
) -> None:
    server, client = serving()
    with pytest.raises(mg.QueryError, match=said):
        ask(client)
    assert server.requests == []


@responses.activate
def test_a_proxy_that_echoes_the_request_does_not_bring_the_key_into_a_message() -> None:
    def echo(request: Any) -> tuple[int, dict[str, str], str]:
        return 200, {}, json.dumps({"headers": dict(request.headers), "stats": 1})

    responses.add_callback("GET", "https://api.mailgun.net/v3/stats/total", callback=echo)
    client = mg.Client("0123456789abcdef0123456789abcdef-01234567-89abcdef", region="us")
    with pytest.raises(mg.ResponseError) as caught:
        mg.account_totals(client=client)
    assert "0123456789" not in str(caught.value)
    assert "YXBpOj" not in str(caught.value)
    body = client.send(mg.plan(mg.account_totals, client=client).calls[0]).body
    assert body["headers"]["Authorization"] == "Basic [key]"


def test_without_a_key_every_fetch_names_the_demo() -> None:
    with pytest.raises(mg.ConfigurationError, match=r"mg\.demo\(\)"):
        mg.domain_totals(NEWS)


def test_a_wrong_key_says_what_may_be_wrong(serving: Serving, model: Model) -> None:
    server, _ = serving()
    client = mg.Client("key-of-somebody", base_url=server.url, clock=lambda: model.now)
    with pytest.raises(mg.AuthenticationError, match="The key may be wrong") as caught:
        mg.account_totals(client=client)
    assert "key-of-somebody" not in str(caught.value)


# ---------------------------------------------------------------- once a process, in every zone


def run_python(code: str, **environment: str) -> str:
    import os

    env = {**os.environ, "MGFRAME_STATS_NOTICE": "", **environment}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env
    )
    return done.stdout + done.stderr


ASK_TWICE = (
    "import mgframe as mg; c = mg.demo(); mg.account_totals(client=c); mg.account_totals(client=c)"
)


@pytest.mark.slow
def test_the_deprecation_is_said_once_a_process_and_can_be_turned_off() -> None:
    assert run_python(ASK_TWICE).count("is deprecated in favour of its Metrics API") == 1
    assert "deprecated" not in run_python(ASK_TWICE, MGFRAME_STATS_NOTICE="off")


@pytest.mark.slow
def test_results_do_not_depend_on_the_machines_zone() -> None:
    code = (
        "import mgframe as mg; c = mg.demo(); "
        "d = mg.account_totals(period='last month', tz='America/New_York', client=c); "
        "print(d.mg.local_days('America/New_York').to_csv(), mg.domains(client=c).to_csv(), "
        "mg.domain_totals(start='2026-11-01 03:00', end='2026-11-02', resolution='hour', client=c)"
        ".mg.resample('D', partial=True).to_csv())"
    )
    zones = ("UTC", "America/New_York", "Asia/Kolkata", "Pacific/Auckland")
    assert len({run_python(code, TZ=zone, MGFRAME_STATS_NOTICE="off") for zone in zones}) == 1
