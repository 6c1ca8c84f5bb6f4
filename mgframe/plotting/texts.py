"""Names of keys as texts that matplotlib draws as they are: any name, any length."""

from __future__ import annotations

import functools
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

from matplotlib.font_manager import FontProperties, findfont, get_font

from mgframe.unseen import NO_LETTERS
from mgframe.vocabulary import KEYS

_NOT_DRAWABLE: Final = "?"


def plain(text: str) -> str:
    """Return `text` on one line, without control characters, with ``$`` taken literally.

    Format characters go too: a right-to-left override would turn the rest of a label round. What
    the fonts in use cannot draw becomes ``?``: matplotlib would draw a box and warn each time.
    """
    known = _drawable(tuple(FontProperties().get_family()))
    kept = (
        " " if char.isspace() else char if ord(char) in known else _NOT_DRAWABLE
        for char in str(text)
        if char.isspace() or unicodedata.category(char) not in NO_LETTERS
    )
    return " ".join("".join(kept).split()).replace("$", r"\$")


@functools.lru_cache(maxsize=8)
def _drawable(families: Sequence[str]) -> frozenset[int]:
    """Return the characters that the fonts of some families have, plain and bold."""
    return frozenset.intersection(*(_characters(families, weight) for weight in ("normal", "bold")))


def _characters(families: Sequence[str], weight: str) -> frozenset[int]:
    found: set[int] = set()
    for family in families:
        path = findfont(FontProperties(family=family, weight=weight))
        found.update(get_font(path).get_charmap())
    return frozenset(found)


def shortened(text: str, most: int) -> str:
    """Return `text` cut in the middle, where names of one family differ least."""
    if len(text) <= most:
        return text
    head = (most - 1) // 2
    return f"{text[:head]}…{text[len(text) - (most - 1 - head) :]}"


def key_labels(keys: Iterable[str], *, most: int = 28) -> dict[str, str]:
    """Return a readable, unique label for every key.

    matplotlib hides labels that begin with an underscore, so those begin with a space.
    """
    labels: dict[str, str] = {}
    taken: set[str] = set()
    for key in keys:
        label = base = _label(key, most)
        number = 2
        while label in taken:
            label, number = f"{base} ({number})", number + 1
        taken.add(label)
        labels[key] = label
    return labels


def _label(key: str, most: int) -> str:
    literal = shortened(plain(key).replace(r"\$", "$"), most).replace("$", r"\$")
    if not literal:
        return "(no name)"
    return f" {literal}" if literal.startswith("_") else literal


def wrapped(text: str, width: int) -> str:
    """Return `text` on as many lines of `width` characters as it needs."""
    return "\n".join(textwrap.wrap(text, width, break_on_hyphens=False))


def with_denominator_below(label: str, width: int) -> str:
    """Return a rate's label on one line where it fits, else with its parenthesis on the next."""
    head, bracket, rest = label.rpartition(" (")
    if len(label) <= width or not bracket:
        return wrapped(label, width)
    return f"{wrapped(head, width)}\n{wrapped('(' + rest, width)}"


def key_word(level: str) -> str:
    """Return what a key level is called inside a sentence."""
    label = KEYS[level].label if level in KEYS else level
    return label if label.isupper() or label[:2].isupper() else label[0].lower() + label[1:]
