"""What a child process does to an archive on a disk of its own: a full one, or a read-only one.

The disk is a mount in a namespace of the child's: nobody else sees it, and it goes with the child.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Final

import mgframe as mg

from .accounts import client, python

_ALONE: Final = ("unshare", "--user", "--map-root-user", "--mount")
_MOUNTS: Final = {
    "full": "mount -t tmpfs -o size=6m tmpfs {disk}",
    "closed": "mount --bind {disk} {disk} && mount -o remount,ro,bind {disk}",
}


def may_mount() -> bool:
    """Whether a namespace with mounts of its own may be made here."""
    if shutil.which("unshare") is None:
        return False
    command = [*_ALONE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def on_a_disk(kind: str, disk: Path, *arguments: object) -> str:
    """Run this module on a disk and return what it printed."""
    mount = _MOUNTS[kind].format(disk=disk)
    shell = ["sh", "-c", f'{mount} && exec "$@"', "sh"]
    return python("-m", "archive_faults.disks", kind, disk, *arguments, within=[*_ALONE, *shell])


def full(disk: Path, url: str, now: str, given: str, free: str) -> None:
    """Sync where `free` bytes are left; then make room and sync again."""
    history, folder = Path(given), disk / "history"
    shutil.copytree(history, folder)
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(65_536)):
                pass
        except OSError:
            file.truncate(max(0, file.tell() - int(free)))
    _sync(folder, url, now)
    shutil.copytree(folder, history.with_name("while-full"))
    filler.unlink()
    _sync(folder, url, now)
    shutil.copytree(folder, history.with_name("with-room"))


def closed(disk: Path, url: str, now: str) -> None:
    """Sync, track and read where nothing may be written."""
    folder = disk / "history"
    _sync(folder, url, now)
    try:
        mg.Archive(folder).track("more", by="tag")
    except mg.ArchiveError as error:
        print(f"refused: {error}")
    print(f"{len(mg.Archive(folder).frame('days'))} rows")


def _sync(folder: Path, url: str, now: str) -> None:
    try:
        print(mg.Archive(folder).sync(client=client(url, datetime.fromisoformat(now))))
    except mg.ArchiveError as error:
        print(f"failed: {error}")


if __name__ == "__main__":
    {"full": full, "closed": closed}[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])
