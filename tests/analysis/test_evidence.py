"""What is behind a finding: the days that it counts, ordinary days in their range, what moved."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from analysis.accounts import Plant, frames_of, leaves_of

import mgframe as mg
from mgframe.analysis.evidence import Evidence, evidence_of
from mgframe.analysis.investigating import investigate, siblings

FIRST = pd.Timestamp("2026-08-18", tz="UTC")
PLACE = {"domain": "d0.example", "recipient_provider": "Gmail"}
BLOCK = Plant("block", PLACE, (70, 75), 0.05)


def frames_with(*plants: Plant, seed: int = 3) -> list[pd.DataFrame]:
    return frames_of(leaves_of(seed, plants))


@pytest.fixture(scope="module")
def blocked() -> tuple[list[pd.DataFrame], pd.Series, Evidence]:
    frames = frames_with(BLOCK)
    row = investigate(frames).loc[0]
    return frames, row, evidence_of(frames, row)


def row_of(metric: str, kind: str = "rate", **keys: list[str]) -> dict[str, Any]:
    day = FIRST + pd.Timedelta(days=75)
    return {"kind": kind, "metric": metric, "keys": json.dumps(keys), "start": day, "end": day}


def test_the_days_have_the_counts_of_the_place(
    blocked: tuple[list[pd.DataFrame], pd.Series, Evidence],
) -> None:
    frames, _, found = blocked
    own = frames[0].xs(tuple(PLACE.values()), level=tuple(PLACE))
    days = found.days
    assert list(days["n"]) == own["processed"].tolist()
    assert list(days["k"]) == own["permanent_failed_esp_block"].tolist()
    np.testing.assert_allclose(days["rate"], days["k"] / days["n"])
    assert days.index.name == "time"
    assert days.attrs["mgframe"] == {"resolution": "day", "simulated": True}


def test_the_affected_days_add_up_to_the_row(
    blocked: tuple[list[pd.DataFrame], pd.Series, Evidence],
) -> None:
    _, row, found = blocked
    inside = found.days[found.days["affected"]]
    assert (inside.index[0], inside.index[-1], len(inside)) == (row["start"], row["end"], 6)
    assert inside["n"].sum() == pytest.approx(row["n"])
    assert inside["k"].sum() == pytest.approx(row["k"])
    assert (inside["n"] * inside["expected"]).sum() == pytest.approx(row["expected"], rel=0.01)
    assert (inside["rate"] > inside["high"]).all()


def test_of_deliveries_the_rate_is_what_arrived() -> None:
    frames = frames_with(BLOCK)
    days = evidence_of(frames, row_of("delivery_rate", domain=["d0.example"])).days
    own = frames[0].mg.sum(["time", "domain"]).xs("d0.example", level="domain")
    assert list(days["k"]) == own["delivered"].tolist()
    np.testing.assert_allclose(days["rate"], (own["delivered"] / own["sent"]).astype("float64"))
    assert (days["low"] < days["expected"]).all()
    assert (days["expected"] < days["high"]).all()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [100, 101])
def test_ordinary_days_lie_in_their_range_as_often_as_it_says(seed: int) -> None:
    frames, inside = frames_with(seed=seed), []
    places: list[dict[str, list[str]]] = [
        {}, {"domain": ["d0.example"]}, {"recipient_provider": ["Yahoo"]}, {"tag": ["tag1"]},
        {"domain": ["d0.example"], "recipient_provider": ["Comcast"]},
    ]  # fmt: skip
    for metric in ("block_rate", "delivery_rate", "deferral_rate"):
        for keys in places:
            days = evidence_of(frames, row_of(metric, **keys)).days
            good = (days["rate"] >= days["low"]) & (days["rate"] <= days["high"])
            inside.append(good[days["judged"]].mean())
    assert min(inside) > 0.85
    assert 0.92 < np.mean(inside) < 0.98


def test_a_day_without_any_event_is_in_the_range_of_a_rare_one() -> None:
    keys = {"domain": ["d0.example"], "recipient_provider": ["Comcast"]}
    days = evidence_of(frames_with(), row_of("complaint_rate", **keys)).days
    none = days[(days["k"] == 0) & days["judged"]]
    assert len(none) > 20
    assert (none["low"] == 0).all()


def test_the_open_day_has_its_counts_and_was_not_judged() -> None:
    frames = frames_with()
    until = FIRST + pd.Timedelta(days=89, hours=9)
    days = evidence_of(frames, row_of("block_rate"), until=until).days
    assert days["judged"].tolist() == [True] * 89 + [False]
    assert days["n"].iloc[-1] == frames[0].mg.sum("time")["processed"].iloc[-1]
    assert np.isfinite(days["rate"].iloc[-1])


def test_a_day_without_mail_has_no_rate() -> None:
    frames = frames_with()
    tag = {"tag": ["tag0"], "domain": ["d0.example"]}
    days = evidence_of(frames, row_of("block_rate", **tag)).days
    silent = days["n"] == 0
    assert silent.any()
    assert days.loc[silent, ["rate", "low", "high"]].isna().all(axis=None)
    assert days["expected"].notna().all()


def test_the_same_place_has_its_other_rates_and_those_that_moved_say_so(
    blocked: tuple[list[pd.DataFrame], pd.Series, Evidence],
) -> None:
    rates = blocked[2].companions.set_index("rate")
    assert rates.index[rates["moved"]].tolist() == ["Delivery rate"]
    assert rates.loc["Delivery rate", "change_high"] < -0.03
    assert {"Hard bounce rate", "Deferral rate", "Unique open rate"} <= set(rates.index)
    assert "Block rate" not in rates.index
    assert "Complaint rate" not in rates.index  # Gmail reports none
    assert (rates["change_low"] <= rates["change"]).all()
    assert (rates["change"] <= rates["change_high"]).all()


def test_the_keys_beside_it_are_those_of_siblings(
    blocked: tuple[list[pd.DataFrame], pd.Series, Evidence],
) -> None:
    frames, row, found = blocked
    pd.testing.assert_frame_equal(found.siblings, siblings(frames, row))


def test_of_machines_the_class_is_told_beside_the_other_rates_of_its_place() -> None:
    frames = frames_with(Plant("bots", {"recipient_provider": "Outlook"}, (70, 76), 0.25))
    row = investigate(frames).loc[0]
    assert (row["kind"], row["where"]) == ("bots", "recipient_provider=Outlook & bot=Apple")
    assert row["sentence"].startswith("Opens by machines (bot class Apple) of mail to Outlook rose")
    found = evidence_of(frames, row)
    opens = frames[5].xs(("Outlook", "Apple"), level=("recipient_provider", "bot"))
    assert list(found.days["k"][7:]) == opens["unique_opened"].tolist()[7:]
    rates = found.companions.set_index("rate")
    assert rates.loc["Unique open rate", "moved"]
    assert not rates.loc["Delivery rate", "moved"]
    assert set(found.siblings["level"]) == {"recipient_provider"}  # there is one class of machines


def test_of_machines_all_opens_are_told_where_theirs_alone_are_not_known() -> None:
    where = {"domain": "d0.example", "recipient_provider": "Outlook"}
    frames = frames_with(Plant("bots", where, (70, 76), 0.5))
    row = investigate(frames).loc[0]
    keys = {**{level: [name] for level, name in where.items()}, "bot": ["Apple"]}
    assert (row["kind"], json.loads(row["keys"])) == ("bots", keys)
    found = evidence_of(frames, row)
    assert found.days.attrs["mgframe"]["all_opens"]
    opens = frames[0].xs(tuple(where.values()), level=tuple(where))["unique_opened"]
    assert list(found.days["k"][7:]) == opens.tolist()[7:]
    assert set(found.siblings["level"]) == set(where)
    assert not found.siblings["moved"].any()
    pd.testing.assert_frame_equal(found.siblings, siblings(frames, row))


def test_of_a_change_of_the_mix_the_whole_account_is_told() -> None:
    days = evidence_of(frames_with(), row_of("delivery_rate", "mix", domain=["d0.example"])).days
    assert days["n"].iloc[5] == frames_with()[0].mg.sum("time")["sent"].iloc[5]


def test_frames_without_the_place_are_refused() -> None:
    frames = frames_with()
    with pytest.raises(mg.FrameError, match="tell nothing of tag=tag1"):
        evidence_of([frames[0]], row_of("block_rate", tag=["tag1"]))
    with pytest.raises(mg.FrameError, match="no rows"):
        evidence_of(frames[0].iloc[:0], row_of("block_rate"))
    with pytest.raises(mg.QueryError, match="or fetch the same window"):
        evidence_of(frames, {**row_of("block_rate"), "start": "2020-01-01"})
