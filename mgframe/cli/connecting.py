"""Whom a command asks: an account, whose key comes from the environment or a file, or none."""

from __future__ import annotations

import argparse
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from mgframe.cli.parser import Parser
from mgframe.cli.speaking import note
from mgframe.errors import ConfigurationError, QueryError

if TYPE_CHECKING:
    from mgframe.archiving.archive import Archive
    from mgframe.client import Client

#: No key is longer; a larger file is another one.
_LONGEST = 1000


def add_connection(parser: Parser, *, archives: bool = False) -> None:
    """Add the options that say whom to ask; with `archives` that may be an archive."""
    group = parser.add_argument_group("whom to ask")
    if archives:
        group.add_argument(
            "--archive",
            metavar="PATH",
            help="an archive, which needs no key and no request; with --key-file the account is "
            "asked for causes alone",
        )
    group.add_argument(
        "--simulated",
        action="store_true",
        help="a simulated account, which needs no key; the numbers are invented",
    )
    group.add_argument(
        "--key-file",
        type=Path,
        metavar="FILE",
        help="a file that holds the API key; by default MAILGUN_API_KEY is read",
    )
    group.add_argument(
        "--region", choices=("us", "eu"), help="where the domains live (MAILGUN_REGION, else us)"
    )
    group.add_argument("--subaccount", metavar="ID", help="act for this subaccount")
    group.add_argument("--api-key", "--key", action=_RefusedKey, nargs="?", help=argparse.SUPPRESS)


class _RefusedKey(argparse.Action):
    """Refuse a key among the arguments without repeating it."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> NoReturn:
        parser.error(
            "everyone on this machine can read a key in a command; set MAILGUN_API_KEY or name "
            "a file with --key-file (and change this key if it was a real one)"
        )


def connect(parsed: argparse.Namespace) -> Client:
    """Return the client that the arguments describe."""
    if parsed.simulated:
        return _simulated(parsed)
    from mgframe.client import Client

    key = None if parsed.key_file is None else _key_of(parsed.key_file)
    if key is None:
        _require_key()
    return Client(key, region=parsed.region, subaccount=parsed.subaccount)


@contextmanager
def source(parsed: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield whom to ask as arguments of a function: an archive, an account, or both.

    Beside an archive an account is asked only where the command names it: a key that happens to be
    in the environment sends nothing.
    """
    if parsed.archive is None:
        with connect(parsed) as client:
            yield {"client": client}
        return
    archive = opened(parsed.archive)
    if not any((parsed.simulated, parsed.key_file, parsed.region, parsed.subaccount)):
        yield {"archive": archive}
        return
    with connect(parsed) as client:
        yield {"archive": archive, "client": client}


def opened(path: str) -> Archive:
    """Return the archive that is there; a mistyped path or a missing disk is not made one."""
    from mgframe.archiving.archive import Archive

    archive = Archive(path)
    archive.refuse_none("mgframe archive init begins one")
    return archive


def _simulated(parsed: argparse.Namespace) -> Client:
    given = [name for name in ("key_file", "region", "subaccount") if getattr(parsed, name)]
    if given:
        option = given[0].replace("_", "-")
        raise QueryError(f"--simulated asks an account of its own; leave --{option} out")
    from mgframe.showcase import demo

    return demo()


def _require_key() -> None:
    from mgframe.settings import KEY_VARIABLES

    if not any(os.environ.get(name, "").strip() for name in KEY_VARIABLES):
        raise ConfigurationError(
            "there is no Mailgun API key: set MAILGUN_API_KEY in the environment or name a file "
            "with --key-file; --simulated asks a simulated account that needs none"
        )


def _key_of(path: Path) -> str:
    """Return the key that a file holds; no message has any of it."""
    try:
        with path.open("rb") as file:
            mode, content = os.fstat(file.fileno()).st_mode, file.read(_LONGEST + 1)
    except OSError as error:
        raise ConfigurationError(f"--key-file {path} cannot be read: {error.strerror}") from None
    lines = content.decode("latin-1").split()
    if len(lines) != 1 or len(content) > _LONGEST:
        raise ConfigurationError(
            f"--key-file {path} must hold the key and nothing else; it holds "
            f"{'nothing' if not lines else 'more'}"
        )
    if os.name == "posix" and stat.S_ISREG(mode) and mode & (stat.S_IROTH | stat.S_IWOTH):
        note(f"everyone on this machine can read or change {path}: chmod 600 {path}")
    return lines[0]
