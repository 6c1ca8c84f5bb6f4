"""The cause of a finding: what most failures at its place and on its days are, and no others."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest
from frames import frame_of

from mgframe.analysis.causes import has_cause, leading_cause, with_causes
from mgframe.framing import with_meta

GMAIL = {"domain": ["a.com"], "recipient_provider": ["Gmail"]}
DAY = "2026-11-04T12:00:00Z"


def finding(metric: str = "block_rate", kind: str = "rate", **keys: list[str]) -> dict[str, Any]:
    start, end = (pd.Timestamp(day, tz="UTC") for day in ("2026-11-04", "2026-11-06"))
    told = {"kind": kind, "metric": metric, "keys": json.dumps(keys), "start": start, "end": end}
    return {**told, "cause": "", "sentence": "It rose."}


def reasons(*rows: tuple[Any, ...], **meta: Any) -> pd.DataFrame:
    """Return a table of mg.failures: reason, code, enhanced code, provider, count, moment."""
    names = ["reason", "code", "enhanced_code", "provider", "count", "first"]
    table = pd.DataFrame(list(rows), columns=names)
    for name in ("reason", "enhanced_code", "provider"):
        table[name] = table[name].astype("string")
    for name in ("code", "count"):
        table[name] = table[name].astype("Int64")
    table["severity"] = ["temporary" if row[0] == "greylisted" else "permanent" for row in rows]
    table["first"] = pd.to_datetime(table["first"], utc=True)
    table["last"] = table["first"]
    table["meaning"] = "Blocked: likely unsolicited mail. (Google)"
    return with_meta(table, meta)


BLOCKED = ("espblock", 550, "5.7.26", "Gmail", 60, DAY)


def test_reason_codes_and_meaning_are_told_without_who_says_so() -> None:
    told = leading_cause(finding(**GMAIL), reasons(BLOCKED))
    assert told == "espblock 550 5.7.26: Blocked: likely unsolicited mail"


def test_of_several_codes_the_most_frequent_is_named() -> None:
    rows = [("espblock", 550, "5.7.1", "Gmail", 50, DAY), BLOCKED]
    assert leading_cause(finding(**GMAIL), reasons(*rows)).startswith("espblock 550 5.7.26")


def test_a_missing_code_is_left_out() -> None:
    told = leading_cause(finding("delivery_rate"), reasons(("old", 602, pd.NA, "Gmail", 5, DAY)))
    assert told == "old 602: Blocked: likely unsolicited mail"


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (("bounce", 550, "5.1.1", "Gmail", 900, DAY), "a block rate counts blocks"),
        (("greylisted", 421, pd.NA, "Gmail", 900, DAY), "temporary"),
        (("espblock", 554, "5.7.9", "Yahoo", 900, DAY), "another provider"),
        (("espblock", 554, "5.7.9", "Gmail", 900, "2026-11-03T23:59:59Z"), "the day before"),
        (("espblock", 554, "5.7.9", "Gmail", 900, "2026-11-07T00:00:00Z"), "the day after"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_failures_are_not_its_cause_however_many(row: tuple[Any, ...], why: str) -> None:
    told = leading_cause(finding(**GMAIL), reasons(row, BLOCKED))
    assert told.startswith("espblock 550 5.7.26"), why


def test_mail_that_was_never_attempted_was_refused_by_no_server() -> None:
    rows = [
        ("suppress-bounce", 605, pd.NA, "Gmail", 900, DAY),
        ("old", 602, pd.NA, "Gmail", 9, DAY),
    ]
    assert leading_cause(finding("delivery_rate"), reasons(*rows)).startswith("old 602")


def test_where_no_line_has_the_reason_that_a_rate_counts_the_leading_one_is_named() -> None:
    rows = [("generic", 552, "5.2.2", "Gmail", 30, DAY), ("old", 602, pd.NA, "Gmail", 9, DAY)]
    assert leading_cause(finding(), reasons(*rows)).startswith("generic 552 5.2.2")


def test_a_deferral_is_caused_by_what_is_temporary() -> None:
    rows = [BLOCKED, ("greylisted", 421, "4.7.0", "Gmail", 3, DAY)]
    told = leading_cause(finding("deferral_rate", **GMAIL), reasons(*rows))
    assert told.startswith("greylisted 421 4.7.0")


@pytest.mark.parametrize(
    ("where", "named"),
    [
        (["domain = a.com", "severity = permanent"], True),
        (["domain = b.com, a.com"], False),
        (["domain = b.com"], False),
        ([], False),
    ],
)
def test_a_table_of_another_domain_or_of_more_tells_nothing_of_it(
    where: list[str], named: bool
) -> None:
    table = reasons(BLOCKED, endpoint="POST /v1/analytics/logs", where=where)
    assert bool(leading_cause(finding(**GMAIL), table)) == named


def classified(counts: dict[str, list[int]], **levels: list[str]) -> pd.DataFrame:
    times = ["2026-11-05"] * len(next(iter(levels.values())))
    return frame_of(times, levels, counts)


def test_of_a_bounce_classification_the_leading_class_is_named() -> None:
    frame = classified(
        {"critical_bounce": [90, 0, 0], "non_critical_bounce": [0, 60, 100]},
        category=["espblock", "bounce", "bounce"],
        criticality=["critical", "non-critical", "non-critical"],
        entity=["Gmail", "Gmail", "Yahoo"],
    )
    assert leading_cause(finding(recipient_provider=["Gmail"]), frame) == "espblock, critical"
    everywhere = leading_cause(finding(), frame)
    assert everywhere == "bounce, non-critical, Yahoo"  # 100 of one class, not 160 of two


def test_of_a_bounce_classification_other_days_and_domains_do_not_count() -> None:
    counts = {"critical_bounce": [90, 1, 500]}
    frame = frame_of(
        ["2026-11-03", "2026-11-04", "2026-11-05"],
        {"domain": ["a.com", "a.com", "b.com"], "category": ["early", "now", "elsewhere"]},
        counts,
    )
    assert leading_cause(finding(domain=["a.com"]), frame) == "now"
    assert leading_cause(finding(domain=["c.com"]), frame) == ""


def test_of_a_bounce_classification_delays_are_the_cause_of_deferrals() -> None:
    frame = classified(
        {"critical_bounce": [900, 0], "critical_delay": [0, 5]}, category=["refused", "slowed"]
    )
    assert leading_cause(finding("deferral_rate"), frame) == "slowed"
    assert leading_cause(finding(), frame) == "refused"


def test_where_nothing_failed_there_is_no_cause() -> None:
    assert leading_cause(finding(), None) == ""
    assert leading_cause(finding(), reasons(BLOCKED).iloc[:0]) == ""
    assert leading_cause(finding(), classified({"critical_bounce": [0]}, category=["x"])) == ""


@pytest.mark.parametrize(
    ("metric", "kind", "has"),
    [
        ("block_rate", "rate", True),
        ("deferral_rate", "rate", True),
        ("complaint_rate", "rate", False),
        ("open_rate", "tracking", False),
        ("delivery_rate", "mix", False),
        ("", "note", False),
    ],
)
def test_only_failed_deliveries_have_a_cause_in_the_logs(metric: str, kind: str, has: bool) -> None:
    assert has_cause(finding(metric, kind)) == has


def test_sentences_name_the_codes_and_the_column_what_they_mean() -> None:
    rows = pd.DataFrame([finding(), finding("open_rate", "tracking"), finding("", "note")])
    found = with_causes(with_meta(rows, {"series": 5}), lambda row: "espblock 550: Blocked")
    assert found["cause"].tolist() == ["espblock 550: Blocked", "", ""]
    assert found["sentence"].tolist() == [
        "It rose. Most failures there: espblock 550.", "It rose.", "It rose.",
    ]  # fmt: skip
    assert found.attrs["mgframe"] == {"series": 5}
    pd.testing.assert_frame_equal(with_causes(found, lambda row: "another"), found)  # told once
