"""One tree of errors, messages that help, and warnings that point at the caller's line."""

from __future__ import annotations

import inspect
import re
import threading
import types
import warnings

import pytest

from mgframe import errors
from mgframe.errors import (
    ApiError,
    DeprecationNotice,
    MgframeError,
    MgframeWarning,
    RateLimited,
    gathered,
    suggestion,
    warn,
)

TREE = {
    "ConfigurationError": "MgframeError",
    "QueryError": "MgframeError ValueError",
    "TransportError": "MgframeError",
    "ApiError": "MgframeError",
    "AuthenticationError": "ApiError",
    "PermissionDenied": "ApiError",
    "NotFound": "ApiError",
    "RateLimited": "ApiError",
    "ServerError": "ApiError",
    "ResponseError": "MgframeError",
    "FrameError": "MgframeError ValueError",
    "ArchiveError": "MgframeError",
}


@pytest.mark.parametrize("name", TREE)
def test_every_error_hangs_where_the_tree_says(name: str) -> None:
    bases = " ".join(base.__name__ for base in getattr(errors, name).__bases__)
    assert bases == TREE[name]
    assert name in (errors.__doc__ or "")


def test_there_is_no_error_beside_the_tree() -> None:
    found = {
        n for n, c in vars(errors).items() if inspect.isclass(c) and issubclass(c, MgframeError)
    }
    assert found == {*TREE, "MgframeError"}
    assert issubclass(DeprecationNotice, MgframeWarning)
    assert issubclass(MgframeWarning, UserWarning)


def test_an_api_error_holds_what_was_answered_and_says_the_next_step() -> None:
    error = ApiError(
        404, "domain not found", endpoint="GET /v3/x", region="eu", hint="Try region='us'"
    )
    assert (error.status, error.message, error.endpoint, error.region) == (
        404,
        "domain not found",
        "GET /v3/x",
        "eu",
    )
    assert str(error) == "GET /v3/x answered 404: domain not found (region eu). Try region='us'"
    assert str(ApiError(500, "oops")) == "500: oops"


def test_a_rate_limit_holds_the_wait() -> None:
    assert RateLimited(429, "Too Many Requests", wait=12.5).wait == 12.5
    assert RateLimited(420, "later").wait is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("delivred", "; did you mean 'delivered'?"),
        ("DELIVERED", "; did you mean 'delivered'?"),
        ("zzz", ""),
        (5, ""),
    ],
)
def test_the_nearest_choice_is_suggested(name: object, said: str) -> None:
    assert suggestion(name, ["delivered", "opened"]) == said


def test_a_warning_points_at_the_line_outside_that_led_to_it() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        inner = {"__name__": "mgframe.inside", "warn": warn}
        exec("def deep():\n    warn('careful')\ndef public():\n    deep()", inner)
        public: types.FunctionType = inner["public"]  # type: ignore[assignment]
        line = inspect.currentframe().f_lineno + 1  # type: ignore[union-attr]
        public()
    assert [(w.filename, w.lineno, str(w.message)) for w in caught] == [(__file__, line, "careful")]
    assert caught[0].category is MgframeWarning


def test_a_warning_from_outside_points_at_its_own_line() -> None:
    with pytest.warns(DeprecationNotice, match="^soon$") as caught:
        warn("soon", DeprecationNotice)
    assert caught[0].filename == __file__


def test_the_tree_is_drawn_with_the_statuses() -> None:
    drawn = errors.__doc__ or ""
    for name, status in {
        "AuthenticationError": "401",
        "NotFound": "404",
        "ServerError": "5xx",
    }.items():
        assert re.search(rf"{name} +{status}", drawn)


def test_gathered_warnings_are_texts_and_no_warnings():
    with gathered() as texts:
        warn("first")
        warn("second")
        warn("first")
    assert texts == ["first", "second"]
    with pytest.warns(MgframeWarning, match="third"):
        warn("third")
    assert texts == ["first", "second"]


def test_a_thread_gathers_its_own_warnings_only():
    found: list[list[str]] = []

    def other() -> None:
        with gathered() as texts:
            warn("of the other thread")
        found.append(texts)

    with gathered() as texts:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert texts == []
    assert found == [["of the other thread"]]
