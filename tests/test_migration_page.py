"""The page that maps the Stats API to the Metrics API says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import mgframe as mg
from mgframe.replacing import UNTAGGED
from mgframe.vocabulary import COUNTS

PAGE = (Path(__file__).parent.parent / "notebooks" / "stats_to_metrics.md").read_text("utf-8")


def in_stats(name: str) -> bool:
    """Return whether the Stats API reports a count, or all the parts it is added up from."""
    count = COUNTS[name]
    return bool(count.path) or bool(count.terms and all(COUNTS[p].path for _, p in count.terms))


def test_every_count_stands_beside_its_path_and_metric() -> None:
    section = PAGE.split("## Name by name")[1].split("## ")[0]
    rows = [tuple(c.strip() for c in line.split("|")[1:4]) for line in section.splitlines()]
    table = [row for row in rows if len(row) == 3][2:]
    assert table == [
        (".".join(count.path) or f"follows: {count.formula}", count.metric, name)
        for name, count in COUNTS.items()
        if in_stats(name)
    ]


def test_what_only_the_metrics_api_has_is_listed() -> None:
    (line,) = re.findall(r"Only the Metrics API has: (.*)\.", PAGE)
    assert re.findall(r"`(\w+)`", line) == [name for name in COUNTS if not in_stats(name)]


def test_every_call_named_is_one_that_there_is() -> None:
    section = PAGE.split("## Call by call")[1].split("## ")[0]
    for name in set(re.findall(r"(\w+)\(", section)):
        assert callable(getattr(mg, name)), name


def test_the_row_of_untagged_mail_has_the_name_that_is_left_out() -> None:
    assert f"`{UNTAGGED}`" in PAGE
