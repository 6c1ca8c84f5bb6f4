"""Several questions at once: sent side by side, each once, and each failing alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

import mgframe as mg
from mgframe.joining import Inquiry, ask_together, inquire, question_of
from mgframe.planning import Question
from mgframe.simulator import Fault, Server

Serving = Callable[..., tuple[Server, mg.Client]]


def account(client: mg.Client, **options: Any) -> Question:
    return question_of(mg.account_totals, events="delivered", client=client, **options)


def domains(client: mg.Client, names: Any = None, on_error: str = "warn") -> Question:
    options: Any = {"events": "delivered", "last": "2d", "on_error": on_error}
    return question_of(mg.domain_totals, names, client=client, **options)


def test_each_frame_is_that_of_its_fetch_function(serving: Serving) -> None:
    server, client = serving()
    asked = {"all": account(client), "each": domains(client), "again": account(client)}
    views, sent = ask_together(client, asked)
    # The account is asked once for two questions; the listing leads to three domains.
    assert sent == len(server.requests) == 1 + 1 + 3
    wanted = mg.account_totals(events="delivered", client=client)
    assert views["all"].frame is not None
    pd.testing.assert_frame_equal(views["all"].frame, wanted)
    pd.testing.assert_frame_equal(views["all"].frame, views["again"].frame)  # type: ignore[arg-type]
    truth = mg.domain_totals(events="delivered", last="2d", client=client)
    pd.testing.assert_frame_equal(views["each"].frame, truth)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["500", "drop", "truncated", "magnificent"])
def test_what_fails_fails_alone(serving: Serving, kind: str) -> None:
    _, client = serving(faults=[Fault(kind, path="/v3/stats/total")])
    views, _ = ask_together(client, {"all": account(client), "each": domains(client)})
    assert views["all"].frame is None
    assert len(views["all"].errors) == 1
    assert views["each"].frame is not None
    assert not views["each"].errors


def test_a_part_that_fails_leaves_the_rest_where_the_question_allows(serving: Serving) -> None:
    for on_error, kept in (("warn", True), ("raise", False)):
        _, client = serving(faults=[Fault("500", path="/shop.example.com/")])
        names = ["news.example.com", "shop.example.com"]
        views, _ = ask_together(client, {"each": domains(client, names, on_error)})
        assert (views["each"].frame is not None) == kept
        assert isinstance(views["each"].errors["shop.example.com"], mg.ServerError)


def test_an_answer_that_cannot_be_read_is_an_error_of_its_question(serving: Serving) -> None:
    _, client = serving(faults=[Fault("negative", path="/v3/stats/total")])
    views, _ = ask_together(client, {"all": account(client)})
    assert views["all"].frame is None
    assert [type(error) for error in views["all"].errors.values()] == [mg.ResponseError]


def test_an_inquiry_is_a_function_that_can_be_planned(serving: Serving) -> None:
    server, client = serving()

    @inquire
    def both(*, last: str = "2d", client: mg.Client) -> Inquiry:
        """Ask twice."""
        asked = {"all": account(client, last=last), "each": domains(client)}
        return Inquiry(client, asked, lambda views, sent: pd.DataFrame({"sent": [sent]}), "more")

    plan = mg.plan(both, last="5d", client=client)
    assert (plan.requests, plan.follow_up) == (2, "more")
    assert not server.requests
    assert both(client=client)["sent"].tolist() == [5]
    assert both.__doc__ == "Ask twice."
