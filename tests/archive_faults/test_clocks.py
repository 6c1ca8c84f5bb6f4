"""A clock that jumps, and a machine in another zone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

import mgframe as mg
from archive_faults.accounts import client, python, unlike, wrongs
from archive_faults.conftest import Syncing, asking, later
from mgframe.simulator import Model, Server


@pytest.fixture
def synced(folder: Path) -> mg.Archive:
    return mg.Archive(folder)


@pytest.mark.parametrize("days", [2, 70, 5 * 365])
def test_a_machine_whose_clock_jumped_forwards_keeps_nothing(
    synced: mg.Archive, server: Server, whole: Syncing, days: int
) -> None:
    reads = {name: synced.table(name).state.reads for name in synced.tracks}
    ahead = client(server.url, server.model.now + timedelta(days=days))
    with pytest.raises(mg.ArchiveError, match=r"this machine's clock .* and Mailgun's .* set it"):
        synced.sync(client=ahead)
    assert {name: synced.table(name).state.reads for name in synced.tracks} == reads
    # Set right, it goes on where it was.
    assert synced.sync(client=asking(server)).ok
    assert unlike(synced, whole()) == []


def test_a_machine_whose_clock_jumped_back_asks_nothing(
    synced: mg.Archive, server: Server, whole: Syncing
) -> None:
    asked = len(server.requests)
    behind = client(server.url, server.model.now - timedelta(days=4))
    with pytest.raises(
        mg.ArchiveError, match=r"the clock says 2026-05-29.* last synced at 2026-06"
    ):
        synced.sync(client=behind)
    assert len(server.requests) == asked
    assert synced.sync(client=asking(server)).ok
    assert unlike(synced, whole()) == []


def test_years_without_a_sync_leave_a_gap_that_is_unknown(
    synced: mg.Archive, server: Server, oracle: Model
) -> None:
    later(server, days=3 * 365)
    assert synced.sync(client=asking(server)).ok
    for name, track in synced.tracks.items():
        assert wrongs(synced.table(name), track, oracle) == []
        assert len(synced.table(name).state.covered) == 2
    with pytest.warns(mg.MgframeWarning, match="was never read for 2026-06-01.*unknown, not zero"):
        frame = synced.frame("days", "delivered", start="2026-05-31", end="2026-06-02")
    assert frame["delivered"].notna().tolist() == [True, True, False, False, False, False]


_ELSEWHERE = """
import sys
from datetime import datetime
from pathlib import Path
import mgframe as mg
from archive_faults.accounts import client, kept
from archive_faults.conftest import TRACKS
folder, url, now = sys.argv[1:]
archive = kept(Path(folder), TRACKS)
archive.sync(client=client(url, datetime.fromisoformat(now)))
frame = archive.frame("hours", tz="Europe/Berlin", resolution="day")
print(frame.to_csv(), frame.index.dtypes.to_dict())
"""


@pytest.mark.slow
def test_a_machine_in_another_zone_keeps_and_reads_the_same(
    server: Server, whole: Syncing, tmp_path: Path
) -> None:
    said: dict[int, set[str]] = {}
    for day in range(2):
        whole()
        for zone in ("America/St_Johns", "Pacific/Auckland", "UTC"):
            now = server.model.now.isoformat()
            text = python("-c", _ELSEWHERE, tmp_path / "one", server.url, now, TZ=zone)
            said.setdefault(day, set()).add(text)
        later(server, days=1)
    assert all(len(texts) == 1 for texts in said.values())
    assert unlike(mg.Archive(tmp_path / "one"), mg.Archive(tmp_path / "whole")) == []
