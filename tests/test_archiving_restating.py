"""What changed after it was first read, how long counts move, and the lags that come of it."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from archives import archive_of, frame_of, moment, read_at

import mgframe as mg
from mgframe.archiving.learning import learn, learnt
from mgframe.archiving.states import State
from mgframe.errors import ArchiveError, QueryError

DAY = "2026-11-10"
THREE = (moment(f"{DAY} 00:00"), moment(f"{DAY} 03:00"))


def hours(values: dict[int, dict[str, int | None]], domain: str = "a.com") -> pd.DataFrame:
    return frame_of({f"{DAY} {hour:02d}:00": counts for hour, counts in values.items()}, domain)


@pytest.fixture
def archive(tmp_path: Path) -> mg.Archive:
    return archive_of(tmp_path / "history")


@pytest.fixture
def told(archive: mg.Archive) -> mg.Archive:
    """An hour that was read at 02:00, 12:00 and 18:00, and changed twice."""
    read_at(archive, hours({0: {"delivered": 10, "opened": 1}}), f"{DAY} 02:00")
    read_at(archive, hours({0: {"delivered": 12, "opened": 1}}), f"{DAY} 12:00")
    read_at(archive, hours({0: {"delivered": 12, "opened": 4}}), f"{DAY} 18:00")
    return archive


# ---------------------------------------------------------------- restatements


def test_a_change_has_both_values_when_it_was_read_and_the_age_of_its_bucket(
    told: mg.Archive,
) -> None:
    found = told.restatements("hours")
    assert found.to_dict("list") == {
        "time": [moment(DAY)] * 2,
        "domain": ["a.com"] * 2,
        "count": ["delivered", "opened"],
        "before": [10, 1],
        "after": [12, 4],
        "change": [2, 3],
        "read_at": [moment(f"{DAY} 12:00"), moment(f"{DAY} 18:00")],
        "age": [11.0, 17.0],
        "kind": ["sync", "sync"],
    }
    assert [str(found[name].dtype) for name in ("time", "read_at", "before", "age")] == [
        "datetime64[us, UTC]", "datetime64[us, UTC]", "Int64", "float64",
    ]  # fmt: skip


def test_a_commit_that_comes_while_versions_are_read_repeats_none(
    told: mg.Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = told.table("hours")
    before = [version for version, _ in table.history()]
    history = type(table.delta).history
    came: list[int] = []

    def overtaken(delta: Any, limit: int | None = None) -> Any:
        said = history(delta, limit)
        if not came:
            came.append(1)
            other = told.table("hours")
            other.note(replace(other.state, kind="sync"))
        return said

    monkeypatch.setattr(type(table.delta), "history", overtaken)
    assert [version for version, _ in table.history()] == before
    assert len(before) > 1


def test_what_was_read_once_has_not_changed(archive: mg.Archive) -> None:
    read_at(archive, hours({0: {"delivered": 10}, 1: {"delivered": 3}}), f"{DAY} 02:00")
    found = archive.restatements("hours")
    assert found.empty
    assert str(found["time"].dtype) == "datetime64[us, UTC]"
    assert str(found["change"].dtype) == "Int64"


def test_an_archive_without_any_answer_has_no_changes(archive: mg.Archive) -> None:
    assert archive.restatements("hours").empty
    assert archive.settling("hours").empty


def test_a_row_that_comes_late_was_zero_before(archive: mg.Archive) -> None:
    read_at(archive, hours({0: {"delivered": 10}}), f"{DAY} 03:00", span=THREE)
    read_at(archive, hours({1: {"delivered": 7}}, "b.com"), f"{DAY} 09:00", span=THREE)
    [row] = archive.restatements("hours").to_dict("records")
    assert (row["domain"], row["before"], row["after"], row["age"]) == ("b.com", 0, 7, 7.0)


def test_a_row_of_a_bucket_that_had_not_been_read_is_no_change(archive: mg.Archive) -> None:
    read_at(archive, hours({0: {"delivered": 10}}), f"{DAY} 01:00")
    read_at(archive, hours({1: {"delivered": 7}}, "b.com"), f"{DAY} 09:00", span=THREE)
    assert archive.restatements("hours").empty


def test_a_row_that_was_missing_in_a_doubtful_answer_was_unknown(archive: mg.Archive) -> None:
    read_at(archive, hours({0: {"delivered": 10}}), f"{DAY} 03:00", span=THREE, doubted=True)
    read_at(archive, hours({1: {"delivered": 7}}, "b.com"), f"{DAY} 09:00", span=THREE)
    assert archive.restatements("hours").empty


def test_a_count_that_was_unknown_did_not_change(archive: mg.Archive) -> None:
    read_at(archive, hours({0: {"delivered": 10, "opened": None}}), f"{DAY} 03:00", span=THREE)
    read_at(archive, hours({0: {"delivered": 10, "opened": 4}}), f"{DAY} 05:00", span=THREE)
    late = hours({1: {"delivered": 2, "opened": 1}}, "b.com")
    read_at(archive, late, f"{DAY} 09:00", span=THREE)
    assert archive.restatements("hours")["count"].tolist() == ["delivered", "opened"]


def test_a_count_that_nobody_had_asked_for_was_unknown(archive: mg.Archive) -> None:
    read_at(archive, hours({0: {"delivered": 10}}), f"{DAY} 03:00", span=THREE)
    read_at(archive, hours({0: {"delivered": 10, "opened": 4}}), f"{DAY} 05:00", span=THREE)
    late = hours({1: {"delivered": 2, "opened": 1}}, "b.com")
    read_at(archive, late, f"{DAY} 07:00", span=THREE)
    assert archive.restatements("hours")["count"].tolist() == ["delivered", "opened"]


def test_a_late_row_says_nothing_of_a_count_that_is_asked_for_with_it(archive: mg.Archive) -> None:
    read_at(archive, hours({0: {"delivered": 10}}), f"{DAY} 03:00", span=THREE)
    late = hours({1: {"delivered": 2, "opened": 1}}, "b.com")
    read_at(archive, late, f"{DAY} 07:00", span=THREE)
    assert archive.restatements("hours")["count"].tolist() == ["delivered"]
    assert archive.restatements("hours", since=f"{DAY} 06:00")["count"].tolist() == ["delivered"]


def test_since_a_moment_what_was_read_later(told: mg.Archive) -> None:
    assert told.restatements("hours", since=f"{DAY} 12:00")["count"].tolist() == ["opened"]
    assert told.restatements("hours", since=f"{DAY} 11:59")["change"].tolist() == [2, 3]
    assert told.restatements("hours", since="2026-12-01").empty


def test_since_a_moment_nothing_older_is_read(told: mg.Archive) -> None:
    folder = Path(told.place.root) / "hours" / "_change_data"
    oldest = min(folder.rglob("*.parquet"), key=lambda file: file.stat().st_mtime_ns)
    oldest.unlink()
    assert len(told.restatements("hours", since=f"{DAY} 12:00")) == 1
    with pytest.raises(ArchiveError, match="reading what changed failed"):
        told.restatements("hours")


def test_of_the_past_what_was_known_then(told: mg.Archive) -> None:
    told.when = moment(f"{DAY} 13:00")
    assert told.restatements("hours")["count"].tolist() == ["delivered"]
    told.when = moment(f"{DAY} 03:00")
    assert told.restatements("hours").empty


def test_joining_files_is_no_change(told: mg.Archive) -> None:
    read_at(told, hours({1: {"delivered": 5}}), f"{DAY} 20:00")
    before = told.restatements("hours")
    assert told.compact().loc[0, "files_after"] == 1
    pd.testing.assert_frame_equal(told.restatements("hours"), before)


def test_what_a_user_brought_is_marked(told: mg.Archive) -> None:
    read_at(told, hours({0: {"delivered": 20, "opened": 4}}), f"{DAY} 19:00", kind="import")
    found = told.restatements("hours")
    assert found[["after", "kind"]].to_numpy().tolist() == [
        [12, "sync"], [20, "import"], [4, "sync"],
    ]  # fmt: skip


@pytest.mark.parametrize(("resolution", "age"), [("day", 12.0), ("month", 12.0)])
def test_an_age_is_measured_from_the_end_of_the_bucket(
    tmp_path: Path, resolution: str, age: float
) -> None:
    archive = archive_of(tmp_path, "wide", resolution=resolution)
    start = {"day": "2026-11-10", "month": "2026-10-01"}[resolution]
    end = {"day": "2026-11-11", "month": "2026-11-01"}[resolution]
    for value, at in ((5, f"{end} 01:00"), (6, f"{end} 12:00")):
        read_at(archive, frame_of({start: {"opened": value}}), at, name="wide")
    assert archive.restatements("wide")["age"].tolist() == [age]


def test_an_unknown_track_and_a_wrong_moment_are_refused(archive: mg.Archive) -> None:
    for function in (archive.restatements, archive.settling):
        with pytest.raises(QueryError, match="is no track"):
            function("days")
        with pytest.raises(QueryError, match="since"):
            function("hours", since="soon")


# ---------------------------------------------------------------- an account that grows


class Account:
    """Hours of two domains, whose events come late; what was read of them, in plain Python."""

    def __init__(self, archive: mg.Archive, seed: int, width: int = 48) -> None:
        rng = np.random.default_rng(seed)
        self.archive = archive
        self.start = moment("2026-11-01")
        self.events = [
            (bucket, domain, count, bucket + 1 + delay)
            for bucket in range(width)
            for domain in ("a.com", "b.com")
            for count, mean, slow in (("delivered", 30, 1.0), ("opened", 9, 9.0))
            for delay in rng.exponential(slow, rng.poisson(mean)) - 0.5
        ]
        # By bucket, domain and count: (hour of the read, value), as often as it was read.
        self.seen: dict[tuple[int, str, str], list[tuple[int, int]]] = {}

    def read(self, at: int, every: int, lag: int = 72) -> None:
        """Read what may still change at an hour, as a sync would."""
        first = max(0, at - lag - every)
        values = pd.DataFrame(
            [(b, d, c) for b, d, c, when in self.events if first <= b < at and when <= at],
            columns=["time", "domain", "count"],
        ).value_counts().unstack("count", fill_value=0)  # fmt: skip
        index = pd.MultiIndex.from_product(
            [range(first, min(at, 48)), ["a.com", "b.com"]], names=["time", "domain"]
        )
        frame = values.reindex(index, fill_value=0).astype("Int64").sort_index()
        for (bucket, domain), row in frame.iterrows():
            for count, value in row.items():
                self.seen.setdefault((bucket, domain, str(count)), []).append((at, int(value)))
        times = self.start + pd.to_timedelta(frame.index.get_level_values(0), unit="h")
        domains = frame.index.get_level_values(1)
        index = pd.MultiIndex.from_arrays([times, domains], names=["time", "domain"])
        read_at(
            self.archive, frame.set_index(index), self.start + pd.Timedelta(hours=at),
            lag=f"{lag}h",
        )  # fmt: skip

    def changes(self) -> list[tuple[int, str, str, int, int, int]]:
        return sorted(
            (bucket, domain, count, at, old, new)
            for (bucket, domain, count), reads in self.seen.items()
            for (_, old), (at, new) in pairwise(reads)
            if old != new
        )

    def settled_at(self, count: str) -> tuple[float, int, int]:
        """Return the hours, buckets and final sum of a count: the docstring's formula as a loop."""
        rows = [(key[0], reads) for key, reads in self.seen.items() if key[2] == count]
        young = [(b, r) for b, r in rows if r[0][0] - b - 1 <= 24]
        ages = sorted({at - b - 1 for b, reads in young for at, _ in reads})
        share = {}
        for age in ages:
            read = [(b, r) for b, r in young if r[0][0] - b - 1 <= age]
            known = sum([v for at, v in r if at - b - 1 <= age][-1] for b, r in read)
            share[age] = known / sum(r[-1][1] for _, r in read)
        hours = min(a for a in ages if all(abs(share[x] - 1) <= 0.01 for x in ages if x >= a))
        rest = [(b, r) for b, r in young if r[0][0] - b - 1 <= hours]
        return hours, len({b for b, r in rest}), sum(r[-1][1] for _, r in rest)


