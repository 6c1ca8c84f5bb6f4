"""``mgframe investigate`` and ``mgframe reconcile``: code 3 where there is something to look at."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest
from kept import archive_of

import mgframe as mg
from mgframe.cli import main
from mgframe.cli.checking import sentences
from mgframe.simulator import Model, Server
from mgframe.simulator.faults import Fault

Serving = Callable[..., tuple[Server, mg.Client]]
INVESTIGATE = ["investigate", "--simulated"]


@pytest.fixture(scope="module")
def found(demo: mg.Client) -> pd.DataFrame:
    """What the demo account's investigation finds."""
    table = mg.investigate(client=demo)
    assert len(table)
    return table


def test_a_name_in_a_sentence_cannot_write_to_the_terminal(found: pd.DataFrame) -> None:
    row = found.head(1).assign(sentence="a\x1b[2J\u202eb rose.\n9. c", next_check="d\x07")
    assert sentences(row).splitlines()[:2] == [
        "1. a⟨U+001B⟩[2J⟨U+202E⟩b rose.⟨U+000A⟩9. c", "   Next: d⟨U+0007⟩"
    ]  # fmt: skip


def test_findings_are_told_in_sentences_with_what_to_check_next(
    found: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(INVESTIGATE) == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"1. {found.loc[0, 'sentence']}"
    assert lines[1] == f"   Next: {found.loc[0, 'next_check']}"
    assert lines[-1] == "SIMULATED: the numbers are invented"


def test_findings_as_data_are_the_table(
    found: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "findings.jsonl"
    assert main([*INVESTIGATE, "-o", str(path)]) == 3
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["sentence"] for row in rows] == found["sentence"].tolist()
    assert [row["change"] for row in rows] == pytest.approx(found["change"].tolist())
    assert capsys.readouterr().out == ""


def test_an_account_without_incidents_is_code_0(
    serving: Serving, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, client = serving(Model(incidents=(), now=datetime(2026, 11, 16, 9, 30)))  # noqa: DTZ001
    monkeypatch.setattr("mgframe.showcase.demo", lambda: client)
    assert main(INVESTIGATE) == 0
    assert capsys.readouterr().out.startswith("Nothing stands out.")


def test_what_is_no_incident_is_told_but_is_no_finding(found: pd.DataFrame) -> None:
    noted = found.assign(kind="note")
    assert sentences(noted).startswith(f"1. {found.loc[0, 'sentence']}")
    assert sentences(found.iloc[:0]).startswith("Nothing stands out.")


def test_too_short_a_history_is_code_1_and_no_all_clear(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["investigate", "--last", "3d", "--simulated"]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("Nothing could be judged.")
    assert err.count("too few to know what is usual") == 1


def test_an_outage_is_code_1_and_no_all_clear(
    serving: Serving, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server, client = serving()
    monkeypatch.setattr("mgframe.showcase.demo", lambda: client)
    server.faults.append(Fault("502", path="/v1/analytics", times=999))
    assert main(INVESTIGATE) == 1
    assert capsys.readouterr().out == ""


# ---------------------------------------------------------------- reconcile


RECONCILE = ["reconcile", "--last", "7d", "--simulated"]


def test_an_account_that_agrees_with_itself_is_code_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(RECONCILE) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 1
    assert ", 0 breaches, 0 of them unexplained" in err


def test_a_view_that_cannot_be_read_is_code_3(
    serving: Callable[..., tuple[Server, mg.Client]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server, client = serving()
    monkeypatch.setattr("mgframe.showcase.demo", lambda: client)
    server.faults.append(Fault("502", path="/v3/stats/filter", times=99))
    assert main([*RECONCILE, "--format", "jsonl"]) == 3
    out, err = capsys.readouterr()
    assert "not compared" in out
    assert "of them unexplained" in err
    assert "0 of them unexplained" not in err


def test_an_account_that_answers_nothing_is_code_1(
    serving: Callable[..., tuple[Server, mg.Client]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server, client = serving()
    monkeypatch.setattr("mgframe.showcase.demo", lambda: client)
    server.faults.append(Fault("502", times=999))
    assert main(RECONCILE) == 1
    assert capsys.readouterr().out == ""


def test_an_archive_is_investigated_without_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MAILGUN_API_KEY", raising=False)
    archive_of(tmp_path / "mail-history")
    line = ["investigate", "--archive", str(tmp_path / "mail-history"), "--last", "14m"]
    assert main(line) == 3
    out = capsys.readouterr().out
    assert out.startswith("1. The block rate of mail from big.example")
    assert "SIMULATED" not in out
