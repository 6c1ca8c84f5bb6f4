"""The client's pace: how many requests may start, how long to wait, and waits that can be ended."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from concurrent.futures import CancelledError
from typing import Final

#: Budget -> requests and the seconds in which so many may start.
LIMITS: Final = {"stats": (300, 60.0), "metrics": (500, 10.0)}

#: A server that asks for a longer wait than this (seconds) is not waited for.
LONGEST_WAIT: Final = 60.0

_LOG = logging.getLogger("mgframe")
_monotonic = time.monotonic
#: Up to a second more, so that side-by-side calls do not come back together.
jitter = random.random


class Bucket:
    """`size` tokens, each of which returns `period` seconds after it was taken.

    So never more than `size` requests start within `period`, and a burst may use all of them; a
    bucket that refills evenly would let nearly twice as many pass in the first period.
    """

    def __init__(self, size: int, period: float) -> None:
        self._taken: deque[float] = deque(maxlen=size)
        self._period = period
        self._lock = threading.Lock()

    def take(self, stop: threading.Event) -> None:
        """Take a token, and wait until it may be used."""
        with self._lock:
            now = _monotonic()
            empty = len(self._taken) == self._taken.maxlen
            start = max(now, self._taken[0] + self._period) if empty else now
            self._taken.append(start)
        if start > now:
            _LOG.info("the client-side limit is reached; waiting %.1f s", start - now)
        pause(start - now, stop)


def pause(seconds: float, stop: threading.Event) -> None:
    """Wait, unless `stop` is set before: then nothing more is to be sent."""
    if stop.wait(seconds):
        raise CancelledError("another call failed first, or the fetch was cancelled")


def back_off(attempt: int) -> float:
    """Return the seconds to wait after so many attempts; four waits span more than eleven."""
    return min(2.0 ** min(attempt - 1, 10), LONGEST_WAIT) * (0.75 + jitter() / 2)
