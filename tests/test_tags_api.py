"""The statistics of tags: what is sent, what comes back, and that it agrees with the model."""

from __future__ import annotations

import itertools
from typing import Any

import pandas as pd
import pytest
import responses
from answers import envelope, item, unhurried
from hypothesis import given, settings
from hypothesis import strategies as st

import mgframe as mg
from mgframe.simulator import Model
from mgframe.simulator.windows import parse_window
from mgframe.tags_api import tag_aggregates, tag_totals

US = "https://api.mailgun.net"
NEWS = "news.example.com"
DAYS = list(pd.date_range("2026-11-14", periods=2))


def client(**more: Any) -> mg.Client:
    clock = more.pop("clock", lambda: pd.Timestamp("2026-11-16 09:30", tz="UTC"))
    return mg.Client("key-x", region="us", retries=0, clock=clock, **more)


def answered(domain: str, tag: str, *, seed: int = 0, **members: Any) -> None:
    """Serve two days of one tag."""
    items = [item(day, ["delivered"], seed=seed + place) for place, day in enumerate(DAYS)]
    responses.get(
        f"{US}/v3/{domain}/tag/stats",
        json={"tag": tag, **envelope(items), **members},
        match=[responses.matchers.query_param_matcher({"tag": tag}, strict_match=False)],
    )


def totals(domain: Any, tag: Any, **more: Any) -> pd.DataFrame:
    window = {"start": DAYS[0], "end": DAYS[1], "events": "delivered"}
    return tag_totals(domain, tag, **{**window, "client": client(), **more})


# ---------------------------------------------------------------- counts over time


@responses.activate
def test_every_domain_is_asked_for_every_tag() -> None:
    pairs = list(itertools.product(["a.com", "b.com"], ["x", "y", "z"]))
    for seed, (domain, tag) in enumerate(pairs):
        answered(domain, tag, seed=10 * seed)
    frame = totals(["a.com", "b.com"], ["x", "y", "z"])
    assert frame.index.names == ["time", "domain", "tag"]
    assert len(responses.calls) == 6
    assert list(frame.xs(DAYS[0].tz_localize("UTC"), level="time").index) == pairs
    for seed, (domain, tag) in enumerate(pairs):
        one = frame.xs((domain, tag), level=("domain", "tag"))["delivered"]
        expected = [item(d, ["delivered"], seed=10 * seed + n) for n, d in enumerate(DAYS)]
        assert list(one) == [bucket["delivered"]["total"] for bucket in expected]
    mg.check_frame(frame)


@settings(unhurried, max_examples=30)
@given(st.text(min_size=1).filter(lambda text: text.strip() and text.isprintable()))
def test_a_tag_is_sent_as_it_is_written(tag: str) -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
        body = {"tag": tag, **envelope([item(day, ["delivered"]) for day in DAYS])}
        wire.get(f"{US}/v3/a.com/tag/stats", json=body)
        frame = totals("a.com", tag)
        assert wire.calls[0].request.params["tag"] == tag
    assert set(frame.index.get_level_values("tag")) == {tag}


@responses.activate
def test_a_tag_may_hold_what_means_something_in_an_address() -> None:
    answered("a.com", "50% off/2 & more #1?")
    totals("a.com", "50% off/2 & more #1?")
    url = responses.calls[0].request.url
    assert url.startswith(f"{US}/v3/a.com/tag/stats?tag=50%25+off%2F2+%26+more+%231%3F&event=")


@responses.activate
def test_attrs_tell_the_tag_and_its_description_where_there_is_one() -> None:
    answered("a.com", "x", description="of x")
    answered("a.com", "y", description="of y")
    meta = totals("a.com", "x").attrs["mgframe"]
    assert (meta["tag"], meta["description"]) == ("x", "of x")
    assert meta["request"]["tag"] == "x"
    meta = totals("a.com", ["x", "y"]).attrs["mgframe"]
    assert "tag" not in meta
    assert "description" not in meta
    assert "tag" not in meta["request"]


@responses.activate
def test_an_answer_about_another_tag_is_told_of() -> None:
    answered("a.com", "Sale")
    totals("a.com", "Sale")  # as it was asked
    body = {"tag": "sale", **envelope([item(day, ["delivered"]) for day in DAYS])}
    responses.replace(responses.GET, f"{US}/v3/a.com/tag/stats", json=body)
    totals("a.com", "Sale")  # the same tag to Mailgun
    responses.replace(responses.GET, f"{US}/v3/a.com/tag/stats", json={**body, "tag": "other"})
    with pytest.warns(mg.MgframeWarning, match="the tag 'Sale', and .* it is about 'other'"):
        totals("a.com", "Sale")


def test_an_unknown_tag_is_not_found_and_told_where_to_look(demo: mg.Client) -> None:
    with pytest.raises(mg.NotFound, match=r"Tag not found.*tag 'wekly'.*mg\.tags"):
        tag_totals(NEWS, "wekly", last="2d", client=demo)


