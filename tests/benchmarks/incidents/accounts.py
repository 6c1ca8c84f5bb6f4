"""An account as a method sees it, frames of time and two keys, and as its generator knows it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mgframe.framing import build, make_index

#: What the Metrics API is asked for: time and these two keys.
PAIRS: Final = (
    ("domain", "recipient_provider"),
    ("domain", "tag"),
    ("recipient_provider", "tag"),
    ("domain", "ip"),
    ("recipient_provider", "ip"),
    ("recipient_provider", "bot"),
)

#: The counts that ``mg.metrics()`` asks for by default: of mail, and of what is done with it.
MAIL: Final = (
    "processed",
    "sent",
    "delivered",
    "bounced",
    "failed",
    "permanent_failed",
    "temporary_failed",
    "hard_bounces",
    "soft_bounces",
    "suppressed_bounces",
    "suppressed_unsubscribed",
    "suppressed_complaints",
    "permanent_failed_esp_block",
    "permanent_failed_old",
    "delivered_two_plus_attempts",
    "delayed_first_attempt",
)
ACTS: Final = ("complained", "unique_opened", "unique_clicked", "unsubscribed", "opened", "clicked")
BOTS: Final = ("None", "Apple", "Gmail", "Generic")

#: Mailbox providers that tell no sender of complaints.
SILENT: Final = ("Gmail", "Google Workspace", "Apple")

#: Kinds of incident: the kind of finding each should be, and the families of rates it moves.
KINDS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "provider_block": ("rate", ("delivery",)),
    "auth_break": ("rate", ("delivery",)),
    "stale_list": ("rate", ("delivery",)),
    "ip_block": ("rate", ("delivery",)),
    "throttle": ("rate", ("delivery",)),
    "complaints": ("rate", ("complaint",)),
    "bots": ("bots", ("engagement",)),
    "tracking": ("tracking", ("engagement",)),
    "mix": ("mix", ("engagement", "delivery")),
}
#: Kinds of innocence.
QUIET: Final = ("clean", "seasonal", "volume_spike", "holiday", "drift")

#: What to plant in the accounts of consecutive seeds: three of four have an incident.
CYCLE: Final = (
    "provider_block",
    "clean",
    "auth_break",
    "complaints",
    "bots",
    "seasonal",
    "stale_list",
    "mix",
    "ip_block",
    "volume_spike",
    "tracking",
    "throttle",
    "two",
    "complaints",
    "holiday",
    "bots",
    "provider_block",
    "mix",
    "drift",
    "two",
)

#: Below so many extra events an incident is too small to be asked for, by kind; a shift of the mix
#: counts in points of the open rate.
DETECTABLE: Final = {
    **dict.fromkeys(("provider_block", "auth_break", "stale_list", "ip_block"), 50.0),
    "throttle": 100.0,
    "complaints": 20.0,
    "bots": 100.0,
    "tracking": 100.0,
    "mix": 3.0,
}

Where = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Leaf:
    """Mail that is alike in every key: one stream of a domain's, to one mailbox provider."""

    domain: str
    recipient_provider: str
    tags: tuple[str, ...]
    ip: str

    def values(self, level: str) -> tuple[str, ...]:
        """Return the values that the leaf has in a level."""
        if level == "tag":
            return self.tags or ("Untagged",)
        return (str(getattr(self, level)),)


_LEVELS: Final = ("domain", "recipient_provider", "tag", "ip")


def inside(leaves: Sequence[Leaf], where: Where) -> NDArray[np.bool_]:
    """Return which leaves a place covers; levels that leaves do not have narrow nothing."""
    asked = {level: set(values) for level, values in where.items() if level in _LEVELS}
    return np.array(
        [
            all(not values.isdisjoint(leaf.values(level)) for level, values in asked.items())
            for leaf in leaves
        ],
        bool,
    )


@dataclass(frozen=True)
class Truth:
    """What was planted.

    `start` and `end` are the first and last affected day, counted from the account's first.
    `extra` is how many events more or fewer there were, by kind of event; `points` how far a shift
    of the mix moved the open rate.
    """

    kind: str
    where: Where
    start: int
    end: int
    size: float
    extra: Mapping[str, float] = field(default_factory=dict)
    points: float = 0.0

    @property
    def events(self) -> float:
        """The extra events that say how large it is."""
        return max(self.extra.values(), default=0.0)

    @property
    def detectable(self) -> bool:
        """Whether it is large enough to be asked for."""
        of = {"complaints": "complaint", "throttle": "deferral", "bots": "open", "tracking": "open"}
        if self.kind == "mix":
            return abs(self.points) >= DETECTABLE["mix"]
        return self.extra.get(of.get(self.kind, "failure"), 0.0) >= DETECTABLE[self.kind]


