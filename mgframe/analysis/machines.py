"""What machines did: opens and clicks by class of bot, over the deliveries of another table.

No delivery has a bot, and no table has a bot beside two other keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from mgframe.analysis.cubes import ALONE, Cube, Place, Stack, Table, cube_of, cut
from mgframe.analysis.metrics import Metric
from mgframe.dividing import Floats
from mgframe.summing import Booleans
from mgframe.vocabulary import OVERLAPPING_LEVELS


def machine_cubes(
    tables: Sequence[Table], metric: Metric, settled: Mapping[bool, Booleans]
) -> list[Cube]:
    """Return what each class of machines did, over the deliveries of another table."""
    found = []
    for table in tables:
        if "bot" not in table.levels or metric.numerator not in table.counts:
            continue
        side = table.levels.index("bot")
        level, members = table.levels[1 - side], table.members[1 - side]
        classes = table.members[side]
        machines = [i for i, name in enumerate(classes) if name.casefold() != "none"]
        opens = np.moveaxis(table.counts[metric.numerator], side, 1)[:, machines]
        sent = _deliveries(tables, level, members, metric.denominator)
        if sent is not None:
            every = np.broadcast_to(sent[:, None], opens.shape)
            names = tuple(classes[i] for i in machines)
            counts = {metric.numerator: opens, metric.denominator: every}
            found.append(cube_of((level, "bot"), (members, names), counts, metric, settled))
    return found


def _deliveries(
    tables: Sequence[Table], level: str, members: Sequence[str], name: str
) -> Floats | None:
    """Return the mail of the keys of a level by day, None where no table has it."""
    for table in tables:
        if level not in table.levels or name not in table.counts or "bot" in table.levels:
            continue
        side = table.levels.index(level)
        if table.overlaps[1 - side]:
            continue
        sums = table.counts[name].sum(axis=1 - side)
        place = {member: i for i, member in enumerate(table.members[side])}
        nothing = np.zeros(sums.shape[1])
        return np.array([sums[place[m]] if m in place else nothing for m in members])
    return None


def of_class(cubes: Sequence[Cube], name: str) -> list[Cube]:
    """Return what one class of machines did, in every table of classes."""
    found = []
    for cube in cubes:
        own = cut(cube, {"bot": (name,)})
        found.append(replace(own, levels=(cube.levels[0], ALONE), members=(own.members[0], ("",))))
    return found


def machine_stack(metric: Metric, cubes: Sequence[Cube], days: int) -> Stack:
    """Return every class of machines as a series of its own, by key and of the whole account."""
    places: list[Place] = []
    parts: list[tuple[Floats, Floats, Floats]] = []
    for cube in cubes:
        level, (members, classes) = cube.levels[0], cube.members
        if level != ALONE:
            places += [((level, one), ("bot", name)) for one in members for name in classes]
            k, n, noise = (side.reshape(-1, days) for side in (cube.k, cube.n, cube.noise))
            parts.append((k, n, noise))
        if level not in OVERLAPPING_LEVELS:
            places += [(("bot", name),) for name in classes]
            parts.append(_summed(cube))
    return _level_stack(metric, places, parts, days)


def machines_at(
    metric: Metric, cubes: Sequence[Cube], where: Mapping[str, Sequence[str]]
) -> Stack | None:
    """Return what machines did at one place as a single series, None where no table tells it."""
    for cube in cubes:
        if set(where) - set(cube.levels) or "bot" not in where:
            continue
        if cube.levels[0] in OVERLAPPING_LEVELS and cube.levels[0] not in where:
            continue
        own = _summed(cut(cube, where))
        # Classes of machines open the same mail, so that it counts once.
        k, n, noise = own[0].sum(axis=0), own[1].max(axis=0), own[2].max(axis=0)
        return _level_stack(metric, [()], [(k[None], n[None], noise[None])], cube.n.shape[2])
    return None


def _summed(cube: Cube) -> tuple[Floats, Floats, Floats]:
    """Return both counts and the noise of a table without its first key."""
    n = cube.n.sum(axis=0)
    vague = (np.sqrt(cube.noise) * cube.n).sum(axis=0) / np.maximum(n, 1e-9)
    return cube.k.sum(axis=0), n, vague**2


def _level_stack(
    metric: Metric,
    places: Sequence[Place],
    parts: Sequence[tuple[Floats, Floats, Floats]],
    days: int,
) -> Stack:
    """Return series of which nothing is known beforehand but their own level."""
    if not parts:
        empty = np.zeros((0, days))
        return Stack(metric, (), empty, empty, empty, empty)
    k, n, noise = (np.concatenate(side) for side in zip(*parts, strict=True))
    return Stack(metric, tuple(places), k, n, np.zeros_like(k), noise)
