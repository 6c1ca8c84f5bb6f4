"""What stands out: incidents, each with its sentence, a small plot and what to look at next."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from mgframe.analysis.investigating import investigate
from mgframe.errors import FrameError
from mgframe.framing import meta_of
from mgframe.reporting.material import Material, zone_of
from mgframe.reporting.pictures import Picture, place_picture
from mgframe.vocabulary import RATES

#: What began so long ago is looked for, as investigate() does by itself.
_WITHIN: Final = "35 days"
#: So many incidents are drawn; the others are told.
_DRAWN: Final = 8


@dataclass(frozen=True)
class Standout:
    """One incident: `place` and `label` head it, `sentence` says when and how much."""

    number: int
    kind: str
    metric: str
    place: str
    label: str
    sentence: str
    next_check: str
    ongoing: bool
    keys: dict[str, list[str]]
    picture: Picture | None = None


@dataclass(frozen=True)
class Standouts:
    """All incidents of `table`; `series` were looked at; `cannot_tell` says what was not."""

    items: list[Standout]
    table: pd.DataFrame
    series: int
    cannot_tell: list[str]
    within: str
    zone: str
    title: str = "What stands out"
    id: str = "findings"

    @property
    def domains(self) -> list[tuple[int, str]]:
        """The numbers of incidents and the domains they are at."""
        return [(item.number, name) for item in self.items for name in item.keys.get("domain", [])]


def standouts(material: Material) -> Standouts | None:
    """Return what :func:`mgframe.investigate` finds, None where the frames cannot be judged."""
    if not material.frames:
        return None
    stop = min(material.spans.now.until(frame) for frame in material.frames)
    try:
        table = material.quietly(investigate, list(material.frames), until=stop)
    except FrameError as error:
        material.remarks.append(f"What stands out: {error}")
        return None
    meta = meta_of(table)
    items = [
        _item(material, number, row) for number, row in enumerate(table.to_dict("records"), start=1)
    ]
    return Standouts(
        items=items,
        table=table,
        series=int(meta.get("series", 0)),
        cannot_tell=list(meta.get("cannot_tell", [])),
        within=_WITHIN,
        zone=zone_of(material.frames[0]),
    )


def _label(row: dict[Any, Any]) -> str:
    """Return what went wrong in a word or two."""
    kinds = {"tracking": "Tracking", "bots": "Machines", "mix": "Mix of mail"}
    name = RATES[row["metric"]].label.removesuffix(" (7-day)")
    return f"{kinds[row['kind']]}: {name.lower()}" if row["kind"] in kinds else name


def _item(material: Material, number: int, row: dict[Any, Any]) -> Standout:
    keys = json.loads(row["keys"])
    place = " · ".join(name for names in keys.values() for name in names) or "Whole account"
    picture = None
    if number <= _DRAWN and row["kind"] in ("rate", "tracking"):
        picture = material.quietly(
            place_picture, material, f"finding-{number}", row["metric"], keys, place
        )
    return Standout(
        number, row["kind"], row["metric"], place, _label(row), row["sentence"],
        row["next_check"], bool(row["ongoing"]), keys, picture,
    )  # fmt: skip
