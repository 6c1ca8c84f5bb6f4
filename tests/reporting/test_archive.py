"""A report of an archive: its figures are the frames', last year is known, and it can be remade."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pandas as pd
import pytest
from kept import NOW, PAIR, TAGS, archive_of, by_keys, keep_frame
from reporting.made import SICK, account, total

import mgframe as mg
from mgframe.errors import ArchiveError, QueryError
from mgframe.reporting.fetching import fetch_material
from mgframe.reporting.figures import Rate, measure
from mgframe.reporting.material import Material
from mgframe.reporting.sections import SECTIONS
from mgframe.reporting.spans import read_spans
from mgframe.reporting.volumes import volumes
from mgframe.sourcing import source_of

SHORT = ("headline", "scorecard", "coverage", "reproduction")
YEAR_AGO = slice("2025-11-10", "2025-11-16")


def material_of(archive: mg.Archive, tz: str | None = None, **window: str) -> Material:
    source = source_of(None, archive)
    spans = read_spans(window.get("last"), window.get("period"), tz, source.client.now())
    return fetch_material(source, None, spans.known_since(source.kept_since("hour")), SECTIONS)


def written(archive: mg.Archive, path: Path, **arguments: object) -> str:
    with warnings.catch_warnings(action="ignore"):
        made = mg.report(path=path, archive=archive, **arguments)  # type: ignore[arg-type]
    return made.path.read_text(encoding="utf-8")


def test_its_volume_and_rates_are_those_of_the_frames_and_of_a_year_before(
    kept: mg.Archive,
) -> None:
    made, frame = material_of(kept), account(days=430)
    now, then = frame.loc["2026-11-09":], frame.loc[YEAR_AGO]
    volume = volumes(made, made.whole, None)[""]
    assert (volume.value, volume.year) == (total(now, "processed"), total(then, "processed"))
    figure = measure(made, Rate("delivery_rate", made.whole)).of("")
    assert figure.value == total(now, "delivered") / total(now, "sent")
    assert figure.year == total(then, "delivered") / total(then, "sent")


def test_the_change_since_last_year_is_that_of_a_comparison_of_the_same_weekdays(
    kept: mg.Archive,
) -> None:
    made, frame = material_of(kept), account(days=430).mg.sum(["time", "domain"])
    expected = mg.compare(
        frame, "delivery_rate", before="2025-11-10/2025-11-16", after="2026-11-09/2026-11-15",
        by=[], until="2026-11-16",
    ).iloc[0]  # fmt: skip
    figure = measure(made, Rate("delivery_rate", made.whole)).of("")
    found = (figure.year_change, figure.year_low, figure.year_high)
    assert found == pytest.approx(tuple(expected[["change", "change_low", "change_high"]]))
    assert found[0] == pytest.approx(figure.value - figure.year)


def test_each_domain_has_its_own_last_year(kept: mg.Archive) -> None:
    made, then = material_of(kept), account(days=430).loc[YEAR_AGO]
    figures = measure(made, Rate("delivery_rate", made.whole), "domain")
    sizes = volumes(made, made.whole, "domain")
    for name in ("big.example", "small.example"):
        own = then.xs(name, level="domain")
        assert figures.of(name).year == total(own, "delivered") / total(own, "sent")
        assert sizes[name].year == total(own, "processed")


def test_complaints_of_last_year_leave_gmail_out_too(kept: mg.Archive) -> None:
    made = material_of(kept)
    then = account(days=430).loc[YEAR_AGO].mg.where(recipient_provider=["Outlook", "Yahoo"])
    figure = measure(made, Rate("complaint_rate", made.complaints)).of("")
    assert figure.year == total(then, "complained") / total(then, "delivered")


def test_last_year_is_unknown_where_a_single_day_of_it_was_not_read(tmp_path: Path) -> None:
    whole = by_keys(430, PAIR)
    for first, is_known in (("2025-11-10", True), ("2025-11-11", False)):
        archive = mg.Archive(tmp_path / first)
        archive.track("days", by=PAIR)
        keep_frame(archive, "days", whole.loc[first:])
        made = material_of(archive)
        assert (measure(made, Rate("delivery_rate", made.whole)).of("").year is None) != is_known
        assert (volumes(made, made.whole, None)[""].year is None) != is_known


def test_a_gap_in_last_years_days_is_unknown_and_not_less_mail(tmp_path: Path) -> None:
    archive, whole = mg.Archive(tmp_path / "mail"), by_keys(430, PAIR)
    archive.track("days", by=PAIR)
    keep_frame(archive, "days", whole.loc[:"2025-11-12"], at=NOW - pd.Timedelta(days=1))
    keep_frame(archive, "days", whole.loc["2025-11-14":])
    with warnings.catch_warnings(action="ignore"):
        made = material_of(archive)
    assert volumes(made, made.whole, None)[""].year is None
    assert measure(made, Rate("delivery_rate", made.whole)).of("").year is None
    page = written(archive, tmp_path / "gap.md", sections=SHORT)
    assert "are not known: the archive does not have all of them" in page


@pytest.mark.parametrize("kind", ["md", "html"])
def test_the_same_report_can_be_made_later_to_the_digit(tmp_path: Path, kind: str) -> None:
    archive = archive_of(tmp_path / "mail-history", by=(PAIR, TAGS))
    path = tmp_path / f"weekly.{kind}"
    then = written(archive, path, period="last week")
    later = NOW + pd.Timedelta(days=30)
    more = account(days=430)
    keep_frame(archive, "domain-recipient-provider", more.assign(delivered=1), at=later)
    archive.track("domains", by="domain")
    keep_frame(archive, "domains", by_keys(430, ("domain",)).assign(delivered=2), at=later)
    assert written(archive, path, period="2026-W46") != then
    assert written(archive.as_of(NOW + pd.Timedelta(days=3)), path, period="2026-W46") == then


def test_the_code_of_a_report_makes_it_again(
    kept: mg.Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = written(kept, tmp_path / "weekly.md")
    said = "    # the folder of the archive; complete its path\n    archive = mg.Archive("
    assert said in page
    lines = re.findall(r"^    (.*)$", page[page.index("import mgframe") - 4 :], re.MULTILINE)
    place = Path(kept.place.root)
    (tmp_path / place.name).symlink_to(place)
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings(action="ignore"):
        exec("\n".join(lines), {})
    assert (tmp_path / "weekly.md").read_text(encoding="utf-8") == page


def test_it_says_where_its_numbers_come_from(kept: mg.Archive, tmp_path: Path) -> None:
    page = written(kept, tmp_path / "weekly.md")
    assert "Data of 16 Nov 2026 06:30 UTC, from the archive mail-history" in page
    assert "Archive: mail-history, as of 16 Nov 2026 06:30 UTC" in page
    assert "domain-recipient-provider (16 Nov 2026 06:30 UTC)" in page
    assert "none, figures from an archive" in page
    assert str(Path(kept.place.root).parent) not in page


def test_what_is_not_kept_names_the_track_and_is_no_failure(
    kept: mg.Archive, tmp_path: Path
) -> None:
    made = mg.report(path=tmp_path / "weekly.md", archive=kept)
    assert made.coverage.problems == ()
    assert made.coverage.failed == {}
    said = "no track has days by domain, ip: archive.track('NAME', by=['domain', 'ip']) keeps them"
    assert said in made.coverage.not_kept
    page = made.path.read_text(encoding="utf-8")
    assert (
        "Not kept by the archive, so it is left out here: no track has days by domain, ip" in page
    )
    assert made.findings.iloc[0]["where"] == f"domain={SICK}"


def test_what_several_sections_lack_is_said_once(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "mail", by=[("domain",)])
    page = written(archive, tmp_path / "weekly.html", sections=("breakdown", "coverage"))
    assert page.count("no track has days by domain, recipient_provider:") == 1


def test_an_archive_of_the_account_alone_gives_what_it_can(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "mail", by=[()])
    page = written(archive, tmp_path / "weekly.md")
    assert "## In short" in page
    assert "No section “Scorecard”: the frames have no key domain" in page
    assert f"{total(account(days=430).loc['2026-11-09':], 'processed'):,}" in page


def test_a_total_of_a_track_of_its_own_is_held_against_the_domains(tmp_path: Path) -> None:
    page = written(archive_of(tmp_path / "one", days=60), tmp_path / "weekly.md", sections=SHORT)
    assert "The total is the sum of these domains. " in page
    both = archive_of(tmp_path / "two", days=60, by=[PAIR, ()])
    page = written(both, tmp_path / "weekly.md", sections=SHORT)
    assert "equals the account's own total" in page


def test_domains_can_be_named(kept: mg.Archive, tmp_path: Path) -> None:
    with warnings.catch_warnings(action="ignore"):
        made = mg.report("big.example", tmp_path / "big.md", archive=kept, sections=SHORT)
    page = made.path.read_text(encoding="utf-8")
    own = account(days=430).xs("big.example", level="domain").loc["2026-11-09":]
    assert f"{total(own, 'processed'):,}" in page
    assert "small.example" not in page


def test_invented_numbers_say_so_wherever_they_are_kept(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "mail", days=60, simulated=True)
    assert "SIMULATED" in written(archive, tmp_path / "weekly.html", sections=SHORT)
    assert "SIMULATED" in written(archive, tmp_path / "weekly.md", sections=SHORT)


def test_frames_and_an_archive_are_one_too_many(kept: mg.Archive, tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="archive="):
        mg.report(account(), tmp_path / "weekly.md", archive=kept)
    assert not (tmp_path / "weekly.md").exists()


def test_an_empty_archive_writes_no_file(tmp_path: Path) -> None:
    archive = mg.Archive(tmp_path / "mail")
    with pytest.raises(ArchiveError, match=r"there is no archive at \S+; archive\.track\("):
        mg.report(path=tmp_path / "weekly.md", archive=archive)
    archive.track("days")
    with pytest.raises(ArchiveError, match="nothing has been kept yet"):
        mg.report(path=tmp_path / "weekly.md", archive=archive)
    assert not (tmp_path / "weekly.md").exists()


def hours(days: int) -> pd.DataFrame:
    """Return the account by domain in hours, each day's mail in three of them."""
    daily = account(days=days).mg.sum(["time", "domain"])
    parts = [
        daily.assign(**{name: daily[name] // 3 for name in daily.columns}).set_axis(
            daily.index.set_levels(daily.index.levels[0] + pd.Timedelta(hours=hour), level=0)
        )
        for hour in (4, 15, 23)
    ]
    found = pd.concat(parts).sort_index()
    grid = pd.date_range(
        daily.index.levels[0][0], periods=24 * days, freq="h", unit="us", name="time"
    )
    index = pd.MultiIndex.from_product([grid, daily.index.levels[1]])
    return found.reindex(index, fill_value=0)


def test_local_weeks_of_last_year_come_from_kept_hours(tmp_path: Path) -> None:
    archive, frame = mg.Archive(tmp_path / "mail"), hours(430)
    archive.track("hours", by="domain", resolution="hour")
    keep_frame(archive, "hours", frame)
    made = material_of(archive, tz="Europe/Berlin")
    local = frame.tz_convert("Europe/Berlin", level="time")
    volume = volumes(made, made.whole, None)[""]
    assert volume.value == total(local.loc["2026-11-09":"2026-11-15 23:59"], "processed")
    assert volume.year == total(local.loc["2025-11-10":"2025-11-16 23:59"], "processed")


def test_the_days_of_a_young_archive_are_dates_in_its_pictures(tmp_path: Path) -> None:
    page = written(archive_of(tmp_path / "mail", days=7), tmp_path / "weekly.html")
    pictures = re.findall(r'<svg class="plot".*?</svg>', page, re.DOTALL)
    assert pictures
    for picture in pictures:
        ticks = re.findall(r"<text[^>]*>([^<]*)</text>", picture)
        assert {f"{day:02d} Nov" for day in range(9, 16)} <= set(ticks)
        assert not [text for text in ticks if ":" in text]
