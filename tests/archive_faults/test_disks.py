"""A disk that is full, or may not be written: a clear error, and nothing that was kept is lost."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

import mgframe as mg
from archive_faults.accounts import python, unlike, wrongs
from archive_faults.conftest import Syncing, asking
from archive_faults.disks import may_mount, on_a_disk
from mgframe.simulator import Model, Server

mounting = pytest.mark.skipif(not may_mount(), reason="needs a namespace with mounts of its own")


def all_right(place: Path, oracle: Model) -> bool:
    archive = mg.Archive(place)
    found = {name: wrongs(archive.table(name), t, oracle) for name, t in archive.tracks.items()}
    assert found == {"hours": [], "days": []}
    return True


@mounting
@pytest.mark.slow
@pytest.mark.parametrize("free", [0, 4_096, 20_480, 65_536])
def test_a_full_disk_fails_the_step_and_room_mends_it(
    folder: Path, server: Server, oracle: Model, whole: Syncing, free: int
) -> None:
    """A tmpfs of 6 MB, filled up to some bytes: the write fails that no longer fits.

    It is the first file of the step, a later one, or the log's entry.
    """
    disk = folder.with_name("disk")
    disk.mkdir()
    said = on_a_disk("full", disk, server.url, server.model.now.isoformat(), folder, free)
    first, _, rest = said.partition("\n")
    assert "no space is left for writing; nothing that was kept is lost" in first
    assert all_right(folder.with_name("while-full"), oracle)
    assert "rows new" in rest
    assert unlike(mg.Archive(folder.with_name("with-room")), whole()) == []


_LIMITED = """
import resource, signal, sys
from datetime import datetime
import mgframe as mg
from archive_faults.accounts import client
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder, url, now = sys.argv[1:]
asking = client(url, datetime.fromisoformat(now))
archive = mg.Archive(folder)
archive.tracks  # the libraries are loaded
resource.setrlimit(resource.RLIMIT_FSIZE, (1_500, 1_500))
try:
    archive.sync(client=asking)
except mg.ArchiveError as error:
    print(error)
"""


def test_a_file_that_may_not_grow_fails_the_step_too(
    folder: Path, server: Server, oracle: Model, whole: Syncing
) -> None:
    """RLIMIT_FSIZE, which needs no mount: a write stops in the middle of a file."""
    said = python("-c", _LIMITED, folder, server.url, server.model.now.isoformat())
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 1_500  # the child's alone
    assert "no space is left for writing" in said
    assert all_right(folder, oracle)
    mg.Archive(folder).sync(client=asking(server))
    assert unlike(mg.Archive(folder), whole()) == []


@mounting
def test_a_read_only_folder_is_read_and_not_written(
    folder: Path, server: Server, oracle: Model
) -> None:
    """A bind mount that is read only, for no permission holds off root."""
    disk = folder.with_name("disk")
    disk.mkdir()
    folder.rename(disk / "history")
    said = on_a_disk("closed", disk, server.url, server.model.now.isoformat())
    failed, refused, read = said.splitlines()
    assert failed.startswith("failed: ")
    for text in (failed, refused):
        assert "is not allowed" in text
        assert "writable for sync, and readable for everything else" in text
    assert read.endswith(" rows")
    assert not read.startswith("0 ")
    assert all_right(disk / "history", oracle)


@pytest.mark.skipif(os.getuid() == 0, reason="no permission holds off root; see the bind mount")
def test_a_folder_without_permission_is_refused(folder: Path, server: Server) -> None:
    for place in [folder, *folder.rglob("*/")]:
        place.chmod(0o500)
    with pytest.raises(mg.ArchiveError, match="is not allowed"):
        mg.Archive(folder).sync(client=asking(server))
