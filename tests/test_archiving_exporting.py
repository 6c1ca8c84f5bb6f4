"""What is kept as a file: the rows of a frame, whole or not there, that any tool reads."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from test_archiving_distributing import COUNTS, LEVELS, history, put, random_rows

import mgframe as mg
from mgframe.archiving import exporting
from mgframe.archiving.libraries import database
from mgframe.archiving.spans import Read
from mgframe.archiving.storing import keep


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mg.MgframeWarning)  # of gaps and unique counts
        yield


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> mg.Archive:
    return history(tmp_path_factory.mktemp("days") / "mail", "day")


ASKED: list[dict[str, Any]] = [
    {},
    {"by": "domain"},
    {"by": "account", "resolution": "week"},
    {"counts": ["delivered", "sent"], "where": {"domain": "a.com"}, "start": "2026-10-10"},
    {"by": ["recipient_provider", "domain"], "last": "7d"},
]


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_a_file_of_parquet_has_the_rows_of_the_frame(
    days: mg.Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any]
) -> None:
    monkeypatch.setattr(exporting, "_ROWS", 50)  # several parts
    file = days.export("mail", tmp_path / "mail.parquet", **asked)
    wanted = days.frame("mail", **asked)
    found = pd.read_parquet(file, dtype_backend="numpy_nullable")
    assert list(found.columns) == [*wanted.index.names, *wanted.columns]
    levels = [str(name) for name in wanted.index.names]
    plain = dict.fromkeys(levels[1:], "object")
    found = found.astype({**plain, "time": "datetime64[us, UTC]"}).set_index(levels)
    flat = wanted.reset_index().astype(plain).set_index(levels)
    pd.testing.assert_frame_equal(found, flat, check_exact=True)
    assert found.attrs == wanted.attrs


def test_a_csv_has_the_rows_of_the_frame_and_says_simulated(
    days: mg.Archive, tmp_path: Path
) -> None:
    file = days.export("mail", tmp_path / "mail.csv")
    wanted = days.frame("mail").reset_index()
    wanted["time"] = wanted["time"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    wanted["simulated"] = "true"
    lines = file.read_text(encoding="utf-8").splitlines()
    assert lines == wanted.to_csv(index=False, lineterminator="\n").splitlines()


def test_numbers_of_a_live_account_have_no_column_of_simulation(tmp_path: Path) -> None:
    archive = mg.Archive(tmp_path / "mail")
    archive.track("mail", by=LEVELS[1:], api="none")
    start = pd.Timestamp("2026-10-01", tz="UTC")
    span = (start, start + pd.Timedelta(days=2))
    rows = random_rows(1, start, 2, "D").set_index(LEVELS)[COUNTS]
    keep(
        archive.table("mail"), archive.named("mail"), rows, span,
        lambda state, _: replace(state, at=span[1], simulated=False, reads=(Read(*span, None),)),
    )  # fmt: skip
    text = archive.export("mail", tmp_path / "mail.csv").read_text(encoding="utf-8")
    assert text.splitlines()[0] == ",".join([*LEVELS, *COUNTS])
    assert "simulated" not in text


def test_keys_with_commas_quotes_and_lines_come_back_from_csv(tmp_path: Path) -> None:
    hostile = ['a,"b"', "two\nlines", "=1+1", "", "ü"]
    archive = mg.Archive(tmp_path / "mail")
    archive.track("mail", by="tag", api="none")
    start = pd.Timestamp("2026-10-01", tz="UTC")
    table = pd.DataFrame({"time": start, "tag": hostile, "delivered": 1})
    rows = table.astype({"delivered": "Int64"}).set_index(["time", "tag"])
    put(archive, rows, (start, start + pd.Timedelta(days=1)))
    file = archive.export("mail", tmp_path / "mail.csv")
    found = pd.read_csv(file, keep_default_na=False)
    assert sorted(found["tag"]) == sorted(hostile)


def test_the_metadata_of_parquet_say_where_the_numbers_come_from(
    days: mg.Archive, tmp_path: Path
) -> None:
    file = days.export("mail", tmp_path / "it's.parquet")
    with database() as connection:
        said = connection.execute(
            "SELECT key, value FROM parquet_kv_metadata(?)", [str(file)]
        ).fetchall()
        kinds = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(file)]).fetchall()
    meta = json.loads({bytes(key).decode(): bytes(value) for key, value in said}["mgframe"])
    assert meta["simulated"] is True
    assert meta["track"] == "mail"
    assert [kind[1] for kind in kinds[:4]] == [
        "TIMESTAMP WITH TIME ZONE", "VARCHAR", "VARCHAR", "BIGINT",
    ]  # fmt: skip


def test_a_file_that_is_there_is_kept_unless_it_may_go(days: mg.Archive, tmp_path: Path) -> None:
    file = tmp_path / "mail.csv"
    file.write_text("mine", encoding="utf-8")
    with pytest.raises(mg.ConfigurationError, match="overwrite=True replaces it"):
        days.export("mail", file)
    assert file.read_text(encoding="utf-8") == "mine"
    days.export("mail", file, overwrite=True)
    assert file.read_text(encoding="utf-8").startswith("time,domain")


def test_an_export_that_fails_leaves_what_was_there_and_nothing_else(
    days: mg.Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mail.csv"
    file.write_text("mine", encoding="utf-8")

    def broken(*_: Any) -> Iterator[pd.DataFrame]:
        yield days.frame("mail", start="2026-10-20")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(exporting, "frames_in_parts", broken)
    with pytest.raises(mg.ArchiveError, match="no space is left"):
        days.export("mail", file, overwrite=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["mail.csv"]
    assert file.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("mail.xlsx", mg.QueryError, r"must end in \.parquet or \.csv"),
        ("", mg.QueryError, r"must end in \.parquet or \.csv"),
        ("nowhere/mail.csv", mg.ConfigurationError, "there is no folder"),
    ],
)
def test_a_path_that_cannot_be_is_refused_first(
    days: mg.Archive, tmp_path: Path, name: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        days.export("mail", tmp_path / name)


def test_what_matches_nothing_is_a_file_of_no_rows(days: mg.Archive, tmp_path: Path) -> None:
    file = days.export("mail", tmp_path / "mail.csv", "delivered", where={"domain": "c.com"})
    assert file.read_text(encoding="utf-8").strip() == ",".join([*LEVELS, "delivered", "simulated"])


@pytest.mark.parametrize("by", [None, []], ids=["keys", "whole"])
def test_an_export_that_nothing_matches_warns_once(
    days: mg.Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: list[str] | None
) -> None:
    monkeypatch.setattr(exporting, "_ROWS", 5)  # several parts
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        days.export("mail", tmp_path / "mail.csv", "delivered", by=by, where={"domain": "c.com"})
    told = [str(one.message) for one in warned if "nothing matches" in str(one.message)]
    assert len(told) == 1
    assert told[0].startswith("nothing matches where=domain = c.com in this window")
    assert {one.filename for one in warned if str(one.message) in told} == {__file__}


def test_the_past_is_exported_as_it_was_known(days: mg.Archive, tmp_path: Path) -> None:
    at = days.table("mail").state.at
    assert at is not None
    past = days.as_of(at)
    now, then = (
        archive.export("mail", tmp_path / f"{i}.csv") for i, archive in enumerate((days, past))
    )
    assert then.read_bytes() == now.read_bytes()


def test_nothing_is_exported_into_the_archive_itself(days: mg.Archive) -> None:
    with pytest.raises(mg.QueryError, match="lies in the archive itself"):
        days.export("mail", Path(days.place.root) / "mail" / "mine.parquet")


def test_a_path_that_is_none_is_refused_by_name(days: mg.Archive) -> None:
    with pytest.raises(mg.QueryError, match=r"path=None must name the file"):
        days.export("mail", None)  # type: ignore[arg-type]
