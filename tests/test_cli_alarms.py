"""What ends a command with code 3: verdicts of intervals, and views that disagree."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
import pytest

import mgframe as mg
from mgframe.cli import main
from mgframe.cli.alarms import _failing, breached, read_alarm


@pytest.mark.parametrize(
    ("text", "alarm"),
    [
        ("complaint_rate>0.1%:over", ("complaint_rate", 0.001, "over")),
        ("complaint_rate>0.001:over", ("complaint_rate", 0.001, "over")),
        (" bounce_rate > 2 % : over ", ("bounce_rate", 0.02, "over")),
        ("delivery_rate<95%:under", ("delivery_rate", 0.95, "under")),
        ("delivered_rate<.95:under", ("delivery_rate", 0.95, "under")),
        ("bounce_rate>0.7%:over", ("bounce_rate", 0.007, "over")),  # 0.7 / 100 is not 0.007
    ],
)
def test_a_limit_is_read_to_the_digit(text: str, alarm: tuple[str, float, str]) -> None:
    assert read_alarm(text)[:3] == alarm


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("complaint_rate", "the shell takes > and <"),
        ("complaint_rate>0.1%", "must be written like"),
        ("complaint_rate>=0.1%:over", "must be written like"),
        ("complaint_rate>0.1%:undetermined", "only the verdict 'over' can fail"),
        ("complaint_rate>0.1%:under", "only the verdict 'over' can fail"),
        ("delivery_rate<95%:over", "only the verdict 'under' can fail"),
        ("complaints_rate>0.1%:over", "did you mean 'complaint_rate'"),
        ("temporary_failures_per_message>0.1:over", "no proportion"),
        ("bounce_rate>5:over", "5 per cent is 5%"),
        ("bounce_rate>0:over", "between 0 and 1"),
        ("bounce_rate>100%:over", "between 0 and 1"),
        ("bounce_rate>1e-3:over", "must be written like"),
    ],
)
def test_what_is_no_limit_is_refused_with_what_would_be(text: str, told: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=told):
        read_alarm(text)


def table_of(days: list[tuple[str, int, int]]) -> pd.DataFrame:
    """A week of complaints for each domain: about as many a day, so that days hardly differ."""
    dates = pd.date_range("2026-11-09", periods=7)
    parts = [
        pd.DataFrame({"date": dates, "domain": name, "delivered": sent, "complained": complained})
        for name, sent, complained in days
    ]
    frame = mg.as_frame(pd.concat(parts), resolution="day")
    frame.attrs["mgframe"]["complete_until"] = "2026-11-16T00:00:00Z"
    return frame


OVER, UNDETERMINED, UNDER = ("a.com", 20_000, 50), ("b.com", 1_000, 2), ("c.com", 20_000, 2)


def fails(
    frame: pd.DataFrame, by: str | None = None, alarm: str = "complaint_rate>0.1%:over"
) -> bool:
    return breached(frame, argparse.Namespace(fail_on=[read_alarm(alarm)], fail_by=by))


def test_over_fails_and_says_where_and_how_much(capsys: pytest.CaptureFixture[str]) -> None:
    assert fails(table_of([OVER, UNDETERMINED, UNDER]))
    out, err = capsys.readouterr()
    assert out == ""
    first, last, caveat = err.splitlines()
    assert first.startswith("mgframe: complaint_rate>0.1%:over: domain=a.com: 0.250% (0.")
    assert first.endswith("350 of 140000, 2026-11-09 to 2026-11-15")
    assert last == "mgframe: note: verdicts of --fail-on: 1 over, 1 undetermined, 1 under"
    assert caveat.startswith("mgframe: note: complaint_rate: Understated by Gmail's share")


def test_undetermined_never_fails_even_where_the_point_is_twice_the_limit() -> None:
    frame = table_of([UNDETERMINED])
    found = mg.thresholds(frame, {"complaint_rate": 0.001})
    assert found.loc[0, "verdict"] == "undetermined"
    assert found.loc[0, "rate"] == pytest.approx(0.002)
    assert not fails(frame)


def test_keys_can_be_judged_together() -> None:
    frame = table_of([UNDETERMINED, UNDER])
    assert not fails(frame, "all")
    assert fails(table_of([OVER, UNDER]), "all", alarm="complaint_rate>0.05%:over")
    assert fails(table_of([OVER, UNDER]), "domain")


def test_a_frame_without_rows_fails_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert not fails(table_of([OVER]).iloc[:0])
    assert "there are no rows" in capsys.readouterr().err


def test_an_alarm_about_another_limit_of_the_same_rate_does_not_speak_for_this_one() -> None:
    alarms = [read_alarm("complaint_rate>0.1%:over"), read_alarm("complaint_rate>1%:over")]
    table = mg.thresholds(table_of([OVER]), {"complaint_rate": [0.001, 0.01]})
    assert [len(_failing(table, alarm)) for alarm in alarms] == [1, 0]


METRICS = ["fetch", "metrics", "--by", "domain", "--last", "28d", "--simulated"]


def test_fetch_writes_the_data_and_leaves_with_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "domains.csv"
    assert main([*METRICS, "--fail-on", "delivery_rate<99.5%:under", "-o", str(path)]) == 3
    assert len(path.read_text().splitlines()) == 28 * 3 + 1
    assert "delivery_rate<99.5%:under: domain=" in capsys.readouterr().err
    assert main([*METRICS, "--fail-on", "delivery_rate<50%:under", "-o", str(path)]) == 0


def test_counts_that_were_not_fetched_are_an_error_after_the_data_are_saved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "delivered.csv"
    line = [*METRICS, "--counts", "delivered", "--fail-on", "complaint_rate>0.1%:over"]
    assert main([*line, "-o", str(path)]) == 1
    assert "complained" in capsys.readouterr().err
    assert path.exists()
