"""Answer from what was kept: :func:`replay`."""

from __future__ import annotations

import os
import secrets
from typing import Any, Final

from mgframe.client import Client
from mgframe.errors import ConfigurationError, QueryError
from mgframe.recording.casefile import CaseFile, path_of, read_file
from mgframe.recording.manifest import Manifest, versions
from mgframe.recording.sessions import Player
from mgframe.recording.tape import Tape
from mgframe.settings import REGIONS

#: How many bytes of answers are read unless more is asked for.
_MOST: Final = 2**30


def replay(path: str | os.PathLike[str], *, most: int = _MOST) -> ReplayClient:
    """Return a client that answers from a recording: offline, without a key, with equal frames.

    Parameters
    ----------
    path : str or path
        A file that :func:`mgframe.record` wrote.
    most : int, default 1 GiB
        How many bytes of answers, unpacked, are read at most.

    Returns
    -------
    ReplayClient
        A :class:`mgframe.Client`, to be passed as ``client=``. Its clock stands where the recorded
        one stood. Its `manifest` has what the file says of itself (`clock`, `created`, `ended`,
        `versions` ...), its `parameters` are those given to :func:`mgframe.record`.

    Raises
    ------
    ConfigurationError
        There is no such file, it is no recording, one of a newer format or larger than `most`.
    ResponseError
        The file is damaged or was changed: its answers are not those of the manifest.

    Notes
    -----
    A request is answered by what came of the same method, address, query, body and subaccount. One
    that was made several times gets its answers in the order in which they came, then the last one
    again; make another client to begin anew. Errors are replayed too, without any wait. A request
    that was not recorded raises :class:`mgframe.QueryError`, which names the nearest that was.

    Frames say ``replayed_from`` in attrs, and SIMULATED where the account was simulated. Nothing is
    unpacked to a disk, and no connection is opened.

    Examples
    --------
    >>> import mgframe as mg, tempfile, pathlib
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(folder.name) / "case.zip"
    >>> with mg.record(path, client=mg.demo()) as case:
    ...     df = mg.account_totals(last="7d", client=case.client)
    >>> client = mg.replay(path)
    >>> client
    Client(replayed from 'case.zip': 1 answer of a simulated account at http://127.0.0.1:..., ...)
    >>> again = mg.account_totals(last="7d", client=client)
    >>> again.equals(df), again.attrs["mgframe"]["replayed_from"]
    (True, 'case.zip')
    >>> folder.cleanup()
    """
    if isinstance(most, bool) or not isinstance(most, int) or most < 1:
        raise QueryError(f"most={most!r} must be a whole number of bytes, at least 1")
    return ReplayClient(read_file(path_of(path), most=most))


class ReplayClient(Client):
    """A client whose answers come from a recording; see :func:`replay`.

    Attributes
    ----------
    manifest : Manifest
        What the recording says of itself.
    parameters : dict
        What the investigation was about, as given to :func:`mgframe.record`.
    """

    def __init__(self, case: CaseFile) -> None:
        manifest, settings = case.manifest, case.manifest.client
        tape = Tape(case.lines, name=case.name, hint=_other_version(manifest))
        try:
            # The key is of no use to anybody, and so unlike any text that it hides none.
            super().__init__(
                secrets.token_hex(16),
                **_address(settings),
                subaccount=settings["subaccount"] or None,
                retries=settings["retries"],
                connections=settings["connections"],
                session=Player(tape),
                clock=lambda: manifest.moment,
            )
        except ConfigurationError as error:
            raise ConfigurationError(f"the manifest of {case.name} is of no use: {error}") from None
        self.manifest: Manifest = manifest
        self.parameters: dict[str, Any] = manifest.parameters
        self.replayed_from = case.name

    def __repr__(self) -> str:
        return f"Client(replayed from {self.replayed_from!r}: {self.manifest.summary()})"


def _address(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that give a client the same addresses; the environment has no say."""
    if set(settings["addresses"]) <= set(REGIONS):
        return {"base_url": settings["addresses"], "region": settings["region"]}
    return {"base_url": settings["base_url"]}


def _other_version(manifest: Manifest) -> str:
    made, here = manifest.versions.get("mgframe"), versions()["mgframe"]
    return "" if made == here else f" (with mgframe {made}, this is {here})"
