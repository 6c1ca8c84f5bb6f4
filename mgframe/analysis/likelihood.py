"""How likely the counts of all tables are, were a place the one that moved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from mgframe.analysis.cubes import Where
from mgframe.analysis.sharing import Grid, Shares
from mgframe.dividing import Floats
from mgframe.vocabulary import OVERLAPPING_LEVELS

#: By how much more likely (in logarithms) each further key must make the counts, and each member.
_KEY: Final = 3.0
_MEMBER: Final = 6.0
_ALL: Final = 3.1
#: Where an IP and another key hold the same mail, the other key is what people know.
_HABIT: Final = 1.0
#: That tags share messages is assumed at this price for each tag.
_SHARED: Final = 1.0
_LITTLE: Final = 0.05
#: How vague the share of a cell in a place is that only estimates tell, and the parts tried.
_GUESSED: Final = 0.6
_UNSEEN: Final = 0.02
#: By what factor all of these shares may be wrong alike, at most and as a standard deviation of the
#: logarithm.
_SCALE: Final = 3.0
_SCALED: Final = 0.4
#: What a cell tells against a place at most, as a logarithm.
_MOST: Final = 10.0
_PARTS: Final = (0.3, 0.6, 1.0)


class Model:
    """How likely the counts of all tables are, were a place the one that moved.

    `stray` is the variance that the cells' rates stray by, `cheap` as for a window.
    """

    def __init__(self, shares: Shares, stray: float, cheap: Mapping[str, float]) -> None:
        self.shares = shares
        self.stray = stray
        self.cheap = cheap

    def score(self, where: Where) -> float:
        """Return the logarithm of the likelihood, less the price of the description."""
        chance = self.chance(where)
        if chance is None:
            return -np.inf
        total = -self._price(where)
        for grid in self.shares.grids:
            total += self._likelihood(grid, where, chance)
        return total

    def _price(self, where: Where) -> float:
        # All of the account is a claim too, that other mail moved as well, and needs to show it.
        keys = sum(_KEY * self.cheap.get(level, 1.0) for level in where) if where else _ALL
        members = sum(len(names) - 1 for names in where.values())
        return keys + _MEMBER * members + _HABIT * ("ip" in where)

    def _likelihood(self, grid: Grid, where: Where, chance: float) -> float:
        """Return the logarithm of the chance of a table's counts."""
        expected, shared = self.expected(grid, where, chance)
        if set(where) <= set(grid.levels):
            return float(self._chances(grid.y, expected).sum()) - _SHARED * shared
        found, price = self._guessed(grid, where, chance)
        return float(found.sum()) - _SHARED * (shared + price)

    def _guessed(self, grid: Grid, where: Where, chance: float) -> tuple[Floats, float]:
        """Return the chances of a table that lacks a level of the place, and the price of a scale.

        Only estimates tell which share of a cell lies in the place, so another share may be told by
        the counts, the less likely the further off it is.
        """
        known = {level: names for level, names in where.items() if level in grid.levels}
        inside, able = self.shares.inside(grid, where), self.shares.inside(grid, known)
        moved = grid.exposed * chance
        # All shares may be wrong alike: as much is in the place as the counts tell.
        sums = float(((grid.y - grid.e) * able).sum()), float((moved * inside).sum())
        scale = float(np.clip(sums[0] / sums[1] if sums[1] else 1.0, 1 / _SCALE, _SCALE))
        inside = np.minimum(inside * scale, able)
        expected = grid.e + inside * moved
        found = self._chances(grid.y, expected)
        told = np.divide(grid.y - grid.e, moved, out=inside.copy(), where=moved != 0)
        off = able * (np.clip(told, 0, 1) - inside)
        spread = _GUESSED * np.sqrt(inside * (1 - inside) + _UNSEEN)
        for part in _PARTS:
            other = self._chances(grid.y, expected + part * off * moved)
            found = np.maximum(found, other - (part * off / spread) ** 2 / 2)
        return found, float(np.log(scale) / _SCALED) ** 2 / 2

    def _chances(self, y: Floats, expected: Floats) -> Floats:
        """Return by how much less likely counts are than under their own mean, at most so much.

        Half the deviance of a negative binomial law; cut, because no single cell decides, and what
        another incident did is as unlikely under every place.
        """
        mean, size = np.maximum(expected, 0.0) + 1e-6, 1 / self.stray
        own = np.maximum(y, 1e-6)
        found: Floats = own * np.log(mean / own) - (own + size) * np.log(
            (mean + size) / (own + size)
        )
        return np.maximum(found, -_MOST)

    def chance(self, where: Where) -> float | None:
        """Return the events too many in the place for each that is exposed, None if unknown."""
        grid = self.shares.exact(where)
        if grid is None:
            return None
        inside = self.shares.inside(grid, where)
        return float(((grid.y - grid.e) * inside).sum() / max((grid.exposed * inside).sum(), 1e-9))

    def expected(self, grid: Grid, where: Where, chance: float) -> tuple[Floats, int]:
        """Return what each cell is expected to count, and how many cells share messages of a tag.

        What a cell of another tag shares with the place is as large as its counts say.
        """
        inside = self.shares.inside(grid, where)
        expected = grid.e + inside * grid.exposed * chance
        tags = OVERLAPPING_LEVELS.intersection(where).intersection(grid.levels)
        if not tags:
            return expected, 0
        # Messages of the tag may bear another tag too, at most all of either.
        (level,) = tags
        rest = {one: names for one, names in where.items() if one != level}
        loose = self.shares.inside(grid, rest)
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
