"""Fetching from the command line: options from signatures, formats, files, faults."""

from __future__ import annotations

import io
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import mgframe as mg
from mgframe.cli import main, output
from mgframe.cli.options import add_options, arguments_of
from mgframe.cli.parser import Parser
from mgframe.simulator import Server
from mgframe.simulator.faults import Fault

Serving = Callable[..., tuple[Server, mg.Client]]
NEWS = ["fetch", "domain_totals", "news.example.com", "--last", "7d", "--simulated"]


def arguments(function: Callable[..., Any], *words: str) -> dict[str, Any]:
    parser = Parser(prog="mgframe")
    add_options(parser, function)
    return arguments_of(parser.parse_args(words), function)


# ---------------------------------------------------------------- options


def test_only_what_was_given_is_passed_on() -> None:
    assert arguments(mg.metrics) == {}
    assert arguments(mg.metrics, "--last", "7d") == {"last": "7d"}


@pytest.mark.parametrize(
    "words",
    [
        ["a.com,b.com", "--last", "7d"],
        ["--last", "7d", "a.com,b.com"],
        ["--domain", "a.com, b.com", "--last=7d"],
        ["--last", "7d", "--", "a.com,b.com"],
    ],
)
def test_the_subject_may_stand_anywhere_or_be_named(words: list[str]) -> None:
    assert arguments(mg.domain_totals, *words) == {"domain": ["a.com", "b.com"], "last": "7d"}


def test_words_fill_what_is_positional_in_order() -> None:
    given = arguments(mg.tag_aggregates, "a.com", "news", "country")
    assert given == {"domain": "a.com", "tag": "news", "by": "country"}


def test_a_comma_within_quotes_belongs_to_the_value() -> None:
    given = arguments(mg.tag_totals, "a.com", '"news, weekly",offers')
    assert given["tag"] == ["news, weekly", "offers"]


def test_numbers_and_switches_are_read_as_such() -> None:
    assert arguments(mg.failures, "--most", "500", "--partial") == {"most": 500, "partial": True}
    assert arguments(mg.metrics, "--no-fill") == {"fill": False}
    assert arguments(mg.metrics, "--no-subaccounts") == {"subaccounts": False}


@pytest.mark.parametrize(
    ("said", "where"),
    [
        (["domain=a.com"], {"domain": "a.com"}),
        (["recipient_provider=Gmail,Yahoo"], {"recipient_provider": ["Gmail", "Yahoo"]}),
        (["domain=a.com", "domain=b.com"], {"domain": ["a.com", "b.com"]}),
        (["tag~news"], {"tag": mg.contains("news")}),
        (["tag!~test,draft"], {"tag": mg.not_contains("test", "draft")}),
        (["tag!=test"], {"tag": mg.is_not("test")}),
        (["tag=a=b"], {"tag": "a=b"}),
        (
            ["tag~news", "tag!=old", "domain=a.com"],
            {"tag": mg.contains("news") | mg.is_not("old"), "domain": "a.com"},
        ),
    ],
)
def test_filters_are_those_of_python(said: list[str], where: dict[str, Any]) -> None:
    words = [word for one in said for word in ("--where", one)]
    assert arguments(mg.metrics, *words) == {"where": where}


# ---------------------------------------------------------------- formats


def fetched(demo: mg.Client) -> pd.DataFrame:
    return mg.domain_totals("news.example.com", last="7d", client=demo)


