"""Which share of each cell's mail lies in a place, exactly or as far as other tables tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mgframe.analysis.cubes import Where, is_place
from mgframe.dividing import Floats
from mgframe.vocabulary import OVERLAPPING_LEVELS


@dataclass(frozen=True)
class Grid:
    """What each cell of a table counted in the window, and what it would have at its usual rate.

    `exposed` is what an incident acts on: messages where there is more, expected events where less.
    """

    levels: tuple[str, str]
    members: tuple[tuple[str, ...], tuple[str, ...]]
    y: Floats
    e: Floats
    exposed: Floats

    def turned(self) -> Grid:
        """Return the same with the keys the other way round."""
        sides = (side.T for side in (self.y, self.e, self.exposed))
        return Grid(self.levels[::-1], self.members[::-1], *sides)


class Shares:
    """What the tables tell of how mail is shared: by places, by keys of one level among another."""

    def __init__(self, grids: Sequence[Grid]) -> None:
        self.grids = grids
        self._shares: dict[tuple[str, tuple[str, ...], str], dict[str, float] | None] = {}

    def members(self, level: str) -> list[str]:
        """Return the keys of a level."""
        found: dict[str, None] = {}
        for grid in self.grids:
            for own, names in zip(grid.levels, grid.members, strict=True):
                found |= dict.fromkeys(names if own == level else ())
        return list(found)

    def exact(self, where: Where) -> Grid | None:
        """Return a table that tells the sums of a place."""
        levels = set(where)
        for grid in self.grids:
            beside = set(grid.levels) - levels
            if levels <= set(grid.levels) and not beside & OVERLAPPING_LEVELS:
                return grid
        return None

    def inside(self, grid: Grid, where: Where) -> Floats:
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

    def _part(self, grid: Grid, level: str, names: tuple[str, ...]) -> Floats:
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
        grid, every = self.exact(where), self.exact({})
        if grid is None or every is None:
            return 0.0
        own = float((grid.exposed * self.inside(grid, where)).sum())
        return min(own / max(float(every.exposed.sum()), 1e-9), 1.0)

    def _share(self, level: str, names: tuple[str, ...], grid: Grid, axis: int) -> Floats | None:
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
        grid = next((one for one in self.both_ways() if one.levels == (level, other)), None)
        if grid is None or not is_place(other):
            return None
        own = grid.exposed[np.isin(grid.members[0], names)].sum(axis=0)
        whole = self._line(other)
        return {
            name: min(float(part) / max(whole.get(name, 0.0), 1e-9), 1.0)
            for name, part in zip(grid.members[1], own, strict=True)
        }

    def _line(self, level: str) -> dict[str, float]:
        """Return what is exposed of each key of a level as a whole."""
        for grid in self.both_ways():
            if grid.levels[0] == level and grid.levels[1] not in OVERLAPPING_LEVELS:
                return dict(zip(grid.members[0], grid.exposed.sum(axis=1).tolist(), strict=True))
        return {}

    def both_ways(self) -> Iterator[Grid]:
        """Yield every table with either of its keys as the first one."""
        for grid in self.grids:
            yield grid
            yield grid.turned()
