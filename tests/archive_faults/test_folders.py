"""What may lie in an archive's folder: damaged, foreign and newer files. A clear error, no loss."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import deltalake
import pandas as pd
import pytest

import mgframe as mg
from archive_faults.accounts import unlike, wrongs
from archive_faults.conftest import TRACKS, Syncing, asking
from mgframe.archiving.tables import opened
from mgframe.simulator import Model, Server

Folder = Path


def contents(folder: Folder) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if not p.is_dir()}


def log_of(folder: Folder, table: str = "hours") -> list[Path]:
    return sorted((folder / table / "_delta_log").glob("*.json"))


def files_of(folder: Folder) -> list[Path]:
    """Return the newest data files of the hours, which the next sync has to compare with."""
    return [Path(file) for file in sorted(mg.Archive(folder).table("hours").files())[-3:]]


def overwritten(folder: Folder) -> list[Path]:
    for file in files_of(folder):
        file.write_bytes(file.read_bytes()[:100] + b"?" * 40)
    return files_of(folder)


def removed(folder: Folder) -> list[Path]:
    files = files_of(folder)
    for file in files:
        file.unlink()
    return files


def cut_entry(folder: Folder) -> list[Path]:
    entry = log_of(folder)[-1]
    entry.write_bytes(entry.read_bytes()[:200])
    return [entry]


def empty_entry(folder: Folder) -> list[Path]:
    entry = log_of(folder)[-1]
    entry.write_bytes(b"")
    return [entry]


def scrambled_entry(folder: Folder) -> list[Path]:
    entry = log_of(folder)[0]
    entry.write_bytes(b"\0\xff" * 40)
    return [entry]


@pytest.mark.parametrize(
    "damage",
    [overwritten, removed, cut_entry, empty_entry, scrambled_entry],
    ids=lambda d: d.__name__,
)
def test_a_damaged_track_is_named_and_the_others_go_on(
    folder: Folder,
    server: Server,
    oracle: Model,
    whole: Syncing,
    damage: Callable[[Folder], list[Path]],
) -> None:
    sound = contents(folder)
    damaged = damage(folder)
    before = contents(folder / "hours")
    with pytest.warns(mg.MgframeWarning, match=r"hours: .*damaged or missing.*verify\(\) names"):
        synced = mg.Archive(folder).sync(client=asking(server))
    assert not synced.ok
    assert synced.table.set_index("track").loc["days", "error"] == ""
    after = contents(folder / "hours")
    assert {name: after[name] for name in before} == before  # nothing is mended by guessing
    for file in damaged:  # from a copy, as the message says
        file.write_bytes(sound[str(file.relative_to(folder))])
    archive = mg.Archive(folder)
    if archive.table("hours").state.kind == "failed":  # it could still be noted
        assert "damaged" in archive.table("hours").state.said["error"]
    assert archive.sync(client=asking(server)).ok
    assert unlike(archive, whole()) == []
    assert wrongs(archive.table("hours"), archive.tracks["hours"], oracle) == []


def test_a_damaged_catalogue_is_named(folder: Folder, server: Server) -> None:
    entry = log_of(folder, "catalogue")[-1]
    entry.write_bytes(entry.read_bytes()[:50])
    for doing in (
        lambda archive: archive.sync(client=asking(server)),
        lambda archive: archive.tracks,
        lambda archive: archive.frame("hours"),
        lambda archive: archive.track("more", by="tag"),
    ):
        with pytest.raises(mg.ArchiveError, match=r"catalogue: reading failed, .*damaged"):
            doing(mg.Archive(folder))


def test_a_damaged_file_is_an_error_of_a_frame_not_a_hole_in_it(folder: Folder) -> None:
    whole = mg.Archive(folder).frame("hours", "delivered")
    overwritten(folder)
    with pytest.raises(mg.ArchiveError, match="damaged or missing"):
        mg.Archive(folder).frame("hours", "delivered")
    window = {"start": "2026-05-25", "end": "2026-05-26"}  # what is sound can be read
    old = mg.Archive(folder).frame("hours", "delivered", **window)
    pd.testing.assert_frame_equal(old, whole.loc[:"2026-05-26 23:00"], check_freq=False)


def test_foreign_files_stay_and_do_no_harm(folder: Folder, server: Server, whole: Syncing) -> None:
    foreign = ["notes.txt", "hours/notes.txt", "hours/period=2026-05-26/x.parquet", "x.parquet"]
    for name in foreign:
        (folder / name).write_text("not of the archive", encoding="utf-8")
    archive = mg.Archive(folder)
    assert archive.sync(client=asking(server)).ok
    assert unlike(archive, whole()) == []
    assert {(folder / name).read_text(encoding="utf-8") for name in foreign} == {
        "not of the archive"
    }


def test_what_a_killed_process_began_is_no_foreign_folder(tmp_path: Path) -> None:
    begun = tmp_path / "catalogue" / "_delta_log"
    begun.mkdir(parents=True)
    (begun / "_commit_0ab1.json.tmp").write_text("{", encoding="utf-8")
    mg.Archive(tmp_path).track("days", by="domain")
    assert list(mg.Archive(tmp_path).tracks) == ["days"]


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("chapter one", encoding="utf-8")
    with pytest.raises(mg.ArchiveError, match=r"is not empty .*'thesis.txt'"):
        mg.Archive(tmp_path).track("days", by="domain")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_foreign_table_under_a_new_tracks_name_is_refused(folder: Folder) -> None:
    deltalake.write_deltalake(folder / "sales", pd.DataFrame({"amount": [1, 2]}))
    before = contents(folder)
    with pytest.raises(mg.ArchiveError, match="is a table of something else: it has no column"):
        mg.Archive(folder).track("sales", by="domain")
    assert contents(folder) == before


def test_a_table_of_other_keys_under_a_new_tracks_name_is_refused(folder: Folder) -> None:
    mg.Archive(folder.with_name("other")).track("tags", by="tag")
    shutil.copytree(folder.with_name("other") / "tags", folder / "tags")
    with pytest.raises(mg.ArchiveError, match="it has no column 'domain'"):
        mg.Archive(folder).track("tags", by="domain")
    mg.Archive(folder).track("tags", by="tag")  # what an interrupted track() leaves is taken up


def test_a_foreign_table_in_a_tracks_place_is_refused(folder: Folder, server: Server) -> None:
    shutil.rmtree(folder / "hours")
    deltalake.write_deltalake(folder / "hours", pd.DataFrame({"amount": [1, 2]}))
    before = contents(folder / "hours")
    with pytest.warns(mg.MgframeWarning, match="hours is a table of something else"):
        mg.Archive(folder).sync(client=asking(server))
    with pytest.raises(mg.ArchiveError, match="is a table of something else"):
        mg.Archive(folder).frame("hours")
    assert contents(folder / "hours") == before


def test_a_file_in_a_tracks_place_is_refused(folder: Folder, server: Server) -> None:
    shutil.rmtree(folder / "hours")
    (folder / "hours").write_text("mine", encoding="utf-8")
    with pytest.warns(mg.MgframeWarning, match="hours is a file where the track's folder"):
        mg.Archive(folder).sync(client=asking(server))
    (folder / "more").write_text("mine", encoding="utf-8")
    with pytest.raises(mg.ArchiveError, match="more is a file where the track's folder"):
        mg.Archive(folder).track("more", by="tag")
    assert (folder / "hours").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    "protocol",
    [
        {"minReaderVersion": 9, "minWriterVersion": 9},
        {
            "minReaderVersion": 3,
            "minWriterVersion": 7,
            "readerFeatures": ["yetToCome"],
            "writerFeatures": ["yetToCome"],
        },
    ],
    ids=["version", "feature"],
)
def test_a_table_of_a_newer_delta_format_is_not_touched(
    folder: Folder, server: Server, protocol: dict[str, object]
) -> None:
    newest = log_of(folder)[-1]
    entry = newest.with_name(f"{int(newest.stem) + 1:020}.json")
    entry.write_text(json.dumps({"protocol": protocol}) + "\n", encoding="utf-8")
    before = contents(folder / "hours")
    with pytest.warns(mg.MgframeWarning, match=r"newer table format.*pip install -U"):
        synced = mg.Archive(folder).sync(client=asking(server))
    assert synced.table.set_index("track").loc["days", "error"] == ""
    with pytest.raises(mg.ArchiveError, match="newer table format"):
        mg.Archive(folder).frame("hours")
    assert contents(folder / "hours") == before


@pytest.mark.parametrize("name", ["hours", "catalogue"])
def test_a_state_of_a_newer_format_is_not_touched(
    folder: Folder, server: Server, name: str
) -> None:
    table = opened(mg.Archive(folder).place, name)
    with mock.patch("mgframe.archiving.states.FORMAT", 2):
        table.note(table.state)
    before = contents(folder / name)
    with pytest.raises(mg.ArchiveError, match="format 2, newer than this mgframe knows"):
        mg.Archive(folder).frame("hours")
    with pytest.raises((mg.ArchiveError, mg.MgframeWarning), match="format 2, newer"):
        mg.Archive(folder).sync(client=asking(server))
    assert contents(folder / name) == before


def test_a_commit_by_another_program_is_gone_on_from(
    folder: Folder, server: Server, whole: Syncing
) -> None:
    """Such as ``OPTIMIZE`` of a warehouse: it has no state, so the one before it holds."""
    deltalake.DeltaTable(folder / "hours").optimize.compact()
    archive = mg.Archive(folder)
    assert archive.sync(client=asking(server)).ok
    assert unlike(archive, whole()) == []


def test_a_track_is_not_changed_after_data_exists(folder: Folder, oracle: Model) -> None:
    archive = mg.Archive(folder)
    before = contents(folder)
    for change in ({"by": "domain"}, {"resolution": "day"}, {"where": {"domain": ["a.example"]}}):
        with pytest.raises(
            mg.QueryError, match=r"there already .* another name, such as 'hours-2'"
        ):
            archive.track("hours", **{**TRACKS["hours"], **change})
    assert contents(folder) == before
    archive.track("hours", **TRACKS["hours"])  # the same is no change
    assert contents(folder) == before
    assert wrongs(archive.table("hours"), archive.tracks["hours"], oracle) == []


@pytest.mark.parametrize(
    "name", ["../up", "a/b", "/etc/hours", "..", ".", "", "a\\b", "h\0", "Hours", "_delta_log", "é"]
)
def test_a_name_that_is_a_path_is_refused_and_makes_nothing(first_day: Folder, name: str) -> None:
    folder, archive = first_day.parent, mg.Archive(first_day)
    before = contents(folder)
    for doing in (
        lambda: archive.track(name, by="domain"),
        lambda: archive.sync(name, client=mg.Client("key", base_url="http://127.0.0.1:9")),
        lambda: archive.frame(name),
    ):
        with pytest.raises(mg.QueryError, match="name"):
            doing()
    assert contents(folder) == before
