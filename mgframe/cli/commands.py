"""The commands: their names, what each is for, and the module that has it."""

from __future__ import annotations

import argparse
import importlib
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Final, NamedTuple

from mgframe.cli.parser import Parser, examples


class Command(NamedTuple):
    """A command; ``mgframe.cli.<module>.fill_<name>`` completes its parser."""

    name: str
    module: str
    help: str


COMMANDS: Final = (
    Command("demo", "showing", "fetch, print and plot a simulated account; needs no key"),
    Command("fetch", "fetching", "ask any fetch function; CSV, Parquet, JSON lines or a table"),
    Command("plan", "fetching", "show what a fetch would send, and send nothing"),
    Command("report", "reporting", "write a report into one file: the Monday job"),
    Command("archive", "archiving", "keep what Mailgun forgets: init, track, sync, status ..."),
    Command("investigate", "checking", "what went wrong, in sentences, best first"),
    Command("reconcile", "checking", "do all views of the account agree?"),
    Command("explain", "showing", "say what a count, a rate, a key or an SMTP code means"),
    Command("simulate", "showing", "serve a simulated account for other programs"),
)

_DESCRIPTION: Final = """\
Mailgun's sending statistics on the command line. The key comes from MAILGUN_API_KEY or a file
(--key-file), never from an argument; --simulated asks an account whose numbers are invented."""

_CODES: Final = """

exit codes: 0 fine; 1 error; 2 wrong usage; 3 findings, or a limit breached as --fail-on asks"""


def build_parser() -> Parser:
    """Return the parser of all commands, each of which is filled when it is used."""
    end = examples(
        "mgframe demo",
        "mgframe fetch metrics --by domain --last 28d -o domains.csv",
        "mgframe explain bounce_rate",
    )
    parser = Parser(prog="mgframe", description=_DESCRIPTION, epilog=end + _CODES)
    parser.add_argument("--version", action="version", version=f"mgframe {_version()}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        commands.add_parser(command.name, help=command.help, fill=partial(_filled_by, command))
    return parser


def _filled_by(command: Command, parser: argparse.ArgumentParser) -> None:
    module = importlib.import_module(f"mgframe.cli.{command.module}")
    getattr(module, f"fill_{command.name}")(parser)


def _version() -> str:
    try:
        return version("mgframe")
    except PackageNotFoundError:
        return "(not installed)"
