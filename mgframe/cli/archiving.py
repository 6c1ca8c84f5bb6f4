"""``mgframe archive``: history that outlives Mailgun's retention, kept by a line of a crontab."""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mgframe.cli.connecting import add_connection, connect, opened
from mgframe.cli.options import add_options, arguments_of
from mgframe.cli.output import Output, add_output, file_of
from mgframe.cli.parser import Parser, Word, examples
from mgframe.cli.speaking import ERROR, FINDINGS, FINE, SIMULATED, note, say
from mgframe.cli.wording import summary
from mgframe.unseen import visible_lines

if TYPE_CHECKING:
    import pandas as pd

    from mgframe.archiving.archive import Archive
    from mgframe.client import Client

_SENTENCES: Final = "by default sentences"
_TABLE: Final = "by default a table on a terminal, else csv"

_CODES: Final = """

exit codes, for cron: 0 fine; 1 something failed, or there is no archive; 2 wrong usage; 3 findings:
verify found something, or status has a problem (Mailgun forgets within 7 days what is not kept, a
last sync failed, a table cannot be read). What went well is told on a terminal, or with -v."""


class Deed(NamedTuple):
    """What can be done with an archive; its options are those of the method of that name.

    `output` says what it writes by default, where it is asked for its answer, not for its deed.
    """

    help: str
    example: str
    run: Callable[[argparse.Namespace, dict[str, Any]], int]
    output: str = ""


def fill_archive(parser: Parser) -> None:
    """Add what can be done with an archive to ``mgframe archive``."""
    parser.description = (
        "Keep what Mailgun forgets (hours after 60 days, days after a year) in a folder or an\n"
        "object store. ARCHIVE is the folder, or an address such as s3://bucket/mail, whose\n"
        "credentials come from the environment."
    )
    lines = (f"mgframe archive {name} {deed.example}" for name, deed in DEEDS.items())
    parser.epilog = examples(*lines) + _CODES
    deeds = parser.add_subparsers(required=True, metavar="DEED")
    for name, deed in DEEDS.items():
        deeds.add_parser(name, help=deed.help, fill=partial(_fill_deed, name))


def _fill_deed(name: str, parser: Parser) -> None:
    deed, method = DEEDS[name], _method(name)
    parser.words.append(Word("archive", str, needed=True))
    at_home = "" if name == "init" else f"\nIn Python: help(mgframe.Archive.{name})"
    parser.description = f"{summary(method)}{at_home}"
    parser.epilog = examples(f"{parser.prog} {deed.example}")
    add_options(parser, method, skip=("archive",))
    if "client" in inspect.signature(method).parameters:
        add_connection(parser)
    if deed.output:
        text = "write nothing where all is well"
        parser.add_argument("-q", "--quiet", action="store_true", help=text)
        add_output(parser, default=deed.output)
    else:
        text = "say what was done where no terminal is, too"
        parser.add_argument("-v", "--verbose", action="store_true", help=text)
    parser.set_defaults(run=partial(_run, name))


def _run(name: str, parsed: argparse.Namespace) -> int:
    return DEEDS[name].run(parsed, arguments_of(parsed, _method(name), skip=("archive",)))


def _method(name: str) -> Callable[..., Any]:
    from mgframe.archiving.archive import Archive

    method: Callable[..., Any] = _begin if name == "init" else getattr(Archive, name)
    return method


def _begin(archive: Archive) -> None:
    """Begin an archive in an empty folder or an object store; where there is one, it stays."""
    archive.begin()


def _opened(parsed: argparse.Namespace) -> Archive:
    """Return the archive that a command names."""
    return opened(parsed.archive)


def _tell(parsed: argparse.Namespace, text: str) -> None:
    """Write what was done, where somebody reads it; cron would mail it every night."""
    if parsed.verbose or sys.stdout.isatty():
        _print(text)


def _print(text: str) -> None:
    sys.stdout.writelines(f"{line}\n" for line in visible_lines(text).splitlines())


# ---------------------------------------------------------------- what each does


def _init(parsed: argparse.Namespace, _: dict[str, Any]) -> int:
    from mgframe.archiving.archive import Archive

    archive = Archive(parsed.archive)
    was_there = archive.is_begun
    _begin(archive)
    if was_there:
        _tell(parsed, f"{archive.place} is an archive already; it keeps {_kept(archive)}")
    else:
        _tell(parsed, f"{archive.place} is an archive now; mgframe archive track says what to keep")
    return FINE


