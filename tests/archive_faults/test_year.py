"""Some months of syncs: what the API has forgotten is kept, and is what the account says."""

from __future__ import annotations

from pathlib import Path

import pytest

from archive_faults.year import live


@pytest.mark.slow
def test_months_of_syncs_end_with_what_the_account_says(tmp_path: Path) -> None:
    """The whole year is ``python -m tests.archive_faults.year``; this is a sync every third day."""
    year = live(tmp_path / "history", 78, step=3, checks=30)
    assert year.wrong == []
    assert year.forgotten > 200
    assert year.new_files == 0
    assert max(year.requests[1:]) <= 6  # hours of six days can be two pages of 1,500 rows
