"""A sync fetches what is new and what may still change, and keeps each step whole."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from test_archiving_storing import data_files

import mgframe as mg
from mgframe.archiving import syncing
from mgframe.archiving.libraries import database
from mgframe.archiving.scanning import scan
from mgframe.archiving.spans import Read
from mgframe.archiving.states import State
from mgframe.archiving.steps import due, gaps, next_step
from mgframe.archiving.tracks import Track
from mgframe.simulator import Fault, Model, Server

NOW = datetime(2026, 11, 16, 9, 30, tzinfo=UTC)
Account = Callable[..., tuple[Server, mg.Client]]


@pytest.fixture
def archive(tmp_path: Path) -> mg.Archive:
    return mg.Archive(tmp_path / "history")


@pytest.fixture(scope="module")
def models() -> Callable[[datetime], Model]:
    """One small account, seen at any moment."""
    made: dict[datetime, Model] = {}

    def at(now: datetime) -> Model:
        if now not in made:
            made[now] = Model(seed=3, domains=1, days=90, now=now)
        return made[now]

    return at


def rows_of(archive: mg.Archive, name: str) -> pd.DataFrame:
    table = archive.table(name)
    keys = archive.named(name).levels
    with database() as connection:
        scan(connection, table, "kept")
        frame = connection.sql("SELECT * FROM kept").df()
    counts = [column for column in frame.columns if column not in ("time", *keys)]
    frame[counts] = frame[counts].astype("Int64")
    frame["time"] = pd.DatetimeIndex(frame["time"]).as_unit("us")
    return frame.set_index(["time", *keys]).sort_index()


def answered_until(moment: str) -> Callable[..., pd.DataFrame]:
    """Return a fetch whose answers call no bucket complete that ends later."""
    fetched = syncing.run

    def early(*asked: Any) -> pd.DataFrame:
        frame = fetched(*asked)
        frame.attrs["mgframe"]["complete_until"] = moment
        return frame

    return early


def test_the_first_sync_keeps_what_a_fetch_gives(
    archive: mg.Archive, serving: Account, models: Any
) -> None:
    _, client = serving(models(NOW))
    archive.track("hours", by="recipient_provider", resolution="hour")
    synced = archive.sync(client=client)
    fetched = mg.metrics(by="recipient_provider", last="60d", resolution="hour", client=client)
    kept = rows_of(archive, "hours")
    assert synced.ok
    assert synced.table.loc[0, "added"] == len(kept)
    kept = kept[kept.index.get_level_values("time") >= fetched.index[0][0]]
    fetched = fetched[fetched.ne(0).any(axis=1)]  # what the API has no row of is filled in
    pd.testing.assert_frame_equal(
        kept[fetched.columns], fetched, check_index_type=False, check_freq=False
    )


@pytest.mark.parametrize("api", ["metrics", "stats"])
@pytest.mark.parametrize("by", [None, "domain"])
def test_every_kind_of_track_is_fetched(
    archive: mg.Archive, serving: Account, models: Any, api: str, by: str | None
) -> None:
    _, client = serving(models(NOW))
    archive.track("days", by=by, api=api, start="2026-11-01")
    outcome = archive.sync(client=client).outcomes[0]
    assert (outcome.added, outcome.requests >= 1) == (15, True)


def test_a_second_sync_asks_nothing_and_writes_no_data(
    archive: mg.Archive, serving: Account, models: Any
) -> None:
    server, client = serving(models(NOW))
    archive.track("days", by="domain", start="2026-10-01")
    archive.sync(client=client)
    before, server.requests[:] = data_files(archive), []
    synced = archive.sync(client=client)
    assert server.requests == []
    assert data_files(archive) == before
    assert str(synced) == "days: nothing new"


def test_a_day_later_it_asks_for_the_new_day_and_for_what_may_still_change_in_one_request(
    archive: mg.Archive, serving: Account, models: Any
) -> None:
    archive.track("days", "delivered", by="domain", start="2026-10-01")
    archive.sync(client=serving(models(NOW))[1])
    server, client = serving(models(NOW + timedelta(days=1)))
    outcome = archive.sync(client=client).outcomes[0]
    assert outcome.requests == len(server.requests) == 1
    assert (outcome.start, outcome.until) == (
        pd.Timestamp("2026-11-13", tz="UTC"),  # not three days old when it was last read
        pd.Timestamp("2026-11-17", tz="UTC"),
    )


def test_what_still_moves_is_not_read_again_within_six_hours(
    archive: mg.Archive, serving: Account, models: Any
) -> None:
    archive.track("hours", by="domain", resolution="hour", start="2026-11-10")
    archive.sync(client=serving(models(NOW))[1])
    outcome = archive.sync(client=serving(models(NOW + timedelta(hours=2)))[1]).outcomes[0]
    assert (outcome.added, outcome.changed) == (2, 0)
    assert outcome.start == pd.Timestamp("2026-11-16 09:00", tz="UTC")


def test_a_gap_is_fetched_while_mailgun_has_it(
    archive: mg.Archive, serving: Account, models: Any
) -> None:
    archive.track("hours", by="domain", resolution="hour", start="2026-11-10")
    archive.sync(client=serving(models(NOW - timedelta(days=5)))[1])
    archive.sync(client=serving(models(NOW))[1])
    assert archive.table("hours").state.covered == [
        (pd.Timestamp("2026-11-10", tz="UTC"), pd.Timestamp("2026-11-16 09:00", tz="UTC"))
    ]


HOUR = pd.Timedelta(hours=1)
MONDAY = pd.Timestamp("2026-11-16", tz="UTC")


def test_what_is_forgotten_first_comes_first() -> None:
    hours = next_step(Track("h", resolution="hour"), State(), MONDAY)
    days = next_step(Track("d", resolution="day"), State(), MONDAY)
    months = next_step(Track("m", resolution="month"), State(), MONDAY)
    assert None not in (hours, days, months)
    assert hours.expires == days.expires == MONDAY < months.expires
    late = State(reads=(Read(MONDAY - 60 * 24 * HOUR, MONDAY - 24 * HOUR),))
    young = next_step(Track("h", resolution="hour"), late, MONDAY)
    assert young is not None
    assert young.expires > days.expires


def test_a_bucket_that_is_not_complete_is_no_gap() -> None:
    track = Track("h", resolution="hour", start=MONDAY - HOUR)
    assert gaps(track, State(), MONDAY + HOUR / 2) == [(MONDAY - HOUR, MONDAY)]


def test_a_sync_asks_first_for_what_is_forgotten_first(
    archive: mg.Archive, serving: Account, models: Any
) -> None:
    server, client = serving(models(NOW))
    archive.track("days", "delivered", by="domain", start="2026-11-01")
    archive.track("hours", "delivered", by="domain", resolution="hour", api="stats")
    archive.sync(client=client)
    of_days = ["metrics" in request for request in server.requests]
    assert of_days == sorted(of_days)
    assert True in of_days


def test_what_mailgun_has_forgotten_is_not_asked_for() -> None:
    track = Track("h", resolution="hour", start=MONDAY - 100 * 24 * HOUR)
    assert due(track, State(), MONDAY) == [(MONDAY - 60 * 24 * HOUR, MONDAY)]


def test_a_step_takes_as_many_buckets_as_their_rows_allow() -> None:
    state = State(facts={"rows_a_bucket": 25_000.0})
    step = next_step(Track("h", resolution="hour"), state, MONDAY)
    assert step is not None
    assert step.until - step.start == 10 * HOUR


def test_the_oldest_gap_is_the_first_step() -> None:
    track = Track("h", resolution="hour", start=MONDAY - 9 * HOUR)
    state = State(reads=(Read(MONDAY - 6 * HOUR, MONDAY - 3 * HOUR),))
    step = next_step(track, state, MONDAY)
    assert step is not None
    assert step.span == (MONDAY - 9 * HOUR, MONDAY - 6 * HOUR)


@pytest.mark.parametrize(("by", "days"), [((), 60), (("domain",), 60), (("domain", "tag"), 7)])
def test_a_first_step_by_more_keys_is_shorter(by: tuple[str, ...], days: int) -> None:
    step = next_step(Track("h", by=by, resolution="hour"), State(), MONDAY)
    assert step is not None
    assert round((step.until - step.start) / (24 * HOUR)) == days


def test_what_moves_is_read_together_in_one_question() -> None:
    ends = [MONDAY - n * HOUR for n in range(8, 0, -1)]
    reads = tuple(Read(end - HOUR, end, end) for end in ends)  # as an hourly sync leaves them
    long, short = (Track("h", resolution="hour", start=MONDAY - n * HOUR) for n in (9, 6))
    assert due(long, State(reads=reads), MONDAY) == [(MONDAY - 9 * HOUR, MONDAY)]
    assert due(short, State(reads=reads[3:]), MONDAY) == [(MONDAY - 1 * HOUR, MONDAY)]


def test_what_still_moves_is_read_again_after_six_hours_to_the_minute() -> None:
    track, read = Track("h", resolution="hour", start=MONDAY - HOUR), Read(MONDAY - HOUR, MONDAY)
    state = State(reads=(replace(read, at=MONDAY),))
    assert due(track, state, MONDAY + 6 * HOUR) == [(MONDAY - HOUR, MONDAY + 6 * HOUR)]
    assert due(track, state, MONDAY + 5 * HOUR) == [(MONDAY, MONDAY + 5 * HOUR)]


def test_what_was_doubted_is_asked_for_at_once_and_later_each_week() -> None:
    day = 24 * HOUR
    track = Track("h", resolution="hour", start=MONDAY - 9 * day)
    young = State(reads=(Read(MONDAY - 9 * day, MONDAY - day),
                         Read(MONDAY - day, MONDAY, MONDAY, doubted=True)))  # fmt: skip
    assert due(track, young, MONDAY + HOUR)[0][0] == MONDAY - day
    old = State(reads=(Read(MONDAY - 9 * day, MONDAY - 8 * day, MONDAY, doubted=True),
                       Read(MONDAY - 8 * day, MONDAY)))  # fmt: skip
    assert due(track, old, MONDAY + HOUR) == [(MONDAY, MONDAY + HOUR)]
    assert due(track, old, MONDAY + 7 * day)[0] == (MONDAY - 9 * day, MONDAY - 8 * day)


@pytest.mark.parametrize(("by", "steps"), [(None, 1), ("domain", 1)])
def test_a_first_sync_of_one_key_is_one_question(
    archive: mg.Archive, serving: Account, models: Any, by: str | None, steps: int
) -> None:
    server, client = serving(models(NOW))
    archive.track("hours", "delivered", by=by, resolution="hour")
    archive.sync(client=client)
    plan = mg.plan(mg.metrics, "delivered", by=by, last="1440h", resolution="hour", client=client)
    assert archive.table("hours").state.said["steps"] == steps
    assert len(server.requests) <= max(plan.pages, plan.requests) + 1


def test_what_was_taken_does_not_keep_what_comes_after_it_from_its_turn() -> None:
    day, track = 24 * HOUR, Track("h", resolution="hour")
    reads = (Read(MONDAY - 9 * day, MONDAY - 8 * day, MONDAY - 8 * day, doubted=True),
             Read(MONDAY - 8 * day, MONDAY - day))  # fmt: skip
    first = next_step(track, State(reads=reads), MONDAY)
    assert first is not None
    assert first.span == (MONDAY - 60 * day, MONDAY - 9 * day)
    doubted = next_step(track, State(reads=reads), MONDAY, [first.span])
    assert doubted is not None
    assert doubted.span == reads[0].span, "it is asked for alone"
    last = next_step(track, State(reads=reads), MONDAY, [first.span, doubted.span])
    assert last is not None
    assert last.span == (MONDAY - day, MONDAY)
    taken = [first.span, doubted.span, last.span]
    assert next_step(track, State(reads=reads), MONDAY, taken) is None


def test_final_buckets_are_never_asked_for_again() -> None:
    state = State(reads=(Read(MONDAY - 60 * 24 * HOUR, MONDAY),))
    assert due(Track("h", resolution="hour"), state, MONDAY) == []


def test_a_track_that_fails_keeps_what_was_complete_and_the_others_go_on(
    archive: mg.Archive, serving: Account, models: Any
) -> None:
    server, client = serving(models(NOW))
    archive.track("days", by="domain", start="2026-10-01")
    archive.track("hours", by=["domain", "recipient_provider"], resolution="hour")
    server.faults.append(Fault("truncated", times=1, after=2, path="metrics"))
    with pytest.warns(mg.MgframeWarning, match="hours: failed"):
        synced = archive.sync(client=client)
    failed = synced.table.set_index("track")["error"]
    assert not synced.ok
    assert (failed["days"], failed["hours"] != "") == ("", True)
    assert archive.table("hours").state.kind == "failed"
    assert archive.sync(client=client).ok
    assert archive.table("hours").state.covered[0][1] == pd.Timestamp(NOW).floor("h")


def test_where_every_track_fails_it_is_an_error(
    archive: mg.Archive, serving: Account, models: Any
) -> None:
    server, _ = serving(models(NOW))
    archive.track("days", "delivered", by="domain")
    archive.track("hours", "delivered", by="domain", resolution="hour")
    wrong = mg.Client("key-of-another", base_url=server.url, clock=lambda: NOW, retries=0)
    with pytest.raises(mg.AuthenticationError):
        archive.sync(client=wrong)
    assert len(server.requests) == 1, "a wrong key is tried once, not once a track"
    said = archive.table("days").state.said
    assert "401" in said["error"]
    assert "key-of-another" not in str(said)


@pytest.mark.parametrize("years", [-2, 3])
def test_a_clock_that_jumps_is_told_and_nothing_is_kept_or_lost(
    archive: mg.Archive, serving: Account, models: Any, years: int
) -> None:
    server, client = serving(models(NOW))
    archive.track("days", by="domain", start="2026-10-01")
    archive.sync(client=client)
    before = rows_of(archive, "days")
    astray = NOW.replace(year=NOW.year + years)
    wrong = mg.Client("key-simulated", base_url=server.url, clock=lambda: astray, retries=0)
    with pytest.raises(mg.MgframeError, match="clock"):
        archive.sync(client=wrong)
    pd.testing.assert_frame_equal(rows_of(archive, "days"), before)
    assert archive.sync(client=client).ok


def test_an_answer_that_lost_a_domain_loses_nothing(
    archive: mg.Archive, serving: Account, monkeypatch: pytest.MonkeyPatch, models: Any
) -> None:
    _, client = serving(Model(seed=3, domains=2, days=90, now=NOW))
    archive.track("days", by="domain", start="2026-11-01")
    archive.sync(client=client)
    before = rows_of(archive, "days")
    later = NOW + timedelta(days=1)
    whole = Model(seed=3, domains=2, days=91, now=later)
    gone = before.index.unique("domain")[0]
    fetched = syncing.run
    monkeypatch.setattr(syncing, "run", lambda *asked: fetched(*asked).drop(gone, level="domain"))
    with pytest.warns(mg.MgframeWarning, match=f"lacks .* rows that held counts .{gone}"):
        archive.sync(client=serving(whole)[1])
    kept = rows_of(archive, "days")
    pd.testing.assert_frame_equal(
        kept.xs(gone, level="domain"), before.xs(gone, level="domain"), check_freq=False
    )
    assert archive.table("days").state.reads[-1].doubted
    monkeypatch.undo()
    archive.sync(
        client=serving(Model(seed=3, domains=2, days=91, now=later + timedelta(hours=1)))[1]
    )
    assert not archive.table("days").state.reads[-1].doubted
    assert len(rows_of(archive, "days").xs(gone, level="domain")) == 16


def test_a_domain_that_is_gone_for_good_leaves_no_new_day_in_doubt(
    archive: mg.Archive, serving: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _ = serving(Model(seed=3, domains=2, days=90, now=NOW))
    client = mg.Client("key-simulated", base_url=server.url, clock=lambda: server.model.now)
    archive.track("days", "delivered", by="domain", start="2026-11-01")
    archive.sync(client=client)
    gone = rows_of(archive, "days").index.unique("domain")[0]
    fetched = syncing.run

    def without_it(*asked: Any) -> pd.DataFrame:
        return fetched(*asked).drop(gone, level="domain", errors="ignore")

    monkeypatch.setattr(syncing, "run", without_it)
    for day in range(1, 15):
        server.advance(NOW + day * timedelta(days=1))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", mg.MgframeWarning)
            archive.sync(client=client)
        [doubted] = [read for read in archive.table("days").state.reads if read.doubted]
        assert doubted.until <= pd.Timestamp("2026-11-17", tz="UTC")
    totals = archive.frame("days", by="account", start="2026-11-17")["delivered"]
    assert (len(totals), totals.isna().sum()) == (13, 0)
    del server.requests[:]
    assert archive.sync(client=client).ok
    assert server.requests == [], "what may be gone for good is asked for from week to week"


def test_a_good_sync_that_keeps_nothing_ends_an_earlier_failure(
    archive: mg.Archive, serving: Account, models: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, client = serving(models(NOW))
    archive.track("days", "delivered", by="domain", start="2026-11-01")
    server.faults.append(Fault("truncated", times=1, path="metrics"))
    with pytest.raises(mg.ResponseError):
        archive.sync(client=client)
    monkeypatch.setattr(syncing, "run", answered_until("2026-11-01T00:00:00Z"))
    assert archive.sync(client=client).ok
    assert archive.status().table["result"].tolist() == ["fine"]


def test_a_killed_sync_is_told_as_unfinished_until_the_next_one(
    archive: mg.Archive, serving: Account, models: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, client = serving(models(NOW))
    archive.track("days", "delivered", by="domain", start="2026-11-01")
    monkeypatch.setattr("mgframe.archiving.steps.ROWS_A_STEP", 1)
    fetched, done = syncing.run, []

    def killed(*asked: Any) -> pd.DataFrame:
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(asked)
        return fetched(*asked)

    monkeypatch.setattr(syncing, "run", killed)
    with pytest.raises(KeyboardInterrupt):
        archive.sync(client=client)
    assert archive.status().table["result"].tolist() == ["unfinished"]
    monkeypatch.setattr(syncing, "run", fetched)
    archive.sync(client=client)
    assert archive.status().table["result"].tolist() == ["fine"]


def test_an_account_that_comes_in_between_joins_no_other_kind(
    archive: mg.Archive, serving: Account, models: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.track("days", "delivered", by="domain", start="2026-11-01")
    fetched = syncing.run

    def overtaken(*asked: Any) -> pd.DataFrame:
        table = archive.table("days")
        table.note(replace(table.state, simulated=False))
        return fetched(*asked)

    monkeypatch.setattr(syncing, "run", overtaken)
    with pytest.raises(mg.ArchiveError, match=r"keeps a live account.*of a simulated one"):
        archive.sync(client=serving(models(NOW))[1])
    assert rows_of(archive, "days").empty


def test_invented_numbers_never_join_real_ones(
    archive: mg.Archive, serving: Account, models: Any
) -> None:
    archive.track("days", by="domain", start="2026-11-01")
    table = archive.table("days")
    table.note(replace(table.state, simulated=False))
    with pytest.raises(mg.ArchiveError, match="keeps a live account"):
        archive.sync(client=serving(models(NOW))[1])


def test_a_past_view_is_read_only(archive: mg.Archive, serving: Account, models: Any) -> None:
    archive.track("days", by="domain")
    archive.when = pd.Timestamp("2026-11-01", tz="UTC")
    with pytest.raises(mg.QueryError, match="read only"):
        archive.sync(client=serving(models(NOW))[1])


def test_nothing_to_sync_is_an_error_that_says_what_to_do(
    archive: mg.Archive, serving: Account, models: Any
) -> None:
    client = serving(models(NOW))[1]
    with pytest.raises(mg.QueryError, match=r"archive\.track"):
        archive.sync(client=client)
    archive.track("mine", by="domain", api="none")
    with pytest.raises(mg.QueryError, match="import_frame"):
        archive.sync("mine", client=client)
    with pytest.raises(mg.QueryError, match="did you mean 'mine'"):
        archive.sync("min", client=client)


def test_the_summary_survives_csv(archive: mg.Archive, serving: Account, models: Any) -> None:
    archive.track("days", by="domain", start="2026-11-01")
    synced = archive.sync(client=serving(models(NOW))[1], progress=False)
    assert "15 rows new" in str(synced)
    assert "15 rows new" in synced._repr_html_()
    assert "days,2026-11-01" in synced.table.to_csv(index=False)


def kept_of_late_hours(archive: mg.Archive, serving: Account, *ages: int) -> State:
    """Sync an account that counts late, so many days before now; return what is known then."""
    late = Model(seed=3, domains=1, days=20, now=NOW - timedelta(days=ages[0]), late=True)
    server, _ = serving(late)
    client = mg.Client("key-simulated", base_url=server.url, clock=lambda: server.model.now)
    archive.track("hours", ["delivered", "opened"], by="domain", resolution="hour")
    for age in ages:
        server.advance(NOW - timedelta(days=age))
        archive.sync(client=client)
    return archive.table("hours").state


def test_it_learns_how_long_counts_move_and_reads_again_so_long(
    archive: mg.Archive, serving: Account
) -> None:
    learnt = kept_of_late_hours(archive, serving, *range(10, -1, -1))
    assert learnt.lags_at is not None
    assert 8 <= learnt.lags["delivered"] < 72 < learnt.lags["opened"]
    longest = pd.Timedelta(hours=learnt.lags["opened"])
    moving = [read for read in learnt.reads if read.at is not None]
    assert moving[0].start == pd.Timestamp(NOW - longest).floor("h")


def test_syncs_that_are_far_apart_teach_nothing_of_hours(
    archive: mg.Archive, serving: Account
) -> None:
    state = kept_of_late_hours(archive, serving, 40, 20, 0)
    assert archive.restatements("hours")["age"].max() > 400  # seen after weeks
    assert dict(state.lags) == {}


def test_after_ten_days_an_answer_that_lost_a_domain_leaves_it_unknown_until_a_better_one(
    archive: mg.Archive, serving: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = Model(seed=3, domains=2, days=60, now=NOW - timedelta(days=10))
    server, _ = serving(account)
    client = mg.Client("key-simulated", base_url=server.url, clock=lambda: server.model.now)
    archive.track("days", "delivered", by="domain", start="2026-11-01")
    archive.sync(client=client)
    gone = archive.frame("days").index.unique("domain")[0]
    fetched = syncing.run
    monkeypatch.setattr(syncing, "run", lambda *asked: fetched(*asked).drop(gone, level="domain"))
    server.advance(NOW)
    with pytest.warns(mg.MgframeWarning, match="lacks .* rows that held counts"):
        archive.sync(client=client)
    lacking = archive.frame("days").xs(gone, level="domain")["delivered"]
    assert lacking.loc["2026-11-06":].isna().tolist() == [True] * 10
    assert lacking.loc[:"2026-11-05"].notna().all()
    monkeypatch.undo()
    server.advance(NOW + timedelta(minutes=5))
    archive.sync(client=client)
    pd.testing.assert_frame_equal(
        archive.frame("days", start="2026-11-01"),
        mg.metrics("delivered", by="domain", start="2026-11-01", end="2026-11-15", client=client),
    )


@pytest.mark.parametrize("ahead", [timedelta(minutes=5), timedelta(minutes=40)])
def test_a_clock_that_is_a_little_ahead_asks_no_more_and_fails_nothing(
    archive: mg.Archive, serving: Account, models: Any, ahead: timedelta
) -> None:
    server, _ = serving(models(NOW))
    client = mg.Client("key-simulated", base_url=server.url, clock=lambda: NOW + ahead, retries=0)
    archive.track("hours", "delivered", by="domain", resolution="hour", start="2026-11-10")
    synced = archive.sync(client=client)
    assert synced.ok
    assert archive.table("hours").state.covered[-1][1] == pd.Timestamp(NOW).floor("h")
    server.requests.clear()
    assert archive.sync(client=client).ok
    assert len(server.requests) <= 1


def test_a_clock_that_is_a_little_behind_takes_no_moment_back(
    archive: mg.Archive, serving: Account, models: Any
) -> None:
    archive.track("days", "delivered", by="domain", start="2026-11-01")
    archive.sync(client=serving(models(NOW))[1])
    table = archive.table("days")
    table.note(replace(table.state, reads=()))
    archive.sync(client=serving(models(NOW - timedelta(minutes=20)))[1])
    state = archive.table("days").state
    assert len(state.covered) == 1
    assert state.at == state.synced_at == pd.Timestamp(NOW)


def test_a_machine_hours_behind_the_account_keeps_nothing(
    archive: mg.Archive, serving: Account, models: Any
) -> None:
    server, _ = serving(models(NOW))
    behind = NOW - timedelta(hours=2)
    client = mg.Client("key-simulated", base_url=server.url, clock=lambda: behind)
    archive.track("hours", "delivered", by="domain", resolution="hour", start="2026-11-10")
    with pytest.raises(mg.ArchiveError, match="this machine's clock says"):
        archive.sync(client=client)
    assert archive.table("hours").state.reads == ()


def test_only_what_an_answer_calls_complete_is_read(
    archive: mg.Archive, serving: Account, models: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncing, "run", answered_until("2026-11-14T00:00:00Z"))
    archive.track("days", "delivered", by="domain", start="2026-11-01")
    assert archive.sync(client=serving(models(NOW))[1]).outcomes[0].added == 13
    edge = pd.Timestamp("2026-11-14", tz="UTC")
    state = archive.table("days").state
    assert state.covered == [(pd.Timestamp("2026-11-01", tz="UTC"), edge)]
    assert state.said["steps"] == 1, "a step of no complete bucket is none"


def test_a_sync_that_was_overtaken_goes_on_with_what_the_other_left(
    archive: mg.Archive, serving: Account, models: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.track("days", "delivered", by="domain", start="2026-11-01")
    first, middle, last = (pd.Timestamp(f"2026-11-{n}", tz="UTC") for n in ("01", "10", "16"))
    later = Read(first, middle, pd.Timestamp(NOW + timedelta(minutes=1)))
    fetched = syncing.run

    def overtaken(*asked: Any) -> pd.DataFrame:
        table = archive.table("days")
        if not table.state.reads:
            table.note(replace(table.state, reads=(later,)))
        return fetched(*asked)

    monkeypatch.setattr(syncing, "run", overtaken)
    assert archive.sync(client=serving(models(NOW))[1]).ok
    reads = archive.table("days").state.reads
    assert reads[0] == later
    assert (reads[1].start, reads[-1].until) == (middle, last)


def test_a_commit_of_another_at_the_very_end_is_no_failure(
    archive: mg.Archive, serving: Account, models: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    learnt = syncing.learnt

    def late(state: State, *given: Any) -> State:
        archive.table("days").note(state)
        return learnt(state, *given)

    monkeypatch.setattr(syncing, "learnt", late)
    archive.track("days", "delivered", by="domain", start="2026-11-01")
    assert archive.sync(client=serving(models(NOW))[1]).ok


def test_an_address_in_an_error_is_not_kept(
    archive: mg.Archive, serving: Account, models: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> pd.DataFrame:
        raise mg.MgframeError("no tag 'to jo@example.org'")

    monkeypatch.setattr(syncing, "run", refused)
    archive.track("days", by="domain", start="2026-11-01")
    with pytest.raises(mg.MgframeError, match="no tag"):
        archive.sync(client=serving(models(NOW))[1])
    assert archive.table("days").state.said["error"] == "no tag 'to (address)'"


def test_it_remembers_how_many_rows_a_bucket_has(
    archive: mg.Archive, serving: Account, models: Any
) -> None:
    archive.track("days", by="recipient_provider", start="2026-11-01")
    archive.sync(client=serving(models(NOW))[1])
    rows = len(archive.frame("days"))
    assert archive.table("days").state.facts["rows_a_bucket"] == round(rows / 15, 2)


def test_months_are_asked_for_since_the_tracks_start() -> None:
    track = Track("m", resolution="month", start=pd.Timestamp("2018-01-01", tz="UTC"))
    assert due(track, State(), MONDAY)[0][0] == track.start
