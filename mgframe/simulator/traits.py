"""What a domain's mail is like: lasting habits, slow drift and the luck of each day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mgframe.simulator.account import NOISE_STREAM, TRAITS_STREAM, Stream
from mgframe.simulator.audience import (
    BOTS,
    COUNTRIES,
    RECIPIENT_FAMILIES,
    RECIPIENT_SHARES,
    Family,
    country_draws,
)
from mgframe.simulator.senders import Senders


class Aspect(NamedTuple):
    """How much one side of mail varies, on the logit scale.

    From day to day by domain, lane and recipient, and `lasting` between domains.
    """

    domain: float
    lane: float
    recipient: float
    lasting: float


_ASPECTS: Final = {
    "failed": Aspect(0.10, 0.09, 0.15, 0.22),
    "deferred": Aspect(0.15, 0.12, 0.30, 0.20),
    "opened": Aspect(0.05, 0.06, 0.07, 0.10),
    "clicked": Aspect(0.06, 0.16, 0.08, 0.16),
    "complained": Aspect(0.14, 0.14, 0.22, 0.30),
}
_ASPECT_NAMES: Final = tuple(_ASPECTS)
_SCALES: Final = np.array(list(_ASPECTS.values()))

#: How far lanes share their luck with volume: their common part, and each one's own.
_COMMON_VOLUME: Final = 0.6
_OWN_VOLUME: Final = 0.8

#: Which aspect moves a chance, and how far along with it. Machines do not care for subject
#: lines; they follow who is on the list.
_MOVED_BY: Final = {
    "suppressed": ("failed", 0.5),
    "invalid": ("failed", 1.0),
    "soft": ("failed", 1.0),
    "blocked": ("failed", 1.5),
    "deferred": ("deferred", 1.0),
    "clicked": ("clicked", 1.0),
    "unsubscribed": ("complained", 0.4),
    "complained": ("complained", 1.0),
    "opened None": ("opened", 1.0),
    "opened Apple": ("opened", 0.35),
    "opened Gmail": ("opened", 0.35),
    "opened Generic": ("opened", 0.7),
}

#: The place of a chance in the last axis of a table of chances.
CHANCE: Final = {name: i for i, name in enumerate(_MOVED_BY)}

#: The chances that a delivered message is opened, by bot.
OPENED: Final = [CHANCE[f"opened {bot}"] for bot in BOTS]

_ASPECT_OF: Final = [_ASPECT_NAMES.index(aspect) for aspect, _ in _MOVED_BY.values()]
_SHARE_OF: Final = np.array([share for _, share in _MOVED_BY.values()])

_USUAL_SOFT: Final = 0.0012
_USUAL_BLOCKED: Final = 0.0008
_USUAL_DEFERRED: Final = 0.016
_AUTOCORRELATION: Final = 0.3


def _autoregression() -> NDArray[np.float64]:
    """Return the matrix that turns 14 days of white noise into 7 days of AR(1) noise.

    Cut off after a week, so that any week can be had without those before it.
    """
    lag = np.arange(7)[:, None] + 7 - np.arange(14)
    weight = np.where((lag >= 0) & (lag < 7), _AUTOCORRELATION ** np.clip(lag, 0, None), 0)
    return np.asarray(weight / np.sqrt((weight**2).sum(axis=1, keepdims=True)))


_AUTOREGRESSION: Final = _autoregression()


@dataclass(frozen=True, eq=False)
class Traits:
    """The lasting habits of senders, drawn once from the seed.

    `recipients` are the recipient domains they mail to, `shares` their part in each lane's mail;
    `log_odds` the usual chances by lane, recipient and kind; `countries` those of the readers by
    domain and recipient, to draw from; `periods` and `phases` of the slow drift.
    """

    senders: Senders
    seed: int
    recipients: NDArray[np.intp]
    shares: NDArray[np.float64]
    countries: NDArray[np.uint8]
    log_odds: NDArray[np.float64]
    periods: NDArray[np.float64]
    phases: NDArray[np.float64]

    def noise(self, week: int) -> Noise:
        """Return correlated standard normal noise of a week."""
        domains, lanes = len(self.senders.domains), len(self.senders.lanes)
        recipients = len(self.recipients)
        width = domains + lanes + domains * recipients
        size = (7, (len(_ASPECTS) + 1) * width)
        white = [
            np.random.default_rng([self.seed, self.senders.index, w, NOISE_STREAM])
            for w in (week - 1, week)
        ]
        drawn = np.concatenate([rng.standard_normal(size) for rng in white])
        coloured = (_AUTOREGRESSION @ drawn).reshape(7, len(_ASPECTS) + 1, width)
        of_domain, of_lane, of_recipient = np.split(coloured, [domains, domains + lanes], axis=2)
        by_recipient = of_recipient.reshape(7, -1, domains, recipients)
        return Noise(of_domain[:, :, self.senders.owner], of_lane, by_recipient)

    def chances(self, week: int, noise: Noise) -> NDArray[np.float64]:
        """Return the chances of a week by day, lane, recipient and kind (``CHANCE``)."""
        days = (7 * week + np.arange(7))[:, None, None, None]
        drift = 0.9 * np.sin(2 * np.pi * days / self.periods + self.phases)
        by_lane = noise.domain[:, :-1] * _SCALES[:, [0]] + noise.lane[:, :-1] * _SCALES[:, [1]]
        by_recipient = (noise.recipient[:, :-1] + drift) * _SCALES[:, [2]][:, :, None]
        shift = by_lane[:, :, :, None] + by_recipient[:, :, self.senders.owner]
        moved = np.moveaxis(shift[:, _ASPECT_OF], 1, -1) * _SHARE_OF
        return np.asarray(1 / (1 + np.exp(-self.log_odds - moved)))


class Noise(NamedTuple):
    """Noise of a week by day and aspect, volume last: of each lane's domain, of the lane itself.

    Then of each domain and recipient.
    """

    domain: NDArray[np.float64]
    lane: NDArray[np.float64]
    recipient: NDArray[np.float64]

    def of_volume(self) -> NDArray[np.float64]:
        """Return noise of volume by day and lane; the lanes of a domain move partly together."""
        return np.asarray(_COMMON_VOLUME * self.domain[:, -1] + _OWN_VOLUME * self.lane[:, -1])


def draw_traits(seed: int, senders: Senders) -> Traits:
    """Return the lasting habits of senders: their lists, their readers, how good their mail is."""
    rng = np.random.default_rng([seed, senders.index, TRAITS_STREAM])
    domains, lanes, every = len(senders.domains), len(senders.lanes), len(RECIPIENT_SHARES)
    shares = RECIPIENT_SHARES * np.exp(rng.normal(0, 0.28, (domains, every)))
    # A small list has nobody at most of the rare providers.
    weekly = np.array([[domain.weekly] for domain in senders.domains])
    shares[shares < np.where(weekly > 20_000, 0.0, np.where(weekly > 3_000, 0.4, 1.0))] = 0
    by_lane = shares[senders.owner] * np.exp(rng.normal(0, 0.12, (lanes, every)))
    tilt = np.exp(rng.normal(0, 0.5, (domains, len(COUNTRIES))))
    habits = _habits(rng, senders)
    drift = (len(_ASPECTS), domains, every)
    periods, phases = rng.uniform(70, 320, drift), rng.uniform(0, 2 * np.pi, drift)
    used = np.flatnonzero(shares.any(axis=0))
    return Traits(
        senders,
        seed,
        used,
        (by_lane / by_lane.sum(axis=1, keepdims=True))[:, used],
        np.stack([country_draws(row)[used] for row in tilt]),
        (_usual_log_odds(senders) + habits)[:, used],
        periods[:, :, used],
        phases[:, :, used],
    )


def _usual_log_odds(senders: Senders) -> NDArray[np.float64]:
    """Return the log odds of each kind's usual chance by lane and recipient; never is -inf."""
    chance = np.array(
        [
            [_usual_chances(lane.kind, family) for family in RECIPIENT_FAMILIES]
            for lane in senders.lanes
        ]
    )
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(chance / (1 - chance)))


def _usual_chances(stream: Stream, family: Family) -> tuple[float, ...]:
    """Return the usual chances of a stream's mail to a family of mailboxes, as in ``CHANCE``."""
    return (
        stream.suppressed,
        stream.invalid * family.invalid,
        _USUAL_SOFT * family.invalid,
        _USUAL_BLOCKED * family.blocked,
        _USUAL_DEFERRED * family.deferred,
        stream.clicks,
        stream.unsubscribed,
        stream.complained * family.feedback,
        stream.opens * family.opens[0],
        *family.opens[1:],
    )


def _habits(rng: np.random.Generator, senders: Senders) -> NDArray[np.float64]:
    """Return what sets each lane and recipient apart for good, on the logit scale."""
    lasting = np.array([aspect.lasting for aspect in _ASPECTS.values()])
    domains, every = len(senders.domains), len(RECIPIENT_SHARES)
    habit = (
        rng.normal(0, 1.0, (domains, 1, len(lasting)))
        + rng.normal(0, 0.6, (domains, every, len(lasting)))
    )[senders.owner] + rng.normal(0, 0.6, (len(senders.lanes), 1, len(lasting)))
    return np.asarray((lasting * habit)[..., _ASPECT_OF] * _SHARE_OF)
