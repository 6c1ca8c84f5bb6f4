"""Calls as data: what is done to a frame, and the code that does the same."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd

from mgframe.errors import gathered, warn

#: So many frames in between are kept, so that the way back costs nothing.
_KEPT: Final = 40


@dataclass(frozen=True)
class Step:
    """One call on a frame: `code` is what follows the frame's name, `call` does it.

    Two steps are equal where their code is.
    """

    code: str
    call: Callable[..., Any] = field(compare=False, repr=False)


def literal(value: object) -> str:
    """Return `value` as code, texts in double quotes where that is possible.

    Examples
    --------
    >>> print(literal({"domain": ["a.com"]}), literal('say "a"'))
    {"domain": ["a.com"]} 'say "a"'
    """
    if isinstance(value, str):
        text = repr(value)
        plain = text[0] == "'" and '"' not in text and "\\'" not in text
        return f'"{text[1:-1]}"' if plain else text
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(k)}: {literal(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    return repr(value)


def arguments(args: Iterable[object], kwargs: dict[str, Any]) -> str:
    """Return arguments as they stand between parentheses; odd names are unpacked from a dict."""
    named = [f"{k}={literal(v)}" for k, v in kwargs.items() if k.isidentifier()]
    odd = {k: v for k, v in kwargs.items() if not k.isidentifier()}
    return ", ".join([*map(literal, args), *named, *([f"**{literal(odd)}"] if odd else [])])


def method(name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Step:
    """Return the call of a public function of frames, by its name at ``df.mg``."""
    return Step(
        f".mg.{name}({arguments(args, kwargs)})",
        lambda frame, **more: function(frame, *args, **kwargs, **more),
    )


def columns(names: Sequence[str]) -> Step:
    """Return the step that keeps some columns."""
    kept = list(names)
    return Step(f"[{literal(kept)}]", lambda frame: frame[kept])


def days(first: str, last: str) -> Step:
    """Return the step that keeps the buckets of some days, both included.

    In an index of several levels pandas reads a bare date as its midnight, hence the last minute.
    """
    start, stop = first, f"{last} 23:59"
    return Step(f".loc[{literal(start)}:{literal(stop)}]", lambda frame: frame.loc[start:stop])


def in_order() -> Step:
    """Return the step that sorts a frame, which cutting by days needs."""
    return Step(".sort_index()", lambda frame: frame.sort_index())


class Kitchen:
    """One frame, and what steps make of it: each is done once while it is fresh in memory.

    What a step warns of is told each time, whether it is done anew or not.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame
        self._made: OrderedDict[tuple[Step, ...], tuple[Any, list[str]]] = OrderedDict()

    def forget(self) -> None:
        """Free what is remembered."""
        self._made.clear()

    def after(self, steps: Sequence[Step]) -> Any:
        """Return what the steps make of the frame, one after the other."""
        if not steps:
            return self.frame
        made, before = tuple(steps), self.after(steps[:-1])
        if made not in self._made:
            with gathered() as notes:
                self._made[made] = made[-1].call(before), notes
        self._made.move_to_end(made)
        while len(self._made) > _KEPT:
            self._made.popitem(last=False)
        result, notes = self._made[made]
        for note in notes:
            warn(note)
        return result