@pytest.mark.parametrize(("seed", "every"), [(1, 11), (2, 7), (3, 24)])
def test_changes_and_settling_equal_a_loop_over_what_was_read(
    archive: mg.Archive, seed: int, every: int
) -> None:
    account = Account(archive, seed)
    for at in range(every, 48 + 72 + every, every):
        account.read(at, every)
    found = archive.restatements("hours")
    buckets = (found["time"] - account.start) // pd.Timedelta(hours=1)
    read = (found["read_at"] - account.start) // pd.Timedelta(hours=1)
    listed = zip(
        buckets, found["domain"], found["count"], read, found["before"], found["after"],
        strict=True,
    )  # fmt: skip
    assert list(listed) == account.changes()
    table = archive.settling("hours")
    assert table.index.tolist() == ["delivered", "opened"]
    for count, row in table.iterrows():
        oracle = account.settled_at(str(count))
        assert (row["hours"], row["buckets"], row["final"]) == oracle


# ---------------------------------------------------------------- settling


def follow(archive: mg.Archive, opened: dict[str, dict[int, int]]) -> None:
    """Read hours of the tenth at some moments, and all of them a week later."""
    for at, values in opened.items():
        read_at(archive, hours({h: {"opened": n} for h, n in values.items()}), at)
    last = list(opened.values())[-1]
    read_at(archive, hours({h: {"opened": n} for h, n in last.items()}), "2026-11-17")


