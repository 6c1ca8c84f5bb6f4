"""The lists of domains, tags and subaccounts: every page, no item twice, none lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st

import mgframe as mg
from mgframe.directory import domains, subaccounts, tags
from mgframe.listings import read_moments
from mgframe.simulator import Model

US, EU = "https://api.mailgun.net", "https://api.eu.mailgun.net"
DOMAINS = f"{US}/v4/domains"
TAGS = f"{US}/v1/analytics/tags"
OF_DOMAIN = f"{US}/v3/a.com/tags"
SUBACCOUNTS = f"{US}/v5/accounts/subaccounts"


def client(**more: Any) -> mg.Client:
    return mg.Client("key-x", region="us", retries=0, **more)


def paged(url: str, items: list[Any], *, size: int, member: str, total: str) -> None:
    """Serve a list page by page, by `skip`; `total` is the member that tells how many there are."""

    def page(request: Any) -> tuple[int, dict[str, str], str]:
        skip = int(request.params["skip"])
        body = {member: items[skip : skip + size], total: len(items)}
        return 200, {}, json.dumps(body)

    responses.add_callback(responses.GET, url, page)


def domain(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "state": "active", "created_at": "Sun, 12 Oct 2025 09:00:00 GMT", **more}


# ---------------------------------------------------------------- domains


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
@responses.activate
def test_every_page_of_domains_is_read(size: int) -> None:
    names = ["b.com", "a.com", "d.com", "c.com"]
    listed = [domain(name) for name in names]
    paged(DOMAINS, listed, size=size, member="items", total="total_count")
    table = domains(client=client())
    assert list(table["name"]) == sorted(names)
    asked = [int(call.request.params["skip"]) for call in responses.calls]
    assert sorted(asked) == list(range(0, 4, size))


@responses.activate
def test_fewer_domains_than_the_total_are_an_error() -> None:
    responses.get(DOMAINS, json={"total_count": 3, "items": [domain("a.com")]})
    with pytest.raises(mg.ResponseError, match=r"lists 'a.com' twice|there are 3 rows"):
        domains(client=client())


@responses.activate
def test_a_list_that_changes_between_its_pages_is_read_again() -> None:
    for skip, name in ((0, "a.com"), (1, "a.com"), (0, "a.com"), (1, "b.com")):
        body = {"total_count": 2, "items": [domain(name)]}
        match = [responses.matchers.query_param_matcher({"limit": "1000", "skip": str(skip)})]
        responses.get(DOMAINS, json=body, match=match)
    assert list(domains(client=client())["name"]) == ["a.com", "b.com"]


@responses.activate
def test_an_empty_account_is_an_empty_table() -> None:
    responses.get(DOMAINS, json={"total_count": 0, "items": []})
    table = domains(client=client())
    assert table.empty
    assert str(table["created_at"].dtype) == "datetime64[us, UTC]"
    assert table["is_disabled"].dtype == bool
    assert table["name"].dtype == pd.Index(["a"], dtype="str").dtype


@pytest.mark.parametrize(
    "body",
    [{}, [], {"items": [{"id": 1}]}, {"items": {"name": "a.com"}}, {"items": [{"name": 5}]}, None],
)
@responses.activate
def test_another_answer_is_an_error(body: Any) -> None:
    responses.get(DOMAINS, body=json.dumps(body))
    with pytest.raises(mg.ResponseError, match="did not answer a list under 'items'"):
        domains(client=client())


@responses.activate
def test_what_a_domain_lacks_is_empty() -> None:
    bare = {"total_count": 1, "items": [{"name": "a.com", "created_at": None}]}
    responses.get(DOMAINS, json=bare)
    (row,) = domains(client=client()).to_dict("records")
    assert row["created_at"] is pd.NaT
    assert (row["state"], row["type"], row["id"], row["region"]) == ("", "", "", "us")
    assert row["is_disabled"] is False


def test_more_than_a_page_of_domains_of_the_simulator(serving: Any) -> None:
    _, of_many = serving(Model(domains=120))
    assert len(domains(client=of_many)) == 120


@responses.activate
def test_both_regions_are_asked_and_told_apart() -> None:
    paged(DOMAINS, [domain("b.com")], size=9, member="items", total="total_count")
    paged(
        f"{EU}/v4/domains",
        [domain("a.com"), domain("b.com")],
        size=1,
        member="items",
        total="total_count",
    )
    table = domains(regions=["us", "eu"], client=client())
    assert table[["name", "region"]].to_numpy().tolist() == [
        ["a.com", "eu"],
        ["b.com", "eu"],
        ["b.com", "us"],
    ]
    assert table.attrs["mgframe"]["region"] == ["us", "eu"]
    (eu,) = domains(regions="eu", client=client())["region"].unique()
    assert eu == "eu"


def test_a_region_without_an_address_is_refused(demo: mg.Client) -> None:
    with pytest.raises(mg.QueryError, match="regions="):
        domains(regions=["us", "eu"], client=demo)


# ---------------------------------------------------------------- subaccounts


@responses.activate
def test_every_page_of_subaccounts_is_read_whatever_its_size() -> None:
    listed = [{"id": f"{n:02}", "name": f"n{99 - n:02}", "status": "open"} for n in range(23)]
    paged(SUBACCOUNTS, listed, size=10, member="subaccounts", total="total")
    table = subaccounts(client=client())
    assert list(table.columns) == ["id", "name", "status"]
    assert list(table["name"]) == sorted(item["name"] for item in listed)
    assert {call.request.params["limit"] for call in responses.calls} == {"1000"}


@responses.activate
def test_fewer_subaccounts_than_the_total_are_an_error() -> None:
    paged(SUBACCOUNTS, [], size=10, member="subaccounts", total="total")
    assert subaccounts(client=client()).empty
    responses.replace(
        responses.GET, SUBACCOUNTS, json={"subaccounts": [{"id": "x", "name": "y"}], "total": 2}
    )
    with pytest.raises(mg.ResponseError, match=r"lists 'x' twice|there are 2 rows"):
        subaccounts(client=client())


def test_the_subaccounts_of_the_simulator(serving: Any) -> None:
    model = Model(domains=60, days=30)
    _, of_many = serving(model)
    assert set(subaccounts(client=of_many)["id"]) == set(model.subaccounts)


# ---------------------------------------------------------------- tags of the account


def tag(name: str, **more: Any) -> dict[str, Any]:
    seen = {"first_seen": "Wed, 28 Jan 2026 18:27:11 +0000"}
    return {"account_id": "p", "account_name": "P", "description": "", "tag": name, **seen, **more}


def posted(items: list[Any], *, size: int = 1000, total: bool = True) -> None:
    def page(request: Any) -> tuple[int, dict[str, str], str]:
        skip = json.loads(request.body)["pagination"]["skip"]
        said = {"total": len(items)} if total else {}
        body = {"items": items[skip : skip + size], "pagination": {"limit": size, **said}}
        return 200, {}, json.dumps(body)

    responses.add_callback(responses.POST, TAGS, page)


@pytest.mark.parametrize("skips", [True, False])
@responses.activate
def test_a_last_page_without_a_total_changes_none(skips: bool) -> None:
    listed = [tag(f"t{n:04}") for n in range(1005)]

    def page(request: Any) -> tuple[int, dict[str, str], str]:
        skip = json.loads(request.body)["pagination"]["skip"]
        said = {"limit": 1000, **({"skip": skip} if skips else {})}
        said |= {} if skip else {"total": 1005}
        return 200, {}, json.dumps({"items": listed[skip:][:1000], "pagination": said})

    responses.add_callback(responses.POST, TAGS, page)
    assert len(tags(client=client())) == 1005


@responses.activate
def test_a_first_page_that_is_not_full_needs_no_total() -> None:
    responses.post(TAGS, json={"items": [tag("x")], "pagination": {"limit": 1000, "skip": 0}})
    assert list(tags(client=client())["tag"]) == ["x"]
    assert len(responses.calls) == 1


@pytest.mark.parametrize("total", [True, False])
@pytest.mark.parametrize("size", [1, 3, 4, 1000])
@responses.activate
def test_every_page_of_tags_is_read(size: int, total: bool) -> None:
    names = ["weekly", "Zulu", "ä b/c", "digest"]
    posted([tag(name) for name in names], size=size, total=total)
    table = tags(client=client())
    assert list(table["tag"]) == sorted(names)
    assert list(table.columns) == [
        "tag",
        "description",
        "first_seen",
        "last_seen",
        "domain",
        "account_id",
        "account_name",
        "region",
    ]
    assert set(table["domain"]) == {"(none)"}
    assert table["last_seen"].isna().all()


@responses.activate
def test_the_question_never_leaves_the_limit_to_the_server() -> None:
    posted([])
    tags(prefix="ä", subaccounts=True, client=client())
    assert json.loads(responses.calls[0].request.body) == {
        "pagination": {"sort": "lastseen:desc", "limit": 1000, "skip": 0, "include_total": True},
        "include_subaccounts": True,
        "tag": "ä",
    }


@responses.activate
def test_a_tag_of_two_accounts_is_two_rows_but_twice_in_one_is_an_error() -> None:
    posted([tag("x"), tag("x", account_id="q")])
    assert list(tags(client=client())["account_id"]) == ["p", "q"]
    responses.reset()
    posted([tag("x"), tag("x")])
    with pytest.raises(mg.ResponseError, match="lists 'x' twice: the list changed"):
        tags(client=client())


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"tag": None}, "whose items have a 'tag'"),
        ({"tag": ""}, "whose items have a 'tag'"),
        ({"description": 5}, "has '5' for 'description', which is no text"),
        ({"account_id": ["x"]}, "which is no text"),
        ({"first_seen": "yesterday"}, "the time 'yesterday'"),
        ({"first_seen": 1769624831}, "the time '1769624831', which is no text"),
        ({"last_seen": "2026-13-28T18:00:00Z"}, "which is none"),
    ],
)
@responses.activate
def test_a_broken_tag_is_an_error(broken: dict[str, Any], message: str) -> None:
    posted([tag("x") | broken])
    with pytest.raises(mg.ResponseError, match=message):
        tags(client=client())


@responses.activate
def test_what_a_tag_lacks_is_empty() -> None:
    posted([{"tag": "x"}])
    (row,) = tags(client=client()).to_dict("records")
    assert (row["description"], row["account_id"], row["account_name"]) == ("", "(none)", "(none)")
    assert row["first_seen"] is pd.NaT


@pytest.mark.parametrize("apart", [False, True])
def test_the_tags_of_the_simulator(demo: mg.Client, model: Model, apart: bool) -> None:
    table = tags(subaccounts=apart, client=demo)
    used = {tag for d in model.domains for lane in d.lanes for tag in lane.tags}
    assert set(table["tag"]) == used
    assert not table.duplicated(["tag", "account_id"]).any()
    assert table["account_id"].nunique() == (2 if apart else 1)
    assert (table["first_seen"] <= table["last_seen"]).all()
    assert table.attrs["mgframe"]["simulated"] is True


# ---------------------------------------------------------------- tags of a domain


def chained(pages: list[list[str]], *, host: str = US) -> None:
    """Serve pages that are chained by addresses; the last leads to an empty one."""
    for place, names in enumerate([*pages, []]):
        items = [{"tag": name, "first-seen": "2023-06-25T15:17:53.604Z"} for name in names]
        following = f"{host}/v3/a.com/tags?page=next&limit=1000&tag={place + 1}"
        query = {"limit": "1000"} | ({"page": "next", "tag": str(place)} if place else {})
        responses.get(
            OF_DOMAIN,
            json={"items": items, "paging": {"next": following}},
            match=[responses.matchers.query_param_matcher(query)],
        )


@responses.activate
def test_pages_of_a_domains_tags_are_followed_until_one_is_empty() -> None:
    chained([["b", "a"], ["c"], ["e", "d"]])
    table = tags("A.com", client=client())
    assert list(table["tag"]) == ["a", "b", "c", "d", "e"]
    assert set(table["domain"]) == {"a.com"}
    assert len(responses.calls) == 4


@responses.activate
def test_no_page_is_asked_of_another_host() -> None:
    chained([["a"], ["b"]], host="https://elsewhere.example")
    assert list(tags("a.com", client=client())["tag"]) == ["a", "b"]
    assert {call.request.url.split("/")[2] for call in responses.calls} == {"api.mailgun.net"}


@responses.activate
def test_limit_and_prefix_go_on_where_an_address_forgets_them() -> None:
    first = {"items": [{"tag": "ab"}], "paging": {"next": f"{OF_DOMAIN}?page=next&tag=ab"}}
    responses.get(OF_DOMAIN, json=first)
    tags("a.com", prefix="a", client=client())
    kept = {"limit": "1000", "prefix": "a"}
    assert responses.calls[0].request.params == kept
    assert responses.calls[1].request.params == {"page": "next", "tag": "ab", **kept}


@responses.activate
def test_a_page_that_comes_again_ends_the_list() -> None:
    page = {"items": [{"tag": "a"}], "paging": {"next": f"{OF_DOMAIN}?page=next&tag="}}
    responses.get(OF_DOMAIN, json=page)
    assert list(tags("a.com", client=client())["tag"]) == ["a"]
    assert len(responses.calls) == 2


@pytest.mark.parametrize("number", [1000, 1300])
@responses.activate
def test_a_full_page_that_brings_nothing_new_is_an_error(number: int) -> None:
    items = [{"tag": f"t{n}"} for n in range(number)]
    paging = {"next": f"{OF_DOMAIN}?page=next&tag="}
    responses.get(OF_DOMAIN, json={"items": items, "paging": paging})
    with pytest.raises(mg.ResponseError, match=r"full page without any new tag.* prefix="):
        tags("a.com", client=client())


@pytest.mark.parametrize("following", [None, 5, "", "http://[", {}])
@responses.activate
def test_a_short_page_without_an_address_is_the_last(following: Any) -> None:
    responses.get(OF_DOMAIN, json={"items": [{"tag": "a"}], "paging": {"next": following}})
    assert list(tags("a.com", client=client())["tag"]) == ["a"]


@responses.activate
def test_a_full_page_without_an_address_is_an_error() -> None:
    responses.get(OF_DOMAIN, json={"items": [{"tag": f"t{n}"} for n in range(1000)]})
    with pytest.raises(mg.ResponseError, match="does not say where the next one is"):
        tags("a.com", client=client())


def test_the_tags_of_a_domain_of_the_simulator(demo: mg.Client, model: Model) -> None:
    for sender in model.domains:
        table = tags(sender.name, client=demo)
        assert set(table["tag"]) == {tag for lane in sender.lanes for tag in lane.tags}
    some = tags("news.example.com", prefix="w", client=demo)
    assert list(some["tag"]) == ["weekly", "welcome"]
    whole = tags(client=demo).set_index("tag")
    assert (some.set_index("tag")["last_seen"] == whole["last_seen"][some["tag"]]).all()


def test_a_domain_that_is_not_there_is_not_found(demo: mg.Client) -> None:
    with pytest.raises(mg.NotFound, match=r"nobody\.example"):
        tags("nobody.example", client=demo)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"domain": ["a.com"]}, "must be one name"),
        ({"domain": "no domain"}, "is no domain name"),
        ({"domain": "a.com", "subaccounts": True}, "leave out subaccounts and regions"),
        ({"domain": "a.com", "regions": "eu"}, "leave out subaccounts and regions"),
        ({"prefix": ""}, "prefix="),
        ({"prefix": 5}, "prefix="),
        ({"subaccounts": "yes"}, "must be True or False"),
        ({"regions": ["mars"]}, "regions="),
    ],
)
def test_a_wrong_question_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(mg.QueryError, match=message):
        tags(client=client(), **arguments)


# ---------------------------------------------------------------- times of directories

WRITTEN: list[Callable[[datetime], str]] = [
    lambda t: t.strftime("%Y-%m-%dT%H:%M:%SZ"),
    lambda t: t.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    lambda t: t.strftime("%Y-%m-%d %H:%M:%S +0000 UTC"),
    lambda t: t.isoformat(sep=" ", timespec="microseconds").replace("+00:00", " +0000 UTC"),
    lambda t: t.strftime("%a, %d %b %Y %H:%M:%S +0000"),
    lambda t: t.strftime("%a, %d %b %Y %H:%M:%S GMT"),
]
moments = st.integers(1_300_000_000, 7_200_000_000).map(lambda s: datetime.fromtimestamp(s, UTC))


@given(st.lists(st.tuples(moments, st.sampled_from(WRITTEN)), max_size=5))
def test_every_way_of_writing_a_time_is_read(written: list[Any]) -> None:
    found = read_moments([write(moment) for moment, write in written])
    assert str(found.dtype) == "datetime64[us, UTC]"
    assert list(found) == [pd.Timestamp(moment) for moment, _ in written]


def test_a_zone_is_read_and_fractions_are_kept_to_microseconds() -> None:
    (found,) = read_moments(["2026-11-16T10:30:00.1234567+02:00"])
    assert found == pd.Timestamp("2026-11-16 08:30:00.123456", tz="UTC")


@pytest.mark.parametrize(
    "text", [None, "", " ", "0001-01-01T00:00:00Z", "0001-01-01 00:00:00 +0000 UTC"]
)
def test_no_time_is_nat(text: str | None) -> None:
    assert read_moments([text]).isna().all()


@pytest.mark.parametrize("text", ["now", "2026-02-30T00:00:00Z", "16/11/2026", "2026-11-16", 5, []])
def test_what_is_no_time_is_an_error(text: Any) -> None:
    with pytest.raises(mg.ResponseError, match="the answer holds the time"):
        read_moments([text])


@responses.activate
def test_a_short_page_without_total_or_skip_is_the_last() -> None:
    # As recorded: the answer repeats sort and limit alone.
    said = {"sort": "lastseen:desc", "limit": 10}
    responses.post(TAGS, json={"items": [tag("x")], "pagination": said})
    assert list(tags(client=client())["tag"]) == ["x"]
    assert len(responses.calls) == 1
