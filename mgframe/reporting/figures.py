"""One figure of a report: a rate now, before, a year ago, and what to make of it.

All numbers come from :func:`mgframe.rates`, :func:`mgframe.sum` and :func:`mgframe.compare`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pandas as pd

from mgframe.analysis.comparing import BETTER, NO_CHANGE, TOO_FEW, WORSE, compare
from mgframe.analysis.effects import EFFECTS
from mgframe.eligibility import counts_needed
from mgframe.errors import FrameError
from mgframe.ratios import rates
from mgframe.reporting.material import Material, year_frame
from mgframe.reporting.spans import Days
from mgframe.reshaping import sum as add
from mgframe.vocabulary import COUNTS, DELIVERED_FBL, RATES

#: What a verdict of a day or two would be worth is said by these words alone.
NO_VERDICT: Final = "not compared"

LEVEL: Final = 0.95

_OF_CHANGE: Final = ("change", "change_low", "change_high", "excess")


@dataclass(frozen=True)
class Figure:
    """A rate of one key (or of everything), as fractions; None where it is not known.

    `n` is the denominator and `of` its name; `change` is now less before, with its 95 % interval;
    `excess` by how many messages more things went wrong than before; `year` the rate a year ago,
    and `year_change` now less then, with its 95 % interval.
    """

    rate: str
    label: str
    of: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: float | None = None
    before: float | None = None
    change: float | None = None
    change_low: float | None = None
    change_high: float | None = None
    excess: float | None = None
    verdict: str = NO_VERDICT
    year: float | None = None
    year_change: float | None = None
    year_low: float | None = None
    year_high: float | None = None
    note: str = ""

    @property
    def holds_zero(self) -> bool:
        """Whether the interval of the change holds no change."""
        low, high = self.change_low, self.change_high
        return low is not None and high is not None and low < 0 < high

    @property
    def spread(self) -> float | None:
        """How large the change or half of its interval is: what its decimals go by."""
        if self.change is None or self.change_low is None or self.change_high is None:
            return self.change
        return max(abs(self.change), (self.change_high - self.change_low) / 2)

    @property
    def since_last_year(self) -> Figure:
        """The same figure with last year in the place of the weeks before; no verdict."""
        return replace(
            self, before=self.year, change=self.year_change, change_low=self.year_low,
            change_high=self.year_high, excess=None, verdict=NO_VERDICT,
        )  # fmt: skip


@dataclass(frozen=True)
class Rate:
    """A rate that a report shows: of which frame, with which denominator, and what it is called."""

    name: str
    frame: pd.DataFrame
    of: str | None = None
    label: str = ""
    note: str = ""

    @property
    def denominator(self) -> str:
        """The name of the denominator."""
        return self.of or RATES[self.name].denominator

    @property
    def of_word(self) -> str:
        """The denominator in words."""
        if self.denominator == DELIVERED_FBL:
            return "delivered"  # the label says that Gmail is left out
        return COUNTS[self.denominator].label.lower()


def chosen_rates(material: Material, frame: pd.DataFrame) -> list[Rate]:
    """Return the rates of a report as far as its frames can give them."""
    found = []
    for names in (("delivery_rate",), ("block_rate", "bounce_rate"), ("click_rate", "open_rate")):
        fitting = next((name for name in names if gives(frame, name)), None)
        if fitting:
            found.append(Rate(fitting, frame, label=short_label(fitting)))
    if gives(material.complaints, "complaint_rate", material.complaints_of):
        found.insert(min(len(found), 2), _complaints(material))
    return found


def _complaints(material: Material) -> Rate:
    without = material.complaints_of == DELIVERED_FBL or material.complaints_filtered
    note = "" if without else "understated by Gmail's share: the frame has no providers"
    label = "Complaints without Gmail" if without else "Complaints"
    return Rate("complaint_rate", material.complaints, material.complaints_of, label, note)


def short_label(name: str) -> str:
    """Return what a rate is called in a card or the head of a column."""
    words = {
        "delivery_rate": "Delivered",
        "block_rate": "Blocked",
        "bounce_rate": "Bounced",
        "click_rate": "Unique clicks",
        "open_rate": "Unique opens",
        "complaint_rate": "Complaints",
        "hard_bounce_rate": "Hard bounces",
    }
    return words.get(name, RATES[name].label)


def gives(frame: pd.DataFrame, name: str, of: str | None = None) -> bool:
    """Return whether a frame can give a rate."""
    try:
        rates(frame.iloc[:0], name, of=of)
    except FrameError:
        return False
    return True


# ---------------------------------------------------------------- measuring


@dataclass(frozen=True)
class Measured:
    """The figures of one rate by key; the key of a figure of everything is ``""``."""

    rate: Rate
    figures: dict[str, Figure] = field(default_factory=dict)

    def of(self, key: str) -> Figure:
        """Return a key's figure, without numbers where it has no rows."""
        return self.figures.get(key, empty_figure(self.rate))


