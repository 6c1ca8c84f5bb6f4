"""How arguments are read: filled when first needed, strict, with errors of two lines."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from mgframe.cli.speaking import USAGE
from mgframe.errors import suggestion


@dataclass(frozen=True)
class Word:
    """A value that may be said without its option's name, as the first or second word."""

    name: str
    read: Callable[[str], Any]
    needed: bool


class Parser(argparse.ArgumentParser):
    """A parser of one command, which `fill` completes when it is first used.

    So ``mgframe --help`` imports no command. Words without an option's name may stand between the
    options; argparse of Python 3.11 takes optional ones only before them.
    """

    def __init__(self, *, fill: Callable[[Parser], None] | None = None, **more: Any):
        super().__init__(
            allow_abbrev=False,  # --key must not be taken for --key-file
            formatter_class=argparse.RawDescriptionHelpFormatter,
            **more,
        )
        self._fill = fill
        self.words: list[Word] = []

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Fill the parser, read the arguments, and refuse what is left over."""
        if self._fill is not None:
            fill, self._fill = self._fill, None
            fill(self)
        found, left = super().parse_known_args(args, namespace)
        options = [text for text in left if text.startswith("-") and text not in ("-", "--")]
        if options:
            self._refuse(options[0])
        self._take_words(found, [text for text in left if text != "--"])
        return found, []

    def error(self, message: str) -> NoReturn:
        """Leave with what is wrong and where to read more, without the long usage."""
        self.exit(USAGE, f"mgframe: {message}\n{self.prog} --help shows how it is used\n")

    def _refuse(self, option: str) -> NoReturn:
        name = option.partition("=")[0]  # its value may be a secret
        near = suggestion(name, (text for a in self._actions for text in a.option_strings))
        self.error(f"there is no option {name}{near}")

    def _take_words(self, found: argparse.Namespace, texts: list[str]) -> None:
        if len(texts) > len(self.words):
            hint = "; several values are written a,b" if self.words else ""
            self.error(f"one word too many: {texts[len(self.words)]!r}{hint}")
        for word, text in zip(self.words, texts, strict=False):
            if hasattr(found, word.name):
                self.error(f"{word.name} is given twice, as {text!r} and with --{word.name}")
            setattr(found, word.name, word.read(text))
        missing = [w.name for w in self.words if w.needed and not hasattr(found, w.name)]
        if missing:
            self.error(f"{missing[0]} is missing")


def examples(*lines: str) -> str:
    """Return the end of a help page."""
    return "\n".join([f"example{'s' if len(lines) > 1 else ''}:", *(f"  {line}" for line in lines)])


def whole(least: int, most: int) -> Callable[[str], int]:
    """Return what reads a whole number of a range."""

    def whole_number(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} to {most}")
        return int(text)

    return whole_number
