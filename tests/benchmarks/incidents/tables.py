"""Scores as Markdown tables, each share with its Wilson interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pandas as pd

from mgframe.intervals import wilson

from .accounts import KINDS, QUIET

#: Edges of the size of incidents, in extra events.
_SIZES: Final = (0, 50, 200, 1000, 5000, np.inf)

Shares = Mapping[str, tuple[int, int]]


def shares(truths: pd.DataFrame, accounts: pd.DataFrame) -> dict[str, tuple[int, int]]:
    """Return each share of the benchmark as (how many, of how many)."""
    wanted = truths[truths["detectable"].astype(bool)]
    found = wanted[wanted["found"].astype(bool)]
    quiet = accounts[accounts["quiet"].astype(bool)]
    matching, wrong = int(accounts["matching_top"].sum()), int(accounts["false_top"].sum())
    soon = [name for name in truths.columns if name.startswith("within_")]
    return {
        "recall at top 3": (len(found), len(wanted)),
        "precision": (matching, matching + wrong),
        "exact place": _true(found, "exact"),
        "onset within a day": _true(found, "onset"),
        "kind": _true(found, "right_kind"),
        "affected within 20 %": _true(found, "affected"),
        **{f"found within {name[7:]} days": _true(wanted, name) for name in sorted(soon)},
        "quiet accounts with a false finding": (int((quiet["false"] > 0).sum()), len(quiet)),
    }


def _true(table: pd.DataFrame, name: str) -> tuple[int, int]:
    known = table[name].dropna() if name in table else pd.Series([], dtype=object)
    return int(known.astype(bool).sum()), len(known)


def written(part: tuple[int, int]) -> str:
    """Return a share with its 95 % interval."""
    hits, cases = part
    if not cases:
        return "-"
    low, high = wilson([hits], [cases])
    return f"{hits / cases:.3f} ({low[0]:.2f}-{high[0]:.2f})"


def overview(scores: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]]) -> str:
    """Return the table of all measures; a column for each of the scores."""
    columns = {}
    for name, (truths, accounts) in scores.items():
        quiet = accounts[accounts["quiet"].astype(bool)]
        seconds = accounts["seconds"]
        columns[name] = {
            **{measure: written(part) for measure, part in shares(truths, accounts).items()},
            "false findings a quiet account": _mean(quiet["false"]),
            "findings an account": _mean(accounts["findings"]),
            "seconds an account (median, slowest)": f"{seconds.median():.2f}, {seconds.max():.2f}",
            "accounts, detectable incidents": f"{len(accounts)}, {int(truths['detectable'].sum())}",
        }
    return _markdown("", columns)


def _mean(numbers: pd.Series) -> str:
    return f"{numbers.mean():.3f}" if len(numbers) else "-"


def by_kind(scores: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]]) -> str:
    """Return recall by kind of incident, and false findings by kind of innocence."""
    columns = {}
    for name, (truths, accounts) in scores.items():
        wanted = truths[truths["detectable"].astype(bool)]
        of_kind = {kind: wanted[wanted["kind"] == kind] for kind in KINDS}
        quiet = {kind: accounts[accounts["account"] == kind]["false"] for kind in QUIET}
        columns[name] = {
            **{kind: written(_true(rows, "found")) for kind, rows in of_kind.items()},
            **{f"{kind}: false findings": _mean(false) for kind, false in quiet.items()},
        }
    return _markdown("recall at top 3", columns)


def by_size(scores: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]]) -> str:
    """Return recall by the number of extra events, shifts of the mix apart."""
    columns: dict[str, dict[str, str]] = {}
    for name, (truths, _) in scores.items():
        sized = truths[truths["kind"] != "mix"]
        columns[name] = {}
        for low, high in pairwise(_SIZES):
            rows = sized[(sized["events"] >= low) & (sized["events"] < high)]
            label = f"{low:,}-{high:,.0f}" if np.isfinite(high) else f"over {low:,}"
            columns[name][label] = written(_true(rows, "found"))
    return _markdown("recall by extra events", columns)


def _markdown(corner: str, columns: Mapping[str, Mapping[str, str]]) -> str:
    rows: list[Sequence[Any]] = [[corner, *columns], ["---"] * (len(columns) + 1)]
    names = list(dict.fromkeys(name for column in columns.values() for name in column))
    rows += [[name, *(column.get(name, "-") for column in columns.values())] for name in names]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)
