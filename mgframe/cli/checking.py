"""``mgframe reconcile``: whether the account agrees with itself."""

from __future__ import annotations

import argparse

from mgframe.cli.connecting import add_connection, connect
from mgframe.cli.options import add_options, arguments_of
from mgframe.cli.output import Output, add_output
from mgframe.cli.parser import Parser, examples
from mgframe.cli.speaking import FINDINGS, FINE, note


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
