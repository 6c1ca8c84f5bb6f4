"""Functions of a frame as methods: the same documentation, the same signature without the frame."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

import pandas as pd

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class OfFrame:
    """Something that holds a frame, and nothing else."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame


def method(
    function: Callable[Concatenate[pd.DataFrame, Arguments], Result],
) -> Callable[Concatenate[OfFrame, Arguments], Result]:
    """Return a function of a frame as a method of what holds one."""

    @functools.wraps(function)
    def of_frame(self: OfFrame, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        return function(self._frame, *args, **kwargs)

    return of_frame
