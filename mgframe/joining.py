"""Several questions at once: their requests side by side, and what fails fails alone."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ParamSpec

import pandas as pd

from mgframe.client import Answer, Call, Client
from mgframe.errors import MgframeError, QueryError
from mgframe.planning import Outcome, Question

P = ParamSpec("P")


@dataclass
class View:
    """What became of one question: its frame, or why there is none.

    `errors` has what failed, by the label of the call; a question with ``on_error="warn"`` can have
    both.
    """

    frame: pd.DataFrame | None = None
    errors: dict[str, MgframeError] = field(default_factory=dict)


@dataclass(frozen=True)
class Inquiry:
    """Several questions to one client, and what makes a table of their frames.

    `finish` takes what became of each, and how many requests it took.
    """

    client: Client
    questions: Mapping[str, Question]
    finish: Callable[[dict[str, View], int], pd.DataFrame]
    follow_up: str = ""
    progress: bool | None = None

    def run(self) -> pd.DataFrame:
        """Send everything, and finish it."""
        return self.finish(*ask_together(self.client, self.questions, progress=self.progress))

    def first_question(self) -> Question:
        """Return what is sent at first as one question, for a plan."""
        calls = {call: None for question in self.questions.values() for call in question.calls}
        return Question(self.client, tuple(calls), lambda *_: self.run(), self.follow_up)


def inquire(ask: Callable[P, Inquiry | pd.DataFrame]) -> Callable[P, pd.DataFrame]:
    """Turn a function that returns an :class:`Inquiry` into one that returns its table.

    Where nothing has to be asked the function may return the table itself. As with
    :func:`mgframe.planning.fetch`, a plan sees what would be sent.
    """

    @functools.wraps(ask)
    def inquired(*args: P.args, **kwargs: P.kwargs) -> pd.DataFrame:
        found = ask(*args, **kwargs)
        return found.run() if isinstance(found, Inquiry) else found

    def question(*args: P.args, **kwargs: P.kwargs) -> Question:
        found = ask(*args, **kwargs)
        if isinstance(found, Inquiry):
            return found.first_question()
        raise QueryError("with these arguments nothing is asked of Mailgun, so there is no plan")

    inquired.__signature__ = inspect.signature(ask).replace(  # type: ignore[attr-defined]
        return_annotation=pd.DataFrame
    )
    inquired.__annotations__ = {**ask.__annotations__, "return": "pd.DataFrame"}
    inquired.__dict__["__wrapped__"] = question
    return inquired


def question_of(function: Callable[..., pd.DataFrame], *args: Any, **kwargs: Any) -> Question:
    """Return the question of a fetch function."""
    ask: Callable[..., Question] = function.__wrapped__  # type: ignore[attr-defined]
    return ask(*args, **kwargs)


def ask_together(
    client: Client, questions: Mapping[str, Question], *, progress: bool | None = None
) -> tuple[dict[str, View], int]:
    """Ask all questions side by side, round by round; return what became of each.

    What two of them share in a round is sent once. The second value counts the requests.
    """
    views, sent = {name: View() for name in questions}, 0
    waiting = dict(questions)
    while waiting:
        came = _asked(client, waiting.values(), progress)
        sent += len(came)
        following = {name: _advance(views[name], asked, came) for name, asked in waiting.items()}
        waiting = {name: further for name, further in following.items() if further is not None}
    return views, sent


def _asked(
    client: Client, questions: Iterable[Question], progress: bool | None
) -> dict[Call, Outcome]:
    """Send the calls of all questions side by side, each once."""
    readers = {call: question.read for question in questions for call in question.calls}

    def read(answer: Answer) -> Answer:
        reader = readers[answer.call]
        return answer if reader is None else reader(answer)

    outcomes = client.send_all(readers, keep_errors=True, progress=progress, read=read)
    return dict(zip(readers, outcomes, strict=True))


def _advance(view: View, asked: Question, came: Mapping[Call, Outcome]) -> Question | None:
    """Finish a question; return what it asks further, None where it is done."""
    outcomes = {call: came[call] for call in asked.calls}
    failed = {
        call.label or call.endpoint: outcome
        for call, outcome in outcomes.items()
        if isinstance(outcome, MgframeError)
    }
    view.errors |= failed
    answers = [outcome for outcome in outcomes.values() if isinstance(outcome, Answer)]
    if failed and (asked.on_error == "raise" or not answers):
        return None
    try:
        result = asked.finish(
            answers, {name: type(error).__name__ for name, error in failed.items()}
        )
    except MgframeError as error:  # an answer that cannot be read fails this question alone
        view.errors |= {asked.calls[0].endpoint if asked.calls else "": error}
        return None
    if isinstance(result, Question):
        return result
    view.frame = result
    return None
