"""`Archive.find` names a track of the mail that is asked for, of the time that is asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from archives import frame_of, moment, read_at

import mgframe as mg
from mgframe.errors import ArchiveError, QueryError


@pytest.fixture
def archive(tmp_path: Path) -> mg.Archive:
    return mg.Archive(tmp_path / "history")


def keep_days(archive: mg.Archive, name: str, *days: str) -> None:
    """Keep one message delivered on each of the days, as known on 16 November."""
    read_at(archive, frame_of({day: {"delivered": 1} for day in days}), "2026-11-16", name=name)


def unreported(archive: mg.Archive, name: str) -> None:
    """Take the statistics out of a table's log, as a program writes it that makes none."""
    for entry in Path(archive.place.table(name), "_delta_log").glob("*.json"):
        lines = [json.loads(line) for line in entry.read_text().splitlines()]
        for line in lines:
            line.get("add", {}).pop("stats", None)
        entry.write_text("".join(json.dumps(line) + "\n" for line in lines))


# ---------------------------------------------------------------- files of another program


def test_a_track_whose_rows_nobody_counted_is_found_after_those_of_known_size(
    archive: mg.Archive,
) -> None:
    for name in ("other", "days"):
        archive.track(name, by="domain")
        keep_days(archive, name, "2026-11-14", "2026-11-15")
    assert archive.find(by="domain") == "other"
    unreported(archive, "other")
    assert archive.table("other").rows is None
    assert archive.find(by="domain") == "days"


# ---------------------------------------------------------------- what is damaged, and what is not


def test_a_damaged_track_is_no_track_that_was_not_there_yet(archive: mg.Archive) -> None:
    for name in ("hours", "days"):
        archive.track(name, by="domain", resolution="hour" if name == "hours" else "day")
        keep_days(archive, name, "2026-11-15")
    past = archive.as_of("2026-11-17")
    assert past.find(by="domain") == "days"
    for entry in Path(archive.place.table("days"), "_delta_log").glob("*.json"):
        entry.write_text("{broken")
    with pytest.raises(ArchiveError, match="history/days: reading failed"):
        past.find(by="domain")


# ---------------------------------------------------------------- whose mail


def test_a_track_of_one_region_does_not_stand_for_the_account(archive: mg.Archive) -> None:
    archive.track("eu", by="domain", regions=["eu"])
    with pytest.raises(QueryError, match=r"no track has days by domain: archive\.track\('NAME', "):
        archive.find(by="domain")
    assert archive.find(by=["region", "domain"]) == "eu"
    assert archive.find(by="domain", where={"region": "eu"}) == "eu"
    archive.track("both", by=["domain", "tag"], regions=["us", "eu"])
    assert archive.find(by=["region", "domain", "tag"]) == "both"
    archive.track("regions", by="domain", regions=["us", "eu"])
    assert archive.find(by=["region", "domain"]) == "regions"


def test_the_call_that_would_keep_regions_works(archive: mg.Archive) -> None:
    with pytest.raises(QueryError) as refused:
        archive.find(by=["region", "domain"], resolution="hour")
    call = str(refused.value).split(": ")[-1].removesuffix(" keeps them")
    assert call == ("archive.track('NAME', by=['domain'], regions=['us', 'eu'], resolution='hour')")
    eval(call.replace("NAME", "found"), {"archive": archive})
    assert archive.find(by=["region", "domain"], resolution="hour") == "found"


def test_a_track_told_of_subaccounts_comes_after_the_accounts_usual_mail(
    archive: mg.Archive,
) -> None:
    archive.track("whole", by="domain", subaccounts=True)
    assert archive.find(by="domain") == "whole"
    archive.track("own", by="domain", subaccounts=False)
    with pytest.raises(QueryError, match="'whole' with, 'own' without them"):
        archive.find(by="domain")
    archive.track("hours", by="domain", resolution="hour")
    assert archive.find(by="domain") == "hours"


