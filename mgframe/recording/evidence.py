"""Keep what an investigation is answered: :func:`record`."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mgframe.client import Client
from mgframe.errors import QueryError, warn
from mgframe.planning import client_of
from mgframe.recording.casefile import Package, check_place, path_of, unused, write_file
from mgframe.recording.cleaning import cleaned
from mgframe.recording.exchanges import Exchange
from mgframe.recording.manifest import Manifest, counted, readme, settings_of, versions
from mgframe.recording.scrubbing import Scrubber
from mgframe.recording.sessions import Recorder

if TYPE_CHECKING:
    from requests import Session


def record(
    path: str | os.PathLike[str],
    *,
    parameters: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    client: Client | None = None,
) -> Recording:
    """Keep every answer that a client gets in a ``with`` block, in one file that can be sent on.

    Parameters
    ----------
    path : str or path
        The file to write, such as ``"case.zip"``. It is written at the end of the block, whole or
        not at all, also where an error ends the block; the manifest then names the error.
    parameters : mapping of str to JSON, optional
        What the investigation was about, for who replays it: domains, windows ... Dates become
        texts; addresses are redacted.
    overwrite : bool, default False
        Whether a file of that name may be replaced.
    client : Client, optional
        Whose answers to keep; by default those of the client made from the environment, which
        functions without ``client=`` use.

    Returns
    -------
    Recording
        A context manager. Its `client` is the client that is recorded, its `parameters` are those
        given, as they are replayed.

    Raises
    ------
    ConfigurationError
        The file cannot be written there, or exists; there is no client; the client is being
        recorded already. Nothing was sent.
    QueryError
        The parameters are no mapping.

    Warns
    -----
    MgframeWarning
        Nothing was recorded, and no file is written.

    Notes
    -----
    In the block the client's clock stands still, so that the same call is the same request, and it
    gets the answers as they are written: so frames of the block and of a replay are identical. Kept
    are the answers in the order they came, errors, retries and time-outs too; the settings of the
    client; the versions of mgframe, pandas, numpy, requests and Python.

    Never kept are the key, cookies and other headers. Log lines lose everything but codes, reasons
    and redacted texts; elsewhere the part of an address before its ``@`` becomes a number,
    ``<redacted-1>@example.com``, in the file and in the block alike. Names of domains, tags and
    subaccounts stay.

    Every request of this client is kept, from whatever thread; one of another client is not, such
    as of an ``mg.Client()`` made in the block: give functions ``client=case.client``.

    Examples
    --------
    >>> import mgframe as mg, tempfile, pathlib
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(folder.name) / "case.zip"
    >>> with mg.record(path, client=mg.demo()) as case:
    ...     df = mg.domain_totals("news.example.com", last="7d", client=case.client)
    >>> case
    Recording('case.zip': 1 answer of a simulated account at http://127.0.0.1:..., clock ... UTC)
    >>> mg.domain_totals("news.example.com", last="7d", client=mg.replay(path)).equals(df)
    True
    >>> folder.cleanup()
    """
    return Recording(
        path_of(path), _plain(parameters or {}), overwrite=overwrite, client=client_of(client)
    )


class Recording:
    """What :func:`record` returns: a block whose answers are kept.

    Attributes
    ----------
    client : Client
        The client that is recorded.
    parameters : dict
        What the investigation is about, in the block as it is replayed.
    path : Path
        The file; it exists when the block has ended.
    """

    def __init__(
        self, path: Path, parameters: dict[str, Any], *, overwrite: bool, client: Client
    ) -> None:
        self.path, self.client, self.parameters = path, client, parameters
        self._overwrite = overwrite
        self._kept = _Kept()
        self._manifest: Manifest | None = None
        self._block = ExitStack()

    def __enter__(self) -> Recording:
        check_place(self.path, overwrite=self._overwrite)
        self._kept, self._manifest = _Kept(), None
        self._block.enter_context(self.client.tapped(self._tap))
        self._clock = self.client.now()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._block.close()
        self._kept.close()
        if self._kept.requests:
            self._write("complete" if kind is None else kind.__name__)
        elif kind is None:
            warn(
                f"nothing was recorded, and {self.path.name} is not written: in the block this "
                "client was asked nothing. Give functions client=case.client"
            )

    def __repr__(self) -> str:
        if self._manifest is not None:
            return f"Recording({self.path.name!r}: {self._manifest.summary()})"
        number = counted(self._kept.requests.total())
        return f"Recording({self.path.name!r}: {number} so far, of {self.client!r})"

    def _tap(self, session: Session, secrets: tuple[str, ...]) -> Session:
        scrubber = Scrubber(secrets)
        self.parameters = cleaned(self.parameters, scrubber.error_text)
        return Recorder(session, scrubber, self._kept.add)

    def _write(self, ended: str) -> None:
        kept, wanted = self._kept, self.path
        manifest = Manifest(
            clock=self._clock.isoformat(),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            ended=ended,
            simulated=kept.simulated,
            client=settings_of(self.client),
            parameters=self.parameters,
            versions=versions(),
            requests=kept.requests.total(),
            sha256=kept.package.sha256,
            replayed_from=self.client.replayed_from,
        )
        path = wanted if self._overwrite else unused(wanted)
        words = readme(manifest, path.name, kept.requests)
        write_file(path, kept.package.finish(manifest.text(), words))
        self._manifest, self.path = manifest, path
        if path != wanted:
            warn(f"{wanted.name} was made by somebody meanwhile; the recording is {path.name}")


class _Kept:
    """What came so far; what comes after the end, of calls that nobody waits for, is not kept."""

    def __init__(self) -> None:
        self.package = Package()
        self.requests: Counter[str] = Counter()
        self.simulated = False
        self._open, self._lock = True, threading.Lock()

    def add(self, exchange: Exchange) -> None:
        line, request = exchange.line(), exchange.request
        with self._lock:
            if self._open:
                self.package.add(line)
                self.requests[f"{request.method} {urlsplit(request.url).path}"] += 1
                self.simulated |= "X-Mgframe-Simulated" in exchange.headers

    def close(self) -> None:
        with self._lock:
            self._open = False


def _plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters as JSON gives them back; what it does not know becomes a text."""
    try:
        plain = json.loads(json.dumps(parameters, default=str))
    except (TypeError, ValueError):
        plain = None
    if not isinstance(plain, dict):
        raise QueryError(
            f"parameters={parameters!r} must be a mapping of names to plain values, such as "
            "{'domain': 'news.example.com', 'last': '30d'}"
        )
    return plain
