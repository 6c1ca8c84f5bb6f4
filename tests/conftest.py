"""What every test stands on: no network but loopback, no key, no sleep, and quiet notices.

- ``demo``: the client that a newcomer gets; ``serving``: simulated accounts of any other form.
- ``cassette``: a client that is answered from ``cassettes/<test>.yaml`` (cassette_tools.py).
"""

from __future__ import annotations

import os

os.environ["MPLBACKEND"] = "Agg"
os.environ["MGFRAME_STATS_NOTICE"] = "off"

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from cassette_tools import Cassette, open_cassette

import mgframe as mg
from mgframe.simulator import Model, Server, serve

# The same examples every time, and no deadline: the machine may be busy.
hypothesis.settings.register_profile("steady", deadline=None, derandomize=True)
hypothesis.settings.load_profile("steady")

CASSETTES = Path(__file__).parent.parent / "cassettes"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--record",
        choices=("simulator", "live"),
        help="record the cassettes anew, from the simulator or from the account of MAILGUN_API_KEY",
    )


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Keep a developer's own key and region out of the tests."""
    if request.config.getoption("--record") == "live":
        return
    for name in list(os.environ):
        if name.startswith(("MAILGUN_", "MG_")):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def model() -> Model:
    """The default account: three domains, one incident, a frozen clock."""
    return Model()


@pytest.fixture
def serving(model: Model) -> Iterator[Callable[..., tuple[Server, mg.Client]]]:
    """Start simulated accounts with other forms of answer; returns the server and its client."""
    servers: list[Server] = []

    def start(account: Model | None = None, **form: Any) -> tuple[Server, mg.Client]:
        served = account or model
        servers.append(serve(served, **form))
        client = mg.Client(
            "key-simulated", base_url=servers[-1].url, clock=lambda: served.now, retries=0
        )
        return servers[-1], client

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def asked(
    serving: Callable[..., tuple[Server, mg.Client]], monkeypatch: pytest.MonkeyPatch
) -> Server:
    """The account that --simulated asks."""
    server, client = serving()
    monkeypatch.setattr("mgframe.showcase.demo", lambda: client)
    return server


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> mg.Archive:
    """An archive of fourteen months by domain and provider, and by domain and tag."""
    from kept import PAIR, TAGS, archive_of

    return archive_of(tmp_path_factory.mktemp("kept") / "mail-history", by=(PAIR, TAGS))


@pytest.fixture(scope="session")
def demo() -> mg.Client:
    """The client that a newcomer gets."""
    return mg.demo()


@pytest.fixture
def cassette(request: pytest.FixtureRequest) -> Iterator[Cassette]:
    """Answers recorded for this test, and a client that gets them."""
    name = request.node.name.removeprefix("test_").replace("[", "-").rstrip("]")
    with open_cassette(CASSETTES / f"{name}.yaml", request.config.getoption("--record")) as tape:
        yield tape