def test_a_track_by_subaccount_has_their_mail_which_the_account_has_not(
    archive: mg.Archive,
) -> None:
    archive.track("subaccounts", by=["domain", "subaccount"])
    archive.track("days", by=["domain", "tag"])
    assert archive.find(by="subaccount") == "subaccounts"
    assert archive.find(by="domain") == "subaccounts"  # the only one: tags cannot be added over
    archive.track("hours", by=["domain", "recipient_provider"], resolution="hour")
    assert archive.find(by="domain") == "hours"


def test_what_was_fetched_goes_before_what_was_imported(archive: mg.Archive) -> None:
    archive.track("panel", by="domain", api="none")
    archive.track("hours", by="domain", resolution="hour")
    keep_days(archive, "panel", "2026-11-14", "2026-11-15")
    keep_days(archive, "hours", "2026-11-15")
    assert archive.find(by="domain") == "hours"
    assert archive.find(by="domain", start="2026-11-14") == "panel"


# ---------------------------------------------------------------- what it can tell


def test_a_track_without_the_counts_does_not_answer(archive: mg.Archive) -> None:
    archive.track("sent", "sent", by="domain")
    archive.track("rest", ["delivered", "opened"], by=["domain", "recipient_provider"])
    assert archive.find(by="domain") == "sent"
    assert archive.find(by="domain", counts="delivered") == "rest"  # as it will be when synced
    keep_days(archive, "sent", "2026-11-15")
    assert archive.find(by="domain", counts="opened") == "rest"


def test_a_sum_over_countries_has_no_deliveries_and_is_not_found_unasked(
    archive: mg.Archive,
) -> None:
    archive.track("countries", by=["domain", "country"])
    with pytest.raises(QueryError, match="no track has days by domain"):
        archive.find(by="domain")
    assert archive.find(by="domain", counts="opened") == "countries"


def test_of_tracks_that_hold_nothing_yet_the_one_of_longer_buckets_and_fewer_keys_is_found(
    archive: mg.Archive,
) -> None:
    archive.track("hours", by="domain", resolution="hour")
    archive.track("providers", by=["domain", "recipient_provider"])
    assert archive.find(by="domain") == "providers"
    archive.track("days", by="domain")
    assert archive.find(by="domain") == "days"


# ---------------------------------------------------------------- since when


def test_a_track_that_covers_the_start_goes_before_a_smaller_one(archive: mg.Archive) -> None:
    archive.track("empty", by="domain")
    archive.track("hours", by="domain", resolution="hour")
    archive.track("days", by="domain")
    hours = {
        f"2026-11-{day} {hour}:00": {"delivered": 1} for day in range(1, 9) for hour in range(24)
    }
    covered = moment("2026-09-20"), moment("2026-11-16")
    read_at(archive, frame_of(hours), "2026-11-16", span=covered)
    keep_days(archive, "days", "2026-11-10")
    assert archive.find(by="domain", start="2026-11-10") == "days"
    assert archive.find(by="domain", start="2026-11-09") == "hours"
    assert archive.find(by="domain", start="2026-01-01") == "hours"
    with pytest.raises(QueryError, match="start='soon' is no date"):
        archive.find(by="domain", start="soon")


def test_a_hole_at_the_start_is_not_covered(archive: mg.Archive) -> None:
    archive.track("hours", by="domain", resolution="hour")
    archive.track("days", by="domain")
    hours = frame_of({"2026-11-05": {"delivered": 1}})
    read_at(archive, hours, "2026-11-16", span=(moment("2026-11-04"), moment("2026-11-16")))
    keep_days(archive, "days", "2026-11-01")
    keep_days(archive, "days", "2026-11-10")
    assert archive.find(by="domain", start="2026-11-01") == "days"
    assert archive.find(by="domain", start="2026-11-02") == "hours"  # the first day has ended
    assert archive.find(by="domain", start="2026-11-04") == "hours"
