"""A served account that counts late, and archives of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

import mgframe as mg
from archive_faults.accounts import account, client, kept
from mgframe.simulator import Model, Server, serve

Syncing = Callable[..., mg.Archive]

TRACKS = {
    "hours": {
        "by": ["domain", "recipient_provider"],
        "resolution": "hour",
        "start": "2026-05-25",
    },
    "days": {"by": "domain", "start": "2026-04-01"},
}


@pytest.fixture(scope="session")
def oracle() -> Model:
    """The account's model, which forgets nothing."""
    return account(retention=False)


@pytest.fixture(scope="session")
def drawn() -> Model:
    """The account as it is served at first; what it has drawn serves every test."""
    return account()


@pytest.fixture
def server(drawn: Model) -> Iterator[Server]:
    """The account, served; its clock goes on by the test."""
    with serve(drawn.at(drawn.now)) as server:
        yield server


@pytest.fixture(scope="session")
def first_day(drawn: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive after its first sync, to be copied."""
    folder = tmp_path_factory.mktemp("first") / "history"
    with serve(drawn.at(drawn.now)) as server:
        synced(folder, server)
    return folder


@pytest.fixture
def folder(first_day: Path, server: Server, tmp_path: Path) -> Path:
    """An archive whose next sync has a day to fetch, as has the one that is always `whole`."""
    for name in ("history", "whole"):
        shutil.copytree(first_day, tmp_path / name)
    later(server, days=1)
    return tmp_path / "history"


@pytest.fixture
def whole(server: Server, tmp_path: Path) -> Syncing:
    """An archive into which every sync goes well: what the other one must be in the end."""
    return lambda: synced(tmp_path / "whole", server)


@pytest.fixture
def archive(tmp_path: Path) -> mg.Archive:
    """An archive of two tracks that holds nothing yet."""
    return kept(tmp_path / "history", TRACKS)


def synced(folder: Path, server: Server) -> mg.Archive:
    """Return an archive in which every sync goes well, at the server's moment."""
    archive = kept(folder, TRACKS)
    archive.sync(client=asking(server))
    return archive


def asking(server: Server, **given: object) -> mg.Client:
    """Return a client whose clock is the server's."""
    return client(server.url, server.model.now, **given)


def later(server: Server, **by: float) -> None:
    """Let the account's clock go on."""
    server.advance(server.model.now + timedelta(**by))
