"""Frames: dense, derived, ordered, forgetful where Mailgun is, and honest about their origin."""

from __future__ import annotations

import json
import warnings
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from answers import unhurried
from hypothesis import given, settings
from hypothesis import strategies as st

from mgframe.checking import check_frame
from mgframe.errors import FrameError, MgframeWarning
from mgframe.framing import (
    build,
    complete_until,
    derived,
    empty_frame,
    is_simulated,
    key_levels,
    make_index,
    meta_of,
    require_columns,
    require_levels,
    resolution_of,
    time_level,
    times_of,
    with_meta,
)
from mgframe.timespan import localise
from mgframe.vocabulary import COUNTS

KEY = "str" if pd.__version__ >= "3" else "object"
OFFSETS = {"hour": "h", "day": "D", "month": "MS"}


def stamps(*texts: str) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(pd.to_datetime(list(texts), utc=True)).as_unit("us")


def counts(**columns: list[int | None]) -> dict[str, Any]:
    return {name: pd.array(values, dtype="Int64") for name, values in columns.items()}


def listed(column: Any) -> list[int | None]:
    return [None if value is pd.NA else int(value) for value in column]


# ---------------------------------------------------------------- the index and the columns


def test_rows_are_sorted_by_time_and_key_whatever_order_they_come_in() -> None:
    times = stamps("2026-11-02", "2026-11-01", "2026-11-02", "2026-11-01")
    frame = build(
        make_index(times, {"domain": ["b", "b", "a", "a"]}), counts(delivered=[4, 2, 3, 1])
    )
    assert listed(frame["delivered"]) == [1, 2, 3, 4]
    assert frame.index.names == ["time", "domain"]
    assert frame.index.dtypes.astype(str).to_dict() == {
        "time": "datetime64[us, UTC]",
        "domain": KEY,
    }
    assert type(frame) is pd.DataFrame
    check_frame(frame)


@unhurried
@given(st.permutations(list(COUNTS)))
def test_columns_come_in_one_order_whatever_order_they_are_given_in(names: list[str]) -> None:
    given = {"own": [1], **{name: [1] for name in names}}
    frame = build(make_index(stamps("2026-11-01"), {"domain": ["a"]}), counts(**given))
    assert list(frame.columns) == [*COUNTS, "own"]
    assert list(frame.columns[:8]) == [
        "processed",
        "sent",
        "delivered",
        "bounced",
        "complained",
        "unique_opened",
        "unique_clicked",
        "unsubscribed",
    ]
    assert set(frame.dtypes.astype(str)) == {"Int64"}


def test_a_row_that_occurs_twice_is_refused_by_name() -> None:
    index = make_index(stamps("2026-11-01", "2026-11-01"), {"domain": ["a.com", "a.com"]})
    with pytest.raises(
        FrameError,
        match=r"^the row 2026-11-01 00:00:00\+00:00, a\.com occurs twice; sum or drop one first$",
    ):
        build(index, counts(delivered=[1, 2]))


def test_what_is_given_is_not_changed() -> None:
    columns = counts(delivered=[5, 0], permanent_failed=[1, 9])
    before = {name: listed(values) for name, values in columns.items()}
    index = make_index(stamps("2020-01-02", "2020-01-01"), {"domain": ["a", "a"]})
    meta = {"resolution": "hour", "note": "x" * 5000}
    with pytest.warns(MgframeWarning):
        build(index, columns, answered_at=pd.Timestamp("2026-11-16", tz="UTC"), meta=meta)
    assert {name: listed(values) for name, values in columns.items()} == before
    assert len(meta["note"]) == 5000


# ---------------------------------------------------------------- dense


