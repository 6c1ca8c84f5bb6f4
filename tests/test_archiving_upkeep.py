"""Checking what is kept, and joining its files: nothing that the past needs is lost by it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from archives import archive_of, frame_of, moment, read_at, rows_of

import mgframe as mg
from mgframe.archiving import compacting
from mgframe.archiving.libraries import database, library, told
from mgframe.archiving.logfiles import commit_joined
from mgframe.archiving.places import Place
from mgframe.archiving.tables import opened
from mgframe.errors import ArchiveError, ConfigurationError, MgframeWarning, QueryError
from mgframe.simulator import Model, Server

DAY = "2026-11-10"
OLD = time.time() - 2 * 24 * 3600
FORGOTTEN = "never read, and Mailgun has forgotten it; import_frame() can fill it"
pytestmark = pytest.mark.filterwarnings("ignore:what is kept is not compared:UserWarning")


@pytest.fixture
def archive(tmp_path: Path) -> mg.Archive:
    """Six hours in six files, of which two changed once; final since the fourteenth."""
    archive = archive_of(tmp_path / "history")
    for hour in range(5):
        counts = {"delivered": 10 + hour, "opened": hour}
        read_at(archive, frame_of({f"{DAY} {hour:02d}:00": counts}), f"{DAY} {hour + 1:02d}:00")
    changed = {f"{DAY} {h:02d}:00": {"delivered": 10 + h, "opened": 2 * h} for h in range(2)}
    read_at(archive, frame_of(changed), f"{DAY} 08:00")
    counts = {"delivered": 10, "opened": 1}
    read_at(archive, frame_of({f"{DAY} 05:00": counts}), f"{DAY} 09:00")
    return archive


def files(archive: mg.Archive) -> list[Path]:
    return [Path(file) for file in archive.table("hours").files()]


def folder(archive: mg.Archive) -> Path:
    return Path(archive.place.root) / "hours"


def versions(archive: mg.Archive, last: int) -> list[pd.DataFrame]:
    """Return all rows of every version, as they can be read now."""
    found = []
    for version in range(last + 1):
        rows = opened(archive.place, "hours", version).delta.to_pandas()
        found.append(rows.sort_values("time", ignore_index=True)[sorted(rows.columns)])
    return found


def feed(archive: mg.Archive) -> pd.DataFrame:
    """Return the whole change data feed."""
    with database() as connection:
        connection.register("feed", archive.table("hours").delta.load_cdf(starting_version=0))
        return connection.sql("FROM feed ORDER BY _commit_version, time, opened").df()


def checks(archive: mg.Archive, **options: Any) -> list[tuple[str, str]]:
    found = archive.verify(**options)
    return list(zip(found["check"], found["what"], strict=True))


# ---------------------------------------------------------------- compact


def test_files_are_joined_and_every_row_and_version_stays(archive: mg.Archive) -> None:
    last = archive.table("hours").version
    rows, past, changes = rows_of(archive), versions(archive, last), feed(archive)
    listed, state = archive.restatements("hours"), archive.table("hours").state
    [row] = archive.compact().to_dict("records")
    assert (row["track"], row["files_after"], row["removed"]) == ("hours", 1, 0)
    assert row["files_before"] > 1
    assert row["bytes_after"] == files(archive)[0].stat().st_size
    assert archive.table("hours").version == last + 1
    pd.testing.assert_frame_equal(rows_of(archive), rows)
    for now, before in zip(versions(archive, last), past, strict=True):
        pd.testing.assert_frame_equal(now, before)
    pd.testing.assert_frame_equal(feed(archive), changes)
    pd.testing.assert_frame_equal(archive.restatements("hours"), listed)
    after = archive.table("hours").state
    assert (after.kind, after.at, after.reads) == ("compact", state.at, state.reads)


def test_an_archive_is_as_of_then_what_it_was(archive: mg.Archive) -> None:
    past = mg.Archive(archive.place.root)
    past.when = moment(f"{DAY} 07:00")
    rows, listed = rows_of(past), past.restatements("hours")
    archive.compact()
    pd.testing.assert_frame_equal(rows_of(past), rows)
    pd.testing.assert_frame_equal(past.restatements("hours"), listed)


def test_what_comes_after_a_compaction_is_merged_into_it(archive: mg.Archive) -> None:
    archive.compact()
    counts = {"delivered": 10, "opened": 50}
    read_at(archive, frame_of({f"{DAY} 02:00": counts, f"{DAY} 06:00": counts}), f"{DAY} 12:00")
    archive.table("hours").delta.create_checkpoint()
    assert rows_of(archive)["opened"].tolist() == [0, 2, 50, 3, 4, 1, 50]
    assert checks(archive) == []


def test_other_readers_leave_files_out_by_their_statistics(archive: mg.Archive) -> None:
    archive.compact()
    table = archive.table("hours").delta.to_pyarrow_dataset()
    field = library("pyarrow.dataset").field
    assert table.to_table(filter=field("opened") > 3).num_rows == 1
    assert table.to_table(filter=field("time") > moment(f"{DAY} 03:00")).num_rows == 2
    assert list(table.get_fragments(filter=field("opened") > 4)) == []


def test_a_second_time_there_is_nothing_to_join(archive: mg.Archive) -> None:
    archive.compact()
    version = archive.table("hours").version
    [row] = archive.compact().to_dict("records")
    assert row["files_before"] == row["files_after"] == 1
    assert archive.table("hours").version == version


def test_columns_that_came_later_are_unknown_in_joined_rows(archive: mg.Archive) -> None:
    read_at(archive, frame_of({f"{DAY} 06:00": {"clicked": 3}}), f"{DAY} 10:00")
    rows = rows_of(archive)
    archive.compact()
    pd.testing.assert_frame_equal(rows_of(archive), rows)
    assert rows_of(archive)["clicked"].isna().sum() == 6


def test_a_sync_that_commits_first_loses_nothing(
    archive: mg.Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(*args: Any) -> None:
        monkeypatch.setattr(compacting, "commit_joined", commit_joined)
        counts = {"delivered": 99, "opened": 99}
        read_at(archive, frame_of({f"{DAY} 01:00": counts}), f"{DAY} 13:00")
        commit_joined(*args)

    monkeypatch.setattr(compacting, "commit_joined", late)
    assert archive.compact().loc[0, "files_after"] == 1
    assert rows_of(archive)["delivered"].tolist() == [10, 99, 12, 13, 14, 10]
    assert archive.table("hours").state.at == moment(f"{DAY} 13:00")
    assert checks(archive) == []
    named = len(list(folder(archive).rglob("*.parquet")))
    assert archive.compact(older_than="1h").loc[0, "removed"] == 0
    assert len(list(folder(archive).rglob("*.parquet"))) == named


def test_two_compactions_at_once_keep_every_row_once(archive: mg.Archive) -> None:
    rows = rows_of(archive)
    code = f"import mgframe as mg; mg.Archive({archive.place.root!r}).compact()"
    running = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    pd.testing.assert_frame_equal(rows_of(archive), rows)
    assert archive.table("hours").state.kind == "compact"


def test_a_compaction_that_fails_leaves_nothing_behind(
    archive: mg.Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    before = sorted(folder(archive).rglob("*"))
    monkeypatch.setattr(os, "link", full)
    with pytest.raises(ArchiveError, match="no space is left"):
        archive.compact()
    assert sorted(folder(archive).rglob("*")) == before


def leave_behind(archive: mg.Archive, modified: float) -> list[Path]:
    """Make files as a killed write leaves them."""
    root = folder(archive)
    period = root / f"period={DAY}"
    copies = [period / "part-of-nobody.zstd.parquet", period / "part-1.zstd.parquet#7"]
    copies += [root / "_change_data" / f"period={DAY}" / "cdc-of-nobody.zstd.parquet"]
    for copy in copies:
        copy.write_bytes(files(archive)[0].read_bytes())
    drafts = [root / "_delta_log" / "_commit_4711.json.tmp"]
    drafts[0].write_text("{}")
    for file in (*copies, *drafts):
        os.utime(file, (modified, modified))
    return [*copies, *drafts]


def test_what_an_interrupted_write_left_is_removed_after_a_day(archive: mg.Archive) -> None:
    past, changes = versions(archive, archive.table("hours").version), feed(archive)
    for file in folder(archive).rglob("*.*"):
        os.utime(file, (OLD, OLD))
    left = leave_behind(archive, OLD)
    [row] = archive.compact().to_dict("records")
    assert row["removed"] == len(left)
    assert row["removed_bytes"] > 0
    assert not any(file.exists() for file in left)
    for now, before in zip(versions(archive, len(past) - 1), past, strict=True):
        pd.testing.assert_frame_equal(now, before)
    pd.testing.assert_frame_equal(feed(archive), changes)


def test_what_another_process_may_be_writing_stays(archive: mg.Archive) -> None:
    left = leave_behind(archive, time.time() - 7200)
    assert archive.compact().loc[0, "removed"] == 0
    assert all(file.exists() for file in left)
    assert archive.compact(older_than="1h").loc[0, "removed"] == len(left)


def test_a_users_own_file_is_not_touched(archive: mg.Archive) -> None:
    note = folder(archive) / "notes.txt"
    note.write_text("mine")
    os.utime(note, (OLD, OLD))
    archive.compact()
    assert note.exists()


def test_with_a_part_of_the_log_gone_nothing_is_removed(archive: mg.Archive) -> None:
    table = archive.table("hours").delta
    table.create_checkpoint()
    kept = list(folder(archive).rglob("*.parquet"))
    for file in kept:
        os.utime(file, (OLD, OLD))
    (folder(archive) / "_delta_log" / f"{2:020d}.json").unlink()  # it named the first file
    assert archive.compact().loc[0, "removed"] == 0
    assert all(file.exists() for file in kept)


def test_the_past_and_an_object_store_are_not_compacted(archive: mg.Archive) -> None:
    past = mg.Archive(archive.place.root)
    past.when = moment(f"{DAY} 07:00")
    with pytest.raises(QueryError, match="read only"):
        past.compact()
    with pytest.raises(QueryError, match="object store"):
        mg.Archive("s3://bucket/mail").compact()
    with pytest.raises(QueryError, match="older_than"):
        archive.compact(older_than="0d")
    with pytest.raises(QueryError, match="is no track"):
        archive.compact("days")


# ---------------------------------------------------------------- verify


def test_of_a_sound_archive_nothing_is_wrong_and_the_proof_is_told(archive: mg.Archive) -> None:
    found = archive.verify()
    assert found.empty
    meta = found.attrs["mgframe"]
    assert (meta["tracks"], meta["files"], meta["rows"]) == (1, len(files(archive)), 6)
    assert meta["asked"] is False


def test_without_a_key_it_says_that_nothing_was_asked(archive: mg.Archive) -> None:
    with pytest.warns(MgframeWarning, match="not compared with Mailgun"):
        archive.verify()
    wrong: Any = "key"
    with pytest.raises(ConfigurationError, match="client must be"):
        archive.verify(client=wrong)


def test_what_was_never_read_is_a_gap(archive: mg.Archive) -> None:
    read_at(archive, frame_of({f"{DAY} 09:00": {"delivered": 1}}), f"{DAY} 10:00")
    [row] = archive.verify().to_dict("records")
    assert (row["check"], row["start"], row["until"]) == (
        "gap", moment(f"{DAY} 06:00"), moment(f"{DAY} 09:00"),
    )  # fmt: skip


def test_a_gap_says_what_of_it_can_still_be_fetched(archive: mg.Archive) -> None:
    archive.track("days", by="domain")
    for day in ("2025-06-01", "2026-11-09"):
        read_at(archive, frame_of({day: {"delivered": 1}}), "2026-11-10", name="days")
    table = archive.table("days")
    table.note(replace(table.state, simulated=True))  # its clock is that of the last sync
    found = archive.verify("days")[["start", "until", "note"]].to_numpy().tolist()
    assert found == [
        [moment("2025-06-02"), moment("2025-11-10"), FORGOTTEN],
        [moment("2025-11-10"), moment("2026-11-09"), "never read; sync() or import it"],
    ]


@pytest.mark.parametrize("api", ["none", "metrics"])
def test_a_gap_that_no_sync_asks_for_is_told_to_be_imported(tmp_path: Path, api: str) -> None:
    archive = mg.Archive(tmp_path / "other")
    archive.track("days", by="domain", api=api, start=None if api == "none" else "2026-11-08")
    for day in ("2026-11-02", "2026-11-05", "2026-11-09"):
        read_at(archive, frame_of({day: {"delivered": 1}}), "2026-11-10", name="days")
    table = archive.table("days")
    table.note(replace(table.state, simulated=True))
    found = archive.verify()
    last = "2026-11-09" if api == "none" else "2026-11-08"
    assert found["until"].tolist()[:2] == [moment("2026-11-05"), moment(last)]
    assert (
        found["note"].tolist()[:2]
        == ["never read, and no sync asks for it; import_frame() can fill it"] * 2
    )
    assert found["note"].tolist()[2:] == ["never read; sync() or import it"] * (api != "none")


def test_an_answer_that_lacked_something_is_doubted(archive: mg.Archive) -> None:
    read_at(archive, frame_of({f"{DAY} 06:00": {"delivered": 1}}), f"{DAY} 10:00", doubted=True)
    assert checks(archive) == [("doubted", "-")]


def test_a_damaged_and_a_missing_file_are_named_and_the_rest_is_checked(
    archive: mg.Archive,
) -> None:
    archive.track("more", by="domain", resolution="hour")
    read_at(archive, frame_of({f"{DAY} 06:00": {"delivered": -1}}), f"{DAY} 10:00", name="more")
    damaged, missing = files(archive)[:2]
    content = damaged.read_bytes()
    damaged.write_bytes(content[:40] + bytes(200) + content[240:])
    missing.unlink()
    found = archive.verify()
    names = {f"period={DAY}/{file.name}" for file in (damaged, missing)}
    assert set(found["what"][found["check"] == "file"]) == names
    assert found[["track", "check", "count", "rows"]].to_numpy().tolist()[-1] == [
        "more", "negative", "delivered", 1,
    ]  # fmt: skip


def test_a_file_that_only_the_past_needs_is_missed_too(archive: mg.Archive) -> None:
    gone = set(folder(archive).glob("period=*/*.parquet")) - set(files(archive))
    changes = list((folder(archive) / "_change_data").rglob("*.parquet"))
    for file in (*gone, *changes):
        file.unlink()
    found = archive.verify()
    assert set(found["check"]) == {"file"}
    assert len(found) == len(gone) + len(changes) > 1
    assert found["note"].str.contains("as_of and restatements need it").all()


def test_a_damaged_log_does_not_keep_the_other_tracks_from_their_turn(
    archive: mg.Archive,
) -> None:
    archive.track("more", by="domain", resolution="hour")
    read_at(archive, frame_of({f"{DAY} 06:00": {"delivered": -1}}), f"{DAY} 10:00", name="more")
    (folder(archive) / "_delta_log" / f"{3:020d}.json").write_text("{")
    assert [check for check, _ in checks(archive)] == ["table", "negative"]
    assert checks(archive, names="more")[0][0] == "negative"


def write(archive: mg.Archive, frame: pd.DataFrame, period: str) -> None:
    """Add rows as another program could, under any period."""
    table = archive.table("hours")
    rows = frame.reset_index().assign(period=period)
    with database() as connection:
        connection.register("rows", rows)
        arrow = library("arro3.core").Table.from_arrow(connection.sql("SELECT * FROM rows"))
    table.append(arrow, table.state)


def test_a_row_that_is_there_twice_is_found(archive: mg.Archive) -> None:
    write(archive, frame_of({f"{DAY} 00:00": {"delivered": 10, "opened": 0}}), DAY)
    row, content = archive.verify().to_dict("records")
    assert (row["check"], row["what"], row["rows"], row["start"]) == (
        "duplicates", "a.com", 1, moment(DAY),
    )  # fmt: skip
    assert content["check"] == "content"
    assert "another program wrote to it" in content["note"]


def altered(archive: mg.Archive, value: str) -> None:
    """Write a file of after the first hour with another value, as damage or a program could."""
    file = min({*files(archive)} - {*files(archive.as_of(f"{DAY} 01:00"))})
    with database() as connection:
        source = f"read_parquet('{file}', hive_partitioning = false)"
        rows = f"SELECT * REPLACE ({value}) FROM {source}"
        connection.execute(f"COPY ({rows}) TO '{file}.new' (FORMAT parquet)")
    Path(f"{file}.new").replace(file)


def test_numbers_that_are_not_those_that_were_stored_are_found(archive: mg.Archive) -> None:
    altered(archive, "delivered + 1 AS delivered")
    assert checks(archive) == [("content", "-")]
    assert checks(archive.as_of(f"{DAY} 01:00")) == [], "its files are others"


def test_a_time_that_no_clock_shows_is_a_finding_without_it(archive: mg.Archive) -> None:
    altered(archive, "time + INTERVAL 36000 YEAR AS time")
    row, content = archive.verify().to_dict("records")
    assert (row["check"], pd.isna(row["start"]), row["rows"]) == ("period", True, 1)
    assert content["check"] == "content"


def test_a_column_of_another_type_is_found(archive: mg.Archive) -> None:
    altered(archive, "CAST(domain AS BLOB) AS domain")
    found = archive.verify()
    assert found["check"].tolist() == ["file"]
    assert "not of the table's types" in found["note"][0]


def test_whatever_a_library_raises_is_an_error_of_the_archive() -> None:
    said = "days: reading failed.*conversion error"
    with pytest.raises(ArchiveError, match=said), told("days", "reading"):
        raise RuntimeError("nanobind::str(): conversion error!")
    with pytest.raises(KeyError), told("days", "reading"):
        raise KeyError("a mistake of our own")


def test_no_flipped_bit_changes_a_number_unseen(archive: mg.Archive) -> None:
    archive.compact()
    [file], sound = files(archive), archive.frame("hours")
    content, seen = file.read_bytes(), 0
    for place in range(0, 8 * len(content), 101):
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << place % 8
        file.write_bytes(flipped)
        try:
            same = archive.frame("hours").equals(sound)
        except ArchiveError:
            same = False
        if not same:
            assert set(archive.verify()["check"]) & {"content", "file", "table"}, place
            seen += 1
    assert seen > 30


def test_a_digest_is_the_sum_of_the_rows_md5(archive: mg.Archive) -> None:
    def row(hour: int, delivered: int, opened: int) -> int:
        micros = moment(f"{DAY} {hour:02d}:00").value // 1000
        text = f"{micros}\0a.com\0delivered={delivered}\0opened={opened}"
        return int.from_bytes(hashlib.md5(text.encode()).digest()[8:], "little")

    opened = [0, 2, 2, 3, 4, 1]
    rows = [row(h, 10 + h if h < 5 else 10, opened[h]) for h in range(6)]
    table = archive.table("hours")
    assert table.state.digest == sum(rows) % 2**64
    assert table.widen(["complained"]).state.digest == table.state.digest
    assert checks(archive) == [], "a column that no row reports changes no row"


def test_in_an_object_store_each_period_is_read_as_a_whole(
    archive: mg.Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow")
    write(archive, frame_of({f"{DAY} 00:00": {"delivered": -10, "opened": 0}}), DAY)
    monkeypatch.setattr(Place, "is_local", property(lambda _: False))
    period = f"period={DAY}"
    assert checks(archive) == [
        ("negative", period), ("duplicates", "a.com"), ("content", "-"),
    ]  # fmt: skip
    for file in folder(archive).glob(f"{period}/*.parquet"):
        file.unlink()
    assert checks(archive) == [("file", period)]


def test_a_row_in_another_periods_file_is_found(archive: mg.Archive) -> None:
    write(archive, frame_of({f"{DAY} 00:00": {"delivered": 10, "opened": 0}}), "2026-11-12")
    row, _ = archive.verify().to_dict("records")
    assert (row["check"], row["rows"], row["start"]) == ("period", 1, moment(DAY))
    assert row["what"].startswith("period=2026-11-12/")


Serving = Callable[..., tuple[Server, mg.Client]]


@pytest.fixture
def synced(tmp_path: Path, demo: mg.Client) -> mg.Archive:
    archive = mg.Archive(tmp_path / "synced")
    counts = ["delivered", "opened", "unique_opened"]
    archive.track("days", counts, by="domain", start="2026-10-20")
    archive.track("hours", counts, by=["domain", "recipient_provider"], resolution="hour",
                  start="2026-11-05")  # fmt: skip
    archive.track("months", "delivered", resolution="month", start="2026-08-01")
    archive.sync(client=demo)
    return archive


def test_kept_sums_equal_a_fresh_answer(synced: mg.Archive, demo: mg.Client) -> None:
    found = synced.verify(client=demo)
    assert found.empty
    meta = found.attrs["mgframe"]
    # 11 final days of 3 counts, 8 of 2 (uniques are not added up from hours), 2 months of one;
    # and days against hours; the months before the last are no whole ones of the days.
    assert meta["compared"] == {"api": 11 * 3 + 8 * 2 + 2, "tracks": 8 * 2}
    assert (meta["requests"], meta["asked"], meta["simulated"]) == (3, True, True)


def test_only_so_far_back_as_asked(synced: mg.Archive, demo: mg.Client) -> None:
    found = synced.verify("days", last="5d", client=demo)
    assert found.attrs["mgframe"]["compared"] == {"api": 2 * 3, "tracks": 0}


def test_a_kept_sum_that_mailgun_does_not_confirm_is_told(
    synced: mg.Archive, demo: mg.Client
) -> None:
    day, note = "2026-11-10", "Mailgun says otherwise now"
    frame = mg.metrics(["delivered", "opened"], by="domain", start=day, end=day, client=demo)
    truth = frame.sum()
    frame["delivered"] += [1, 0, 0]
    frame["opened"] -= [1, 0, 0]
    at = synced.table("days").state.at
    assert at is not None
    read_at(synced, frame, at, name="days", kind="import")
    found = synced.verify("days", client=demo)
    said = found[["check", "count", "kept", "answered", "difference", "expected"]]
    assert said.to_numpy().tolist() == [
        ["api", "delivered", truth["delivered"] + 1, truth["delivered"], 1, False],
        ["api", "opened", truth["opened"] - 1, truth["opened"], -1, True],
    ]
    assert found["start"].tolist() == [moment(day)] * 2
    assert found["until"].tolist() == [moment("2026-11-11")] * 2
    assert found["note"].str.startswith(note).all()


def test_two_tracks_that_keep_the_same_must_agree(synced: mg.Archive, demo: mg.Client) -> None:
    day = "2026-11-08"
    frame = mg.metrics("delivered", by="domain", start=day, end=day, client=demo)
    frame["delivered"] *= 2
    at = synced.table("days").state.at
    assert at is not None
    read_at(synced, frame, at, name="days", kind="import")
    [row] = synced.verify().to_dict("records")
    assert (row["track"], row["check"], row["what"], row["count"]) == (
        "days", "tracks", "hours", "delivered",
    )  # fmt: skip
    assert row["kept"] == 2 * row["answered"]
    assert (row["start"], row["expected"]) == (moment(day), False)


def test_tracks_of_overlapping_or_other_mail_are_not_compared(
    tmp_path: Path, demo: mg.Client
) -> None:
    archive = mg.Archive(tmp_path / "tags")
    archive.track("tags", "delivered", by="tag", start="2026-11-01")
    archive.track("days", "delivered", by="domain", start="2026-11-01")
    archive.track("gmail", "delivered", where={"recipient_provider": "Gmail"}, start="2026-11-01")
    archive.sync(client=demo)
    found = archive.verify(client=demo)
    assert found.empty
    assert found.attrs["mgframe"]["compared"]["tracks"] == 0


def test_what_the_api_refuses_is_told_and_not_raised(
    synced: mg.Archive, serving: Serving, model: Model
) -> None:
    server, client = serving()
    server.close()
    found = synced.verify(client=client)
    assert set(found["check"]) == {"not compared"}
    assert found["track"].tolist() == ["days", "hours", "months"]


def test_an_invented_account_is_not_compared_with_a_real_one(
    tmp_path: Path, demo: mg.Client
) -> None:
    archive = archive_of(tmp_path / "real", "days", resolution="day")
    read_at(archive, frame_of({"2026-11-10": {"delivered": 5}}), "2026-11-14", name="days")
    found = archive.verify(client=demo)
    assert found["check"].tolist() == ["not compared"]
    assert "simulated" in found.loc[0, "note"]


def test_of_the_past_nothing_is_asked(archive: mg.Archive, demo: mg.Client) -> None:
    past = mg.Archive(archive.place.root)
    past.when = moment(f"{DAY} 07:00")
    archive.track("later", by="domain")
    found = past.verify(client=demo)
    assert found.empty
    assert (found.attrs["mgframe"]["asked"], found.attrs["mgframe"]["rows"]) == (False, 5)


def test_a_wrong_span_and_an_unknown_track_are_refused(archive: mg.Archive) -> None:
    with pytest.raises(QueryError, match="last"):
        archive.verify(last="soon")
    with pytest.raises(QueryError, match="is no track"):
        archive.verify("days")


def test_the_log_says_what_a_compaction_did(archive: mg.Archive) -> None:
    archive.compact()
    version = archive.table("hours").version
    log = folder(archive) / "_delta_log" / f"{version:020d}.json"
    actions = [json.loads(line) for line in log.read_text().splitlines()]
    moved = [one for action in actions for kind, one in action.items() if kind != "commitInfo"]
    assert actions[0]["commitInfo"]["operation"] == "OPTIMIZE"
    assert not any(one["dataChange"] for one in moved)


def test_a_track_with_a_damaged_file_is_not_compared_and_the_others_are(
    synced: mg.Archive, demo: mg.Client
) -> None:
    file = Path(synced.table("hours").files("2026-11-10")[0])
    file.write_bytes(b"nothing of the kind")
    found = synced.verify(client=demo)
    assert found[["track", "check"]].to_numpy().tolist() == [["hours", "file"]]
    assert found.attrs["mgframe"]["compared"] == {"api": 11 * 3 + 2, "tracks": 0}


def test_a_day_that_only_one_of_two_tracks_has_rows_of_is_told(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "two", "one", "other", resolution="day")
    span = (moment("2026-11-10"), moment("2026-11-12"))
    counts = {"2026-11-10": {"delivered": 5}, "2026-11-11": {"delivered": 7}}
    read_at(archive, frame_of(counts), "2026-11-20", name="one", span=span)
    read_at(archive, frame_of(counts).iloc[:1], "2026-11-20", name="other", span=span)
    [row] = archive.verify().to_dict("records")
    assert (row["check"], row["start"]) == ("tracks", moment("2026-11-11"))
    assert (row["kept"], row["answered"], row["difference"]) == (7, 0, 7)
