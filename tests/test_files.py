"""A file is written whole or not at all."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from mgframe.files import beside


def test_a_file_is_there_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "weekly.html"
    with beside(path) as fresh:
        fresh.write_text("half")
        assert not path.exists()
    assert path.read_text() == "half"
    assert list(tmp_path.iterdir()) == [path]


def test_after_an_error_the_old_file_is_still_there_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "weekly.html"
    path.write_text("last week")

    def broken() -> None:
        with beside(path) as fresh:
            fresh.write_text("half")
            raise OSError

    with pytest.raises(OSError):
        broken()
    assert path.read_text() == "last week"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link_and_its_file_keeps_who_may_read_it(tmp_path: Path) -> None:
    old, link = tmp_path / "old.html", tmp_path / "weekly.html"
    old.write_text("last week")
    old.chmod(0o640)
    link.symlink_to(old)
    with beside(link) as fresh:
        fresh.write_text("this week")
    assert link.is_symlink()
    assert old.read_text() == "this week"
    assert stat.S_IMODE(old.stat().st_mode) == 0o640


def test_a_device_is_written_to_and_not_replaced() -> None:
    with beside(Path("/dev/null")) as fresh:
        assert fresh == Path("/dev/null")
