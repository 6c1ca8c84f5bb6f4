"""Who sends what: the domains of a simulated account and their streams of mail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone
from typing import Final

import numpy as np

from mgframe.simulator.incidents import in_utc

#: Stream numbers of the random generators, so that no two purposes share one.
ACCOUNT_STREAM: Final = 1
TRAITS_STREAM: Final = 2
NOISE_STREAM: Final = 3
MAIL_STREAM: Final = 4
ENGAGEMENT_STREAM: Final = 5
USAGE_STREAM: Final = 6
CAMPAIGN_STREAM: Final = 7


@dataclass(frozen=True)
class Stream:
    """How one kind of mail is sent and received, as chances.

    `days` are weights of the weekdays, Monday first: for a steady stream the share of a usual day,
    for a campaign the chance that it goes out. `opens` multiplies the chance that a person opens,
    `clicks` is the chance that a person who opened clicks, `quick` the share opened at once.
    """

    steady: bool
    days: tuple[float, ...]
    opens: float
    clicks: float
    quick: float
    unsubscribed: float
    complained: float
    invalid: float
    suppressed: float
    volatility: float


# fmt: off
STREAMS: Final = {
    "newsletter": Stream(False, (0, .97, 0, .9, 0, 0, 0), 1.0, .090, .36,
        .0019, .00050, .0038, .0090, .10),
    "promotion": Stream(False, (.4, .6, .5, .85, .7, .3, .5), .72, .075, .36,
        .0024, .00080, .0045, .0105, .28),
    "digest": Stream(False, (1, 1, 1, 1, 1, 0, 0), .85, .080, .42,
        .0010, .00025, .0022, .0060, .05),
    "transactional": Stream(True, (1.06, 1.04, 1.03, 1.03, .98, .74, .72), 1.70, .105, .74,
        .0001, .00010, .0060, .0050, .07),
    "automation": Stream(True, (1.05, 1.05, 1.02, 1.0, .96, .9, .95), 1.25, .120, .50,
        .0020, .00035, .0080, .0030, .09),
}
# fmt: on


@dataclass(frozen=True)
class Lane:
    """One stream of mail: its tags, the IP and pool it leaves from, and messages a week.

    `hour` is the local hour of a campaign's start or of a steady stream's peak; `optimized` the
    share sent with send-time optimisation; `days` overrides the stream's weekdays. A campaign that
    goes out once does so on the day `on`, at that hour sharp, with all of its `weekly` messages.
    """

    stream: str
    tags: tuple[str, ...]
    ip: str
    ip_pool: str
    weekly: float
    hour: float = 10.0
    optimized: float = 0.0
    days: tuple[float, ...] | None = None
    on: date | None = None

    @property
    def kind(self) -> Stream:
        """The stream's behaviour."""
        return STREAMS[self.stream]


@dataclass(frozen=True)
class Domain:
    """A sending domain. `zone` is its readers' offset from UTC in hours, `growth` per year.

    `inbound` are the messages a week that come in over its routes, `born` the day it was added if
    later than the account, `delayed_bounces` whether its MX is Mailgun's.
    """

    name: str
    index: int
    lanes: tuple[Lane, ...]
    subaccount: str | None = None
    zone: float = 0.0
    growth: float = 0.1
    inbound: float = 0.0
    born: date | None = None
    delayed_bounces: bool = False
    state: str = "active"
    kind: str = "custom"

    @property
    def weekly(self) -> float:
        """Messages a week, over all lanes."""
        return sum(lane.weekly for lane in self.lanes)


SHOP_SUBACCOUNT: Final = "6711a4c0e92f3b5d8e04c7a1"
#: There are so many lanes in a code of facts, less the usual ones.
_MOST_CAMPAIGNS: Final = 200
_MARKETING_POOL: Final = "66f0b1d2c7a94e5f80213b6c"
_TRANSACTIONAL_POOL: Final = "66f0b1f9c7a94e5f80213b6d"
_SHOP_POOL: Final = "6711a5b3e92f3b5d8e04c7a4"


def default_domains() -> tuple[Domain, ...]:
    """Return the three domains of the default account: newsletter, transactional, promotions."""
    return (_news(), _mail(), _shop())


