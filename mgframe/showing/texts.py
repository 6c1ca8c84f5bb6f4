"""Numbers of a finding as the words of its page: tables of texts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

import pandas as pd

from mgframe.analysis.telling import decimals_for
from mgframe.sheets import Sheet, number
from mgframe.unseen import visible


def share(value: float, digits: int) -> str:
    """Return a rate as percent."""
    return f"{100 * value:.{digits}f} %" if math.isfinite(value) else "-"


def points(value: float, digits: int) -> str:
    """Return a difference of rates in points."""
    # What rounds to nothing has no sign: -0.00 is no fall.
    return f"{round(100 * value, digits) + 0.0:+.{digits}f}" if math.isfinite(value) else "-"


def numbers_of(row: Any, digits: int | None = None) -> tuple[str, ...]:
    """Return before, during, the change with its interval, and how many messages, of a row.

    By default there are as many decimals as the change needs, or its interval where that is wider.
    """
    if digits is None:
        doubt = (row["change_high"] - row["change_low"]) / 2
        digits = decimals_for(max(abs(row["change"]), doubt))
    low, high = (points(row[name], digits) for name in ("change_low", "change_high"))
    return (
        share(row["before"], digits),
        share(row["during"], digits),
        points(row["change"], digits),
        f"{low} to {high}",
        number(row["n"]),
    )


#: What :func:`numbers_of` returns, in its order.
NUMBER_HEADS: Final = ("before", "during", "points", "95 % interval", "messages (n)")


def sheet_of(
    title: str, table: pd.DataFrame, names: Sequence[str], heads: Iterable[str], *, most: int
) -> Sheet:
    """Return the rows of a table as texts, the largest first, at most so many.

    Rows of one rate have the same number of decimals, so that they can be compared at a glance.
    """
    ordered = table.sort_values("n", ascending=False, kind="stable")
    rows = ordered.head(most).to_dict("records")
    one_rate = "metric" not in table.columns and len(table) > 0
    digits = decimals_for(table["change"].abs().max()) if one_rate else None
    texts = tuple(
        (*(visible(str(row[name])) for name in names), *numbers_of(row, digits)) for row in rows
    )
    left = len(table) - len(rows)
    note = f"and {left} more, with less mail" if left else ""
    return Sheet(visible(title), (*heads, *NUMBER_HEADS), texts, note, len(names))
