"""The numbers beside the chart, as texts: a row for each key, and the totals."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from mgframe.eligibility import counts_needed
from mgframe.errors import FrameError, warn
from mgframe.explorer.choice import LAST_YEAR, Choice, Course
from mgframe.explorer.offer import Offer, key_title, measure_title
from mgframe.explorer.pictures import level_of
from mgframe.explorer.steps import Kitchen, Step, columns, method
from mgframe.plotting.comparison import points
from mgframe.plotting.style import percent
from mgframe.ranking import SIZES
from mgframe.ratios import count_word, denominator_word, rate_label, rates
from mgframe.reshaping import sum as sum_of
from mgframe.summing import TOTAL_LEVEL
from mgframe.vocabulary import RATES

#: What the totals say, as far as a frame has it.
_TOTAL_RATES: Final = (
    "delivery_rate",
    "bounce_rate",
    "open_rate",
    "click_rate",
    "unsubscribe_rate",
    "complaint_rate",
)

_SIDES: Final = ("before", "after")
_UNKNOWN: Final = "unknown"
_NO_KEY: Final = "All together"


@dataclass(frozen=True)
class Row:
    """A key and its cells; `verdict` colours it."""

    key: str
    label: str
    cells: tuple[str, ...]
    verdict: str = ""


@dataclass(frozen=True)
class Table:
    """The header, that of the keys first, and the rows in the order to show."""

    header: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Total:
    """One figure of the whole choice; `before` is that of the days before it."""

    label: str
    value: str
    before: str
    of: str
    meaning: str


def table_of(kitchen: Kitchen, choice: Choice, offer: Offer, course: Course) -> Table:
    """Return the table of a choice without comparison of rates."""
    if choice.is_rate:
        return _rates_table(kitchen, choice, offer, course)
    return _counts_table(kitchen, choice, offer, course)


def _rates_table(kitchen: Kitchen, choice: Choice, offer: Offer, course: Course) -> Table:
    name, level = choice.measure, level_of(choice)
    bottom = RATES[name].denominator
    kept = columns([n for n in offer.counts if n in counts_needed(RATES[name])])
    found = kitchen.after([*course.rows, kept, _rates_of(offer, [name], by=level, interval=0.95)])
    sizes = _known_sums(kitchen, course.rows, level, [bottom])[bottom]
    rows = {
        key: (_count(sizes[0].get(key), sizes[1].get(key)), percent(rate), _interval(low, high))
        for key, rate, low, high in zip(_keys(found), *_columns(found), strict=True)
    }
    order = _ordered(found[name].set_axis(_keys(found)), sizes[1], choice.order)
    title = f"{measure_title(name)}, without Gmail" if offer.of(name) else measure_title(name)
    header = (_key_header(choice), count_word(bottom), title, "95 % interval")
    return Table(header, tuple(_row(offer, choice, key, rows[key]) for key in order))


def _counts_table(kitchen: Kitchen, choice: Choice, offer: Offer, course: Course) -> Table:
    level = level_of(choice)
    name = choice.measure
    sums = _known_sums(kitchen, course.rows, level, [name])[name]
    header = [_key_header(choice), measure_title(name)]
    sides = [sums]
    if choice.compare:
        past = _known_sums(kitchen, course.before, level, [name])[name]
        header = [header[0], f"{header[1]} {past_name(choice)}", f"{header[1]} now"]
        sides = [past, sums]
    cells = {
        key: tuple(_count(whole.get(key), known.get(key)) for whole, known in sides)
        for key in dict.fromkeys(key for _, known in sides for key in known)
    }
    values = pd.Series({key: sums[1].get(key) for key in cells}, dtype="Int64")
    order = _ordered(values, sums[1], choice.order)
    return Table(tuple(header), tuple(_row(offer, choice, key, cells[key]) for key in order))


def compared_table(changes: pd.DataFrame, choice: Choice, offer: Offer) -> Table:
    """Return the table of a comparison, in its own order: what matters most first."""
    level = level_of(choice)
    rows = []
    for record in changes.to_dict("records"):
        key = str(record[level[0]]) if level else _NO_KEY
        sides = [f"{percent(record[f'rate_{s}'])} of {record[f'n_{s}']:,}" for s in _SIDES]
        verdict = str(record["verdict"])
        rows.append(_row(offer, choice, key, (*sides, *_change(record), verdict), verdict))
    if choice.order == "name":
        rows = sorted(rows, key=lambda row: row.label)
    header = (_key_header(choice), past_name(choice), "now", "points", "95 % interval", "verdict")
    return Table(header, tuple(rows))


def totals_of(kitchen: Kitchen, choice: Choice, offer: Offer, course: Course) -> tuple[Total, ...]:
    """Return the figures of everything in sight, and of the days before.

    Where keys overlap (tags) there are none, and a warning says why.
    """
    try:
        now = _figures(kitchen, offer, course.rows)
        past = _figures(kitchen, offer, course.before) if choice.compare else {}
    except FrameError as error:
        warn(f"there are no totals: {error}")
        return ()
    return tuple(
        Total(
            measure_title(name),
            value,
            past.get(name, ""),
            _denominator(name, offer) if name in RATES else "",
            rate_label(name, of=offer.of(name), keys=offer.levels) if name in RATES else "",
        )
        for name, value in now.items()
    )


def _denominator(name: str, offer: Offer) -> str:
    """Return the denominator in words, and what it leaves unsaid."""
    other = offer.of(name)
    understated = name == "complaint_rate" and other is None
    said = f"of {denominator_word(other or RATES[name].denominator)}"
    return f"{said}, understated by Gmail's share" if understated else said


def _rates_of(offer: Offer, names: list[str], **how: Any) -> Step:
    """Return the step to rates of one denominator, each rate's own if there is no other."""
    other = offer.of(names[0])
    return method("rates", rates, names, **how, **({} if other is None else {"of": other}))


