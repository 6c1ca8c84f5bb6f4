"""Tables of texts: one for a page and a terminal, and the pages that hold them."""

from __future__ import annotations

import functools
import math
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

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


def number(value: float) -> str:
    """Return a count; of late events it is no whole number, and its fraction says nothing."""
    return f"{value:,.0f}" if math.isfinite(value) else "-"


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
    title = [sheet.title] if sheet.title else []
    return "\n".join([*title, *told, *([sheet.note] if sheet.note else [])])


def wrapped(text: str, label: str = "") -> str:
    """Return a text in lines that fit a terminal, behind its label."""
    return textwrap.fill(
        f"{label}{text}", _WIDTH, subsequent_indent=" " * len(label), break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip


def as_page(template: str, **values: Any) -> str:
    """Return a template of the package, filled: HTML that fetches nothing, every value a text."""
    page: str = _environment().get_template(template).render(**values)
    return page


@functools.cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    here = FileSystemLoader(Path(__file__).parent)
    return Environment(loader=here, autoescape=True, undefined=StrictUndefined)
