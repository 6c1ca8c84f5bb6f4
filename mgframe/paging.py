"""Every page of answers that come in pages: as few requests as the limits allow, none missing.

A page is asked by how many rows to skip. The first page tells the total, so that all others are
asked side by side; where an answer has no total, pages are asked in turn until one is empty.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from mgframe.client import Answer, Call, Client
from mgframe.exchange import name_of
from mgframe.planning import Question, Unsteady

#: The answers of one series, page by page.
Pages = list[Answer]
Finish = Callable[[list[Pages]], pd.DataFrame | Question]


@dataclass(frozen=True)
class Series:
    """One listing that comes in pages: how a page is asked, and what its answer holds.

    `call` takes how many rows to skip. `read` makes of an answer's body what is kept of it; `rows`,
    `total` and `same` (are two pages one?) take that, and `total` gives None where the answer has
    none, and then `is_last` may tell the last page. `limit` is the most rows of a page, `at_most`
    how many rows there can be in all, as far as the question tells.
    """

    call: Callable[[int], Call]
    limit: int
    rows: Callable[[Any], int]
    total: Callable[[Any], int | None]
    at_most: int | None = None
    read: Callable[[Any], Any] | None = None
    same: Callable[[Any, Any], bool] = operator.eq
    is_last: Callable[[Any], bool] = lambda kept: False


def every_page(
    client: Client,
    series: Sequence[Series],
    finish: Finish,
    *,
    progress: bool | None = None,
    attempts: int = 2,
) -> Question:
    """Return the question for every page of every series; `finish` takes their answers in order.

    An account counts on while its pages are read, so pages can contradict each other: then all are
    asked once more, and a second contradiction is an error. `finish` may raise
    :class:`mgframe.planning.Unsteady` too.
    """

    def step(pages: list[Pages]) -> pd.DataFrame | Question:
        readers = {
            call: one.read
            for one, came in zip(series, pages, strict=True)
            for call in _next(one, came)
        }
        if not readers:
            for one, read in zip(series, pages, strict=True):
                _refuse_contradictions(one, read)
            return finish(pages)
        return Question(
            client,
            tuple(readers),
            lambda answers, _: retried(_joined(series, pages, answers)),
            _follow_up(series) if not any(pages) else "",
            progress=progress,
            pages=_most_pages(series),
            read=lambda answer: _kept(answer, readers[answer.call]),
        )

    def retried(pages: list[Pages]) -> pd.DataFrame | Question:
        try:
            return step(pages)
        except Unsteady:
            if attempts < 2:
                raise
            return every_page(client, series, finish, progress=progress, attempts=attempts - 1)

    question = step([[] for _ in series])
    assert isinstance(question, Question)  # nothing is read yet
    return question


def _kept(answer: Answer, read: Callable[[Any], Any] | None) -> Answer:
    return answer if read is None else replace(answer, body=read(answer.body))


def _next(one: Series, read: Pages) -> list[Call]:
    """Return the calls for the pages that the ones read show to be missing."""
    if not read:
        return [one.call(0)]
    total, size = one.total(read[0].body), one.rows(read[0].body)
    if total is None:
        held = sum(one.rows(answer.body) for answer in read)
        if not one.rows(read[-1].body) or one.is_last(read[-1].body):
            return []
        if any(one.same(page.body, read[-1].body) for page in read[:-1]):
            raise Unsteady(
                f"{name_of(read[0].call)} answered the same page again for the rows after it, so "
                "that its end cannot be found; ask for fewer rows"
            )
        return [one.call(held)]
    if len(read) > 1 or size == 0:
        return []
    number = math.ceil(total / size)
    skips = range(size, total, size)
    return [
        replace(one.call(skip), label=f"page {place} of {number}")
        for place, skip in enumerate(skips, start=2)
    ]


def _joined(series: Sequence[Series], pages: list[Pages], answers: list[Answer]) -> list[Pages]:
    """Return the pages with the new answers, each with its series."""
    came = {answer.call: answer for answer in answers}
    further = [_next(one, read) for one, read in zip(series, pages, strict=True)]
    return [
        read + [came[call] for call in calls if call in came]
        for read, calls in zip(pages, further, strict=True)
    ]


def _refuse_contradictions(one: Series, read: Pages) -> None:
    totals = [t for t in (one.total(answer.body) for answer in read) if t is not None]
    if not totals or one.total(read[0].body) is None:
        return
    rows, name = sum(one.rows(answer.body) for answer in read), name_of(read[0].call)
    if len(set(totals)) > 1:
        raise Unsteady(
            f"{name} changed its total from {totals[0]:,} to {totals[-1]:,} between pages, twice; "
            "ask for complete buckets only, or later"
        )
    if rows != totals[0]:
        raise Unsteady(f"{name} says that there are {totals[0]:,} rows but its pages hold {rows:,}")


def _follow_up(series: Sequence[Series]) -> str:
    open_ended = any(one.at_most is None or one.at_most > one.limit for one in series)
    return f"a request for each further page of {series[0].limit:,} rows" if open_ended else ""


def _most_pages(series: Sequence[Series]) -> int | None:
    """Return how many pages there can be, None where the question does not tell."""
    rows = [one.at_most for one in series]
    if any(most is None for most in rows):
        return None
    pages = [math.ceil((one.at_most or 0) / one.limit) for one in series]
    return sum(max(number, 1) for number in pages)
