"""What an archive says of itself: what is kept, what is missing, what Mailgun will forget."""

from __future__ import annotations

import os
import shutil
from bisect import bisect_left as bisect
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mgframe as mg
from mgframe.archiving import status as status_module
from mgframe.archiving.spans import Read
from mgframe.archiving.standing import Extent, Standing
from mgframe.archiving.states import State
from mgframe.archiving.statuses import size_text
from mgframe.archiving.tracks import Track
from mgframe.framing import is_simulated
from mgframe.simulator import Fault, Model, Server

Account = Callable[..., tuple[Server, mg.Client]]
HOSTILE = '"><script>alert(1)</script>\u202e'
NOW = pd.Timestamp("2026-11-16 09:30", tz="UTC")
HOUR, DAY = pd.Timedelta(hours=1), pd.Timedelta(days=1)


def moment(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


def read(start: str, until: str, at: str | None = None, *, doubted: bool = False) -> Read:
    return Read(moment(start), moment(until), (at and moment(at)) or None, doubted)


def standing(track: Track, *reads: Read, now: pd.Timestamp = NOW, **state: Any) -> Standing:
    return Standing(track, State(reads=reads, **state), Extent(), now)


def put(archive: mg.Archive, name: str, **changes: Any) -> None:
    """Commit a state as it might have come about."""
    table = archive.table(name)
    table.note(replace(table.state, **changes))


@pytest.fixture
def archive(tmp_path: Path) -> mg.Archive:
    return mg.Archive(tmp_path / "history")


@pytest.fixture
def kept(archive: mg.Archive, demo: mg.Client) -> mg.Archive:
    """Days and hours of the simulated account, synced on 16 November 2026 at 09:30."""
    archive.track("days", by="domain", start="2026-11-01")
    archive.track("hours", by="domain", resolution="hour", start="2026-11-10")
    archive.sync(client=demo)
    return archive


# ---------------------------------------------------------------- what is kept


def test_a_row_a_track_says_what_is_kept(kept: mg.Archive) -> None:
    table = kept.status().table.set_index("track")
    days, hours = table.loc["days"], table.loc["hours"]
    assert (days["first"], days["last"]) == (moment("2026-11-01"), moment("2026-11-15"))
    assert (hours["first"], hours["last"]) == (moment("2026-11-10"), moment("2026-11-16 08:00"))
    assert days["rows"] == 15 * 3
    assert hours["rows"] == (6 * 24 + 9) * 3
    assert list(table["moving"]) == [3, 72]
    assert list(table["synced"]) == [NOW, NOW]
    assert set(table["result"]) == {"fine"}
    assert not table[["lost", "missing", "new", "expiring", "doubted"]].any(axis=None)


def test_sizes_are_those_of_the_files(kept: mg.Archive, tmp_path: Path) -> None:
    days = kept.status("days").table.iloc[0]
    files = [path for path in (tmp_path / "history" / "days").rglob("*") if path.is_file()]
    data = [path for path in files if path.suffix == ".parquet"]
    assert days["files"] == len(data)
    assert days["bytes"] == sum(path.stat().st_size for path in data)
    assert days["disk"] == sum(path.stat().st_size for path in files)


def test_no_data_are_read(kept: mg.Archive, tmp_path: Path) -> None:
    before = kept.status().table.drop(columns="disk")
    for file in (tmp_path / "history").rglob("*.parquet"):
        file.write_bytes(b"")
    pd.testing.assert_frame_equal(kept.status().table.drop(columns="disk"), before)


@pytest.mark.parametrize("reads", [(), (read("2026-11-01", "2026-11-05"),)])
def test_the_table_survives_csv(
    archive: mg.Archive, reads: tuple[Read, ...], tmp_path: Path
) -> None:
    archive.track("days", by="domain")
    put(archive, "days", reads=reads, at=NOW, simulated=True)
    table = archive.status().table
    table.to_csv(tmp_path / "status.csv", index=False)
    again = pd.read_csv(tmp_path / "status.csv", keep_default_na=False, dtype=str)
    assert list(again.columns) == list(table.columns)
    assert again["first"][0] == ("2026-11-01 00:00:00+00:00" if reads else "")
    for name in ("first", "expires", "synced"):
        assert str(table[name].dtype) == "datetime64[us, UTC]"


def test_the_tables_have_their_types_without_a_row_too(
    archive: mg.Archive, kept: mg.Archive
) -> None:
    full, none = kept.status(), mg.Archive(Path(archive.place.root) / "none").status()
    assert none.ok
    assert "Nothing is tracked yet" in str(none)
    pd.testing.assert_series_equal(none.table.dtypes, full.table.dtypes)
    pd.testing.assert_series_equal(none.gaps.dtypes, full.gaps.dtypes)
    pd.testing.assert_series_equal(none.lags.dtypes, full.lags.dtypes)


def test_only_the_tracks_named_are_told_of(kept: mg.Archive) -> None:
    assert list(kept.status("hours").table["track"]) == ["hours"]
    assert list(kept.status(["hours", "hours"]).table["track"]) == ["hours"]
    with pytest.raises(mg.QueryError, match=r"no track of .*did you mean 'hours'"):
        kept.status("hour")


# ---------------------------------------------------------------- gaps

HOURS = Track("hours", resolution="hour")


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.integers(0, 1700), st.integers(1, 200)), max_size=5),
    st.one_of(st.none(), st.integers(0, 1700)),
)
def test_every_bucket_is_kept_lost_missing_or_new(
    spans: list[tuple[int, int]], since: int | None
) -> None:
    """Against a list of all hours, one by one."""
    edge = NOW.floor("h")
    hours = list(pd.date_range(end=edge - HOUR, periods=1700, freq="h"))
    reads = [
        Read(max(edge - HOUR * n, hours[-1]), min(edge - HOUR * (n - m), edge)) for n, m in spans
    ]
    reads = [one for one in reads if one.start < one.until]
    start = None if since is None else edge - HOUR * since
    one = standing(replace(HOURS, start=start), *reads)

    def hours_in(found: list[tuple[pd.Timestamp, pd.Timestamp]]) -> set[pd.Timestamp]:
        return {hour for a, b in found for hour in hours[bisect(hours, a) : bisect(hours, b)]}

    horizon = edge - 60 * DAY
    covered = hours_in([read.span for read in reads])
    begun = start or min([r.start for r in reads] + [horizon])
    unread = {hour for hour in hours if hour >= begun} - covered
    last = max(covered, default=None)
    assert hours_in(one.lost) == {hour for hour in unread if hour < horizon}
    had = {hour for hour in unread if hour >= horizon}
    assert hours_in(one.missing) == {hour for hour in had if last is not None and hour < last}
    assert hours_in(one.new) == {hour for hour in had if last is None or hour > last}
    assert hours_in(one.expiring) == {hour for hour in had if hour < horizon + 7 * DAY}
    assert one.row["lost"] == len(hours_in(one.lost))


