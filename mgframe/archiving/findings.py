"""What a verification found, as a plain table, and the proof behind an empty one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from mgframe.archiving.tables import Table
from mgframe.archiving.tracks import Track

_TYPES: Final = {
    "track": "str", "check": "str", "start": "datetime64[us, UTC]", "until": "datetime64[us, UTC]",
    "what": "str", "count": "str", "kept": "Int64", "answered": "Int64", "difference": "Int64",
    "rows": "Int64", "expected": "bool", "note": "str",
}  # fmt: skip


@dataclass(frozen=True)
class Part:
    """A track whose files can all be read."""

    track: Track
    table: Table


class Findings:
    """What is wrong, gathered in the order in which it was found."""

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []
        self._files = self._read = self.requests = 0
        self._compared: Counter[str] = Counter()

    def add(self, track: Track, check: str, **said: Any) -> None:
        """Note one thing that is wrong."""
        texts = {"what": "-", "count": "-", "note": "", "expected": False}
        self._rows.append({"track": track.name, "check": check, **texts, **said})

    def add_sums(self, track: Track, check: str, rows: pd.DataFrame, **said: Any) -> None:
        """Note sums that differ."""
        for row in rows.to_dict("records"):
            self.add(track, check, **{str(name): value for name, value in row.items()}, **said)

    def read(self, rows: int) -> None:
        """Count a file that was read."""
        self._files += 1
        self._read += rows

    def compared(self, check: str, sums: int) -> None:
        """Count sums that were compared."""
        self._compared[check] += sums

    def proof(self) -> dict[str, Any]:
        """Return what was looked at."""
        compared = {check: self._compared[check] for check in ("api", "tracks")}
        looked = {"files": self._files, "rows": self._read, "requests": self.requests}
        return {**looked, "compared": compared}

    def table(self) -> pd.DataFrame:
        """Return what was found."""
        return pd.DataFrame(self._rows, columns=list(_TYPES)).astype(_TYPES)
