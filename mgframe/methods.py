"""Functions of a frame as methods: the same documentation, the same signature without the frame."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

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


class Later:
    """A method whose function is loaded when it is first used: importing mgframe stays quick."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @property
    def __wrapped__(self) -> Callable[..., Any]:  # what method() calls it
        function: Callable[..., Any] = getattr(importlib.import_module(self._module), self._name)
        return function

    def __get__(self, instance: Any, owner: type) -> Any:
        found = method(self.__wrapped__)
        setattr(owner, self._name, found)
        return found.__get__(instance, owner)
