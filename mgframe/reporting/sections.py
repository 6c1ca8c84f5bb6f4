"""The sections of a report: their names, their order, and what fills them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from mgframe.errors import QueryError, suggestion
from mgframe.reporting.breakdown import breakdown
from mgframe.reporting.headline import headline
from mgframe.reporting.headroom import Headroom, headroom
from mgframe.reporting.material import Coverage, Material
from mgframe.reporting.origins import caveats, cover, recipe
from mgframe.reporting.population import population
from mgframe.reporting.scorecard import scorecard
from mgframe.reporting.standouts import Standouts, standouts
from mgframe.summing import names_in

#: Every section in the order of a whole report, with its title and what it takes.
SECTIONS: Final = {
    "headline": ("In short", ""),
    "findings": ("What stands out", "it takes four weeks of days or more"),
    "scorecard": ("Scorecard", "the frames have no key domain"),
    "domains": ("New, silent and mute domains", "the frames have no key domain"),
    "breakdown": ("Providers and tags", "the frames have neither providers nor tags"),
    "limits": ("Limits and headroom", "the counts of no limited rate are there"),
    "coverage": ("Coverage", ""),
    "caveats": ("What these numbers do not tell", ""),
    "reproduction": ("How to reproduce it", ""),
}


@dataclass(frozen=True)
class Contents:
    """The sections of one report in order, those of them that others ask for, and the coverage."""

    sections: list[Any]
    coverage: Coverage
    findings: Standouts | None
    limits: Headroom | None


def read_sections(names: Sequence[str] | None) -> list[str]:
    """Return the names of the sections wanted, in the order given.

    Raises
    ------
    QueryError
        There is no such section.
    """
    if names is None:
        return list(SECTIONS)
    listed = names_in(names, argument="sections")
    for name in listed:
        if name not in SECTIONS:
            raise QueryError(
                f"sections: {name!r} is no section{suggestion(name, SECTIONS)}; they are "
                f"{', '.join(SECTIONS)}"
            )
    if not listed:
        raise QueryError("sections is empty; leave it out for all")
    return list(dict.fromkeys(listed))


def fill(material: Material, names: Sequence[str]) -> Contents:
    """Return the sections wanted, as far as the frames can give them."""
    found: dict[str, Any] = {}
    if "findings" in names:
        found["findings"] = material.quietly(standouts, material)
    incidents = found.get("findings")
    material = replace(material, coverage=_with_causes(material.coverage, incidents))
    makers: dict[str, Callable[[], Any]] = {
        "headline": lambda: headline(material),
        "scorecard": lambda: scorecard(material, incidents.domains if incidents else ()),
        "domains": lambda: population(material),
        "breakdown": lambda: breakdown(material),
        "limits": lambda: headroom(material),
        "coverage": lambda: cover(material),
        "reproduction": lambda: recipe(material),
    }
    found |= {name: material.quietly(makers[name]) for name in names if name in makers}
    left_out = {
        title: why for name, (title, why) in SECTIONS.items() if name in names and name in found
        and found[name] is None
    }  # fmt: skip
    told = incidents.cannot_tell if incidents else []
    found["caveats"] = caveats(material, left_out, told)
    sections = [found[name] for name in names if found.get(name) is not None]
    return Contents(sections, material.coverage, incidents, found.get("limits"))


def _with_causes(coverage: Coverage, incidents: Standouts | None) -> Coverage:
    """Return the coverage with the requests that were sent for causes."""
    causes = 0 if incidents is None else incidents.requests
    if not causes:
        return coverage
    return replace(coverage, requests=(coverage.requests or 0) + causes, causes=causes)
