"""What an account's counts are grouped and filtered by: the values, and their codes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mgframe.simulator.account import Domain, Lane
from mgframe.simulator.audience import BOTS, COUNTRIES, DEVICES, PROVIDERS, RECIPIENTS
from mgframe.vocabulary import NO_KEY

#: What counts can be grouped and filtered by; the first two are one value for a whole domain.
#: `provider` and `recipient_domain` are two words for one thing; `tag_or_none` has a value for
#: mail without a tag too.
DIMENSIONS: Final = (
    "domain",
    "subaccount",
    "ip",
    "ip_pool",
    "provider",
    "recipient_domain",
    "recipient_provider",
    "tag",
    "tag_or_none",
    "country",
    "device",
    "bot",
)
OF_DOMAIN: Final = {"domain", "subaccount"}


def names_of(domains: Sequence[Domain]) -> dict[str, list[str]]:
    """Return every value of each dimension, in the order of its codes."""
    lanes = [lane for domain in domains for lane in domain.lanes]
    own = [domain.name for domain in domains]
    recipients, tags = [*RECIPIENTS, *own], sorted({tag for lane in lanes for tag in lane.tags})
    return {
        "domain": own,
        "subaccount": sorted({domain.subaccount or NO_KEY for domain in domains}),
        "ip": sorted({lane.ip for lane in lanes}),
        "ip_pool": sorted({lane.ip_pool for lane in lanes}),
        "provider": recipients,
        "recipient_domain": recipients,
        "recipient_provider": list(PROVIDERS),
        "tag": tags,
        "tag_or_none": [*tags, NO_KEY],
        "country": list(COUNTRIES),
        "device": list(DEVICES),
        "bot": list(BOTS),
    }


def domain_key(domain: Domain, by: Sequence[str]) -> tuple[str, ...]:
    """Return a domain's values in dimensions that have one for all of it."""
    values = {"domain": domain.name, "subaccount": domain.subaccount or NO_KEY}
    return tuple(values[name] for name in by)


_OF_LANE: Final[dict[str, Callable[[Domain, Lane], tuple[str, ...]]]] = {
    "domain": lambda domain, _: (domain.name,),
    "subaccount": lambda domain, _: (domain.subaccount or NO_KEY,),
    "ip": lambda _, lane: (lane.ip,),
    "ip_pool": lambda _, lane: (lane.ip_pool,),
    "tag": lambda _, lane: lane.tags,
    "tag_or_none": lambda _, lane: lane.tags or (NO_KEY,),
}


def lane_codes(domain: Domain, name: str, names: Sequence[str]) -> NDArray[np.int64]:
    """Return the codes of a domain's lanes in a dimension, one row for each value a lane can have.

    The last column is mail that came in, which has no lane and so neither tag nor IP.
    """
    values = [_OF_LANE[name](domain, lane) for lane in domain.lanes]
    came_in = {"tag_or_none": (NO_KEY,)}
    values.append(domain_key(domain, [name]) if name in OF_DOMAIN else came_in.get(name, ()))
    table = np.full((max(map(len, values)), len(values)), -1, np.int64)
    for column, own in enumerate(values):
        for row, value in enumerate(own):
            table[row, column] = names.index(value)
    return table
