"""One question: the requests it needs, and how their answers become a frame.

A fetch function is written as a *question*: a function that checks every argument and returns a
:class:`Question`. The decorator :func:`fetch` turns it into the public function, which sends the
question's calls and finishes it; :func:`plan` only looks at the calls. So nothing can be sent
before all arguments are checked, and a plan cannot differ from what is sent.
"""

from __future__ import annotations

import functools
import inspect
import math
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, ParamSpec

import pandas as pd

from mgframe.client import Answer, Call, Client, default_client
from mgframe.errors import (
    ConfigurationError,
    MgframeError,
    QueryError,
    ResponseError,
    suggestion,
    warn,
)
from mgframe.exchange import name_of
from mgframe.pacing import LIMITS
from mgframe.progress import Watch

P = ParamSpec("P")

Outcome = Answer | MgframeError
OnError = Literal["raise", "warn"]

# What one request takes, as far as a plan can know.
_SECONDS_A_REQUEST: Final = 0.3
#: How many letters of a request's body a plan shows.
_SHOWN: Final = 300


@dataclass(frozen=True)
class Question:
    """Calls to send to a client, and what makes their answers a frame, or a further question.

    `finish` takes the answers and, by label, what failed.
    `follow_up` says in words which further requests depend on the answers, `pages` how many answers
    there can be at most, where that is known. `read` makes of each answer what `finish` needs, as
    soon as it comes, so that large answers are not kept. `on_error` is ``"raise"``, or ``"warn"``
    to keep the answers that did come.
    """

    client: Client
    calls: tuple[Call, ...]
    finish: Callable[[list[Answer], dict[str, str]], pd.DataFrame | Question]
    follow_up: str = ""
    on_error: str = "raise"
    progress: bool | None = None
    pages: int | None = None
    read: Callable[[Answer], Answer] | None = None


class Unsteady(ResponseError):
    """Answers that contradict each other, so that none of them alone is to blame."""


@dataclass(frozen=True)
class Plan:
    """What a fetch would send. Nothing was sent.

    Attributes
    ----------
    calls : tuple of Call
        The requests known beforehand.
    follow_up : str
        Which further requests depend on the answers; empty where none do.
    connections : int
        How many requests run side by side.
    most_pages : int, optional
        How many pages there can be at most, where the question tells.
    """

    calls: tuple[Call, ...]
    follow_up: str
    connections: int
    most_pages: int | None = None

    @property
    def requests(self) -> int:
        """How many requests are known beforehand."""
        return len(self.calls)

    @property
    def pages(self) -> int:
        """How many pages there can be at most; where that is not known, one for each request."""
        return self.requests if self.most_pages is None else self.most_pages

    @property
    def seconds(self) -> float:
        """About how long it takes at most: side by side, within Mailgun's limits."""
        number = max(self.requests, self.pages)
        side_by_side = math.ceil(number / self.connections) * _SECONDS_A_REQUEST
        burst, period = LIMITS[self.calls[0].budget] if self.calls else (1, 0.0)
        waiting = max(number - burst, 0) * period / burst
        return round(max(side_by_side, waiting), 1)

    def __repr__(self) -> str:
        """Return the plan in words."""
        plural = "" if self.requests == 1 else "s"
        lines = [f"Plan: {self.requests} request{plural}, about {self.seconds:g} s; nothing sent"]
        lines += [f"  {_request_line(call)}" for call in self.calls[:5]]
        if self.requests > 5:
            lines.append(f"  ... and {self.requests - 5} more")
        if self.follow_up:
            most = f", {self.pages} in all at most" if self.pages > self.requests else ""
            lines.append(f"  then {self.follow_up}{most}")
        return "\n".join(lines)


def _request_line(call: Call) -> str:
    query = "&".join(f"{name}={value}" for name, value in call.params)
    body = call.body or ""
    shown = body if len(body) <= _SHOWN else f"{body[:_SHOWN]}..."
    return f"{call.method} {call.path}" + (f"?{query}" if query else "") + f" {shown}".rstrip()


def fetch(ask: Callable[P, Question]) -> Callable[P, pd.DataFrame]:
    """Turn a function that returns a :class:`Question` into one that returns its frame."""

    @functools.wraps(ask)
    def fetched(*args: P.args, **kwargs: P.kwargs) -> pd.DataFrame:
        return run(ask(*args, **kwargs))

    signature = inspect.signature(ask).replace(return_annotation=pd.DataFrame)
    fetched.__signature__ = signature  # type: ignore[attr-defined]
    fetched.__annotations__ = {**ask.__annotations__, "return": "pd.DataFrame"}
    return fetched


def client_of(client: Client | None) -> Client:
    """Return the client given, else the one that the environment describes."""
    if client is None:
        return default_client()
    if not isinstance(client, Client):
        raise ConfigurationError(
            f"client must be an mg.Client, got {type(client).__name__}; "
            "mg.Client() reads MAILGUN_API_KEY, mg.demo() needs no key"
        )
    return client


