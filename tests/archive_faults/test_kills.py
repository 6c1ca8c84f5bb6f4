"""Ten of the two hundred kills of ``python -m tests.archive_faults.kills``."""

from __future__ import annotations

from pathlib import Path

import pytest

from archive_faults.kills import run


@pytest.mark.slow
def test_the_sync_after_a_kill_ends_as_if_there_had_been_none(tmp_path: Path) -> None:
    tally = run(tmp_path, kills=10, seed=6)
    assert tally.wrong == []
    assert tally.kills == 10
    assert tally.looks > tally.versions > 10
    assert len(tally.struck) > 1
