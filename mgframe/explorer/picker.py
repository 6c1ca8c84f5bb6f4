"""Choosing among keys: a list, and a search where there are many."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import ipywidgets as w

from mgframe.explorer.filling import Filling
from mgframe.explorer.matching import matching

#: More keys than this can be searched.
_MANY: Final = 10


class Picker:
    """A list of keys of which several can be chosen; none chosen means all."""

    def __init__(self, title: str, picked: Callable[[tuple[str, ...]], None]) -> None:
        self._picked, self._filling = picked, Filling()
        self._labels: dict[str, str] = {}
        self._chosen: tuple[str, ...] = ()
        self._title = title
        self._search = w.Text(placeholder=f"search {title.lower()}", layout=w.Layout(width="200px"))
        self._list = w.SelectMultiple(layout=w.Layout(width="200px"))
        self._all = w.Button(description="all", layout=w.Layout(width="auto"))
        self._head = w.Label()
        self._search.observe(lambda _: self._narrow(), "value")
        self._list.observe(lambda change: self._choose(change["new"]), "value")
        self._all.on_click(lambda _: self._clear())
        top = w.HBox([self._head, self._all], layout=w.Layout(justify_content="space-between"))
        self.root = w.VBox([top, self._search, self._list])

    def fill(self, labels: Mapping[str, str], chosen: tuple[str, ...]) -> None:
        """Offer keys with what they are called, some of them chosen."""
        self._labels, self._chosen = dict(labels), chosen
        self._search.layout.display = None if len(labels) > _MANY else "none"
        self._narrow()

    def _narrow(self) -> None:
        """Show what the search finds, and what is chosen."""
        found = matching(self._labels, self._search.value, self._chosen)
        options = tuple((self._labels[key], key) for key in found)
        with self._filling:
            if tuple(self._list.options) != options:
                self._list.options = options
            self._list.rows = min(max(len(options), 2), 14)
            self._list.value = tuple(key for key in self._chosen if key in found)
        number = len(self._labels)
        told = f"{len(self._chosen)} of {number}" if self._chosen else f"all {number}"
        self._head.value = f"{self._title}: {told}"
        self._all.layout.display = None if self._chosen else "none"

    def _choose(self, keys: tuple[str, ...]) -> None:
        if not self._filling:
            self._picked(tuple(keys))

    def _clear(self) -> None:
        self._search.value = ""
        self._picked(())
