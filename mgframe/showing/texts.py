"""Numbers of a finding as the words of its page: one table of texts for a page and a terminal."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from mgframe.analysis.telling import decimals_for
from mgframe.unseen import visible

_WIDTH: Final = 88
_GAP: Final = "  "


@dataclass(frozen=True)
class Sheet:
    """A table of texts: what it is called, its heads, its rows, and what is said below it.

    The first `names` columns are names, which stand left; the others are numbers.
    """

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    names: int = 1


def share(value: float, digits: int) -> str:
    """Return a rate as percent."""
    return f"{100 * value:.{digits}f} %" if math.isfinite(value) else "-"


def points(value: float, digits: int) -> str:
    """Return a difference of rates in points."""
    # What rounds to nothing has no sign: -0.00 is no fall.
    return f"{round(100 * value, digits) + 0.0:+.{digits}f}" if math.isfinite(value) else "-"


def number(value: float) -> str:
    """Return a count; of late events it is no whole number, and its fraction says nothing."""
    return f"{value:,.0f}" if math.isfinite(value) else "-"


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


def as_text(sheet: Sheet) -> str:
    """Return a sheet in columns of even width."""
    lines = [sheet.heads, *sheet.rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(sheet.heads))]
    told = [
        _GAP.join(
            cell.ljust(width) if i < sheet.names else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join([sheet.title, *told, *([sheet.note] if sheet.note else [])])


def wrapped(text: str, label: str = "") -> str:
    """Return a text in lines that fit a terminal, behind its label."""
    return textwrap.fill(
        f"{label}{text}", _WIDTH, subsequent_indent=" " * len(label), break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
