"""What goes wrong in an account: kind, place, time and size, drawn before any mail is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .accounts import CYCLE, DETECTABLE, KINDS, SILENT, Leaf, Where, inside

DAYS: Final = 90
#: So often is an incident drawn anew that promises less than this part of what is detectable.
_DRAWS: Final = 12
_HOPED: Final = {"mix": 1.3}
#: Incidents lie within so many days before the end.
_LOOK_BACK: Final = 35

#: The levels that an incident of a kind is narrowed to, each with its chance.
_PLACES: Final[dict[str, dict[tuple[str, ...], float]]] = {
    "provider_block": {("domain", "recipient_provider"): 0.65, ("recipient_provider",): 0.35},
    "auth_break": {("domain",): 1.0},
    "stale_list": {("domain", "tag"): 0.7, ("tag",): 0.3},
    "ip_block": {("ip",): 1.0},
    "throttle": {
        ("domain", "recipient_provider"): 0.5,
        ("recipient_provider",): 0.35,
        ("ip",): 0.15,
    },
    "complaints": {("domain", "tag"): 0.5, ("tag",): 0.25, ("domain",): 0.25},
    "bots": {("domain", "recipient_provider"): 0.5, ("recipient_provider",): 0.5},
    "tracking": {("domain",): 0.75, (): 0.25},
    "mix": {("domain", "tag"): 1.0},
}

#: Sizes are log-uniform: chances, as the simulator takes them. For a shift of the mix it is the
#: share of the stream's mail that comes on top.
_SIZES: Final = {
    "provider_block": (0.015, 0.6),
    "auth_break": (0.03, 0.7),
    "stale_list": (0.015, 0.4),
    "ip_block": (0.015, 0.6),
    "throttle": (0.04, 0.6),
    "complaints": (0.0015, 0.03),
    "bots": (0.02, 0.5),
    "tracking": (0.3, 0.98),
    "mix": (0.6, 0.96),
}
_LONGEST: Final = {"tracking": 10, "mix": 21}
_SHORTEST: Final = {"mix": 6}


@dataclass(frozen=True)
class Plan:
    """An incident to be planted; `start` and `last` are days counted from the account's first."""

    kind: str
    where: Where
    start: int
    last: int
    size: float


def kind_of(seed: int) -> str:
    """Return what to plant in the account of a seed."""
    return CYCLE[seed % len(CYCLE)]


@dataclass(frozen=True)
class Usual:
    """What is usual in an account: its leaves, the messages a day of each, and its open rate."""

    leaves: Sequence[Leaf]
    daily: NDArray[np.float64]
    opened: NDArray[np.float64]


def plans(rng: np.random.Generator, kind: str, usual: Usual) -> list[Plan]:
    """Return the incidents of an account."""
    if kind in KINDS:
        return [_plan(rng, kind, usual)]
    if kind != "two":
        return []
    kinds = rng.choice([name for name in KINDS if name != "mix"], 2, replace=False)
    first = _plan(rng, str(kinds[0]), usual)
    # The second goes elsewhere as far as the account has an elsewhere.
    there = inside(usual.leaves, first.where)
    rest = Usual(usual.leaves, np.where(there, usual.daily * 1e-6, usual.daily), usual.opened)
    return [first, _plan(rng, str(kinds[1]), rest)]


def _plan(rng: np.random.Generator, kind: str, usual: Usual) -> Plan:
    """Return an incident; of some draws the first that may be large enough to be seen."""
    for _ in range(_DRAWS):
        plan = _drawn(rng, kind, usual)
        if _effect(plan, usual) >= _HOPED.get(kind, 0.7) * DETECTABLE[kind]:
            break
    return plan


def _drawn(rng: np.random.Generator, kind: str, usual: Usual) -> Plan:
    shortest, longest = _SHORTEST.get(kind, 1), _LONGEST.get(kind, 14)
    lasts = round(np.exp(rng.uniform(np.log(shortest), np.log(longest))))
    start = int(rng.integers(DAYS - _LOOK_BACK, DAYS - 1))
    low, high = _SIZES[kind]
    size = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    return Plan(kind, _place(rng, kind, usual), start, min(start + lasts, DAYS) - 1, size)


def _place(rng: np.random.Generator, kind: str, usual: Usual) -> Where:
    shapes = list(_PLACES[kind])
    levels = shapes[rng.choice(len(shapes), p=list(_PLACES[kind].values()))]
    tagged = [bool(leaf.tags) or "tag" not in levels for leaf in usual.leaves]
    # Small places have incidents too: the root draws them more often than their mail does.
    chance = np.sqrt(usual.daily) * tagged
    leaf = usual.leaves[rng.choice(len(usual.leaves), p=chance / chance.sum())]
    return {level: (str(rng.choice(leaf.values(level))),) for level in levels}


def _effect(plan: Plan, usual: Usual) -> float:
    """Return about how many events a plan adds; of a shift of the mix, points of the open rate."""
    there = inside(usual.leaves, plan.where)
    if plan.kind == "mix":
        after = usual.daily * np.where(there, 1 / (1 - plan.size), 1)
        rates = [np.average(usual.opened, weights=weight) for weight in (after, usual.daily)]
        return float(100 * abs(rates[0] - rates[1]))
    if plan.kind == "complaints":
        there &= [leaf.recipient_provider not in SILENT for leaf in usual.leaves]
    share = usual.opened if plan.kind == "tracking" else 1.0
    days = plan.last - plan.start + 1
    return float(days * plan.size * (usual.daily * share)[there].sum())