def test_the_hours_are_the_age_from_which_on_99_percent_were_known(archive: mg.Archive) -> None:
    follow(archive, {f"{DAY} 02:00": {0: 60}, f"{DAY} 05:00": {0: 90}, f"{DAY} 11:00": {0: 100}})
    [row] = archive.settling("hours").reset_index().to_dict("records")
    assert row == {
        "count": "opened", "hours": 10.0, "first_share": 0.6, "buckets": 1, "final": 100,
        "lag": "10h",
    }  # fmt: skip


def test_a_bucket_counts_from_its_first_read_on(archive: mg.Archive) -> None:
    # 60/100 at age 1, 2060/2100 at 3, 2090/2100 = 99.5 % at 4, 2100/2100 at 10.
    follow(
        archive,
        {
            f"{DAY} 02:00": {0: 60},
            f"{DAY} 05:00": {0: 90, 1: 2000},
            f"{DAY} 11:00": {0: 100, 1: 2000},
        },
    )
    row = archive.settling("hours").loc["opened"]
    assert (row["hours"], row["buckets"], row["final"]) == (4.0, 2, 2100)
    assert row["first_share"] == 2060 / 2100


def test_what_falls_has_not_settled_before(archive: mg.Archive) -> None:
    follow(archive, {f"{DAY} 01:00": {0: 150}, f"{DAY} 07:00": {0: 100}})
    assert archive.settling("hours").loc["opened", "hours"] == 6.0


