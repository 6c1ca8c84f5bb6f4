"""Each endpoint against recorded answers, compared with a plain loop over the recorded JSON."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from cassette_tools import Cassette
from conftest import CASSETTES

import mgframe as mg
from mgframe.logs_api import failures
from mgframe.vocabulary import COUNTS


def counts_in(item: dict[str, Any]) -> dict[str, int]:
    """Read an item by hand: every member that the table of counts knows."""
    found = {}
    for count in COUNTS.values():
        value: Any = item
        for step in count.path:
            value = value.get(step, {}) if isinstance(value, dict) else {}
        if count.path and isinstance(value, int):
            found[count.name] = value
    return found


def assert_holds(frame: pd.DataFrame, key: str, stats: list[dict[str, Any]]) -> None:
    """Every count of every recorded bucket is in the frame, and the frame has no other bucket."""
    mg.check_frame(frame)
    assert len(frame.xs(key, level=1)) == len(stats)
    for item in stats:
        row = frame.loc[(pd.Timestamp(parsedate_to_datetime(item["time"])), key)]
        for name, value in counts_in(item).items():
            assert row[name] == value, (item["time"], name)


def test_account_totals(cassette: Cassette) -> None:
    frame = mg.account_totals(last="14d", client=cassette.client)
    assert_holds(frame, "account", cassette.bodies()[0]["stats"])
    assert frame.index.names == ["time", "account"]


def test_account_totals_by_hour(cassette: Cassette) -> None:
    frame = mg.account_totals(last="48h", partial=True, client=cassette.client)
    assert_holds(frame, "account", cassette.bodies()[0]["stats"])
    assert len(frame) == 49
    assert len(frame.mg.complete()) == 48


def test_account_totals_by_duration(cassette: Cassette) -> None:
    frame = mg.account_totals(events=["delivered", "failed"], duration="2m", client=cassette.client)
    assert_holds(frame, "account", cassette.bodies()[0]["stats"])
    assert list(frame.index.get_level_values("time").day) == [1, 1]
    assert "opened" not in frame


def test_domain_totals(cassette: Cassette) -> None:
    frame = mg.domain_totals(cassette.domain, last="30d", client=cassette.client)
    assert_holds(frame, cassette.domain, cassette.bodies()[0]["stats"])


def test_domain_totals_of_all_domains(cassette: Cassette) -> None:
    frame = mg.domain_totals(events="delivered", last="7d", client=cassette.client)
    listing, *answers = cassette.bodies()
    active = [d["name"] for d in listing["items"] if d["state"] == "active"]
    assert set(frame.index.unique("domain")) == set(active)
    total = sum(item["delivered"]["total"] for answer in answers for item in answer["stats"])
    assert frame["delivered"].sum() == total


def test_domain_snapshot(cassette: Cassette) -> None:
    at = cassette.client.now() - pd.Timedelta(days=1)
    frame = mg.domain_snapshot(at, client=cassette.client)
    recorded = sum(i["delivered"]["total"] for i in cassette.bodies()[0]["stats"])
    assert frame["delivered"].sum() == recorded
    assert frame.attrs["mgframe"]["limit_read_as"] in ("skip", "size")


@pytest.mark.parametrize("by", ["domain", "provider", "tag", "country"])
def test_grouped_totals(cassette: Cassette, by: str) -> None:
    events = ["delivered", "opened"]
    frame = mg.grouped_totals(by, events=events, last="3d", client=cassette.client)  # type: ignore[arg-type]
    assert frame.index.names == ["time", by]
    recorded = sum(i["opened"]["total"] for i in cassette.bodies()[0]["stats"])
    assert frame["opened"].sum() == recorded


@pytest.mark.parametrize("view", ["provider", "device", "country"])
def test_aggregates(cassette: Cassette, view: str) -> None:
    fetch = getattr(mg, f"{view}_aggregates")
    frame = fetch(cassette.domain, client=cassette.client)
    (body,) = cassette.bodies()
    ((_, counters),) = body.items()
    assert set(frame.index.unique(view)) == set(counters)
    for name in frame:
        assert frame[name].sum() == sum(row.get(name, 0) for row in counters.values())


def test_domains(cassette: Cassette) -> None:
    table = mg.domains(client=cassette.client)
    (body,) = cassette.bodies()
    assert list(table["name"]) == sorted(item["name"] for item in body["items"])
    assert str(table["created_at"].dt.tz) == "UTC"


def metrics_in(bodies: list[Any]) -> dict[str, int]:
    """Add up every count of every recorded row, by hand."""
    found: dict[str, int] = {}
    for body in bodies:
        for item in body["items"]:
            for name, value in item["metrics"].items():
                column = name.removesuffix("_count")
                found[column] = found.get(column, 0) + value
    return found


def test_metrics_by_hour(cassette: Cassette) -> None:
    frame = mg.metrics(["delivered", "opened"], last="48h", client=cassette.client)
    assert frame.index.names == ["time", "account"]
    assert len(frame) == 48
    assert frame.sum().to_dict() == metrics_in(cassette.bodies())


def test_metrics_by_two_keys(cassette: Cassette) -> None:
    by = ["domain", "recipient_provider"]
    frame = mg.metrics(by=by, last="1d", client=cassette.client)
    mg.check_frame(frame)
    recorded = metrics_in(cassette.bodies())
    assert len(cassette.bodies()) == 2  # more than ten counts
    assert {name: frame[name].sum() for name in recorded} == recorded
    rates = frame.mg.rates(["delivery_rate", "block_rate"])
    assert rates.notna().any().all()


def test_metrics_of_a_filter_in_total(cassette: Cassette) -> None:
    frame = mg.metrics(
        "delivered",
        by=["tag", "recipient_domain", "ip"],
        where={"domain": cassette.domain, "recipient_domain": mg.contains("gmail")},
        last="7d",
        resolution="total",
        client=cassette.client,
    )
    assert frame.index.names == ["tag", "recipient_domain", "ip"]
    assert frame["delivered"].sum() == metrics_in(cassette.bodies()).get("delivered", 0)


def test_usage(cassette: Cassette) -> None:
    frame = mg.usage(last="2m", client=cassette.client)
    recorded = metrics_in(cassette.bodies())
    assert {name: frame[name].sum() for name in recorded} == recorded


def test_tag_totals(cassette: Cassette) -> None:
    tag = mg.tags(cassette.domain, client=cassette.client)["tag"][0]
    frame = mg.tag_totals(cassette.domain, tag, last="7d", client=cassette.client)
    assert frame.index.names == ["time", "domain", "tag"]
    stats = cassette.bodies()[-1]["stats"]
    assert frame["delivered"].sum() == sum(item["delivered"]["total"] for item in stats)


def test_tag_aggregates(cassette: Cassette) -> None:
    tag = mg.tags(cassette.domain, client=cassette.client)["tag"][0]
    frame = mg.tag_aggregates(cassette.domain, tag, by="device", client=cassette.client)
    counters = cassette.bodies()[-1]["device"]
    assert frame["opened"].sum() == sum(row["opened"] for row in counters.values())


def test_tags(cassette: Cassette) -> None:
    table = mg.tags(client=cassette.client)
    items = [item for body in cassette.bodies() for item in body["items"]]
    assert sorted(table["tag"]) == sorted(item["tag"] for item in items)


def test_subaccounts(cassette: Cassette) -> None:
    table = mg.subaccounts(client=cassette.client)
    listed = [item for body in cassette.bodies() for item in body["subaccounts"]]
    assert dict(zip(table["id"], table["name"], strict=True)) == {
        item["id"]: item["name"] for item in listed
    }


def test_bounce_classification(cassette: Cassette) -> None:
    frame = mg.bounce_classification(by="entity", last="3d", client=cassette.client)
    assert frame.index.names == ["time", "entity"]
    assert (
        frame["classified_failures"].sum() == metrics_in(cassette.bodies())["classified_failures"]
    )


def test_account_totals_from_the_metrics_api(cassette: Cassette) -> None:
    stats = mg.account_totals(last="7d", client=cassette.client)
    metrics = mg.account_totals(last="7d", api="metrics", client=cassette.client)
    known = [name for name in stats if not name.startswith("unique")]
    assert mg.parity(stats[known], metrics[known]).empty


def test_failures(cassette: Cassette) -> None:
    where = {"severity": "permanent", "reason": ["espblock", "bounce"]}
    table = failures(cassette.domain, where=where, last="6h", client=cassette.client)
    lines = [line for body in cassette.bodies() for line in body["items"]]
    recorded = [line for line in lines if line["reason"] in where["reason"]]
    assert table["count"].sum() == len({line["id"] for line in recorded}) > 0
    assert table["first"].min() == min(pd.Timestamp(line["@timestamp"]) for line in recorded)
    assert set(table["reason"]) == {line["reason"] for line in recorded}


def test_a_question_that_was_not_recorded_says_how_to_record_it(tmp_path: Path) -> None:
    from cassette_tools import open_cassette

    with (
        pytest.raises(FileNotFoundError, match="record it with: pytest"),
        open_cassette(tmp_path / "nothing.yaml", None),
    ):
        pass


SECRETS = re.compile(
    r"authorization|cookie|key-[0-9a-f]{8,}|YXBpO|x-mailgun-key-id|api:|bearer", re.IGNORECASE
)
EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")


@pytest.mark.parametrize("path", sorted(CASSETTES.glob("*.yaml")), ids=lambda p: p.stem)
def test_a_cassette_holds_no_secret_and_says_where_it_comes_from(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not SECRETS.search(text), SECRETS.search(text)
    addresses = set(EMAIL.findall(text))
    assert all(address.startswith("postmaster@") for address in addresses)
    assert yaml.safe_load(text)["recorded_from"] in ("simulator", "live")


def test_the_scan_for_secrets_finds_one() -> None:
    assert SECRETS.search("authorization:\n- Basic YXBpOmtleS0xMjM=")
    assert SECRETS.search("X-Mailgun-Key-Id: 4711")


def test_archive_sync(cassette: Cassette, tmp_path: Path) -> None:
    archive = mg.Archive(tmp_path / "history")
    fortnight = pd.Timestamp(cassette.client.now()).normalize() - pd.Timedelta(days=14)
    archive.track("days", ["delivered", "bounced"], by="domain", start=fortnight)
    synced = archive.sync(client=cassette.client)
    kept = archive.frame("days")
    recorded = [item for body in cassette.bodies() for item in body["items"]]
    assert synced.table["added"].tolist() == [len(recorded)]
    assert kept["delivered"].sum() == sum(i["metrics"]["delivered_count"] for i in recorded)
    assert archive.sync(client=cassette.client).requests == 0
    pd.testing.assert_frame_equal(archive.as_of(cassette.client.now()).frame("days"), kept)
