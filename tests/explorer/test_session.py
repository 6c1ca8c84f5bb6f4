"""What was chosen is what is seen: fetched where it must be, cancelled, or a sentence says why."""

from __future__ import annotations

import threading
from dataclasses import replace

import pandas as pd
import pytest
from explorer.looks import drawn, mail, run_code

import mgframe as mg
from mgframe.explorer import account as accounts
from mgframe.explorer import fetching
from mgframe.explorer import session as sessions
from mgframe.explorer.exploring import Explorer
from mgframe.planning import Question
from mgframe.simulator import Fault, Model
from mgframe.sourcing import source_of


@pytest.fixture
def account(serving):
    """A small account, its server, and an explorer of it that has fetched its first frame."""
    server, client = serving(Model(domains=3, days=120))
    explorer = mg.explore(last="7d", client=client).wait()
    assert explorer.problem == ""
    return server, explorer


def test_a_choice_that_the_frame_at_hand_can_show_sends_nothing(account):
    server, explorer = account
    sent = len(server.requests)
    for change in ({"measure": "bounce_rate"}, {"resolution": "week"}, {"order": "name"}):
        explorer.choose(**change)
    assert (explorer.choice.measure, explorer.choice.order) == ("bounce_rate", "name")
    assert len(server.requests) == sent


def test_a_longer_window_is_fetched_and_the_way_back_is_not(account):
    server, explorer = account
    sent = len(server.requests)
    explorer.choose(window="14d").wait()
    assert len(server.requests) > sent
    assert len(explorer.frame.index.get_level_values("time").unique()) == 14
    sent = len(server.requests)
    explorer.choose(window="7d")
    assert len(explorer.frame.index.get_level_values("time").unique()) == 7
    assert len(server.requests) == sent


def test_to_compare_the_days_before_are_fetched_too(account):
    _, explorer = account
    explorer.choose(compare=True).wait()
    assert explorer.problem == ""
    assert len(explorer.frame.index.get_level_values("time").unique()) == 14
    assert explorer.session.sight.table.header[1:3] == ("before", "now")


def test_the_code_of_an_account_fetches_the_same_frame():
    explorer = mg.explore(by=["domain", "recipient_provider"], last="14d", compare=True,
                          where={"domain": "news.example.com"}, client=mg.demo())  # fmt: skip
    ran = run_code(explorer.wait().code)
    pd.testing.assert_frame_equal(ran["df"], explorer.frame)
    frame, figure = explorer.session.draw()
    pd.testing.assert_frame_equal(ran["part"], frame)
    assert drawn(ran["ax"].figure) == drawn(figure)
    assert 'where={"domain": "news.example.com"}' in explorer.code


def test_the_code_names_region_and_subaccount_and_never_the_key():
    client = mg.Client("key-of-mine", region="eu", subaccount="sub-1")
    account = accounts.Account(source_of(client, None))
    request = accounts.Request((), "2026-11-01", "2026-11-02", "day")
    code = "\n".join(account._code(request, mail()))
    assert 'mg.Client(region="eu", subaccount="sub-1")' in code
    assert "key-of-mine" not in code
    elsewhere = mg.Client("key-of-mine", base_url="http://127.0.0.1:9")
    assert accounts.client_code(elsewhere, simulated=False).startswith(
        'mg.Client(base_url="http://127.0.0.1:9")'
    )


def test_the_open_day_is_asked_for_on_request(account):
    _, explorer = account
    explorer.choose(partial=True).wait()
    times = explorer.frame.index.get_level_values("time")
    assert times.max() == pd.Timestamp("2026-11-16", tz="UTC")
    assert "Hollow and dashed" in explorer.figure().axes[0].get_xlabel()


def test_an_open_day_that_is_old_is_asked_for_again(account, monkeypatch):
    server, explorer = account
    explorer.choose(partial=True).wait()
    explorer.choose(partial=False)
    sent, clock = len(server.requests), accounts._monotonic()
    explorer.choose(partial=True).wait()
    assert len(server.requests) == sent
    monkeypatch.setattr(accounts, "_monotonic", lambda: clock + 400)
    explorer.choose(partial=False)
    explorer.choose(partial=True).wait()
    assert len(server.requests) > sent


def test_an_error_of_the_api_is_a_sentence_and_the_sight_stays(account):
    server, explorer = account
    before = explorer.session.sight
    server.inject(Fault("429", times=50))
    explorer.choose(window="14d").wait()
    assert "POST /v1/analytics/metrics answered 429: Too Many Requests" in explorer.problem
    assert "ry again later" in explorer.problem
    assert explorer.session.sight is before
    assert explorer.choice.window == "7d"
    server.faults.clear()
    explorer.session.try_again()
    explorer.wait()
    assert (explorer.problem, explorer.choice.window) == ("", "14d")


def test_an_error_at_the_first_fetch_leaves_something_to_choose(serving):
    server, client = serving(faults=[Fault("500", times=50)])
    explorer = mg.explore(client=client).wait()
    assert "answered 500" in explorer.problem
    assert explorer.code == ""
    assert explorer.problem in repr(explorer)
    with pytest.raises(mg.MgframeError, match="answered 500"):
        explorer.figure()
    server.faults.clear()
    explorer.session.try_again()
    assert explorer.wait().session.sight is not None


def test_what_cannot_be_asked_is_a_sentence_too_and_sends_nothing(account):
    server, explorer = account
    sent = len(server.requests)
    explorer.choose(window="2019-01-01/2019-01-31", resolution="hour")
    assert "Mailgun keeps" in explorer.problem
    assert len(server.requests) == sent
    assert explorer.choice.window == "7d"


