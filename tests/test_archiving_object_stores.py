"""An archive in an object store: a fake of S3 on this machine, which keeps what S3 promises.

The fake is moto's server, in a process of its own: it refuses a second object of the same name
(``If-None-Match``), on which two writers depend.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pandas as pd
import pytest
import requests

import mgframe as mg
from mgframe.archiving.libraries import database
from mgframe.archiving.scanning import scan
from mgframe.archiving.storing import keep
from mgframe.archiving.tables import Conflict

pytest.importorskip("moto", reason='the fake of S3 is not installed: pip install "moto[s3]" flask')
pytest.importorskip("pyarrow", reason="an object store is read by way of pyarrow")
pytestmark = pytest.mark.slow

SECRET = "not-to-be-seen-anywhere"
_FRESH = count()


@pytest.fixture(scope="module")
def endpoint(unused_port: int) -> Iterator[str]:
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(unused_port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{unused_port}"
    try:
        for _ in range(300):
            try:
                requests.put(f"{address}/bucket", timeout=5).raise_for_status()
                break
            except requests.ConnectionError:
                time.sleep(0.1)
        yield address
    finally:
        server.terminate()
        server.wait()


@pytest.fixture(scope="module")
def unused_port() -> int:
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


@pytest.fixture
def options(endpoint: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKIA",
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }


@pytest.fixture
def archive(options: dict[str, str]) -> mg.Archive:
    return mg.Archive(f"s3://bucket/mail-{next(_FRESH)}", storage_options=options)


def start_of(demo: mg.Client, days: int) -> pd.Timestamp:
    return pd.Timestamp(demo.now()) - pd.Timedelta(days=days)


def rows_of(archive: mg.Archive, name: str, first: str = "", last: str = "~") -> pd.DataFrame:
    with database() as connection:
        scan(connection, archive.table(name), "rows", first, last)
        return connection.sql("SELECT * FROM rows ORDER BY ALL").df()


def test_a_bucket_keeps_the_same_rows_as_a_folder(
    archive: mg.Archive, demo: mg.Client, tmp_path: Path
) -> None:
    folder = mg.Archive(tmp_path / "mail")
    for kept in (archive, folder):
        assert kept.tracks == {}
        kept.track("hours", by="domain", resolution="hour", start=start_of(demo, 2))
        kept.sync(client=demo)
    assert archive.tracks == folder.tracks
    assert len(rows_of(archive, "hours")) == 48 * 3
    pd.testing.assert_frame_equal(rows_of(archive, "hours"), rows_of(folder, "hours"))
    assert archive.table("hours").state.covered == folder.table("hours").state.covered


def test_frames_dask_and_exports_of_a_bucket_are_those_of_a_folder(
    archive: mg.Archive, demo: mg.Client, tmp_path: Path
) -> None:
    dask = pytest.importorskip("dask")
    folder = mg.Archive(tmp_path / "mail")
    for kept in (archive, folder):
        kept.track("days", "delivery_rate", by="domain", start=start_of(demo, 20))
        kept.sync(client=demo)
    wanted = folder.frame("days")
    pd.testing.assert_frame_equal(archive.frame("days"), wanted)
    with dask.config.set(scheduler="synchronous"):
        found = archive.to_dask("days").mg.sum("domain").compute().set_index("domain")
    pd.testing.assert_frame_equal(found, wanted.mg.sum("domain"))
    file = archive.export("days", tmp_path / "days.csv")
    assert file.read_bytes() == folder.export("days", tmp_path / "same.csv").read_bytes()


def test_a_sync_of_what_changed_replaces_rows_in_a_bucket(
    archive: mg.Archive, demo: mg.Client
) -> None:
    archive.track("days", "delivered", by="domain", start=start_of(demo, 3))
    archive.sync(client=demo)
    track, before = archive.named("days"), archive.frame("days")
    span = (before.index[0][0], before.index[-1][0] + pd.Timedelta(days=1))
    kept = keep(archive.table("days"), track, before + 1, span, lambda state, _: state)
    assert (kept.added, kept.changed) == (0, len(before))
    pd.testing.assert_frame_equal(archive.frame("days"), before + 1)


def test_only_the_files_of_the_periods_asked_for_are_read(
    archive: mg.Archive, demo: mg.Client
) -> None:
    archive.track("hours", by="domain", resolution="hour", start=start_of(demo, 3))
    archive.sync(client=demo)
    one = rows_of(archive, "hours", "2026-11-14", "2026-11-14")
    assert set(one["time"].dt.strftime("%Y-%m-%d")) == {"2026-11-14"}
    assert len(one) == 24 * 3


def test_of_two_that_write_on_one_version_the_second_is_refused(archive: mg.Archive) -> None:
    archive.track("days", by="domain")
    mine, theirs = archive.table("days"), archive.table("days")
    theirs.note(theirs.state)
    with pytest.raises(Conflict, match="another process committed first"):
        mine.note(mine.state)


def test_tracks_named_by_many_at_once_are_all_kept(
    archive: mg.Archive, options: dict[str, str]
) -> None:
    names = [f"track-{i}" for i in range(4)]
    errors: list[BaseException] = []

    def add(name: str) -> None:
        try:
            mg.Archive(archive.place.root, storage_options=options).track(name, by="domain")
        except mg.MgframeError as error:
            errors.append(error)

    archive.begin()
    threads = [threading.Thread(target=add, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(archive.tracks) == names


def test_what_opens_the_bucket_is_neither_shown_nor_stored(
    archive: mg.Archive, demo: mg.Client, endpoint: str, options: dict[str, str]
) -> None:
    archive.track("days", by="domain", start=start_of(demo, 3))
    archive.sync(client=demo)
    table = archive.table("days")
    assert SECRET not in repr(archive) + repr(archive.place) + repr(table) + str(table.state)
    listing = requests.get(f"{endpoint}/bucket", timeout=5).text
    keys = [part.split("</Key>")[0] for part in listing.split("<Key>")[1:]]
    assert any("_delta_log" in key for key in keys)
    for key in keys:
        assert SECRET.encode() not in requests.get(f"{endpoint}/bucket/{key}", timeout=5).content


def test_a_store_that_refuses_says_so_in_its_own_words(options: dict[str, str]) -> None:
    with pytest.raises(mg.ArchiveError, match=r"object store refused .* \(NoSuchBucket\)") as told:
        mg.Archive("s3://no-such-bucket/mail", storage_options=options).track("days")
    assert SECRET not in str(told.value) + repr(told.value.__cause__)