def test_what_failed_is_named_and_the_rest_kept(demo: mg.Client) -> None:
    with pytest.warns(mg.MgframeWarning, match="1 of 2 requests failed"):
        frame = tag_totals(NEWS, ["weekly", "nope"], last="2d", on_error="warn", client=demo)
    assert set(frame.index.get_level_values("tag")) == {"weekly"}
    assert frame.attrs["mgframe"]["failed"] == {f"{NEWS}, tag 'nope'": "NotFound"}


@pytest.mark.parametrize("tag", ["", "  ", [], ["x", ""], 5, [5], {"x": 1}, "\ud800"])
def test_what_is_no_tag_is_refused(tag: Any) -> None:
    with pytest.raises(mg.QueryError, match="tag"):
        tag_totals("a.com", tag, client=client())


def test_a_plan_has_a_request_for_each_tag(demo: mg.Client) -> None:
    plan = mg.plan(tag_totals, [NEWS, "mail.example.com"], ["a", "b", "a"], client=demo)
    assert plan.requests == 4


@responses.activate
def test_an_answer_without_buckets_is_an_empty_frame_with_the_right_index() -> None:
    responses.get(f"{US}/v3/a.com/tag/stats", json={"tag": "x", **envelope([])})
    frame = totals("a.com", "x")
    assert frame.empty
    assert frame.index.names == ["time", "domain", "tag"]
    assert set(map(str, frame.dtypes)) == {"Int64"}


@pytest.mark.parametrize("resolution", ["hour", "day", "month"])
def test_a_tags_totals_are_the_models(demo: mg.Client, model: Model, resolution: str) -> None:
    last = {"hour": "48h", "day": "14d", "month": "2m"}[resolution]
    lanes = [lane for domain in model.domains if domain.name == NEWS for lane in domain.lanes]
    tags = sorted({tag for lane in lanes for tag in lane.tags})
    frame = tag_totals(NEWS, tags, last=last, resolution=resolution, client=demo)
    start, end = (str(pd.Timestamp(t).timestamp()) for t in frame.attrs["mgframe"]["asked"])
    window = parse_window(model.now, resolution=resolution, start=start, end=end)
    tally = model.tally(window, by=["tag"], where={"domain": [NEWS]})
    assert {tag for (tag,) in tally.keys} <= set(tags)
    for count in ("delivered", "permanent_failed", "opened", "hard_bounces"):
        for (tag,), expected in zip(tally.keys, tally[count], strict=True):
            assert list(frame.xs(tag, level="tag")[count]) == [*expected]


def test_tags_and_the_filter_grouped_by_tag_agree(demo: mg.Client) -> None:
    window = {"last": "7d", "events": ["delivered", "clicked"], "client": demo}
    grouped = mg.grouped_totals("tag", where={"domain": NEWS}, **window)
    tags = sorted(set(grouped.index.get_level_values("tag")) - {"(none)"})
    alone = tag_totals(NEWS, tags, **window).droplevel("domain")
    pd.testing.assert_frame_equal(alone, grouped.loc[alone.index])


# ---------------------------------------------------------------- lifetime counters


@pytest.mark.parametrize("by", ["provider", "device", "country"])
def test_a_tags_aggregates_are_the_models(demo: mg.Client, model: Model, by: Any) -> None:
    frame = tag_aggregates(NEWS, ["digest", "welcome"], by, client=demo)
    assert frame.index.names == ["as_of", "domain", "tag", by]
    mg.check_frame(frame)
    for tag in ("digest", "welcome"):
        tally = model.tally(model.lifetime(), by=[by], where={"domain": [NEWS], "tag": [tag]})
        one = frame.xs(tag, level="tag").droplevel(["as_of", "domain"])
        for (key,), opened in zip(tally.keys, tally["opened"].sum(axis=1), strict=True):
            if key in one.index:
                assert one.loc[key, "opened"] == opened
        assert one["opened"].sum() > 0


@responses.activate
def test_both_spellings_of_aggregates_are_read_and_as_of_is_the_answers_date() -> None:
    for tag, member in (("x", "country"), ("y", "countries")):
        responses.get(
            f"{US}/v3/a.com/tag/stats/aggregates",
            json={member: {"US": {"opened": 3}, "unknown": {"opened": 1}}, "tag": tag},
            headers={"Date": "Sun, 15 Nov 2026 10:00:00 GMT"},
            match=[responses.matchers.query_param_matcher({"tag": tag, "type": "country"})],
        )
    frame = tag_aggregates("a.com", ["x", "y"], "country", client=client())
    assert frame["opened"].to_dict() == {
        (pd.Timestamp("2026-11-15 10:00", tz="UTC"), "a.com", tag, country): opened
        for tag in ("x", "y")
        for country, opened in (("unknown", 1), ("us", 3))
    }


def test_aggregates_by_something_else_are_refused() -> None:
    with pytest.raises(mg.QueryError, match="did you mean 'provider'"):
        tag_aggregates("a.com", "x", "providers", client=client())  # type: ignore[arg-type]


def test_the_aggregates_of_an_unknown_tag_are_not_found(demo: mg.Client) -> None:
    with pytest.raises(mg.NotFound, match=r"mg\.tags\(domain\)"):
        tag_aggregates(NEWS, "nope", client=demo)
