"""Providers that report no complaints: which rows are theirs, and where a rest hides them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from mgframe.errors import warn
from mgframe.summing import Booleans
from mgframe.vocabulary import NO_FEEDBACK_LOOP, OTHER_KEYS, PROVIDER_LEVELS

#: Where attrs note, by level, which of these providers are added up under ``"(other)"``.
_REST: Final = "other_without_feedback_loop"

_SILENT: Final = frozenset(name.casefold() for name in NO_FEEDBACK_LOOP)


def without_feedback_loop(keys: Iterable[object]) -> list[str]:
    """Return the keys of providers that report no complaints, in whatever case."""
    return [str(key) for key in keys if str(key).casefold() in _SILENT]


def silent_rows(index: pd.Index) -> Booleans:
    """Return the rows of providers that report no complaints."""
    found = np.zeros(len(index), dtype=bool)
    for level in _provider_levels(index):
        names = without_feedback_loop(index.unique(level))
        found |= index.get_level_values(level).isin(names)
    return found


def mixed_rows(index: pd.Index, meta: Mapping[str, Any]) -> Booleans:
    """Return the rows of ``"(other)"`` that may hold such providers: only attrs can clear them."""
    found = np.zeros(len(index), dtype=bool)
    for level in _provider_levels(index):
        if meta.get(_REST, {}).get(level) != []:
            found |= np.asarray(index.get_level_values(level) == OTHER_KEYS)
    return found


def _provider_levels(index: pd.Index) -> list[str]:
    return [level for level in PROVIDER_LEVELS if level in index.names]


def with_rest_noted(meta: Mapping[str, Any], level: str, rest: Sequence[str]) -> dict[str, Any]:
    """Return what attrs say once the keys in `rest` are added up under ``"(other)"``.

    A rest within the rest adds what is noted of it; where nothing is, nothing can be said.
    """
    noted = dict(meta.get(_REST, {}))
    if level not in PROVIDER_LEVELS or (OTHER_KEYS in rest and level not in noted):
        return dict(meta)
    older = noted[level] if OTHER_KEYS in rest else []
    return {**meta, _REST: {**noted, level: sorted({*without_feedback_loop(rest), *older})}}


def warn_of_mixed_rows(meta: Mapping[str, Any]) -> None:
    """Warn that ``"(other)"`` has no complaint rate, and say the way out."""
    names = sorted({str(name) for held in meta.get(_REST, {}).values() for name in held})
    holds = f"holds {', '.join(names)}," if names else "may hold providers such as gmail.com,"
    warn(
        f"{OTHER_KEYS!r} {holds} which report no complaints, so its complaint rate is not known; "
        "name them with a larger n in df.mg.top(n), or leave them out with df.mg.where(...) before"
    )
