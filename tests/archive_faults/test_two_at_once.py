"""Two syncs of one archive at once: neither corrupt nor twice."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

import mgframe as mg
from archive_faults.accounts import rows, unlike, wrongs
from archive_faults.conftest import later
from archive_faults.kills import sync
from mgframe.simulator import Model, Server

FORKING = multiprocessing.get_context("forkserver")


@pytest.mark.slow
def test_syncs_of_several_processes_end_as_one(
    server: Server, oracle: Model, tmp_path: Path
) -> None:
    FORKING.set_forkserver_preload(["mgframe.archiving.archive", "deltalake", "duckdb"])
    one, many = tmp_path / "one", tmp_path / "many"
    for _ in range(3):
        now = server.model.now
        whole = sync(one, server.url, now)
        asked = len(server.requests)
        children = [FORKING.Process(target=sync, args=(many, server.url, now)) for _ in range(3)]
        for child in children:
            child.start()
        for child in children:
            child.join(120)
        assert [child.exitcode for child in children] == [0, 0, 0]
        assert len(server.requests) > asked
        archive = mg.Archive(many)
        assert unlike(archive, whole) == []
        for name, track in archive.tracks.items():
            assert not rows(archive.table(name)).index.duplicated().any()
            assert wrongs(archive.table(name), track, oracle) == []
        later(server, days=1)
