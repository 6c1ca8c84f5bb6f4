"""Domains whose mail is drawn together: a large one alone, small neighbours in one go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mgframe.simulator.account import Domain, Lane
from mgframe.simulator.incidents import Incident

#: Domains above this many messages a week are drawn alone.
_LARGE: Final = 6_000

#: Small domains that are drawn together, at most: nearly all of the time of a small block is spent
#: on going from one numpy call to the next.
_TOGETHER: Final = 16


@dataclass(frozen=True, eq=False)
class Senders:
    """Domains of an account that are drawn together, and all their lanes in one row.

    In facts a lane goes by its slot: the lanes of each domain in order, and after them one slot
    for the mail that comes in over its routes.
    """

    domains: tuple[Domain, ...]

    @property
    def index(self) -> int:
        """The number that the random generators know these senders by."""
        return self.domains[0].index

    @cached_property
    def lanes(self) -> tuple[Lane, ...]:
        """The lanes of all domains."""
        return tuple(lane for domain in self.domains for lane in domain.lanes)

    @cached_property
    def owner(self) -> NDArray[np.intp]:
        """The place of each lane's domain."""
        return np.repeat(np.arange(len(self.domains)), [len(d.lanes) for d in self.domains])

    @cached_property
    def slots(self) -> NDArray[np.intp]:
        """The slot of each lane."""
        return np.arange(len(self.lanes)) + self.owner

    @cached_property
    def first_slots(self) -> NDArray[np.intp]:
        """The first slot of each domain, and the one after the last."""
        return np.cumsum([0, *(len(domain.lanes) + 1 for domain in self.domains)])

    @cached_property
    def zones(self) -> NDArray[np.float64]:
        """The offset from UTC of each lane's readers, in hours."""
        return np.array([domain.zone for domain in self.domains])[self.owner]

    def of_lanes(self, name: str) -> NDArray[np.float64]:
        """Return one trait of each lane's stream."""
        return np.array([float(getattr(lane.kind, name)) for lane in self.lanes])

    def touched_by(self, incident: Incident) -> NDArray[np.bool_]:
        """Say which lanes an incident is about, providers and time apart."""
        return np.array(
            [
                incident.allows("domain", [domain.name])
                and incident.allows("subaccount", [domain.subaccount or ""])
                and incident.allows("tag", lane.tags)
                and incident.allows("ip", [lane.ip])
                and incident.allows("ip_pool", [lane.ip_pool])
                for domain in self.domains
                for lane in domain.lanes
            ]
        )


def arranged(domains: Sequence[Domain]) -> list[Senders]:
    """Return the domains of an account as senders: the large alone, the small in rows."""
    small = [domain for domain in domains if domain.weekly <= _LARGE]
    rows = [small[start : start + _TOGETHER] for start in range(0, len(small), _TOGETHER)]
    rows += [[domain] for domain in domains if domain.weekly > _LARGE]
    return [Senders(tuple(row)) for row in rows]