def test_what_was_known_at_once_takes_an_hour_at_least_as_a_lag(archive: mg.Archive) -> None:
    follow(archive, {f"{DAY} 01:00": {0: 100}, f"{DAY} 07:00": {0: 100}})
    row = archive.settling("hours").loc["opened"]
    assert (row["hours"], row["first_share"], row["lag"]) == (0.0, 1.0, "1h")


@pytest.mark.parametrize("first", ["2026-11-11 02:00", "2026-11-14 00:00"])
def test_what_was_old_or_final_when_first_read_teaches_nothing(
    archive: mg.Archive, first: str
) -> None:
    follow(archive, {first: {0: 100}})
    assert archive.settling("hours").empty


def test_what_was_young_and_final_when_first_read_teaches_nothing(archive: mg.Archive) -> None:
    read_at(archive, hours({0: {"opened": 100}}), f"{DAY} 20:00", lag="8h")
    assert archive.settling("hours").empty


def test_what_still_moves_teaches_nothing(told: mg.Archive) -> None:
    assert told.settling("hours").empty


def test_what_was_imported_teaches_nothing(archive: mg.Archive) -> None:
    read_at(archive, hours({0: {"opened": 1}}), f"{DAY} 02:00")
    read_at(archive, hours({0: {"opened": 100}}), f"{DAY} 03:00", kind="import")
    follow(archive, {f"{DAY} 07:00": {0: 100, 1: 50}, f"{DAY} 09:00": {0: 100, 1: 80}})
    row = archive.settling("hours").loc["opened"]
    assert (row["buckets"], row["final"], row["hours"]) == (1, 80, 7.0)


def test_a_bucket_with_an_unknown_part_teaches_nothing(archive: mg.Archive) -> None:
    read_at(archive, hours({0: {"opened": None}, 1: {"opened": 30}}), f"{DAY} 02:00")
    follow(archive, {f"{DAY} 07:00": {0: 100, 1: 50}, f"{DAY} 09:00": {0: 100, 1: 50}})
    row = archive.settling("hours").loc["opened"]
    assert (row["buckets"], row["final"], row["hours"]) == (1, 50, 5.0)