@unhurried
@given(
    st.integers(1, 6),
    st.integers(1, 3),
    st.sets(st.tuples(st.integers(0, 8), st.integers(0, 2)), min_size=1),
    st.sampled_from(list(OFFSETS)),
)
def test_every_key_that_occurs_has_every_bucket_of_the_grid(
    length: int, domains: int, cells: set[tuple[int, int]], resolution: str
) -> None:
    wide = pd.date_range("2026-08-01", periods=9, freq=OFFSETS[resolution], tz="UTC").as_unit("us")
    grid = wide[2 : 2 + length]
    rows = sorted(cells, key=lambda c: (c[1] % domains, -c[0]))
    index = make_index(wide[[t for t, _ in rows]], {"domain": [f"d{k}" for _, k in rows]})
    columns = counts(delivered=[10 * t + k for t, k in rows])
    expected = {(wide[t], f"d{k}"): 10 * t + k for t, k in rows}
    missing = {
        (t, f"d{k}") for t in grid for k in {k for _, k in rows} if (t, f"d{k}") not in expected
    }
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        frame = build(index, columns, grid=grid)
    got = dict(zip(frame.index, listed(frame["delivered"]), strict=True))
    assert got == {**expected, **dict.fromkeys(missing)}
    check_frame(frame)
    text = "buckets are missing in the answer; they are NA, which is unknown, not zero"
    assert [str(w.message) for w in said] == ([f"{len(missing)} {text}"] if missing else [])


def test_a_bucket_outside_the_grid_does_not_hide_a_gap_inside() -> None:
    grid = stamps("2026-11-01", "2026-11-02", "2026-11-03")
    index = make_index(stamps("2026-11-01", "2026-11-03", "2026-11-04"), {"domain": ["a"] * 3})
    with pytest.warns(MgframeWarning, match="^1 buckets are missing"):
        frame = build(index, counts(delivered=[1, 3, 4]), grid=grid)
    assert listed(frame["delivered"]) == [1, None, 3, 4]


def test_an_empty_grid_fills_nothing() -> None:
    index = make_index(stamps("2026-11-01"), {"domain": ["a"]})
    assert len(build(index, counts(delivered=[1]), grid=stamps())) == 1


# ---------------------------------------------------------------- retention


@pytest.mark.parametrize(
    ("resolution", "kept"), [("hour", 60), ("day", 365), ("month", None), ("total", None)]
)
def test_zeros_beyond_the_retention_are_unknown_and_counts_that_came_are_kept(
    resolution: str, kept: int | None
) -> None:
    answered = pd.Timestamp("2026-11-16 09:30", tz="UTC")
    edge = answered.floor("h" if resolution == "hour" else "D") - pd.Timedelta(days=kept or 365)
    step = pd.Timedelta(hours=1) if resolution == "hour" else pd.Timedelta(days=1)
    times = pd.DatetimeIndex([edge - 2 * step, edge - step, edge, edge + step]).as_unit("us")
    index = make_index(times, {"domain": ["a"] * 4})
    columns = counts(delivered=[0, 7, 0, 0], stored=[None, 0, None, 5])
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        frame = build(index, columns, answered_at=answered, meta={"resolution": resolution})
    if kept is None:
        assert said == []
        assert listed(frame["delivered"]) == [0, 7, 0, 0]
        return
    assert listed(frame["delivered"]) == [None, 7, 0, 0]
    assert listed(frame["stored"]) == [None, None, None, 5]
    assert [str(w.message) for w in said] == [
        f"2 of 4 rows lie before {edge:%Y-%m-%d %H:%M} UTC, and Mailgun keeps {resolution}s for "
        f"{kept} days: their zeros are NA"
    ]


def test_zeros_within_the_retention_stay_without_a_word() -> None:
    index = make_index(stamps("2026-11-15"), {"domain": ["a"]})
    frame = build(
        index,
        counts(delivered=[0]),
        answered_at=pd.Timestamp("2026-11-16", tz="UTC"),
        meta={"resolution": "hour"},
    )
    assert listed(frame["delivered"]) == [0]


# ---------------------------------------------------------------- derived counts

PARTS = (
    "delivered",
    "permanent_failed",
    "temporary_failed",
    "suppressed_bounces",
    "suppressed_unsubscribed",
    "suppressed_complaints",
    "webhook",
    "delayed_bounce",
)


