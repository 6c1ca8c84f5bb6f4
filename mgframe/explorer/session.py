"""Choice and sight, kept together: what was chosen is what is seen, or a sentence says why not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from mgframe.errors import MgframeError
from mgframe.explorer.account import Account, Request
from mgframe.explorer.choice import Choice, check_order, fitted, read_compare, read_window
from mgframe.explorer.fetching import Fetch, Outcome, sentence_of
from mgframe.explorer.loaded import Loaded
from mgframe.explorer.offer import Offer
from mgframe.explorer.sight import Sight, draw, look

_FRAME_CODE = ("import mgframe as mg  # df is the frame that was explored", "")


class Session:
    """What an explorer knows; it can be used without any widget.

    `choice` is what is in sight, or being fetched where nothing is yet; `sight` what it looks like,
    None before the first frame; `problem` a sentence, empty where all went well; `asked` the choice
    that could not be shown, to be tried again. `changed` and `progressed` are called from whichever
    thread changed something.
    """

    def __init__(self, choice: Choice, source: pd.DataFrame | Account) -> None:
        self.choice = choice
        self.account = source if isinstance(source, Account) else None
        self.sight: Sight | None = None
        self.problem = ""
        self.asked: Choice | None = None
        self.changed: Callable[[], None] = lambda: None
        self.progressed: Callable[[int, int], None] = lambda done, total: None
        self._loaded: Loaded | None = None
        self._fetch: Fetch | None = None
        self._lock = threading.RLock()
        if isinstance(source, pd.DataFrame):
            self._loaded = Loaded.of(source, _FRAME_CODE)

    @property
    def offer(self) -> Offer | None:
        """What the frame at hand offers, None before the first."""
        return None if self._loaded is None else self._loaded.offer

    @property
    def wanted(self) -> Choice:
        """The choice that is being fetched, else the one in sight."""
        return self.asked if self.busy and self.asked is not None else self.choice

    @property
    def busy(self) -> bool:
        """Whether a fetch is on its way."""
        return self._fetch is not None

    @property
    def frame(self) -> pd.DataFrame | None:
        """The whole frame at hand, None before the first."""
        return None if self._loaded is None else self._loaded.kitchen.frame

    def choose(self, **changes: Any) -> None:
        """Choose something else; what it needs from an account is fetched first.

        Raises
        ------
        QueryError
            A window, an order or a comparison is malformed.
        """
        if "window" in changes:
            changes["window"] = read_window(changes["window"])
        if "compare" in changes:
            changes["compare"], changes["past"] = read_compare(changes["compare"])
        if "order" in changes:
            changes["order"] = check_order(changes["order"])
        self.show(replace(self.wanted, **changes))

    def show(self, choice: Choice) -> None:
        """Bring a choice into sight."""
        with self._lock:
            self._stop()
            self.problem, self.asked = "", None
            try:
                if self.account is None:
                    self._look(choice, self._loaded)
                else:
                    self._show_account(self.account, choice)
            except MgframeError as error:
                self._fail(choice, str(error))
        self.changed()

    def cancel(self) -> None:
        """Give up the fetch that is on its way; the sight stays."""
        with self._lock:
            if self._fetch is None:
                return
            self._stop()
            self.problem = "The fetch was cancelled."
        self.changed()

    def try_again(self) -> None:
        """Ask once more for the choice that could not be shown."""
        if self.asked is not None:
            self.show(self.asked)

    def wait(self, seconds: float | None = None) -> None:
        """Wait until no fetch is on its way."""
        fetch = self._fetch
        if fetch is not None:
            fetch.wait(seconds)

    def draw(self) -> tuple[pd.DataFrame, Figure]:
        """Return the frame of the chart in sight, and its figure.

        Raises
        ------
        MgframeError
            Nothing is in sight yet.
        """
        with self._lock:
            if self._loaded is None or self.sight is None:
                raise MgframeError(self.problem or "nothing is in sight yet: wait for the fetch")
            return draw(self._loaded.kitchen, self._loaded.offer, self.sight.choice)

    # ------------------------------------------------------------ inside, with the lock held

    def _show_account(self, account: Account, choice: Choice) -> None:
        request = account.request(choice)
        loaded = account.at_hand(request)
        if loaded is not None:
            self._look(choice, loaded)
            return
        question = account.question(request)
        self.asked = choice
        fetch = Fetch(question, lambda outcome: self._arrived(fetch, request, outcome), self._tell)
        self._fetch = fetch
        fetch.start()

    def _arrived(self, fetch: Fetch, request: Request, outcome: Outcome) -> None:
        with self._lock:
            if self._fetch is not fetch or self.asked is None or self.account is None:
                return  # a newer choice has taken its place
            self._fetch, choice = None, self.asked
            try:
                if outcome.frame is None:
                    self._fail(choice, outcome.problem)
                else:
                    loaded = self.account.keep(request, outcome.frame, outcome.notes)
                    self._look(choice, loaded)
                    self.asked = None
            except MgframeError as error:
                self._fail(choice, str(error))
            except Exception as error:  # noqa: BLE001 - a thread has nobody who would see it
                self._fail(choice, sentence_of(error))
        self.changed()

    def _look(self, choice: Choice, loaded: Loaded | None) -> None:
        if loaded is None:
            return
        wanted = fitted(choice, loaded.offer)
        sight = look(loaded.kitchen, loaded.offer, wanted, loaded.origin)
        self.sight = replace(sight, notes=(*loaded.notes, *sight.notes))
        if self._loaded is not None and self._loaded is not loaded:
            self._loaded.kitchen.forget()
        self.choice, self._loaded = wanted, loaded

    def _fail(self, choice: Choice, problem: str) -> None:
        """Say what went wrong; the sight stays, and so does the choice that belongs to it."""
        self.problem, self.asked = problem, choice
        if self.sight is None:
            self.choice = choice

    def _stop(self) -> None:
        if self._fetch is not None:
            self._fetch.cancel()
            self._fetch = None

    def _tell(self, done: int, total: int) -> None:
        self.progressed(done, total)
