"""Where: from the slice that departs most to the smallest description that covers the incident.

Every place that might be it is tried: all of the account, each key, each cell of two keys. A place
says what every cell of every table would have counted had the mail there, and no other, moved; the
place under which the counts are the most likely is told, a shorter description before a longer one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

import numpy as np

from mgframe.analysis.slices import ALONE, Cube, Place
from mgframe.dividing import Floats
from mgframe.summing import Booleans
from mgframe.vocabulary import KEYS, OVERLAPPING_LEVELS

#: Keys by level, several of one level are alternatives.
Where = dict[str, tuple[str, ...]]

#: By how much more likely (in logarithms) each further key must make the counts, and each member.
_KEY: Final = 3.0
_MEMBER: Final = 6.0
_ALL: Final = 3.1
#: A key that has so much of the account's mail is all of it.
_EVERYTHING: Final = 0.97
_MOST_MEMBERS: Final = 3
#: Where an IP and another key hold the same mail, the other key is what people know.
_HABIT: Final = 1.0
#: So many standard deviations must a slice depart by to be tried, and so many are tried.
_ANOMALOUS: Final = 2.0
_MOST_TRIED: Final = 60
#: That tags share messages is assumed at this price for each tag.
_SHARED: Final = 1.0
_LITTLE: Final = 0.05
#: How far the rates of cells stray in some days at least and at most, as a variance.
_STRAY: Final = (0.02, 0.25)
#: How vague the share of a cell in a place is that only estimates tell, and the parts tried.
_GUESSED: Final = 0.6
_UNSEEN: Final = 0.02
_SCALE: Final = 3.0
#: What a cell tells against a place at most, as a logarithm: where it is known and where guessed.
_MOST_EXACT: Final = 10.0
_MOST_GUESSED: Final = 10.0
_SCALED: Final = 0.4
_PARTS: Final = (0.3, 0.6, 1.0)


@dataclass(frozen=True)
class _Grid:
    """What each cell of a table counted in the window, and what it would have at its usual rate.

    `exposed` is what an incident acts on: messages where there is more, expected events where less.
    """

    levels: tuple[str, str]
    members: tuple[tuple[str, ...], tuple[str, ...]]
    y: Floats
    e: Floats
    exposed: Floats

    def turned(self) -> _Grid:
        sides = (side.T for side in (self.y, self.e, self.exposed))
        return _Grid(self.levels[::-1], self.members[::-1], *sides)


@dataclass(frozen=True)
class Window:
    """The tables of a metric in some days; `sign` is that of the departure, `stray` its variance.

    `known` are places that are told already: what they moved is expected. `cheap` are levels that
    an incident of the metric is likely to be of, each with the part of a key's price it has.
    """

    cubes: Sequence[Cube]
    days: Booleans
    sign: int
    stray: float = 0.06
    known: Sequence[Where] = ()
    cheap: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def grids(self) -> list[_Grid]:
        """The tables of two keys, with what is known already among the expected."""
        grids = [self._grid(cube) for cube in self.cubes]
        for where in self.known:
            model = _Model(grids, self.stray, {})
            chance = model.chance(where)
            if chance is not None:
                grids = [replace(grid, e=model.expected(grid, where, chance)[0]) for grid in grids]
        return grids

    def _grid(self, cube: Cube) -> _Grid:
        around = self.days.copy()
        around[1:] |= self.days[:-1]
        around[:-1] |= self.days[1:]
        outside = np.where(around, 0.0, 1.0)
        quiet = Cube(cube.levels, cube.members, cube.k * outside, cube.n * outside, cube.noise)
        mail = cube.n[:, :, self.days].sum(axis=2)
        y, expected = cube.k[:, :, self.days].sum(axis=2), mail * quiet.rates
        exposed = mail if self.sign > 0 else expected
        return _Grid(cube.levels, cube.members, y, expected, exposed)

    def between(self, level: str, other: str) -> Cube | None:
        """Return the table of two levels, the first one first."""
        for cube in self.cubes:
            if cube.levels == (level, other):
                return cube
            if cube.levels == (other, level):
                return cube.turned()
        return None


def localise(window: Window, place: Place) -> Where:
    """Return the smallest description of what moved; that of the slice where nothing tells more."""
    model = _Model(window.grids, float(np.clip(window.stray, *_STRAY)), window.cheap)
    start: Where = {level: (name,) for level, name in place}
    best, score = start, model.score(start)
    for where in model.candidates(window.sign):
        other = model.score(where)
        if other > score:
            best, score = where, other
    best = _joined(model, best, score)
    if _is_everything(window, best):
        return {}
    return {level: best[level] for level in KEYS if level in best}


def _is_everything(window: Window, where: Where) -> bool:
    """Say whether a single key has nearly all mail of all days."""
    if len(where) != 1 or OVERLAPPING_LEVELS.intersection(where):
        return False
    ((level, names),) = where.items()
    for cube in window.cubes:
        if level in cube.levels and not OVERLAPPING_LEVELS.intersection(cube.levels):
            axis = cube.levels.index(level)
            mail = cube.n.sum(axis=(1 - axis, 2))
            own = mail[np.isin(cube.members[axis], names)].sum()
            return bool(own >= _EVERYTHING * mail.sum())
    return False


def _joined(model: _Model, where: Where, score: float) -> Where:
    """Return the place with further members of one of its levels, where these moved alike."""
    for _ in range(_MOST_MEMBERS - 1):
        wider = [
            {**where, level: tuple(sorted((*names, name)))}
            for level, names in where.items()
            if level not in OVERLAPPING_LEVELS
            for name in model.members(level)
            if name not in names
        ]
        scores = [model.score(one) for one in wider]
        if not scores or max(scores) <= score:
            break
        where, score = wider[int(np.argmax(scores))], max(scores)
    return where


class _Model:
    """How likely the counts of all tables are, were a place the one that moved."""

    def __init__(self, grids: Sequence[_Grid], stray: float, cheap: Mapping[str, float]) -> None:
        self.grids = grids
        self.stray = stray
        self.cheap = cheap
        self._shares: dict[tuple[str, tuple[str, ...], str], dict[str, float] | None] = {}

    def members(self, level: str) -> list[str]:
        """Return the keys of a level."""
        found: dict[str, None] = {}
        for grid in self.grids:
            for own, names in zip(grid.levels, grid.members, strict=True):
                found |= dict.fromkeys(names if own == level else ())
        return list(found)

    def candidates(self, sign: int) -> Iterator[Where]:
        """Return the places that may be it: the account, and each key and cell that departs."""
        yield {}
        found: list[tuple[float, Where]] = []
        for grid in self.grids:
            for turned in (grid, grid.turned()):
                if turned.levels[1] not in OVERLAPPING_LEVELS and _names(turned.levels[0]):
                    z = sign * _z(turned.y.sum(axis=1), turned.e.sum(axis=1))
                    found += [
                        (float(z[i]), {turned.levels[0]: (turned.members[0][i],)})
                        for i in np.flatnonzero(z > _ANOMALOUS)
                    ]
            if all(_names(level) for level in grid.levels):
                z = sign * _z(grid.y, grid.e)
                for i, j in zip(*np.nonzero(z > _ANOMALOUS), strict=True):
                    names = (grid.members[0][i], grid.members[1][j])
                    cell: Where = {a: (b,) for a, b in zip(grid.levels, names, strict=True)}
                    found.append((float(z[i, j]), cell))
        found.sort(key=lambda one: -one[0])
        yield from (where for _, where in found[:_MOST_TRIED])

    def score(self, where: Where) -> float:
        """Return the logarithm of the likelihood, less the price of the description."""
        chance = self.chance(where)
        if chance is None:
            return -np.inf
        total = -self._price(where)
        for grid in self.grids:
            total += self._likelihood(grid, where, chance)
        return total

    def _price(self, where: Where) -> float:
        # All of the account is a claim too, that other mail moved as well, and needs to show it.
        keys = sum(_KEY * self.cheap.get(level, 1.0) for level in where) if where else _ALL
        members = sum(len(names) - 1 for names in where.values())
        return keys + _MEMBER * members + _HABIT * ("ip" in where)

    def _likelihood(self, grid: _Grid, where: Where, chance: float) -> float:
        """Return the logarithm of the chance of a table's counts.

        Where only estimates tell which share of a cell lies in the place, another share may be
        told by the counts, the less likely the further off it is.
        """
        expected, shared = self.expected(grid, where, chance)
        found = self._chances(grid.y, expected, _MOST_EXACT)
        if not set(where) <= set(grid.levels):
            known = {level: names for level, names in where.items() if level in grid.levels}
            inside, able = self._inside(grid, where), self._inside(grid, known)
            moved = grid.exposed * chance
            # All shares may be wrong alike: as much is in the place as the counts tell.
            sums = float(((grid.y - grid.e) * able).sum()), float((moved * inside).sum())
            scale = float(np.clip(sums[0] / sums[1] if sums[1] else 1.0, 1 / _SCALE, _SCALE))
            inside = np.minimum(inside * scale, able)
            expected = grid.e + inside * moved
            found = self._chances(grid.y, expected, _MOST_GUESSED)
            shared += (np.log(scale) / _SCALED) ** 2 / 2
            told = np.divide(grid.y - grid.e, moved, out=inside.copy(), where=moved != 0)
            off = able * (np.clip(told, 0, 1) - inside)
            spread = _GUESSED * np.sqrt(inside * (1 - inside) + _UNSEEN)
            for part in _PARTS:
                other = self._chances(grid.y, expected + part * off * moved, _MOST_GUESSED)
                found = np.maximum(found, other - (part * off / spread) ** 2 / 2)
        return float(found.sum()) - _SHARED * shared

    def _chances(self, y: Floats, expected: Floats, most: float) -> Floats:
        """Return by how much less likely counts are than under their own mean, at most so much.

        Half the deviance of a negative binomial law; cut, because no single cell decides, and what
        another incident did is as unlikely under every place.
        """
        mean, size = np.maximum(expected, 0.0) + 1e-6, 1 / self.stray
        own = np.maximum(y, 1e-6)
        found: Floats = own * np.log(mean / own) - (own + size) * np.log(
            (mean + size) / (own + size)
        )
        return np.maximum(found, -most)

    def chance(self, where: Where) -> float | None:
        """Return the events too many in the place for each that is exposed, None if unknown."""
        grid = self._exact(where)
        if grid is None:
            return None
        inside = self._inside(grid, where)
        return float(((grid.y - grid.e) * inside).sum() / max((grid.exposed * inside).sum(), 1e-9))

    def _exact(self, where: Where) -> _Grid | None:
        """Return a table that tells the sums of a place."""
        levels = set(where)
        for grid in self.grids:
            beside = set(grid.levels) - levels
            if levels <= set(grid.levels) and not beside & OVERLAPPING_LEVELS:
                return grid
        return None

    def expected(self, grid: _Grid, where: Where, chance: float) -> tuple[Floats, int]:
        """Return what each cell is expected to count, and of how many tags messages are shared."""
        inside = self._inside(grid, where)
        expected = grid.e + inside * grid.exposed * chance
        tags = OVERLAPPING_LEVELS.intersection(where).intersection(grid.levels)
        if not tags:
            return expected, 0
        # Messages of the tag may bear another tag too, at most all of either.
        (level,) = tags
        loose = self._inside(grid, {one: names for one, names in where.items() if one != level})
        axis = grid.levels.index(level)
        mine = (grid.exposed * inside).sum(axis=axis, keepdims=True)
        most = np.minimum(grid.exposed * loose, mine) * (inside == 0) * chance
        sums = [
            (side * (most != 0)).sum(axis=1 - axis, keepdims=True)
            for side in (grid.y - grid.e, most)
        ]
        share = np.clip(sums[0] / np.where(sums[1] != 0, sums[1], np.inf), 0, 1)
        share = np.where(share > _LITTLE, share, 0.0)
        return expected + most * share, int((share > 0).sum())

    def _inside(self, grid: _Grid, where: Where) -> Floats:
        """Return which share of each cell's mail lies in the place, as far as tables tell."""
        parts = [self._part(grid, level, names) for level, names in where.items()]
        inside = np.ones(grid.e.shape)
        for part in parts:
            inside = inside * part
        if len(set(where) - set(grid.levels)) < 2:
            return inside
        # Both keys are not of this table; how much mail has both is known all the same.
        apart = np.prod([self._whole({level: names}) for level, names in where.items()])
        lift = self._whole(where) / max(float(apart), 1e-9)
        return np.minimum(inside * lift, np.minimum(*parts))

    def _part(self, grid: _Grid, level: str, names: tuple[str, ...]) -> Floats:
        """Return which share of each cell has one of these keys."""
        if level in grid.levels:
            axis = grid.levels.index(level)
            own = np.isin(grid.members[axis], names).astype("float64")
            return own[:, None] if axis == 0 else own[None, :]
        known = [self._share(level, names, grid, axis) for axis in (0, 1)]
        rows, columns = known
        whole = self._whole({level: names})
        if rows is None or columns is None:
            only = rows if rows is not None else columns
            return only if only is not None else np.full((1, 1), whole)
        return np.minimum(rows * columns / max(whole, 1e-9), 1.0)

    def _whole(self, where: Where) -> float:
        """Return which share of all that is exposed lies in a place."""
        grid, every = self._exact(where), self._exact({})
        if grid is None or every is None:
            return 0.0
        own = float((grid.exposed * self._inside(grid, where)).sum())
        return min(own / max(float(every.exposed.sum()), 1e-9), 1.0)

    def _share(self, level: str, names: tuple[str, ...], grid: _Grid, axis: int) -> Floats | None:
        """Return by key of an axis which share of it has one of some other level's keys."""
        other = grid.levels[axis]
        key = (level, names, other)
        if key not in self._shares:
            self._shares[key] = self._shared(*key)
        shares = self._shares[key]
        if shares is None:
            return None
        found = np.array([shares.get(name, 0.0) for name in grid.members[axis]])
        return found[:, None] if axis == 0 else found[None, :]

    def _shared(self, level: str, names: tuple[str, ...], other: str) -> dict[str, float] | None:
        grid = next((one for one in self._both() if one.levels == (level, other)), None)
        if grid is None or not _names(other):
            return None
        own = grid.exposed[np.isin(grid.members[0], names)].sum(axis=0)
        whole = self._line(other)
        return {
            name: min(float(part) / max(whole.get(name, 0.0), 1e-9), 1.0)
            for name, part in zip(grid.members[1], own, strict=True)
        }

    def _line(self, level: str) -> dict[str, float]:
        """Return what is exposed of each key of a level as a whole."""
        for grid in self._both():
            if grid.levels[0] == level and grid.levels[1] not in OVERLAPPING_LEVELS:
                return dict(zip(grid.members[0], grid.exposed.sum(axis=1).tolist(), strict=True))
        return {}

    def _both(self) -> Iterator[_Grid]:
        for grid in self.grids:
            yield grid
            yield grid.turned()


def _names(level: str) -> bool:
    return level not in (ALONE, "account", "bot")


def _z(y: Floats, e: Floats) -> Floats:
    found: Floats = (y - e) / np.sqrt(e + (0.06 * e) ** 2 + 1.0)
    return found
