"""How large a change must be to matter: in points, as a ratio, and in messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mgframe.dividing import Floats
from mgframe.summing import Booleans


@dataclass(frozen=True)
class Effect:
    """The smallest change of a rate that is worth a person's time; all three must be reached.

    `points` is a difference of fractions, `ratio` the larger of both rates over the smaller one,
    `messages` how many messages fare otherwise than before. For a rate of which more is better
    (`good`) a fall is worse, and for one whose opposite is failure (`complement`) the ratio is that
    of what fails.
    """

    points: float
    ratio: float
    messages: int
    good: bool = False
    complement: bool = False

    @property
    def worse(self) -> int:
        """The sign of a change for the worse."""
        return -1 if self.good else 1

    def reached(self, before: Floats, after: Floats, messages: Floats) -> Booleans:
        """Return where a change is at least that large; unknown ones are not."""
        low, high = (1 - before, 1 - after) if self.complement else (before, after)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.maximum(low, high) / np.minimum(low, high)
        large = np.abs(after - before) >= self.points
        reached: Booleans = large & (ratio >= self.ratio) & (np.abs(messages) >= self.messages)
        return reached


_FAILURES: Final = Effect(0.005, 1.3, 25)
_SLOWNESS: Final = Effect(0.01, 1.3, 25)
_OPENS: Final = Effect(0.02, 1.12, 60, good=True)
_CLICKS: Final = Effect(0.005, 1.35, 40, good=True)

#: Measured on synthetic accounts, together with day-clustered intervals: they keep false findings
#: down where nothing happened. Those of slowness and suppression are a judgement.
EFFECTS: Final[dict[str, Effect]] = {
    "delivery_rate": Effect(0.005, 1.3, 25, good=True, complement=True),
    "bounce_rate": _FAILURES,
    "hard_bounce_rate": Effect(0.005, 1.5, 25),
    "soft_bounce_rate": _FAILURES,
    "block_rate": Effect(0.004, 1.5, 25),
    "expired_rate": _FAILURES,
    "permanent_failure_rate": _FAILURES,
    "deferral_rate": _SLOWNESS,
    "delay_rate": _SLOWNESS,
    "temporary_failures_per_message": _SLOWNESS,
    "suppression_rate": _FAILURES,
    "open_rate": _OPENS,
    "click_rate": _CLICKS,
    "total_open_rate": _OPENS,
    "total_click_rate": _CLICKS,
    "click_to_open_rate": Effect(0.02, 1.35, 40, good=True),
    "unsubscribe_rate": Effect(0.002, 1.3, 25),
    "complaint_rate": Effect(0.0003, 2.0, 8),
    "machine_opens": Effect(0.02, 1.5, 60),
    "machine_clicks": Effect(0.005, 1.5, 40),
}
