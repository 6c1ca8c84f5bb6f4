"""Each section says of the frames what the public functions say."""

from __future__ import annotations

import pandas as pd
import pytest
from frames import grid_of
from reporting.made import DOMAINS, PROVIDERS, SICK, account, material, total, week, with_counts

import mgframe as mg
from mgframe.errors import FrameError, QueryError
from mgframe.reporting.breakdown import breakdown
from mgframe.reporting.headline import headline
from mgframe.reporting.headroom import headroom
from mgframe.reporting.material import Coverage, read_frames
from mgframe.reporting.origins import caveats, cover, recipe
from mgframe.reporting.pictures import incident_picture
from mgframe.reporting.population import population
from mgframe.reporting.scorecard import scorecard
from mgframe.reporting.sections import SECTIONS, fill, read_sections
from mgframe.reporting.standouts import standouts


@pytest.fixture(scope="module")
def frame():
    return account()


@pytest.fixture(scope="module")
def tags():
    return account(level="tag", keys=("receipt", "weekly"), seed=2)


@pytest.fixture(scope="module")
def made(frame, tags):
    return material([frame, tags])


# ---------------------------------------------------------------- scorecard


def test_the_total_of_the_scorecard_is_the_account(frame, made):
    found = scorecard(made)
    rows = week(frame)
    assert found.total.volume.value == total(rows, "processed")
    assert found.total.figures[0].value == total(rows, "delivered") / total(rows, "sent")
    each = [row.volume.value for row in (*found.first, *found.rest)]
    assert sum(each) == found.total.volume.value


def test_every_domain_has_its_own_figures_and_the_worst_comes_first(frame, made):
    found = scorecard(made)
    assert found.first[0].name == SICK
    assert found.first[0].verdict == "worse"
    assert found.worse == 1
    assert {row.name for row in found.first} == set(DOMAINS)
    for row in found.first:
        rows = week(frame, domain=row.name)
        if total(rows, "processed"):
            blocked = total(rows, "permanent_failed_esp_block") / total(rows, "processed")
            assert row.figures[1].value == blocked
    assert [rate.name for rate in found.rates] == [
        "delivery_rate", "block_rate", "complaint_rate", "click_rate",
    ]  # fmt: skip


def test_ten_domains_come_first_and_the_others_by_volume():
    names = [f"d{i:02}.example" for i in range(13)]
    found = scorecard(material(account(names, sick=names[7], days=40)))
    assert found.first[0].name == names[7]
    assert (len(found.first), len(found.rest)) == (10, 3)
    sizes = [row.volume.value for row in found.rest]
    assert sizes == sorted(sizes, reverse=True)


def test_calm_domains_come_by_how_many_messages_fared_worse():
    found = scorecard(material(account([f"d{i}.example" for i in range(6)], sick=None, days=40)))
    assert found.worse == 0
    excess = [max(figure.excess for figure in row.figures[:2]) for row in found.first]
    assert excess == sorted(excess, reverse=True)


def test_a_domain_that_stands_out_is_marked_and_comes_before_calm_ones(made):
    found = scorecard(made, [(1, "small.example"), (2, "small.example")])
    assert [row.name for row in found.first[:2]] == [SICK, "small.example"]
    assert found.first[1].finding == 1


def test_the_check_tells_of_mail_that_no_domain_has(frame, made):
    from dataclasses import replace

    whole = mg.sum(frame, ["time"])
    assert "equals the account's own total" in scorecard(replace(made, account=whole)).check
    more = with_counts(whole, {"processed": whole["processed"] + 10})
    assert "+70 belong to domains" in scorecard(replace(made, account=more)).check


# ---------------------------------------------------------------- domains that come and go


def test_new_and_silent_domains_are_told_apart(frame, made):
    found = population(made)
    assert [(one.name, one.day) for one in found.new] == [("new.example", "9 Nov 2026")]
    assert [(one.name, one.day) for one in found.silent] == [("old.example", "8 Nov 2026")]
    assert found.new[0].volume.value == total(week(frame, domain="new.example"), "processed")
    assert found.mute == []


def test_a_domain_is_mute_where_it_was_asked_and_had_no_mail():
    frame = account(("a.com", "b.com"), days=40)
    asked = Coverage(("a.com", "b.com", "c.com", "d.com"), ("a.com", "b.com", "c.com"),
                     {"d.com": "ServerError"})  # fmt: skip
    assert population(material(frame, coverage=asked)).mute == ["c.com"]


