"""Small widgets, and what they have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import ipywidgets as w

from mgframe.explorer.page import cells
from mgframe.explorer.tables import Row


class TableRow:
    """One row: a button that opens the key's chart, and the numbers."""

    def __init__(self, opened: Callable[[str], None]) -> None:
        self._key = ""
        self._button = button("", lambda: opened(self._key), width="210px")
        self._button.add_class("mgframe-key")
        self._cells = w.HTML(layout=w.Layout(flex="1 1 auto"))
        self.root = w.HBox([self._button, self._cells])

    def fill(self, row: Row, *, is_open: bool) -> None:
        """Show a row."""
        self._key = row.key
        self._button.description, self._button.tooltip = row.label, f"open the chart of {row.label}"
        self._button.style.font_weight = "bold" if is_open else "normal"
        self._cells.value = cells(row)


def button(text: str, pressed: Callable[[], None], width: str = "auto") -> w.Button:
    """Return a button that does something."""
    made = w.Button(description=text, layout=of_width(width))
    made.on_click(lambda _: pressed())
    return made


def of_width(width: str) -> w.Layout:
    """Return the layout of a widget that is so wide."""
    return w.Layout(width=width)


def own_label() -> dict[str, str]:
    """Return the style of a label as wide as its text."""
    return {"description_width": "initial"}


def show_if(widget: Any, shown: bool) -> None:
    """Show a widget, or take it out of the page."""
    widget.layout.display = None if shown else "none"


def fill_options(widget: Any, options: Iterable[Any], value: Any) -> None:
    """Give options and a value; options that are the same are not sent again."""
    listed = tuple(options)
    if tuple(widget.options) != listed:
        widget.options = listed
    offered = [option[1] if isinstance(option, tuple) else option for option in listed]
    value = value if value in offered else None
    if widget.value != value:
        widget.value = value


def window_words(window: str) -> str:
    """Return a window as it is offered: ``last 7 days``."""
    if window.endswith("d") and "/" not in window:
        return "last day" if window == "1d" else f"last {window[:-1]} days"
    return window.replace("/", " to ")
