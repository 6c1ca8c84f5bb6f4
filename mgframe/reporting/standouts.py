"""What stands out: incidents, each with sentence, cause, plot and what to look at next."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from mgframe.analysis.evidence import days_behind
from mgframe.analysis.reading import read_account
from mgframe.analysis.rereading import read_row
from mgframe.analysis.slices import Account
from mgframe.errors import FrameError
from mgframe.framing import meta_of
from mgframe.investigation import investigate
from mgframe.reporting.material import Material, zone_of
from mgframe.reporting.pictures import Picture, incident_picture
from mgframe.vocabulary import RATES

#: What began so long ago is looked for, as investigate() does by itself.
_WITHIN: Final = "35 days"
#: So many incidents are drawn; the others are told.
_DRAWN: Final = 8


@dataclass(frozen=True)
class Standout:
    """One incident: `place` and `label` head it, `sentence` says when and how much.

    `cause` is the leading failure there, empty where it is not known.
    """

    number: int
    kind: str
    metric: str
    place: str
    label: str
    sentence: str
    cause: str
    next_check: str
    ongoing: bool
    keys: dict[str, list[str]]
    picture: Picture | None = None


@dataclass(frozen=True)
class Standouts:
    """All incidents of `table`; `series` were looked at; `cannot_tell` says what was not.

    `requests` were sent for causes.
    """

    items: list[Standout]
    table: pd.DataFrame
    series: int
    cannot_tell: list[str]
    requests: int
    within: str
    zone: str
    title: str = "What stands out"
    id: str = "findings"

    @property
    def domains(self) -> list[tuple[int, str]]:
        """The numbers of incidents and the domains they are at."""
        return [(item.number, name) for item in self.items for name in item.keys.get("domain", [])]


def standouts(material: Material) -> Standouts | None:
    """Return what :func:`mgframe.investigate` finds, None where the frames cannot be judged.

    Causes are asked of the material's client where it has one; without an answer they are not known
    and `cannot_tell` says why.
    """
    if not material.frames:
        return None
    stop = min(material.spans.now.until(frame) for frame in material.frames)
    try:
        table = material.quietly(
            investigate, list(material.frames), until=stop, progress=False, client=material.client
        )
    except FrameError as error:
        material.remarks.append(f"What stands out: {error}")
        return None
    meta = meta_of(table)
    pictures = _pictures(material, table, stop)
    items = [_item(number, row, pictures.get(number)) for number, row in _numbered(table)]
    return Standouts(
        items=items,
        table=table,
        series=int(meta.get("series", 0)),
        cannot_tell=list(meta.get("cannot_tell", [])),
        requests=int(meta.get("requests", 0)),
        within=_WITHIN,
        zone=zone_of(material.frames[0]),
    )


def _label(row: dict[Any, Any]) -> str:
    """Return what went wrong in a word or two."""
    kinds = {"tracking": "Tracking", "bots": "Machines", "mix": "Mix of mail"}
    name = RATES[row["metric"]].label.removesuffix(" (7-day)")
    return f"{kinds[row['kind']]}: {name.lower()}" if row["kind"] in kinds else name


def _numbered(table: pd.DataFrame) -> Iterator[tuple[int, dict[Any, Any]]]:
    return enumerate(table.to_dict("records"), start=1)


def _place(row: dict[Any, Any]) -> str:
    names = [name for names in json.loads(row["keys"]).values() for name in names]
    return " · ".join(names) or "Whole account"


def _pictures(material: Material, table: pd.DataFrame, stop: Any) -> dict[int, Picture]:
    """Return the plots of the first incidents by number; the frames are read once for all."""
    account: Account | None = None
    if len(table):
        account = material.quietly(read_account, list(material.frames), holidays=None, until=stop)
    if account is None:
        return {}
    found: dict[int, Picture] = {}
    for number, row in _numbered(table.head(_DRAWN)):
        days = days_behind(account, read_row(row), simulated=material.simulated)
        picture = material.quietly(incident_picture, days, row, f"finding-{number}", _place(row))
        found |= {} if picture is None else {number: picture}
    return found


def _item(number: int, row: dict[Any, Any], picture: Picture | None) -> Standout:
    return Standout(
        number, row["kind"], row["metric"], _place(row), _label(row), row["sentence"],
        row["cause"], row["next_check"], bool(row["ongoing"]), json.loads(row["keys"]), picture,
    )  # fmt: skip
