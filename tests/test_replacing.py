"""The Stats API's questions put to the Metrics API give equal frames, column by column."""

from __future__ import annotations

import random
import warnings
from typing import Any

import pandas as pd
import pytest

import mgframe as mg
from mgframe.asking import KEY_GROUPS
from mgframe.framing import meta_of
from mgframe.simulator import Model
from mgframe.simulator.account import SHOP_SUBACCOUNT
from mgframe.vocabulary import EVENTS

NEWS, SHOP = "news.example.com", "shop.example.com"
POOL, SUB = "66f0b1d2c7a94e5f80213b6c", SHOP_SUBACCOUNT


def both(function: Any, *args: Any, **options: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", mg.MgframeWarning
        )  # the Stats API's own: rows without a key
        return function(*args, **options), function(*args, **options, api="metrics")


def assert_equal(stats: pd.DataFrame, metrics: pd.DataFrame) -> None:
    """All is equal but unique counts that the Stats API leaves out: unknown there, here known."""
    left_out = stats.isna() & ~metrics.isna()
    assert set(left_out.columns[left_out.any()]) <= {"unique_opened", "unique_clicked"}
    assert (metrics.where(left_out).fillna(0) == 0).all(axis=None)
    pd.testing.assert_frame_equal(stats, metrics.mask(left_out))
    shared = ("resolution", "answered", "complete_until", "simulated", "fetched_at")
    known, other = meta_of(stats), meta_of(metrics)
    assert {name: known.get(name) for name in shared} == {name: other.get(name) for name in shared}
    assert mg.parity(stats, metrics.mask(left_out)).empty


def drawn_window(draw: random.Random) -> dict[str, Any]:
    """Return a window of any resolution and form, within what Mailgun keeps."""
    resolution = draw.choice(["hour", "day", "month"])
    most, unit = {"hour": (200, "h"), "day": (30, "d"), "month": (3, "m")}[resolution]
    number = draw.randint(1, most)
    form = draw.choice(["last", "last", "partial", "duration", "edges"])
    if form == "duration":
        return {"duration": f"{number}{unit}"}
    if form == "edges":
        now = pd.Timestamp("2026-11-16 09:30")
        end = now - pd.Timedelta(hours=draw.randint(0, 240))
        width = {"hour": 1, "day": 24, "month": 720}[resolution]
        start = end - pd.Timedelta(hours=width * number)
        return {"start": start, "end": end, "resolution": resolution}
    return {"last": f"{number}{unit}", "partial": form == "partial"}


def drawn_question(draw: random.Random) -> tuple[Any, list[Any], dict[str, Any]]:
    """Return any question of the four."""
    options = drawn_window(draw)
    if draw.random() < 0.5:
        options["events"] = draw.sample(EVENTS, draw.randint(1, 4))
    kind = draw.choice(["account", "domain", "domains", "group", "group", "filter", "snapshot"])
    if kind == "account":
        return mg.account_totals, [], options
    if kind == "domain":
        return mg.domain_totals, [draw.choice([NEWS, SHOP, [SHOP, NEWS]])], options
    if kind == "domains":
        return mg.domain_totals, [], options
    if kind == "snapshot":
        events = {name: options[name] for name in ("events",) if name in options}
        day = pd.Timestamp("2026-11-16 09:00") - pd.Timedelta(hours=draw.randint(0, 900))
        return mg.domain_snapshot, [day], {"resolution": draw.choice(["hour", "day"]), **events}
    if kind == "group":
        return mg.grouped_totals, [draw.choice(KEY_GROUPS)], options
    where = draw.choice(
        [{"domain": NEWS}, {"domain": SHOP}, {"ip_pool": POOL}, {"subaccount": SUB}]
    )
    return (
        mg.grouped_totals,
        [draw.choice([None, "ip", "tag", "total"])],
        options | {"where": where},
    )


@pytest.mark.parametrize("seed", range(28))
def test_any_question_has_the_same_answer_from_both(seed: int, demo: mg.Client) -> None:
    function, args, options = drawn_question(random.Random(seed))
    assert_equal(*both(function, *args, **options, client=demo))


@pytest.mark.parametrize("group", [*KEY_GROUPS, "total", "time", "day", "month", None])
def test_every_group_has_the_same_frame(group: str | None, demo: mg.Client) -> None:
    assert_equal(*both(mg.grouped_totals, group, last="3d", client=demo))


def test_a_provider_is_a_recipient_domain(serving: Any) -> None:
    server, client = serving()
    frame = mg.grouped_totals("provider", api="metrics", last="2d", client=client)
    assert frame.index.names == ["time", "provider"]
    assert "gmail.com" in frame.index.get_level_values("provider")
    assert server.bodies[-1]["dimensions"] == ["time", "recipient_domain"]


