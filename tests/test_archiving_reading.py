"""A frame of an archive is the frame of a fetch, added up as pandas would add it up."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import mgframe as mg
from mgframe.archiving.spans import Read, read_again
from mgframe.archiving.states import State
from mgframe.archiving.storing import Kept, keep
from mgframe.errors import ArchiveError, FrameError, MgframeWarning, QueryError, gathered
from mgframe.framing import with_meta

DAY = pd.Timedelta(days=1)
HOUR = pd.Timedelta(hours=1)
KEYS = ["domain", "recipient_provider"]
COUNTS = ["delivered", "opened"]

# ---------------------------------------------------------------- as the API answers


@pytest.fixture(scope="module")
def synced(demo: mg.Client, tmp_path_factory: pytest.TempPathFactory) -> mg.Archive:
    archive = mg.Archive(tmp_path_factory.mktemp("archive") / "history")
    archive.track("hours", by=KEYS, resolution="hour", start="2026-11-08")
    archive.track("days", by="domain", api="stats", start="2026-09-15")
    archive.track("account", start="2026-09-15")
    archive.track("tags", "delivered", by=["domain", "tag"], start="2026-11-01")
    archive.track("bots", ["opened", "unique_opened"], by=["domain", "bot"], start="2026-11-01")
    archive.track("months", by="domain", resolution="month", start="2026-05-01")
    archive.track("countries", by="country", start="2026-11-10")
    archive.sync(client=demo, progress=False)
    return archive


LIKE_METRICS: list[tuple[str, dict[str, Any]]] = [
    ("hours", {"by": KEYS, "last": "48h"}),
    ("hours", {"by": ["recipient_provider", "domain"], "last": "24h"}),
    ("hours", {"by": "domain", "last": "7d", "resolution": "day"}),
    ("hours", {"by": "recipient_provider", "start": "2026-11-09", "end": "2026-11-10",
               "resolution": "hour"}),
    ("hours", {"by": "domain", "last": "2d", "tz": "America/New_York"}),
    ("hours", {"counts": ["delivery_rate", "complained"], "by": "domain", "last": "7d",
               "resolution": "day", "where": {"recipient_provider": ["Gmail", "Yahoo"]}}),
    ("hours", {"by": "domain", "where": {"recipient_provider": "Gmail"}, "last": "24h"}),
    ("hours", {"by": "recipient_provider", "where": {"domain": mg.contains("news", "mail")},
               "period": "2026-11-12", "resolution": "day"}),
    ("hours", {"by": KEYS, "where": {"domain": mg.not_contains("news"),
                                     "recipient_provider": mg.is_not("Gmail")}, "last": "24h"}),
    ("account", {"last": "30d"}),
    ("tags", {"counts": "delivered", "by": ["domain", "tag"], "last": "7d"}),
    ("tags", {"counts": "delivered", "by": "domain", "where": {"tag": "newsletter"},
              "last": "7d"}),
    ("months", {"by": "domain", "last": "3m"}),
    ("countries", {"by": "country", "where": {"country": ["DE", "fr", "Unknown"]}, "last": "5d"}),
]  # fmt: skip


@pytest.mark.parametrize(("track", "question"), LIKE_METRICS, ids=str)
def test_a_frame_is_that_of_the_metrics_api(
    synced: mg.Archive, demo: mg.Client, track: str, question: dict[str, Any]
) -> None:
    asked = {**question}
    if track == "hours":
        asked.setdefault("resolution", "hour")
    assert_frame_equal(synced.frame(track, **question), mg.metrics(**asked, client=demo))


@pytest.mark.parametrize("by", [[], "account", ["account"]])
def test_the_whole_account_is_a_sum_over_all_keys(
    synced: mg.Archive, demo: mg.Client, by: Any
) -> None:
    frame = synced.frame("hours", by=by, last="5d", resolution="day")
    assert_frame_equal(frame, mg.metrics(last="5d", client=demo))


@pytest.mark.parametrize(
    "question", [{"last": "30d"}, {"start": "2026-10-20", "end": "2026-11-02"}]
)
def test_a_frame_is_that_of_the_stats_api(
    synced: mg.Archive, demo: mg.Client, question: dict[str, Any]
) -> None:
    assert_frame_equal(synced.frame("days", **question), mg.domain_totals(**question, client=demo))


def test_weeks_and_months_are_those_of_resample(synced: mg.Archive, demo: mg.Client) -> None:
    counts = ["delivered", "bounced"]
    days = mg.metrics(counts, start="2026-09-15", end="2026-11-15", client=demo)
    for width in ("week", "month"):
        ours = synced.frame("account", counts, resolution=width)
        assert_frame_equal(ours, days.mg.resample(width[0].upper()))
        assert len(ours) == {"week": 8, "month": 1}[width]
    quarters = synced.frame("account", counts, resolution="quarter", partial=True)
    assert_frame_equal(quarters, days.mg.resample("Q", partial=True))


def test_a_frame_says_where_it_comes_from_and_until_when_it_is_complete(
    synced: mg.Archive,
) -> None:
    frame = synced.frame("hours", by="domain", start="2026-11-10", resolution="day")
    assert frame.attrs["mgframe"] == {
        "endpoint": "archive hours",
        "track": "hours",
        "fetched_at": "2026-11-16T09:30:00Z",
        "simulated": True,
        "resolution": "day",
        "asked": ["2026-11-10T00:00:00Z", "2026-11-16T08:00:00Z"],
        "answered": ["2026-11-10T00:00:00Z", "2026-11-15T00:00:00Z"],
        "complete_until": "2026-11-16T09:00:00Z",
    }


def test_the_open_day_is_left_out_unless_it_is_asked_for(synced: mg.Archive) -> None:
    days = synced.frame("hours", "delivered", by=[], last="2d", resolution="day", partial=True)
    hours = synced.frame("hours", "delivered", by=[], start="2026-11-16")
    assert len(days) == 3
    assert days["delivered"].iloc[-1] == hours["delivered"].sum() > 0
    assert len(hours) == 9, "nine hours are complete"
    assert len(days.mg.complete()) == 2


def test_without_a_window_everything_is_given(synced: mg.Archive) -> None:
    frame = synced.frame("hours", "delivered", by="domain")
    times = frame.index.unique("time")
    assert times[[0, -1]].tolist() == [
        pd.Timestamp("2026-11-08", tz="UTC"),
        pd.Timestamp("2026-11-16 08:00", tz="UTC"),
    ]
    assert list(frame.columns) == ["delivered"]


def test_a_sum_over_tags_is_refused_unless_one_is_chosen(synced: mg.Archive) -> None:
    with pytest.raises(FrameError, match="several tags, so a sum over 'tag'"):
        synced.frame("tags", by="domain")
    with pytest.raises(FrameError, match="several tags"):
        synced.frame("tags", by="domain", where={"tag": ["newsletter", "receipt"]})


def test_uniques_over_bots_or_months_warn_once(synced: mg.Archive) -> None:
    with pytest.warns(MgframeWarning, match="summed over 'bot' the same") as told:
        synced.frame("bots", by="domain")
    assert len(told) == 1
    with pytest.warns(MgframeWarning, match="over more than 7 days") as told:
        synced.frame("account", "unique_opened", period="2026-10", resolution="month")
    assert len(told) == 1


@pytest.mark.parametrize(
    ("question", "error", "said"),
    [
        ({"by": "ip"}, QueryError, "has no key 'ip'.*its keys are domain, recipient_provider"),
        ({"by": "domian"}, QueryError, "did you mean 'domain'"),
        ({"by": ["domain", "account"]}, QueryError, "no key 'account'"),
        ({"counts": "hard_bounce"}, QueryError, "did you mean 'hard_bounces'"),
        ({"counts": "accepted_incoming"}, QueryError, "does not keep 'accepted_incoming'"),
        ({"counts": []}, QueryError, "counts is empty"),
        ({"where": {"ip": "1.2.3.4"}}, QueryError, "the keys are domain, recipient_provider"),
        ({"where": {"domain": []}}, QueryError, "empty list"),
        ({"resolution": "fortnight"}, QueryError, "must be one of 'hour', 'day', 'week'"),
        ({"last": "7d", "period": "2026-10"}, QueryError, "say the window twice"),
        ({"last": "7d", "tz": "Mars/Olympus"}, QueryError, "no known time zone"),
        (
            {"last": "7d", "tz": "Asia/Kolkata"},
            QueryError,
            "tz=.Asia.Kolkata. is not a whole number of hours",
        ),
        ({"tz": "Asia/Kolkata", "resolution": "day"}, QueryError, "whole number of hours"),
        ({"start": "2026-12-24"}, QueryError, "lies after now"),
        ({"start": "2026-11-16 09:00"}, QueryError, "the last complete hour"),
    ],
)
def test_what_cannot_be_answered_is_refused(
    synced: mg.Archive, question: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        synced.frame("hours", **question)


def test_buckets_that_do_not_add_up_are_refused(synced: mg.Archive) -> None:
    with pytest.raises(QueryError, match="keeps days, which do not add up to hours"):
        synced.frame("account", resolution="hour")
    with pytest.raises(QueryError, match="keeps months, which do not add up to weeks"):
        synced.frame("months", resolution="week")
    with pytest.raises(QueryError, match="needs hours, and track 'account' keeps days"):
        synced.frame("account", tz="Europe/Berlin")
    with pytest.raises(QueryError, match="is no track of"):
        synced.frame("hour")


def test_a_filter_that_matches_nothing_warns(synced: mg.Archive) -> None:
    with pytest.warns(MgframeWarning, match="nothing matches where=domain = nwes.example.com"):
        frame = synced.frame("hours", "delivered", where={"domain": "nwes.example.com"})
    assert frame.empty
    assert mg.check_frame(frame).index.names == ["time", *KEYS]
    with pytest.warns(MgframeWarning, match="nothing matches"):
        frame = synced.frame("hours", "delivered", by=[], last="2h", where={"domain": "x"})
    assert frame["delivered"].tolist() == [0, 0], "the account has rows, as in a fetch"


def test_a_filter_is_a_value_and_never_sql(synced: mg.Archive) -> None:
    with pytest.warns(MgframeWarning, match="nothing matches"):
        frame = synced.frame("hours", where={"domain": "x') OR ('a' = 'a"})
    assert frame.empty


def test_an_empty_track_gives_an_empty_frame_with_its_keys(tmp_path: Path) -> None:
    archive = mg.Archive(tmp_path / "history")
    archive.track("days", ["delivered"], by="domain")
    with pytest.warns(MgframeWarning, match="nothing to show yet"):
        frame = archive.frame("days", last="7d")
    assert mg.check_frame(frame).empty
    assert (frame.index.names, list(frame.columns)) == (["time", "domain"], ["delivered"])


# ---------------------------------------------------------------- as pandas adds up


Rows = dict[tuple[pd.Timestamp, str, str], dict[str, Any]]


class Kept_:
    """An archive of hours, filled in steps, and beside it a dictionary of what it must hold."""

    def __init__(self, path: Path, origin: str = "2026-10-20", **track: Any) -> None:
        self.archive = mg.Archive(path)
        self.archive.track("hours", COUNTS, by=KEYS, resolution="hour", **track)
        self.origin = pd.Timestamp(origin, tz="UTC")
        self.rows: Rows = {}
        self.known: dict[pd.Timestamp, bool] = {}

    def step(
        self, first: int, hours: int, rows: Rows, *, doubted: bool = False, at: pd.Timestamp
    ) -> None:
        """Keep an answer about some hours; what was there before is taken away first."""
        start = self.origin + first * HOUR
        span = (start, start + hours * HOUR)
        read = Read(*span, at, doubted)

        def state_after(state: State, kept: Kept) -> State:
            reads = read_again(state.reads, read, 72 * HOUR, "hour")
            return replace(state, kind="sync", at=at, simulated=True, reads=reads)

        answer = with_meta(frame_of(rows), {"simulated": True})
        keep(
            self.archive.table("hours"), self.archive.named("hours"), answer, span,
            state_after,
        )  # fmt: skip
        self.rows |= {
            key: counts
            for key, counts in rows.items()
            if any(pd.isna(count) or count != 0 for count in counts.values())
        }
        self.known |= {start + i * HOUR: not doubted for i in range(hours)}

    def expected(self, start: pd.Timestamp, until: pd.Timestamp) -> pd.DataFrame:
        """Return the dense frame of the hours of a window, cell by cell."""
        inside = {key: counts for key, counts in self.rows.items() if start <= key[0] < until}
        combos = sorted({key[1:] for key in inside})
        cells: Rows = {}
        for time in pd.date_range(start, until, freq="h", inclusive="left"):
            there = [counts for key, counts in inside.items() if key[0] == time]
            for combo in combos:
                cells[(time, *combo)] = inside.get((time, *combo)) or {
                    name: 0
                    if self.known.get(time, False)
                    and (not there or any(not pd.isna(row[name]) for row in there))
                    else pd.NA
                    for name in COUNTS
                }
        frame = frame_of(cells)
        frame.attrs["mgframe"] = {"resolution": "hour", "complete_until": str(until)}
        return frame


def frame_of(rows: Mapping[tuple[Any, ...], dict[str, Any]]) -> pd.DataFrame:
    index = pd.MultiIndex.from_tuples(list(rows), names=["time", *KEYS])
    index = index.set_levels([index.levels[0].as_unit("us"), *(
        level.astype("str") for level in index.levels[1:]
    )])  # fmt: skip
    table = {name: pd.array([row[name] for row in rows.values()], "Int64") for name in COUNTS}
    return pd.DataFrame(table, index=index).sort_index()


def any_rows(rng: random.Random, origin: pd.Timestamp, first: int, hours: int) -> Rows:
    """Return some rows: keys come and go, some counts are 0, some unknown."""
    silent = {i: rng.choice(COUNTS) for i in range(first, first + hours) if rng.random() < 0.02}
    rows: Rows = {}
    for domain in rng.sample("abc", rng.randint(1, 3)):
        for provider in rng.sample(["Gmail", "GMX", "Yahoo"], rng.randint(1, 3)):
            for i in range(first, first + hours):
                if rng.random() < 0.8:
                    rows[origin + i * HOUR, domain, provider] = {
                        name: pd.NA
                        if silent.get(i) == name or rng.random() < 0.01
                        else rng.choice([0, 0, 1, 7, 2**40])
                        for name in COUNTS
                    }
    return rows or {(origin + first * HOUR, "a", "GMX"): dict.fromkeys(COUNTS, 1)}


def random_archive(path: Path, seed: int) -> tuple[Kept_, list[tuple[int, int]]]:
    """Return an archive of two weeks with gaps and doubts, over the end of summer time."""
    rng = random.Random(seed)
    kept, spans, first = Kept_(path), [], 0
    at = kept.origin + 20 * DAY
    while first < 14 * 24:
        if rng.random() < 0.2:
            first += rng.randint(1, 30)  # a gap
        hours = rng.randint(5, 80)
        doubted = rng.random() < 0.3
        # A doubted answer is read while its hours still move.
        when = kept.origin + (first + hours) * HOUR if doubted else at
        rows = any_rows(rng, kept.origin, first, hours)
        kept.step(first, hours, rows, doubted=doubted, at=when)
        spans.append((first, first + hours))
        first += hours
    return kept, spans


WAYS: list[dict[str, Any]] = [
    {"by": KEYS, "resolution": "hour"},
    {"by": "domain", "resolution": "hour"},
    {"by": KEYS, "resolution": "day"},
    {"by": "domain", "resolution": "day"},
    {"by": "recipient_provider", "resolution": "day", "partial": True},
    {"by": "domain", "resolution": "week"},
    {"by": "domain", "resolution": "month", "partial": True},
    {"by": "domain", "resolution": "day", "tz": "Europe/Berlin"},
    {"by": KEYS, "resolution": "day", "tz": "America/Sao_Paulo", "partial": True},
    {"by": "domain", "resolution": "week", "tz": "Europe/Berlin"},
]


def added_up(raw: pd.DataFrame, way: dict[str, Any]) -> pd.DataFrame:
    """Return what pandas makes of the hours."""
    by = way["by"] if isinstance(way["by"], list) else [way["by"]]
    frame, width = raw.mg.sum(["time", *by]), way["resolution"]
    partial = way.get("partial", False)
    if "tz" in way:
        frame = frame.mg.local_days(way["tz"], partial=partial)
        width = None if width == "day" else width
    if width in (None, "hour"):
        return frame
    return frame.mg.resample(width[0].upper(), partial=partial)


@pytest.mark.parametrize("seed", range(6))
def test_any_archive_adds_up_as_pandas_does(tmp_path: Path, seed: int) -> None:
    kept, spans = random_archive(tmp_path / "history", seed)
    start = kept.origin + spans[0][0] * HOUR
    until = kept.origin + spans[-1][1] * HOUR
    raw = kept.expected(start, until)
    for way in WAYS:
        with gathered():
            frame, wanted = kept.archive.frame("hours", **way), added_up(raw, way)
        assert_frame_equal(frame, wanted, obj=str(way))
        if frame.columns.size and way["resolution"] == "hour":
            assert frame.isna().any(axis=None), "the seed has unknown cells"


@pytest.mark.parametrize("seed", range(3))
def test_any_filter_and_window_leaves_what_pandas_leaves(tmp_path: Path, seed: int) -> None:
    kept, _ = random_archive(tmp_path / "history", seed)
    rng = random.Random(100 + seed)
    for _ in range(5):
        first, days = rng.randint(0, 9), rng.randint(1, 4)
        start, until = kept.origin + first * DAY, kept.origin + (first + days) * DAY
        raw = kept.expected(start, until)
        chosen = raw[raw.index.get_level_values("domain") == "a"]
        asked = {"start": start, "end": until - HOUR, "where": {"domain": "a"}}
        with gathered():
            frame = kept.archive.frame("hours", by=KEYS, **asked)
            asked["resolution"] = "day"
            days_ = kept.archive.frame("hours", by=["recipient_provider"], **asked)
        assert len(frame) == len(chosen)
        if len(chosen):
            assert_frame_equal(frame.astype(object), chosen.astype(object), check_dtype=False)
            chosen.attrs = raw.attrs
            wanted = chosen.mg.sum(["time", "recipient_provider"]).mg.resample("D")
            assert_frame_equal(days_, wanted)


def test_a_gap_is_unknown_and_named_in_one_warning(tmp_path: Path) -> None:
    kept = Kept_(tmp_path / "history")
    one = {"delivered": 1, "opened": 0}
    at = kept.origin + 20 * DAY
    for first in (0, 36):
        rows = {(kept.origin + (first + i) * HOUR, "a", "GMX"): one for i in range(12)}
        kept.step(first, 24, rows, at=at)
    with pytest.warns(MgframeWarning, match="2026-10-21 00:00 to 2026-10-21 12:00 UTC") as told:
        hours = kept.archive.frame("hours", "delivered")
    assert len(told) == 1
    cells = hours["delivered"]
    assert cells[:12].eq(1).all()
    assert cells[12:24].eq(0).all()
    assert cells[24:36].isna().all()
    with pytest.warns(MgframeWarning, match="never read"):
        days = kept.archive.frame("hours", "delivered", resolution="day", partial=True)
    assert days["delivered"].tolist() == [12, pd.NA, 0]


def test_a_key_that_a_doubted_answer_lacks_is_unknown_there(tmp_path: Path) -> None:
    kept = Kept_(tmp_path / "history")
    at, one = kept.origin + 2 * HOUR, {"delivered": 1, "opened": 1}
    kept.step(0, 1, {(kept.origin, d, "GMX"): one for d in "ab"}, at=at)
    kept.step(1, 1, {(kept.origin + HOUR, "a", "GMX"): one}, doubted=True, at=at)
    table = kept.archive.frame("hours", "delivered", by="domain").mg.wide("delivered")
    assert table.to_numpy(na_value=-1).tolist() == [[1, 1], [1, -1]]
    assert kept.archive.frame("hours", "delivered", by=[])["delivered"].tolist() == [2, pd.NA]


def test_a_count_that_an_answer_did_not_report_is_unknown_for_keys_without_rows(
    tmp_path: Path,
) -> None:
    kept = Kept_(tmp_path / "history")
    at = kept.origin + 20 * DAY
    kept.step(0, 1, {(kept.origin, d, "GMX"): {"delivered": 1, "opened": 1} for d in "ab"}, at=at)
    kept.step(1, 1, {(kept.origin + HOUR, "a", "GMX"): {"delivered": 1, "opened": None}}, at=at)
    frame = kept.archive.frame("hours", by="domain", where={"domain": "b"})
    assert frame["delivered"].tolist() == [1, 0]
    assert frame["opened"].tolist() == [1, pd.NA]


# ---------------------------------------------------------------- as of


def test_the_past_is_as_it_was_to_the_digit(tmp_path: Path) -> None:
    kept = Kept_(tmp_path / "history")
    rng, frames = random.Random(7), []
    for day in range(1, 8):
        at = kept.origin + day * DAY + HOUR / 2
        first = max(0, day - 3) * 24
        kept.step(first, day * 24 - first, any_rows(rng, kept.origin, first, day * 24 - first),
                  at=at)  # fmt: skip
        with gathered():
            frames.append((at, kept.archive.frame("hours", last="2d", resolution="day")))
    for at, frame in frames:
        for when in (at, at + 23 * HOUR):
            past = kept.archive.as_of(when)
            with gathered():
                again = past.frame("hours", last="2d", resolution="day")
            assert_frame_equal(again, frame)
            assert again.attrs == frame.attrs
    assert not frames[-1][1].equals(frames[-2][1])


def test_the_past_cannot_be_written_to(synced: mg.Archive, demo: mg.Client) -> None:
    past = synced.as_of("2026-11-20")
    assert type(past) is mg.Archive
    assert synced.when is None
    for write in (
        lambda: past.sync(client=demo),
        lambda: past.track("more"),
        lambda: past.import_frame("more", synced.frame("account", "delivered", last="7d")),
    ):
        with pytest.raises(QueryError, match="read only"):
            write()
    with pytest.raises(ArchiveError, match="nothing had been kept at 2026-11-01"):
        synced.as_of("2026-11-01").frame("days")
    with pytest.raises(QueryError, match="when='yesterday' is no date"):
        synced.as_of("yesterday")


# ---------------------------------------------------------------- find


@pytest.mark.parametrize(
    ("question", "track"),
    [
        ({}, "account"),
        ({"by": "domain"}, "days"),
        ({"by": "domain", "resolution": "hour"}, "hours"),
        ({"by": "domain", "resolution": "year"}, "months"),
        ({"by": "recipient_provider"}, "hours"),
        ({"by": "domain", "where": {"recipient_provider": "Gmail"}}, "hours"),
        ({"by": "tag", "counts": "delivered"}, "tags"),
        ({"by": "domain", "where": {"tag": "newsletter"}, "counts": "delivered"}, "tags"),
        ({"by": "country", "counts": "open_rate"}, None),
        ({"by": "country", "counts": "opened"}, "countries"),
        ({"by": "bot"}, "bots"),
        ({"by": "bot", "counts": "clicked"}, None),
        ({"by": "ip"}, None),
    ],
    ids=str,
)
def test_the_smallest_track_that_can_answer_is_found(
    synced: mg.Archive, question: dict[str, Any], track: str | None
) -> None:
    if track is not None:
        assert synced.find(**question) == track
        return
    with pytest.raises(QueryError, match=r"archive\.track\('NAME'.* keeps them"):
        synced.find(**question)


def test_a_track_is_not_found_in_the_time_before_it(tmp_path: Path, demo: mg.Client) -> None:
    archive = mg.Archive(tmp_path / "history")
    archive.track("account", start="2026-11-10")
    archive.sync(client=demo)
    archive.track("days", "delivered", start="2026-11-10")
    assert archive.as_of("2026-11-17").find(counts="delivered") == "account"


def test_a_track_with_a_filter_of_its_own_does_not_stand_for_the_account(tmp_path: Path) -> None:
    archive = mg.Archive(tmp_path / "history")
    archive.track("gmail", by="domain", where={"recipient_provider": "Gmail"})
    archive.track("providers", by=KEYS)
    assert archive.find(by="domain") == "providers"


def test_the_call_that_would_keep_it_works(tmp_path: Path) -> None:
    archive = mg.Archive(tmp_path / "history")
    asked = {"by": "domain", "counts": ["delivered"], "where": {"ip": "1.2.3.4"}}
    with pytest.raises(QueryError) as refused:
        archive.find(**asked, resolution="week")
    call = str(refused.value).split(": ")[-1].removesuffix(" keeps them")
    assert call == "archive.track('NAME', ['delivered'], by=['domain', 'ip'])"
    eval(call.replace("NAME", "found"), {"archive": archive})
    assert archive.find(**asked, resolution="week") == "found"


# ---------------------------------------------------------------- SQL


def test_sql_reads_the_tracks(synced: mg.Archive) -> None:
    table = synced.sql(
        "SELECT domain, time_bucket(INTERVAL 1 DAY, time) AS day, sum(delivered) AS delivered "
        "FROM \"hours\" WHERE time < '2026-11-16' GROUP BY ALL ORDER BY day, domain"
    )
    frame = synced.frame("hours", "delivered", by="domain", resolution="day")
    assert table["delivered"].tolist() == frame["delivered"].tolist()
    assert table["delivered"].dtype == "Int64"
    assert str(table["day"].dt.tz) == "UTC"
    twice = synced.sql("SELECT 1 AS n, 2 AS N, NULL::BIGINT AS n")
    assert twice.dtypes.astype(str).tolist() == ["Int64"] * 3
    joined = synced.sql("SELECT count(*) AS n FROM DAYS AS d JOIN Tags AS t USING (time, domain)")
    assert joined["n"].item() > 0


HOSTILE = [
    "COPY (SELECT 1) TO '{there}'",
    "COPY days TO '{there}'",
    "ATTACH '{there}' AS other",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET lock_configuration = false",
    "PRAGMA enable_profiling",
    "CREATE TABLE mine AS SELECT 1",
    "DROP VIEW days",
    "DELETE FROM days",
    "CALL pragma_version()",
    "EXPORT DATABASE '{there}'",
    "SELECT 1; COPY (SELECT 1) TO '{there}'",
    "SELECT 1; SELECT 2",
    "SELECT * FROM read_csv('{file}')",
    "SELECT * FROM '{file}'",
    "SELECT * FROM read_text('{file}')",
    "SELECT * FROM read_blob('/proc/self/environ')",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM read_parquet('https://example.com/a.parquet')",
    "SELECT getenv('HOME')",
    "SELECT * FROM secret",
    "WITH a AS (SELECT * FROM read_text('{file}')) SELECT * FROM a",
    "SELECT * FROM query('SELECT * FROM read_text(''{file}'')')",
    "SELECT set_config('lock_configuration', 'false')",
    "FROM no_such_track",
    "not sql",
    "",
]


@pytest.mark.parametrize("query", HOSTILE)
def test_sql_can_change_nothing_and_read_nothing_else(
    synced: mg.Archive, tmp_path: Path, query: str
) -> None:
    secret = pd.DataFrame({"a": [1]})  # a variable that DuckDB would find
    file, there = tmp_path / "secret.csv", tmp_path / "there"
    file.write_text("a\n1\n")
    with pytest.raises(QueryError):
        synced.sql(query.format(file=file, there=there))
    assert len(secret) == 1
    assert not there.exists()
    assert synced.sql("SELECT count(*) AS n FROM days")["n"].item() > 0


def test_sql_gives_whole_numbers_whole(synced: mg.Archive) -> None:
    table = synced.sql(
        "SELECT 1 AS a, NULL::INTEGER AS b, sum(delivered) AS c, 2::HUGEINT ** 0 AS d, "
        "10000000000000000000000::HUGEINT AS e, avg(delivered) AS f FROM days"
    )
    assert table.dtypes.astype(str).to_dict() == {
        "a": "Int64", "b": "Int64", "c": "Int64", "d": "float64", "e": "float64", "f": "float64"
    }  # fmt: skip


def test_sql_is_given_a_text(synced: mg.Archive) -> None:
    with pytest.raises(QueryError, match="must be one SELECT"):
        synced.sql(None)  # type: ignore[arg-type]
    with pytest.raises(QueryError, match="holds SELECT, SELECT"):
        synced.sql("SELECT 1; SELECT 2")
    with pytest.raises(QueryError, match="The tables are the tracks: hours, days"):
        synced.sql("FROM nothing")


@pytest.fixture(autouse=True)
def _no_files_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A question leaves nothing in the folder that it is asked from."""
    place = tmp_path / "asked from"
    place.mkdir()
    monkeypatch.chdir(place)
    yield
    assert not list(place.iterdir())
