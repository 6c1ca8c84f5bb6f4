"""Telling what is filled in from what the user chooses."""

from __future__ import annotations

import threading


class Filling:
    """True within its ``with``, for the thread that is in it.

    A fetch fills in from its own thread; a choice that the user makes meanwhile is still a choice.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: int | None = None

    def __enter__(self) -> None:
        self._lock.acquire()
        self._thread = threading.get_ident()

    def __exit__(self, *_: object) -> None:
        self._thread = None
        self._lock.release()

    def __bool__(self) -> bool:
        return self._thread == threading.get_ident()
