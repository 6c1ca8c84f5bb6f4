"""Options of the command line from the signature of a function, and its arguments from them."""

from __future__ import annotations

import argparse
import csv
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from mgframe.cli.parser import Parser, Word
from mgframe.cli.wording import Wording, wordings

#: What annotations say where several values are taken; in words they stand between commas.
_SEVERAL: Final = ("Iterable", "Sequence", "Regions")
_CONDITION: Final = re.compile(r"([a-z_]+)\s*(!=|!~|=|~)\s*(.+)", re.DOTALL)
_COMPARATORS: Final = {"=": "=", "!=": "!=", "~": "contains", "!~": "not contains"}

#: What is written otherwise here than in Python.
_WORDINGS: Final = {
    "where": "a filter, KEY=VALUE or KEY=A,B; also KEY!=VALUE, and KEY~TEXT for contains, "
    "KEY!~TEXT for contains not. Repeated, all must hold",
    "regions": "ask each and tell them apart: us,eu",
}

Condition = tuple[str, str, list[str]]


def add_options(
    parser: Parser, function: Callable[..., Any], *, skip: tuple[str, ...] = ()
) -> None:
    """Add an option for each parameter of a function; those positional there are words too."""
    texts = wordings(function)
    group = parser.add_argument_group("the question")
    for parameter in _parameters(function, skip):
        name = parameter.name
        wording = texts.get(name, Wording(""))
        group.add_argument(
            f"--{name.replace('_', '-')}",
            dest=name,
            default=argparse.SUPPRESS,  # so that the function's own defaults hold
            help=_WORDINGS.get(name, wording.text).replace("%", "%%"),
            **_kind(parameter, wording.choices),
        )
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            needed = parameter.default is parameter.empty
            parser.words.append(Word(name, _kind(parameter, ()).get("type", str), needed))
    shown = "".join(
        f" {w.name.upper() if w.needed else f'[{w.name.upper()}]'}" for w in parser.words
    )
    parser.usage = f"{parser.prog}{shown} [OPTION ...]"


def arguments_of(
    parsed: argparse.Namespace, function: Callable[..., Any], *, skip: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return the arguments of a function that were given."""
    names = [parameter.name for parameter in _parameters(function, skip)]
    given = {name: getattr(parsed, name) for name in names if hasattr(parsed, name)}
    if "where" in given:
        given["where"] = _filter_of(given["where"])
    return given


def _parameters(function: Callable[..., Any], skip: tuple[str, ...]) -> Iterator[inspect.Parameter]:
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name not in ("client", "archive", *skip):  # whom to ask is said elsewhere
            yield parameter


def _kind(parameter: inspect.Parameter, choices: tuple[str, ...]) -> dict[str, Any]:
    """Return how argparse is to read a parameter."""
    annotation = str(parameter.annotation)
    if annotation.startswith("bool"):
        return {"action": argparse.BooleanOptionalAction}
    shown = "|".join(choices) if choices else parameter.name.upper()
    if parameter.name == "where":
        return {"type": _condition, "action": "append", "metavar": "KEY=VALUE"}
    if annotation.startswith(("int", "float")):
        return {"type": int if annotation.startswith("int") else float, "metavar": "N"}
    if any(word in annotation for word in _SEVERAL):
        return {"type": values, "metavar": shown if choices else f"{shown}[,...]"}
    return {"metavar": shown}


def values(text: str) -> str | list[str]:
    """Return one value, or those between commas; quotes keep a comma that belongs to a value."""
    line = " ".join(text.splitlines())
    found = [value.strip() for value in next(csv.reader([line], skipinitialspace=True))]
    return found[0] if len(found) == 1 else found


def _condition(text: str) -> Condition:
    """Read ``KEY=A,B``, ``KEY!=A``, ``KEY~TEXT`` or ``KEY!~TEXT``."""
    parts = _CONDITION.fullmatch(text.strip())
    if parts is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no filter; write it like domain=a.com, recipient_provider=Gmail,Yahoo, "
            "tag!=test or tag~news"
        )
    said = values(parts[3])
    return parts[1], _COMPARATORS[parts[2]], [said] if isinstance(said, str) else said


def _filter_of(conditions: list[Condition]) -> dict[str, Any]:
    """Return the filter as functions take it, in its simplest form."""
    found: dict[str, dict[str, list[str]]] = {}
    for key, comparator, said in conditions:
        found.setdefault(key, {}).setdefault(comparator, []).extend(said)
    return {key: _simplest(said) for key, said in found.items()}


def _simplest(said: dict[str, list[str]]) -> Any:
    if list(said) != ["="]:
        return said
    return said["="][0] if len(said["="]) == 1 else said["="]
