"""A question, its plan, and how answers that fail are told of."""

from __future__ import annotations

import inspect
from typing import Any

import pandas as pd
import pytest
from metrics_answers import Refusal, Session, client_of

import mgframe as mg
from mgframe.client import Answer, Call, Client
from mgframe.errors import QueryError, ResponseError
from mgframe.planning import Plan, Question, Unsteady, fetch, regions_of


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


# ---------------------------------------------------------------- pages and posted questions


def test_a_plan_with_pages_to_come_counts_the_most_there_can_be() -> None:
    plan = Plan(calls(2, "metrics"), "a request for each further page", 10, most_pages=40)
    assert (plan.requests, plan.pages) == (2, 40)
    assert plan.seconds == pytest.approx(1.2)  # four rounds of ten
    assert repr(plan).endswith("then a request for each further page, 40 in all at most")


def test_many_pages_take_as_long_as_the_limit_of_their_api() -> None:
    assert Plan(calls(1, "metrics"), "", 100, most_pages=1500).seconds == pytest.approx(20.0)


def test_a_posted_question_is_shown_and_a_long_one_cut() -> None:
    short, long = (Call("POST", "/v1/x", body=text) for text in ('{"a":1}', "x" * 400))
    lines = repr(Plan((short, long), "", 10)).splitlines()
    assert lines[1] == '  POST /v1/x {"a":1}'
    assert lines[2] == f"  POST /v1/x {'x' * 300}..."


# ---------------------------------------------------------------- answers and what is made of them


def posted(number: int) -> Call:
    return Call("POST", "/v1/x", body=f'{{"number":{number}}}', label=f"page {number}",
                budget="metrics")  # fmt: skip


def asking(session: Session, number: int, finish: Any, **more: Any) -> Any:
    @fetch
    def fetched() -> Question:
        calls = tuple(map(posted, range(number)))
        return Question(client_of(session), calls, finish, progress=False, **more)

    return fetched


def echo(question: dict[str, Any], number: int) -> dict[str, Any]:
    return {"number": question["number"]}


def table(answers: list[Answer], failed: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame({"number": [answer.body for answer in answers]})


def test_answers_are_reduced_as_they_come_and_stay_in_order() -> None:
    def read(answer: Answer) -> Answer:
        return Answer(answer.call, answer.body["number"], answer.headers, answer.received_at)

    for number in (1, 12):
        frame = asking(Session(echo), number, table, read=read)()
        assert frame["number"].tolist() == list(range(number))


def test_an_answer_that_cannot_be_reduced_is_named_or_left_out_on_request() -> None:
    def read(answer: Answer) -> Answer:
        if answer.body["number"] == 1:
            raise ResponseError("a one")
        return answer

    with pytest.raises(ResponseError, match=r"^POST /v1/x for page 1: a one"):
        asking(Session(echo), 3, table, read=read)()
    with pytest.warns(mg.MgframeWarning, match=r"1 of 3 requests failed.*page 1: POST /v1/x for"):
        frame = asking(Session(echo), 3, table, read=read, on_error="warn")()
    assert [body["number"] for body in frame["number"]] == [0, 2]


def test_a_question_may_lead_to_another() -> None:
    session = Session(echo)

    def first(answers: list[Answer], failed: dict[str, str]) -> Question:
        return Question(client_of(session), (posted(7),), table)

    frame = asking(session, 2, first)()
    assert frame["number"].tolist() == [{"number": 7}]
    assert len(session.asked) == 3


def test_answers_that_contradict_each_other_blame_none_of_them() -> None:
    def finish(answers: list[Answer], failed: dict[str, str]) -> pd.DataFrame:
        raise Unsteady("the pages contradict each other")

    with pytest.raises(Unsteady, match=r"^the pages contradict each other$"):
        asking(Session(echo), 3, finish)()


def test_an_answer_that_cannot_be_read_alone_is_named() -> None:
    def finish(answers: list[Answer], failed: dict[str, str]) -> pd.DataFrame:
        if any(answer.body["number"] == 2 for answer in answers):
            raise ResponseError("a two")
        return table(answers, failed)

    with pytest.raises(ResponseError, match=r"^POST /v1/x for page 2: a two"):
        asking(Session(echo), 3, finish)()


def test_an_error_tells_how_far_it_got() -> None:
    session = Session(lambda q, n: Refusal(500) if q["number"] == 2 else echo(q, n))
    with pytest.raises(mg.ServerError, match=r"Asked about page 2\.") as raised:
        asking(session, 4, table)()
    assert any("of 4 requests had answered" in note for note in raised.value.__notes__)


# ---------------------------------------------------------------- regions


def known(*regions: str) -> Client:
    addresses = {"us": "http://127.0.0.1:8001", "eu": "http://127.0.0.1:8002"}
    return Client("key-0123", base_url={name: addresses[name] for name in regions})


def test_regions_are_the_clients_own_or_those_named_once() -> None:
    assert regions_of(known("us", "eu"), None) == ("",)
    assert regions_of(known("us", "eu"), "eu") == ("eu",)
    assert regions_of(known("us", "eu"), ["eu", "us", "eu"]) == ("eu", "us")
    assert regions_of(Client("key-0123"), ["us", "eu"]) == ("us", "eu")


@pytest.mark.parametrize(
    ("client", "regions"),
    [
        (known("us"), "eu"),
        (known("us", "eu"), "asia"),
        (Client("key-0123", base_url="http://127.0.0.1:9"), "us"),
        (Client("key-0123"), ["us", ""]),
    ],
)
def test_a_region_without_an_address_is_refused_with_the_ones_there_are(
    client: Client, regions: Any
) -> None:
    with pytest.raises(QueryError) as raised:
        regions_of(client, regions)
    assert f"regions={regions!r}" in str(raised.value)
    assert ", ".join(client.addresses) in str(raised.value)


def test_no_region_at_all_is_refused() -> None:
    with pytest.raises(QueryError, match="regions is empty"):
        regions_of(Client("key-0123"), [])