def test_after_ten_weeks_without_a_sync_ten_days_of_hours_are_lost() -> None:
    edge = NOW.floor("h")
    one = standing(HOURS, Read(edge - 90 * DAY, edge - 70 * DAY))
    assert one.lost == [(edge - 70 * DAY, edge - 60 * DAY)]
    assert one.new == [(edge - 60 * DAY, edge)]
    assert (one.row["missing"], one.row["expiring"]) == (0, 7 * 24)


def test_a_gap_says_whether_it_is_lost_for_good_and_until_when_not(archive: mg.Archive) -> None:
    archive.track("hours", resolution="hour")
    reads = (
        read("2026-09-01", "2026-09-10"),
        read("2026-09-21", "2026-10-01"),
        read("2026-10-02", "2026-11-16 08:00"),
    )
    put(archive, "hours", reads=reads, at=NOW, simulated=True)
    status = archive.status()
    gaps = status.gaps
    assert list(gaps["start"]) == list(
        map(moment, ("2026-09-10", "2026-09-17 09:00", "2026-10-01"))
    )
    assert list(gaps["until"]) == list(
        map(moment, ("2026-09-17 09:00", "2026-09-21", "2026-10-02"))
    )
    assert list(gaps["buckets"]) == [7 * 24 + 9, 3 * 24 + 15, 24]
    assert list(gaps["lost"]) == [True, False, False]
    assert gaps["expires"].isna()[0]
    assert gaps["expires"][1] == NOW.floor("h")
    assert gaps["expires"][2] == moment("2026-11-30")
    table = status.table.iloc[0]
    assert (table["lost"], table["missing"], table["new"], table["expiring"]) == (177, 111, 1, 87)
    assert table["expires"] == NOW.floor("h")
    assert "177 hours never read, 2026-09-10 00:00 until 2026-09-17 09:00: lost" in str(status)
    assert "87 hours are not kept, and Mailgun forgets them from now on" in str(status)


