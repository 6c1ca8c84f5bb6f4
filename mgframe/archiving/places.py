"""Where an archive lies: a folder, or an address in an object store; and the names within it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pandas as pd

from mgframe.errors import ConfigurationError, QueryError
from mgframe.unseen import visible

#: The table of the tracks; no track can have its name.
CATALOGUE = "catalogue"
#: Letters of a path that mean something in an address, which deltalake makes of it.
_MEANT = re.compile(r"[%#?\[\]\\|^\x00-\x1f\x7f]")
#: Schemes of addresses that name a container before the "@".
_CONTAINERS = ("abfs", "abfss")
#: Schemes that deltalake can keep a table under; "opendal+s3" and its like too.
_STORES = (
    "s3", "s3a", "gs", "gcs", "az", "azure", "adl", *_CONTAINERS, "hdfs", "viewfs", "webhdfs",
    "lakefs", "oss", "obs", "cos", "tos", "b2", "swift", "webdav",
)  # fmt: skip
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


@dataclass(frozen=True, repr=False)
class Place:
    """The root of an archive; `options` are the object store's, and are never shown."""

    root: str
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_local(self) -> bool:
        """Whether it is a folder of this machine."""
        return "://" not in self.root

    def table(self, name: str) -> str:
        """Return where a table lies."""
        return f"{self.root.rstrip('/')}/{name}"

    def __str__(self) -> str:
        """Return the place without credentials or query."""
        if self.is_local:
            return visible(self.root)
        parts = urlsplit(self.root)
        return visible(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}")

    __repr__ = __str__


def read_place(path: object, options: Mapping[str, str] | None) -> Place:
    """Return the place of a path or an address.

    Raises
    ------
    ConfigurationError
        It is neither, is a file, is an address of what is no object store or names no bucket, or
        one that holds what opens the store: a user's name or key, a password, a query.
    """
    if not isinstance(path, str | os.PathLike) or not str(path).strip():
        raise ConfigurationError(
            f"an archive lies in a folder or an object store; got {path!r}. Write "
            "mg.Archive('mail-history') or mg.Archive('s3://bucket/mail-history')"
        )
    text = os.fspath(path)
    if "://" in text and not text.startswith("file://"):
        _refuse_credentials(text)
        _refuse_scheme(text)
        return Place(text, dict(options or {}))
    written = unquote(text.removeprefix("file://")) if text.startswith("file://") else text
    folder = Path(written).expanduser().absolute()
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError(f"{visible(text)} is a file; an archive is a folder of its own")
    found = _MEANT.search(folder.as_posix())
    if found is not None:
        raise ConfigurationError(
            f"{visible(str(folder))} holds {found[0]!r}, which the path of a Delta table cannot "
            "have; choose another one"
        )
    return Place(str(folder), dict(options or {}))


def _refuse_credentials(address: str) -> None:
    """Refuse what an address must not hold, since addresses are shown and stored."""
    parts = urlsplit(address)
    # Azure writes container@account, which opens nothing; elsewhere what stands there may be a key.
    named = "@" in parts.netloc and parts.scheme not in _CONTAINERS
    if named or parts.password is not None or parts.query or parts.fragment:
        raise ConfigurationError(
            f"the address {parts.scheme}://...{visible(parts.path)} holds a user, a password or a "
            "query; give credentials as storage_options= or in the environment"
        )


def _refuse_scheme(address: str) -> None:
    """Refuse what no table can be kept under, before it looks like an archive that is empty."""
    parts = urlsplit(address)
    if parts.scheme not in _STORES and not parts.scheme.startswith("opendal+"):
        raise ConfigurationError(
            f"no archive can be kept at {parts.scheme}://; it lies in a folder (file:// too), or "
            f"in an object store that deltalake writes: {', '.join(_STORES)}"
        )
    if not parts.netloc:
        raise ConfigurationError(
            f"{visible(address)} names no bucket; write {parts.scheme}://bucket/mail-history"
        )


def read_name(name: object) -> str:
    """Return a track's name; it becomes a folder's, so that it must not be a path.

    Raises
    ------
    QueryError
        It is a frame, holds anything but small letters, digits, ``-`` and ``_``, or is taken.
    """
    if isinstance(name, pd.DataFrame):
        raise QueryError(
            "name must be a track's name, got a frame; the name comes first: "
            "archive.import_frame('days', frame)"
        )
    if isinstance(name, str) and _NAME.fullmatch(name) and name != CATALOGUE:
        return name
    why = "is the archive's own" if name == CATALOGUE else "is no name"
    raise QueryError(
        f"name={name!r} {why}: a track's name has up to 63 small letters, digits, '-' and '_', "
        "such as 'hours-by-domain'; it names a folder in the archive, so it cannot be a path"
    )
