"""``mgframe fetch`` and ``mgframe plan``: any fetch function, its options from its signature."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from mgframe.cli.alarms import add_alarms, breached
from mgframe.cli.catalogue import FETCHES, INQUIRIES, Fetch, fetch_function
from mgframe.cli.connecting import add_connection, connect
from mgframe.cli.options import add_options, arguments_of
from mgframe.cli.output import Output, add_output
from mgframe.cli.parser import Parser, examples
from mgframe.cli.speaking import ERROR, FINDINGS, FINE
from mgframe.cli.wording import summary

if TYPE_CHECKING:
    import pandas as pd

_LISTS = "Lists have commas (a.com,b.com), filters are --where KEY=VALUE."


def fill_fetch(parser: Parser) -> None:
    """Add every fetch function to ``mgframe fetch``."""
    parser.description = f"Ask one fetch function and write its frame. {_LISTS}"
    parser.epilog = examples(
        "mgframe fetch domain_totals news.example.com --last 30d --simulated",
        "mgframe fetch metrics --by domain --where recipient_provider=Gmail,Yahoo --last 28d "
        "--format jsonl",
        "mgframe fetch metrics --by domain --last 28d --fail-on 'complaint_rate>0.1%:over' "
        "-o domains.csv",
    )
    _add_functions(parser, FETCHES, _fill_one_fetch)


def fill_plan(parser: Parser) -> None:
    """Add every fetch function to ``mgframe plan``."""
    parser.description = f"Show the requests of a fetch, and send nothing. {_LISTS}"
    parser.epilog = examples("mgframe plan metrics --by domain,tag --last 90d --simulated")
    _add_functions(parser, FETCHES | INQUIRIES, _fill_one_plan)


def _add_functions(
    parser: Parser, fetches: Mapping[str, Fetch], fill: Callable[[str, Parser], None]
) -> None:
    functions = parser.add_subparsers(required=True, metavar="FUNCTION")
    for name, fetch in fetches.items():
        functions.add_parser(name, help=fetch.help, fill=partial(fill, name))


def _fill_one_fetch(name: str, parser: Parser) -> None:
    _add_question(name, parser)
    add_output(parser)
    judged = "resolution" in inspect.signature(fetch_function(name)).parameters
    if judged:
        add_alarms(parser)
    parser.set_defaults(run=partial(_fetch, name, judged))


def _fill_one_plan(name: str, parser: Parser) -> None:
    _add_question(name, parser)
    parser.set_defaults(run=partial(_plan, name))


def _add_question(name: str, parser: Parser) -> None:
    function = fetch_function(name)
    parser.description = f"{summary(function)}\nIn Python: help(mgframe.{name})"
    parser.epilog = examples(f"{parser.prog} {(FETCHES | INQUIRIES)[name].example}".strip())
    add_options(parser, function)
    add_connection(parser)


def _fetch(name: str, judged: bool, parsed: argparse.Namespace) -> int:
    output, function = Output.of(parsed), fetch_function(name)
    with connect(parsed) as client:
        frame = function(**arguments_of(parsed, function), client=client)
    output.write(frame)
    if judged and breached(frame, parsed):
        return FINDINGS
    return ERROR if _some_failed(frame) else FINE


def _some_failed(frame: pd.DataFrame) -> bool:
    """Return whether requests failed that ``--on-error warn`` let pass; a note has named them."""
    from mgframe.framing import meta_of

    return bool(meta_of(frame).get("failed"))


def _plan(name: str, parsed: argparse.Namespace) -> int:
    from mgframe.planning import plan

    function = fetch_function(name)
    with connect(parsed) as client:
        print(plan(function, **arguments_of(parsed, function), client=client))
    return FINE