def _kept(archive: Archive) -> str:
    return ", ".join(archive.tracks) or "nothing yet"


def _track(parsed: argparse.Namespace, arguments: dict[str, Any]) -> int:
    archive = _opened(parsed)
    archive.track(**arguments)
    _tell(parsed, f"{archive.place} keeps {_kept(archive)}; mgframe archive sync fetches it")
    return FINE


def _sync(parsed: argparse.Namespace, arguments: dict[str, Any]) -> int:
    archive = _opened(parsed)
    with connect(parsed) as client:
        synced = archive.sync(**arguments, client=client)
    if parsed.simulated:
        note(SIMULATED)
    _tell(parsed, str(synced))
    return FINE if synced.ok else ERROR  # a warning has told each failure


def _status(parsed: argparse.Namespace, arguments: dict[str, Any]) -> int:
    output = _output(parsed)
    status = _opened(parsed).status(**arguments)
    if not status.ok or not parsed.quiet:
        _write(status, output)
    if output is not None:  # the words have them already
        for problem in status.problems:
            say(problem)
    return FINE if status.ok else FINDINGS


def _output(parsed: argparse.Namespace) -> Output | None:
    return Output.of(parsed) if parsed.format or file_of(parsed) else None


def _write(found: Any, output: Output | None) -> None:
    """Write a result in words, or its table as it was asked for."""
    if output is None:
        _print(str(found))
    else:
        output.write(found.table)


def _verify(parsed: argparse.Namespace, arguments: dict[str, Any]) -> int:
    output, archive = Output.of(parsed), _opened(parsed)
    with _client_if_named(parsed) as client:
        found = archive.verify(**arguments, client=client)
    unexpected = int((~found["expected"]).sum())
    if parsed.quiet and not unexpected:
        return FINE
    if len(found) or _output(parsed) is not None:  # unasked, nothing is no table
        output.write(found)
    note(_looked_at(found, unexpected))
    return FINDINGS if unexpected else FINE


def _looked_at(found: pd.DataFrame, unexpected: int) -> str:
    """Return what a verification read, and what came of it."""
    from mgframe.archiving.outcomes import counted
    from mgframe.framing import meta_of

    looked = meta_of(found)
    outcome = f"{counted(len(found), 'finding')}, {unexpected} of them unexpected"
    return (
        f"{outcome if len(found) else 'nothing is wrong'}: "
        f"{counted(looked['files'], 'file')} and {counted(looked['rows'], 'row')} read, "
        f"{counted(sum(looked['compared'].values()), 'sum')} compared"
    )


def _client_if_named(parsed: argparse.Namespace) -> AbstractContextManager[Client | None]:
    """Return the client that the arguments name; else the environment's is asked, or nobody."""
    named = (parsed.simulated, parsed.key_file, parsed.region, parsed.subaccount)
    return connect(parsed) if any(named) else nullcontext()


def _compact(parsed: argparse.Namespace, arguments: dict[str, Any]) -> int:
    from mgframe.archiving.outcomes import counted

    table = _opened(parsed).compact(**arguments)
    for row in table.to_dict("records"):
        _tell(
            parsed,
            f"{row['track']}: {counted(row['files_before'], 'file')}, now {row['files_after']:,}; "
            f"{row['removed']:,} left by interrupted writes removed",
        )
    return FINE


def _export(parsed: argparse.Namespace, arguments: dict[str, Any]) -> int:
    from mgframe.archiving.exporting import refuse_existing

    archive = _opened(parsed)
    if not arguments.get("overwrite"):
        refuse_existing(Path(arguments["path"]).expanduser(), "--overwrite")
    file = archive.export(**arguments)
    if archive.table(arguments["name"]).state.simulated:
        note(SIMULATED)
    _tell(parsed, f"{file} holds {arguments['name']}")
    return FINE


DEEDS: Final = {
    "init": Deed("begin an archive in an empty folder or an object store", "mail-history", _init),
    "track": Deed("say what is to be kept", "mail-history days --by domain", _track),
    "sync": Deed("fetch what is new and what may have changed", "mail-history", _sync),
    "status": Deed("what is kept, and what will be lost", "mail-history", _status, _SENTENCES),
    "verify": Deed("what is wrong with what is kept", "mail-history", _verify, _TABLE),
    "export": Deed("write what is kept to one file", "mail-history days days.parquet", _export),
    "compact": Deed("join small files; no row and no past is lost", "mail-history", _compact),
}
