"""What a function's docstring says about its parameters, as the text of a help page."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from mgframe.cli.catalogue import FETCHES, fetch_function

_SECTION: Final = re.compile(r"^Parameters\n-+\n(.*?)(?=^\w+\n---|\Z)", re.DOTALL | re.MULTILINE)
_ENTRY: Final = re.compile(r"^(\w[^\n]*)\n((?:^(?: .*)?\n?)+)", re.MULTILINE)
_AS_IN: Final = re.compile(r"As in :(func:`mgframe|meth:`Archive)\.(\w+)`")
_CHOICES: Final = re.compile(r"\{(.*?)\}")


class Wording(NamedTuple):
    """What a parameter is, in words, and what it can be where that is a short list."""

    text: str
    choices: tuple[str, ...] = ()


def wordings(function: Callable[..., Any]) -> dict[str, Wording]:
    """Return the words of each parameter; "As in" another function is followed there."""
    return dict(_entries(function))


def _entries(function: Callable[..., Any]) -> Iterator[tuple[str, Wording]]:
    section = _SECTION.search(inspect.getdoc(function) or "")
    for header, body in _ENTRY.findall(section[1] if section else ""):
        names, _, kind = header.partition(" : ")
        text = " ".join(body.split())
        elsewhere = _AS_IN.match(text)
        followed = {} if elsewhere is None else _followed(*elsewhere.groups())
        for name in names.split(", "):
            yield name, followed.get(name, Wording(_plain(text), _choices_of(kind)))


def _followed(of: str, name: str) -> dict[str, Wording]:
    """Return the words of the function that another one's docstring refers to."""
    if of.startswith("meth"):
        from mgframe.archiving.archive import Archive

        return wordings(getattr(Archive, name))
    return wordings(fetch_function(name)) if name in FETCHES else {}


def _choices_of(kind: str) -> tuple[str, ...]:
    listed = _CHOICES.search(kind)
    return tuple(re.findall(r'"(\w+)"', listed[1])) if listed else ()


def _plain(text: str) -> str:
    """Return text without the marks of reStructuredText."""
    return re.sub(r":\w+:`([^`]*)`", r"\1", text).replace("`", "")


def summary(function: Callable[..., Any]) -> str:
    """Return the first paragraph of a docstring."""
    return _plain((inspect.getdoc(function) or "").partition("\n\n")[0])