def _figures(kitchen: Kitchen, offer: Offer, rows: tuple[Step, ...]) -> dict[str, str]:
    counts = [str(name) for name in SIZES[:3] if name in offer.counts] or [offer.counts[0]]
    named = [str(name) for name in _TOTAL_RATES if name in offer.rates]
    found = {
        name: _count(*(next(iter(part.values()), None) for part in parts))
        for name, parts in _known_sums(kitchen, rows, [], counts).items()
    }
    if named:
        wanted = {part for name in named for part in counts_needed(RATES[name])}
        kept = columns([name for name in offer.counts if name in wanted])
        own = [name for name in named if offer.of(name) is None]
        for names in (own, *([name] for name in named if name not in own)):
            pooled = kitchen.after([*rows, kept, _rates_of(offer, names, by=[])]) if names else {}
            found |= {n: percent(pooled[n].iloc[0]) if len(pooled) else _UNKNOWN for n in names}
    return found


# ---------------------------------------------------------------- keys and texts

#: Sums by key: unknown where a part is, and of what is known.
Sums = tuple[dict[str, Any], dict[str, Any]]


def _known_sums(
    kitchen: Kitchen, rows: tuple[Step, ...], level: list[str], names: list[str]
) -> dict[str, Sums]:
    """Return the sums of some counts by key; the second ones where a part is unknown."""
    steps = [*rows, columns(names)]
    whole = kitchen.after([*steps, method("sum", sum_of, level)])
    known = whole
    if whole.isna().to_numpy().any():
        known = kitchen.after([*steps, method("sum", sum_of, level, skipna=True)])
    keys = _keys(whole)
    return {
        name: (
            dict(zip(keys, whole[name].tolist(), strict=True)),
            dict(zip(keys, known[name].tolist(), strict=True)),
        )
        for name in names
    }


def _keys(table: pd.DataFrame) -> list[str]:
    """Return the key of each row; sums over everything have none."""
    keys = [str(key) for key in table.index.get_level_values(0)]
    return [_NO_KEY] * len(table) if table.index.names == [TOTAL_LEVEL] else keys


def _columns(table: pd.DataFrame) -> list[list[float]]:
    return [table[name].tolist() for name in table.columns]


def _row(offer: Offer, choice: Choice, key: str, cells: tuple[str, ...], verdict: str = "") -> Row:
    return Row(key, offer.label(choice.by, key), cells, verdict)


def _key_header(choice: Choice) -> str:
    level = level_of(choice)
    return key_title(level[0]) if level else ""


def _count(whole: Any, known: Any) -> str:
    """Return a sum: what is known of it as "at least", where a part is not."""
    if not pd.isna(whole):
        return f"{int(whole):,}"
    return _UNKNOWN if pd.isna(known) else f"≥ {int(known):,}"


def _interval(low: float, high: float) -> str:
    return "" if pd.isna(low) else f"{percent(low)} to {percent(high)}"


def past_name(choice: Choice) -> str:
    """Return what the side before is called."""
    return "last year" if choice.past == LAST_YEAR else "before"


def _change(record: dict[Hashable, Any]) -> tuple[str, str]:
    """Return a change in points, and its interval."""
    if pd.isna(record["change"]):
        return _UNKNOWN, ""
    change, low, high = (
        points(record[name]).removesuffix(" points")
        for name in ("change", "change_low", "change_high")
    )
    return change, f"{low} to {high}"


def _ordered(values: pd.Series, sizes: dict[str, Any], order: str) -> list[str]:
    """Return the keys in the order chosen, unknown values last, equal ones by size."""
    table = pd.DataFrame({"value": values, "size": pd.Series(sizes, dtype="Int64")})
    table = table.reindex(values.index).rename_axis("key").reset_index()
    by = {"largest": "size", "name": "key"}.get(order, "value")
    falling = order in ("largest", "highest")
    ordered = table.sort_values(
        [by, "size", "key"] if by == "value" else [by, "key"],
        ascending=[not falling, False, True] if by == "value" else [not falling, True],
    )
    return [str(key) for key in ordered["key"]]
