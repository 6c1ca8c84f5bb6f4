"""An archive in the explorer: its keys and widths, without a request; last year beside this one."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from explorer.looks import drawn, run_code
from kept import NOW, PAIR, archive_of, by_keys, keep_frame
from reporting.made import account

import mgframe as mg
from mgframe.errors import ArchiveError, QueryError
from mgframe.explorer.exploring import Explorer
from mgframe.explorer.view import View


def seen(explorer: Explorer) -> Explorer:
    explorer.wait()
    assert explorer.problem == ""
    return explorer


def test_an_archive_is_explored_up_to_when_it_was_kept_last(kept: mg.Archive) -> None:
    explorer = seen(mg.explore(archive=kept))
    times = explorer.frame.index.get_level_values("time")
    assert (times.min(), times.max()) == (
        pd.Timestamp("2026-10-19", tz="UTC"),
        pd.Timestamp("2026-11-15", tz="UTC"),
    )
    expected = by_keys(430, PAIR).mg.sum(["time", "domain"]).loc["2026-10-19":]
    pd.testing.assert_frame_equal(explorer.frame, expected, check_freq=False)


def test_its_code_reads_the_same_frame_even_after_more_was_kept(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "mail", days=60)
    explorer = seen(mg.explore(by=list(PAIR), where={"domain": "big.example"}, archive=archive))
    more = account(days=60)
    keep_frame(archive, "domain-recipient-provider", more.assign(delivered=1),
               at=NOW + pd.Timedelta(days=1))  # fmt: skip
    ran = run_code(explorer.code)
    pd.testing.assert_frame_equal(ran["df"], explorer.frame)
    assert drawn(ran["ax"].figure) == drawn(explorer.figure())


def test_only_keys_widths_and_windows_that_are_kept_are_offered(kept: mg.Archive) -> None:
    view = View(seen(mg.explore(archive=kept)).session)
    keys = [value for _, value in view._group[0].options]
    assert keys == ["domain", "recipient_provider", "tag", "-"]
    assert [value for _, value in view._resolution.options] == ["day", "week", "month"]
    assert [value for _, value in view._window.options][-2:] == ["365d", "425d"]
    assert [value for _, value in view._compare.options] == ["", "before", "year"]


def test_keys_that_no_track_tells_are_a_sentence_that_names_the_track(kept: mg.Archive) -> None:
    explorer = seen(mg.explore(archive=kept))
    before = explorer.session.sight
    explorer.choose(group=("recipient_provider", "tag"), by="tag").wait()
    assert "track(" in explorer.problem
    assert explorer.session.sight is before


def test_a_week_is_compared_with_the_same_weekdays_of_last_year(kept: mg.Archive) -> None:
    explorer = seen(mg.explore(last="7d", compare="year", archive=kept))
    assert explorer.session.sight.window == (
        "09 Nov 2026 to 15 Nov 2026, compared with 10 Nov 2025 to 16 Nov 2025"
    )
    frame, _ = explorer.session.draw()
    whole = by_keys(430, PAIR).mg.sum(["time", "domain"])
    expected = mg.compare(
        whole[["sent", "delivered", "processed"]], "delivery_rate", by=["domain"],
        before="2025-11-10/2025-11-16", after="2026-11-09/2026-11-15", until="2026-11-16",
    )  # fmt: skip
    pd.testing.assert_frame_equal(frame, expected)
    assert explorer.session.sight.table.header[1:3] == ("last year", "now")
    ran = run_code(explorer.code)
    pd.testing.assert_frame_equal(ran["part"], frame)


def test_last_year_is_offered_and_taken_only_where_it_is_kept(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "mail", days=90)
    view = View(seen(mg.explore(archive=archive)).session)
    assert [value for _, value in view._compare.options] == ["", "before"]
    with pytest.raises(QueryError, match="more than 52 weeks"):
        mg.explore(account(), compare="year")
    with pytest.raises(QueryError, match=r"compare='decade' must be True"):
        mg.explore(archive=archive, compare="decade")


def test_a_frame_of_more_than_a_year_is_compared_with_last_year_too() -> None:
    explorer = mg.explore(account(days=430), last="7d", compare="year")
    assert explorer.session.sight.window.endswith("compared with 10 Nov 2025 to 16 Nov 2025")
    explorer.choose(compare=True)
    assert explorer.session.sight.window.endswith("compared with 02 Nov 2026 to 08 Nov 2026")


def test_fourteen_months_of_days_are_quick(kept: mg.Archive) -> None:
    explorer = seen(mg.explore(archive=kept))
    began = time.perf_counter()
    seen(explorer.choose(window="425d"))
    assert time.perf_counter() - began < 5
    assert explorer.frame.index.unique("time").size == 425


def test_invented_numbers_say_so(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "mail", days=60, simulated=True)
    explorer = seen(mg.explore(archive=archive))
    assert explorer.session.sight.simulated
    assert "mg.Archive(" in explorer.code


def test_one_source_at_a_time(kept: mg.Archive) -> None:
    with pytest.raises(QueryError, match="archive"):
        mg.explore(account(), archive=kept)
    with pytest.raises(QueryError, match="without a client"):
        mg.explore(archive=kept, client=mg.demo())


def test_an_empty_archive_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="there is no archive at"):
        mg.explore(archive=mg.Archive(tmp_path / "mail"))


def test_a_script_that_ends_while_an_archive_is_read_ends_well(kept: mg.Archive) -> None:
    code = "import sys, mgframe as mg; print(mg.explore(archive=mg.Archive(sys.argv[1])))"
    ran = subprocess.run(
        [sys.executable, "-c", code, kept.place.root],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == "Explorer(still fetching)\n"
