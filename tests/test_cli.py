"""The command line as a user types it: commands, codes, help, and what the terminal gets."""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
import requests

import mgframe as mg
from mgframe import showcase
from mgframe.cli import main
from mgframe.cli.archiving import DEEDS
from mgframe.cli.catalogue import FETCHES, INQUIRIES
from mgframe.cli.commands import COMMANDS
from mgframe.simulator import Model, Server
from mgframe.simulator.incidents import DEFAULT_INCIDENTS

README = Path(__file__).parent.parent / "README.md"
#: Help pages with examples: each command, and each function of fetch.
PAGES = [
    [],
    *(["archive", name] for name in DEEDS),
    *([command.name] for command in COMMANDS),
    *(["fetch", name] for name in FETCHES),
    *(["plan", name] for name in INQUIRIES),
]


#: Pages whose examples take seconds.
SLOW = [["report"], ["investigate"]]


def running(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "mgframe", *arguments]


def environment(**more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MAILGUN_", "MG_"))}
    return kept | {"MGFRAME_STATS_NOTICE": "off"} | more


def help_of(page: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main([*page, "--help"]) == 0
    return capsys.readouterr().out


def examples_in(text: str) -> list[str]:
    return re.findall(r"^ *(mgframe .+)$", text.partition("\nexample")[2], re.MULTILINE)


# ---------------------------------------------------------------- demo, simulate, explain


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
    assert "..." not in printed.partition("rates by provider")[0]  # every column is shown
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


@pytest.mark.parametrize("command", ["demo", "simulate", "fetch domains --simulated"])
def test_without_the_extra_the_message_says_what_to_install(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(showcase.importlib.util, "find_spec", lambda name: None)
    assert main(command.split()) == 1
    assert 'pip install "mgframe[demo]"' in capsys.readouterr().err


@pytest.mark.slow
def test_simulate_serves_until_it_is_interrupted() -> None:
    with subprocess.Popen(
        running("simulate", "--port", "0"), stdout=subprocess.PIPE, text=True
    ) as process:
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
    capsys: pytest.CaptureFixture[str], demo: mg.Client
) -> None:
    port = demo.base_url.rsplit(":", 1)[1]
    assert main(["simulate", "--port", port]) == 1
    assert "--port 0 takes a free one" in capsys.readouterr().err


def test_explain_says_what_a_name_means_and_suggests_the_nearest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["explain", "bounce_rate"]) == 0
    assert "bounced / processed" in capsys.readouterr().out
    assert main(["explain"]) == 0
    assert "complaint_rate" in capsys.readouterr().out
    assert main(["explain", "bounce_rat"]) == 2
    assert "did you mean 'bounce_rate'" in capsys.readouterr().err


# ---------------------------------------------------------------- usage


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", "COMMAND"),
        ("dmeo", "invalid choice: 'dmeo'"),
        ("simulate --port 99999", "no whole number from 0 to 65535"),
        ("simulate --domains 0", "no whole number from 1"),
        ("simulate 8025", "one word too many: '8025'"),
        ("fetch", "FUNCTION"),
        ("fetch metric", "'metrics'"),
        ("fetch metrics --regoin us", "did you mean '--region'?"),
        ("fetch metrics --las 7d", "did you mean '--last'?"),
        ("fetch metrics --region mars", "'us', 'eu'"),
        ("fetch metrics delivered bounced", "several values are written a,b"),
        ("fetch metrics delivered --counts bounced", "counts is given twice"),
        ("fetch provider_aggregates", "domain is missing"),
        ("fetch tag_totals a.com", "tag is missing"),
        ("fetch metrics --where Gmail", "recipient_provider=Gmail,Yahoo"),
        ("fetch failures --most many", "invalid int value"),
        ("fetch domains --fail-on complaint_rate>0.1%:over", "no option --fail-on"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_two_lines(
    line: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(shlex.split(line)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("mgframe: ")
    assert told in err
    assert len(err.splitlines()) == 2
    assert "--help" in err.splitlines()[1]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("fetch metrics --last 7x", "such as '7d'"),
        ("fetch metrics --by domian", "did you mean 'domain'?"),
        ("fetch metrics --where domian=a.com", "did you mean 'domain'?"),
        ("fetch metrics --period 'next year'", "period='next year'"),
        ("plan metrics --last 7x", "such as '7d'"),
        ("reconcile --last 7x", "such as '7d'"),
        ("fetch metrics -o data.doc", ".csv, .jsonl"),
    ],
)
def test_what_a_function_refuses_is_exit_code_2_and_one_line(
    line: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*shlex.split(line), "--simulated"]) == 2
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert told in err


# ---------------------------------------------------------------- help


def test_the_catalogue_has_every_fetch_function() -> None:
    public = {name for name in mg.__all__ if hasattr(getattr(mg, name), "__wrapped__")}
    assert set(FETCHES) | set(INQUIRIES) == public
    for name, fetch in (FETCHES | INQUIRIES).items():
        assert fetch.module in mg._HOMES
        assert name in mg._HOMES[fetch.module]


@pytest.mark.parametrize("page", PAGES, ids=" ".join)
def test_every_help_page_explains_each_option_and_has_an_example(
    page: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    text = help_of(page, capsys)
    assert examples_in(text)
    assert ":func:" not in text
    assert "``" not in text
    for option in re.findall(r"^  (--[a-z-]+)", text, re.MULTILINE):
        told = re.search(rf"^  {option}\b[^\n]*?(?:  +|\n {{10,}})(\S.*)", text, re.MULTILINE)
        assert told, option


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(p, marks=pytest.mark.slow) if p[:1] in SLOW else p
        for p in PAGES
        if p[:1] != ["archive"]  # test_cli_archive.py: they need one
    ],
    ids=" ".join,
)
def test_the_examples_of_a_help_page_run(
    page: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = [shlex.split(line)[1:] for line in examples_in(help_of(page, capsys))]
    monkeypatch.chdir(tmp_path)
    if any("--archive" in line for line in lines):
        for command in (
            "init mail-history",
            "track mail-history days --by domain,recipient_provider",
            "sync mail-history --simulated",
        ):
            assert main(["archive", *command.split()]) == 0
    for line in lines:
        if line[0] in ("simulate", "demo"):  # tested above
            continue
        simulated = [] if line[0] == "explain" or "--simulated" in line else ["--simulated"]
        assert main([*line, *simulated]) in (0, 3), line
        out = capsys.readouterr().out
        assert out or any(tmp_path.iterdir())


@pytest.mark.slow
def test_the_readmes_commands_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    section = (
        README.read_text(encoding="utf-8").partition("## Command line")[2].partition("\n## ")[0]
    )
    lines = re.findall(r"^mgframe (.+)$", section, re.MULTILINE)
    assert {line.split()[0] for line in lines} >= {
        "report",
        "fetch",
        "plan",
        "investigate",
        "reconcile",
        "explain",
    }
    monkeypatch.chdir(tmp_path)
    for line in lines:
        assert main(shlex.split(line)) == (3 if line.startswith("investigate") else 0), line
        capsys.readouterr()
    assert {path.name for path in tmp_path.iterdir()} == {
        "days.parquet",
        "mail-history",
        "gmail.csv",
        "domains.jsonl",
        "weekly.html",
    }


def test_no_help_page_and_no_message_takes_a_key(capsys: pytest.CaptureFixture[str]) -> None:
    secret = "key-4f2d0c8b9a"
    assert "--api-key" not in help_of(["fetch", "metrics"], capsys)
    for arguments in (["--api-key", secret], [f"--api-key={secret}"], ["--key", secret]):
        assert main(["fetch", "metrics", *arguments]) == 2
        err = capsys.readouterr().err
        assert "--key-file" in err
        assert secret not in err
    assert main(["fetch", "metrics", f"--token={secret}"]) == 2
    assert secret not in capsys.readouterr().err


def test_help_loads_no_command_and_nothing_heavy() -> None:
    code = "import sys, mgframe.cli\nassert mgframe.cli.main(['--help']) == 0\nprint(*sys.modules)"
    loaded = (
        subprocess.check_output([sys.executable, "-c", code], text=True).splitlines()[-1].split()
    )
    assert not {"requests", "scipy", "matplotlib", "werkzeug", "mgframe.client"} & set(loaded)
    assert "mgframe.cli.fetching" not in loaded


@pytest.mark.slow
def test_help_takes_hardly_longer_than_importing_mgframe() -> None:
    def seconds(code: str) -> float:
        runs = []
        for _ in range(3):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
            runs.append(time.perf_counter() - start)
        return min(runs)

    alone = seconds("import mgframe")
    assert seconds("from mgframe.cli import main; main(['--help'])") < 1.5 * alone + 0.1


# ---------------------------------------------------------------- the terminal


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_closed_pipe_ends_quietly(unbuffered: str) -> None:
    line = running("fetch", "metrics", "--by", "domain,recipient_domain", "--last", "90d")
    with subprocess.Popen(
        [*line, "--simulated"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(PYTHONUNBUFFERED=unbuffered),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("time,domain,recipient_domain,")
        process.stdout.close()
        told = process.stderr.read()
        assert process.wait() == 141
    assert told == "mgframe: note: SIMULATED: the numbers are invented\n"


def test_a_full_disk_is_one_line_and_exit_code_1() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "w") as full:  # noqa: PTH123
        ran = subprocess.run(
            running("explain"), stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[0] == "mgframe: No space left on device"
    assert "Traceback" not in ran.stderr


def test_what_the_terminal_cannot_write_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("mgframe.explaining.explain", lambda _: print("caf\u00e9"))
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), "ascii"))
    assert main(["explain"]) == 1
    assert capsys.readouterr().err == (
        "mgframe: ascii cannot write '\\xe9'; set PYTHONIOENCODING=utf-8, or use -o\n"
    )


