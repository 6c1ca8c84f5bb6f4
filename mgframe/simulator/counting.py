"""When what happened is counted: up to the clock, and where events come late, not all of it yet."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mgframe.simulator.counters import PRIMITIVE, PRIMITIVES, Facts

_GOLDEN: Final = 0.6180339887498949

#: Of an hour that has just ended: which share is counted, the mean hours until the rest is, and the
#: hours after which all of it is. What is accepted is counted at once.
_ACCEPTED: Final = (1.0, 1.0, 0.0)
_DELIVERY: Final = (0.9, 1.5, 8.0)
_RETURNED: Final = (0.3, 16.0, 72.0)
_ENGAGEMENT: Final = (0.55, 12.0, 72.0)
_LATENESS: Final = {
    "accepted_outgoing": _ACCEPTED,
    "accepted_incoming": _ACCEPTED,
    "delayed_bounce": _RETURNED,
    "complained": _RETURNED,
    "unsubscribed": _ENGAGEMENT,
    "opened_first": _ENGAGEMENT,
    "opened_again": _ENGAGEMENT,
    "clicked_first": _ENGAGEMENT,
    "clicked_again": _ENGAGEMENT,
}
_PROMPT, _MEAN, _MOST = np.array([_LATENESS.get(name, _DELIVERY) for name in PRIMITIVES]).T

#: Hours after which everything is counted that ever will be.
LATEST: Final = int(_MOST.max())

assert _LATENESS.keys() <= PRIMITIVE.keys()


def counted_until(facts: Facts, hour: int, elapsed: float, *, late: bool) -> Facts:
    """Return the facts of a block that are counted when `elapsed` of an hour has passed.

    The open hour holds its share of what the hour will hold. Where events come `late`, hours that
    have ended still grow, for up to 3 days. As the clock goes on, no count ever falls.
    """
    if not late:
        # Which point a row rounds at depends on its place among those up to the clock.
        facts = facts.take(facts.column("hour") <= hour)
    age = hour - facts.column("hour") + elapsed
    share = np.clip(age, 0, 1)
    if late:
        share = share * _share(np.maximum(age - 1, 0), facts.column("primitive"))
    # Every row rounds at a point of its own, so that many small counts keep their sum; as the
    # hour passes, a row only grows.
    point = np.arange(1, len(facts) + 1) * _GOLDEN % 1
    thinned = np.minimum(np.floor(facts.counts * share + point), facts.counts).astype(np.int64)
    seen = np.where(share < 1, thinned, facts.counts)
    return Facts(facts.codes[seen > 0], seen[seen > 0])


def _share(hours: NDArray[np.float64], primitive: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return which share of an hour is counted so long after its end."""
    prompt, mean, most = _PROMPT[primitive], _MEAN[primitive], _MOST[primitive]
    rest = (1 - np.exp(-hours / mean)) / np.maximum(1 - np.exp(-most / mean), 1e-9)
    return np.where(hours >= most, 1.0, prompt + (1 - prompt) * np.minimum(rest, 1))
