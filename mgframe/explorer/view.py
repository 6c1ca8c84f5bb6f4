"""The widgets: they show a session's sight and pass choices on; core ipywidgets only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import ipywidgets as w

from mgframe.explorer.choice import (
    ALL,
    BEFORE,
    LAST_YEAR,
    PRESETS,
    TOGETHER,
    Choice,
    first_level,
    span_of,
)
from mgframe.explorer.filling import Filling
from mgframe.explorer.offer import Offer, key_title, measure_title
from mgframe.explorer.page import STYLE, heading, notes_text, problem_text, totals_text
from mgframe.explorer.parts import (
    TableRow,
    button,
    fill_options,
    of_width,
    own_label,
    show_if,
    window_words,
)
from mgframe.explorer.picker import Picker
from mgframe.explorer.session import Session
from mgframe.reporting.spans import YEAR

_ORDER_WORDS: Final = {
    "largest": "largest first",
    "lowest": "lowest first",
    "highest": "highest first",
    "name": "by name",
}
#: Rows of a page of the table.
_ROWS: Final = 12
_NONE: Final = "-"


class View:
    """The widgets of one session; `root` is what is shown."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._filling = Filling()
        self._page = 0
        self._make_controls()
        self._make_output()
        self.root = self._laid_out()
        session.changed, session.progressed = self._show, self._progress
        self._show()

    # ------------------------------------------------------------ what there is to choose

    def _make_controls(self) -> None:
        self._group = [
            self._dropdown(name, [], lambda _: self._choose_group()) for name in ("Fetch by", "and")
        ]
        self._window = self._dropdown("Window", [], self._choose_window)
        self._first, self._last = (
            self._watched(
                w.DatePicker(description=text, layout=of_width("200px"), style=own_label()),
                lambda _: self._choose_days(),
            )
            for text in ("from", "to")
        )
        self._resolution = self._dropdown("Resolution", [], lambda v: self._choose(resolution=v))
        self._compare = self._dropdown(
            "Compare with", [], lambda v: self._choose(compare=v or False), "300px"
        )
        self._partial = self._tick("with today, still counting", lambda v: self._choose(partial=v))
        self._kind = self._watched(
            w.ToggleButtons(options=["Rates", "Counts"], style={"button_width": "70px"}),
            self._choose_kind,
        )
        self._measure = self._dropdown("Measure", [], lambda v: self._choose(measure=v), "300px")
        self._by = self._dropdown("By", [], lambda v: self._choose(by=v, focus=None))
        self._order = self._dropdown("Table", [], lambda v: self._choose(order=v))
        self._pickers: dict[str, Picker] = {}
        self._picked = w.VBox(layout=w.Layout(width="210px", flex="0 0 auto"))

    def _dropdown(
        self, text: str, options: list[Any], chosen: Callable[[Any], None], width: str = "200px"
    ) -> w.Dropdown:
        made = w.Dropdown(
            description=text, options=options, layout=of_width(width), style=own_label()
        )
        return self._watched(made, chosen)

    def _tick(self, text: str, chosen: Callable[[Any], None]) -> w.Checkbox:
        made = w.Checkbox(description=text, indent=False, layout=of_width("auto"))
        return self._watched(made, chosen)

    def _watched(self, widget: Any, chosen: Callable[[Any], None]) -> Any:
        """Pass on what the user chooses, not what is filled in here."""

        def passed(change: Any) -> None:
            if not self._filling:
                chosen(change["new"])

        widget.observe(passed, "value")
        return widget

    # ------------------------------------------------------------ what is shown

    def _make_output(self) -> None:
        self._problem = w.HTML(layout=w.Layout(display="none"))
        self._again = button("Try again", lambda: self._session.try_again())
        self._bar = w.IntProgress(layout=of_width("260px"))
        self._so_far = w.Label()
        self._cancel = button("Cancel", lambda: self._session.cancel())
        self._fetching = w.HBox([self._bar, self._so_far, self._cancel])
        self._totals = w.HTML()
        self._back = button("", lambda: self._choose(focus=None))
        self._back.layout.align_self = "flex-start"
        self._chart = w.Image(format="png", layout=w.Layout(max_width="100%"))
        self._chart.add_class("mgframe-chart")
        self._head = w.HTML()
        self._rows = [TableRow(self._open) for _ in range(_ROWS)]
        self._table = w.VBox(layout=w.Layout(width="100%"))
        self._turn = [button(text, self._turned(step)) for text, step in (("‹", -1), ("›", 1))]
        self._place = w.Label()
        self._pager = w.HBox([self._turn[0], self._place, self._turn[1]])
        self._notes = w.HTML()
        self._code = w.Textarea(layout=w.Layout(width="100%", height="150px"))
        self._code.add_class("mgframe-code")

    def _laid_out(self) -> w.VBox:
        account = self._session.account is not None
        ask = [*(self._group if account else []), self._window, self._first, self._last]
        look = [self._kind, self._measure, self._by, self._resolution]
        tick = [self._compare, *([self._partial] if account else []), self._order]
        code = w.Accordion([self._code], titles=["The code of this frame and figure, to be copied"])
        code.selected_index = None
        shown = w.VBox(
            [self._totals, self._back, self._chart, self._head, self._table, self._pager,
             self._notes, code],
            layout=w.Layout(flex="1 1 auto", min_width="0"),
        )  # fmt: skip
        rows = [w.HBox(row, layout=w.Layout(flex_flow="row wrap")) for row in (ask, look, tick)]
        banner = w.HBox([self._problem, self._again])
        body = w.HBox([self._picked, shown])
        for row in rows:
            row.add_class("mgframe-row")
        root = w.VBox([w.HTML(STYLE), *rows, self._fetching, banner, body])
        root.add_class("mgframe-explorer")
        return root

    # ------------------------------------------------------------ from the session

    def _show(self) -> None:
        """Bring everything up to date; only what changed is sent to the page."""
        session = self._session
        with self._filling:
            sight = session.sight
            self._fill(session.wanted, session.offer)
            self._problem.value = problem_text(session.problem, shown=sight is not None)
            show_if(self._problem, bool(session.problem))
            show_if(self._again, bool(session.problem) and session.asked is not None)
            show_if(self._fetching, session.busy)
            if sight is not None:
                self._chart.value = sight.png
                self._totals.value = totals_text(sight)
                self._notes.value = notes_text(sight.notes)
                self._code.value = sight.code
                self._show_table()
            show_if(self._chart, sight is not None)

    def _progress(self, done: int, total: int) -> None:
        self._bar.max, self._bar.value = max(total, 1), done
        self._so_far.value = f"{done} of {total} requests" if done else "fetching ..."

    def _fill(self, choice: Choice, offer: Offer | None) -> None:
        self._fill_group(choice)
        self._fill_window(choice, offer)
        self._partial.value = choice.partial
        self._fill_compare(choice, offer)
        self._fill_order(choice)
        if offer is None:
            return
        self._fill_measure(choice, offer)
        levels = [(key_title(level), level) for level in offer.levels]
        together = [("All together", TOGETHER)] if offer.days is not None else []
        fill_options(self._by, [*levels, *together], choice.by)
        self._fill_pickers(choice, offer)
        focus = "" if choice.focus is None else offer.label(choice.by, choice.focus)
        self._back.description = f"‹ all, not only {focus}"[:60]
        show_if(self._back, choice.focus is not None)
        for widget in (self._compare, self._window):
            show_if(widget, offer.has_windows)
        show_if(self._resolution, len(self._resolution.options) > 1)

    def _fill_group(self, choice: Choice) -> None:
        if self._session.account is None:
            return
        keys = [(key_title(name), name) for name in self._session.account.source.keys]
        first, second = (*choice.group, _NONE, _NONE)[:2]
        fill_options(self._group[0], [*keys, ("Whole account", _NONE)], first)
        others = [pair for pair in keys if pair[1] != first] if first != _NONE else []
        fill_options(self._group[1], [("nothing else", _NONE), *others], second)

    def _fill_window(self, choice: Choice, offer: Offer | None) -> None:
        account = self._session.account
        known = None if offer is None else offer.days
        most = known.number if known else 0
        most = most if account is None else account.number
        fitting = [p for p in PRESETS if int(p[:-1]) <= most]
        options = [(window_words(p), p) for p in fitting]
        options = options if account else [("everything", ALL), *options]
        if choice.window not in [value for _, value in options]:
            options.append((window_words(choice.window), choice.window))
        fill_options(self._window, options, choice.window)
        widths = account.widths() if account else offer.resolutions if offer else ()
        shown = choice.resolution or (offer.resolution if offer else "")
        fill_options(self._resolution, [(f"{width}s", width) for width in widths], shown)
        if known is not None:
            span = span_of(choice.window, known.last)
            edges = (span.first, span.last) if span else (known.first, known.newest)
            self._first.value, self._last.value = (edge.date() for edge in edges)
        for widget in (self._first, self._last):
            show_if(widget, offer is not None and offer.has_windows)

    def _fill_compare(self, choice: Choice, offer: Offer | None) -> None:
        """Offer what the window can be compared with: last year only where there are such days."""
        account = self._session.account
        reaches = account.number > YEAR if account else bool(offer and offer.reaches_back(YEAR))
        words = {"": "nothing", BEFORE: "the days before", LAST_YEAR: "the same days last year"}
        chosen = choice.past if choice.compare else ""
        options = [(text, x) for x, text in words.items() if x != LAST_YEAR or reaches]
        fill_options(self._compare, options, chosen)

    def _fill_measure(self, choice: Choice, offer: Offer) -> None:
        kinds = ["Rates"] * bool(offer.rates) + ["Counts"]
        fill_options(self._kind, kinds, "Rates" if choice.is_rate else "Counts")
        names = offer.rates if choice.is_rate else offer.counts
        fill_options(self._measure, [(measure_title(name), name) for name in names], choice.measure)

    def _fill_order(self, choice: Choice) -> None:
        """Offer the orders of the table; a comparison has its own: what matters most first."""
        words = dict(_ORDER_WORDS)
        if choice.compare and choice.is_rate:
            words = {"largest": "what matters first", "name": words["name"]}
        value = choice.order if choice.order in words else "largest"
        fill_options(self._order, [(text, name) for name, text in words.items()], value)

    def _fill_pickers(self, choice: Choice, offer: Offer) -> None:
        if list(self._pickers) != list(offer.levels):
            self._pickers = {
                level: Picker(key_title(level), self._pick(level)) for level in offer.levels
            }
            self._picked.children = [p.root for p in self._pickers.values()]
        for level, picker in self._pickers.items():
            labels = {key: offer.label(level, key) for key in offer.keys[level]}
            picker.fill(labels, choice.keys_of(level))
            show_if(picker.root, len(labels) > 1)
        show_if(self._picked, any(len(offer.keys[level]) > 1 for level in offer.levels))

    def _show_table(self) -> None:
        sight = self._session.sight
        if sight is None:
            return
        rows = sight.table.rows
        pages = max(-(-len(rows) // _ROWS), 1)
        self._page = min(self._page, pages - 1)
        first = self._page * _ROWS
        shown = rows[first : first + _ROWS]
        self._head.value = heading(sight.table.header)
        for row, widget in zip(shown, self._rows, strict=False):
            widget.fill(row, is_open=row.key == sight.choice.focus)
        self._table.children = [widget.root for widget in self._rows[: len(shown)]]
        show_if(self._pager, pages > 1)
        self._place.value = f"{first + 1} to {first + len(shown)} of {len(rows)}"
        self._turn[0].disabled, self._turn[1].disabled = self._page == 0, self._page == pages - 1

    # ------------------------------------------------------------ to the session

    def _choose(self, **changes: Any) -> None:
        if set(changes) != {"focus"}:
            self._page = 0
        self._session.choose(**changes)

    def _choose_kind(self, kind: str) -> None:
        offer = self._session.offer
        if offer is not None:
            self._choose(measure=(offer.rates if kind == "Rates" else offer.counts)[0])

    def _choose_group(self) -> None:
        group = tuple(x.value for x in self._group if x.value and x.value != _NONE)
        group = tuple(dict.fromkeys(group)) if self._group[0].value != _NONE else ()
        by = self._session.wanted.by
        by = by if by in group else first_level(group)
        self._choose(group=group, by=by, focus=None)

    def _choose_window(self, window: str) -> None:
        self._choose(window=window)

    def _choose_days(self) -> None:
        first, last = self._first.value, self._last.value
        if first is not None and last is not None and first <= last:
            self._choose(window=f"{first:%Y-%m-%d}/{last:%Y-%m-%d}")

    def _pick(self, level: str) -> Callable[[tuple[str, ...]], None]:
        def picked(keys: tuple[str, ...]) -> None:
            self._page = 0
            self._session.show(self._session.wanted.with_keys(level, keys))

        return picked

    def _open(self, key: str) -> None:
        """Open one key's chart, or close it."""
        choice = self._session.choice
        if choice.by != TOGETHER:
            self._choose(focus=None if key == choice.focus else key)

    def _turned(self, step: int) -> Callable[[], None]:
        def turn() -> None:
            self._page += step
            self._show_table()

        return turn