@pytest.mark.parametrize(
    "line", ["explain bounce_rate", "fetch domains --simulated --format table"]
)
def test_nothing_is_coloured_where_no_terminal_is(line: str) -> None:
    ran = subprocess.run(
        running(*line.split()),
        env=environment(TERM="xterm-256color", FORCE_COLOR=""),
        capture_output=True,
        check=True,
    )
    assert b"\x1b" not in ran.stdout + ran.stderr


def test_an_interrupt_is_exit_code_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mgframe.explaining.explain", interrupted)
    assert main(["explain"]) == 130


def test_a_fault_of_mgframe_itself_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("mgframe.explaining.explain", broken)
    with pytest.raises(ZeroDivisionError):
        main(["explain"])


def test_a_live_account_is_asked_with_the_key_of_the_environment(
    serving: Callable[..., tuple[Server, mg.Client]],
) -> None:
    account = Model(now=datetime.now(UTC), days=40)
    server, _ = serving(account)
    ran = subprocess.run(
        running("fetch", "domain_totals", "--last", "7d"),
        env=environment(MAILGUN_API_KEY="key-simulated", MAILGUN_API_BASE=server.url),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    table = pd.read_csv(io.StringIO(ran.stdout))
    assert len(table) == 7 * 3
    assert table["delivered"].sum() > 0
