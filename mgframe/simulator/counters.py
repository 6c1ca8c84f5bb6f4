"""What the model counts at its leaves, and how every public count follows from that.

The primitives are disjoint: a message or an event raises exactly one of each family. Every public
count is a plain sum of primitives, so ``delivered = smtp + http``, ``unique <= total`` and the like
hold in every cell, in every grouping and in a half-counted hour, by construction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mgframe.vocabulary import COUNTS

PRIMITIVES: Final = (
    "accepted_outgoing",
    "accepted_incoming",
    "first_plain",
    "first_optimized",
    "retried",
    "http",
    "stored",
    "hard_plain",
    "hard_optimized",
    "soft",
    "blocked",
    "old",
    "suppressed_bounces",
    "suppressed_unsubscribed",
    "suppressed_complaints",
    "delayed_bounce",
    "webhook",
    "deferred",
    "deferred_block",
    "opened_first",
    "opened_again",
    "clicked_first",
    "clicked_again",
    "unsubscribed",
    "complained",
)

#: The place of a primitive in a row of counts.
PRIMITIVE: Final = {name: i for i, name in enumerate(PRIMITIVES)}

_FIRST = ("first_plain", "first_optimized")
_SMTP = (*_FIRST, "retried")
_HARD = ("hard_plain", "hard_optimized")
_SUPPRESSED = ("suppressed_bounces", "suppressed_unsubscribed", "suppressed_complaints")
_BOUNCED = (*_HARD, "soft", "blocked", "old", "delayed_bounce", "webhook")
_PERMANENT = (*_BOUNCED, *_SUPPRESSED)
_TEMPORARY = ("deferred", "deferred_block")

#: The primitives that a public count adds up; a count that is not here is a primitive itself.
_SUMS: Final[dict[str, tuple[str, ...]]] = {
    "accepted": ("accepted_outgoing", "accepted_incoming"),
    "delivered": (*_SMTP, "http"),
    "delivered_smtp": _SMTP,
    "delivered_http": ("http",),
    "delivered_optimized": ("first_optimized",),
    "delivered_first_attempt": (*_FIRST, "http"),
    "delivered_two_plus_attempts": ("retried",),
    "delayed_first_attempt": ("retried", "old"),
    "sent": (*_SMTP, "http", *_BOUNCED),
    "bounced": _BOUNCED,
    "processed": (*_SMTP, "http", *_HARD, "soft", "blocked", "old", *_SUPPRESSED),
    "failed": (*_TEMPORARY, *_PERMANENT),
    "permanent_failed": _PERMANENT,
    "temporary_failed": _TEMPORARY,
    "temporary_failed_esp_block": ("deferred_block",),
    "permanent_failed_esp_block": ("blocked",),
    "permanent_failed_old": ("old",),
    "permanent_failed_optimized": ("hard_optimized",),
    "hard_bounces": _HARD,
    "soft_bounces": ("soft", "blocked"),
    "opened": ("opened_first", "opened_again"),
    "unique_opened": ("opened_first",),
    # Nothing that the model tells apart: its servers defer mail, but name no rate as the reason.
    "rate_limit": (),
    "clicked": ("clicked_first", "clicked_again"),
    "unique_clicked": ("clicked_first",),
}

#: The public counts, in the order of a tally's last axis.
COUNT_NAMES: Final = tuple(COUNTS)


def _sums_matrix() -> NDArray[np.int64]:
    matrix = np.zeros((len(PRIMITIVES), len(COUNT_NAMES)), np.int64)
    for column, name in enumerate(COUNT_NAMES):
        matrix[[PRIMITIVE[part] for part in _SUMS.get(name, (name,))], column] = 1
    return matrix


_SUMS_MATRIX: Final = _sums_matrix()


def public_counts(primitives: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the public counts of primitives; the last axis becomes that of ``COUNT_NAMES``."""
    return primitives @ _SUMS_MATRIX


@dataclass(frozen=True)
class Facts:
    """Counts of primitives by where they fall, one row each.

    `codes` pack the hour of a block, lane, recipient domain, primitive, bot, device and country
    into one number, so that a week of facts is two plain arrays. Bot, device and country say
    something only where people or machines acted; elsewhere they are 0: nobody, unknown.
    """

    codes: NDArray[np.int64]
    counts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.codes)

    def column(self, name: str) -> NDArray[np.int64]:
        """Return one part of every code: ``"hour"``, ``"lane"``, ``"recipient"`` ..."""
        shift, bits = _FIELDS[name]
        return (self.codes >> shift) & ((1 << bits) - 1)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Facts:
        """Return some of the facts."""
        return Facts(self.codes[rows], self.counts[rows])

    def in_hour(self, later: int) -> Facts:
        """Return the facts with their hours moved."""
        return Facts(self.codes + later * (1 << _FIELDS["hour"][0]), self.counts)

    def in_lane(self, further: int) -> Facts:
        """Return the facts with their lanes renumbered."""
        return Facts(self.codes + further * (1 << _FIELDS["lane"][0]), self.counts)


#: Shift and width in bits of each part of a code.
_FIELDS: Final = {
    "country": (0, 8),
    "device": (8, 4),
    "bot": (12, 4),
    "primitive": (16, 8),
    "recipient": (24, 8),
    "lane": (32, 8),
    "hour": (40, 16),
}


def packed(**columns: NDArray[np.integer] | int) -> NDArray[np.int64]:
    """Return codes from their parts; parts left out are 0."""
    codes: NDArray[np.int64] | int = 0
    for name, values in columns.items():
        codes = codes | (np.asarray(values, np.int64) << _FIELDS[name][0])
    return np.asarray(codes, np.int64)


def gathered(told: Sequence[tuple[NDArray[np.int64], NDArray[np.int64] | None]]) -> Facts:
    """Return facts from codes and their counts (1 each where None); zeros are left out."""
    codes = np.concatenate([codes for codes, _ in told])
    counts = np.concatenate(
        [np.ones(len(codes), np.int64) if counts is None else counts for codes, counts in told]
    )
    some = counts > 0
    return Facts(codes[some], counts[some])


NOTHING: Final = Facts(np.zeros(0, np.int64), np.zeros(0, np.int64))
