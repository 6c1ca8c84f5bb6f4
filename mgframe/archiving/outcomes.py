"""What a sync did, in numbers and in words."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from mgframe.archiving.spans import Span
from mgframe.archiving.storing import Kept
from mgframe.unseen import visible


@dataclass(frozen=True)
class Outcome:
    """What a sync did for one track.

    `added` and `changed` count rows, `fell` those of them in which a count went down, `lost` rows
    that held counts and were missing in an answer (they are kept), `whose` their first keys.
    """

    track: str
    start: pd.Timestamp | None = None
    until: pd.Timestamp | None = None
    requests: int = 0
    steps: int = 0
    added: int = 0
    changed: int = 0
    fell: int = 0
    lost: int = 0
    whose: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    error: str = ""

    def asked(self, requests: int, notes: Sequence[str]) -> Outcome:
        """Return it after a question."""
        new = tuple(text for text in notes if text not in self.notes)
        return replace(self, requests=self.requests + requests, notes=(*self.notes, *new))

    def kept(self, span: Span, kept: Kept) -> Outcome:
        """Return it after a step was stored."""
        return replace(
            self,
            start=span[0] if self.start is None else min(self.start, span[0]),
            until=span[1] if self.until is None else max(self.until, span[1]),
            steps=self.steps + 1,
            added=self.added + kept.added,
            changed=self.changed + kept.changed,
            fell=self.fell + kept.fell,
            lost=self.lost + kept.lost,
            whose=tuple(dict.fromkeys((*self.whose, *kept.whose))),
        )

    def failed(self, text: str) -> Outcome:
        """Return it after an error."""
        return replace(self, error=text)

    @property
    def troubles(self) -> list[str]:
        """What somebody should look at, in words."""
        found = [f"failed: {self.error}"] if self.error else []
        if self.lost:
            named = ", ".join(self.whose[:3]) + (", ..." if len(self.whose) > 3 else "")
            found.append(
                f"the answer lacks {self.lost:,} rows that held counts ({named}); they are kept, "
                "and what else has no row there is unknown until a better answer; is it the key of "
                "the same account?"
            )
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the numbers as plain JSON."""
        names = ("requests", "steps", "added", "changed", "fell", "lost")
        return {name: getattr(self, name) for name in names}

    def __str__(self) -> str:
        """Return one line."""
        if self.start is None or self.until is None:
            done = "nothing new" if not self.error else "nothing kept"
        else:
            last = (self.until - pd.Timedelta(hours=1)).strftime("%Y-%m-%d")
            fell = f", {self.fell:,} of them with a lower count" if self.fell else ""
            done = (
                f"{self.start:%Y-%m-%d} to {last}, {counted(self.requests, 'request')}, "
                f"{counted(self.added, 'row')} new, {self.changed:,} changed{fell}"
            )
        return visible("; ".join([f"{self.track}: {done}", *self.troubles]))


def counted(count: int, what: str) -> str:
    """Return a number of things in words, such as ``1 row`` or ``1,095 rows``."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


@dataclass(frozen=True, repr=False)
class Synced:
    """What a sync did: an :class:`Outcome` a track."""

    outcomes: tuple[Outcome, ...]

    @property
    def ok(self) -> bool:
        """Whether every track is up to date."""
        return not any(outcome.error for outcome in self.outcomes)

    @property
    def requests(self) -> int:
        """How many requests were sent."""
        return sum(outcome.requests for outcome in self.outcomes)

    @property
    def table(self) -> pd.DataFrame:
        """A row a track: plain columns that survive Parquet and CSV."""
        columns = [name for name in Outcome.__dataclass_fields__ if name not in ("whose", "notes")]
        rows = [{name: getattr(o, name) for name in columns} for o in self.outcomes]
        table = pd.DataFrame(rows, columns=columns)
        for edge in ("start", "until"):
            table[edge] = pd.to_datetime(table[edge], utc=True).astype("datetime64[us, UTC]")
        return table

    def __str__(self) -> str:
        """Return a line a track."""
        return "\n".join(map(str, self.outcomes))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return "<br>".join(html.escape(str(outcome)) for outcome in self.outcomes)
