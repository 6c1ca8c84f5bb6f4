"""What a finding explains, taken away from the other slices, so that the search can go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mgframe.analysis.cubes import Cube, Place, Stack, Where
from mgframe.analysis.describing import Finding
from mgframe.analysis.slices import Account
from mgframe.dividing import Floats
from mgframe.summing import Booleans
from mgframe.vocabulary import OVERLAPPING_LEVELS


def without(account: Account, stack: Stack, finding: Finding) -> Stack:
    """Return the slices of a metric without what a finding explains of them.

    From the day before it to the day after a slice loses the events that it has too many in common
    with the place; its mail of these days where no table of two keys tells them, and so does the
    account as a whole. A slice that has no message of the place stays as it is.
    """
    k, n = stack.k.copy(), stack.n.copy()
    days = np.zeros(k.shape[1], dtype=bool)
    days[max(finding.start - 1, 0) : finding.stop + 1] = True
    cubes = account.cubes(stack.metric)
    for row, place in enumerate(stack.places):
        apart = [
            level
            for level, name in place
            if level in finding.where and name not in finding.where[level]
        ]
        if apart and not OVERLAPPING_LEVELS.intersection(apart):
            continue
        excess = None if apart else _shared_excess(cubes, days, finding.where, place)
        if excess is None:
            n[row, days] = 0.0
            k[row, days] = 0.0
        else:
            left = k[row, days] - excess
            k[row, days] = np.clip(left, 0.0, n[row, days])
    return replace(stack, k=k, n=n)


def _shared_excess(
    cubes: Sequence[Cube], days: Booleans, where: Where, place: Place
) -> Floats | None:
    """Return by day what a slice has too much in common with a place; None where unknown."""
    levels = {*where, *(level for level, _ in place)}
    if len(levels) != 2 or not place:
        return None
    # The table as it is: turned, the usual rates of its cells would be drawn to another key's.
    cube = next((one for one in cubes if set(one.levels) == levels), None)
    if cube is None:
        return None
    members = {**where, **{level: (name,) for level, name in place}}
    rows, columns = (
        [i for i, name in enumerate(names) if level not in members or name in members[level]]
        for level, names in zip(cube.levels, cube.members, strict=True)
    )
    k, n = (side[rows][:, columns][:, :, days] for side in (cube.k, cube.n))
    usual = cube.without(days).rates[rows][:, columns]
    excess: Floats = (k - n * usual[:, :, None]).sum(axis=(0, 1))
    return excess