def measure(material: Material, rate: Rate, by: str | None = None) -> Measured:
    """Return a rate now with its interval, before, and the change between: of all, or by a key."""
    spans, levels = material.spans, [] if by is None else [by]
    frame = spans.before.since(rate.frame) if len(rate.frame) else rate.frame
    now = _pooled(material, rate, spans.now, levels)
    sizes = _sizes(material, rate, levels)
    changes = _changes(material, rate, frame, levels)
    years = _years(material, rate, levels)
    keys = [""] * len(now) if by is None else [str(key) for key in now.index]
    figures = {}
    for key, row in zip(keys, now.to_dict("records"), strict=True):
        change = changes.get(key, {})
        known: dict[str, Any] = {name: _number(change.get(name)) for name in _OF_CHANGE}
        figures[key] = replace(
            empty_figure(rate),
            value=_number(row[rate.name]),
            low=_number(row[f"{rate.name}_low"]),
            high=_number(row[f"{rate.name}_high"]),
            n=sizes.get(key, change.get("n_after")),
            before=_number(change.get("rate_before")),
            verdict=change.get("verdict", NO_VERDICT),
            **years.get(key, {}),
            **known,
        )
    return Measured(rate, figures)


def empty_figure(rate: Rate) -> Figure:
    """Return the figure of a key without rows."""
    return Figure(rate.name, rate.label, rate.of_word, note=rate.note)


def _number(value: Any) -> float | None:
    return None if value is None or pd.isna(value) else float(value)


def _pooled(material: Material, rate: Rate, days: Days, levels: Sequence[str]) -> pd.DataFrame:
    own = days.of(rate.frame)
    return material.quietly(rates, own, rate.name, by=list(levels), of=rate.of, interval=LEVEL)


def _sizes(material: Material, rate: Rate, levels: Sequence[str]) -> dict[str, float]:
    """Return the denominators now; none where they are no plain count."""
    if rate.denominator not in rate.frame.columns:
        return {}
    own = material.spans.now.of(rate.frame)[[rate.denominator]]
    sums = material.quietly(add, own, list(levels), skipna=True)[rate.denominator].dropna()
    return {str(key) if levels else "": float(value) for key, value in sums.items()}


def _changes(
    material: Material, rate: Rate, frame: pd.DataFrame, levels: Sequence[str]
) -> dict[str, dict[Any, Any]]:
    """Return the rows of a comparison by key; none where the weeks before are not known."""
    spans = material.spans
    if not len(spans.before.of(frame)) or not EFFECTS.get(rate.name):
        return {}
    try:
        table = material.quietly(
            compare, frame, rate.name, before=spans.before.span, after=spans.now.span,
            by=list(levels), of=rate.of, until=spans.now.until(frame),
        )  # fmt: skip
    except FrameError as error:
        material.remarks.append(f"{rate.label}: {error}")
        return {}
    keys = table[levels[0]] if levels else [""] * len(table)
    rows: list[dict[Any, Any]] = table.to_dict("records")
    return {str(key): row for key, row in zip(keys, rows, strict=True)}


def _years(material: Material, rate: Rate, levels: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the rates a year ago by key, none where those days are not all known.

    Of everything there is also the change since, of the same weekdays.
    """
    past = year_frame(material, rate.frame, counts_needed(RATES[rate.name]))
    if past is None or not set(levels) <= set(past.index.names):
        return {}
    if not gives(past, rate.name, rate.of):
        return {}
    then = replace(rate, frame=past)
    pooled = _pooled(material, then, material.spans.year, levels)[rate.name]
    if levels:
        return {str(key): {"year": _number(value)} for key, value in pooled.items()}
    found = {"year": _number(pooled.iloc[0]) if len(pooled) else None}
    change = _since_last_year(material, rate, past)
    parts = {"year_change": "change", "year_low": "change_low", "year_high": "change_high"}
    return {"": {**found, **{name: _number(change.get(part)) for name, part in parts.items()}}}


def _since_last_year(material: Material, rate: Rate, past: pd.DataFrame) -> dict[Any, Any]:
    spans = material.spans
    if not EFFECTS.get(rate.name):
        return {}
    try:
        rows = material.quietly(
            compare, spans.now.of(rate.frame), rate.name, before=spans.year.of(past), by=[],
            of=rate.of, until=spans.now.until(rate.frame),
        )  # fmt: skip
    except FrameError as error:
        material.remarks.append(f"{rate.label} and last year: {error}")
        return {}
    return next(iter(rows.to_dict("records")), {})


def worst(figures: Sequence[Figure]) -> tuple[str, Figure | None]:
    """Return the verdict of several rates together, and the figure that decides it."""
    for verdict in (WORSE, BETTER):
        found = [figure for figure in figures if figure.verdict == verdict]
        if found:
            return verdict, max(found, key=lambda figure: abs(figure.excess or 0.0))
    plain = [figure for figure in figures if figure.verdict == NO_CHANGE]
    known = [figure for figure in figures if figure.change is not None]
    first = next(iter([*plain, *known]), None)
    if plain:
        return NO_CHANGE, first
    return (TOO_FEW if known else NO_VERDICT), first