def run(question: Question, watch: Watch | None = None) -> pd.DataFrame:
    """Send a question's calls, and what it asks further, and return its frame."""
    while True:
        keep = question.on_error == "warn"
        outcomes = question.client.send_all(
            question.calls,
            keep_errors=keep,
            progress=question.progress,
            read=question.read,
            watch=watch,
        )
        result = _finished(question, dict(zip(question.calls, outcomes, strict=True)))
        if isinstance(result, pd.DataFrame):
            return result
        question = result


def _finished(question: Question, outcomes: dict[Call, Outcome]) -> pd.DataFrame | Question:
    """Finish a question; an answer that cannot be read counts as a failed call."""
    answers = [outcome for outcome in outcomes.values() if isinstance(outcome, Answer)]
    try:
        return question.finish(answers, _failures(outcomes))
    except Unsteady:
        raise
    except ResponseError:
        unread = {call: _unread(question, answer) for call, answer in _answered(outcomes)}
        wrong = {call: error for call, error in unread.items() if error is not None}
        if not wrong:  # only together do they contradict each other
            raise
        if question.on_error == "raise":
            raise next(iter(wrong.values())) from None
        return _finished(question, {**outcomes, **wrong})


def _answered(outcomes: dict[Call, Outcome]) -> list[tuple[Call, Answer]]:
    return [(call, outcome) for call, outcome in outcomes.items() if isinstance(outcome, Answer)]


def _unread(question: Question, answer: Answer) -> ResponseError | None:
    """Return why this answer alone cannot be read, in words that name it; None where it can."""
    try:
        with warnings.catch_warnings(action="ignore"):
            question.finish([answer], {})
    except Unsteady:
        return None
    except ResponseError as error:
        return ResponseError(f"{name_of(answer.call)}: {error}")
    return None


def _failures(outcomes: dict[Call, Outcome]) -> dict[str, str]:
    """Report what failed, by label; where everything failed, that is an outage, so raise."""
    failed = {
        call.label or call.endpoint: outcome
        for call, outcome in outcomes.items()
        if isinstance(outcome, MgframeError)
    }
    if failed and len(failed) == len(outcomes):
        raise next(iter(failed.values()))
    if failed:
        named = "; ".join(f"{label}: {error}" for label, error in list(failed.items())[:3])
        more = f"; and {len(failed) - 3} more" if len(failed) > 3 else ""
        number = f"{len(failed)} of {len(outcomes)}"
        warn(f"{number} requests failed, their rows are missing: {named}{more}")
    return {label: type(error).__name__ for label, error in failed.items()}


def regions_of(client: Client, regions: str | Iterable[str] | None) -> tuple[str, ...]:
    """Return the regions to ask, ``""`` for the client's own.

    Raises
    ------
    QueryError
        A region that does not exist or that the client has no address for.
    """
    if regions is None:
        return ("",)
    if not isinstance(regions, Iterable):
        raise QueryError(f"regions={regions!r} must be 'us', 'eu' or a list of them")
    names = tuple(dict.fromkeys([regions] if isinstance(regions, str) else regions))
    for name in names:
        if name not in client.addresses:
            raise QueryError(
                f"regions={regions!r}: this client knows only {', '.join(client.addresses)}"
                f"{suggestion(name, client.addresses)}; a client with an address of its own needs "
                "one for each region: base_url={'us': ..., 'eu': ...}"
            )
    if not names:
        raise QueryError("regions is empty; leave it out for the client's own")
    return names


def check_on_error(on_error: str) -> str:
    """Return `on_error` if it is a choice, else raise :class:`QueryError`."""
    if on_error not in ("raise", "warn"):
        raise QueryError(
            f"on_error must be 'raise' or 'warn' (keep what answered, name what failed); "
            f"got {on_error!r}"
        )
    return on_error


def plan(function: Callable[..., pd.DataFrame], *args: Any, **kwargs: Any) -> Plan:
    """Return what a fetch would send: requests, pages and about how many seconds. Sends nothing.

    Parameters
    ----------
    function : callable
        A fetch function, such as :func:`mgframe.domain_totals`.
    *args, **kwargs
        Its arguments.

    Returns
    -------
    Plan
        `requests`, `pages`, `seconds`, `calls`; its repr lists the requests.

    Raises
    ------
    QueryError
        An argument is wrong, or `function` is no fetch function.

    Examples
    --------
    >>> import mgframe as mg
    >>> mg.plan(mg.domain_totals, ["a.com", "b.com"], last="7d", events="delivered",
    ...         client=mg.demo())
    Plan: 2 requests, about 0.3 s; nothing sent
      GET /v3/a.com/stats/total?event=delivered&start=...&end=...&resolution=day
      GET /v3/b.com/stats/total?event=delivered&start=...&end=...&resolution=day
    """
    ask = getattr(function, "__wrapped__", None)
    if ask is None:
        raise QueryError(
            f"mg.plan takes a fetch function such as mg.domain_totals, not {function!r}"
        )
    question: Question = ask(*args, **kwargs)
    connections = question.client.connections
    return Plan(question.calls, question.follow_up, connections, question.pages)
