"""Which domains are over a limit, which may be, and how much room is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from mgframe.analysis.thresholds import VERDICTS, thresholds
from mgframe.errors import FrameError
from mgframe.framing import key_levels
from mgframe.reporting.material import Material, addable, zone_of
from mgframe.vocabulary import PROVIDER_LEVELS, RATES

#: So many domains of which it cannot be told are shown, those with the least room first.
_UNDETERMINED: Final = 8


@dataclass(frozen=True)
class Beside:
    """A key beside a limit."""

    key: str
    metric: str
    limit_name: str
    limit: float
    k: int | None
    n: int | None
    rate: float | None
    low: float | None
    high: float | None
    verdict: str
    headroom: int | None


@dataclass(frozen=True)
class Tally:
    """A limit, who sets it, and how many keys lie on which side."""

    limit_name: str
    limit: float
    source: str
    counts: dict[str, int]


@dataclass(frozen=True)
class Headroom:
    """All limits: the `account` as one, a `tally` by limit, and the rows that need a look.

    `notes` are those of the verdicts: what they leave out, and where "under" is no all-clear.
    """

    account: list[Beside]
    tally: list[Tally]
    shown: list[Beside]
    left_out: int
    level: str
    zone: str
    days: int
    table: pd.DataFrame
    notes: list[str]
    verdicts: tuple[str, ...] = VERDICTS
    title: str = "Limits and headroom"
    id: str = "limits"


def headroom(material: Material) -> Headroom | None:
    """Return every domain beside the known limits, None where no limited rate can be made."""
    frame = _frame(material)
    by = ["domain"] if "domain" in frame.index.names else []
    days = material.spans.now.number
    how: dict[str, Any] = {"days": days, "until": material.spans.now.until(frame)}
    try:
        table = material.quietly(thresholds, frame, by=by, **how)
        whole = material.quietly(thresholds, frame, by=[], **how)
    except FrameError as error:
        material.remarks.append(f"Limits: {error}")
        return None
    rows = _rows(table, by) if by else []
    over = [row for row in rows if row.verdict == "over"]
    unsure = [row for row in rows if row.verdict == "undetermined" and (row.k or 0) > 0]
    unsure.sort(key=lambda row: row.headroom if row.headroom is not None else 0)
    return Headroom(
        account=sorted(_rows(whole, []), key=lambda row: (row.metric, row.limit)),
        tally=_tallies(table) if by else [],
        shown=[*over, *unsure[:_UNDETERMINED]],
        left_out=max(len(unsure) - _UNDETERMINED, 0),
        level="domain" if by else "",
        zone=zone_of(frame),
        days=days,
        table=table,
        notes=_notes(whole),
    )


def _frame(material: Material) -> pd.DataFrame:
    """Return a frame of domains and providers where there is one: complaints leave Gmail out."""
    fitting = [
        frame for frame in material.frames if addable(frame) and "domain" in frame.index.names
    ]
    told = [frame for frame in fitting if set(key_levels(frame)) & set(PROVIDER_LEVELS)]
    return next(iter(told), material.whole if material.domains is None else material.domains)


def _rows(table: pd.DataFrame, by: list[str]) -> list[Beside]:
    records: list[dict[Any, Any]] = (
        table.astype(object).where(table.notna(), None).to_dict("records")
    )
    names = [name for name in Beside.__dataclass_fields__ if name != "key"]
    return [
        Beside(str(row[by[0]]) if by else "", **{name: row[name] for name in names})
        for row in records
    ]


def _notes(table: pd.DataFrame) -> list[str]:
    """Return what must be known of the verdicts, each note with the rate that it is about."""
    told = table[table["note"] != ""].drop_duplicates(["metric", "note"])
    return [
        f"{RATES[name].label}: {note[:1].lower()}{note[1:]}"
        for name, note in zip(told["metric"], told["note"], strict=True)
    ]


def _tallies(table: pd.DataFrame) -> list[Tally]:
    found = []
    for _, rows in table.groupby(["metric", "limit"], sort=True):
        counts, first = rows["verdict"].value_counts(), rows.iloc[0]
        sides = {verdict: int(counts.get(verdict, 0)) for verdict in VERDICTS}
        name, limit, source = (first[column] for column in ("limit_name", "limit", "source"))
        found.append(Tally(str(name), float(limit), str(source), sides))
    return found
