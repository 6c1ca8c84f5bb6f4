"""The same figures by mailbox provider and by tag."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import pandas as pd

from mgframe.feedback import without_feedback_loop
from mgframe.reporting.figures import (
    Figure,
    Measured,
    Rate,
    chosen_rates,
    gives,
    measure,
)
from mgframe.reporting.material import Material, zone_of
from mgframe.reporting.volumes import Volume, volumes
from mgframe.vocabulary import KEYS, PROVIDER_LEVELS

#: So many keys of a level are shown.
_SHOWN: Final = 12


@dataclass(frozen=True)
class Line:
    """One key with its figures."""

    name: str
    volume: Volume
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Table:
    """The largest keys of a level; `left_out` how many more there are."""

    level: str
    label: str
    zone: str
    lines: list[Line]
    rates: list[Rate]
    left_out: int
    overlaps: bool


@dataclass(frozen=True)
class Breakdown:
    """A table for each level that the frames have."""

    tables: list[Table]
    title: str = "Providers and tags"
    id: str = "breakdown"


def breakdown(material: Material) -> Breakdown | None:
    """Return the figures by provider and by tag, None where the frames have neither."""
    tables = []
    for frame, levels in ((material.providers, PROVIDER_LEVELS), (material.tags, ("tag",))):
        level = next(
            (one for one in levels if frame is not None and one in frame.index.names), None
        )
        if frame is not None and level:
            tables.append(_table(material, frame, level))
    return Breakdown(tables) if tables else None


def _table(material: Material, frame: pd.DataFrame, level: str) -> Table:
    rates = [rate for rate in chosen_rates(material, frame) if rate.name != "complaint_rate"]
    if level in PROVIDER_LEVELS and gives(frame, "complaint_rate"):
        rates.insert(min(len(rates), 2), Rate("complaint_rate", frame, label="Complaints"))
    measured = [_without_silent(measure(material, rate, level)) for rate in rates]
    sizes = volumes(material, frame, level)
    ranked = sorted((k for k in sizes if sizes[k].value), key=lambda k: (-(sizes[k].value or 0), k))
    return Table(
        level=level,
        label=KEYS[level].label,
        zone=zone_of(frame),
        lines=[Line(k, sizes[k], tuple(m.of(k) for m in measured)) for k in ranked[:_SHOWN]],
        rates=rates,
        left_out=max(len(ranked) - _SHOWN, 0),
        overlaps=level == "tag",
    )


def _without_silent(measured: Measured) -> Measured:
    """Return the figures with a note where a provider reports no complaints."""
    if measured.rate.name != "complaint_rate":
        return measured
    silent = without_feedback_loop(measured.figures)
    noted = {key: replace(measured.of(key), note="not reported") for key in silent}
    return replace(measured, figures={**measured.figures, **noted})