def test_what_is_unknown_is_neither_new_nor_silent_nor_mute():
    counts = {"sent": 5, "delivered": 5}
    frame = grid_of(35, {"domain": ["a.com", "b.com"]}, counts, start="2026-10-12",
                    complete_until="2026-11-16T00:00:00Z")  # fmt: skip
    holed = with_counts(frame, {"sent": frame["sent"].mask(
        frame.index.get_level_values("domain") == "b.com")})  # fmt: skip
    found = population(material(holed))
    assert (found.new, found.silent, found.mute) == ([], [], [])


# ---------------------------------------------------------------- what stands out


def test_what_stands_out_is_what_investigate_finds(frame, tags, made):
    found = standouts(made)
    table = mg.investigate([frame, tags])
    pd.testing.assert_frame_equal(found.table, table)
    assert [item.sentence for item in found.items] == table["sentence"].tolist()
    assert found.items[0].next_check == table["next_check"][0]
    assert found.domains[0] == (1, SICK)


def test_an_incident_has_a_plot_with_a_text_in_its_place(made):
    found = standouts(made)
    picture, row = found.items[0].picture, found.table.loc[0]
    assert 'role="img"' in picture.svg
    assert SICK in picture.alt
    assert f"{row['start']:%Y-%m-%d} to {row['end']:%Y-%m-%d} are shaded" in picture.alt
    assert picture.svg.count("<svg") == 1


def test_an_incident_is_drawn_as_show_draws_it(frame, tags, made):
    item = standouts(made).items[0]
    view = mg.show(mg.investigate([frame, tags]).loc[0], [frame, tags])
    again = incident_picture(view.days, view.finding, f"finding-{item.number}", item.place)
    assert item.picture == again
    for part in ("affected", "start", "expected", "band", "rate"):
        assert f'id="finding-1-{part}"' in again.svg


def test_without_a_client_no_cause_is_asked(made):
    found = standouts(made)
    assert (found.items[0].cause, found.requests) == ("", 0)


def test_frames_too_short_to_judge_say_why():
    found = standouts(material(account(days=20)))
    assert (len(found.items), found.series) == (0, 0)
    assert "28 are needed" in found.cannot_tell[0]


# ---------------------------------------------------------------- providers, tags, limits


def test_providers_and_tags_have_the_frames_figures(frame, tags, made):
    providers, by_tag = breakdown(made).tables
    assert {line.name for line in providers.lines} == set(PROVIDERS)
    for line in providers.lines:
        rows = week(frame, recipient_provider=line.name)
        assert line.volume.value == total(rows, "processed")
        assert line.figures[0].value == total(rows, "delivered") / total(rows, "sent")
    for line in by_tag.lines:
        rows = week(tags, tag=line.name)
        assert line.figures[1].value == (
            total(rows, "permanent_failed_esp_block") / total(rows, "processed")
        )
    assert by_tag.overlaps


def test_gmail_s_complaints_are_not_reported_and_never_zero(made):
    table = breakdown(made).tables[0]
    column = [rate.name for rate in table.rates].index("complaint_rate")
    gmail = next(line for line in table.lines if line.name == "Gmail").figures[column]
    assert (gmail.value, gmail.note) == (None, "not reported")


def test_limits_are_those_of_thresholds(frame, made):
    found = headroom(made)
    table = mg.thresholds(frame, by=["domain"], until="2026-11-16")
    pd.testing.assert_frame_equal(found.table, table)
    over = table[table["verdict"] == "over"]
    assert [row.key for row in found.shown if row.verdict == "over"] == over["domain"].tolist()
    assert len(over) > 0
    first = found.shown[0]
    assert (first.k, first.n, first.headroom) == tuple(over.iloc[0][["k", "n", "headroom"]])
    counts = table.groupby("limit_name")["verdict"].value_counts()
    for line in found.tally:
        for verdict, number in line.counts.items():
            assert counts.get((line.limit_name, verdict), 0) == number


# ---------------------------------------------------------------- origins


