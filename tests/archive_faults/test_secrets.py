"""No key and no recipient's address is ever stored: every file of an archive is searched."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import mgframe as mg
from archive_faults.accounts import START
from mgframe.archiving.libraries import database
from mgframe.simulator import Fault, Model, serve
from mgframe.simulator.faults import Answer
from mgframe.simulator.server import Server

KEY = "key-5f0e1d2c3b4a59687766554433221100"
PERSON = "jo.doe@secret.example"
SECRETS = [KEY, PERSON, "jo.doe", base64.b64encode(f"api:{KEY}".encode()).decode()]


@dataclass
class Echo(Fault):
    """An error that repeats what must not be kept."""

    def answer(self, now: datetime) -> Answer | None:
        said = f"key {KEY} may not send to {PERSON}"
        return Answer(400, json.dumps({"message": said}) + "\n")


@pytest.fixture
def server() -> Iterator[Server]:
    campaigns = {PERSON: START - timedelta(days=9), "welcome": START - timedelta(days=5)}
    model = Model(domains=1, days=60, now=START, late=True, campaigns=campaigns)
    with serve(model, key=KEY) as server:
        yield server


def texts_of(folder: Path) -> dict[str, str]:
    """Return what every file holds: as it lies, and Parquet decoded too."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    texts = {str(path): path.read_bytes().decode("latin-1") for path in files}
    with database() as connection:
        for path in folder.rglob("*.parquet"):
            asked = f"SELECT * FROM read_parquet('{path}', hive_partitioning = false)"
            texts[f"{path} decoded"] = str(connection.execute(asked).fetchall())
            asked = f"SELECT * FROM parquet_kv_metadata('{path}')"
            texts[f"{path} metadata"] = str(connection.execute(asked).fetchall())
    return texts


def test_no_file_holds_a_key_or_an_address(server: Server, tmp_path: Path) -> None:
    archive = mg.Archive(tmp_path / "history")
    archive.track("tags", by="tag", start="2026-05-01")
    archive.track("hours", by=["tag", "domain"], resolution="hour", start="2026-05-20")
    asking = mg.Client(KEY, base_url=server.url, clock=lambda: server.model.now, retries=0)
    archive.sync(client=asking)
    server.advance(server.model.now + timedelta(days=1))
    server.inject(Echo("500", times=2))
    with pytest.raises(mg.ApiError, match="may not send to"):
        archive.sync("hours", client=asking)
    assert "may not send to" in archive.table("hours").state.said["error"]
    server.faults.clear()  # the second request may not have been sent any more
    synced = archive.sync(client=asking)
    texts = texts_of(tmp_path)
    assert len(texts) > 20
    for name, text in texts.items():
        assert not [secret for secret in SECRETS if secret in text], name
    # It looked in the right place: what stands for the address is there, as is what failed.
    assert any("(address)" in text for name, text in texts.items() if name.endswith("decoded"))
    assert any("may not send to" in text for text in texts.values())
    for secret in SECRETS:
        assert secret not in str(synced)
        assert secret not in synced.table.to_csv()


def test_a_filter_that_names_an_address_is_no_track(tmp_path: Path) -> None:
    with pytest.raises(mg.QueryError, match="names an address"):
        mg.Archive(tmp_path / "new").track("mine", by="domain", where={"tag": [PERSON]})
    assert not (tmp_path / "new").exists()