def by_formula(row: dict[str, int | None]) -> dict[str, int | None]:
    """Return the derived counts of one row, written out from Mailgun's definitions."""

    def total(plus: list[str], minus: list[str]) -> int | None:
        values = [row[n] for n in plus + minus]
        if any(v is None for v in values):
            return None
        result = sum(row[n] for n in plus) - sum(row[n] for n in minus)  # type: ignore[misc]
        return result if result >= 0 else None

    suppressed = ["suppressed_bounces", "suppressed_unsubscribed", "suppressed_complaints"]
    return {
        "failed": total(["temporary_failed", "permanent_failed"], []),
        "bounced": total(["permanent_failed"], suppressed),
        "sent": total(["delivered", "permanent_failed"], suppressed),
        "processed": total(["delivered", "permanent_failed"], ["webhook", "delayed_bounce"]),
    }


@unhurried
@given(
    st.lists(
        st.fixed_dictionaries({p: st.none() | st.integers(0, 30) for p in PARTS}),
        min_size=1,
        max_size=8,
    )
)
def test_derived_counts_follow_their_formulas(rows: list[dict[str, int | None]]) -> None:
    columns = counts(**{part: [row[part] for row in rows] for part in PARTS})
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = derived(columns)
    expected = [by_formula(row) for row in rows]
    assert {n: listed(v) for n, v in found.items()} == {
        n: [row[n] for row in expected] for n in ("processed", "sent", "bounced", "failed")
    }
    texts = " ".join(str(w.message) for w in said)
    for name in found:
        known = [by_formula({**row}) for row in rows]
        unknown = [any(row[p] is None for _, p in COUNTS[name].terms) for row in rows]
        impossible = sum(k[name] is None and not u for k, u in zip(known, unknown, strict=True))
        assert (f"{impossible} rows report parts that make {name!r} negative" in texts) == bool(
            impossible
        )


def test_an_edition_that_lacks_a_part_counts_it_as_zero() -> None:
    columns = counts(delivered=[90, 80], permanent_failed=[10, None], webhook=[None, None])
    columns |= counts(delayed_bounce=[None, None])
    found = derived(columns, absent={"webhook", "delayed_bounce"})
    assert listed(found["processed"]) == [100, None]
    assert listed(derived(columns)["processed"]) == [None, None]


@pytest.mark.parametrize("missing", PARTS)
def test_a_count_is_derived_only_where_every_part_was_reported(missing: str) -> None:
    columns = counts(**{part: [1] for part in PARTS if part != missing})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MgframeWarning)
        found = derived(columns)
    for name in ("processed", "sent", "bounced", "failed"):
        assert (name in found) == (missing not in {part for _, part in COUNTS[name].terms})


def test_a_count_that_was_given_is_not_derived_again() -> None:
    columns = counts(temporary_failed=[1], permanent_failed=[2], failed=[9])
    assert "failed" not in derived(columns)


# ---------------------------------------------------------------- attrs


def is_plain(value: Any) -> bool:
    return json.loads(json.dumps(value, allow_nan=False)) == value


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.text(max_size=5), json_like, max_size=5))
@settings(unhurried, max_examples=40)
def test_attrs_are_plain_json_below_two_kilobytes(meta: dict[str, Any]) -> None:
    frame = with_meta(pd.DataFrame(), meta)
    assert is_plain(frame.attrs)
    assert len(json.dumps(frame.attrs).encode()) < 2048


def nested(depth: int) -> Any:
    return json.loads("[" * depth + "]" * depth)


@pytest.mark.parametrize(
    "meta",
    [
        {"request": {"domains": [f"domain{i}.example.com" for i in range(300)]}},
        {"failed": {f"domain{i}.example.com": "404: domain not found" * 9 for i in range(300)}},
        {"description": "x" * 100_000},
        {"description": "\ud800\u2603" * 3000},
        {"description": nested(900)},
        {f"member{i}": "x" * 50 for i in range(500)},
        {"x" * 5000 + str(i): "x" * 5000 for i in range(100)},
        {"description": {str(i): {str(j): ["y" * 99] * 99 for j in range(99)} for i in range(99)}},
        {"description": [float("nan"), float("inf")]},
    ],
)
def test_hostile_attrs_are_cut_and_what_is_short_survives(meta: dict[str, Any]) -> None:
    frame = with_meta(pd.DataFrame(), {**meta, "region": "eu", "resolution": "day"})
    assert is_plain(frame.attrs)
    assert len(json.dumps(frame.attrs).encode()) < 2048
    if len(meta) < 50:
        assert meta_of(frame)["region"] == "eu"
        assert meta_of(frame)["resolution"] == "day"


