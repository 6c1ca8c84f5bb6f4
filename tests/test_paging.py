"""Every page of a listing: as few as the limits allow, and none missing or doubled."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from answers import unhurried
from hypothesis import given
from hypothesis import strategies as st
from metrics_answers import Refusal, Said, Session, client_of

from mgframe.client import Call, Client
from mgframe.errors import MgframeWarning, ResponseError, ServerError
from mgframe.paging import Pages, Series, every_page
from mgframe.planning import Question, Unsteady, fetch, plan

Listing = Callable[[dict[str, Any], int], Said]


def listing(rows: list[int], *, cap: int = 10**9, total: bool = True) -> Listing:
    """Return a server of these rows; `cap` is the most that it gives a page."""

    def answer(question: dict[str, Any], _: int) -> Said:
        skip, limit = question["skip"], min(question["limit"], cap)
        page: dict[str, Any] = {"rows": rows[skip : skip + limit]}
        return {**page, "total": len(rows)} if total else page

    return answer


def series(name: str = "list", limit: int = 3, **more: Any) -> Series:
    def call(skip: int) -> Call:
        body = json.dumps({"name": name, "skip": skip, "limit": limit})
        return Call("POST", "/v1/list", body=body, budget="metrics")

    return Series(
        call, limit, lambda body: len(body["rows"]), lambda body: body.get("total"), **more
    )


def ask(client: Client, *ones: Series, finish: Any = None) -> pd.DataFrame:
    """Return the rows of each series, in one column."""

    def finished(pages: list[Pages]) -> pd.DataFrame:
        rows = [row for read in pages for answer in read for row in answer.body["rows"]]
        return pd.DataFrame({"row": rows})

    @fetch
    def fetched() -> Question:
        return every_page(client, list(ones), finish or finished, progress=False)

    return fetched()


def skips(session: Session) -> list[int]:
    return sorted(question["skip"] for question in session.asked)


@unhurried
@given(st.integers(0, 40), st.integers(1, 9), st.integers(1, 9))
def test_every_row_comes_once_with_the_fewest_requests(total: int, limit: int, cap: int) -> None:
    session = Session(listing(list(range(total)), cap=cap))
    frame = ask(client_of(session), series(limit=limit))
    assert frame["row"].tolist() == list(range(total))
    page = min(limit, cap)  # the server's own page counts where it is smaller
    assert skips(session) == list(range(0, max(total, 1), page))
    assert len(session.asked) == max(math.ceil(total / page), 1)


@unhurried
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 6)), min_size=1, max_size=4))
def test_several_listings_are_read_together_and_stay_apart(sizes: list[tuple[int, int]]) -> None:
    def answer(question: dict[str, Any], number: int) -> Said:
        place = int(question["name"])
        return listing([100 * place + i for i in range(sizes[place][0])])(question, number)

    session = Session(answer)
    ones = [series(str(place), limit) for place, (_, limit) in enumerate(sizes)]
    frame = ask(client_of(session), *ones)
    assert frame["row"].tolist() == [
        100 * place + i for place, (rows, _) in enumerate(sizes) for i in range(rows)
    ]
    assert len(session.asked) == sum(max(math.ceil(rows / limit), 1) for rows, limit in sizes)


def test_without_a_total_pages_are_asked_until_one_is_empty() -> None:
    session = Session(listing(list(range(7)), total=False))
    assert ask(client_of(session), series())["row"].tolist() == list(range(7))
    assert skips(session) == [0, 3, 6, 7]


def test_a_page_knows_its_place_and_an_error_names_it() -> None:
    rows = list(range(34))

    def answer(question: dict[str, Any], number: int) -> Said:
        return Refusal(500) if question["skip"] == 18 else listing(rows)(question, number)

    with pytest.raises(ServerError, match="page 7 of 12"):
        ask(client_of(Session(answer)), series())


# ---------------------------------------------------------------- pages that contradict each other


def changing(first: Listing, then: Listing, after: int) -> Listing:
    return lambda question, number: (first if number <= after else then)(question, number)


def test_a_total_that_changed_is_asked_anew_and_then_right() -> None:
    before, later = list(range(8)), list(range(9))
    session = Session(changing(listing(before), listing(later), 1))
    assert ask(client_of(session), series())["row"].tolist() == later
    assert skips(session) == [0, 0, 3, 3, 6, 6]


def test_a_total_that_changes_twice_is_an_error() -> None:
    session = Session(lambda q, n: listing(list(range(8 + n)))(q, n))
    with pytest.raises(ResponseError, match=r"changed its total from 12 to 1\d between pages") as e:
        ask(client_of(session), series())
    assert isinstance(e.value, Unsteady)
    assert str(e.value).startswith("POST /v1/list ")
    assert len(session.asked) == 3 + 4  # each time the pages that the first one promised


@pytest.mark.parametrize("held", [0, 2, 3, 7])
def test_fewer_rows_than_the_total_are_an_error_and_no_shorter_frame(held: int) -> None:
    def answer(question: dict[str, Any], number: int) -> Said:
        said = listing(list(range(held)))(question, number)
        assert isinstance(said, dict)
        return {**said, "total": 8}

    with pytest.raises(ResponseError, match=f"there are 8 rows but its pages hold {held}"):
        ask(client_of(Session(answer)), series())


def test_more_rows_than_the_total_are_an_error_too() -> None:
    with pytest.raises(ResponseError, match="there are 2 rows but its pages hold 3"):
        ask(client_of(Session(lambda q, n: {"rows": [1, 2, 3], "total": 2})), series())


@pytest.mark.parametrize("wrong", [1, 2])
def test_what_finish_finds_unsteady_is_asked_anew_once(wrong: int) -> None:
    tries: list[int] = []

    def finish(pages: list[Pages]) -> pd.DataFrame:
        tries.append(sum(len(read) for read in pages))
        if len(tries) <= wrong:
            raise Unsteady("a row comes twice")
        return pd.DataFrame({"row": [1]})

    session = Session(listing(list(range(5))))
    if wrong == 1:
        assert len(ask(client_of(session), series(), finish=finish)) == 1
    else:
        with pytest.raises(Unsteady, match="a row comes twice"):
            ask(client_of(session), series(), finish=finish)
    assert tries == [2, 2]
    assert len(session.asked) == 4


def test_a_server_that_ignores_what_to_skip_and_tells_no_total_is_found_out() -> None:
    asked: list[int] = []

    def answer(question: dict[str, Any], number: int) -> Said:
        asked.append(number)
        return {"rows": [1, 2, 3]} if number < 30 else Refusal(500, "asked without end")

    with pytest.raises(ResponseError, match="the same page"):
        ask(client_of(Session(answer)), series())
    assert len(asked) == 4  # two pages, and once more


# ---------------------------------------------------------------- what is kept, what a plan knows


def test_only_what_is_read_of_an_answer_is_kept() -> None:
    one = series(read=lambda body: {"rows": [-row for row in body["rows"]], "total": body["total"]})
    frame = ask(client_of(Session(listing([1, 2, 3, 4]))), one)
    assert frame["row"].tolist() == [-1, -2, -3, -4]


def test_an_answer_that_cannot_be_read_names_its_page() -> None:
    def read(body: Any) -> Any:
        if 7 in body["rows"]:
            raise ResponseError("there is a seven")
        return body

    with pytest.raises(ResponseError, match=r"POST /v1/list for page 3 of 4: there is a seven"):
        ask(client_of(Session(listing(list(range(11))))), series(read=read))


@pytest.mark.parametrize(
    ("at_most", "limit", "pages"), [((5, 7), 3, 5), ((3, 3), 3, 2), ((0, 0), 3, 2)]
)
def test_a_plan_knows_the_most_pages_where_the_question_tells(
    at_most: tuple[int, ...], limit: int, pages: int
) -> None:
    session = Session(listing([]))
    ones = [series(str(place), limit, at_most=most) for place, most in enumerate(at_most)]

    @fetch
    def fetched() -> Question:
        return every_page(client_of(session), ones, lambda pages: pd.DataFrame())

    found = plan(fetched)
    assert (found.requests, found.pages) == (2, pages)
    assert bool(found.follow_up) == (pages > 2)
    assert not session.asked


def test_a_plan_without_such_knowledge_says_that_pages_may_follow() -> None:
    client = client_of(Session(listing([])))

    @fetch
    def fetched() -> Question:
        ones = [series("a", at_most=2), series("b", 2000)]
        return every_page(client, ones, lambda pages: pd.DataFrame())

    found = plan(fetched)
    assert (found.requests, found.pages) == (2, 2)
    assert "a request for each further page" in repr(found)


@pytest.mark.filterwarnings("error")
def test_nothing_is_warned_of_when_all_is_well() -> None:
    assert issubclass(MgframeWarning, UserWarning)
    assert len(ask(client_of(Session(listing([1, 2, 3, 4]))), series())) == 4
