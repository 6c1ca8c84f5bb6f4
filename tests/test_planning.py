"""A question, its plan, and how answers that fail are told of."""

from __future__ import annotations

import inspect
from typing import Any

import pandas as pd
import pytest

import mgframe as mg
from mgframe.client import Call
from mgframe.planning import Plan


def calls(number: int, budget: str = "stats") -> tuple[Call, ...]:
    return tuple(Call("GET", f"/v3/{i}.com/stats/total", budget=budget) for i in range(number))


def test_a_plan_counts_requests_pages_and_seconds() -> None:
    plan = Plan(calls(25), "", connections=10)
    assert (plan.requests, plan.pages) == (25, 25)
    assert plan.seconds == pytest.approx(0.9)  # three rounds of ten


def test_a_plan_beyond_the_limit_takes_as_long_as_the_limit() -> None:
    assert Plan(calls(600), "", connections=10).seconds == pytest.approx(60.0)


def test_a_long_plan_shows_its_first_requests_and_counts_the_rest() -> None:
    text = repr(Plan(calls(7), "one more", connections=10))
    assert text.count("GET /v3/") == 5
    assert "... and 2 more" in text
    assert text.endswith("then one more")


def test_an_empty_plan_needs_no_time() -> None:
    assert Plan((), "", connections=10).seconds == 0


def test_a_fetch_function_shows_its_signature_and_returns_a_frame() -> None:
    signature = inspect.signature(mg.domain_totals)
    first, *_, last = signature.parameters
    assert (first, last) == ("domain", "client")
    assert signature.return_annotation is pd.DataFrame


def test_a_client_must_be_a_client() -> None:
    wrong: Any = "key-123"
    with pytest.raises(mg.ConfigurationError, match=r"must be an mg\.Client, got str") as caught:
        mg.account_totals(client=wrong)
    assert "key-123" not in str(caught.value)


def test_an_unknown_argument_is_a_type_error() -> None:
    untyped: Any = mg.account_totals
    with pytest.raises(TypeError, match="resolutoin"):
        untyped(resolutoin="day")
