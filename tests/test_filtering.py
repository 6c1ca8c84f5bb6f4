"""Filters as a user writes them become the predicates of Mailgun's APIs, or are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from answers import unhurried
from hypothesis import given
from hypothesis import strategies as st

import mgframe as mg
from mgframe.errors import QueryError
from mgframe.filtering import COMPARATORS, read_where

ATTRIBUTES = ("domain", "ip", "tag", "recipient_provider")
texts = st.text(min_size=1).filter(lambda text: text.strip())
values = st.one_of(texts, st.lists(texts, min_size=1, max_size=4))
wheres = st.dictionaries(
    st.sampled_from(ATTRIBUTES),
    st.one_of(values, st.dictionaries(st.sampled_from(COMPARATORS), values, min_size=1)),
)


def predicate(attribute: str, comparator: str, *said: str) -> dict[str, Any]:
    return {
        "attribute": attribute,
        "comparator": comparator,
        "values": [{"label": text, "value": text} for text in said],
    }


def test_a_filter_is_read_as_a_user_writes_it() -> None:
    where = {
        "tag": mg.contains("news"),
        "domain": "a.com",
        "recipient_provider": ["Gmail", "Outlook 365"],
    }
    assert read_where(where, ATTRIBUTES) == [
        predicate("domain", "=", "a.com"),
        predicate("tag", "contains", "news"),
        predicate("recipient_provider", "=", "Gmail", "Outlook 365"),
    ]


def test_all_four_comparators_are_said_in_words_or_signs() -> None:
    assert (mg.contains("a", "b"), mg.not_contains("a"), mg.is_not("a")) == (
        {"contains": ["a", "b"]},
        {"not contains": ["a"]},
        {"!=": ["a"]},
    )
    assert read_where({"ip": {"=": "1.2.3.4", "!=": ["1", "2"]}}, ATTRIBUTES) == [
        predicate("ip", "=", "1.2.3.4"),
        predicate("ip", "!=", "1", "2"),
    ]


def conditions(said: Any) -> list[tuple[str, Any]]:
    pairs = said if isinstance(said, dict) else {"=": said}
    return sorted(pairs.items(), key=lambda pair: COMPARATORS.index(pair[0]))


@unhurried
@given(wheres)
def test_every_value_of_a_filter_is_sent_once(where: dict[str, Any]) -> None:
    flat = [
        (key, comparator, text.strip())
        for key in sorted(where, key=ATTRIBUTES.index)
        for comparator, said in conditions(where[key])
        for text in ([said] if isinstance(said, str) else said)
    ]
    before = json.dumps(where)
    found = read_where(where, ATTRIBUTES)
    sent = [(p["attribute"], p["comparator"], v["value"]) for p in found for v in p["values"]]
    assert sent == list(dict.fromkeys(flat))
    assert all(v["label"] == v["value"] for p in found for v in p["values"])
    assert json.dumps(where) == before


@unhurried
@given(wheres, st.randoms())
def test_filters_that_say_the_same_are_sent_the_same(where: dict[str, Any], chance: Any) -> None:
    other = {key: shuffled(said, chance) for key, said in shuffled(where, chance).items()}
    assert read_where(other, ATTRIBUTES) == read_where(where, ATTRIBUTES)


def shuffled(said: Any, chance: Any) -> Any:
    if not isinstance(said, dict):
        return said
    keys = list(said)
    chance.shuffle(keys)
    return {key: said[key] for key in keys}


def test_a_set_is_sent_in_one_order() -> None:
    names = {f"tag{i}" for i in range(20)}
    where: Any = {"tag": names}
    sent = read_where(where, ATTRIBUTES)[0]["values"]
    assert [value["value"] for value in sent] == sorted(names)


def test_no_filter_is_no_predicate() -> None:
    assert read_where(None, ATTRIBUTES) == read_where({}, ATTRIBUTES) == []


def test_tuples_sets_and_other_iterables_are_lists() -> None:
    for said in (("a", "b"), {"a": 1, "b": 2}.keys(), iter(["a", "b"])):
        where: Any = {"tag": said}
        assert read_where(where, ATTRIBUTES) == [predicate("tag", "=", "a", "b")]


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (
            {"recipient_provide": "Gmail"},
            "has the key 'recipient_provide', which is none; did you mean 'recipient_provider'?; "
            "the keys are domain, ip, tag, recipient_provider",
        ),
        ({"time": "x"}, "has the key 'time', which is none; the keys are"),
        ({1: "x"}, "has the key 1, which is none; the keys are"),
        (
            {"tag": {"contain": "x"}},
            "has the comparator 'contain', which is none; did you mean 'contains'?; the "
            "comparators are '=', '!=', 'contains', 'not contains'",
        ),
        ({"tag": {"not_contains": "x"}}, "did you mean 'not contains'?"),
        ({"tag": {"==": "x"}}, "has the comparator '==', which is none"),
        ({"tag": []}, "has an empty list, which matches nothing; leave the key out"),
        ({"tag": mg.contains()}, "has an empty list"),
        ({"tag": mg.is_not()}, "has an empty list"),
        ({"tag": {}}, "where={'tag': {}} says nothing"),
        ({"tag": ""}, "holds '', which is no text"),
        ({"tag": [" \n"]}, "which is no text"),
        ({"tag": ["x", None]}, "holds None, which is no text"),
        ({"tag": 7.5}, "where={'tag': 7.5} takes a text or a list of texts"),
        ({"tag": None}, "takes a text or a list of texts"),
        ({"tag": {"=": {"=": "x"}}}, "takes a text or a list of texts"),
        ({"tag": [["x"]]}, "which is no text"),
        ("domain=a.com", "where='domain=a.com' must be a mapping such as {'domain': 'a.com'}"),
        (["domain"], "must be a mapping"),
    ],
)
def test_what_is_no_filter_is_refused_with_the_choices(where: Any, words: str) -> None:
    with pytest.raises(QueryError) as raised:
        read_where(where, ATTRIBUTES)
    assert words in str(raised.value)
    assert str(raised.value).startswith("where")


def test_a_message_names_the_argument_it_is_about() -> None:
    with pytest.raises(QueryError, match=r"^only=\{'tag'"):
        read_where({"tag": []}, ATTRIBUTES, argument="only")
