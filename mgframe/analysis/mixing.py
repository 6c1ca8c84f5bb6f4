"""The change of a rate as the sum of what the mix did and what the rates did: pure arithmetic.

A cell is a group of messages; `w` is its share of all of them, `r` its rate, and the rate of all is
R = sum(w * r). Arrays have cells along the first axis; any further axes are repetitions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mgframe.dividing import Floats
from mgframe.summing import Integers


def shares_and_rates(k: Floats, n: Floats, other: Floats) -> tuple[Floats, Floats]:
    """Return the share and the rate of each cell; `other` is the rate of cells without messages."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return n / n.sum(axis=0), np.where(n > 0, k / n, other)


def kitagawa(k0: Floats, n0: Floats, k1: Floats, n1: Floats) -> tuple[Floats, Floats]:
    """Return what the mix and what the rate of each cell adds to the change of the whole rate.

    Parameters
    ----------
    k0, n0, k1, n1 : array
        Events and messages of each cell, before and after.

    Returns
    -------
    tuple of arrays
        mix = (w1 - w0) * ((r0 + r1) / 2 - (R0 + R1) / 2) and rate = (w0 + w1) / 2 * (r1 - r0). All
        of them together are R1 - R0. A cell that is new or gone has the rate it had or will have,
        so that it is all mix.

    Notes
    -----
    Kitagawa, Journal of the American Statistical Association 50 (1955) 1168, the symmetric form.
    Without the centre (R0 + R1) / 2 the sum is the same, but a healthy cell that shrinks would be
    to blame for all of its mail.

    Examples
    --------
    >>> mix, rate = kitagawa(*map(np.array, ([90, 10], [100, 20], [45, 50], [50, 100])))
    >>> mix.round(4).tolist(), rate.round(4).tolist()
    ([-0.0833, -0.1167], [0.0, 0.0])
    """
    (w0, r0), (w1, r1), _, whole = _sides(k0, n0, k1, n1)
    return (w1 - w0) * ((r0 + r1) / 2 - whole), (w0 + w1) / 2 * (r1 - r0)


def split_mix(
    k0: Floats, n0: Floats, k1: Floats, n1: Floats, keys: Sequence[Integers]
) -> tuple[Floats, Floats]:
    """Return the mix of each cell as the sum of what the first and the second of two keys did.

    Parameters
    ----------
    k0, n0, k1, n1 : array
        As for :func:`kitagawa`, of cells that cross two keys.
    keys : two arrays of int
        The number of each cell's first and second key.

    Returns
    -------
    tuple of arrays
        Cell by cell they add up to its mix, and each adds up to Das Gupta's effect of its key.

    Notes
    -----
    The symmetric factors of a share, A = sqrt(w / w.col * w.row) and B = sqrt(w / w.row * w.col),
    make w = A * B; Das Gupta, Standardization and Decomposition of Rates (US Census Bureau, Current
    Population Reports P23-186, 1993), nested, so that mix and rate stay what they are with one key.
    """
    (w0, _), (w1, _), mean, whole = _sides(k0, n0, k1, n1)
    first, second = keys
    factors = [(_factor(w, first, second), _factor(w, second, first)) for w in (w0, w1)]
    (a0, b0), (a1, b1) = factors
    effects = ((a1 - a0) * (b0 + b1) / 2, (b1 - b0) * (a0 + a1) / 2)
    # Both effects at the mean rate cancel out over the cells together; each cell bears its share.
    found = [
        (mean - whole) * effect + whole * effect.sum(axis=0) * (w0 + w1) / 2 for effect in effects
    ]
    return found[0], found[1]


def _sides(
    k0: Floats, n0: Floats, k1: Floats, n1: Floats
) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats], Floats, Floats]:
    """Return share and rate before and after, the mean rates, and the mean rate of the whole."""
    _, rate1 = shares_and_rates(k1, n1, np.zeros(()))
    before = shares_and_rates(k0, n0, rate1)
    after = shares_and_rates(k1, n1, before[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        whole = (k0.sum(axis=0) / n0.sum(axis=0) + k1.sum(axis=0) / n1.sum(axis=0)) / 2
    return before, after, (before[1] + after[1]) / 2, whole


def _factor(w: Floats, own: Integers, other: Integers) -> Floats:
    """Return the factor of a share that belongs to one key; 0 where the cell is empty."""
    rows, columns = np.bincount(own, weights=w), np.bincount(other, weights=w)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.sqrt(w / columns[other] * rows[own])
    return np.where(w > 0, values, 0.0)
