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

from mgframe.analysis.cubes import Cube, Place, Where, is_place
from mgframe.analysis.likelihood import Model
from mgframe.analysis.sharing import Grid, Shares
from mgframe.dividing import Floats
from mgframe.summing import Booleans
from mgframe.vocabulary import KEYS, OVERLAPPING_LEVELS

#: A key that has so much of the account's mail is all of it.
_EVERYTHING: Final = 0.97
#: So many keys of a level may have moved alike.
_MOST_MEMBERS: Final = 3
#: So many standard deviations must a slice depart by to be tried, and so many are tried.
_ANOMALOUS: Final = 2.0
_MOST_TRIED: Final = 60
#: What is looked at first strays by about this share of what is expected of it.
_UNSTEADY: Final = 0.06
#: How far the rates of cells stray in some days at least and at most, as a variance.
_STRAY: Final = (0.02, 0.25)


@dataclass(frozen=True)
class Window:
    """The tables of a metric in some days; `sign` is that of the departure, `stray` its variance.

    `known` are places that are told already: what they moved is expected. `cheap` are levels that
    an incident of the metric is likely to be of, each with the part of a key's price it has.
    """

    cubes: Sequence[Cube]
    days: Booleans
    sign: int
    stray: float
    known: Sequence[Where] = ()
    cheap: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def grids(self) -> list[Grid]:
        """The tables of two keys, with what is known already among the expected."""
        grids = [self._grid(cube) for cube in self.cubes]
        for where in self.known:
            model = Model(Shares(grids), self.stray, {})
            chance = model.chance(where)
            if chance is not None:
                told = (model.expected(grid, where, chance)[0] for grid in grids)
                grids = [
                    replace(grid, e=np.maximum(e, 0.0)) for grid, e in zip(grids, told, strict=True)
                ]
        return grids

    def _grid(self, cube: Cube) -> Grid:
        around = self.days.copy()
        around[1:] |= self.days[:-1]
        around[:-1] |= self.days[1:]
        mail = cube.n[:, :, self.days].sum(axis=2)
        y, expected = cube.k[:, :, self.days].sum(axis=2), mail * cube.without(around).rates
        exposed = mail if self.sign > 0 else expected
        return Grid(cube.levels, cube.members, y, expected, exposed)


def localise(window: Window, place: Place) -> Where:
    """Return the smallest description of what moved; that of the slice where nothing tells more."""
    model = Model(Shares(window.grids), float(np.clip(window.stray, *_STRAY)), window.cheap)
    start: Where = {level: (name,) for level, name in place}
    best, score = start, model.score(start)
    for where in _candidates(window.grids, window.sign):
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


def _joined(model: Model, where: Where, score: float) -> Where:
    """Return the place with further members of one of its levels, where these moved alike."""
    for _ in range(_MOST_MEMBERS - 1):
        wider = [
            {**where, level: tuple(sorted((*names, name)))}
            for level, names in where.items()
            if level not in OVERLAPPING_LEVELS
            for name in model.shares.members(level)
            if name not in names
        ]
        scores = [model.score(one) for one in wider]
        if not scores or max(scores) <= score:
            break
        where, score = wider[int(np.argmax(scores))], max(scores)
    return where


def _candidates(grids: Sequence[Grid], sign: int) -> Iterator[Where]:
    """Return the places that may be it: the account, and each key and cell that departs."""
    yield {}
    found: list[tuple[float, Where]] = []
    for grid in grids:
        for turned in (grid, grid.turned()):
            if turned.levels[1] not in OVERLAPPING_LEVELS and is_place(turned.levels[0]):
                z = sign * _z(turned.y.sum(axis=1), turned.e.sum(axis=1))
                found += [
                    (float(z[i]), {turned.levels[0]: (turned.members[0][i],)})
                    for i in np.flatnonzero(z > _ANOMALOUS)
                ]
        if all(map(is_place, grid.levels)):
            z = sign * _z(grid.y, grid.e)
            for i, j in zip(*np.nonzero(z > _ANOMALOUS), strict=True):
                names = (grid.members[0][i], grid.members[1][j])
                cell: Where = {a: (b,) for a, b in zip(grid.levels, names, strict=True)}
                found.append((float(z[i, j]), cell))
    found.sort(key=lambda one: -one[0])
    yield from (where for _, where in found[:_MOST_TRIED])


def _z(y: Floats, e: Floats) -> Floats:
    found: Floats = (y - e) / np.sqrt(e + (_UNSTEADY * e) ** 2 + 1.0)
    return found
