"""The list of domains: every page, none twice, none lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import responses

import mgframe as mg
from mgframe.simulator import Model

URL = "https://api.mailgun.net/v4/domains"


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[list[str]], int], mg.Client]:
    """A client whose account lists the given names, page by page."""

    def build(names: list[list[str]], total: int) -> mg.Client:
        for page in names:
            items = [
                {"name": name, "state": "active", "created_at": "Sun, 12 Oct 2025 09:00:00 GMT"}
                for name in page
            ]
            responses.get(URL, json={"total_count": total, "items": items})
        return mg.Client("key-x", region="us", retries=0)

    return build


@responses.activate
def test_every_page_is_read(pages: Any) -> None:
    client = pages([["b.com", "a.com"], ["c.com"]], 3)
    assert list(mg.domains(client=client)["name"]) == ["a.com", "b.com", "c.com"]
    assert [call.request.params["skip"] for call in responses.calls] == ["0", "2"]


@responses.activate
def test_fewer_domains_than_the_total_are_an_error(pages: Any) -> None:
    client = pages([["a.com"], []], 3)
    with pytest.raises(mg.ResponseError, match="there are 3 domains but its pages hold 1"):
        mg.domains(client=client)


@responses.activate
def test_an_empty_account_is_an_empty_table(pages: Any) -> None:
    table = mg.domains(client=pages([[]], 0))
    assert table.empty
    assert str(table["created_at"].dtype) == "datetime64[us, UTC]"


@pytest.mark.parametrize("body", [{}, [], {"items": [{"id": 1}]}, {"items": {"name": "a.com"}}])
@responses.activate
def test_another_answer_is_an_error(body: Any) -> None:
    responses.get(URL, body=json.dumps(body))
    with pytest.raises(mg.ResponseError, match="did not answer a list of named domains"):
        mg.domains(client=mg.Client("key-x", region="us", retries=0))


def test_more_than_a_page_of_domains_of_the_simulator(serving: Any) -> None:
    _, client = serving(Model(domains=120))
    assert len(mg.domains(client=client)) == 120
