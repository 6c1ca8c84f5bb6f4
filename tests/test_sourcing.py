"""Frames of an account or of an archive: the same questions, and an archive's need no request."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from kept import NOW, PAIR, archive_of, by_keys, keep_frame, spoken

import mgframe as mg
from mgframe.errors import ArchiveError, ConfigurationError, FrameError, QueryError
from mgframe.filtering import is_not
from mgframe.planning import run
from mgframe.sourcing import FromArchive, FromMailgun, source_of

DAYS = {"start": "2026-11-09", "end": "2026-11-15", "resolution": "day"}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> mg.Archive:
    """Ninety days by domain and provider."""
    return archive_of(tmp_path_factory.mktemp("kept") / "mail", days=90)


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAILGUN_API_KEY", "MG_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_an_archive_in_the_place_of_a_frame_is_told_where_it_belongs(tmp_path: Path) -> None:
    archive: Any = mg.Archive(tmp_path / "mail")
    here = re.escape("got Archive (give it as archive=)")
    with pytest.raises(QueryError, match=here):
        mg.report(archive, tmp_path / "weekly.md")
    with pytest.raises(QueryError, match=here):
        mg.explore(archive)
    for frames in (archive, [archive]):
        with pytest.raises(QueryError, match=re.escape("(mg.investigate(archive=...) takes it)")):
            mg.investigate(frames)
    for refuses in (mg.check_frame, mg.rates):
        with pytest.raises(FrameError, match=re.escape("got Archive (archive.frame(...) gives")):
            refuses(archive)


def test_a_question_to_an_archive_has_no_calls_and_gives_what_was_kept(kept: mg.Archive) -> None:
    question = source_of(None, kept).question(["sent", "delivered"], by="domain", **DAYS)
    assert question.calls == ()
    frame = run(question)
    whole = by_keys(90, PAIR).mg.sum(["time", "domain"])[["sent", "delivered"]]
    pd.testing.assert_frame_equal(frame, spoken(whole.loc["2026-11-09":]), check_freq=False)


def test_a_filter_by_a_key_that_is_not_grouped_by_is_answered_too(kept: mg.Archive) -> None:
    question = source_of(None, kept).question(
        ["delivered"], by="domain", where={"recipient_provider": is_not("Gmail")}, **DAYS
    )
    rest = by_keys(90, PAIR).mg.where(recipient_provider=["Outlook", "Yahoo"])
    expected = rest[["delivered"]].loc["2026-11-09":].sum().item()
    assert run(question)["delivered"].sum() == expected


def test_now_is_when_the_archive_was_kept_last(kept: mg.Archive) -> None:
    source = source_of(None, kept)
    assert source.client.now() == NOW
    window = source.window("day", last="14m")
    assert (window.start, window.end) == (
        pd.Timestamp("2025-09-16", tz="UTC"),
        pd.Timestamp("2026-11-15", tz="UTC"),
    )


def test_what_is_kept_while_it_is_read_does_not_mix_in(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "mail", days=30)
    question = source_of(None, archive).question(["delivered"], by="domain", **DAYS)
    before = by_keys(30, PAIR)["delivered"].loc["2026-11-09":].sum()
    more = by_keys(30, PAIR).assign(delivered=lambda frame: frame["delivered"] + 1)
    keep_frame(archive, "domain-recipient-provider", more, at=NOW + pd.Timedelta(hours=1))
    assert run(question)["delivered"].sum() == before
    again = source_of(None, archive).question(["delivered"], by="domain", **DAYS)
    assert run(again)["delivered"].sum() > before


def test_counts_that_no_track_has_are_left_out_and_none_at_all_is_an_error(tmp_path: Path) -> None:
    archive = mg.Archive(tmp_path / "mail")
    archive.track("days", ["sent", "delivered"], by="domain")
    keep_frame(archive, "days", by_keys(30, ("domain",))[["sent", "delivered"]])
    source = source_of(None, archive)
    frame = run(source.question(["delivered", "complained"], by="domain", **DAYS))
    assert list(frame.columns) == ["delivered"]
    with pytest.raises(QueryError, match="complained"):
        run(source.question(["complained"], by="domain", **DAYS))


def test_a_source_says_which_keys_and_widths_it_has(kept: mg.Archive) -> None:
    source = source_of(None, kept)
    assert (source.keys, source.widths) == (PAIR, ("day",))
    assert source.gives(["domain"], "day")
    assert not source.gives(["tag"], "day")
    assert not source.gives(["domain"], "hour")
    assert isinstance(source_of(mg.demo(), None), FromMailgun)
    assert isinstance(source, FromArchive)


def test_keys_that_no_track_tells_name_the_track_that_would(kept: mg.Archive) -> None:
    with pytest.raises(QueryError, match=r"track\(.*by=.*tag"):
        run(source_of(None, kept).question(by="tag", **DAYS))


def test_an_archive_without_anything_kept_says_what_to_do(tmp_path: Path) -> None:
    archive = mg.Archive(tmp_path / "mail")
    with pytest.raises(ArchiveError, match=r"there is no archive at .*archive\.track\("):
        source_of(None, archive)
    archive.track("days", by="domain")
    with pytest.raises(ArchiveError, match=r"nothing has been kept yet.*archive\.sync\(\)"):
        source_of(None, archive)


def test_a_past_before_everything_names_the_first_moment_known(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "mail", days=30, by=[(), ("domain",)])
    later = by_keys(30, ("tag",))
    archive.track("tags", by="tag")
    keep_frame(archive, "tags", later, at=NOW + pd.Timedelta(days=1))
    known = "at 2026-11-02 08:00 UTC; the first moment known is 2026-11-16 06:30 UTC"
    with pytest.raises(ArchiveError, match=rf"mail: nothing had been kept {known}$"):
        source_of(None, archive.as_of("2026-11-02 08:00"))


def test_a_past_of_an_archive_that_was_never_filled_names_no_moment(tmp_path: Path) -> None:
    archive = mg.Archive(tmp_path / "mail")
    archive.track("days", by="domain")
    with pytest.raises(ArchiveError, match=r"nothing had been kept at 2026-11-02 08:00 UTC$"):
        source_of(None, archive.as_of("2026-11-02 08:00"))


def test_what_is_no_archive_is_refused_and_without_either_a_key_is_asked_for() -> None:
    with pytest.raises(ConfigurationError, match=r"archive must be an mg\.Archive, got str"):
        source_of(None, "mail-history")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="MAILGUN_API_KEY"):
        source_of(None, None)


def test_an_archive_as_it_was_leaves_out_tracks_that_came_later(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "mail", days=60)
    past = archive.as_of(NOW)
    later = by_keys(60, ("domain",))
    archive.track("domains", by="domain")
    keep_frame(archive, "domains", later.assign(delivered=0), at=NOW + pd.Timedelta(days=30))
    frame = run(source_of(None, past).question(["delivered"], by="domain", **DAYS))
    assert frame["delivered"].sum() > 0
    assert source_of(None, past).client.now() == NOW


def test_a_damaged_track_of_the_past_is_an_error_and_not_left_out(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "mail", days=30, by=(PAIR, ("domain",)))
    source = source_of(None, archive)
    for entry in Path(archive.place.table("domain"), "_delta_log").glob("*.json"):
        entry.write_text("{broken")
    for read in (lambda: source.gives(["domain"], "day"), lambda: source.kept_since("day")):
        with pytest.raises(ArchiveError, match="mail/domain: reading failed"):
            read()
    with pytest.raises(ArchiveError, match="mail/domain: reading failed"):
        source_of(None, archive.as_of(NOW))


def test_a_track_that_covers_the_window_is_read_before_a_smaller_one(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "mail", days=60)
    archive.track("domains", by="domain")
    keep_frame(archive, "domains", by_keys(60, ("domain",)).loc["2026-11-10":])
    source = source_of(None, archive)
    for window in ({"last": "50d"}, {"start": "2026-11-09"}, {"period": "2026-10"}):
        frame = run(source.question(["delivered"], by="domain", resolution="day", **window))
        assert frame.attrs["mgframe"]["track"] == "domain-recipient-provider"
        assert frame["delivered"].notna().all()
    for window in ({"last": "5d"}, {}):
        frame = run(source.question(["delivered"], by="domain", resolution="day", **window))
        assert frame.attrs["mgframe"]["track"] == "domains"


def test_an_archive_has_buckets_of_a_width_since_the_first_that_was_read(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "mail", days=30, by=(PAIR,))
    archive.track("domains", by="domain")
    keep_frame(archive, "domains", by_keys(60, ("domain",)))
    source = source_of(None, archive)
    assert source.kept_since("day") == by_keys(60, ("domain",)).index[0][0]
    assert source.kept_since("hour") == NOW, "there are no hours"


def test_a_track_that_holds_nothing_yet_does_not_move_the_clock(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "mail", days=30)
    archive.track("later", by="domain")
    assert source_of(None, archive).client.now() == NOW


def test_days_of_a_zone_are_made_of_hours(kept: mg.Archive) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert source_of(mg.demo(), None).days_in(berlin) == {"resolution": "hour", "tz": berlin}
    days = source_of(None, kept).days_in(berlin)
    assert days == {"resolution": "day", "tz": berlin}
    with pytest.raises(QueryError, match="no track has hours by domain"):
        run(source_of(None, kept).question(["delivered"], by="domain", **{**DAYS, **days}))


def test_a_window_that_mailgun_has_forgotten_is_refused_and_an_archives_is_not(
    kept: mg.Archive,
) -> None:
    asked = {"start": "2025-01-01", "end": "2025-01-31"}
    with pytest.raises(QueryError, match="Mailgun keeps days for 365 days"):
        source_of(mg.demo(), None).window("day", **asked)
    assert source_of(None, kept).window("day", **asked).start == pd.Timestamp(
        "2025-01-01", tz="UTC"
    )
