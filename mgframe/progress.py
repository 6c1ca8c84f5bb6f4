"""A progress bar, where somebody watches."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def watched(done: Iterator[T], total: int, progress: bool | None) -> Iterable[T]:
    """Return `done`, with a bar around it where it is wanted."""
    if not (somebody_watches() if progress is None else progress):
        return done
    with warnings.catch_warnings():
        # tqdm.auto warns in a notebook without ipywidgets; its text bar is good enough there.
        warnings.simplefilter("ignore")
        from tqdm.auto import tqdm
    return tqdm(done, total=total, unit="request", leave=False)


def somebody_watches() -> bool:
    """Return whether a terminal or a notebook shows what is written."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    in_notebook = hasattr(shell, "kernel")
    return in_notebook or (sys.stderr is not None and sys.stderr.isatty())
