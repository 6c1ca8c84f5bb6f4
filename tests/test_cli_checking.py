"""``mgframe reconcile``: code 3 where there is something to look at."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import mgframe as mg
from mgframe.cli import main
from mgframe.simulator import Server
from mgframe.simulator.faults import Fault

Serving = Callable[..., tuple[Server, mg.Client]]
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
