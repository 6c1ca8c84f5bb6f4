"""``mgframe report``, the Monday job: its file, its codes, and what last week's file survives."""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from kept import archive_of

from mgframe.cli import main
from mgframe.reporting import writing
from mgframe.reporting.material import Coverage
from mgframe.simulator import Server
from mgframe.simulator.faults import Fault

README = Path(__file__).parent.parent / "README.md"
LINE = ["report", "--period", "last week", "--simulated"]
SHORT = [*LINE, "--sections", "headline,scorecard"]


def test_the_report_is_the_file_and_stdout_is_empty(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*SHORT, "-o", str(tmp_path / "weekly.html")]) == 0
    page = (tmp_path / "weekly.html").read_text(encoding="utf-8")
    assert "SIMULATED" in page
    assert "news.example.com" in page
    assert capsys.readouterr().out == ""


def test_only_the_domains_named_are_reported(tmp_path: Path) -> None:
    assert main([*SHORT, "news.example.com", "-o", str(tmp_path / "news.md")]) == 0
    page = (tmp_path / "news.md").read_text(encoding="utf-8")
    assert "news.example.com" in page
    assert "shop.example.com" not in page


def test_a_domain_that_failed_is_said_and_the_code_is_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = [*LINE, "--sections", "scorecard,coverage", "--domain", "news.example.com,gone.com"]
    assert main([*line, "-o", str(tmp_path / "weekly.md")]) == 1
    assert "1 of 2 domains failed: gone.com" in capsys.readouterr().err
    assert "gone.com" in (tmp_path / "weekly.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("fault", ["502", "html", "truncated"])
def test_after_an_outage_last_weeks_report_is_still_there(
    fault: str, asked: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "weekly.html"
    kept.write_text("last week's")
    asked.faults.append(Fault(fault, times=999))
    assert main([*SHORT, "-o", str(kept)]) == 1
    assert [path.read_text() for path in tmp_path.iterdir()] == ["last week's"]
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("-o weekly.doc", ".html, .pdf or .md"),
        ("-o -", "not for stdout"),
        ("-o w.html --sections headlines", "did you mean 'headline'"),
        ("-o w.html --period 'next week'", "period='next week'"),
        ("-o w.html --fail-on 'complaint_rate>0.2%:over'", "complaint_rate>0.1%:over"),
        ("-o w.html --fail-on 'delivery_rate<95%:under'", "mgframe fetch judges any limit"),
        (
            "-o w.html --sections headline --fail-on 'complaint_rate>0.1%:over'",
            "add it to --sections",
        ),
        ("", "-o/--output"),
    ],
)
def test_wrong_usage_is_code_2_and_writes_nothing(
    more: str,
    told: str,
    asked: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*LINE, *shlex.split(more)]) == 2
    assert told in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert asked.requests == []


# ---------------------------------------------------------------- limits

VERDICTS = pd.DataFrame(
    {
        "domain": ["a.com", "b.com"],
        "metric": "complaint_rate",
        "limit": 0.001,
        "k": [350, 14],
        "n": [140_000, 7_000],
        "rate": [0.0025, 0.002],
        "low": [0.0022, 0.0009],
        "high": [0.0028, 0.003],
        "verdict": ["over", "undetermined"],
        "start": pd.Timestamp("2026-11-09", tz="UTC"),
        "end": pd.Timestamp("2026-11-15", tz="UTC"),
    }
)


