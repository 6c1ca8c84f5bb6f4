"""What is wrong with a frame, in words."""

from __future__ import annotations

from typing import Final

import pandas as pd
from pandas.api.types import is_integer_dtype, is_string_dtype

from mgframe.errors import FrameError, suggestion, type_said
from mgframe.framing import row_text
from mgframe.vocabulary import AGE_LEVELS, KEYS, TIME_LEVELS

_COUNT: Final = pd.Int64Dtype()
#: So many rows are looked at together.
_AT_ONCE: Final = 10_000


def check_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Say in words what is wrong with a frame; return it unchanged when nothing is.

    Parameters
    ----------
    frame : DataFrame
        A frame of counts, from a fetch, from :func:`mgframe.as_frame`, or reshaped.

    Returns
    -------
    DataFrame
        The same object.

    Raises
    ------
    FrameError
        With every fault found: the index (names, order, zone, duplicates), the keys (text, none
        missing), the columns (flat, dtype ``Int64``, no negative count).

    Examples
    --------
    >>> import pandas as pd, mgframe as mg
    >>> mg.check_frame(pd.DataFrame({"delivered": [1.5]}))
    Traceback (most recent call last):
    mgframe.errors.FrameError: this is no mgframe frame:
    - the index has a level without a name; the levels are time (or as_of) and keys such as domain
    - column 'delivered' has dtype float64, counts are Int64
    mg.as_frame(df, ...) makes a frame of a table.
    """
    if not isinstance(frame, pd.DataFrame):
        raise FrameError(f"a frame of counts was expected, got {type_said(frame)}")
    faults = [*_index_faults(frame), *_column_faults(frame)]
    if faults:
        listed = "\n".join(f"- {fault}" for fault in faults)
        raise FrameError(
            f"this is no mgframe frame:\n{listed}\nmg.as_frame(df, ...) makes a frame of a table."
        )
    return frame


def _index_faults(frame: pd.DataFrame) -> list[str]:
    index = frame.index
    if any(name is None for name in index.names):
        return [
            "the index has a level without a name; the levels are time (or as_of) and keys "
            "such as domain"
        ]
    faults = []
    for position, name in enumerate(index.names):
        level = index.levels[position] if isinstance(index, pd.MultiIndex) else index
        faults += _level_faults(str(name), level, position)
        if isinstance(index, pd.MultiIndex) and (index.codes[position] < 0).any():
            faults.append(f"level {name!r} has missing values; a missing key is '(none)'")
    if not index.is_monotonic_increasing:
        faults.append("the rows are not sorted; use df.sort_index()")
    if not index.is_unique:
        twice = index[index.duplicated()][0]
        faults.append(
            f"rows occur twice, such as {row_text(twice)}; drop the repetition: "
            "df[~df.index.duplicated()]"
        )
    return faults


def _level_faults(name: str, level: pd.Index, position: int) -> list[str]:
    if name in TIME_LEVELS or name in AGE_LEVELS:
        faults = [] if position == 0 else [f"level {name!r} must come first"]
        if name in TIME_LEVELS and getattr(level.dtype, "tz", None) is None:
            faults.append(f"level {name!r} has dtype {level.dtype}, it must be datetimes in UTC")
        if name in AGE_LEVELS and not (is_integer_dtype(level) and (level >= 0).all()):
            faults.append(f"level {name!r} must be whole days since the send, 0 or more")
        return faults
    if name not in KEYS:
        return [f"level {name!r} is no key{suggestion(name, KEYS)}; the keys are {list(KEYS)}"]
    if isinstance(level.dtype, pd.CategoricalDtype) or not is_string_dtype(level):
        return [f"level {name!r} has dtype {level.dtype}, keys are plain strings"]
    return []


def _column_faults(frame: pd.DataFrame) -> list[str]:
    if frame.columns.nlevels > 1:
        return ["the columns have several levels, they must be flat"]
    if not frame.columns.is_unique:
        return ["a column occurs twice"]
    faults = [
        f"column {name!r} has dtype {dtype}, counts are Int64"
        for name, dtype in frame.dtypes.items()
        if dtype != _COUNT
    ]
    if not faults and len(frame) and frame.shape[1]:
        negative = [
            name for name, least in zip(frame.columns, _least(frame), strict=True) if least < 0
        ]
        faults = [f"column {name!r} has negative counts" for name in negative]
    return faults


def _least(frame: pd.DataFrame) -> list[float]:
    """Return the least value of each column, a part at a time: a copy is as large as the frame."""
    firsts = range(0, len(frame), _AT_ONCE)
    parts = [frame if len(firsts) == 1 else frame.iloc[i : i + _AT_ONCE] for i in firsts]
    copies = (part.to_numpy(dtype="float64", na_value=0.0) for part in parts)
    return list(map(min, zip(*(copy.min(axis=0) for copy in copies), strict=True)))
