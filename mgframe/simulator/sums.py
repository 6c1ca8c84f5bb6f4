"""Running sums of primitives by key and bucket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mgframe.simulator.counters import PRIMITIVES

WIDTH: Final = len(PRIMITIVES)


class Sums:
    """Running sums of primitives, keys by buckets."""

    def __init__(self, buckets: int) -> None:
        self.buckets = buckets
        self.kept: dict[tuple[str, ...], NDArray[np.int64]] = {}

    def _of(self, key: tuple[str, ...]) -> NDArray[np.int64]:
        if key not in self.kept:
            self.kept[key] = np.zeros((self.buckets, WIDTH), np.int64)
        return self.kept[key]

    def add(
        self, key: tuple[str, ...], bucket: NDArray[np.int64], block: NDArray[np.int32]
    ) -> None:
        """Add a block of primitives to a key; `bucket` is -1 for rows outside the window."""
        inside = bucket >= 0
        if inside.any():
            np.add.at(self._of(key), bucket[inside], block[inside])

    def add_at(self, key: tuple[str, ...], low: int, counted: NDArray[np.int64]) -> None:
        """Add primitives of a key, from bucket `low` on."""
        block = self._of(key).reshape(-1)[low * WIDTH :]
        block[: len(counted)] += counted


def counted(
    codes: NDArray[np.int64], place: NDArray[np.int64], counts: NDArray[np.int64]
) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Return the sums of counts by place, for each code that occurs."""
    if not len(codes):
        return
    width = -(-(int(place.max()) + 1) // WIDTH) * WIDTH
    number = int(codes.max()) + 1
    found, row = np.arange(number), codes
    if number * width > 4_000_000:
        found, row = np.unique(codes, return_inverse=True)
    sums = np.bincount(row * width + place, weights=counts, minlength=len(found) * width)
    table = sums.astype(np.int64).reshape(len(found), width)
    for at in np.flatnonzero(table.any(axis=1)):
        yield int(found[at]), table[at]


def bucket_of(edges: NDArray[np.int64], hours: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the bucket that holds each hour, -1 for hours outside the window."""
    bucket = np.searchsorted(edges, hours, side="right") - 1
    return np.where(bucket < len(edges) - 1, bucket, -1)
