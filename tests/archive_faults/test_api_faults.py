"""The API fails, is late, contradicts itself, forgets a domain: nothing wrong is kept."""

from __future__ import annotations

import re
from unittest import mock

import pandas as pd
import pytest

import mgframe as mg
from archive_faults.accounts import rows, unlike, wrongs
from archive_faults.conftest import Syncing, asking, later
from mgframe.simulator import Fault, Model, Server

METRICS = "/v1/analytics/metrics"


def said_wrong(archive: mg.Archive, oracle: Model) -> list[str]:
    return [
        text
        for name, track in archive.tracks.items()
        for text in wrongs(archive.table(name), track, oracle)
    ]


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of some days, so that a sync has several."""
    monkeypatch.setattr("mgframe.archiving.steps.ROWS_A_STEP", 1_000)
    monkeypatch.setattr("mgframe.archiving.steps._GUESSED", (1.0, 100.0, 20.5))


@pytest.mark.parametrize("kind", ["500", "503", "html", "truncated", "drop", "textual", "gap"])
def test_what_was_complete_before_request_seven_failed_is_kept(
    archive: mg.Archive, server: Server, oracle: Model, whole: Syncing, kind: str
) -> None:
    server.inject(Fault(kind, times=1_000, after=6))
    with pytest.raises(mg.MgframeError):
        archive.sync(client=asking(server))
    assert said_wrong(archive, oracle) == []
    steps = {name: len(list(archive.table(name).history())) for name in archive.tracks}
    assert max(steps.values()) > 2
    assert all(archive.table(name).state.kind == "failed" for name in archive.tracks)
    server.faults.clear()
    assert archive.sync(client=asking(server)).ok
    assert unlike(archive, whole()) == []


def test_a_track_that_fails_does_not_keep_the_other_from_its_turn(
    archive: mg.Archive, server: Server, oracle: Model, whole: Syncing
) -> None:
    # Hours come first, for they are forgotten first; after their failure the days are asked.
    server.inject(Fault("500", after=6))
    with pytest.warns(mg.MgframeWarning, match="hours: failed: .* 500"):
        synced = archive.sync(client=asking(server))
    assert len(server.requests) > 8
    assert not synced.ok
    table = synced.table.set_index("track")
    assert "500" in table.loc["hours", "error"]
    assert table.loc["hours", "added"] == len(rows(archive.table("hours"))) > 0
    assert table.loc["days", "error"] == ""
    assert "hours: 2026-05-25 to" in str(synced)
    assert said_wrong(archive, oracle) == []
    assert archive.sync(client=asking(server)).ok
    assert unlike(archive, whole()) == []


def test_an_answer_that_comes_too_late_ends_the_sync_and_loses_nothing(
    archive: mg.Archive, server: Server, oracle: Model, whole: Syncing
) -> None:
    server.inject(Fault("slow", after=6, seconds=1.2))
    with pytest.raises(mg.TransportError, match=r"Read timed out"):
        archive.sync(client=asking(server, timeout=(0.8, 0.4)))
    # Nobody waits for the next track to run into the same.
    assert len(server.requests) <= 8
    assert said_wrong(archive, oracle) == []
    assert archive.sync(client=asking(server)).ok
    assert unlike(archive, whole()) == []


def test_a_total_that_changes_between_pages_is_asked_again(
    archive: mg.Archive, server: Server, whole: Syncing
) -> None:
    server.inject(Fault("total", path=METRICS))
    assert archive.sync(client=asking(server)).ok
    assert unlike(archive, whole()) == []


def test_a_total_that_keeps_changing_fails_the_step_and_no_other(
    archive: mg.Archive, server: Server, oracle: Model, whole: Syncing
) -> None:
    server.inject(Fault("total", times=1_000, after=7, path=METRICS))
    with pytest.raises(mg.ResponseError, match=r"rows|total"):
        archive.sync(client=asking(server))
    assert said_wrong(archive, oracle) == []
    assert len(rows(archive.table("hours"))) > 0
    server.faults.clear()
    archive.sync(client=asking(server))
    assert unlike(archive, whole()) == []


def test_a_clock_that_goes_on_between_pages_leaves_what_the_account_says_in_the_end(
    archive: mg.Archive, server: Server, oracle: Model
) -> None:
    usual = server.app.faults.next

    def next_and_later(path: str) -> Fault | None:
        later(server, minutes=7)
        return usual(path)

    live = mg.Client("key-simulated", base_url=server.url, clock=lambda: server.model.now)
    with mock.patch.object(server.app.faults, "next", next_and_later):
        archive.sync(client=live)
    later(server, days=4)
    archive.sync(client=asking(server))
    later(server, days=4)
    archive.sync(client=asking(server))
    assert said_wrong(archive, oracle) == []


def test_a_domain_that_an_answer_lost_is_unknown_and_never_zero(
    archive: mg.Archive, server: Server, oracle: Model, whole: Syncing
) -> None:
    archive.sync(client=asking(server))
    before = {name: rows(archive.table(name)) for name in archive.tracks}
    later(server, days=1)
    server.inject(Fault("lost", times=1_000, path=METRICS))
    with pytest.warns(mg.MgframeWarning, match=r"lacks .* rows that held counts \(a.example\)"):
        synced = archive.sync(client=asking(server))
    assert (synced.table["lost"] > 0).all()
    assert "they are kept" in str(synced)
    for name, old in before.items():
        found, state = rows(archive.table(name)), archive.table(name).state
        lost = old.index[old.index.get_level_values("domain") == "a.example"]
        pd.testing.assert_frame_equal(found.loc[lost], old.loc[lost])
        doubted = [read for read in state.reads if read.doubted]
        assert doubted
        assert max(read.until for read in doubted) == max(read.until for read in state.reads)
    server.faults.clear()
    later(server, hours=1)
    assert archive.sync(client=asking(server)).ok
    assert not any(
        read.doubted for name in archive.tracks for read in archive.table(name).state.reads
    )
    assert said_wrong(archive, oracle) == []


def test_an_import_settles_the_doubt_over_a_domain_that_is_gone_for_good(
    archive: mg.Archive, server: Server
) -> None:
    archive.sync(client=asking(server))
    later(server, days=1)
    server.inject(Fault("lost", times=10_000, path=METRICS))
    with pytest.warns(mg.MgframeWarning, match="lacks"):
        archive.sync(client=asking(server))
    later(server, days=4)  # within the lag the next sync would look, and doubt, again
    with pytest.warns(mg.MgframeWarning, match="lacks"):
        archive.sync(client=asking(server))
    before = rows(archive.table("days"))
    assert archive.status("days").table["doubted"][0] > 0
    reads = [read for read in archive.table("days").state.reads if read.doubted]
    with pytest.warns(mg.MgframeWarning, match="not compared"):
        note = archive.verify("days")["note"][0]
    assert "import_frame(name, mg.metrics(...)) of these buckets settles it" in note
    frame = mg.metrics(
        by="domain", start=reads[0].start, end=reads[-1].until - pd.Timedelta(hours=1),
        client=asking(server),
    )  # fmt: skip
    assert "a.example" not in frame.index.unique("domain")
    archive.import_frame("days", frame)
    assert archive.status("days").table["doubted"][0] == 0
    pd.testing.assert_frame_equal(rows(archive.table("days")), before)
    later(server, days=8)
    archive.sync("days", client=asking(server))
    assert archive.status("days").table["doubted"][0] == 0, "nor is it doubted anew"
    after = rows(archive.table("days"))
    gone = before.xs("a.example", level="domain")
    pd.testing.assert_frame_equal(after.xs("a.example", level="domain"), gone)


def test_no_answer_at_all_keeps_nothing_and_says_why(archive: mg.Archive, server: Server) -> None:
    url, now = server.url, server.model.now
    server.close()
    nobody = mg.Client("key-of-mine", base_url=url, clock=lambda: now, retries=0)
    with pytest.raises(mg.TransportError) as caught:
        archive.sync(client=nobody)
    assert "key-of-mine" not in str(caught.value)
    for name in archive.tracks:
        assert archive.table(name).state.kind == "failed"
        assert archive.table(name).state.reads == ()


def test_a_wrong_key_is_one_question_and_an_error(archive: mg.Archive, server: Server) -> None:
    wrong = mg.Client(
        "key-wrong", base_url=server.url, clock=lambda: server.model.now, retries=0, connections=1
    )
    with pytest.raises(mg.AuthenticationError):
        archive.sync(client=wrong)
    assert len(server.requests) <= 2  # of one step
    assert not re.search("key-wrong", str(archive.table("hours").state.to_json()))
