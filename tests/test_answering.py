"""Answers to frames: the frame follows the answer, and says where it differs from the question."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable
from typing import Any

import pandas as pd
import pytest
from answers import (
    NOW,
    answer,
    bodies,
    broken,
    days,
    envelope,
    framed,
    item,
    question,
    stamp,
    unhurried,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from mgframe.answering import lifetime_frame, totals_frame
from mgframe.checking import check_frame
from mgframe.client import Client
from mgframe.errors import MgframeWarning, ResponseError
from mgframe.framing import complete_until, is_simulated, meta_of
from mgframe.timespan import Window
from mgframe.vocabulary import COUNTS, EVENTS

WEEK = days(7)
WINDOW = Window(WEEK[0], WEEK[-1], "day")
ITEMS = [item(t, ["stored"], seed=i) for i, t in enumerate(WEEK)]


def stored(**more: Any) -> Any:
    return question(WINDOW, events=["stored"], **more)


def quietly(asked: Any, *answered: Any) -> tuple[pd.DataFrame, list[str]]:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        frame = totals_frame(asked, list(answered), {})
    return check_frame(frame), [str(w.message) for w in said]


def utc(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


# ---------------------------------------------------------------- a right answer


def test_an_answer_as_asked_is_a_frame_without_a_word() -> None:
    frame, said = quietly(stored(), answer(envelope(ITEMS)))
    assert said == []
    assert list(frame.index) == [(t, "a.com") for t in WEEK]
    assert frame["stored"].tolist() == [i["stored"]["total"] for i in ITEMS]
    assert meta_of(frame) == {
        "endpoint": "GET /v3/x",
        "region": "other",
        "fetched_at": "2026-11-16T09:30:00Z",
        "simulated": False,
        "request": {"event": []},
        "resolution": "day",
        "asked": ["2026-11-09T00:00:00Z", "2026-11-15T00:00:00Z"],
        "answered": ["2026-11-09T00:00:00Z", "2026-11-15T00:00:00Z"],
        "complete_until": "2026-11-16T00:00:00Z",
    }


def test_all_events_give_every_stats_count_and_the_derived_ones() -> None:
    frame = framed(envelope([item(t, seed=i) for i, t in enumerate(WEEK)]))
    reported = {name for name, count in COUNTS.items() if count.path}
    follow = {n for n, c in COUNTS.items() if c.terms and {part for _, part in c.terms} <= reported}
    assert set(frame.columns) == reported | follow
    assert frame.notna().all(axis=None)
    parts = frame[["delivered", "permanent_failed", "webhook", "delayed_bounce"]]
    assert frame["processed"].equals(
        parts["delivered"] + parts["permanent_failed"] - parts["webhook"] - parts["delayed_bounce"]
    )


def test_the_edition_of_2016_counts_what_it_lacks_as_zero_in_formulas_only() -> None:
    frame = framed(envelope([item(t, seed=i, edition=2016) for i, t in enumerate(WEEK)]))
    assert frame["webhook"].isna().all()
    assert frame["processed"].equals(frame["delivered"] + frame["permanent_failed"])
    assert frame["failed"].isna().all()


def test_unsorted_buckets_are_sorted_and_not_misread() -> None:
    order = [3, 0, 6, 1, 5, 2, 4]
    body = {**envelope([ITEMS[i] for i in order]), "start": None, "end": None}
    frame, said = quietly(stored(), answer(body))
    assert said == []
    assert frame["stored"].tolist() == [i["stored"]["total"] for i in ITEMS]
    assert meta_of(frame)["answered"] == ["2026-11-09T00:00:00Z", "2026-11-15T00:00:00Z"]


@pytest.mark.parametrize("suffix", ["GMT", "+0000", "-0000"])
def test_any_suffix_of_utc_is_understood(suffix: str) -> None:
    text = json.dumps(envelope(ITEMS)).replace("UTC", suffix)
    frame, said = quietly(stored(), answer(json.loads(text)))
    assert said == []
    assert list(frame.index.get_level_values("time")) == list(WEEK)


def test_what_the_envelope_says_of_itself_goes_to_attrs() -> None:
    body = envelope(ITEMS, description="News", tag="news", type={"type": "tag", "key": "news"})
    meta = meta_of(framed(body, asked=stored()))
    assert meta["description"] == "News"
    assert meta["tag"] == "news"
    assert meta["type"] == {"type": "tag", "key": "news"}


def test_the_request_and_a_subaccount_are_noted_and_no_key() -> None:
    client = Client(
        "key-secret", base_url="http://127.0.0.1:9", subaccount="abc", clock=lambda: NOW
    )
    asked = question(WINDOW, events=["stored"])
    params = (("event", "stored"), ("event", "failed"), ("duration", "7d"))
    asked = type(asked)(**{**asked.__dict__, "client": client, "params": params})
    frame = totals_frame(asked, [answer(envelope(ITEMS))], {"b.com": "404: domain not found"})
    meta = meta_of(frame)
    assert meta["request"] == {"event": ["stored", "failed"], "duration": "7d"}
    assert meta["subaccount"] == "abc"
    assert meta["failed"] == {"b.com": "404: domain not found"}
    assert "key-secret" not in json.dumps(frame.attrs)


def test_a_simulated_answer_is_marked() -> None:
    sent = answer(envelope(ITEMS), **{"X-Mgframe-Simulated": "1"})
    assert is_simulated(totals_frame(stored(), [sent], {}))


def test_the_rows_are_named_by_what_the_call_was_about() -> None:
    sent = answer(envelope(ITEMS), label="account")
    frame = totals_frame(stored(level="account"), [sent], {})
    assert set(frame.index.get_level_values("account")) == {"account"}


# ---------------------------------------------------------------- differences


def test_another_window_is_warned_of_once_noted_and_followed() -> None:
    body = envelope(ITEMS[2:])
    frame, said = quietly(stored(), answer(body))
    assert said == [
        "asked days 2026-11-09T00:00:00Z to 2026-11-15T00:00:00Z, answered days "
        "2026-11-11T00:00:00Z to 2026-11-15T00:00:00Z; the frame follows the answer"
    ]
    assert len(frame) == 5
    assert meta_of(frame)["asked"][0] == "2026-11-09T00:00:00Z"
    assert meta_of(frame)["answered"][0] == "2026-11-11T00:00:00Z"


def test_another_resolution_is_warned_of_and_followed() -> None:
    hours = pd.date_range("2026-11-16 05:00", periods=3, freq="h", tz="UTC")
    body = envelope([item(t, ["stored"]) for t in hours], resolution="hour")
    frame, said = quietly(stored(), answer(body))
    assert len(said) == 1
    assert "answered hours" in said[0]
    assert meta_of(frame)["resolution"] == "hour"


def test_a_gap_is_unknown_with_a_warning() -> None:
    frame, said = quietly(stored(), answer(envelope(ITEMS[:2] + ITEMS[4:])))
    assert said == ["2 buckets are missing in the answer; they are NA, which is unknown, not zero"]
    assert frame["stored"].isna().tolist() == [False] * 2 + [True] * 2 + [False] * 3


@pytest.mark.parametrize("edges", [{}, {"start": "soon", "end": None}, {"start": 5, "end": []}])
def test_without_edges_the_answer_is_measured_by_what_was_asked(edges: dict[str, Any]) -> None:
    body = {"stats": ITEMS[1:], **edges}
    frame, said = quietly(stored(), answer(body))
    assert len(frame) == 7
    assert said == ["1 buckets are missing in the answer; they are NA, which is unknown, not zero"]


def test_a_zero_time_of_the_server_is_no_window_of_two_thousand_years() -> None:
    body = {**envelope(ITEMS), "start": "Mon, 01 Jan 0001 00:00:00 UTC"}
    assert len(framed(body, asked=stored())) == 7


def test_an_unfloored_window_is_floored() -> None:
    body = {**envelope(ITEMS), "start": "Mon, 09 Nov 2026 07:11:12 UTC"}
    frame, said = quietly(stored(), answer(body))
    assert said == []
    assert len(frame) == 7


def test_filling_stops_at_the_answers_date() -> None:
    body = {**envelope(ITEMS[:3]), "end": ITEMS[-1]["time"]}
    frame, _ = quietly(stored(), answer(body, date="2026-11-13 05:00"))
    assert frame.index.get_level_values("time")[-1] == utc("2026-11-13")
    assert frame["stored"].isna().tolist() == [False] * 3 + [True] * 2


def test_a_bucket_after_the_date_is_kept_as_it_came() -> None:
    frame, _ = quietly(stored(), answer(envelope(ITEMS), date="2026-11-13 05:00"))
    assert len(frame) == 7
    assert frame["stored"].notna().all()


@pytest.mark.parametrize(
    ("date", "until"),
    [
        ("2026-11-16 09:30", "2026-11-16"),
        ("2026-11-15 23:59", "2026-11-15"),
        ("2026-12-24 00:00", "2026-11-16"),
    ],
)
def test_buckets_are_complete_until_the_open_one(date: str, until: str) -> None:
    frame = framed(envelope(ITEMS), asked=stored(), date=date)
    assert complete_until(frame) == utc(until)


@pytest.mark.parametrize(
    ("resolution", "last", "until"),
    [("hour", "2026-11-16 09:00", "2026-11-16 09:00"), ("month", "2026-10-01", "2026-11-01")],
)
def test_hours_and_months_are_complete_until_their_end(
    resolution: str, last: str, until: str
) -> None:
    body = envelope([item(utc(last), ["stored"])], resolution=resolution)
    assert complete_until(framed(body, events=["stored"])) == utc(until)


def test_zeros_beyond_the_retention_are_judged_at_the_answers_date() -> None:
    old = [
        item(t, ["stored"], seed=1)
        for t in pd.date_range("2026-09-01", periods=3, freq="h", tz="UTC")
    ]
    old[1]["stored"]["total"] = 0
    window = Window(utc("2026-09-01"), utc("2026-09-01 02:00"), "hour")
    asked = question(window, events=["stored"])
    recent, said = quietly(asked, answer(envelope(old, resolution="hour"), date="2026-10-01"))
    assert said == []
    assert recent["stored"].notna().all()
    late, said = quietly(asked, answer(envelope(old, resolution="hour"), date="2026-11-16"))
    assert len(said) == 1
    assert late["stored"].isna().tolist() == [False, True, False]


def test_an_event_that_was_not_reported_is_unknown_with_a_warning() -> None:
    asked = question(WINDOW, events=["stored", "opened"])
    frame, said = quietly(asked, answer(envelope(ITEMS)))
    assert said == ["GET /v3/x was asked for opened but did not report it; NA"]
    assert frame["opened"].isna().all()


def test_parts_that_contradict_each_other_are_unknown_with_a_warning() -> None:
    found = item(WEEK[0], ["failed"])
    found["failed"]["permanent"]["suppress-bounce"] = 10_000
    frame, said = quietly(
        question(Window(WEEK[0], WEEK[0], "day"), events=["failed"]), answer(envelope([found]))
    )
    assert said == [
        "1 rows report parts that make 'bounced' negative (permanent_failed - suppressed_bounces - "
        "suppressed_unsubscribed - suppressed_complaints); it is NA there"
    ]
    assert frame["bounced"].isna().all()


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("resolution", "moment"),
    [("hour", "2026-11-15 09:30"), ("day", "2026-11-15 09:00"), ("month", "2026-11-15")],
)
def test_a_bucket_that_begins_nowhere_is_refused(resolution: str, moment: str) -> None:
    body = envelope([item(utc(moment), ["stored"])], resolution=resolution)
    with pytest.raises(
        ResponseError, match=f"^the answer's bucket .* does not begin a {resolution}$"
    ):
        framed(body, asked=stored())


def test_a_bucket_that_comes_twice_is_refused() -> None:
    with pytest.raises(
        ResponseError,
        match=r"^the answer holds the row 2026-11-09 00:00:00\+00:00, a\.com twice$",
    ):
        framed(envelope([*ITEMS, ITEMS[0]]), asked=stored())


def test_two_rows_without_a_key_in_one_bucket_are_refused() -> None:
    body = envelope([ITEMS[0], ITEMS[0]])
    with pytest.raises(ResponseError, match=r"\(none\) twice; nothing tells these rows apart$"):
        framed(body, asked=stored(by="domain"))


def test_rows_without_a_key_on_two_pages_are_not_taken_for_one() -> None:
    pages = [answer(envelope(ITEMS[:1])), answer(envelope(ITEMS[:1]))]
    with pytest.raises(ResponseError, match="nothing tells"):
        totals_frame(stored(by="domain"), pages, {})


def test_a_key_on_two_pages_is_read_once() -> None:
    one = Window(WEEK[0], WEEK[0], "day")
    pages = [
        answer(envelope([{**ITEMS[0], "domain": name} for name in names]))
        for names in (["a.com", "b.com"], ["b.com", "c.com"])
    ]
    frame, said = quietly(question(one, events=["stored"], by="domain"), *pages)
    assert said == []
    assert list(frame.index.get_level_values("domain")) == ["a.com", "b.com", "c.com"]


@pytest.mark.parametrize("body", [[], [envelope(ITEMS)], {}, None, {"stats": "x"}])
def test_an_answer_of_another_form_is_an_error_not_an_empty_frame(body: Any) -> None:
    with pytest.raises(ResponseError):
        totals_frame(stored(), [answer(body)], {})


# ---------------------------------------------------------------- no rows


@pytest.mark.parametrize("by", [None, "domain"])
def test_no_rows_are_an_empty_frame_with_the_right_columns(by: str | None) -> None:
    for sent in ([answer({"stats": []})], [answer({"stats": None})], []):
        frame, said = quietly(question(WINDOW, by=by), *sent)
        assert said == []
        assert len(frame) == 0
        assert list(frame.columns) == list(framed(envelope([item(WEEK[0])])).columns)
        assert meta_of(frame)["resolution"] == "day"


def test_a_domain_that_answers_no_buckets_is_named() -> None:
    sent = [answer(envelope(ITEMS)), answer({"stats": []}, label="b.com")]
    frame, said = quietly(stored(), *sent)
    assert said == ["GET /v3/x answered no buckets for b.com; no rows for them"]
    assert set(frame.index.get_level_values("domain")) == {"a.com"}


# ---------------------------------------------------------------- groups


def shapes(parts: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    rows = [(key, i) for key, part in parts.items() for i in part]
    return {
        "member": envelope([{**i, "provider": key} for key, i in rows]),
        "map": {**envelope(ITEMS), "stats": parts},
        "envelopes": [envelope(p, type={"type": "provider", "key": k}) for k, p in parts.items()],
    }


@pytest.mark.parametrize("shape", ["member", "map", "envelopes"])
def test_three_shapes_of_a_grouped_answer_are_one_frame(shape: str) -> None:
    parts = {"gmail.com": ITEMS, "gmx.de": [item(t, ["stored"], seed=20) for t in WEEK]}
    asked = stored(level="provider", by="provider")
    frame, said = quietly(asked, answer(shapes(parts)[shape]))
    assert said == []
    assert meta_of(frame)["shape"] == shape
    for key, part in parts.items():
        assert frame.xs(key, level="provider")["stored"].tolist() == [
            i["stored"]["total"] for i in part
        ]


def test_a_key_in_place_of_the_time_makes_a_total_of_the_window() -> None:
    parts = ["gmail.com", "gmx.de"]
    body = envelope([{**ITEMS[1], "time": key} for key in parts])
    body |= {"start": ITEMS[0]["time"], "end": ITEMS[-1]["time"]}
    frame, said = quietly(stored(level="provider", by="provider"), answer(body))
    assert said == []
    assert list(frame.index) == [(WEEK[0], key) for key in parts]
    assert meta_of(frame)["shape"] == "time"
    assert meta_of(frame)["resolution"] == "total"


def test_rows_without_any_key_are_none_with_a_warning() -> None:
    frame, said = quietly(stored(by="domain"), answer(envelope(ITEMS)))
    assert said == [
        "GET /v3/x names no domain for its rows; they are under '(none)'. mg.domain_totals() "
        "needs no such name"
    ]
    assert set(frame.index.get_level_values("domain")) == {"(none)"}
    assert meta_of(frame)["shape"] == "none"


def test_some_rows_without_a_key_are_none_with_a_warning() -> None:
    items = [{**i, "domain": "a.com"} for i in ITEMS] + ITEMS
    frame, said = quietly(stored(by="domain"), answer(envelope(items)))
    assert said == ["GET /v3/x left some rows without a domain; they are under '(none)'"]
    assert len(frame) == 14


def test_a_key_with_gaps_is_filled_like_the_others() -> None:
    items = [{**i, "domain": "a.com"} for i in ITEMS] + [{**ITEMS[3], "domain": "b.com"}]
    frame, said = quietly(stored(by="domain"), answer(envelope(items)))
    assert said == ["6 buckets are missing in the answer; they are NA, which is unknown, not zero"]
    assert len(frame) == 14


def test_a_total_is_one_bucket_at_the_start_of_the_window() -> None:
    body = {**envelope(ITEMS[2:3]), "start": ITEMS[0]["time"], "end": ITEMS[-1]["time"]}
    frame, said = quietly(stored(one_bucket=True), answer(body))
    assert said == []
    assert list(frame.index) == [(WEEK[0], "a.com")]
    assert meta_of(frame)["resolution"] == "total"
    assert complete_until(frame) == utc("2026-11-16")


@pytest.mark.parametrize(("first", "known"), [("2025-11-16", True), ("2025-11-15", False)])
def test_a_total_over_forgotten_buckets_is_unknown_with_a_warning(first: str, known: bool) -> None:
    body = {**envelope(ITEMS[:1]), "start": stamp(first), "end": ITEMS[-1]["time"]}
    frame, said = quietly(stored(one_bucket=True), answer(body))
    assert frame["stored"].notna().tolist() == [known]
    assert ["beyond what Mailgun keeps" in text for text in said] == [True] * (not known)


def test_a_total_is_not_blamed_for_the_width_that_the_server_names() -> None:
    body = {**envelope(ITEMS[:1], resolution="hour"), "end": ITEMS[-1]["time"]}
    _, said = quietly(stored(one_bucket=True), answer(body))
    assert said == []


# ---------------------------------------------------------------- lifetime counters


def counters(*answered: Any, level: str = "country") -> pd.DataFrame:
    client = Client("key-0123", base_url="http://127.0.0.1:9", clock=lambda: NOW)
    return check_frame(lifetime_frame(client, "GET /v3/y", level, list(answered), {}))


def test_lifetime_counters_have_as_of_domain_and_key() -> None:
    frame = counters(
        answer({"countries": {"US": {"opened": 3}, "de": {"opened": 1, "clicked": 1}}}),
        answer({"country": {"": {"opened": 5}}}, label="b.com", date="2026-11-16 09:31"),
    )
    assert frame.index.names == ["as_of", "domain", "country"]
    assert list(frame.index) == [
        (utc("2026-11-16 09:30"), "a.com", "de"),
        (utc("2026-11-16 09:30"), "a.com", "us"),
        (utc("2026-11-16 09:30"), "b.com", "(none)"),
    ]
    assert frame["opened"].tolist() == [1, 3, 5]
    assert frame["clicked"].tolist() == [1, 0, 0]
    assert meta_of(frame)["fetched_at"] == "2026-11-16T09:30:00Z"


def test_no_lifetime_counters_are_an_empty_frame() -> None:
    frame = counters(answer({"devices": {}}), level="device")
    assert frame.index.names == ["as_of", "domain", "device"]
    assert len(frame) == 0


# ---------------------------------------------------------------- anything else


def frame_or_refusal(asked: Any, bodies: Iterable[Any]) -> pd.DataFrame | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MgframeWarning)
        try:
            frame = totals_frame(
                asked, [answer(b, label=f"{i}.com") for i, b in enumerate(bodies)], {}
            )
        except ResponseError:
            return None
    assert len(json.dumps(frame.attrs, allow_nan=False)) < 2048
    return check_frame(frame)


groups = st.sampled_from([None, "domain", "country", "provider", "tag"])


@st.composite
def asked_and_answered(draw: st.DrawFn) -> tuple[Any, Any]:
    by = draw(groups)
    events, body = draw(bodies(by))
    width = draw(st.sampled_from(["hour", "day"]))
    window = Window(utc("2026-11-09"), utc("2026-11-16"), width)
    return question(window, level=by or "domain", events=events, by=by), body


@unhurried
@given(asked_and_answered())
def test_any_mix_of_events_gaps_editions_and_shapes_is_a_frame(pair: tuple[Any, Any]) -> None:
    asked, body = pair
    before = json.dumps(body)
    frame = frame_or_refusal(asked, [body])
    assert json.dumps(body) == before
    if frame is None:  # only a second row without a key may be refused
        keys = [i for i in body["stats"] if isinstance(i, dict)]
        assert len({i["time"] for i in keys}) < len(keys)
        return
    assert len(frame) >= 1
    assert frame.index.names == ["time", asked.level]


@pytest.mark.slow
@given(st.data(), st.booleans())
@settings(unhurried, max_examples=200)
def test_a_broken_answer_is_a_frame_or_a_response_error(data: st.DataObject, total: bool) -> None:
    by = data.draw(groups)
    events, body = data.draw(bodies(by))
    window = Window(utc("2026-11-09"), utc("2026-11-16"), "day")
    asked = question(window, level=by or "domain", events=events, by=by, one_bucket=total)
    frame_or_refusal(
        asked, [data.draw(broken(st.just(body))) for _ in range(data.draw(st.integers(1, 2)))]
    )


@unhurried
@given(st.data(), st.sampled_from(["provider", "device", "country"]))
def test_broken_counters_are_a_frame_or_a_response_error(data: st.DataObject, level: str) -> None:
    rows = {k: {"opened": 3, "clicked": 1, "accepted": 5} for k in ("us", "de", "unknown")}
    plural = {"country": "countries"}.get(level, f"{level}s")
    sent = [
        answer(data.draw(broken(st.just({plural: rows}))), label=name)
        for name in ("a.com", "b.com")
    ]
    try:
        counters(*sent, level=level)
    except ResponseError:
        return


def test_every_event_alone_is_a_frame() -> None:
    for event in EVENTS:
        frame = framed(envelope([item(t, [event], seed=1) for t in WEEK]), events=[event])
        assert set(frame.columns) >= {c.name for c in COUNTS.values() if c.path[:1] == (event,)}