def _news() -> Domain:
    pool = _MARKETING_POOL
    tuesday, thursday = (0, 0.98, 0, 0, 0, 0, 0), (0, 0, 0, 0.93, 0, 0, 0)
    weekly, stories, first, second = (
        ("newsletter", "weekly"),
        ("newsletter", "stories"),
        "198.51.100.21",
        "198.51.100.22",
    )
    lanes = (
        Lane("newsletter", weekly, first, pool, 15_500, 9.5, days=tuesday),
        Lane("newsletter", weekly, second, pool, 9_500, 9.5, days=tuesday),
        Lane("newsletter", stories, first, pool, 9_000, 14, optimized=0.3, days=thursday),
        Lane("digest", ("digest",), second, pool, 4_200, 6.5),
        Lane("automation", ("welcome", "onboarding"), second, pool, 2_600, 11),
    )
    return Domain("news.example.com", 0, lanes, zone=0, growth=0.16)


def _mail() -> Domain:
    pool = _TRANSACTIONAL_POOL
    lanes = (
        Lane("transactional", ("receipt", "order"), "203.0.113.11", pool, 36_000, 19),
        Lane("transactional", ("shipping", "order"), "203.0.113.12", pool, 29_000, 14),
        Lane("transactional", ("password-reset", "account"), "203.0.113.11", pool, 14_000, 17),
        Lane("transactional", ("account", "alert"), "203.0.113.12", pool, 18_000, 12),
        Lane("transactional", ("invite",), "203.0.113.11", pool, 7_500, 15),
    )
    return Domain(
        "mail.example.com", 1, lanes, zone=-2, growth=0.22, inbound=1_500, delayed_bounces=True
    )


def _shop() -> Domain:
    pool = _SHOP_POOL
    lanes = (
        Lane("promotion", ("promo", "deals"), "198.51.100.77", pool, 21_000, 10, 0.25),
        Lane("promotion", ("promo", "new-arrivals"), "198.51.100.77", pool, 9_500, 16),
        Lane("promotion", ("promo", "vip", "deals"), "198.51.100.77", pool, 3_200, 8),
        Lane("automation", ("cart", "reminder"), "198.51.100.78", pool, 5_600, 19),
        Lane("automation", ("back-in-stock",), "198.51.100.78", pool, 1_900, 13),
    )
    return Domain("shop.example.com", 2, lanes, SHOP_SUBACCOUNT, zone=-5, growth=0.08)


def with_campaigns(seed: int, domain: Domain, campaigns: Mapping[str, datetime | str]) -> Domain:
    """Return a domain that also sent these campaigns, each under a tag of its own.

    A naive moment is UTC. Sizes are drawn from the seed and the campaign's place among them.
    """
    if len(campaigns) > _MOST_CAMPAIGNS:
        raise ValueError(f"campaigns: at most {_MOST_CAMPAIGNS}, not {len(campaigns)}")
    zone = timezone(timedelta(hours=domain.zone))
    sizes = np.random.default_rng([seed, CAMPAIGN_STREAM]).uniform(6e3, 24e3, len(campaigns))
    like = replace(domain.lanes[0], stream="newsletter", optimized=0.0, days=None)
    lanes = []
    for (tag, moment), size in zip(campaigns.items(), sizes, strict=True):
        local = in_utc(datetime.fromisoformat(str(moment))).astimezone(zone)
        hour = local.hour + local.minute / 60
        lanes.append(replace(like, tags=(tag,), weekly=float(size), hour=hour, on=local.date()))
    return replace(domain, lanes=(*domain.lanes, *lanes))


_PREFIXES: Final = ("mail", "news", "mg", "em", "send", "hello", "notify", "go", "updates", "post")
#: Domains that are younger than their account are at least this old. A date and no distance from
#: the clock, so that the past stays as it is when the clock goes on.
_LATEST_BIRTH: Final = date(2026, 10, 1)

