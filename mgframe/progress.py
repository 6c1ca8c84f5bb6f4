"""A progress bar, where somebody watches; and who follows a fetch from another thread."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")


def watched(done: Iterator[T], total: int, progress: bool | None) -> Iterable[T]:
    """Return `done`, with a bar around it where it is wanted."""
    shown = bar(total, "request", progress, around=done)
    return done if shown is None else shown


def bar(total: int, unit: str, progress: bool | None, around: Iterator[T] | None = None) -> Any:
    """Return a bar, around an iterator or to be moved by hand; None where none is wanted."""
    if not total or not (somebody_watches() if progress is None else progress):
        return None
    with warnings.catch_warnings():
        # tqdm.auto warns in a notebook without ipywidgets; its text bar is good enough there.
        warnings.simplefilter("ignore")
        from tqdm.auto import tqdm
    return tqdm(around, total=total, unit=unit, leave=False)


def somebody_watches() -> bool:
    """Return whether a terminal or a notebook shows what is written."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    in_notebook = hasattr(shell, "kernel")
    return in_notebook or (sys.stderr is not None and sys.stderr.isatty())


class Watch:
    """Who follows a fetch from another thread: is told how far it is, and can end it.

    Parameters
    ----------
    told : callable, optional
        Called with how many requests have answered and how many there are, as far as is known; more
        may follow from the answers. The calls come from the threads that send.
    """

    def __init__(self, told: Callable[[int, int], None] | None = None) -> None:
        self._told = told
        self._stops: list[threading.Event] = []
        self._lock = threading.Lock()
        self._done = self._total = 0
        self.cancelled = False

    @property
    def done(self) -> int:
        """How many requests have answered."""
        return self._done

    def begin(self, requests: int, stop: threading.Event) -> None:
        """Note that requests are about to be sent, which `stop` keeps from starting."""
        with self._lock:
            self._total += requests
            self._stops.append(stop)
            if self.cancelled:
                stop.set()
        self._tell()

    def step(self) -> None:
        """Note that a request has answered."""
        with self._lock:
            self._done += 1
        self._tell()

    def cancel(self) -> None:
        """Let no further request start, and wake what waits; what is on its way comes to an end."""
        with self._lock:
            self.cancelled = True
            for stop in self._stops:
                stop.set()

    def _tell(self) -> None:
        if self._told is not None and not self.cancelled:
            self._told(self._done, self._total)