def test_a_long_list_says_how_long_it_was() -> None:
    frame = with_meta(pd.DataFrame(), {"domains": list("abcdefghijklm")})
    assert meta_of(frame)["domains"] == [*"abcdefghi", "... 13 in all"]
    assert with_meta(pd.DataFrame(), meta_of(frame)).attrs == frame.attrs


def test_what_is_known_of_a_frame_is_given_as_a_copy() -> None:
    frame = with_meta(pd.DataFrame(), {"simulated": True})
    meta_of(frame)["simulated"] = False
    assert is_simulated(frame)
    assert not is_simulated(pd.DataFrame())


# ---------------------------------------------------------------- empty frames


@pytest.mark.parametrize("levels", [["time", "domain"], ["as_of", "domain", "provider"]])
def test_an_empty_frame_has_the_index_and_dtypes_of_a_full_one(levels: list[str]) -> None:
    names = ["delivered", "permanent_failed", "temporary_failed"]
    empty = empty_frame(levels, names, meta={"resolution": "day"})
    keys = {name: ["a"] for name in levels[1:]}
    index = make_index(stamps("2026-11-01"), keys, time=levels[0])
    full = build(index, counts(**{name: [1] for name in names}))
    assert len(empty) == 0
    assert empty.index.names == full.index.names == levels
    assert empty.index.dtypes.astype(str).to_dict() == full.index.dtypes.astype(str).to_dict()
    assert empty.dtypes.to_dict() == full.dtypes.to_dict()
    assert list(empty.columns) == ["delivered", "failed", "permanent_failed", "temporary_failed"]
    check_frame(empty)
    pd.testing.assert_frame_equal(pd.concat([empty, full]), full, check_index_type=False)


# ---------------------------------------------------------------- what a frame knows of itself


def spaced(width: str, buckets: int = 4, **meta: Any) -> pd.DataFrame:
    times = pd.date_range("2026-01-01", periods=buckets, freq=width, tz="UTC").as_unit("us")
    index = make_index(times, {"domain": ["a"] * buckets})
    return build(index, counts(delivered=[1] * buckets), meta=meta)


@pytest.mark.parametrize(
    ("width", "resolution"),
    [
        ("h", "hour"),
        ("12h", "hour"),
        ("D", "day"),
        ("W-MON", "week"),
        ("MS", "month"),
        ("QS", "quarter"),
        ("YS", "year"),
    ],
)
def test_the_resolution_is_told_from_the_gaps_where_attrs_were_lost(
    width: str, resolution: str
) -> None:
    assert resolution_of(spaced(width)) == resolution


def test_the_resolution_of_attrs_comes_first() -> None:
    assert resolution_of(spaced("D", resolution="hour")) == "hour"
    assert resolution_of(spaced("D", 1, resolution="month")) == "month"


@pytest.mark.parametrize("frame", [spaced("D", 1), spaced("D", resolution="total")])
def test_a_resolution_that_cannot_be_told_is_an_error(frame: pd.DataFrame) -> None:
    with pytest.raises(
        FrameError,
        match=r"width of the frame's buckets is not known; .*mg\.as_frame\(df, resolution='day'\)",
    ):
        resolution_of(frame)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Havana"])
def test_local_days_of_23_and_25_hours_are_days(zone: str) -> None:
    for start in ("2024-03-06", "2024-10-26"):
        days = localise(pd.date_range(start, periods=14, freq="D"), ZoneInfo(zone))
        index = make_index(days, {"domain": ["a"] * 14})
        assert resolution_of(build(index, counts(delivered=[1] * 14))) == "day"