_FIRST_TEXT: Final = (
    "harbor maple bright north silver cedar amber blue copper river stone willow lumen "
    "juniper oak fern granite meadow orchard pine quill raven saffron tidal velvet wren alder "
    "birch cobalt drift ember flint "
)
_SECOND_TEXT: Final = (
    "works labs market cycle press books travel kitchen health fit garden pay desk cloud "
    "tickets homes music studio supply pets coffee sports wear school jobs energy rentals "
    "clinic foods toys "
)
_FIRST_WORDS: Final = _FIRST_TEXT.split()
_SECOND_WORDS: Final = _SECOND_TEXT.split()

# fmt: off
_LANE_KINDS: Final = {
    "newsletter": (("newsletter", ("newsletter",)), ("automation", ("welcome",)),
                   ("newsletter", ("newsletter", "members"))),
    "transactional": (("transactional", ("receipt",)), ("transactional", ("account",)),
                      ("transactional", ("alert", "account"))),
    "promotion": (("promotion", ("promo",)), ("automation", ("cart",)),
                  ("promotion", ("promo", "sale"))),
    "digest": (("digest", ("digest",)), ("automation", ("welcome",)),
               ("newsletter", ("product-news", "newsletter"))),
}
# fmt: on


def invented_domains(seed: int, names: int | Sequence[str]) -> tuple[Domain, ...]:
    """Return domains with log-normal volumes, under invented names or the names given."""
    rng = np.random.default_rng([seed, ACCOUNT_STREAM])
    chosen = _invented_names(rng, names) if isinstance(names, int) else list(names)
    subaccounts = [f"{value:024x}" for value in _identifiers(rng, max(1, len(chosen) // 25))]
    return tuple(
        _invented_domain(seed, index, name, subaccounts) for index, name in enumerate(chosen)
    )


def _invented_names(rng: np.random.Generator, count: int) -> list[str]:
    pairs = len(_FIRST_WORDS) * len(_SECOND_WORDS)
    # The reserved ending keeps every invented name from being somebody's.
    order = [*rng.permutation(pairs)] * (count // pairs + 1)
    names: dict[str, None] = {}
    for place in order:
        first, second = divmod(int(place), len(_SECOND_WORDS))
        prefix = _PREFIXES[int(rng.integers(len(_PREFIXES)))]
        names[f"{prefix}.{_FIRST_WORDS[first]}{_SECOND_WORDS[second]}.example"] = None
    number = 0
    while len(names) < count:
        names[f"m{(number := number + 1)}.bulkmail.example"] = None
    return list(names)[:count]


def _identifiers(rng: np.random.Generator, count: int) -> list[int]:
    return [int.from_bytes(rng.bytes(12)) | 1 << 94 for _ in range(count)]


def _invented_domain(seed: int, index: int, name: str, subaccounts: Sequence[str]) -> Domain:
    rng = np.random.default_rng([seed, index, ACCOUNT_STREAM])
    kind = list(_LANE_KINDS)[int(rng.choice(4, p=[0.33, 0.27, 0.25, 0.15]))]
    weekly = float(np.clip(np.exp(rng.normal(np.log(650), 1.5)), 20, 120_000))
    pool = f"{_identifiers(rng, 1)[0]:024x}"
    shares = rng.dirichlet(np.array([5.0, 2.0, 1.0])[: 1 + int(rng.integers(3))])
    lanes = tuple(
        Lane(stream, tags, _address(index, place), pool, weekly * share, rng.uniform(7, 18))
        for place, ((stream, tags), share) in enumerate(
            zip(_LANE_KINDS[kind], shares, strict=False)
        )
    )
    return Domain(
        name,
        index,
        lanes,
        subaccounts[index % len(subaccounts)] if rng.random() < 0.4 else None,
        zone=float(rng.choice([-8, -5, -5, 0, 1, 1, 2])),
        growth=float(rng.normal(0.1, 0.25)),
        inbound=weekly * 0.02 if kind == "transactional" and rng.random() < 0.4 else 0.0,
        born=_LATEST_BIRTH - timedelta(days=int(rng.uniform(0, 330)))
        if rng.random() < 0.25
        else None,
        delayed_bounces=bool(rng.random() < 0.3),
    )


def _address(index: int, place: int) -> str:
    # Some neighbours share an IP; 198.18.0.0/15 is reserved for tests and never routed.
    number = (index // 2) * 2 + place % 2
    return f"198.{18 + number // 65_000}.{number // 250 % 256}.{number % 250 + 2}"