@pytest.mark.parametrize(("days_ago", "warned"), [(53, False), (52, False), (54, True), (59, True)])
def test_what_mailgun_forgets_within_a_week_is_a_problem(
    archive: mg.Archive, days_ago: int, warned: bool
) -> None:
    """Hours are kept for 60 days; the first that is not kept began 54 days ago."""
    archive.track("hours", resolution="hour", start="2026-08-01")
    until = NOW.floor("h") - days_ago * DAY
    put(archive, "hours", reads=(Read(moment("2026-08-01"), until),), at=NOW, simulated=True)
    status = archive.status()
    assert status.ok is not warned
    if warned:
        expires = (until + 60 * DAY).strftime("%Y-%m-%d %H:%M")
        assert f"Mailgun forgets them from {expires} UTC on; run sync" in " ".join(status.problems)
        assert status.table["expires"][0] == until + 60 * DAY
    else:
        assert status.table["expires"].isna().all()


def test_a_track_that_was_never_synced_is_in_danger(archive: mg.Archive) -> None:
    archive.track("days", by="domain")
    archive.track("months", resolution="month")
    status = archive.status()
    assert status.problems == [
        "days: 7 days are not kept, and Mailgun forgets them from now on; run sync"
    ]
    assert list(status.table["new"]) == [365, 60]
    assert list(status.table["result"]) == ["never synced", "never synced"]


def test_months_are_never_forgotten() -> None:
    months = Track("months", resolution="month", start=moment("2020-01-01"))
    one = standing(months, read("2022-01-01", "2026-10-01"))
    assert one.expiring == []
    assert one.count(one.new) == 1
    assert one.expires(moment("2022-01-01")) is None


def test_what_is_imported_alone_never_expires(archive: mg.Archive) -> None:
    archive.track("old", by="domain", api="none")
    reads = (read("2019-01-01", "2019-02-01"), read("2019-03-01", "2019-04-01"))
    put(archive, "old", kind="import", reads=reads, at=NOW)
    status = archive.status()
    assert status.ok
    assert status.table["result"][0] == "imported"
    assert (status.table["lost"][0], status.table["new"][0]) == (28, 0)
    assert "28 days never read, 2019-02-01 until 2019-03-01: only import_frame can" in str(status)


def test_what_still_moves_and_what_is_doubted_is_counted() -> None:
    one = standing(
        HOURS,
        read("2026-11-01", "2026-11-10"),
        read("2026-11-10", "2026-11-11", "2026-11-16 08:00", doubted=True),
        read("2026-11-11", "2026-11-16 08:00", "2026-11-16 08:00"),
    )
    assert one.row["doubted"] == 24
    assert one.row["moving"] == 6 * 24 + 8


# ---------------------------------------------------------------- the last sync


def test_a_sync_that_failed_is_a_problem_until_the_next_one(
    archive: mg.Archive, serving: Account
) -> None:
    server, client = serving()
    archive.track("days", by="domain")
    server.faults.append(Fault("503", times=9))
    with pytest.raises(mg.ServerError):
        archive.sync(client=client)
    put(archive, "days", simulated=True, at=NOW)
    status = archive.status()
    row = status.table.iloc[0]
    assert (row["result"], row["synced"]) == ("failed", NOW)
    assert "503" in row["error"]
    assert not status.ok
    assert status.problems[0].startswith("days: the last sync, at 2026-11-16 09:30 UTC, failed: ")
    server.faults.clear()
    archive.sync(client=client)
    assert archive.status().ok
    assert archive.status().table["error"][0] == ""


def test_learnt_lags_are_told_the_slowest_first(kept: mg.Archive) -> None:
    put(kept, "hours", lags={"delivered": 7.5, "opened": 81.0, "clicked": 60.0, "failed": 5.0})
    status = kept.status()
    assert list(status.table["lag_hours"]) == [72.0, 81.0]
    assert status.lags["count"].tolist() == ["delivered", "opened", "clicked", "failed"]
    assert "for opened 81 h, clicked 60 h, delivered 8 h and 1 more" in " ".join(
        str(status).split()
    )


# ---------------------------------------------------------------- clocks


def test_a_simulated_archives_now_is_its_last_sync(kept: mg.Archive) -> None:
    assert kept.status().now == NOW
    assert kept.status().simulated
    assert is_simulated(kept.status().table)


def test_beside_a_live_track_now_is_the_machines_clock(kept: mg.Archive) -> None:
    put(kept, "hours", simulated=False)
    assert abs(kept.status().now - pd.Timestamp.now("UTC")) < timedelta(minutes=5)


def test_a_live_archives_now_is_the_machines_clock(kept: mg.Archive) -> None:
    for name in kept.tracks:
        put(kept, name, simulated=False)
    status = kept.status("days")
    clock = pd.Timestamp.now("UTC")
    assert abs(status.now - clock) < timedelta(minutes=5)
    assert not status.simulated
    assert "SIMULATED" not in str(status)