def test_csv_is_the_frame_and_nothing_else_is_on_stdout(
    demo: mg.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(NEWS) == 0
    out, err = capsys.readouterr()
    back = pd.read_csv(io.StringIO(out), parse_dates=["time"]).set_index(["time", "domain"])
    assert_frame_equal(back.astype("Int64"), fetched(demo), check_index_type=False)
    assert err == "mgframe: note: SIMULATED: the numbers are invented\n"


def test_json_lines_are_the_frame(demo: mg.Client, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*NEWS, "--format", "jsonl"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    frame = fetched(demo)
    assert [row["delivered"] for row in rows] == frame["delivered"].tolist()
    assert rows[0]["time"] == "2026-11-09T00:00:00.000Z"


def test_unknown_is_not_zero_in_any_format() -> None:
    frame = pd.DataFrame({"opened": pd.array([0, pd.NA], dtype="Int64")})
    assert output._text_of(frame, "csv", screen=False) == 'opened\n0\n""\n'
    lines = output._text_of(frame, "jsonl", screen=False).splitlines()
    assert [json.loads(line)["opened"] for line in lines] == [0, None]
    assert "<NA>" in output._text_of(frame, "table", screen=False)


def test_a_table_says_itself_that_it_is_simulated(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*NEWS, "--format", "table"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == "SIMULATED: the numbers are invented"
    assert out.count("2026-11") == 7
    assert err == ""


def test_a_terminal_gets_a_table_that_fits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "100")
    assert main([*NEWS[:-2], "90d", "--simulated"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert 60 < len(lines) < 70
    assert "[90 rows x" in "\n".join(lines)


def test_parquet_keeps_the_index_and_the_attrs(demo: mg.Client, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    assert main([*NEWS, "-o", str(tmp_path / "data.parquet")]) == 0
    back = pd.read_parquet(tmp_path / "data.parquet")
    assert_frame_equal(back, fetched(demo))
    assert back.attrs["mgframe"]["simulated"]


def test_without_pyarrow_parquet_says_what_to_install_before_anything_is_asked(
    asked: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(output.importlib.util, "find_spec", lambda name: None)
    assert main([*NEWS, "--format", "parquet"]) == 1
    assert 'pip install "mgframe[parquet]"' in capsys.readouterr().err
    assert asked.requests == []


def test_parquet_is_not_for_a_terminal(
    asked: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(output.importlib.util, "find_spec", lambda name: True)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main([*NEWS, "--format", "parquet"]) == 2
    assert "-o data.parquet" in capsys.readouterr().err


# ---------------------------------------------------------------- files


@pytest.mark.parametrize(
    ("name", "start"), [("a.csv", "time,domain,"), ("a.jsonl", '{"time"'), ("a.txt", "    ")]
)
def test_the_suffix_says_the_format(
    name: str, start: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*NEWS, "-o", str(tmp_path / name)]) == 0
    assert (tmp_path / name).read_text().startswith(start)
    assert capsys.readouterr().out == ""
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_dash_is_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*NEWS, "-o", "-"]) == 0
    assert capsys.readouterr().out.startswith("time,domain")


@pytest.mark.parametrize("fault", ["html", "truncated", "502", "429"])
def test_after_an_outage_last_weeks_file_is_still_there(
    fault: str, asked: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "data.csv"
    kept.write_text("last week's")
    asked.faults.append(Fault(fault, times=9))
    assert main([*NEWS, "-o", str(kept)]) == 1
    assert kept.read_text() == "last week's"
    assert [path.name for path in tmp_path.iterdir()] == ["data.csv"]
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("mgframe: GET /v3/{domain}/stats/total")
    assert "Traceback" not in err


def test_a_file_that_cannot_be_completed_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(path: Path, _: bytes) -> int:
        path.write_text("half")
        raise OSError(28, "No space left on device", str(path))

    (tmp_path / "data.csv").write_text("last week's")
    monkeypatch.setattr(Path, "write_bytes", full)
    assert main([*NEWS, "-o", str(tmp_path / "data.csv")]) == 1
    assert "No space left on device" in capsys.readouterr().err
    assert [path.read_text() for path in tmp_path.iterdir()] == ["last week's"]


def test_a_new_file_has_the_old_ones_permissions_and_a_link_stays_one(tmp_path: Path) -> None:
    old, link = tmp_path / "data.csv", tmp_path / "latest.csv"
    old.write_text("last week's")
    old.chmod(0o640)
    link.symlink_to(old)
    assert main([*NEWS, "-o", str(link)]) == 0
    assert link.is_symlink()
    assert old.read_text().startswith("time,domain")
    assert stat.S_IMODE(old.stat().st_mode) == 0o640


def test_a_new_file_can_be_read_as_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        assert main([*NEWS, "-o", str(tmp_path / "data.csv")]) == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "data.csv").stat().st_mode) == 0o644


def test_a_file_that_cannot_be_written_is_named_as_it_was_said(tmp_path: Path) -> None:
    said = tmp_path / "out.csv"
    with pytest.raises(PermissionError) as refused, output.beside(said) as fresh:
        raise PermissionError(13, "Permission denied", str(fresh))
    assert refused.value.filename == str(said)


def test_the_null_device_is_written_and_not_replaced() -> None:
    assert main([*NEWS, "-o", os.devnull]) == 0
    assert not Path(os.devnull).is_file()


@pytest.mark.parametrize(("name", "told"), [("no/a.csv", "there is no folder"), (".", "a folder")])
def test_a_place_that_is_none_is_refused_before_anything_is_asked(
    name: str, told: str, asked: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*NEWS, "-o", str(tmp_path / name)]) == 1
    assert told in capsys.readouterr().err
    assert asked.requests == []


# ---------------------------------------------------------------- what failed in part


def test_domains_that_failed_are_named_and_the_code_is_1(
    asked: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    asked.faults.append(Fault("502", path="shop", times=9))
    line = ["fetch", "domain_totals", "--last", "7d", "--simulated", "--on-error", "warn"]
    assert main(line) == 1
    out, err = capsys.readouterr()
    assert "news.example.com" in out
    assert "shop" not in out
    assert "1 of 3 requests failed, their rows are missing: shop.example.com" in err


def test_without_on_error_one_failed_domain_is_an_error_that_says_how_far_it_got(
    asked: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    asked.faults.append(Fault("502", path="shop", times=9))
    assert main(["fetch", "domain_totals", "--last", "7d", "--simulated"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "of 3 requests had answered" in err.splitlines()[-1]


# ---------------------------------------------------------------- plan


def test_plan_shows_the_requests_of_a_fetch_and_sends_none(
    asked: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["plan", "domain_totals", "a.com,b.com", "--last", "7d", "--simulated"]
    assert main(line) == 0
    out = capsys.readouterr().out
    assert out.startswith("Plan: 2 requests")
    assert "GET /v3/b.com/stats/total?" in out
    assert asked.requests == []


def test_a_name_in_a_table_cannot_write_to_the_terminal() -> None:
    frame = pd.DataFrame({"sent": [1]}, index=pd.Index(["a\x1b[2J\u202eb"], name="domain"))
    for screen in (True, False):
        text = output.table_text(frame, screen=screen)
        assert "a⟨U+001B⟩[2J⟨U+202E⟩b" in text
        assert text.count("\n") == 3
