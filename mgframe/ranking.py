"""Which keys are the largest, and which count says so."""

from __future__ import annotations

from typing import Final

import pandas as pd
from pandas.api.types import is_numeric_dtype

from mgframe.summing import plain_labels
from mgframe.vocabulary import KEYS, OTHER_KEYS

#: The counts that say how large a key is, the best first; then whatever else a frame has.
SIZES: Final = (
    "processed",
    "sent",
    "delivered",
    "accepted",
    "unique_opened",
    "opened",
    "unique_clicked",
    "clicked",
)


def size_column(frame: pd.DataFrame, level: str) -> str | None:
    """Return the column that ranks the keys of a level, None where no column can.

    Counts that cannot be split by the level (deliveries by country) say nothing of its keys, nor do
    columns without a number above 0.
    """
    lacks = KEYS[level].lacks if level in KEYS else frozenset()
    columns = [str(name) for name in frame.columns]
    for name in dict.fromkeys([*SIZES, *columns]):
        if name in columns and name not in lacks and _ever_above_zero(frame[name]):
            return name
    return None


def _ever_above_zero(column: pd.Series) -> bool:
    return is_numeric_dtype(column.dtype) and bool((column > 0).any())


def ranked_keys(frame: pd.DataFrame, level: str) -> list[str]:
    """Return the keys of a level: the largest first, equal ones by name, ``"(other)"`` last."""
    labels = plain_labels(frame, level)
    size = size_column(frame, level)
    if size is None:
        keys = sorted(str(key) for key in labels.unique())
    else:
        sums = frame[size].groupby(labels).sum()
        totals = dict(zip(sums.index.astype(str), sums.tolist(), strict=True))
        keys = sorted(sorted(totals), key=lambda key: -totals[key])
    return sorted(keys, key=lambda key: key == OTHER_KEYS)
