"""`Archive.find` names a track of the mail that is asked for, of the time that is asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from archives import frame_of, read_at

import mgframe as mg
from mgframe.errors import ArchiveError


@pytest.fixture
def archive(tmp_path: Path) -> mg.Archive:
    return mg.Archive(tmp_path / "history")


def keep_days(archive: mg.Archive, name: str, *days: str) -> None:
    """Keep one message delivered on each of the days, as known on 16 November."""
    read_at(archive, frame_of({day: {"delivered": 1} for day in days}), "2026-11-16", name=name)


def unreported(archive: mg.Archive, name: str) -> None:
    """Take the statistics out of a table's log, as a program writes it that makes none."""
    for entry in Path(archive.place.table(name), "_delta_log").glob("*.json"):
        lines = [json.loads(line) for line in entry.read_text().splitlines()]
        for line in lines:
            line.get("add", {}).pop("stats", None)
        entry.write_text("".join(json.dumps(line) + "\n" for line in lines))


# ---------------------------------------------------------------- files of another program


def test_a_track_whose_rows_nobody_counted_is_found_after_those_of_known_size(
    archive: mg.Archive,
) -> None:
    for name in ("other", "days"):
        archive.track(name, by="domain")
        keep_days(archive, name, "2026-11-14", "2026-11-15")
    assert archive.find(by="domain") == "other"
    unreported(archive, "other")
    assert archive.table("other").rows is None
    assert archive.find(by="domain") == "days"


# ---------------------------------------------------------------- what is damaged, and what is not


def test_a_damaged_track_is_no_track_that_was_not_there_yet(archive: mg.Archive) -> None:
    for name in ("hours", "days"):
        archive.track(name, by="domain", resolution="hour" if name == "hours" else "day")
        keep_days(archive, name, "2026-11-15")
    past = archive.as_of("2026-11-17")
    assert past.find(by="domain") == "days"
    for entry in Path(archive.place.table("days"), "_delta_log").glob("*.json"):
        entry.write_text("{broken")
    with pytest.raises(ArchiveError, match="history/days: reading failed"):
        past.find(by="domain")