def test_hours_beyond_sixty_days_are_unknown_in_both(demo: mg.Client) -> None:
    options = {"start": "2026-09-16", "end": "2026-09-18", "resolution": "hour", "client": demo}
    with pytest.warns(mg.MgframeWarning, match="keeps hours for 60 days"):
        stats = mg.account_totals(**options)
    with pytest.warns(mg.MgframeWarning, match="keeps hours for 60 days"):
        metrics = mg.account_totals(**options, api="metrics")
    assert_equal(stats, metrics)
    assert stats["delivered"].isna().any()


def test_a_quiet_domain_has_zeros_in_both(serving: Any) -> None:
    _, client = serving(Model(seed=3, domains=12))
    stats, metrics = both(mg.domain_totals, last="3h", client=client)
    assert (stats.groupby("domain")["accepted"].sum() == 0).any()
    assert_equal(stats, metrics)
    assert_equal(*both(mg.domain_snapshot, "2026-11-16 03:00", resolution="hour", client=client))


def test_an_unknown_domain_is_not_found_and_not_zero(demo: mg.Client) -> None:
    with pytest.raises(mg.NotFound, match=r"no domain typo\.example\.com") as caught:
        mg.domain_totals([NEWS, "typo.example.com"], last="2d", api="metrics", client=demo)
    assert caught.value.status == 404
    assert "mg.domains()" in str(caught.value)


def test_an_unknown_domain_may_be_left_out_with_a_warning(demo: mg.Client) -> None:
    names = [NEWS, "typo.example.com"]
    with pytest.warns(mg.MgframeWarning, match=r"no domain typo\.example\.com; no rows for it"):
        frame = mg.domain_totals(names, last="2d", api="metrics", on_error="warn", client=demo)
    assert list(frame.index.unique("domain")) == [NEWS]
    assert meta_of(frame)["failed"] == {"typo.example.com": "NotFound"}


def test_an_account_without_an_active_domain_is_empty_in_both(
    serving: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, client = serving()
    monkeypatch.setattr("mgframe.replacing.active", lambda table: [])
    monkeypatch.setattr("mgframe.stats_api.active", lambda table: [])
    stats, metrics = both(mg.domain_totals, last="2d", client=client)
    assert stats.empty
    assert metrics.empty
    assert list(stats.index.names) == list(metrics.index.names)


def test_a_plan_says_that_a_query_follows_the_list_of_domains(demo: mg.Client) -> None:
    plan = mg.plan(mg.domain_totals, last="7d", api="metrics", client=demo)
    assert "the pages of one query about all domains" in repr(plan)


def test_a_quiet_domain_that_exists_is_zero_and_not_an_error(serving: Any) -> None:
    _, client = serving(Model(seed=3, domains=12))
    totals = mg.domain_totals(last="3h", client=client).groupby("domain").sum().sum(axis=1)
    quiet = str(totals.index[totals == 0][0])
    frame = mg.domain_totals(quiet, last="3h", api="metrics", client=client)
    assert (frame == 0).all(axis=None)
    assert len(frame) == 3


def test_all_domains_are_one_query_and_not_one_each(serving: Any) -> None:
    server, client = serving()
    mg.domain_totals(last="7d", events="delivered", api="metrics", client=client)
    assert len(server.requests) == 2  # the list of domains, and one page
    assert server.bodies[-1]["pagination"]["limit"] == 1500


def test_the_notice_of_deprecation_is_for_the_stats_api_alone(
    demo: mg.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    noticed: list[int] = []
    monkeypatch.setattr("mgframe.stats_api.notice", lambda: noticed.append(1))
    mg.account_totals(last="2d", api="metrics", client=demo)
    assert noticed == []
    mg.account_totals(last="2d", client=demo)
    assert noticed == [1]


@pytest.mark.parametrize(
    ("ask", "match"),
    [
        (lambda **o: mg.account_totals(api="metric", **o), "did you mean 'metrics'"),
        (lambda **o: mg.domain_snapshot("2026-11-13", limit=1, api="metrics", **o), "limit"),
        (lambda **o: mg.account_totals(events="opend", api="metrics", **o), "opened"),
    ],
)
def test_a_wrong_argument_is_refused_before_anything_is_sent(
    ask: Any, match: str, serving: Any
) -> None:
    server, client = serving()
    with pytest.raises(mg.QueryError, match=match):
        ask(client=client)
    assert server.requests == []
