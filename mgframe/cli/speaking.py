"""What the commands say on stderr, and the codes they leave with."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final, TextIO

from mgframe.errors import MgframeWarning
from mgframe.unseen import visible_lines

FINE: Final = 0
ERROR: Final = 1
USAGE: Final = 2
FINDINGS: Final = 3

SIMULATED: Final = "SIMULATED: the numbers are invented"


def say(text: str) -> None:
    """Write one message to stderr."""
    print(f"mgframe: {visible_lines(text)}", file=sys.stderr)


def note(text: str) -> None:
    """Write one remark to stderr: something to know, and no error."""
    say(f"note: {text}")


def show_notes(otherwise: Callable[..., None]) -> Callable[..., None]:
    """Return what shows a warning: mgframe's own as a note, others as they were shown before."""

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> Any:
        if issubclass(category, MgframeWarning):
            note(str(message))
        else:
            otherwise(message, category, filename, lineno, file, line)

    return show
