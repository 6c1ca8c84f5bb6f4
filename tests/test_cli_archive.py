"""``mgframe archive`` as a user and as cron run it: what is kept, told, and the exit codes."""

from __future__ import annotations

import io
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from test_archiving_status import put, read
from test_cli import README, environment, examples_in, help_of, running

import mgframe as mg
from mgframe.cli import main
from mgframe.cli.archiving import DEEDS
from mgframe.simulator import Fault, Model, Server

NOTE = "mgframe: note: SIMULATED: the numbers are invented\n"
Run = Callable[[str], tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run ``mgframe archive`` in an empty folder; returns the code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def running(line: str) -> tuple[int, str, str]:
        code = main(["archive", *shlex.split(line)])
        return code, *capsys.readouterr()

    return running


@pytest.fixture
def begun(run: Run) -> Run:
    """An archive ``mail`` that keeps a few days."""
    run("init mail")
    run("track mail days --by domain --start 2026-11-01")
    return run


# ---------------------------------------------------------------- as it should be


def test_from_nothing_to_a_kept_history(run: Run) -> None:
    assert run("init mail -v") == (
        0,
        f"{Path.cwd()}/mail is an archive now; mgframe archive track says what to keep\n",
        "",
    )
    code, out, _ = run("track mail days delivered,bounced --by domain --start 2026-11-01 -v")
    assert (code, out) == (0, f"{Path.cwd()}/mail keeps days; mgframe archive sync fetches it\n")
    code, out, err = run("sync mail --simulated -v")
    assert (code, err) == (0, NOTE)
    assert out.startswith("days: 2026-11-01 to 2026-11-15, ")
    code, out, err = run("status mail")
    assert (code, err) == (0, "")
    assert "Nothing will be lost within 7 days." in out
    assert "SIMULATED" in out
    track = mg.Archive("mail").named("days")
    assert (track.counts, track.by) == (("delivered", "bounced"), ("domain",))


def test_where_no_terminal_is_success_is_silent(run: Run) -> None:
    for line in ("init mail", "track mail days --by domain", "track mail days --by domain"):
        assert run(line) == (0, "", "")
    assert run("sync mail --simulated") == (0, "", NOTE)
    assert run("status mail -q") == (0, "", "")


def test_on_a_terminal_it_says_what_it_did(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert "is an archive now" in run("init mail")[1]
    assert "is an archive already; it keeps nothing yet" in run("init mail")[1]
    assert "keeps days" in run("track mail days --by domain --start 2026-11-01")[1]
    assert "is an archive already; it keeps days" in run("init mail")[1]
    assert "days: 2026-11-01 to 2026-11-15" in run("sync mail --simulated")[1]
    assert run("sync mail --simulated")[1] == "days: nothing new\n"


def test_a_second_sync_and_a_second_init_change_nothing(begun: Run) -> None:
    begun("sync mail --simulated")
    before = mg.Archive("mail").status().table
    assert begun("init mail")[0] == 0
    assert begun("sync mail days --simulated")[0] == 0
    after = mg.Archive("mail").status().table
    assert after["rows"].equals(before["rows"])
    assert after["files"].equals(before["files"])


def test_filters_and_all_other_options_reach_the_track(run: Run) -> None:
    run("init mail")
    line = "track mail gmail --by domain --where recipient_provider=Gmail --resolution hour"
    assert run(line)[0] == 0
    track = mg.Archive("mail").named("gmail")
    assert track.where == {"recipient_provider": "Gmail"}
    assert track.resolution == "hour"


def test_status_writes_a_table_for_other_programs(begun: Run, tmp_path: Path) -> None:
    begun("sync mail --simulated")
    code, out, err = begun("status mail --format csv")
    assert (code, err) == (0, NOTE)
    assert pd.read_csv(io.StringIO(out))["rows"].tolist() == [45]
    row = json.loads(begun("status mail --format jsonl")[1])
    assert (row["track"], row["expiring"], row["result"]) == ("days", 0, "fine")
    assert row["last"].startswith("2026-11-15T00:00:00")
    assert begun("status mail -o status.csv")[1] == ""
    assert pd.read_csv(tmp_path / "status.csv")["rows"].tolist() == [45]


# ---------------------------------------------------------------- what cron must hear of


def test_what_will_be_forgotten_is_code_3(begun: Run) -> None:
    put(
        mg.Archive("mail"), "days", reads=(read("2025-11-01", "2025-11-20"),),
        at=pd.Timestamp("2026-11-16 09:30", tz="UTC"), simulated=True,
    )  # fmt: skip
    begun("track mail all --by domain")
    code, out, err = begun("status mail all -q")
    assert (code, err) == (3, "")
    assert "! all: 7 days are not kept, and Mailgun forgets them from now on; run sync" in out
    code, out, err = begun("status mail all --format csv")
    assert code == 3
    assert "mgframe: all: 7 days are not kept" in err
    assert out.startswith("track,")


def test_a_sync_that_fails_is_code_1_and_stays_a_problem(begun: Run, asked: Server) -> None:
    asked.faults.append(Fault("503", times=99))
    code, out, err = begun("sync mail --simulated -v")
    assert (code, out) == (1, "")
    assert "503" in err
    assert "Traceback" not in err
    code, out, _ = begun("status mail")
    assert code == 3
    assert "failed" in out
    asked.faults.clear()
    assert begun("sync mail --simulated")[0] == 0
    assert begun("status mail -q") == (0, "", "")


def test_a_track_that_fails_is_code_1_and_the_others_are_kept(begun: Run, asked: Server) -> None:
    begun("track mail totals --api stats --start 2026-11-01")
    asked.faults.append(Fault("500", times=99, path="/v3/"))
    code, _, err = begun("sync mail --simulated")
    assert code == 1
    assert re.search(r"^mgframe: note: totals: failed: .*500", err, re.MULTILINE)
    table = mg.Archive("mail").status().table.set_index("track")
    assert list(table["result"]) == ["fine", "failed"]
    assert table["rows"]["days"] == 45


def test_an_archive_that_cannot_be_written_is_one_line(begun: Run) -> None:
    def failing(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "mail/days")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("deltalake.write_deltalake", failing)
        code, out, err = begun("sync mail --simulated")
    assert (code, out) == (1, "")
    assert "no space is left for writing; nothing that was kept is lost" in err
    assert "Traceback" not in err


def test_a_damaged_table_is_code_3_of_status_and_code_1_of_sync(begun: Run) -> None:
    begun("sync mail --simulated")
    for file in Path("mail/days/_delta_log").iterdir():
        file.write_bytes(b"{")
    code, out, _ = begun("status mail")
    assert (code, "damaged" in out) == (3, True)
    code, out, err = begun("sync mail --simulated")
    assert code == 1
    assert "mail/days" in err
    assert "Traceback" not in err


# ---------------------------------------------------------------- verify, compact, export


def test_verify_says_what_it_looked_at_and_is_silent_for_cron(begun: Run) -> None:
    begun("sync mail --simulated")
    code, out, err = begun("verify mail --simulated")
    assert (code, out) == (0, "")
    told = r"mgframe: note: nothing is wrong: \d+ files? and 45 rows read, [1-9]\d* sums compared\n"
    assert re.fullmatch(told, err)
    assert begun("verify mail --simulated -q") == (0, "", "")


def test_verify_shows_no_empty_table_on_a_terminal(
    begun: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun("sync mail --simulated")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    code, out, err = begun("verify mail --simulated")
    assert (code, out) == (0, "")
    assert "nothing is wrong" in err


def test_verify_writes_the_table_that_a_program_asks_for_without_rows_too(begun: Run) -> None:
    begun("sync mail --simulated")
    out = begun("verify mail --simulated --format csv")[1]
    assert out.startswith("track,check,start,until,")
    assert len(out.splitlines()) == 1
    assert begun("verify mail --simulated -o found.csv")[:2] == (0, "")
    assert Path("found.csv").read_text() == out


def test_verify_finds_damage_with_code_3_and_without_a_key(begun: Run) -> None:
    begun("sync mail --simulated")
    next(Path("mail/days").rglob("*.parquet")).write_bytes(b"damaged")
    code, out, err = begun("verify mail -q --format csv")
    assert code == 3
    assert pd.read_csv(io.StringIO(out))["check"].tolist() == ["file"]
    assert "not compared with Mailgun" in err
    assert "1 finding, 1 of them unexpected: " in err
    assert "Traceback" not in err


def test_compact_keeps_every_row_and_says_what_it_did(begun: Run) -> None:
    begun("sync mail --simulated")
    before = mg.Archive("mail").frame("days")
    code, out, err = begun("compact mail -v")
    assert (code, err) == (0, "")
    assert re.fullmatch(r"days: \d+ files?, now \d+; 0 left by interrupted writes removed\n", out)
    assert begun("compact mail") == (0, "", "")
    pd.testing.assert_frame_equal(mg.Archive("mail").frame("days"), before)


def test_export_writes_the_question_of_its_options(begun: Run) -> None:
    begun("sync mail --simulated")
    line = "export mail days news.csv delivered --where domain=news.example.com --last 3d"
    assert begun(line) == (0, "", NOTE)
    table = pd.read_csv("news.csv")
    assert list(table.columns) == ["time", "domain", "delivered", "simulated"]
    assert table["time"].tolist() == [f"2026-11-{day}T00:00:00Z" for day in (13, 14, 15)]
    kept = mg.Archive("mail").frame("days", "delivered", last="3d")
    assert (
        table["delivered"].tolist()
        == kept.xs("news.example.com", level="domain")["delivered"].tolist()
    )


def test_an_export_that_nothing_matches_says_so(begun: Run) -> None:
    begun("sync mail --simulated")
    code, _, err = begun("export mail days none.csv delivered --where domain=nope.com")
    assert code == 0
    assert "nothing matches where=domain = nope.com in this window" in err


def test_export_replaces_a_file_only_where_it_is_told_to(begun: Run) -> None:
    begun("sync mail --simulated")
    Path("days.csv").write_text("mine")
    code, out, err = begun("export mail days days.csv -v")
    assert (code, out) == (1, "")
    assert err == "mgframe: days.csv is there already; --overwrite replaces it\n"
    assert Path("days.csv").read_text() == "mine"
    assert begun("export mail days days.csv -v --overwrite")[:2] == (0, "days.csv holds days\n")
    assert len(pd.read_csv("days.csv")) == 45


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        ("days out.doc", 2, ".parquet or .csv"),
        ("dyas out.csv", 2, "did you mean 'days'"),
        ("days out.csv --by tag", 2, "tag"),
        ("days nowhere/out.csv", 1, "there is no folder nowhere"),
        ("days", 2, "path is missing"),
    ],
)
def test_an_export_that_cannot_be_made_writes_nothing(
    line: str, code: int, told: str, begun: Run
) -> None:
    begun("sync mail --simulated")
    got, out, err = begun(f"export mail {line}")
    assert (got, out) == (code, "")
    assert told in err
    assert [path.name for path in Path.cwd().iterdir()] == ["mail"]


def test_the_help_of_export_explains_what_its_docstring_refers_to(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = help_of(["archive", "export"], capsys)
    assert "As in" not in text
    assert "hour|day|week|month|quarter|year" in text
    words = " ".join(text.split())
    assert "without any window everything that is kept" in words
    assert "7d" not in words


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize("deed", [deed for deed in DEEDS if deed != "init"])
def test_where_no_archive_is_none_is_made(deed: str, run: Run, asked: Server) -> None:
    more = {"track": "days", "export": "days out.csv"}.get(deed, "")
    for place in ("nothing", "folder"):
        Path("folder").mkdir(exist_ok=True)
        code, out, err = run(f"{deed} {place} {more}")
        assert (code, out) == (1, "")
        assert f"there is no archive at {Path.cwd()}/{place}" in err
        assert "mgframe archive init" in err
    assert [path.name for path in Path.cwd().iterdir()] == ["folder"]
    assert list(Path("folder").iterdir()) == []
    assert asked.requests == []


@pytest.mark.parametrize("deed", list(DEEDS))
def test_a_file_is_no_archive(deed: str, run: Run) -> None:
    Path("file").write_text("mine")
    more = {"track": "days", "export": "days out.csv"}.get(deed, "")
    code, out, err = run(f"{deed} file {more}")
    assert (code, out) == (1, "")
    assert err == "mgframe: file is a file; an archive is a folder of its own\n"
    assert Path("file").read_text() == "mine"


def test_a_folder_of_something_else_stays_what_it_is(run: Run) -> None:
    Path("photos").mkdir()
    Path("photos/cat.jpg").write_text("cat")
    for line in ("init photos", "status photos", "sync photos --simulated"):
        code, _, err = run(line)
        assert code == 1
        assert "is no archive and is not empty (it holds 'cat.jpg')" in err
        assert "init" not in err
    assert [path.name for path in Path("photos").iterdir()] == ["cat.jpg"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", "DEED"),
        ("snyc mail", "'sync'"),
        ("init", "archive is missing"),
        ("track mail", "name is missing"),
        ("sync", "archive is missing"),
        ("sync mail days hours", "several values are written a,b"),
        ("status mail --quite", "did you mean '--quiet'"),
        ("sync mail --api-key key-1", "--key-file"),
    ],
)
def test_wrong_usage_is_code_2_and_two_lines(line: str, told: str, run: Run) -> None:
    code, out, err = run(line)
    assert (code, out, len(err.splitlines())) == (2, "", 2)
    assert told in err
    assert "key-1" not in err


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("track mail ../days", "it names a folder in the archive, so it cannot be a path"),
        ("track mail days --by tag", "is there already"),
        ("track mail tags --by tgas", "'tgas' is no key"),
        (
            "track mail a --where recipient_domain=a@example.com",
            "never holds a recipient's address",
        ),
        ("track mail a --resolution week", "hour"),
        ("sync mail day --simulated", "did you mean 'days'"),
        ("sync mail --simulated --region eu", "leave --region out"),
        ("status mail day", "did you mean 'days'"),
        ("status mail -o status.doc", ".csv, .jsonl"),
    ],
)
def test_what_is_refused_is_code_2_and_changes_nothing(
    line: str, told: str, begun: Run, asked: Server
) -> None:
    code, out, err = begun(line)
    assert (code, out) == (2, "")
    assert told in err
    assert list(mg.Archive("mail").tracks) == ["days"]
    assert asked.requests == []


