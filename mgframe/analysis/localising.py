"""Where: from the slice that departs most to the smallest description that covers the incident.

"Take the other away": is the domain still worse without Gmail, or Gmail without the domain? What
stays quiet without the other was only touched by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mgframe.analysis.slices import ALONE, Cube, Place
from mgframe.dividing import Floats
from mgframe.summing import Booleans
from mgframe.vocabulary import KEYS, OVERLAPPING_LEVELS

#: Keys by level, several of one level are alternatives.
Where = dict[str, tuple[str, ...]]

#: What is left without the other must have moved so much of what both share, to be affected too.
_STILL: Final = 0.4
#: Less than so much of what is expected is nothing.
_NOTHING: Final = 0.05
#: A part that explains the whole holds so much of the excess, in less of the mail, and the rest
#: moved less.
_MOST_EXCESS: Final = 0.8
_LESS_MAIL: Final = 0.75
_NEARLY_ALL: Final = 0.95
_REST: Final = 0.3
_MOST_MEMBERS: Final = 3
#: Where an IP and another key hold the same mail, the other key is what people know.
_HABIT: Final = 0.1
#: How many standard deviations the other must depart by.
_ANOMALOUS: Final = 3.0
_STRAY: Final = 0.06


@dataclass(frozen=True)
class _Side:
    """Events and expected events; an array each."""

    y: Floats
    e: Floats

    def less(self, other: _Side) -> _Side:
        return _Side(np.maximum(self.y - other.y, 0.0), np.maximum(self.e - other.e, 0.0))

    @property
    def shift(self) -> Floats:
        """By how much events depart from expected ones, as a logarithm."""
        found: Floats = np.log((self.y + 0.5) / (self.e + 0.5))
        return found

    @property
    def z(self) -> Floats:
        found: Floats = (self.y - self.e) / np.sqrt(self.e + (_STRAY * self.e) ** 2 + 1.0)
        return found


@dataclass(frozen=True)
class Window:
    """What each cell did in some days, and what it would have done at its usual rate."""

    cubes: Sequence[Cube]
    days: Booleans
    sign: int

    def sides(self, cube: Cube) -> tuple[_Side, Floats]:
        """Return both sides of each cell of a table, and its messages."""
        around = _widened(self.days)
        outside = np.where(around, 0.0, 1.0)
        quiet = Cube(cube.levels, cube.members, cube.k * outside, cube.n * outside, cube.noise)
        messages = cube.n[:, :, self.days].sum(axis=2)
        return _Side(cube.k[:, :, self.days].sum(axis=2), messages * quiet.rates), messages

    def between(self, level: str, other: str) -> Cube | None:
        """Return the table of two levels, the first one first."""
        for cube in self.cubes:
            if cube.levels == (level, other):
                return cube
            if cube.levels == (other, level):
                return cube.turned()
        return None

    def others(self, level: str) -> list[str]:
        """Return the levels that are crossed with a level somewhere."""
        seen = {
            other: None
            for cube in self.cubes
            for one, other in (cube.levels, cube.levels[::-1])
            if one == level and other not in (ALONE, "account", "bot")
        }
        return list(seen)


def _widened(days: Booleans) -> Booleans:
    found = days.copy()
    found[1:] |= days[:-1]
    found[:-1] |= days[1:]
    return found


def localise(window: Window, place: Place) -> Where:
    """Return the smallest description of what moved, from the slice that departs most."""
    where: Where = {level: (name,) for level, name in place}
    if _is_everywhere(window, where):
        where = {}
    if not where:
        where = _within_account(window)
    if len(where) == 1:
        where = _taken_away(window, where)
    if len(where) == 1:
        where = _narrowed(window, where)
    return {level: where[level] for level in KEYS if level in where}


def _is_everywhere(window: Window, where: Where) -> bool:
    """Say whether the mail beside a slice moved as much, and most of it."""
    for level, names in where.items():
        line = _line(window, level)
        if line is None or level in OVERLAPPING_LEVELS:
            return False
        members, side, mail = line
        own = np.isin(members, names)
        if own.all():
            return False
        rest = _Side(side.y[~own].sum(), side.e[~own].sum())
        moved = window.sign * float(_Side(side.y[own].sum(), side.e[own].sum()).shift)
        if (
            window.sign * float(rest.z) < _ANOMALOUS
            or window.sign * float(rest.shift) < _STILL * moved
        ):
            return False
        likewise = window.sign * side.shift[~own] >= _STILL * moved
        return bool(mail[~own][likewise].sum() >= _LESS_MAIL * mail[~own].sum())
    return False


def _levels(window: Window) -> list[str]:
    found = {level: None for cube in window.cubes for level in cube.levels}
    return [level for level in found if level not in (ALONE, "account", "bot")]


def _line(window: Window, level: str) -> tuple[tuple[str, ...], _Side, Floats] | None:
    """Return the members of a level with both sides and messages of each as a whole."""
    for other in [*window.others(level), ALONE]:
        cube = window.between(level, other)
        if cube is not None and other not in OVERLAPPING_LEVELS:
            side, mail = window.sides(cube)
            return cube.members[0], _Side(side.y.sum(axis=1), side.e.sum(axis=1)), mail.sum(axis=1)
    return None


def _within_account(window: Window) -> Where:
    """Return the part without which the account is quiet, nothing where there is none."""
    found: list[tuple[float, Where]] = []
    lines = {level: _line(window, level) for level in _levels(window)}
    parts = [line for level, line in lines.items() if line and level not in OVERLAPPING_LEVELS]
    if not parts:
        return {}
    whole = _Side(parts[0][1].y.sum(), parts[0][1].e.sum())
    every = float(parts[0][2].sum())
    for level, line in lines.items():
        if line is None:
            continue
        members, side, mail = line
        most = 1 if level in OVERLAPPING_LEVELS else _MOST_MEMBERS
        chosen = _holding(side, mail, window.sign, whole, _STILL, _NEARLY_ALL * every, most)
        if chosen is not None:
            rest, names = chosen
            rest += _HABIT * (level == "ip")
            found.append((rest, {level: tuple(members[i] for i in names)}))
    return min(found, key=lambda item: item[0])[1] if found else {}


def _holding(
    side: _Side,
    mail: Floats,
    sign: int,
    whole: _Side,
    rest: float,
    less: float,
    most: int = _MOST_MEMBERS,
) -> tuple[float, list[int]] | None:
    """Return the fewest members that hold most of the excess, and how much the rest moved."""
    excess = sign * (side.y - side.e)
    total = float(sign * (whole.y - whole.e))
    if total <= 0 or len(excess) < 2:
        return None
    order = np.argsort(-excess)
    for size in range(1, min(most, max(len(order) // 2, 1)) + 1):
        own = order[:size]
        if excess[own[-1]] <= 0 or excess[own].sum() < _MOST_EXCESS * total:
            continue
        if mail[own].sum() >= less:
            return None
        part = _Side(side.y[own].sum(), side.e[own].sum())
        left = whole.less(part)
        moved = float(sign * part.shift)
        share = max(float(sign * left.shift), 0.0) / max(moved, 1e-9)
        alike = float(np.min(sign * side.shift[own])) >= _STILL * moved
        if share < rest and alike:
            return share, sorted(int(i) for i in own)
    return None


def _taken_away(window: Window, where: Where) -> Where:
    """Return the place, another one, or both crossed, by what is quiet without the other."""
    ((level, (name,)),) = ((k, v[:1]) for k, v in where.items())
    if len(where[level]) > 1:
        return where
    best, found = np.inf, where
    for other in window.others(level):
        cube = window.between(level, other)
        if cube is None or name not in cube.members[0]:
            continue
        side, _ = window.sides(cube)
        row = cube.members[0].index(name)
        own = _Side(side.y[row], side.e[row])
        whole = _Side(own.y.sum(), own.e.sum())
        column = _Side(side.y.sum(axis=0), side.e.sum(axis=0))
        if other in OVERLAPPING_LEVELS and (line := _line(window, level)) is not None:
            at = line[0].index(name)
            whole = _Side(line[1].y[at], line[1].e[at])
        if level in OVERLAPPING_LEVELS and (line := _line(window, other)) is not None:
            places = [line[0].index(member) for member in cube.members[1]]
            column = _Side(line[1].y[places], line[1].e[places])
        without, beside = whole.less(own), column.less(own)
        for i in np.flatnonzero(window.sign * column.z >= _ANOMALOUS):
            score, decided = _decided(window.sign, own, without, beside, whole, column, int(i))
            score += _HABIT * (other == "ip")
            if decided is None or score >= best:
                continue
            best = score
            key = (cube.members[1][int(i)],)
            found = {other: key} if decided == "other" else {level: (name,), other: key}
    return found


def _decided(
    sign: int, both: _Side, without: _Side, beside: _Side, whole: _Side, column: _Side, i: int
) -> tuple[float, str | None]:
    """Return how quiet it is without the other, and whether the other or both are the place."""
    shared = max(float(sign * both.shift[i]), 1e-9)
    left, right = (max(float(sign * s.shift[i]), 0.0) / shared for s in (without, beside))
    inside = without.e[i] < _NOTHING * whole.e  # the place lies inside of the other
    nested = beside.e[i] < _NOTHING * column.e[i]  # the other lies inside of the place
    if inside:
        return (1 - min(right, 1.0), "other") if right >= _STILL and not nested else (np.inf, None)
    if left >= _STILL:
        return np.inf, None
    if nested or right >= _STILL:
        return left, "other"
    return left, "both"


def _narrowed(window: Window, where: Where) -> Where:
    """Return the cell or cells that hold nearly all of the place's excess, where there are such."""
    ((level, names),) = where.items()
    found: list[tuple[float, Where]] = []
    for other in window.others(level):
        cube = window.between(level, other)
        if cube is None or (other in OVERLAPPING_LEVELS and len(names) > 1):
            continue
        rows = [cube.members[0].index(name) for name in names if name in cube.members[0]]
        side, mail = window.sides(cube)
        own = _Side(side.y[rows].sum(axis=0), side.e[rows].sum(axis=0))
        whole = _Side(own.y.sum(), own.e.sum())
        cells = mail[rows].sum(axis=0)
        less = _LESS_MAIL * float(cells.sum())
        most = 1 if other in OVERLAPPING_LEVELS else _MOST_MEMBERS
        chosen = _holding(own, cells, window.sign, whole, _REST, less, most)
        if chosen is not None:
            rest, members = chosen
            keys = tuple(cube.members[1][i] for i in members)
            column = side.e[:, members].sum()
            nested = column - own.e[members].sum() < _NOTHING * column
            rest += _HABIT * (other == "ip")
            found.append((rest, {other: keys} if nested else {level: names, other: keys}))
    return min(found, key=lambda item: item[0])[1] if found else where
