"""What is expected of a slice on a day: what the usual rates of its cells give for its mix."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from mgframe.analysis.cubes import Table
from mgframe.analysis.metrics import METRICS
from mgframe.analysis.slices import Account
from mgframe.analysis.tails import expit

DAYS, ODD = 40, 30
TIMES = pd.date_range("2026-08-03", periods=DAYS, freq="D", tz="UTC")
BLOCKS = next(metric for metric in METRICS if metric.name == "block_rate")
RATES = {"low": 0.01, "high": 0.1}


def mail(usual: float, odd: float) -> Any:
    """Return messages a day, other ones on the odd day."""
    found = np.full(DAYS, usual)
    found[ODD] = odd
    return found


def table(levels: tuple[str, str], cells: dict[tuple[str, str], list[tuple[str, Any]]]) -> Table:
    """Return a table of cells, each made of streams of a rate and their messages by day."""
    rows, columns = (tuple(sorted({cell[axis] for cell in cells})) for axis in (0, 1))
    n = np.zeros((len(rows), len(columns), DAYS))
    k = n.copy()
    for (row, column), streams in cells.items():
        place = rows.index(row), columns.index(column)
        for rate, messages in streams:
            n[place] += messages
            k[place] += messages * RATES[rate]
    counts = {"permanent_failed_esp_block": k, "processed": n}
    return Table(levels, (rows, columns), counts)


def expected(*tables: Table) -> Any:
    """Return the rate that is expected of Gmail by day, beside its own level."""
    every = np.ones(DAYS, dtype=bool)
    stack = Account(TIMES, tables, {False: every, True: every}).stack(BLOCKS)
    return expit(stack.offset[stack.places.index((("recipient_provider", "Gmail"),))])


LOW, HIGH = ("low", mail(1000, 0)), ("high", mail(1000, 2000))


def test_a_day_of_a_bad_tag_is_expected_to_be_bad_at_a_provider_known_by_domain_only() -> None:
    by_tag = table(("domain", "tag"), {("a.com", "good"): [LOW], ("a.com", "bad"): [HIGH]})
    by_provider = table(("recipient_provider", "domain"), {("Gmail", "a.com"): [LOW, HIGH]})
    rate = expected(by_provider, by_tag)
    assert rate[ODD] == pytest.approx(0.1, rel=0.05)
    assert rate[:ODD] == pytest.approx(0.055, rel=0.05)
    assert expected(by_provider)[ODD] == pytest.approx(0.055, rel=0.05)  # without tags nobody knows


def test_a_tag_that_does_worse_in_one_domain_is_known_at_a_provider_known_by_tag() -> None:
    by_tag = table(("domain", "tag"), {("a.com", "news"): [LOW], ("b.com", "news"): [HIGH]})
    by_provider = table(("recipient_provider", "domain"), {
        ("Gmail", "a.com"): [LOW], ("Gmail", "b.com"): [HIGH],
    })  # fmt: skip
    tagged = table(("recipient_provider", "tag"), {("Gmail", "news"): [LOW, HIGH]})
    rate = expected(by_provider, tagged, by_tag)
    assert rate[ODD] / rate[0] == pytest.approx(0.1 / 0.055, rel=0.05)
    assert np.ptp(expected(by_provider, tagged)) < 0.001  # by tag alone all days are alike
