"""Bounce classification as a frame: what is asked, every page, sparse as it came, no address."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
import responses
from hypothesis import given, settings
from hypothesis import strategies as st

import mgframe as mg
from mgframe import bounces_api
from mgframe.bounces_api import bounce_classification
from mgframe.simulator import Model
from mgframe.simulator.windows import parse_window

URL = "https://api.mailgun.net/v2/bounce-classification/metrics"
COUNTS = (
    "delivered_smtp",
    "classified_failures",
    "critical_bounce",
    "non_critical_bounce",
    "critical_delay",
    "non_critical_delay",
)
FAILURES = COUNTS[2:]
#: All but what was delivered, which sparse rows do not add up to.
BY_DEFAULT = COUNTS[1:]


def client(**more: Any) -> mg.Client:
    clock = more.pop("clock", lambda: pd.Timestamp("2026-11-16 09:30", tz="UTC"))
    return mg.Client("key-x", region="us", retries=0, clock=clock, **more)


def row(number: int = 1, **members: Any) -> dict[str, Any]:
    return {**members, "metrics": {f"{name}_count": number for name in COUNTS}}


def served(items: list[Any], *, size: int = 50, total: int | None = None, **more: Any) -> None:
    """Answer with the items page by page."""

    def page(request: Any) -> tuple[int, dict[str, str], str]:
        body = json.loads(request.body)
        skip = body["pagination"]["skip"]
        said = {"skip": skip, "limit": size, "total": len(items) if total is None else total}
        envelope = {name: body[name] for name in ("start", "end", "resolution")}
        answer = {**envelope, "pagination": said, "items": items[skip : skip + size], **more}
        return 200, {"Date": "Mon, 16 Nov 2026 09:30:00 GMT"}, json.dumps(answer)

    responses.add_callback(responses.POST, URL, page)


def sent(place: int = 0) -> Any:
    return json.loads(responses.calls[place].request.body)


# ---------------------------------------------------------------- what is asked


@responses.activate
def test_the_question_is_written_in_the_apis_words() -> None:
    served([])
    bounce_classification(
        ["critical_bounce", "delivered_smtp_count"],
        by=["domain", "ip_pool"],
        where={"domain": "A.com", "entity": mg.contains("mail"), "subaccount": "the shop"},
        start="2026-11-01",
        end="2026-11-14",
        client=client(),
    )
    assert sent() == {
        "start": "Sun, 01 Nov 2026 00:00:00 +0000",
        "end": "Sat, 14 Nov 2026 23:59:59 +0000",
        "resolution": "day",
        "dimensions": ["timestamp", "domain.name", "envelope.i-ip-pool-name"],
        "metrics": ["delivered_smtp_count", "critical_bounce_count"],
        "pagination": {"sort": "timestamp:asc", "skip": 0, "limit": 50},
        "filter": {
            "AND": [
                {
                    "attribute": "entity-name",
                    "comparator": "contains",
                    "values": [{"label": "mail", "value": "mail"}],
                },
                {
                    "attribute": "domain.name",
                    "comparator": "=",
                    "values": [{"label": "a.com", "value": "a.com"}],
                },
                {
                    "attribute": "account.name",
                    "comparator": "=",
                    "values": [{"label": "the shop", "value": "the shop"}],
                },
            ]
        },
        "include_subaccounts": True,
    }


@pytest.mark.parametrize(
    ("asked", "end"),
    [
        ({"resolution": "hour", "last": "6h"}, "Mon, 16 Nov 2026 08:59:59 +0000"),
        ({"resolution": "total", "last": "2d"}, "Sun, 15 Nov 2026 23:59:59 +0000"),
        ({"last": "2d", "partial": True}, "Mon, 16 Nov 2026 23:59:59 +0000"),
        ({"resolution": "total", "last": "1m"}, "Sat, 31 Oct 2026 23:59:59 +0000"),
    ],
)
@responses.activate
def test_the_window_ends_with_the_last_moment_of_its_last_bucket(asked: Any, end: str) -> None:
    served([])
    bounce_classification(client=client(), **asked)
    assert sent()["end"] == end
    timed = asked.get("resolution") != "total"
    assert sent()["dimensions"] == [*(["timestamp"] * timed), "entity-name"]


@responses.activate
def test_the_same_question_is_the_same_request() -> None:
    served([])
    for _ in range(2):
        where = {"tag": ["a", "b"], "domain": "a.com"}
        bounce_classification(where=where, last="24h", client=client())
    first, second = (call.request.body for call in responses.calls)
    assert first == second


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"by": "entty"}, "did you mean 'entity'"),
        ({"by": "provider"}, "did you mean 'recipient_domain'"),
        ({"by": ["tag", "tag"]}, "names a key twice"),
        ({"by": 5}, "by=5 must be a key or a list of keys"),
        ({"by": ["entity", "tag", "ip", "domain"]}, "Mailgun takes 3; resolution='total'"),
        (
            {"by": ["entity", "tag", "ip", "domain", "group"], "resolution": "total"},
            "Mailgun takes 4$",
        ),
        ({"counts": "opened"}, "is no count"),
        ({"counts": []}, "counts is empty"),
        ({"counts": "clasified_failures"}, "did you mean 'classified_failures'"),
        ({"where": {"tag": []}}, "empty list"),
        ({"where": {"country": "us"}}, "'country'"),
        ({"where": {"tag": {"like": "x"}}}, "'like'"),
        ({"resolution": "month"}, "by 'hour' or 'day', or in 'total'"),
        ({"last": "2m"}, "say resolution='day'"),
        ({"start": "2026-11-15", "end": "2026-11-14"}, "lies after end"),
    ],
)
def test_a_wrong_question_is_refused(asked: Any, message: str) -> None:
    with pytest.raises(mg.QueryError, match=message):
        bounce_classification(client=client(), **asked)


# ---------------------------------------------------------------- what comes back


@responses.activate
def test_rows_become_a_frame_as_sparse_as_they_came() -> None:
    served(
        [
            row(3, **{"timestamp": "Sun, 15 Nov 2026 00:00:00 +0000", "entity-name": "Gmail"}),
            row(5, **{"timestamp": "2026-11-13T00:00:00.000Z", "entity-name": None}),
        ]
    )
    frame = bounce_classification(last="7d", client=client())
    assert frame.index.tolist() == [
        (pd.Timestamp("2026-11-13", tz="UTC"), "(none)"),
        (pd.Timestamp("2026-11-15", tz="UTC"), "Gmail"),
    ]
    assert set(frame.columns) == set(BY_DEFAULT)
    assert frame["critical_delay"].tolist() == [5, 3]
    assert str(frame.index.dtypes["time"]) == "datetime64[us, UTC]"
    meta = frame.attrs["mgframe"]
    assert meta["sparse"] is True
    assert meta["asked"] == meta["answered"] == ["2026-11-09T00:00:00Z", "2026-11-15T00:00:00Z"]
    assert meta["complete_until"] == "2026-11-16T00:00:00Z"


@responses.activate
def test_rates_are_left_out_and_what_is_not_reported_is_not_available() -> None:
    metrics = {"critical_bounce_count": 1, "delivered_smtp_count": None, "critical_bounce_rate": 7}
    served([{"entity-name": "Gmail", "metrics": metrics}])
    frame = bounce_classification(COUNTS, resolution="total", client=client())
    (found,) = frame.to_dict("records")
    assert found["critical_bounce"] == 1
    assert all(pd.isna(found[name]) for name in COUNTS if name != "critical_bounce")


@pytest.mark.parametrize("number", [0, 1, 49, 50, 51, 120])
@responses.activate
def test_every_page_is_read(number: int) -> None:
    names = [f"d{place:03}.com" for place in range(number)]
    served([row(place, **{"recipient-domain": name}) for place, name in enumerate(names)])
    frame = bounce_classification(by="recipient_domain", resolution="total", client=client())
    assert list(frame.index.get_level_values("recipient_domain")) == names
    assert list(frame["critical_bounce"]) == list(range(number))
    assert len(responses.calls) == max(1, -(-number // 50))


@responses.activate
def test_fewer_rows_than_the_total_are_an_error() -> None:
    served([row(**{"entity-name": "Gmail"})], total=3)
    with pytest.raises(mg.ResponseError, match="there are 3 rows but its pages hold 1"):
        bounce_classification(resolution="total", client=client())


@responses.activate
def test_a_row_on_two_pages_is_an_error() -> None:
    served([row(**{"entity-name": name}) for name in ("a", "b", "b")], size=2)
    with pytest.raises(mg.ResponseError, match="answered the row b twice"):
        bounce_classification(resolution="total", client=client())


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"metrics": {}}, "a row without 'entity-name', which was asked"),
        ({"entity-name": 5, "metrics": {}}, "has '5' for entity, which is no text"),
        ({"entity-name": "x"}, "the answer has no 'items' with 'metrics'"),
        (None, "the answer has no 'items' with 'metrics'"),
        ({"entity-name": "x", "metrics": {"critical_bounce_count": -1}}, "never negative"),
        ({"entity-name": "x", "metrics": {"critical_bounce_count": 1.5}}, "which is no count"),
    ],
)
@responses.activate
def test_a_broken_row_is_an_error(item: Any, message: str) -> None:
    served([item])
    with pytest.raises(mg.ResponseError, match=message):
        bounce_classification(resolution="total", client=client())


@pytest.mark.parametrize(
    ("stamp", "message"),
    [
        (None, "a row without 'timestamp'"),
        ("soon", "the time 'soon'"),
        ("Sun, 15 Nov 2026 05:00:00 +0000", "those of another time zone than UTC"),
        ("Sun, 15 Nov 2026 00:00:00 -0800", "those of another time zone than UTC"),
    ],
)
@responses.activate
def test_a_row_without_a_bucket_of_utc_is_an_error(stamp: Any, message: str) -> None:
    served([row(**{"timestamp": stamp, "entity-name": "Gmail"})])
    with pytest.raises(mg.ResponseError, match=message):
        bounce_classification(client=client())


@responses.activate
def test_a_moment_within_a_bucket_stands_for_it() -> None:
    served([row(**{"timestamp": "Sun, 15 Nov 2026 22:04:05 +0000", "entity-name": "Gmail"})])
    frame = bounce_classification(client=client())
    assert frame.index[0] == (pd.Timestamp("2026-11-15", tz="UTC"), "Gmail")


@responses.activate
def test_the_frame_follows_the_answer() -> None:
    served([], start="Tue, 10 Nov 2026 00:00:00 +0000")
    with pytest.warns(mg.MgframeWarning, match="the frame follows the answer"):
        frame = bounce_classification(last="7d", client=client())
    assert frame.attrs["mgframe"]["answered"][0] == "2026-11-10T00:00:00Z"
    responses.reset()
    served([], resolution="hour")
    with pytest.raises(mg.ResponseError, match="asked for days and answered 'hour'"):
        bounce_classification(last="7d", client=client())


@responses.activate
def test_no_rows_are_an_empty_frame_with_the_right_index() -> None:
    served([])
    frame = bounce_classification(by=["tag", "severity"], client=client())
    assert frame.empty
    assert frame.index.names == ["time", "tag", "severity"]
    assert set(map(str, frame.dtypes)) == {"Int64"}
    total = bounce_classification(by=None, resolution="total", client=client())
    assert list(total.index.names) == ["account"]


@responses.activate
def test_ids_are_keys_and_their_names_are_remembered() -> None:
    pool = {"envelope.i-ip-pool-id": "66f0", "envelope.i-ip-pool-name": "main"}
    served([row(**{"account.name": "shop", **pool})])
    asking = client()
    frame = bounce_classification(by=["subaccount", "ip_pool"], resolution="total", client=asking)
    assert frame.index.tolist() == [("shop", "66f0")]
    assert frame.attrs["mgframe"]["names"] == {"ip_pool": {"66f0": "main"}}
    assert asking.names["ip_pool"] == {"66f0": "main"}


@responses.activate
def test_texts_of_groups_come_without_addresses() -> None:
    text = {"sample-text": "550 <jo.doe@example.org>: unknown", "explanation": "ask jo.doe@a.com"}
    served([row(**{"group-id": "55ff", **text})])
    frame = bounce_classification(by="group", resolution="total", client=client())
    said = frame.attrs["mgframe"]["groups"]["55ff"]
    assert "jo.doe" not in said
    assert "550" in said
    assert "unknown" in said


@responses.activate
def test_of_a_group_with_several_texts_the_first_is_told() -> None:
    texts = ["one", "two", "three"]
    served([row(**{"group-id": "x", "tag": t, "sample-text": t}) for t in texts], size=1)
    frame = bounce_classification(by=["group", "tag"], resolution="total", client=client())
    assert frame.attrs["mgframe"]["groups"] == {"x": "one"}


@responses.activate
def test_of_a_page_only_what_the_frame_needs_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Any] = []
    frame_of = bounces_api._frame
    monkeypatch.setattr(
        bounces_api, "_frame", lambda query, pages: [kept.extend(pages), frame_of(query, pages)][1]
    )
    said = {"sample-text": "to <jo.doe@example.org>", "variables": {"to": "jo.doe@example.org"}}
    served([row(number, **{"group-id": f"{number:03}", **said}) for number in range(60)])
    bounce_classification("critical_bounce", by="group", resolution="total", client=client())
    assert len(kept) == 2
    assert "jo.doe" not in str([page.body for page in kept])
    metrics = {"critical_bounce_count": 7}
    assert kept[0].body["items"][7] == {"group-id": "007", "metrics": metrics}


@responses.activate
def test_a_message_about_a_broken_answer_has_no_address() -> None:
    for broken in ({"entity-name": {"to": "jo.doe@example.org"}, "metrics": {}}, ["jo.doe@a.com"]):
        responses.reset()
        served([broken])
        with pytest.raises(mg.ResponseError) as raised:
            bounce_classification(resolution="total", client=client())
        assert "jo.doe" not in str(raised.value)


@responses.activate
def test_what_was_delivered_is_asked_for_only_by_name() -> None:
    served([])
    bounce_classification(client=client())
    assert sent()["metrics"] == [f"{name}_count" for name in BY_DEFAULT]
    bounce_classification("delivered_smtp", client=client())
    assert sent(1)["metrics"] == ["delivered_smtp_count"]


def test_a_window_before_the_logs_is_a_readable_error(demo: mg.Client) -> None:
    with pytest.raises(mg.ApiError, match=r"400: start .* is out of permitted log retention"):
        bounce_classification(last="90d", client=demo)


# ---------------------------------------------------------------- agreement with the model

OF_MODEL = {
    "entity": "recipient_provider",
    "domain": "domain",
    "ip": "ip",
    "tag": "tag",
    "recipient_domain": "provider",
}


def expected(model: Model, window: Any, by: list[str], where: Any = None) -> pd.DataFrame:
    """Count the model's failures by hand."""
    tally = model.tally(window, by=[OF_MODEL[key] for key in by], where=where)
    blocked, slowed = tally["permanent_failed_esp_block"], tally["temporary_failed_esp_block"]
    counts = {
        "critical_bounce": blocked,
        "non_critical_bounce": tally["bounced"] - tally["webhook"] - blocked,
        "critical_delay": slowed,
        "non_critical_delay": tally["temporary_failed"] - slowed,
    }
    counts |= {
        "classified_failures": sum(counts.values()),
        "delivered_smtp": tally["delivered_smtp"],
    }
    times = pd.DatetimeIndex(window.starts, dtype="datetime64[us]").tz_localize("UTC")
    rows = [(time, *key) for key in tally.keys for time in times]
    index = pd.MultiIndex.from_tuples(rows, names=["time", *by])
    frame = pd.DataFrame({name: np.ravel(counts[name]) for name in COUNTS}, index=index)
    return frame[frame["classified_failures"] > 0].sort_index().astype("Int64")


