"""Ten of the two hundred kills of ``python -m tests.archive_faults.kills``."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest

import mgframe as mg
from archive_faults.accounts import unlike
from archive_faults.conftest import Syncing, asking, later
from archive_faults.kills import run
from mgframe.simulator import Server


@pytest.mark.slow
def test_the_sync_after_a_kill_ends_as_if_there_had_been_none(tmp_path: Path) -> None:
    tally = run(tmp_path, kills=10, seed=6)
    assert tally.wrong == []
    assert tally.kills == 10
    assert tally.looks > tally.versions > 10
    assert len(tally.struck) > 1


def test_what_a_killed_sync_did_not_learn_is_learnt_by_the_next(
    folder: Path, server: Server, whole: Syncing
) -> None:
    archive = mg.Archive(folder)
    for _ in range(9):  # a week after the first lags were learnt, they are learnt anew
        with (
            mock.patch("mgframe.archiving.syncing.learnt", side_effect=KeyboardInterrupt),
            pytest.raises(KeyboardInterrupt),
        ):
            archive.sync(client=asking(server))
        archive.sync(client=asking(server))
        assert unlike(archive, whole()) == []
        later(server, days=1)
    assert archive.table("hours").state.lags