def test_complete_until_is_the_argument_then_attrs_then_an_error() -> None:
    frame = spaced("D", complete_until="2026-11-16T09:00:00Z")
    assert complete_until(frame) == pd.Timestamp("2026-11-16 09:00", tz="UTC")
    assert complete_until(frame, "2026-11-10") == pd.Timestamp("2026-11-10", tz="UTC")
    lost = frame.copy()
    lost.attrs = {}
    assert complete_until(lost, "2026-11-10") == pd.Timestamp("2026-11-10", tz="UTC")
    with pytest.raises(
        FrameError,
        match=r"^it is not known until when this frame's buckets are complete \(attrs were lost\); "
        r"say it: until='2026-11-16 09:00'$",
    ):
        complete_until(lost)


def test_levels_are_told_apart() -> None:
    frame = spaced("D")
    assert (time_level(frame), key_levels(frame)) == ("time", ["domain"])
    assert times_of(frame)[0] == pd.Timestamp("2026-01-01", tz="UTC")
    lifetime = empty_frame(["as_of", "domain"], ["opened"])
    assert (time_level(lifetime), key_levels(lifetime)) == ("as_of", ["domain"])
    for name in ("age", "as_of_age"):
        aged = frame.set_axis(frame.index.set_names([name, "domain"]))
        assert (time_level(aged), key_levels(aged)) == (name, ["domain"])
    summed = frame.droplevel("time")
    assert (time_level(summed), key_levels(summed)) == (None, ["domain"])
    with pytest.raises(FrameError, match="it holds lifetime counters, which have as_of"):
        times_of(lifetime)
    with pytest.raises(FrameError, match=r"this needs the level 'time'.*levels are \['domain'\]"):
        times_of(summed)


def test_a_missing_column_or_level_is_named_with_the_nearest_one() -> None:
    frame = spaced("D")
    require_columns(frame, ["delivered"])
    require_levels(frame, ["time", "domain"])
    with pytest.raises(
        FrameError,
        match=r"^the frame has no column 'deliverd'; did you mean 'delivered'\?; its columns are "
        r"\['delivered'\]$",
    ):
        require_columns(frame, ["deliverd"])
    with pytest.raises(
        FrameError,
        match=r"^the frame has no level 'domian'; did you mean 'domain'\?; its levels are "
        r"\['time', 'domain'\]$",
    ):
        require_levels(frame, ["domian"])


@unhurried
@given(st.lists(st.tuples(st.integers(0, 5), st.text(max_size=3)), min_size=1, max_size=12))
def test_an_index_is_that_of_pandas(rows: list[tuple[int, str]]) -> None:
    times = pd.DatetimeIndex(
        pd.Timestamp("2026-11-01", tz="UTC") + pd.to_timedelta([r[0] for r in rows], unit="D")
    ).as_unit("us")
    keys = [r[1] for r in rows]
    expected = pd.MultiIndex.from_arrays([times, np.array(keys, dtype=object)])
    index = make_index(times, {"tag": keys})
    assert list(index) == list(expected)
    assert index.dtypes.astype(str).to_dict() == {"time": "datetime64[us, UTC]", "tag": KEY}


def test_what_is_no_frame_is_refused_by_name() -> None:
    with pytest.raises(FrameError, match=r"expected, got int; fetch one, such as mg\.metrics"):
        key_levels(3)  # type: ignore[arg-type]
    with pytest.raises(FrameError, match=r"got its column 'sent' alone; df\[\['sent'\]\] keeps it"):
        require_columns(pd.Series([1], name="sent"), ["sent"])  # type: ignore[arg-type]


def test_times_without_a_zone_are_refused_with_the_way_to_say_it() -> None:
    times = pd.DatetimeIndex(["2026-11-14", "2026-11-15"], name="time")
    frame = pd.DataFrame({"sent": pd.array([1, 2], dtype="Int64")}, index=times)
    with pytest.raises(FrameError, match=r"no zone.*df\.tz_localize\('UTC', level='time'\)"):
        times_of(frame)
    assert times_of(frame.tz_localize("UTC", level="time")).tz is not None