def test_without_a_key_the_message_says_where_it_may_come_from(begun: Run) -> None:
    code, out, err = begun("sync mail")
    assert (code, out) == (1, "")
    assert all(way in err for way in ("MAILGUN_API_KEY", "--key-file", "--simulated"))


def test_a_name_never_reaches_the_terminal_with_what_cannot_be_seen(run: Run) -> None:
    run("init 'a\u202eb'")
    run("track 'a\u202eb' days --by domain")
    for line in ("init 'a\u202eb' -v", "status 'a\u202eb'", "status 'c\u202ed'"):
        _, out, err = run(line)
        assert "⟨U+202E⟩" in out + err
        assert "\u202e" not in out + err


# ---------------------------------------------------------------- the process


def test_a_live_archive_is_kept_with_the_key_of_a_file(
    serving: Callable[..., tuple[Server, mg.Client]], tmp_path: Path
) -> None:
    account = Model(now=datetime.now(UTC), days=40)
    server, _ = serving(account)
    key = tmp_path / "mailgun.key"
    key.write_text("key-simulated\n")
    key.chmod(0o600)

    def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            running("archive", *arguments),
            env=environment(MAILGUN_API_BASE=server.url), cwd=tmp_path, capture_output=True,
            text=True, check=False,
        )  # fmt: skip

    assert ran("init", "mail").returncode == 0
    since = (account.now - pd.Timedelta(days=9)).date().isoformat()
    assert ran("track", "mail", "days", "--by", "domain", "--start", since).returncode == 0
    synced = ran("sync", "mail", "--key-file", str(key))
    assert (synced.returncode, synced.stdout) == (0, ""), synced.stderr
    assert mg.Archive(tmp_path / "mail").status().table["rows"].tolist() == [27]
    for file in (tmp_path / "mail").rglob("*"):
        assert file.is_dir() or b"key-simulated" not in file.read_bytes()


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_closed_pipe_ends_quietly(begun: Run, unbuffered: str) -> None:
    begun("sync mail --simulated")
    with subprocess.Popen(
        running("archive", "status", "mail"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment(PYTHONUNBUFFERED=unbuffered),
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        told = process.stderr.read()
        assert process.wait() == 141
    assert told == ""


def test_an_interrupt_is_exit_code_130(begun: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mgframe.archiving.syncing.run", interrupted)
    assert begun("sync mail --simulated")[0] == 130


# ---------------------------------------------------------------- the README's crontab


def test_the_readmes_lines_keep_an_archive_and_are_silent(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(Path.cwd()))
    text = README.read_text("utf-8").partition("### An archive from cron")[2].partition("\n### ")[0]
    lines = re.findall(r"^(?:[\d*]+ ){4}[\d*]+ +(.*)$", text, re.MULTILINE)
    assert "%" not in "".join(lines)  # cron takes it for the end of the command
    nightly = re.findall(r"mgframe archive ([^;\n]+)", "\n".join(lines))
    begun = re.findall(r"^mgframe archive (.+)$", text, re.MULTILINE)
    deeds = [line.split()[0] for line in (*begun, *nightly)]
    assert deeds == ["init", "track", "sync", "sync", "status", "compact", "verify"]
    for line in (*begun, *nightly):
        asked = line.replace("--key-file ~/.mailgun.key", "--simulated")
        code, out, err = run(asked.replace("~", str(Path.cwd())))
        assert (code, out, err.replace(NOTE, "")) == (0, "", "")
    assert unsized(run("status mail-history")[1]) == unsized(
        text.partition("$ mgframe archive status ~/mail-history\n")[2].partition("```")[0]
    )


def unsized(text: str) -> list[str]:
    """Return the words of a status without its place and its sizes, which libraries differ in."""
    return re.sub(r"/\S+/|[\d.]+ [kM]B", "", text).split()


# ---------------------------------------------------------------- help


def test_the_help_page_lists_each_deed_and_what_the_codes_mean(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = help_of(["archive"], capsys)
    for name, deed in DEEDS.items():
        assert re.search(rf"^    {name} +{re.escape(deed.help)}$", text, re.MULTILINE)
    assert "exit codes, for cron: 0 fine; 1 " in text


def test_the_examples_of_the_help_page_run_in_their_order(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = examples_in(help_of(["archive"], capsys))
    assert len(lines) == len(DEEDS)
    for name, line in zip(DEEDS, lines, strict=True):
        assert examples_in(help_of(["archive", name], capsys)) == [line]
        asks = "--key-file" in help_of(["archive", name], capsys)
        code, _, err = run(line.removeprefix("mgframe archive ") + " --simulated" * asks)
        assert code == 0, err


def test_help_loads_neither_the_archive_nor_its_libraries() -> None:
    code = (
        "import sys, mgframe.cli\n"
        "assert mgframe.cli.main(['archive', '--help']) == 0\nprint(*sys.modules)"
    )
    ran = subprocess.check_output([sys.executable, "-c", code], text=True)
    loaded = set(ran.splitlines()[-1].split())
    assert not {"deltalake", "duckdb", "requests", "mgframe.archiving.archive"} & loaded
