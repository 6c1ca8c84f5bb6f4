"""Numbers, dates and names as a reader sees them; any name is a text, whatever is in it."""

from __future__ import annotations

import math
from typing import Any, Final

import pandas as pd

from mgframe.analysis.telling import day_text, decimals_for
from mgframe.plotting.style import percent as plain_percent
from mgframe.unseen import visible

_MARKDOWN: Final = frozenset("\\`*_[]<>|~#")
NOTHING: Final = "–"


def shown(value: Any) -> Any:
    """Return a text with what cannot be seen spelt out; a template's own markup stays as it is."""
    return visible(value) if type(value) is str else value


def escaped(value: Any) -> Any:
    """Return a text for Markdown: nothing in it is a link, an emphasis, a cell or a tag."""
    if type(value) is not str:
        return value
    return "".join(f"\\{char}" if char in _MARKDOWN else char for char in visible(value))


class Code(str):
    """A text that is code already, which no template escapes again."""


def code(value: str) -> Code:
    """Return a name as code in Markdown, where nothing in it means anything."""
    text = visible(str(value)).replace("|", "\\|")
    return Code(f"`{text.replace('`', 'ˋ')}`" if text else "`(no name)`")


def indented(line: str) -> Code:
    """Return a line of an indented block of code in Markdown, where nothing else means anything."""
    return Code(visible(line))


# ---------------------------------------------------------------- numbers


def is_known(value: Any) -> bool:
    """Return whether there is a number."""
    return value is not None and not pd.isna(value)


def whole(value: Any) -> str:
    """Return a count with separators: ``1,234,567``."""
    if not is_known(value):
        return NOTHING
    return f"{round(float(value)):,}".replace("-", "\N{MINUS SIGN}")


def percent(value: Any) -> str:
    """Return a fraction as percent."""
    if not is_known(value) or not math.isfinite(value):
        return NOTHING
    return "0 %" if value == 0 else plain_percent(float(value))


def points(value: Any, size: Any = None) -> str:
    """Return a change of a fraction in points, to as many digits as `size` (or itself) needs."""
    if not is_known(value):
        return NOTHING
    digits = decimals_for(float(value if not is_known(size) or size == 0 else size))
    return _signed(f"{100 * float(value):+.{digits}f}")


def growth(value: Any) -> str:
    """Return a relative change: ``+12 %``."""
    if not is_known(value) or not math.isfinite(value):
        return NOTHING
    return f"{_signed(f'{100 * value:+.{1 if abs(value) < 0.1 else 0}f}')} %"


def _signed(text: str) -> str:
    bare = text.lstrip("+-").strip("0.")
    return text.replace("-", "\N{MINUS SIGN}") if bare else text.lstrip("+-")


def day(moment: Any) -> str:
    """Return a day: ``4 Nov 2026``."""
    return day_text(moment) if is_known(moment) else NOTHING


def minute(moment: Any) -> str:
    """Return a moment in UTC: ``16 Nov 2026 09:30 UTC``."""
    if not is_known(moment):
        return NOTHING
    stamp = pd.Timestamp(moment)
    stamp = stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")
    return f"{day_text(stamp)} {stamp:%H:%M} UTC"
