"""The key on the command line: from the environment or a file, and in no message."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import mgframe as mg
from mgframe.cli import main
from mgframe.simulator import Server

KEY = "key-simulated"


@pytest.fixture
def account(
    serving: Callable[..., tuple[Server, mg.Client]], monkeypatch: pytest.MonkeyPatch
) -> Server:
    """An account whose address is known, and whose key is not."""
    server, _ = serving()
    monkeypatch.setenv("MAILGUN_API_BASE", server.url)
    return server


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "mailgun.key"
    path.write_text(f"{KEY}\n")
    path.chmod(0o600)
    return path


def test_without_a_key_the_message_says_where_it_may_come_from(
    account: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    for line in (["fetch", "domains"], ["plan", "domains"], ["reconcile"]):
        assert main(line) == 1
        err = capsys.readouterr().err
        assert all(way in err for way in ("MAILGUN_API_KEY", "--key-file", "--simulated"))
    assert account.requests == []


def test_the_environments_key_is_used(
    account: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MAILGUN_API_KEY", KEY)
    assert main(["fetch", "domains"]) == 0
    assert "news.example.com" in capsys.readouterr().out


def test_a_files_key_is_used_before_the_environments(
    account: Server,
    key_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MAILGUN_API_KEY", "key-of-another-account")
    assert main(["fetch", "domains", "--key-file", str(key_file)]) == 0
    out, err = capsys.readouterr()
    assert "news.example.com" in out
    assert "chmod" not in err


@pytest.mark.parametrize("mode", [0o644, 0o602])
def test_a_key_file_that_everyone_can_read_is_remarked_on(
    mode: int, account: Server, key_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key_file.chmod(mode)
    assert main(["fetch", "domains", "--key-file", str(key_file)]) == 0
    assert (
        f"note: everyone on this machine can read or change {key_file}" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "it holds nothing"),
        (b"  \n", "it holds nothing"),
        (b"key-s3cret other-s3cret\n", "it holds more"),
        (b"s3cret" * 1000, "it holds more"),
        (b"\xff\xfe\x00s3cret", "characters that no key has"),
    ],
)
def test_a_file_that_holds_no_key_is_refused_and_not_repeated(
    content: bytes,
    told: str,
    account: Server,
    key_file: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    key_file.write_bytes(content)
    assert main(["fetch", "domains", "--key-file", str(key_file)]) == 1
    err = capsys.readouterr().err
    assert told in err
    assert "s3cret" not in err
    assert account.requests == []


def test_a_key_file_that_is_not_there_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (tmp_path / "none", tmp_path):
        assert main(["fetch", "domains", "--key-file", str(path)]) == 1
        assert capsys.readouterr().err.startswith(f"mgframe: --key-file {path} cannot be read: ")


def test_a_wrong_key_is_an_error_that_does_not_hold_it(
    account: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MAILGUN_API_KEY", "key-wr0ng")
    assert main(["fetch", "domains"]) == 1
    err = capsys.readouterr().err
    assert "401" in err
    assert "wr0ng" not in err


@pytest.mark.parametrize("option", [["--region", "eu"], ["--subaccount", "x"], ["--key-file", "x"]])
def test_the_simulated_account_is_not_mixed_with_a_real_one(
    option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fetch", "domains", "--simulated", *option]) == 2
    assert f"leave {option[0]} out" in capsys.readouterr().err