def test_the_lags_go_into_settled(archive: mg.Archive) -> None:
    follow(archive, {f"{DAY} 02:00": {0: 60}, f"{DAY} 12:00": {0: 100}})
    lag = dict(archive.settling("hours")["lag"])
    assert lag == {"opened": "11h"}
    frame = mg.as_frame(
        hours({0: {"opened": 5}, 1: {"opened": 6}}).reset_index(), resolution="hour"
    )
    settled = frame.mg.settled(lag=lag, until=f"{DAY} 12:30")
    assert settled["opened"].tolist() == [5, pd.NA]


# ---------------------------------------------------------------- learning


def grow(
    archive: mg.Archive, hour: int, counts: dict[str, tuple[int, int]], width: int = 24
) -> pd.Timestamp:
    """Read so many hours each day, after `hour` hours with other counts, and at last."""
    start = moment("2026-11-01")
    span = (start, start + pd.Timedelta(hours=width))
    alike = [(0, after) for after in range(0, hour, 24)]
    for turn, after in [*alike, (1, hour)]:
        at = span[1] + pd.Timedelta(hours=after)
        values: dict[str, int | None] = {name: pair[turn] for name, pair in counts.items()}
        times = [str(start + pd.Timedelta(hours=h))[:19] for h in range(width)]
        read_at(archive, frame_of(dict.fromkeys(times, values)), at, lag="900h")
    now = start + pd.Timedelta(days=50)
    empty = frame_of({"2026-11-01": {"opened": 0}}).iloc[:0]
    read_at(archive, empty, now, span=span, lag="1h")
    return now


def lags(archive: mg.Archive, now: pd.Timestamp) -> dict[str, float]:
    return learn(archive.table("hours"), archive.named("hours"), now)


def test_a_lag_is_half_as_long_again_as_counts_were_seen_to_move(archive: mg.Archive) -> None:
    found = lags(archive, grow(archive, 100, {"opened": (10, 20), "delivered": (20, 20)}))
    assert found["opened"] == math.ceil(1.5 * 123)  # the first hour ended 123 hours before
    assert found["delivered"] == 8  # known at once; deliveries take 8 hours at least


def test_a_lag_is_a_month_at_most(archive: mg.Archive) -> None:
    assert lags(archive, grow(archive, 600, {"opened": (10, 20)}))["opened"] == 30 * 24


@pytest.mark.parametrize(("size", "width"), [(8, 24), (20, 23)])
def test_too_little_seen_leaves_the_usual_lag(archive: mg.Archive, size: int, width: int) -> None:
    assert lags(archive, grow(archive, 100, {"opened": (1, size)}, width)) == {}


@pytest.mark.parametrize(
    ("failed", "permanent", "lag"), [((25, 25), (10, 20), 110), ((15, 25), (20, 20), None)]
)
def test_a_derived_count_waits_for_its_slowest_part_whatever_it_did_itself(
    archive: mg.Archive, failed: tuple[int, int], permanent: tuple[int, int], lag: int | None
) -> None:
    counts = {"failed": failed, "permanent_failed": permanent, "temporary_failed": (5, 5)}
    found = lags(archive, grow(archive, 50, counts))  # the first hour ended 73 hours before
    assert (found.get("failed"), found.get("permanent_failed")) == (lag, lag)
    assert found.get("temporary_failed") == (None if lag is None else 8)
    hours = 0.0 if failed[0] == failed[1] else 73.0
    assert archive.settling("hours").loc["failed", "hours"] == hours


def test_only_the_last_60_days_are_looked_at(archive: mg.Archive) -> None:
    now = grow(archive, 100, {"opened": (10, 20)})
    for file in (Path(archive.place.root) / "hours").rglob("*.parquet"):
        file.unlink()
    with pytest.raises(ArchiveError):
        lags(archive, now)
    assert lags(archive, now + pd.Timedelta(days=61)) == {}


def test_lags_are_learnt_once_a_week(archive: mg.Archive) -> None:
    now = grow(archive, 100, {"opened": (10, 20)})
    table, track = archive.table("hours"), archive.named("hours")
    state = learnt(State(), table, track, now)
    assert state.lags_at == now
    assert state.lags["opened"] == 185
    known = replace(state, lags={"opened": 99.0})
    week = pd.Timedelta(days=7)
    assert learnt(known, table, track, now + week - pd.Timedelta(hours=1)) is known
    again = learnt(known, table, track, now + week)
    assert (again.lags["opened"], again.lags_at) == (185, now + week)
    assert learnt(known, table, track, now - week).lags_at == now - week  # a clock that went back
