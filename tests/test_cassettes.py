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
