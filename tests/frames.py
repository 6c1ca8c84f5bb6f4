"""Small hand-made frames, and strategies that draw larger ones, for tests of the pure half."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from mgframe.framing import build, make_index

OFFSETS = {"hour": "h", "day": "D", "month": "MS"}


def frame_of(
    times: Sequence[Any] | pd.DatetimeIndex | None,
    keys: Mapping[str, Sequence[str]],
    counts: Mapping[str, Sequence[int | None]],
    *,
    time: str = "time",
    **meta: Any,
) -> pd.DataFrame:
    """Return a frame of rows given as columns: times (UTC), keys, counts (None is unknown)."""
    stamps = None if times is None else pd.DatetimeIndex(pd.to_datetime(list(times), utc=True))
    values = {name: pd.array(list(column), dtype="Int64") for name, column in counts.items()}
    return build(make_index(stamps, keys, time=time), values, meta=meta)


def grid_of(
    buckets: int,
    keys: Mapping[str, Sequence[str]],
    counts: Mapping[str, Sequence[int | None] | int | None],
    *,
    start: str = "2026-11-02",
    resolution: str = "day",
    **meta: Any,
) -> pd.DataFrame:
    """Return a dense frame, bucket by bucket; a count given as one number is that everywhere."""
    times = pd.date_range(start, periods=buckets, freq=OFFSETS[resolution], tz="UTC")
    rows = list(itertools.product(times, *keys.values()))
    columns = {
        name: [value] * len(rows) if value is None or isinstance(value, int) else value
        for name, value in counts.items()
    }
    levels = {name: [row[i + 1] for row in rows] for i, name in enumerate(keys)}
    meta.setdefault("complete_until", "2100-01-01T00:00:00Z")
    return frame_of([row[0] for row in rows], levels, columns, resolution=resolution, **meta)


def random_frame(
    seed: int,
    *,
    buckets: int,
    keys: Mapping[str, int],
    counts: Sequence[str],
    resolution: str = "day",
    start: str = "2026-01-01",
    unknown: float = 0.0,
    holes: float = 0.0,
    largest: int = 50,
) -> pd.DataFrame:
    """Return a frame of random counts in which some are unknown, some 0, and some rows missing."""
    random = np.random.default_rng(seed)
    names = {key: [f"{key}{i}" for i in range(number)] for key, number in keys.items()}
    frame = grid_of(buckets, names, dict.fromkeys(counts, 0), start=start, resolution=resolution)
    for name in counts:
        values = pd.array(random.integers(0, largest, len(frame)), dtype="Int64")
        values[random.random(len(frame)) < 0.2] = 0
        values[random.random(len(frame)) < unknown] = pd.NA
        frame[name] = values
    return frame[random.random(len(frame)) >= holes]


def count_frames(
    *,
    counts: Sequence[str],
    resolution: str = "day",
    most_buckets: int = 12,
    levels: Sequence[str] = ("domain", "provider"),
    unknown: float = 0.15,
    holes: float = 0.15,
    start: str = "2026-01-01",
    largest: int = 50,
) -> st.SearchStrategy[pd.DataFrame]:
    """Draw random frames with 0 to all of the levels, gaps, zeros and unknown counts."""
    return st.builds(
        lambda seed, buckets, sizes: random_frame(
            seed,
            buckets=buckets,
            keys=dict(zip(levels, sizes, strict=False)),
            counts=counts,
            resolution=resolution,
            start=start,
            unknown=unknown,
            holes=holes,
            largest=largest,
        ),
        st.integers(0, 2**32 - 1),
        st.integers(1, most_buckets),
        st.lists(st.integers(1, 3), min_size=1, max_size=len(levels)),
    )
