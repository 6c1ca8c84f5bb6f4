"""All domains of the account: volume, rates, verdict; what fares worst first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mgframe.analysis.comparing import WORSE
from mgframe.reporting.figures import (
    Figure,
    Measured,
    Rate,
    chosen_rates,
    measure,
    worst,
)
from mgframe.reporting.material import Material
from mgframe.reporting.volumes import Volume, volumes

#: So many domains stand first.
FIRST: Final = 10
ACCOUNT: Final = "All domains"


@dataclass(frozen=True)
class Row:
    """A domain (or all of them): its figures, in the order of the table's rates, and the verdict.

    `decides` is the figure with the change that the verdict is about; `finding` the number of the
    finding at this domain, None where there is none.
    """

    name: str
    volume: Volume | None
    figures: tuple[Figure, ...]
    verdict: str
    decides: Figure | None
    finding: int | None = None


@dataclass(frozen=True)
class Scorecard:
    """All domains with mail now or before: `total`, then the `first` ones, then the `rest`.

    `check` says how the total relates to the account's own, `worse` how many domains got worse,
    `year` whether any of a year ago is known.
    """

    total: Row
    first: list[Row]
    rest: list[Row]
    rates: list[Rate]
    volume_label: str
    check: str = ""
    title: str = "Scorecard"
    id: str = "scorecard"
    worse: int = 0
    flagged: bool = False
    year: bool = False


def scorecard(material: Material, findings: Sequence[tuple[int, str]] = ()) -> Scorecard | None:
    """Return the scorecard, None where the frames know no domains.

    `findings` are the numbers and the domains of what stands out.
    """
    frame = material.domains
    if frame is None:
        return None
    chosen = _by_domain(chosen_rates(material, frame))
    measured = [measure(material, rate, "domain") for rate in chosen]
    totals = [measure(material, rate) for rate in chosen]
    sizes = volumes(material, frame, "domain")
    found = {domain: number for number, domain in reversed(findings)}
    named = [name for name, size in sizes.items() if size.value or size.before]
    rows = [_row(name, sizes.get(name), measured, found.get(name)) for name in named]
    whole = volumes(material, frame, None).get("")
    rows.sort(key=_badness)
    return Scorecard(
        total=_row(ACCOUNT, whole, totals, None, key=""),
        first=rows[:FIRST],
        rest=sorted(rows[FIRST:], key=lambda row: -(row.volume.value or 0) if row.volume else 0),
        rates=chosen,
        volume_label=whole.label if whole else "Volume",
        check=_check(material, whole),
        worse=len([row for row in rows if row.verdict == WORSE]),
        flagged=bool(found),
        year=any(_knows_year(row) for row in rows),
    )


def _knows_year(row: Row) -> bool:
    """Return whether anything of a year ago is known that the table shows."""
    rate = row.figures[0].year if row.figures else None
    return rate is not None or (row.volume is not None and row.volume.year is not None)


def _by_domain(rates: Sequence[Rate]) -> list[Rate]:
    return [rate for rate in rates if "domain" in rate.frame.index.names]


def _row(
    name: str,
    volume: Volume | None,
    measured: Sequence[Measured],
    finding: int | None,
    key: str | None = None,
) -> Row:
    figures = tuple(one.of(name if key is None else key) for one in measured)
    verdict, decides = worst(figures)
    return Row(name, volume, figures, verdict, decides, finding)


def _badness(row: Row) -> tuple[bool, bool, float, str]:
    """Return what rows are sorted by: worse, what stands out, messages that fared worse."""
    excess = max((figure.excess or 0.0 for figure in row.figures[:2]), default=0.0)
    return row.verdict != WORSE, row.finding is None, -excess, row.name


def _check(material: Material, whole: Volume | None) -> str:
    """Return whether the domains add up to the account, where that was asked apart."""
    if whole is None or whole.value is None:
        return ""
    if material.account is None:
        return "The total is the sum of these domains."
    account = volumes(material, material.account, None).get("")
    if account is None or account.value is None:
        return "The total is the sum of these domains; the account's own total is not known."
    if account.value == whole.value:
        return "The total is the sum of these domains and equals the account's own total."
    return (
        f"The sum of these domains is {whole.value:,}, the account's own total {account.value:,}: "
        f"{account.value - whole.value:+,} belong to domains that are not in this table."
    )
