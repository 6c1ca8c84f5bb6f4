"""The command line as a user types it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from mgframe import showcase
from mgframe.cli import main
from mgframe.simulator.incidents import DEFAULT_INCIDENTS


def test_demo_prints_all_seven_endpoints_and_what_went_wrong_and_writes_four_plots(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("SIMULATED")
    for name in ("domain_totals", "account_totals", "domain_snapshot", "grouped_totals"):
        assert f"mg.{name}(" in printed
    for name in ("provider", "device", "country"):
        assert f"mg.{name}_aggregates(" in printed
    assert "delivery_rate" in printed
    told = " ".join(printed.split())
    (incident,) = DEFAULT_INCIDENTS
    for words in (
        f"1. The block rate of mail to Gmail from {incident.where['domain'][0]} rose from 0.1 % to",
        "on 4-11 November 2026",
        "Cause: espblock 550 5.7.26: Unauthenticated",
        "Next: Read the refusals: mg.failures('news.example.com', ",
    ):
        assert words in told
    assert max(map(len, printed.split("best first")[1].split("Plots:")[0].splitlines())) <= 88
    plots = sorted((tmp_path / "out").glob("*.png"))
    assert [plot.stem for plot in plots] == ["delivery", "finding", "funnel", "heatmap"]
    assert all(str(plot) in printed and plot.stat().st_size > 10_000 for plot in plots)


def test_a_folder_that_cannot_be_made_is_one_line_and_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert main(["demo", str(tmp_path / "file")]) == 1
    assert capsys.readouterr().err.startswith("mgframe: cannot write plots to")


@pytest.mark.parametrize(
    "arguments", [[], ["dmeo"], ["simulate", "--port", "99999"], ["simulate", "--domains", "0"]]
)
def test_wrong_usage_is_exit_code_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2


def test_without_the_extra_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(showcase.importlib.util, "find_spec", lambda name: None)
    for command in (["demo"], ["simulate"]):
        assert main(command) == 1
        assert 'pip install "mgframe[demo]"' in capsys.readouterr().err


@pytest.mark.slow
def test_simulate_serves_until_it_is_interrupted() -> None:
    command = [sys.executable, "-m", "mgframe", "simulate", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split(" at ")[1].split(";")[0]
        answer = requests.get(f"{url}/v4/domains", auth=("api", "key-simulated"), timeout=10)
        assert answer.json()["total_count"] == 3
        process.terminate()
        for _ in range(100):
            if process.poll() is not None:
                break
            time.sleep(0.05)
        assert process.poll() is not None


def test_a_port_in_use_is_one_line_and_exit_code_1(
    capsys: pytest.CaptureFixture[str], demo: object
) -> None:
    port = str(demo.base_url.rsplit(":", 1)[1])  # type: ignore[attr-defined]
    assert main(["simulate", "--port", port]) == 1
    assert "--port 0 takes a free one" in capsys.readouterr().err
