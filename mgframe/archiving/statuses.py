"""An archive's status as a table, in words, and as a page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from mgframe.archiving.outcomes import counted
from mgframe.archiving.spans import Span
from mgframe.archiving.standing import BUCKETS, EXTENTS, Standing
from mgframe.framing import ATTRS
from mgframe.settling import lag_of
from mgframe.sheets import Sheet, as_page, as_text, number, wrapped
from mgframe.unseen import visible
from mgframe.vocabulary import RETENTION_DAYS

_TIMES: Final = ("first", "last", "expires", "synced", "start", "until")
_TEXTS: Final = ("track", "by", "resolution", "result", "error", "count")
_MOMENT: Final = "%Y-%m-%d %H:%M"
_BUCKET: Final = {"hour": _MOMENT, "day": "%Y-%m-%d", "month": "%Y-%m"}
#: So many gaps are told of a track, and so many lags; the tables have all.
_MOST: Final = 3


@dataclass(frozen=True, repr=False)
class Status:
    """What an archive keeps at a moment; a notebook shows it as a page, a terminal as text."""

    place: str
    now: pd.Timestamp
    standings: tuple[Standing, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing will be lost within 7 days, no last sync failed, and all can be read."""
        return not self.problems

    @property
    def problems(self) -> list[str]:
        """What somebody should do something about, in words."""
        return [f"{one.track.name}: {text}" for one in self.standings for text in _problems(one)]

    @property
    def simulated(self) -> bool:
        """Whether the numbers come from the simulator."""
        return any(one.state.simulated for one in self.standings)

    @property
    def table(self) -> pd.DataFrame:
        """A row a track; plain columns that survive Parquet and CSV."""
        head = ("track", "by", "resolution", "first", "last")
        tail = ("expires", *EXTENTS, "lag_hours", "synced", "result", "error")
        table = _frame([one.row for one in self.standings], (*head, *BUCKETS, *tail))
        whole = dict.fromkeys([*BUCKETS, *EXTENTS], "Int64")
        table = table.astype({**whole, "lag_hours": "float64"})
        table.attrs[ATTRS] = {"simulated": self.simulated}
        return table

    @property
    def gaps(self) -> pd.DataFrame:
        """A row a hole: `start`, `until` (exclusive), `buckets`, `lost` for good, `expires`."""
        rows = [row for one in self.standings for row in one.gaps]
        table = _frame(rows, ("track", "start", "until", "buckets", "lost", "expires"))
        return table.astype({"buckets": "Int64", "lost": bool})

    @property
    def lags(self) -> pd.DataFrame:
        """A row a count of a track: for how many hours it was seen to move."""
        rows = [
            {"track": one.track.name, "count": name, "hours": float(hours)}
            for one in self.standings
            for name, hours in one.state.lags.items()
        ]
        return _frame(rows, ("track", "count", "hours")).astype({"hours": "float64"})

    def __str__(self) -> str:
        """Return all of it as text."""
        mark = ["SIMULATED: these numbers are invented."] if self.simulated else []
        told = [wrapped(text, "! ") for text in self._problems] or [self._all_clear]
        notes = "\n".join(wrapped(text, "- ") for text in self._notes)
        sheets = [as_text(sheet) for sheet in self._sheets]
        parts = [*mark, wrapped(self._title), "\n".join(told), *sheets, notes]
        return "\n\n".join(part for part in parts if part)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return the page: HTML that fetches nothing, with every name as text."""
        return as_page(
            "archiving/status.html",
            title=self._title,
            simulated=self.simulated,
            problems=self._problems,
            all_clear=self._all_clear,
            sheets=self._sheets,
            notes=self._notes,
        )

    @property
    def _title(self) -> str:
        rows = [one.extent.rows for one in self.standings]
        known = f", {counted(sum(row or 0 for row in rows), 'row')}" if None not in rows else ""
        return (
            f"Archive {self.place}: {counted(len(rows), 'track')}{known}, "
            f"{size_text(sum(map(_bytes, self.standings)))}, at {self.now:{_MOMENT}} UTC"
        )

    @property
    def _problems(self) -> list[str]:
        return [visible(text) for text in self.problems]

    @property
    def _all_clear(self) -> str:
        if not self.standings:
            return "Nothing is tracked yet; archive.track(...) says what to keep."
        return "Nothing will be lost within 7 days."

    @property
    def _notes(self) -> list[str]:
        return [
            visible(f"{one.track.name}: {text}") for one in self.standings for text in _notes(one)
        ]

    @property
    def _sheets(self) -> list[Sheet]:
        """Return what is kept, and how it stands, as texts."""
        if not self.standings:
            return []
        kept = ("track", "keeps", "first", "last", "rows", "on disk")
        stands = ("track", "last sync", "result", "to fetch", "moving", "doubted", "lost")
        return [
            Sheet("What is kept", kept, tuple(map(_kept, self.standings)), names=2),
            Sheet("How it stands", stands, tuple(map(_stands, self.standings)), names=3),
        ]


def _frame(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> pd.DataFrame:
    """Return rows as a table whose times are times, also where there are none."""
    table = pd.DataFrame(rows, columns=list(columns))
    for name in _TIMES:
        if name in columns:
            table[name] = pd.to_datetime(table[name], utc=True).astype("datetime64[us, UTC]")
    return table.astype({name: "str" for name in _TEXTS if name in columns})


# ---------------------------------------------------------------- a track in words


def _problems(one: Standing) -> Iterator[str]:
    if one.damage:
        yield one.damage
        return
    if one.result == "failed":
        yield f"the last sync, at {one.synced:{_MOMENT}} UTC, failed: {one.error}"
    if one.expiring:
        expires = one.expires(one.expiring[0][0])
        since = "now" if expires is None or expires <= one.now else f"{expires:{_MOMENT}} UTC"
        are, them = ("is", "it") if one.count(one.expiring) == 1 else ("are", "them")
        advice = "" if one.past else "; run sync"  # the past is read only
        yield (
            f"{_buckets(one, one.expiring)} {are} not kept, and Mailgun forgets {them} from "
            f"{since} on{advice}"
        )


def _notes(one: Standing) -> Iterator[str]:
    kept_for_good = one.track.resolution not in RETENTION_DAYS
    beyond = "older than what sync asks for" if kept_for_good else "lost for good"
    gaps = [(span, beyond) for span in one.lost]
    gaps += [(span, "still to be had") for span in one.missing]
    if one.track.api == "none":
        gaps = [(span, "only import_frame can fill it") for span in one.lost]
    for span, what in gaps[:_MOST]:
        yield f"{_buckets(one, [span])} never read, {_span(one, span)}: {what}"
    if len(gaps) > _MOST:
        yield f"{len(gaps) - _MOST} more gaps; status().gaps lists them"
    if one.doubted:
        yield (
            f"{_buckets(one, one.doubted)} doubted: an answer lacked what had been there, which is "
            "kept; what has no row is unknown until a better answer"
        )
    seen = {name: hours for name, hours in one.state.lags.items() if hours != lag_of(name, {})}
    if seen:  # the others have their usual lag
        slowest = sorted(seen.items(), key=lambda lag: -lag[1])
        said = ", ".join(f"{name} {hours:.0f} h" for name, hours in slowest[:_MOST])
        more = f" and {len(slowest) - _MOST} more" if len(slowest) > _MOST else ""
        yield f"counts were seen to move for {said}{more}"


def _kept(one: Standing) -> tuple[str, ...]:
    filtered = " (filtered)" if one.track.where else ""
    rows = one.extent.rows
    return (
        one.track.name,
        visible(f"{one.track.resolution}s by {', '.join(one.track.levels)}{filtered}"),
        _bucket(one, one.first)[:10],  # the table has the hour
        _bucket(one, one.last),
        "-" if rows is None else number(rows),
        size_text(_bytes(one)),
    )


def _stands(one: Standing) -> tuple[str, ...]:
    counts = ([*one.missing, *one.new], one.moving, one.doubted, one.lost)
    synced = "-" if one.synced is None else f"{one.synced:{_MOMENT}}"
    told = ["-" if one.damage else _buckets(one, spans) if spans else "0" for spans in counts]
    return one.track.name, synced, one.result, *told


def _buckets(one: Standing, spans: list[Span]) -> str:
    return counted(one.count(spans), one.track.resolution)


def _span(one: Standing, span: Span) -> str:
    start, until = (_bucket(one, edge) for edge in span)
    return f"{start} until {until}"


def _bucket(one: Standing, start: pd.Timestamp | None) -> str:
    return "-" if start is None else start.strftime(_BUCKET[one.track.resolution])


def _bytes(one: Standing) -> int:
    return one.extent.bytes if one.extent.disk is None else one.extent.disk


def size_text(count: int) -> str:
    """Return a number of bytes in words.

    Examples
    --------
    >>> size_text(999), size_text(312_400), size_text(2_050_000_000)
    ('1 kB', '312 kB', '2.0 GB')
    """
    if count < 999_500:
        return f"{count / 1e3:.0f} kB"
    return f"{count / 1e6:.1f} MB" if count < 999_950_000 else f"{count / 1e9:.1f} GB"