def test_coverage_counts_domains_and_unknown_cells(frame):
    holed = with_counts(frame, {"delivered": frame["delivered"].mask(
        frame.index.get_level_values("time") == "2026-11-15")})  # fmt: skip
    asked = Coverage(("a", "b", "c"), ("a", "b"), {"c": "500"})
    found = cover(material(holed, coverage=asked))
    assert str(found.coverage) == "2 of 3"
    cells = {one.count: (one.cells, one.rows) for one in found.unknown}
    assert cells == {"Delivered": (len(DOMAINS) * 3, len(DOMAINS) * 3 * 7)}


def test_a_frame_that_was_fetched_in_part_tells_what_failed(frame):
    partly = with_counts(frame, {})
    partly.attrs["mgframe"] = {**frame.attrs["mgframe"], "failed": {"x.example": "ServerError"}}
    found = material(partly).coverage
    assert (str(found), dict(found.failed)) == ("4 of 5", {"x.example": "ServerError"})


def test_the_recipe_names_the_window_in_utc(made):
    facts = recipe(made).facts
    assert facts["Window in UTC"] == "2026-11-09 00:00 to 2026-11-16 00:00 (exclusive)"
    assert f"pandas {pd.__version__}" in facts["Versions"]


def test_what_cannot_be_given_is_left_out_and_said(frame):
    account_only = mg.sum(frame, ["time"])
    contents = fill(material(account_only), list(SECTIONS))
    ids = [section.id for section in contents.sections]
    assert {"scorecard", "domains", "breakdown"}.isdisjoint(ids)
    told = " ".join(next(s for s in contents.sections if s.id == "caveats").own)
    assert "No section “Scorecard”: the frames have no key domain" in told


def test_the_headline_is_the_whole_and_says_when_a_verdict_seems_odd(made):
    found = headline(made)
    assert found.volume.value == scorecard(made).total.volume.value
    assert [figure.label for figure in found.figures][:2] == ["Delivered", "Blocked"]
    assert len(found.pictures) == 2
    assert found.odd == ""


def test_sections_are_chosen_by_name():
    assert read_sections(None) == list(SECTIONS)
    assert read_sections(["coverage", "headline", "coverage"]) == ["coverage", "headline"]
    with pytest.raises(QueryError, match="did you mean 'scorecard'"):
        read_sections(["scorcard"])
    with pytest.raises(QueryError, match="sections is empty"):
        read_sections([])


# ---------------------------------------------------------------- frames that cannot be reported


def test_frames_that_add_up_to_nothing_are_refused(tags):
    with pytest.raises(FrameError, match="tags overlap"):
        material(tags)
    with pytest.raises(QueryError, match="got int"):
        read_frames(3)
    with pytest.raises(QueryError, match="made of a frame"):
        read_frames([])


def test_days_in_utc_cannot_be_those_of_a_zone(frame):
    with pytest.raises(FrameError, match="needs a frame of hours"):
        material(frame, tz="Europe/Berlin")
    with pytest.raises(FrameError, match="has weeks"):
        material(mg.resample(frame, "W"))


def test_hours_become_the_days_of_the_zone():
    hours = grid_of(24 * 40, {"domain": ["a.com"]}, {"sent": 2, "delivered": 1},
                    start="2026-10-06 23:00", resolution="hour",
                    complete_until="2026-11-16T00:00:00Z")  # fmt: skip
    made = material(hours, tz="Europe/Berlin")
    assert headline(made).volume.value == 7 * 24 * 2
    assert str(made.whole.index.unique("time").tz) == "Europe/Berlin"


def test_what_is_not_wanted_is_not_looked_for(made):
    contents = fill(made, ["scorecard", "headline"])
    assert (contents.findings, contents.limits) == (None, None)
    assert all(row.finding is None for row in contents.sections[0].first)


# ---------------------------------------------------------------- what a number leaves out


def test_limits_say_where_under_is_no_all_clear(made):
    found = headroom(material(mg.sum(account(), ["time", "domain"])))
    assert any("understated by Gmail's share" in note for note in found.notes)
    assert not any("understated" in note for note in headroom(made).notes)


def test_a_caption_says_what_a_hollow_point_is(made):
    caption = headline(made).pictures[1].caption
    assert "Hollow and dashed: open or still counting, not judged." in caption
    assert "\n" not in caption


def test_remarks_are_sentences(made):
    own = caveats(made, {}, ["no bot", "unique_clicked is unique"]).own
    assert {"No bot.", "unique_clicked is unique."} <= set(own)