@pytest.fixture
def verdicts(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the report come to these verdicts, and to this coverage."""
    signature = inspect.signature(writing.report)

    def come(table: pd.DataFrame, **coverage: object) -> None:
        def report(data: object, path: Path, **_: object) -> writing.Report:
            return writing.Report(path, pd.DataFrame(), table, Coverage(**coverage))

        report.__signature__ = signature
        monkeypatch.setattr(writing, "report", report)

    return come


PAGED = [*LINE, "-o", "w.html", "--fail-on", "complaint_rate>0.1%:over"]


def test_a_limit_that_the_report_shows_as_breached_is_code_3(
    verdicts: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    verdicts(VERDICTS)
    assert main(PAGED) == 3
    err = capsys.readouterr().err
    assert "complaint_rate>0.1%:over: domain=a.com: 0.250% (0.220% to 0.280%)" in err
    assert "domain=b.com" not in err
    assert "1 over, 1 undetermined" in err


def test_undetermined_never_pages(verdicts: Callable[..., None]) -> None:
    verdicts(VERDICTS.iloc[1:])
    assert main(PAGED) == 0


@pytest.mark.parametrize("table", [pd.DataFrame(), VERDICTS.assign(metric="hard_bounce_rate")])
def test_a_limit_that_was_not_judged_is_no_all_clear(
    table: pd.DataFrame, verdicts: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    verdicts(table)
    assert main(PAGED) == 1
    assert "no verdict, so there is no all-clear" in capsys.readouterr().err


def test_a_section_that_could_not_be_asked_is_code_1(verdicts: Callable[..., None]) -> None:
    verdicts(VERDICTS, problems=("domain by tag: 403",))
    assert main(PAGED[:-2]) == 1
    assert main(PAGED) == 3


# ---------------------------------------------------------------- the README's crontab


@pytest.mark.slow
def test_the_readmes_cron_line_runs_and_needs_no_escaping(tmp_path: Path) -> None:
    line = re.search(r"^0 7 \* \* 1  mgframe (report .+)$", README.read_text("utf-8"), re.MULTILINE)
    assert line is not None
    assert "%" not in line[1]  # cron takes it for the end of the command
    words = [word.replace("~", str(tmp_path)) for word in shlex.split(line[1])]
    key = words.index("--key-file")
    words[key : key + 2] = ["--simulated"]
    (tmp_path / "reports").mkdir()
    assert main(words) == 0
    assert (tmp_path / "reports" / "weekly.html").stat().st_size > 10_000


# ---------------------------------------------------------------- of an archive


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an archive of fourteen months."""
    path = tmp_path_factory.mktemp("kept") / "mail-history"
    archive_of(path)
    return path


def test_the_monday_job_is_made_of_an_archive_without_a_key(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MAILGUN_API_KEY", raising=False)
    line = ["report", "--archive", str(kept), "--period", "last week", "-o"]
    assert main([*line, str(tmp_path / "weekly.html")]) == 0  # what no track keeps is no failure
    page = (tmp_path / "weekly.html").read_text(encoding="utf-8")
    assert "from the archive mail-history" in page
    assert "10\u201316 Nov 2025" in page
    assert "SIMULATED" not in page


def test_a_key_in_the_environment_is_not_asked_beside_an_archive(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILGUN_API_KEY", "key-that-nobody-asks-with")
    monkeypatch.setattr("mgframe.cli.connecting.connect", lambda _: pytest.fail("it was asked"))
    assert main(["report", "--archive", str(kept), "-o", str(tmp_path / "weekly.md")]) == 0


def test_a_folder_that_is_no_archive_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["report", "--archive", str(tmp_path / "nothing"), "-o", str(tmp_path / "weekly.md")]
    assert main(line) == 1
    assert "there is no archive at" in capsys.readouterr().err
    assert not (tmp_path / "weekly.md").exists()


def test_of_a_young_archive_cron_mails_nothing_and_the_report_says_what_is_not_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive_of(tmp_path / "mail", days=40)
    line = ["report", "--archive", str(tmp_path / "mail"), "-o", str(tmp_path / "weekly.md")]
    assert main(line) == 0
    assert capsys.readouterr() == ("", "")
    page = (tmp_path / "weekly.md").read_text(encoding="utf-8")
    assert page.count("was never read for") == 1
    assert "of which a count is unknown" in page


@pytest.mark.parametrize("command", ["report -o weekly.html", "investigate"])
def test_where_there_is_no_archive_it_says_how_one_begins(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*command.split(), "--archive", "nope"]) == 1
    told = f"mgframe: there is no archive at {tmp_path}/nope; mgframe archive init begins one\n"
    assert capsys.readouterr() == ("", told)
    assert list(tmp_path.iterdir()) == []


def test_where_the_report_has_no_place_for_it_what_is_not_known_is_a_note(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive_of(tmp_path / "mail", days=25)
    line = ["report", "--archive", str(tmp_path / "mail"), "-o", str(tmp_path / "weekly.md")]
    assert main([*line, "--sections", "headline"]) == 0
    assert "was never read for" in capsys.readouterr().err
