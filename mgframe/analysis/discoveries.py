"""Many tests at once: which share of those that look significant is false."""

from __future__ import annotations

import numpy as np

from mgframe.dividing import Floats


def q_values(p: Floats) -> Floats:
    """Return Benjamini and Hochberg's q of p values, down the first axis; NaN where p is unknown.

    Notes
    -----
    p * tests / rank, made monotonic: Benjamini and Hochberg, Journal of the Royal Statistical
    Society B 57 (1995) 289. To call everything with q below 5 % a finding keeps the false ones
    among them below 5 % on average.

    Examples
    --------
    >>> q_values(np.array([0.01, np.nan, 0.04, 0.03])).round(4).tolist()
    [0.03, nan, 0.04, 0.04]
    """
    known = np.isfinite(p)
    order = np.argsort(np.where(known, p, np.inf), axis=0)
    ranked = np.take_along_axis(np.where(known, p, np.inf), order, axis=0)
    ranks = np.arange(1, len(p) + 1).reshape(-1, *[1] * (p.ndim - 1))
    scaled = ranked * np.maximum(known.sum(axis=0), 1) / ranks
    smallest = np.minimum.accumulate(scaled[::-1], axis=0)[::-1]
    q = np.empty(p.shape)
    np.put_along_axis(q, order, np.minimum(smallest, 1.0), axis=0)
    return np.where(known, q, np.nan)