@pytest.mark.parametrize("resolution", ["hour", "day"])
@pytest.mark.parametrize("by", [["entity"], ["domain"], ["tag"], ["domain", "entity"]])
def test_the_frame_is_the_models_failures(
    demo: mg.Client, model: Model, by: Any, resolution: str
) -> None:
    last = {"hour": "12h", "day": "9d"}[resolution]
    frame = bounce_classification(by=by, last=last, resolution=resolution, client=demo)
    mg.check_frame(frame)
    start, end = (str(pd.Timestamp(t).timestamp()) for t in frame.attrs["mgframe"]["asked"])
    window = parse_window(model.now, start=start, end=end, resolution=resolution)
    oracle = expected(model, window, by)
    assert len(oracle)
    pd.testing.assert_frame_equal(frame, oracle[frame.columns], check_index_type=False)


KEYS = ("entity", "domain", "ip", "ip_pool", "recipient_domain", "subaccount", "severity", "group")


@settings(max_examples=10)
@given(st.lists(st.sampled_from(KEYS), max_size=3, unique=True), st.sampled_from(["hour", "total"]))
def test_every_grouping_adds_up_to_the_account(by: list[str], resolution: str) -> None:
    ask: Any = {"last": "2h", "where": {"entity": "Gmail"}, "client": mg.demo()}
    whole = bounce_classification(by=None, resolution="total", **ask)
    frame = bounce_classification(by=by or None, resolution=resolution, **ask)
    assert frame[list(FAILURES)].sum().to_dict() == whole[list(FAILURES)].sum().to_dict()
    assert (frame[list(FAILURES)].sum(axis=1) == frame["classified_failures"]).all()
