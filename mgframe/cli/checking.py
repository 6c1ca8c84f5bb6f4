"""``mgframe investigate`` and ``mgframe reconcile``: whether there is anything to look at."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from mgframe.cli.connecting import add_connection, connect, source
from mgframe.cli.options import add_options, arguments_of
from mgframe.cli.output import Output, add_output, file_of
from mgframe.cli.parser import Parser, examples
from mgframe.cli.speaking import ERROR, FINDINGS, FINE, SIMULATED, note
from mgframe.unseen import visible

if TYPE_CHECKING:
    import pandas as pd

#: What is said in Python alone.
NOT_HERE: Final = ("frames", "failures")


def fill_investigate(parser: Parser) -> None:
    """Add the options of ``mgframe investigate``."""
    from mgframe.investigation import investigate

    parser.description = (
        "Say what went wrong, best first: one incident, its cause as far as the servers say it,\n"
        "and what to check next. Code 3 where anything was found."
    )
    parser.epilog = examples(
        "mgframe investigate --simulated",
        "mgframe investigate --last 60d -o findings.csv",
        "mgframe investigate --archive mail-history --last 14m",
    )
    add_options(parser, investigate, skip=NOT_HERE)
    add_connection(parser, archives=True)
    add_output(parser, default="by default sentences")
    parser.set_defaults(run=_investigate)


def _investigate(parsed: argparse.Namespace) -> int:
    from mgframe.framing import meta_of
    from mgframe.investigation import investigate

    output = Output.of(parsed) if parsed.format or file_of(parsed) else None
    with source(parsed) as asked:
        found = investigate(**arguments_of(parsed, investigate, skip=NOT_HERE), **asked)
    if output is None:
        sys.stdout.write(sentences(found))
    else:
        output.write(found)
    reasons = list(meta_of(found).get("cannot_tell", ()))
    judged = _judged(found)
    for text in reasons if judged else reasons[1:]:  # a warning has told the first
        note(text)
    if not judged:
        return ERROR
    return FINDINGS if (found["kind"] != "note").any() else FINE


def sentences(found: pd.DataFrame) -> str:
    """Return findings as they are told: numbered, each with what to check next."""
    from mgframe.framing import is_simulated

    rows = enumerate(found.to_dict("records"), start=1)
    lines = [line for number, row in rows for line in _told(number, row)]
    lines = lines or ["Nothing stands out." if _judged(found) else "Nothing could be judged."]
    return "\n".join([*lines, *([SIMULATED] if is_simulated(found) else []), ""])


def _judged(found: pd.DataFrame) -> bool:
    """Return whether any series was looked at; none is no proof that nothing went wrong."""
    from mgframe.framing import meta_of

    return bool(meta_of(found).get("series", 1))


def _told(number: int, row: Mapping[Any, Any]) -> list[str]:
    following = [f"   Next: {row['next_check']}"] if row["next_check"] else []
    return [visible(line) for line in (f"{number}. {row['sentence']}", *following)]


def fill_reconcile(parser: Parser) -> None:
    """Add the options of ``mgframe reconcile``."""
    from mgframe.inquiry import reconcile

    parser.description = (
        "Ask all views of the account about the same mail and write where they disagree.\n"
        "Code 3 where a breach has no known cause."
    )
    parser.epilog = examples("mgframe reconcile --last 14d --simulated", "mgframe reconcile")
    add_options(parser, reconcile)
    add_connection(parser)
    add_output(parser)
    parser.set_defaults(run=_reconcile)


def _reconcile(parsed: argparse.Namespace) -> int:
    from mgframe.framing import meta_of
    from mgframe.inquiry import reconcile

    output = Output.of(parsed)
    with connect(parsed) as client:
        table = reconcile(**arguments_of(parsed, reconcile), client=client)
    output.write(table)
    meta = meta_of(table)
    unexplained = meta["unexplained"]
    note(
        f"{meta['compared']['all']} numbers compared, {len(table)} breaches, "
        f"{unexplained} of them unexplained"
    )
    return FINDINGS if unexplained else FINE