def test_a_cancelled_fetch_is_thrown_away_and_sends_no_more(serving):
    server, client = serving(Model(domains=60, days=120))
    client.connections = 1
    explorer = mg.explore(last="1d", client=client).wait()
    told = threading.Event()
    explorer.session.progressed = lambda done, total: told.set() if done >= 1 else None
    sent = len(server.requests)
    explorer.choose(window="60d")
    assert told.wait(10)
    assert explorer.session.busy
    fetch = explorer.session._fetch
    explorer.session.cancel()
    assert not explorer.session.busy
    assert explorer.problem == "The fetch was cancelled."
    fetch.wait()
    assert len(server.requests) - sent <= 3
    assert explorer.choice.window == "1d"
    assert explorer.session.sight.window == "15 Nov 2026"


def test_what_comes_after_a_cancel_is_not_delivered(account, monkeypatch):
    _, explorer = account
    go, came = threading.Event(), []
    monkeypatch.setattr(fetching, "run", lambda *_: go.wait(5) and explorer.frame)
    asked = Question(None, (), lambda *_: explorer.frame)
    fetch = fetching.Fetch(asked, came.append, lambda done, total: None)
    fetch.start()
    fetch.cancel()
    go.set()
    fetch.wait()
    assert came == []


def test_what_comes_of_a_fetch_whose_place_was_taken_is_thrown_away(account):
    _, explorer = account
    session, before = explorer.session, explorer.session.sight
    asked = Question(None, (), lambda *_: explorer.frame)
    stale = fetching.Fetch(asked, lambda outcome: None, lambda done, total: None)
    session.asked = replace(session.choice, window="14d")
    request = session.account.request(session.asked)
    session._arrived(stale, request, fetching.Outcome(explorer.frame))
    assert session.sight is before
    assert session.choice.window == "7d"


def test_a_newer_choice_takes_the_place_of_a_fetch_and_keeps_what_it_changed(account):
    server, explorer = account
    server.inject(Fault("slow", seconds=0.3))
    explorer.choose(window="28d")
    explorer.choose(compare=True)
    explorer.wait()
    assert (explorer.choice.window, explorer.choice.compare) == ("28d", True)


def test_a_fault_of_our_own_is_said_and_not_swallowed(account, monkeypatch):
    _, explorer = account

    def broken(*_: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(fetching, "run", broken)
    explorer.choose(window="14d").wait()
    assert explorer.problem == "mgframe failed with ZeroDivisionError: oops; please report it"


def test_so_is_one_in_looking_at_what_came(account, monkeypatch):
    _, explorer = account

    def broken(*_: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(sessions, "look", broken)
    explorer.choose(window="14d").wait()
    assert "mgframe failed with ZeroDivisionError" in explorer.problem
    assert not explorer.session.busy


def test_other_keys_to_fetch_bring_other_levels(account):
    _, explorer = account
    explorer.choose(group=("recipient_provider",), by="recipient_provider").wait()
    assert explorer.session.offer.levels == ("recipient_provider",)
    assert explorer.choice.by == "recipient_provider"
    explorer.choose(group=(), by="time").wait()
    assert explorer.session.offer.levels == ("account",)
    explorer.choose(group=("country",), by="country").wait()
    assert explorer.problem == ""
    assert explorer.choice.measure == "click_to_open_rate"  # countries have no deliveries


def test_what_a_frame_cannot_show_is_a_sentence():
    explorer = mg.explore(mail(), last="60d")
    explorer.choose(compare=True)
    assert "before='2025-11-02/2025-12-31' holds no complete day of the frame" in explorer.problem
    assert not explorer.choice.compare


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"by": "domian"}, "did you mean 'domain'"),
        ({"by": ["domain", "recipient_provider"]}, "one level"),
        ({"measure": "delivery"}, "is not in this frame"),
        ({"measure": "block_rate"}, "is not in this frame"),
        ({"resolution": "hour"}, "can show day, week, month"),
        ({"last": "soon"}, "last='soon'"),
        ({"where": {"domain": "a.com"}}, "are for an account"),
    ],
)
def test_a_wrong_argument_for_a_frame_is_refused(arguments, why):
    with pytest.raises(mg.QueryError, match=why):
        mg.explore(mail(), **arguments)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"by": "provider"}, "recipient_provider"),
        ({"last": "all"}, "an account needs days"),
        ({"resolution": "year"}, "must be one of hour, day, week, month"),
        ({"measure": "delivery"}, "is no rate or count"),
    ],
)
def test_a_wrong_argument_for_an_account_is_refused(arguments, why, demo):
    with pytest.raises(mg.QueryError, match=why):
        mg.explore(client=demo, **arguments)


@pytest.mark.parametrize("arguments", [{"last": "7d"}, {"compare": True}])
def test_months_and_totals_have_no_days_to_choose(arguments):
    counts = mail()[["sent", "delivered"]]
    for frame in (counts.mg.resample("M"), counts.mg.sum("domain")):
        with pytest.raises(mg.QueryError, match=r"hours or days; this one has (months|no time)"):
            mg.explore(frame, **arguments)


def test_without_a_frame_and_a_key_the_way_out_is_named():
    with pytest.raises(mg.ConfigurationError, match="MAILGUN_API_KEY"):
        mg.explore()


def test_the_function_and_the_method_are_one():
    explorer = mail().mg.explore(measure="bounce_rate", by="recipient_provider", last="7d")
    assert isinstance(explorer, Explorer)
    assert explorer.choice == replace(
        explorer.choice, measure="bounce_rate", by="recipient_provider", window="7d"
    )
    assert "bounce_rate by recipient_provider, 23 Feb 2026 to 01 Mar 2026" in repr(explorer)