def test_a_clock_that_went_back_does_not_turn_back_what_is_known(kept: mg.Archive) -> None:
    future = pd.Timestamp.now("UTC").floor("h") + 400 * DAY
    put(kept, "days", simulated=False, at=future)
    put(kept, "hours", simulated=False)
    assert kept.status().now == future


def test_a_later_sync_that_found_nothing_new_is_not_told_of_in_the_past(kept: mg.Archive) -> None:
    before, table = kept.status("days").table["synced"][0], kept.table("days")
    later = {**table.state.said, "started": (NOW + 3 * DAY).isoformat()}
    table.note(replace(table.state, said=later))
    assert kept.status("days").table["synced"][0] == NOW + 3 * DAY
    assert kept.as_of(NOW).status("days").table["synced"][0] == before


def test_the_past_is_told_as_it_was(kept: mg.Archive, serving: Account) -> None:
    later = Model(now=(NOW + 3 * DAY).to_pydatetime())
    _, client = serving(later)
    kept.sync(client=client)
    assert kept.status("days").table["last"][0] == moment("2026-11-18")
    kept.track("later", by="domain", start="2026-11-10")
    kept.sync(client=client)
    past = kept.as_of(NOW)
    assert past.status("days").table["last"][0] == moment("2026-11-15")
    assert past.status("days").table["rows"][0] == 45
    assert past.status().now == NOW
    later = past.status().table.set_index("track").loc["later"]
    assert (later["result"], later["rows"]) == ("never synced", 0)


# ---------------------------------------------------------------- damage


def test_a_damaged_table_is_a_problem_and_the_others_are_told(
    kept: mg.Archive, tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path / "history" / "days" / "_delta_log")
    status = kept.status()
    assert not status.ok
    table = status.table.set_index("track")
    assert list(table["result"]) == ["damaged", "fine"]
    assert pd.isna(table["rows"]["days"])
    assert table["rows"]["hours"] > 0
    [problem] = status.problems
    assert "history/days" in problem
    assert "days" in str(status)


def test_a_file_that_goes_while_it_is_counted_is_not_counted(
    kept: mg.Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = kept.status("days").table["disk"][0]
    walked = list(os.walk(Path(kept.place.root) / "days"))
    folder, folders, names = walked[0]
    walked[0] = (folder, folders, [*names, "gone.parquet"])
    monkeypatch.setattr(status_module.os, "walk", lambda _: walked)
    assert kept.status("days").table["disk"][0] == before


# ---------------------------------------------------------------- words


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_page_holds_what_the_text_says_and_every_name_is_text(
    tmp_path: Path, demo: mg.Client
) -> None:
    archive = mg.Archive(tmp_path / "a<b>&\u202e")
    archive.track("days", by="domain", start="2026-11-01")
    archive.sync(client=demo)
    put(archive, "days", said={"started": "2026-11-16T09:30:00Z", "error": HOSTILE})
    status = archive.status()
    page = Page(status._repr_html_())
    table = {"table", "caption", "thead", "tbody", "tr", "th", "td"}
    assert page.tags <= {"div", "p", "b", "bdi", "ul", "li", *table}
    assert page.attributes <= {"style", "scope"}
    text = " ".join(page.words)
    assert '"><script>alert(1)</script>⟨U+202E⟩' in text
    assert "a<b>&⟨U+202E⟩" in text
    assert "SIMULATED" in text
    told = str(status)
    assert "\u202e" not in told
    for words in ("What is kept", "How it stands", "2026-11-15", "3 days", "failed"):
        assert words in text
        assert words in told


def test_the_text_fits_a_terminal(kept: mg.Archive) -> None:
    kept.track("by-provider", by=["domain", "recipient_provider"], resolution="hour", api="none")
    lines = str(kept.status(["days", "hours"])).splitlines()
    assert max(map(len, lines[3:])) <= 88
    assert repr(kept.status()) == str(kept.status())


@pytest.mark.parametrize(
    ("count", "told"),
    [(0, "0 kB"), (1_499, "1 kB"), (999_499, "999 kB"), (999_500, "1.0 MB"), (1.25e9, "1.2 GB")],
)
def test_a_size_is_told_in_decimal_units(count: int, told: str) -> None:
    assert size_text(count) == told


# ---------------------------------------------------------------- the past


def test_of_the_past_nobody_is_told_to_sync_and_the_first_moment_known_is_named(
    kept: mg.Archive,
) -> None:
    kept.track("all", by="domain")
    past = kept.as_of("2020-01-01")
    problems = past.status().problems
    assert problems
    assert not [text for text in problems if "run sync" in text]
    with pytest.raises(mg.ArchiveError, match="the first moment known is 2026-11-16 09:30 UTC"):
        past.frame("days")
