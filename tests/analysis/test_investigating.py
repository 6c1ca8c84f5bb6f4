"""Findings: planted incidents at their place and on their days, and quiet accounts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from analysis.accounts import Plant, frames_of, leaves_of
from frames import grid_of

import mgframe as mg
from mgframe.analysis.investigating import COLUMNS, investigate, siblings
from mgframe.analysis.rereading import read_row

FIRST = pd.Timestamp("2026-08-18", tz="UTC")
BLOCK = Plant("block", {"domain": "d0.example", "recipient_provider": "Gmail"}, (70, 75), 0.05)


def frames_with(seed: int, plants: Sequence[Plant] = (), **size: Any) -> list[pd.DataFrame]:
    return frames_of(leaves_of(seed, plants, **{"tags": 4, "ips": 2, **size}))


def day(moment: pd.Timestamp) -> int:
    return (moment - FIRST).days


@pytest.fixture(scope="module")
def blocked() -> tuple[list[pd.DataFrame], pd.DataFrame]:
    frames = frames_with(3, [BLOCK])
    return frames, investigate(frames)


def test_a_block_is_one_finding_at_its_place_and_on_its_days(
    blocked: tuple[list[pd.DataFrame], pd.DataFrame],
) -> None:
    found = blocked[1]
    assert len(found) == 1
    row = found.loc[0]
    keys = {"domain": ["d0.example"], "recipient_provider": ["Gmail"]}
    assert (row["kind"], row["metric"], json.loads(row["keys"])) == ("rate", "block_rate", keys)
    assert (day(row["start"]), day(row["end"])) == (70, 75)
    assert row["start_low"] <= row["start"] <= row["start_high"]
    assert row["change_low"] < 0.05 < row["change_high"]
    assert row["change"] == pytest.approx(row["during"] - row["before"])
    assert row["excess"] == pytest.approx(row["k"] - row["expected"])
    assert 0.9 < row["share"] < 1.1
    assert row["q_value"] < 1e-6
    assert not row["ongoing"]


def test_its_sentence_says_what_where_when_how_much_and_what_did_not_move(
    blocked: tuple[list[pd.DataFrame], pd.DataFrame],
) -> None:
    text = blocked[1].loc[0, "sentence"]
    assert text.startswith("The block rate of mail to Gmail from d0.example rose from ")
    assert "on 27 October to 1 November 2026 (" in text
    assert "more messages refused as spam or by policy than expected" in text
    assert "Gmail for other domains and the domain's other providers did not move." in text


def test_its_next_check_is_a_call_that_can_be_run(
    blocked: tuple[list[pd.DataFrame], pd.DataFrame],
) -> None:
    assert (
        "mg.failures('d0.example', where={'recipient_provider': 'Gmail', 'severity': 'permanent'}, "
        "start='2026-10-27', end='2026-11-01')"
    ) in blocked[1].loc[0, "next_check"]


def test_siblings_stay_put_with_intervals_around_nothing(
    blocked: tuple[list[pd.DataFrame], pd.DataFrame],
) -> None:
    frames, found = blocked
    table = siblings(frames, found.loc[0])
    assert set(table["key"]) == {
        "Outlook", "Yahoo", "Apple", "Comcast", "Other", "d1.example", "d2.example",
    }  # fmt: skip
    assert not table["moved"].any()
    assert (table["change_low"] <= table["change"]).all()
    assert (table["change"] <= table["change_high"]).all()


def test_the_table_has_the_promised_columns_and_survives_csv(
    blocked: tuple[list[pd.DataFrame], pd.DataFrame], tmp_path: Any
) -> None:
    found = blocked[1]
    assert list(found.columns) == list(COLUMNS)
    assert str(found["start"].dtype) == "datetime64[us, UTC]"
    found.to_csv(tmp_path / "found.csv", index=False)
    assert pd.read_csv(tmp_path / "found.csv")["sentence"].tolist() == found["sentence"].tolist()


@pytest.mark.parametrize(
    ("plant", "kind", "metric"),
    [
        (Plant("block", {"domain": "d1.example"}, (80, 89), 0.05), "rate", "block_rate"),
        (Plant("block", {"ip": "192.0.2.1"}, (75, 80), 0.05), "rate", "block_rate"),
        (Plant("stale", {"tag": "tag2"}, (60, 62), 0.06), "rate", "hard_bounce_rate"),
        (
            Plant("throttle", {"recipient_provider": "Yahoo"}, (84, 89), 0.2),
            "rate",
            "deferral_rate",
        ),
        (Plant("complaints", {"domain": "d1.example"}, (70, 76), 0.006), "rate", "complaint_rate"),
        (Plant("tracking", {"domain": "d0.example"}, (70, 74), 0.6), "tracking", "open_rate"),
        # Mail in the spam folder of one provider is opened and clicked less too.
        (Plant("tracking", {"recipient_provider": "Yahoo"}, (70, 74), 0.6), "rate", "open_rate"),
        (Plant("bots", {"recipient_provider": "Outlook"}, (70, 76), 0.25), "bots", "open_rate"),
    ],
    ids=lambda value: value.kind if isinstance(value, Plant) else "",
)
def test_an_incident_is_found_where_it_was_planted(plant: Plant, kind: str, metric: str) -> None:
    found = investigate(frames_with(3, [plant]))
    row = found.loc[0]
    assert (row["kind"], row["metric"]) == (kind, metric)
    machines = {"bot": ["Apple"]} if kind == "bots" else {}
    place = {level: [name] for level, name in plant.where.items()}
    assert json.loads(row["keys"]) == place | machines
    assert abs(day(row["start"]) - plant.days[0]) <= 1
    assert row["ongoing"] == (plant.days[1] == 89)
    assert len(found) == 1


def test_a_throttle_is_found_by_its_deferrals_before_bounces_move() -> None:
    yahoo = {"recipient_provider": "Yahoo"}
    plants = [Plant("throttle", yahoo, (80, 89), 0.2), Plant("block", yahoo, (87, 89), 0.08)]
    frames = frames_with(3, plants)
    first_week = FIRST + pd.Timedelta(days=87, hours=9)
    row = investigate(frames, until=first_week).loc[0]
    assert (row["metric"], row["where"]) == ("deferral_rate", "recipient_provider=Yahoo")
    assert (day(row["start"]), day(row["end"]), row["ongoing"]) == (80, 86, True)
    assert row["sentence"].startswith("The deferral rate of mail to Yahoo has risen from ")
    throttled = {"before": "2026-10-09/2026-11-05", "after": "2026-11-06/2026-11-12"}
    bounces = mg.compare(frames[0], "bounce_rate", by="recipient_provider", **throttled)
    assert bounces.set_index("recipient_provider").loc["Yahoo", "verdict"] == "no change seen"
    late = frames[0][frames[0].index.get_level_values("time") > first_week]
    yahoo_bounces = mg.rates(late, "bounce_rate", by="recipient_provider").loc["Yahoo"]
    assert yahoo_bounces["bounce_rate"] > 0.08  # in the days after that they have moved


def test_more_mail_of_a_tag_that_is_opened_less_is_a_mix_and_no_fall_of_opens() -> None:
    where = {"domain": "d1.example", "tag": "tag3"}
    leaves = leaves_of(3, [Plant("mix", where, (78, 89), 12.0)])
    there = leaves.at(where)
    for name in ("unique_opened", "unique_clicked", "_people", "_machines"):
        leaves.counts[name][there] //= 3
    found = investigate(frames_of(leaves))
    assert found["kind"].tolist() == ["mix"]
    assert json.loads(found.loc[0, "keys"]) == {level: [name] for level, name in where.items()}
    assert "because the mix of mail changed" in found.loc[0, "sentence"]


def test_two_incidents_at_once_are_two_findings() -> None:
    stale = Plant("stale", {"domain": "d1.example", "tag": "tag3"}, (72, 74), 0.06)
    found = investigate(frames_with(4, [BLOCK, stale]))
    assert {row["where"] for _, row in found.iterrows()} == {
        "domain=d0.example & recipient_provider=Gmail",
        "domain=d1.example & tag=tag3",
    }


@pytest.mark.parametrize("seed", [100, pytest.param(101, marks=pytest.mark.slow)])
def test_a_quiet_account_has_no_findings(seed: int) -> None:
    found = investigate(frames_with(seed))
    assert found.empty
    assert list(found.columns) == list(COLUMNS)
    assert found.attrs["mgframe"]["series"] > 100


@pytest.mark.slow
def test_a_spike_of_volume_is_a_note_and_no_finding() -> None:
    frames = frames_with(102, [Plant("spike", {"domain": "d1.example"}, (80, 80), 6.0)])
    assert investigate(frames).empty
    noted = investigate(frames, notes=True)
    assert set(noted["kind"]) == {"note"}
    spike = noted[noted["where"] == "domain=d1.example"].iloc[0]
    assert day(spike["start"]) == 80


def test_days_that_were_not_judged_are_a_note() -> None:
    frames = frames_with(100)
    until = FIRST + pd.Timedelta(days=88, hours=9)
    holidays = [FIRST + pd.Timedelta(days=87)]
    noted = investigate(frames, notes=True, until=until, holidays=holidays)
    (row,) = [row for _, row in noted.iterrows() if "were not judged" in row["sentence"]]
    assert (day(row["start"]), day(row["end"])) == (87, 89)
    assert "deliveries since 2026-11-13 were not judged" in row["sentence"]


@pytest.mark.slow
def test_within_leaves_out_what_began_before() -> None:
    frames = frames_with(3, [Plant("block", dict(BLOCK.where), (40, 45), 0.05)])
    assert "block_rate" not in set(investigate(frames)["metric"])
    assert day(investigate(frames, within="60d").loc[0, "start"]) == 40


def test_the_leading_failure_of_the_place_is_its_cause(
    blocked: tuple[list[pd.DataFrame], pd.DataFrame],
) -> None:
    failures = pd.DataFrame(
        {
            "severity": ["permanent", "permanent", "temporary"],
            "reason": ["espblock", "bounce", "greylisted"],
            "code": pd.array([550, 550, 421], dtype="Int64"),
            "provider": ["Gmail", "Yahoo", "Gmail"],
            "count": [90, 200, 500],
        }
    )
    row = investigate(blocked[0], failures=failures).loc[0]
    assert row["cause"] == "espblock 550"
    assert row["sentence"].endswith(". Most failures there: espblock 550.")


def test_frames_by_name_are_frames(blocked: tuple[list[pd.DataFrame], pd.DataFrame]) -> None:
    frames = blocked[0]
    named: Any = {"by provider": frames[0], "by tag": frames[1]}
    pd.testing.assert_frame_equal(investigate(named), investigate(frames[:2]))


def test_what_is_no_table_of_failures_is_refused(
    blocked: tuple[list[pd.DataFrame], pd.DataFrame],
) -> None:
    for wrong in (blocked[0][0], "espblock"):
        with pytest.raises(mg.FrameError, match="failures= must be a table"):
            investigate(blocked[0], failures=wrong)  # type: ignore[arg-type]


def test_hours_are_summed_to_days() -> None:
    random = np.random.default_rng(5)
    sent = random.poisson(200, 60 * 24)
    failed = random.binomial(sent, np.where(np.arange(60 * 24) >= 50 * 24, 0.06, 0.005))
    counts = {"sent": sent.tolist(), "delivered": (sent - failed).tolist()}
    frame = grid_of(60 * 24, {"domain": ["a.com"]}, counts, resolution="hour")
    frame.attrs["mgframe"]["complete_until"] = "2027-01-01T00:00:00Z"
    row = investigate(frame).loc[0]
    assert (row["metric"], row["start"]) == ("delivery_rate", pd.Timestamp("2026-12-22", tz="UTC"))
    assert row["change"] < -0.05
    assert row["ongoing"]


# ---------------------------------------------------------------- a row read back


def test_a_row_that_was_kept_in_a_file_tells_the_same(
    blocked: tuple[list[pd.DataFrame], pd.DataFrame], tmp_path: Any
) -> None:
    frames, found = blocked
    found.to_csv(tmp_path / "found.csv", index=False)
    kept = pd.read_csv(tmp_path / "found.csv").loc[0]
    pd.testing.assert_frame_equal(siblings(frames, kept), siblings(frames, found.loc[0]))
    assert read_row(kept) == read_row(found.loc[0].to_dict())


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"kind": "note"}, "a note: it tells of no incident"),
        ({"metric": "delay_rate"}, "whose metric is 'delay_rate'"),
        ({"keys": "domain=a.com"}, "no JSON text of levels"),
        ({"keys": "[]"}, "no JSON text of levels"),
        ({"start": "soon"}, "finding="),
        ({"start": "2020-01-01"}, "give those that were investigated"),
    ],
)
def test_what_is_no_row_of_these_frames_is_refused(
    blocked: tuple[list[pd.DataFrame], pd.DataFrame], changed: dict[str, Any], said: str
) -> None:
    frames, found = blocked
    with pytest.raises(mg.QueryError, match=said):
        siblings(frames, {**found.loc[0], **changed})


@pytest.mark.parametrize("wrong", [None, 0, pd.Series({"kind": "rate"}), pd.DataFrame()])
def test_what_is_no_row_at_all_is_refused(
    blocked: tuple[list[pd.DataFrame], pd.DataFrame], wrong: Any
) -> None:
    with pytest.raises(mg.QueryError, match="finding= must be a row"):
        siblings(blocked[0], wrong)


# ---------------------------------------------------------------- what cannot be told


def reasons(found: pd.DataFrame) -> str:
    assert found.empty
    return " ".join(found.attrs["mgframe"]["cannot_tell"])


def test_a_short_history_cannot_tell() -> None:
    with pytest.warns(mg.MgframeWarning, match="cannot tell, because the busiest slice has 20"):
        found = investigate(frames_with(3, days=20))
    assert "too few to know what is usual" in reasons(found)


def test_zeros_cannot_tell() -> None:
    frame = grid_of(60, {"domain": ["a.com"]}, {"sent": 0, "delivered": 0})
    with pytest.warns(mg.MgframeWarning, match="cannot tell, because no day has mail"):
        found = investigate(frame)
    assert "no day has mail" in reasons(found)


def test_unknown_counts_cannot_tell() -> None:
    frame = grid_of(60, {"domain": ["a.com"]}, {"sent": 1000, "delivered": None})
    with pytest.warns(mg.MgframeWarning, match="whose counts are known"):
        found = investigate(frame)
    assert "no day has mail whose counts are known" in reasons(found)


def test_no_rows_cannot_tell() -> None:
    frame = grid_of(60, {"domain": ["a.com"]}, {"sent": 0, "delivered": 0})
    with pytest.warns(mg.MgframeWarning, match="cannot tell, because the frames have no rows"):
        found = investigate(frame.iloc[:0])
    assert "no rows" in reasons(found)


def test_one_key_is_looked_at_and_says_what_it_cannot() -> None:
    frame = grid_of(60, {"domain": ["a.com", "b.com"]}, {"sent": 1000, "delivered": 995})
    assert "no place is narrower than one key" in reasons(investigate(frame))


def test_frames_of_other_days_are_refused() -> None:
    frames = frames_with(3)
    short = frames[1][frames[1].index.get_level_values("time") > FIRST]
    short.attrs = frames[1].attrs
    with pytest.raises(mg.FrameError, match="not about the same days"):
        investigate([frames[0], short])


def test_two_frames_of_the_same_keys_are_refused() -> None:
    frames = frames_with(3)
    with pytest.raises(mg.FrameError, match="same keys"):
        investigate([frames[0], frames[0]])


def test_months_are_refused() -> None:
    frame = grid_of(24, {"domain": ["a.com"]}, {"sent": 9, "delivered": 9}, resolution="month")
    with pytest.raises(mg.FrameError, match="too few to tell an incident"):
        investigate(frame)


def test_three_keys_are_refused() -> None:
    keys = {"domain": ["a.com"], "recipient_provider": ["Gmail"], "tag": ["x"]}
    with pytest.raises(mg.FrameError, match="two at most"):
        investigate(grid_of(60, keys, {"sent": 9, "delivered": 9}))


def test_counts_of_no_rate_are_refused() -> None:
    with pytest.raises(mg.FrameError, match="no frame has both counts"):
        investigate(grid_of(60, {"domain": ["a.com"]}, {"sent": 9}))


@pytest.mark.parametrize("frames", [None, [], "frames", [1]])
def test_what_is_no_frame_is_refused(frames: Any) -> None:
    with pytest.raises(mg.QueryError, match="frame"):
        investigate(frames)


@pytest.mark.parametrize("options", [{"within": "36h"}, {"within": 35}, {"limit": 0}])
def test_wrong_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(mg.QueryError):
        investigate(frames_with(3, days=30), **options)


def test_what_has_lasted_longer_than_six_weeks_is_found_whole() -> None:
    plant = Plant("block", {"recipient_provider": "Yahoo"}, (36, 89), 0.05)
    (row,) = (row for _, row in investigate(frames_with(3, [plant]), within="60d").iterrows())
    assert (day(row["start"]), day(row["end"]), row["ongoing"]) == (36, 89, True)
