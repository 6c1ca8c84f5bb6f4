"""The command line, ``mgframe``: data on stdout, messages on stderr, an exit code that means one.

====  ==========================================================================
0     fine
1     an error: no key, no answer, a file that cannot be written, a part that failed
2     wrong usage; nothing was sent
3     findings, or a limit breached as ``--fail-on`` asks
130   Ctrl-C
141   the reader of a pipe left, as with ``| head``
====  ==========================================================================

No maths is done here: a command reads words, calls a public function and writes what it returns.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from mgframe.cli.commands import build_parser
from mgframe.cli.speaking import ERROR, FINE, USAGE, say, show_notes
from mgframe.errors import MgframeError, MgframeWarning, QueryError

_INTERRUPTED, _PIPE_CLOSED = 130, 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    try:
        with _notes_on_stderr():
            code = _run(arguments)
            sys.stdout.flush()
        return code
    except BrokenPipeError:
        _abandon_stdout()
        return _PIPE_CLOSED
    except KeyboardInterrupt:
        return _INTERRUPTED
    except UnicodeEncodeError as error:
        letter = error.object[error.start]
        say(f"{error.encoding} cannot write {letter!a}; set PYTHONIOENCODING=utf-8, or use -o")
    except OSError as error:
        named = f": {error.filename}" if error.filename else ""
        say(f"{error.strerror or error}{named}")
    except MgframeError as error:
        say(str(error))
        for note in getattr(error, "__notes__", ()):
            say(note)
        return USAGE if isinstance(error, QueryError) else ERROR
    return ERROR


def _run(arguments: Sequence[str] | None) -> int:
    try:
        parsed = build_parser().parse_args(arguments)
    except SystemExit as left:  # --help, --version and wrong usage, which have said what is to say
        return left.code if isinstance(left.code, int) else FINE
    return int(parsed.run(parsed))


@contextmanager
def _notes_on_stderr() -> Iterator[None]:
    """Show what mgframe warns of as one line each, as soon as it is known."""
    with warnings.catch_warnings():
        warnings.simplefilter("default", MgframeWarning)
        warnings.showwarning = show_notes(warnings.showwarning)
        yield


def _abandon_stdout() -> None:
    """Let what is still buffered go nowhere, or Python would complain of it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
