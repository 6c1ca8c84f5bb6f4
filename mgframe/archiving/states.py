"""What a table knows of itself: which spans were read and when, its lags, its last sync."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd

from mgframe.archiving.spans import Read, Span, moment, united, without
from mgframe.errors import ArchiveError
from mgframe.timespan import json_time

#: The format of a state; one that is newer is not read, for it may say what is not known here.
FORMAT: Final = 1
#: The fact of when a table was synced last; kept from the first import on.
SYNCED: Final = "synced_at"


@dataclass(frozen=True)
class State:
    """What the newest commit says.

    `kind` is why there was a commit: ``"made"``, ``"sync"``, ``"failed"``, ``"import"``,
    ``"compact"``. `at` is the moment at which the numbers were true, by the account's clock; it
    never goes back. `lags` are the hours that counts were seen to move. `said` is the last sync in
    words and numbers, `facts` whatever a table's kind needs (the catalogue: its tracks). `digest`
    is that of the rows (:mod:`~mgframe.archiving.digesting`).
    """

    kind: str = "made"
    at: pd.Timestamp | None = None
    simulated: bool | None = None
    reads: tuple[Read, ...] = ()
    lags: Mapping[str, float] = field(default_factory=dict)
    lags_at: pd.Timestamp | None = None
    said: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    digest: int = 0

    @property
    def covered(self) -> list[Span]:
        """The spans that were read, in order."""
        return united(read.span for read in self.reads)

    @property
    def final(self) -> list[Span]:
        """The spans whose counts do not change any more."""
        return united(read.span for read in self.reads if read.at is None)

    @property
    def known(self) -> list[Span]:
        """The spans in which what has no row is 0: those that were read without doubt."""
        return without(self.covered, [read.span for read in self.reads if read.doubted])

    @property
    def synced_at(self) -> pd.Timestamp | None:
        """The account's clock at the last sync; None where imports alone filled the table.

        Until the first import it is `at`.
        """
        said = self.facts.get(SYNCED, self.at and json_time(self.at))
        return None if said is None else moment(said)

    def refuse_mixture(self, where: str, simulated: bool) -> None:
        """Raise :class:`ArchiveError` where invented numbers would join real ones."""
        if self.simulated in (None, simulated):
            return
        kinds = {True: "simulated", False: "live"}
        raise ArchiveError(
            f"{where} keeps a {kinds[not simulated]} account, and what comes is of a "
            f"{kinds[simulated]} one; take another archive for it"
        )

    def to_json(self) -> dict[str, Any]:
        """Return the state as plain JSON."""
        return {
            "format": FORMAT,
            "kind": self.kind,
            "at": None if self.at is None else json_time(self.at),
            "simulated": self.simulated,
            "reads": [read.to_json() for read in self.reads],
            "lags": dict(self.lags),
            "lags_at": None if self.lags_at is None else json_time(self.lags_at),
            "said": dict(self.said),
            "facts": dict(self.facts),
            "digest": self.digest,
        }

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> State:
        """Return the state that :meth:`to_json` wrote.

        Raises
        ------
        ArchiveError
            It is of a newer format.
        """
        if said.get("format", FORMAT) > FORMAT:
            raise ArchiveError(
                f"this archive is of format {said['format']}, newer than this mgframe knows "
                f"({FORMAT}); nothing was changed. pip install -U 'mgframe[archive]'"
            )
        return cls(
            kind=said["kind"],
            at=said["at"] and moment(said["at"]),
            simulated=said["simulated"],
            reads=tuple(Read.from_json(read) for read in said["reads"]),
            lags=said["lags"],
            lags_at=said["lags_at"] and moment(said["lags_at"]),
            said=said["said"],
            facts=said["facts"],
            digest=said["digest"],
        )