@dataclass(frozen=True, eq=False)
class Account:
    """A generated account.

    `mail` counts by day, leaf and ``MAIL``; `acts` by day, leaf, bot and ``ACTS``. The day after
    the last complete one is there too where `partial`.
    """

    seed: int
    kind: str
    generator: str
    first_day: pd.Timestamp
    leaves: tuple[Leaf, ...]
    mail: NDArray[np.int64]
    acts: NDArray[np.int64]
    truths: tuple[Truth, ...] = ()
    partial: bool = False

    @property
    def days(self) -> int:
        """The number of complete days."""
        return len(self.mail) - self.partial

    @cached_property
    def volume(self) -> NDArray[np.int64]:
        """The messages of each leaf."""
        return np.asarray(self.mail[:, :, MAIL.index("processed")].sum(axis=0))

    @cached_property
    def audible(self) -> NDArray[np.bool_]:
        """The leaves whose complaints can be heard of."""
        return np.array([leaf.recipient_provider not in SILENT for leaf in self.leaves])

    def day(self, moment: Any) -> int:
        """Return the day, counted from the first, of a moment in UTC."""
        stamp = pd.Timestamp(moment)
        stamp = stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")
        return (stamp.normalize() - self.first_day).days

    def frames(self, until: int | None = None) -> list[pd.DataFrame]:
        """Return what the API answers, or would have answered after so many complete days."""
        seen = len(self.mail) if until is None else until
        complete = min(self.days, seen)
        times = pd.date_range(self.first_day, periods=seen, unit="us")
        return [self._frame(pair, times, complete) for pair in PAIRS]

    def _frame(self, pair: tuple[str, str], times: pd.DatetimeIndex, complete: int) -> pd.DataFrame:
        days = len(times)
        acts = self.acts[:days]
        if "bot" in pair:
            names: tuple[str, ...] = ACTS
            keys, counts = _by_bot(self.leaves, acts, pair)
        else:
            names = (*MAIL, *ACTS)
            both = np.concatenate([self.mail[:days], acts.sum(axis=2)], axis=2)
            keys, counts = _by_keys(self.leaves, both, pair)
        some = counts.any(axis=(0, 2))
        keys = [key for key, occurs in zip(keys, some, strict=True) if occurs]
        counts = counts[:, some]
        rows = {
            level: np.tile(np.array([key[place] for key in keys], object), days)
            for place, level in enumerate(pair)
        }
        columns = {
            name: pd.array(counts[:, :, i].reshape(-1), dtype="Int64")
            for i, name in enumerate(names)
        }
        index = make_index(times.repeat(len(keys)), rows)
        return build(index, columns, meta=_meta(pair, times, complete))


def _by_keys(
    leaves: Sequence[Leaf], counts: NDArray[np.int64], pair: tuple[str, str]
) -> tuple[list[tuple[str, ...]], NDArray[np.int64]]:
    """Return keys and counts by day, key and count; a leaf of several tags counts under each."""
    member = [(i, key) for i, leaf in enumerate(leaves) for key in product(*map(leaf.values, pair))]
    keys = sorted({key for _, key in member})
    place = {key: row for row, key in enumerate(keys)}
    share = np.zeros((len(keys), len(leaves)))
    for i, key in member:
        share[place[key], i] = 1
    return keys, np.rint(np.einsum("kl,dlc->dkc", share, counts, optimize=True)).astype(np.int64)


def _by_bot(
    leaves: Sequence[Leaf], acts: NDArray[np.int64], pair: tuple[str, str]
) -> tuple[list[tuple[str, ...]], NDArray[np.int64]]:
    each = [_by_keys(leaves, acts[:, :, i], pair[:1]) for i in range(len(BOTS))]
    keys = [(*key, bot) for (found, _), bot in zip(each, BOTS, strict=True) for key in found]
    return keys, np.concatenate([counts for _, counts in each], axis=1)


def _meta(pair: tuple[str, str], times: pd.DatetimeIndex, complete: int) -> dict[str, Any]:
    until = times[0] + pd.Timedelta(days=complete)
    window = [f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (times[0], times[-1])]
    return {
        "endpoint": "POST /v1/analytics/metrics",
        "region": "other",
        "fetched_at": f"{until + pd.Timedelta(hours=9, minutes=30):%Y-%m-%dT%H:%M:%SZ}",
        "simulated": True,
        "request": {
            "start": f"{times[0]:%a, %d %b %Y %H:%M:%S} +0000",
            "end": f"{times[-1]:%a, %d %b %Y %H:%M:%S} +0000",
            "resolution": "day",
            "dimensions": ["time", *pair],
        },
        "resolution": "day",
        "asked": window,
        "answered": window,
        "complete_until": f"{until:%Y-%m-%dT%H:%M:%SZ}",
    }


def mix_points(mail: NDArray[np.int64], acts: NDArray[np.int64], start: int, last: int) -> float:
    """Return how far the mix alone moved the account's open rate on these days, in points."""
    during = np.zeros(len(mail), bool)
    during[start : last + 1] = True
    delivered = mail[:, :, MAIL.index("delivered")]
    opened = acts[:, :, :, ACTS.index("unique_opened")].sum(axis=2)
    before, after = delivered[~during].sum(axis=0), delivered[during].sum(axis=0)
    rate = opened[~during].sum(axis=0) / np.maximum(before, 1)
    return float(100 * (after / max(after.sum(), 1) - before / before.sum()) @ rate)


def read_keys(text: str) -> dict[str, list[str]]:
    """Return the place of a finding from its JSON text."""
    place: dict[str, list[str]] = json.loads(text)
    return place
