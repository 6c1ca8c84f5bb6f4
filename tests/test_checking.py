"""check_frame says in words what is wrong, all of it, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from mgframe.checking import check_frame
from mgframe.errors import FrameError
from mgframe.framing import build, empty_frame, make_index


def good() -> pd.DataFrame:
    times = pd.DatetimeIndex(["2026-11-01", "2026-11-02"] * 2, tz="UTC").as_unit("us")
    index = make_index(times, {"domain": ["a.com", "a.com", "b.com", "b.com"]})
    return build(index, {"delivered": pd.array([1, 2, None, 4], dtype="Int64")})


def renamed(names: list[Any]) -> pd.DataFrame:
    frame = good()
    return frame.set_axis(frame.index.set_names(names))


def with_level(position: int, values: Any, name: str | None = None) -> pd.DataFrame:
    frame = good()
    arrays = [frame.index.get_level_values(i) for i in range(2)]
    arrays[position] = pd.Index(values, name=name or arrays[position].name)
    return frame.set_axis(pd.MultiIndex.from_arrays(arrays))


def test_a_right_frame_comes_back_as_it_is() -> None:
    frame = good()
    before = frame.copy()
    assert check_frame(frame) is frame
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(
    "reshaped",
    [
        lambda f: f.droplevel("time").iloc[[0, 1]],
        lambda f: f.droplevel("domain").iloc[[0, 2]],
        lambda f: f.iloc[:0],
        lambda f: f[[]],
        lambda f: f.assign(own=f["delivered"]),
        lambda f: f.set_axis(
            f.index.set_levels(f.index.levels[0].tz_convert("Europe/Berlin"), level=0)
        ),
        lambda f: empty_frame(["as_of", "domain"], ["opened"]),
        lambda f: with_level(0, [0, 0, 1, 1], name="age"),
        lambda f: with_level(0, [0, 0, 7, 7], name="as_of_age"),
    ],
)
def test_reshaped_frames_are_frames(reshaped: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    check_frame(reshaped(good()))


FAULTS = {
    "the index has a level without a name; the levels are time (or as_of) and keys such as": (
        lambda: good().reset_index(drop=True)
    ),
    "level 'domian' is no key; did you mean 'domain'?": lambda: renamed(["time", "domian"]),
    "level 'domain' has dtype category, keys are plain strings": (
        lambda: with_level(1, pd.Categorical(["a.com", "a.com", "b.com", "b.com"]))
    ),
    "level 'domain' has dtype int64, keys are plain strings": lambda: with_level(1, [1, 1, 2, 2]),
    "level 'domain' has missing values; a missing key is '(none)'": (
        lambda: with_level(1, ["a.com", "a.com", None, None])
    ),
    "level 'time' must come first": lambda: good().swaplevel().sort_index(),
    "it must be datetimes in UTC": (
        lambda: with_level(0, pd.DatetimeIndex(["2026-11-01", "2026-11-02"] * 2))
    ),
    "level 'time' has dtype int64": lambda: with_level(0, [1, 2, 1, 2]),
    "level 'age' must be whole days since the send, 0 or more": (
        lambda: with_level(0, [-1, 2, -1, 2], name="age")
    ),
    "level 'as_of_age' must be whole days since the send": (
        lambda: with_level(0, [0.5, 2, 0.5, 2], name="as_of_age")
    ),
    "level 'age' must come first": lambda: with_level(1, [1, 1, 2, 2], name="age"),
    "the rows are not sorted; use df.sort_index()": lambda: good().iloc[::-1],
    "rows occur twice, such as 2026-11-01 00:00:00+00:00, a.com; drop the repetition: "
    "df[~df.index.duplicated()]": (lambda: good().iloc[[0, 0]]),
    "column 'delivered' has dtype float64, counts are Int64": lambda: good().astype("float64"),
    "column 'delivered' has dtype Int32, counts are Int64": lambda: good().astype("Int32"),
    "column 'rate' has dtype boolean, counts are Int64": (
        lambda: good().assign(rate=pd.array([True] * 4, dtype="boolean"))
    ),
    "column 'delivered' has negative counts": lambda: good() - 2,
    "a column occurs twice": lambda: pd.concat([good(), good()], axis=1),
    "the columns have several levels, they must be flat": (
        lambda: pd.concat({"x": good()}, axis=1)
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_said_in_words(fault: str) -> None:
    with pytest.raises(FrameError) as raised:
        check_frame(FAULTS[fault]())
    lines = str(raised.value).splitlines()
    assert lines[0] == "this is no mgframe frame:"
    assert any(fault in line for line in lines[1:-1])
    assert lines[-1] == "mg.as_frame(df, ...) makes a frame of a table."


def test_all_faults_are_said_at_once() -> None:
    with pytest.raises(FrameError) as raised:
        check_frame(good().iloc[[2, 0, 0]].astype("float64"))
    assert len(str(raised.value).splitlines()) == 5


def test_a_count_beyond_the_precision_of_floats_is_not_negative() -> None:
    frame = good()
    frame["delivered"] = pd.array([2**62, 2**53 + 1, 0, None], dtype="Int64")
    check_frame(frame)


@pytest.mark.parametrize("row", [0, 10_500, 25_000])
def test_a_negative_count_is_found_wherever_it_stands_in_a_long_frame(row: int) -> None:
    times = pd.date_range("2022-01-01", periods=25_001, freq="h", tz="UTC").as_unit("us")
    counts = {"delivered": [0] * 25_001, "opened": [5] * 25_001}
    counts["opened"][row] = -1
    index = make_index(times, {"domain": ["a.com"] * 25_001})
    frame = build(index, {name: pd.array(c, dtype="Int64") for name, c in counts.items()})
    with pytest.raises(FrameError, match=r"^[^']*'opened' has negative counts[^']*$"):
        check_frame(frame)
