"""A table of the user's own in an archive: it fills in what is unknown, and mixes with nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import mgframe as mg
from mgframe.archiving.libraries import database
from mgframe.archiving.scanning import scan
from mgframe.errors import ArchiveError, FrameError, MgframeWarning, QueryError
from mgframe.sourcing import FromArchive


@pytest.fixture
def archive(tmp_path: Path) -> mg.Archive:
    return mg.Archive(tmp_path / "history")


def days(
    counts: dict[str, list[int | None]], start: str = "2025-03-01", name: str = "delivered"
) -> pd.DataFrame:
    """Return a frame of days by domain, complete to its end."""
    table = pd.concat(
        pd.DataFrame(
            {"date": pd.date_range(start, periods=len(values)), "domain": domain, name: values}
        )
        for domain, values in counts.items()
    )
    end = pd.Timestamp(start) + pd.Timedelta(days=max(map(len, counts.values())))
    return mg.as_frame(table, resolution="day", complete_until=end)


def table_of(archive: mg.Archive, column: str = "delivered") -> list[list[Any]]:
    frame = archive.frame("panel", column).mg.wide(column)
    return [[None if pd.isna(v) else int(v) for v in row] for row in frame.to_numpy(dtype=object)]


def test_a_frame_comes_back_as_it_was_given(archive: mg.Archive) -> None:
    frame = days({"a.com": [5, 6, None], "b.com": [1, 0, 2]})
    done = archive.import_frame("panel", frame)
    assert (done.added, done.changed, done.left) == (6, 0, 0)
    assert str(done) == "panel: 6 rows new, 0 changed, 0 left as they were"
    assert_frame_equal(archive.frame("panel"), frame)
    track = archive.named("panel")
    assert (track.api, track.by, track.resolution) == ("none", ("domain",), "day")
    assert archive.frame("panel").attrs["mgframe"]["simulated"] is False


def test_twice_the_same_changes_nothing(archive: mg.Archive) -> None:
    frame = days({"a.com": [5, 6]})
    archive.import_frame("panel", frame)
    done = archive.import_frame("panel", frame)
    assert (done.added, done.changed, done.left) == (0, 0, 2)


def test_a_window_ends_where_the_imports_do(archive: mg.Archive) -> None:
    archive.import_frame("panel", days({"a.com": list(range(31))}))
    assert archive.frame("panel", last="2d")["delivered"].tolist() == [29, 30]
    assert archive.frame("panel", resolution="month")["delivered"].tolist() == [465]


def test_only_what_is_unknown_is_filled_in(archive: mg.Archive) -> None:
    archive.import_frame("panel", days({"a.com": [5, None]}))
    done = archive.import_frame("panel", days({"a.com": [7, 7, 7], "b.com": [1, 1, 1]}))
    # What was imported of a.com says nothing of b.com.
    assert table_of(archive) == [[5, 1], [7, 1], [7, 1]]
    assert (done.added, done.changed, done.left) == (4, 1, 1)


def test_a_count_that_was_never_kept_is_filled_in(archive: mg.Archive) -> None:
    archive.import_frame("panel", days({"a.com": [5, 6], "b.com": [1, 1]}))
    archive.import_frame("panel", days({"a.com": [3, 4]}, name="opened"))
    assert table_of(archive) == [[5, 1], [6, 1]]
    assert table_of(archive, "opened") == [[3, None], [4, None]]


def test_overwriting_replaces_what_is_kept_but_not_by_unknown_counts(archive: mg.Archive) -> None:
    archive.import_frame("panel", days({"a.com": [5, 6]}))
    done = archive.import_frame("panel", days({"a.com": [8, None], "b.com": [1, 1]}),
                                overwrite=True)  # fmt: skip
    assert table_of(archive) == [[8, 1], [6, 1]]
    assert (done.added, done.changed) == (2, 1)


def test_overwriting_takes_zeros_and_what_has_no_row_becomes_zero(archive: mg.Archive) -> None:
    archive.import_frame("panel", days({"a.com": [5, 5, 5], "b.com": [900, 900, 900]}))
    done = archive.import_frame("panel", days({"a.com": [5, 5], "b.com": [0, None]}),
                                overwrite=True)  # fmt: skip
    assert table_of(archive) == [[5, 0], [5, 900], [5, 900]]
    assert (done.added, done.changed, done.left) == (0, 1, 3)
    done = archive.import_frame("panel", days({"a.com": [6, 5]}), overwrite=True)
    assert table_of(archive) == [[6, 0], [5, 0], [5, 900]]
    assert (done.added, done.changed, done.left) == (0, 2, 1)
    changes = archive.restatements("panel").sort_values(["read_at", "domain"])
    assert changes[["domain", "before", "after"]].to_numpy().tolist() == [
        ["b.com", 900, 0], ["a.com", 5, 6], ["b.com", 900, 0],
    ]  # fmt: skip


def test_overwriting_touches_no_count_and_no_day_that_the_frame_does_not_tell_of(
    archive: mg.Archive,
) -> None:
    both = days({"a.com": [5, 5, 5], "b.com": [9, 9, 9]}).assign(opened=3).astype("Int64")
    archive.import_frame("panel", both, until="2025-03-04")
    parts = [days({"a.com": [6]}), days({"a.com": [6]}, start="2025-03-03")]
    archive.import_frame("panel", pd.concat(parts), until="2025-03-04", overwrite=True)
    assert table_of(archive) == [[6, 0], [5, 9], [6, 0]]
    assert table_of(archive, "opened") == [[3, 3], [3, 3], [3, 3]]
    archive.import_frame("panel", days({"a.com": [None]}), overwrite=True)
    assert table_of(archive) == [[6, 0], [5, 9], [6, 0]]


def test_a_frame_of_few_counts_leaves_its_days_to_sync(
    archive: mg.Archive, demo: mg.Client
) -> None:
    archive.track("days", by="domain", start="2026-10-01")
    october = mg.metrics(by="domain", start="2026-10-01", end="2026-10-31", client=demo)
    done = archive.import_frame("days", october[["delivered"]])
    assert done.added == len(october)
    assert "delivered" not in done.lacking
    assert {"sent", "opened"} <= set(done.lacking)
    assert "; sync still asks for processed, sent, bounced and 17 more" in str(done)
    assert archive.table("days").state.reads == ()
    archive.sync(client=demo)
    assert_frame_equal(archive.frame("days").loc[:"2026-10-31"], october, check_freq=False)


def test_only_days_that_tell_all_counts_are_read(archive: mg.Archive) -> None:
    archive.track("panel", ["delivered", "opened"], by="domain")
    start = f"{pd.Timestamp.now('UTC') - pd.Timedelta(days=30):%Y-%m-%d}"
    frame = days({"a.com": [5, 6, 7], "b.com": [0, 0, 0]}, start=start)
    frame["opened"] = pd.array([1, 0, None, None, 0, 0], "Int64")  # of the second day nobody's
    done = archive.import_frame("panel", frame)
    first = pd.Timestamp(start, tz="UTC")
    day = pd.Timedelta(days=1)
    assert done.lacking == ("opened",)
    assert archive.table("panel").state.covered == [
        (first, first + day), (first + 2 * day, first + 3 * day),
    ]  # fmt: skip
    with pytest.warns(MgframeWarning, match="was never read for"):
        assert table_of(archive) == [[5, 0], [6, 0], [7, 0]]
    again = archive.import_frame("panel", frame.fillna(4), until=first + 3 * day)
    assert (again.changed, again.lacking) == (2, ())
    assert archive.table("panel").state.covered == [(first, first + 3 * day)]
    assert table_of(archive, "opened") == [[1, 0], [4, 4], [0, 0]]


def test_what_mailgun_forgot_is_read_by_whatever_an_import_tells(archive: mg.Archive) -> None:
    archive.track("panel", by="domain")
    done = archive.import_frame("panel", days({"a.com": [5, 6]}))
    assert done.lacking == ()
    assert table_of(archive) == [[5], [6]]


@pytest.mark.parametrize(
    "track",
    [
        {"by": "domain"},
        {"by": "country"},
        {"by": "ip", "counts": "delivery_rate"},
        {"by": "recipient_provider"},
        {"api": "stats"},
        {"api": "stats", "by": "domain"},
        {"api": "stats", "by": "provider", "counts": ["failed", "opened"]},
        {"api": "stats", "by": "ip"},
        {"api": "stats", "by": "country"},
    ],
)
def test_an_answer_of_the_same_question_tells_all_that_a_track_fetches(
    archive: mg.Archive, demo: mg.Client, track: dict[str, Any]
) -> None:
    archive.track("days", start="2026-11-10", **track)
    other = mg.Archive(f"{archive.place.root}-2")
    other.track("days", start="2026-11-10", **track)
    other.sync(client=demo)
    done = archive.import_frame("days", other.frame("days"))
    assert done.lacking == ()
    assert archive.table("days").state.covered == other.table("days").state.covered


def test_an_import_does_not_keep_sync_from_the_days_before_it(
    archive: mg.Archive, demo: mg.Client
) -> None:
    archive.track("days", "delivered", by="domain")
    archive.import_frame("days", mg.metrics("delivered", by="domain", last="30d", client=demo))
    archive.sync(client=demo)
    assert archive.table("days").state.covered[0][0] == pd.Timestamp("2025-11-16", tz="UTC")


def test_the_past_of_a_moment_is_the_same_after_an_import(
    archive: mg.Archive, demo: mg.Client
) -> None:
    archive.track("days", "delivered", by="domain", start="2026-11-01")
    archive.sync(client=demo)
    at = archive.table("days").state.at
    assert at is not None
    before = archive.as_of(at).frame("days")
    frame = mg.metrics("delivered", by="domain", start="2026-11-01", end="2026-11-03", client=demo)
    archive.import_frame("days", frame.add(1), overwrite=True)
    archive.import_frame("days", frame.add(2), overwrite=True)
    assert_frame_equal(archive.as_of(at).frame("days"), before)
    for seconds in (1, 2):
        past = archive.as_of(at + pd.Timedelta(seconds=seconds)).frame("days")
        assert (past["delivered"] - before["delivered"]).max() == seconds
    assert archive.frame("days").attrs["mgframe"]["fetched_at"] == "2026-11-16T09:30:00Z"


def test_a_sync_at_the_clock_of_two_imports_reads_what_they_left(
    archive: mg.Archive, demo: mg.Client
) -> None:
    archive.track("days", "delivered", by="domain", start="2026-11-01")
    frame = mg.metrics("delivered", by="domain", start="2026-11-01", end="2026-11-05", client=demo)
    for _ in range(2):
        archive.import_frame("days", frame)
    at = archive.table("days").state.at
    assert at == pd.Timestamp("2026-11-16 09:30:01", tz="UTC"), "a second after the clock"
    assert archive.sync(client=demo).ok
    whole = mg.metrics("delivered", by="domain", start="2026-11-01", end="2026-11-15", client=demo)
    assert_frame_equal(archive.frame("days"), whole)
    assert archive.frame("days").attrs["mgframe"]["fetched_at"] == "2026-11-16T09:30:00Z"


def test_a_window_counts_from_the_last_sync_or_the_end_of_the_imports(
    archive: mg.Archive, demo: mg.Client
) -> None:
    archive.track("panel", "delivered", by="domain")
    archive.import_frame("panel", days({"a.com": [5, 6, 7]}))
    frame = archive.frame("panel", last="2d")
    assert frame["delivered"].tolist() == [6, 7]
    assert frame.attrs["mgframe"]["fetched_at"] == "2025-03-04T00:00:00Z"
    assert FromArchive(archive).client.now() == pd.Timestamp("2025-03-04", tz="UTC")
    archive.track("days", "delivered", by="domain", start="2026-11-01")
    archive.sync("days", client=demo)
    archive.import_frame("days", archive.frame("days").add(1), overwrite=True)
    assert archive.frame("days", last="2d").index[0][0] == pd.Timestamp("2026-11-14", tz="UTC")


def test_days_between_those_of_a_frame_stay_unknown(archive: mg.Archive) -> None:
    first, second = days({"a.com": [5]}), days({"a.com": [6]}, start="2025-03-03")
    archive.import_frame("panel", pd.concat([first, second]), until="2025-04-01")
    with pytest.warns(MgframeWarning, match="2025-03-02 00:00 to 2025-03-03 00:00 UTC"):
        assert table_of(archive) == [[5], [None], [6]]


def test_a_bucket_that_is_not_complete_is_not_kept(archive: mg.Archive) -> None:
    frame = days({"a.com": [5, 6, 7]})
    archive.import_frame("panel", frame, until="2025-03-03 12:00")
    assert table_of(archive) == [[5], [6]]
    bare = frame.copy()
    bare.attrs = {}
    with pytest.raises(FrameError, match="until="):
        archive.import_frame("panel", bare)
    with pytest.raises(FrameError, match="no day of the frame is complete"):
        archive.import_frame("panel", frame, until="2025-03-01")


def test_what_is_not_over_yet_is_not_kept(archive: mg.Archive) -> None:
    today = f"{pd.Timestamp.now('UTC') - pd.Timedelta(days=1):%Y-%m-%d}"
    archive.import_frame("panel", days({"a.com": [5, 6, 7]}, start=today))
    assert table_of(archive) == [[5]]


def test_an_import_fills_in_what_mailgun_forgot(archive: mg.Archive, demo: mg.Client) -> None:
    archive.track("days", "delivered", by="domain", start="2026-11-01")
    archive.sync(client=demo)
    synced = archive.frame("days")
    longer = mg.metrics("delivered", by="domain", start="2026-10-20", client=demo)
    archive.import_frame("days", longer.assign(delivered=longer["delivered"] + 1))
    frame = archive.frame("days")
    assert frame.attrs["mgframe"]["fetched_at"] == synced.attrs["mgframe"]["fetched_at"]
    assert_frame_equal(frame.loc["2026-11-01":], synced)
    earlier = longer.loc[:"2026-10-31"]
    assert frame.loc[:"2026-10-31", "delivered"].tolist() == (earlier["delivered"] + 1).tolist()


def test_what_still_moves_is_synced_again_after_an_import(
    archive: mg.Archive, demo: mg.Client
) -> None:
    archive.track("days", "delivered", by="domain", start="2026-11-10")
    frame = mg.metrics("delivered", by="domain", start="2026-11-10", client=demo)
    archive.import_frame("days", frame.sub(1))
    reads = archive.table("days").state.reads
    assert [read.at is None for read in reads] == [True, False]
    assert reads[0].until == pd.Timestamp("2026-11-13", tz="UTC"), "three days are the lag"


def test_an_import_does_not_end_what_sync_still_watches(
    archive: mg.Archive, demo: mg.Client
) -> None:
    archive.track("days", "delivered", by="domain", start="2026-11-10")
    archive.sync(client=demo)
    reads = archive.table("days").state.reads
    frame = mg.metrics("delivered", by="domain", start="2026-11-10", client=demo)
    frame.attrs["mgframe"]["fetched_at"] = "2026-11-16T08:00:00Z"
    archive.import_frame("days", frame)
    assert archive.table("days").state.reads == reads
    archive.import_frame("days", frame, overwrite=True)
    assert archive.table("days").state.reads != reads


def test_what_an_answer_left_in_doubt_is_settled_by_an_import(
    archive: mg.Archive, demo: mg.Client
) -> None:
    archive.track("days", "delivered", by="domain", start="2026-11-01")
    archive.sync(client=demo)
    table = archive.table("days")
    doubted = tuple(replace(r, at=table.state.at, doubted=True) for r in table.state.reads)
    table.note(replace(table.state, reads=doubted))
    frame = mg.metrics("delivered", by="domain", start="2026-11-01", end="2026-11-05", client=demo)
    archive.import_frame("days", frame)
    first = pd.Timestamp("2026-11-01", tz="UTC")
    assert archive.table("days").state.known == [(first, first + pd.Timedelta(days=5))]


def test_simulated_and_live_numbers_never_mix(archive: mg.Archive, demo: mg.Client) -> None:
    simulated = mg.metrics("delivered", by="domain", last="3d", client=demo)
    live = days({"a.com": [5]})
    archive.import_frame("demo", simulated)
    archive.import_frame("panel", live)
    with pytest.raises(ArchiveError, match=r"keeps a simulated account.*of a live one"):
        archive.import_frame("demo", live)
    with pytest.raises(ArchiveError, match=r"keeps a live account.*of a simulated one"):
        archive.import_frame("panel", simulated)
    with pytest.raises(ArchiveError, match="of a live one"):
        archive.import_frame("demo", days({"a.com": [5]}, name="opened"))
    assert "opened" not in archive.table("demo").columns
    assert archive.frame("demo").attrs["mgframe"]["simulated"]
    assert_frame_equal(archive.frame("demo"), simulated)


def test_the_past_shows_an_import_only_from_its_moment_on(archive: mg.Archive) -> None:
    archive.import_frame("panel", days({"a.com": [5]}))
    at = archive.table("panel").state.at
    assert at is not None
    archive.import_frame("panel", days({"a.com": [5, 6]}))
    assert len(archive.as_of(at + pd.Timedelta(hours=1)).frame("panel")) == 2
    with pytest.raises(ArchiveError, match="nothing had been kept"):
        archive.as_of(at - pd.Timedelta(seconds=1)).frame("panel")


def test_keys_may_come_in_another_order_and_in_regions(archive: mg.Archive) -> None:
    table = pd.DataFrame(
        {"date": "2025-03-01", "region": ["us", "eu"], "domain": ["a.com", "b.com"],
         "delivered": [1, 2]}
    )  # fmt: skip
    frame = mg.as_frame(table, resolution="day", complete_until="2025-03-02")
    archive.import_frame("panel", frame)
    turned = frame.reorder_levels(["time", *frame.index.names[:0:-1]]).sort_index()
    turned.attrs = frame.attrs
    assert archive.import_frame("panel", turned).left == 2
    assert archive.frame("panel").index.names == ["time", "region", "domain"]


def test_no_address_is_kept(archive: mg.Archive) -> None:
    table = pd.DataFrame(
        {"date": "2025-03-01", "tag": ["to jo@example.com", "to al@example.com", "news"],
         "delivered": [1, 2, 4]}
    )  # fmt: skip
    archive.import_frame("panel", mg.as_frame(table, resolution="day", complete_until="2025-03-02"))
    assert table_of(archive) == [[4, 3]]
    with database() as connection:
        scan(connection, archive.table("panel"), "kept")
        assert connection.execute("SELECT DISTINCT tag FROM kept ORDER BY 1").fetchall() == [
            ("news",),
            ("to (address)",),
        ]


def test_a_count_of_ones_own_is_kept_under_its_name(archive: mg.Archive) -> None:
    archive.import_frame("panel", days({"a.com": [5]}).assign(spam_reports=[2]).astype("Int64"),
                         until="2025-03-02")  # fmt: skip
    frame = archive.frame("panel", ["spam_reports", "delivered"])
    assert frame.to_numpy().tolist() == [[5, 2]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: f.rename(columns={"delivered": 'a"; DROP'}), "other signs than letters"),
        (lambda f: f.rename(columns={"delivered": "period"}), "called as a key"),
        (lambda f: f.assign(delivered=pd.array([-1, 2], "Int64")), "negative counts"),
        (lambda f: f.astype("float64"), "counts are Int64"),
        (lambda f: f.iloc[:0], "nothing to import"),
        (lambda f: f[[]], "nothing to import"),
        (lambda f: f.mg.sum("domain"), "this needs the level 'time'"),
        (lambda f: f.mg.resample("W", partial=True), "the frame has weeks"),
        (lambda f: f.tz_convert("Europe/Berlin", level="time"), "cut in Europe/Berlin"),
        (lambda f: f.reset_index(), "no mgframe frame"),
    ],
)
def test_what_is_no_frame_of_buckets_is_refused(
    archive: mg.Archive, change: Any, said: str
) -> None:
    frame = change(days({"a.com": [5, 6]}))
    with pytest.raises(FrameError, match=said):
        archive.import_frame("panel", frame)
    assert not archive.tracks


def test_a_frame_of_other_keys_or_buckets_is_refused(archive: mg.Archive) -> None:
    frame = days({"a.com": [5]})
    archive.import_frame("panel", frame)
    with pytest.raises(QueryError, match="keeps days by domain, and the frame has days by account"):
        archive.import_frame("panel", frame.rename_axis(index={"domain": "account"}))
    with pytest.raises(FrameError, match="'Delivered' differs from 'delivered' by case alone"):
        archive.import_frame("panel", frame.rename(columns={"delivered": "Delivered"}))
    month = frame.copy()
    month.attrs = {"mgframe": {**frame.attrs["mgframe"], "resolution": "month"}}
    with pytest.raises(QueryError, match="the frame has months"):
        archive.import_frame("panel", month, until="2025-04-01")
    with pytest.raises(QueryError, match="is no name"):
        archive.import_frame("../panel", frame)


def test_one_domain_after_another_is_imported(archive: mg.Archive) -> None:
    archive.import_frame("panel", days({"a.com": [5, 6]}))
    done = archive.import_frame("panel", days({"b.com": [1, 2]}))
    assert (done.added, done.changed) == (2, 0)
    assert table_of(archive) == [[5, 1], [6, 2]]


def test_a_part_of_the_mail_is_not_imported_as_all_of_it(
    archive: mg.Archive, demo: mg.Client
) -> None:
    gmail = {"recipient_provider": "Gmail"}
    part = mg.metrics("delivered", by="domain", last="7d", where=gmail, client=demo)
    with pytest.raises(mg.QueryError, match=r"part of the mail alone.*Gmail"):
        archive.import_frame("gmail", part)
    archive.track("gmail", "delivered", by="domain", where=gmail, api="none")
    assert archive.import_frame("gmail", part).added == len(part)


@pytest.mark.parametrize("name", ["known", "version"])
def test_a_count_cannot_be_called_as_the_archive_calls_its_own(
    archive: mg.Archive, name: str
) -> None:
    frame = days({"a.com": [5, 6]}).rename(columns={"delivered": name})
    with pytest.raises(mg.FrameError, match="rename it"):
        archive.import_frame("panel", frame)
