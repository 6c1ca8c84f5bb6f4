"""Two frames side by side: what is called otherwise, what only one has, and where values differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any, Final

import numpy as np
import pandas as pd

from mgframe.checking import check_frame
from mgframe.framing import meta_of, resolution_of, row_text, times_of, with_meta
from mgframe.summing import Booleans, Integers, integers, plain_labels
from mgframe.vocabulary import COUNTS, KEYS, TIME_LEVELS, in_order

#: What stands where a frame has nothing; an empty text would not survive a CSV file.
NOTHING: Final = "-"

#: The kinds of findings, in the order of the table.
KINDS: Final = ("scope", "renamed", "redefined", "missing", "rows", "unknown", "differs")

#: Levels that two APIs call otherwise but mean the same by.
_SAME_LEVEL: Final = {"recipient_domain": "provider"}
_PROVIDERS: Final = {"provider", "recipient_provider"}

#: What changes in meaning from the Stats API to the Metrics API although the name stays.
_UNIQUES: Final = (
    "the Metrics API counts a recipient once for each bot class, the Stats API does not tell bots "
    "apart"
)
_REDEFINED: Final = {
    "unique_opened": _UNIQUES,
    "unique_clicked": _UNIQUES,
    "hard_bounces": (
        "failed.permanent.bounce of the Stats API is taken to be hard_bounces of the Metrics API; "
        "Mailgun does not say that they are the same"
    ),
}
_UNDOCUMENTED: Final = {"stored": "the Metrics API does not document it as a count to ask for"}


@dataclass(frozen=True)
class Finding:
    """One row of the table."""

    kind: str
    what: str
    in_a: str
    in_b: str
    rows: int = 0
    largest: float = float("nan")
    note: str = NOTHING


@dataclass(frozen=True)
class Side:
    """A frame whose rows can be looked up in another: its labels in the levels that both have."""

    frame: pd.DataFrame
    index: pd.MultiIndex

    def labels(self, level: str) -> pd.Index:
        """Return every row's label in a level."""
        return self.index.get_level_values(level)


def differences(frame_a: pd.DataFrame, frame_b: pd.DataFrame) -> pd.DataFrame:
    """Return the table of what differs between two frames; see :func:`mgframe.parity`."""
    check_frame(frame_a)
    check_frame(frame_b)
    scopes, same_width = _scopes(frame_a, frame_b)
    renamed, levels = _levels(frame_a, frame_b)
    found = [*scopes, *renamed, *_missing_counts(frame_a, frame_b)]
    compared = (0, 0)
    if same_width and levels:
        side_a, side_b = _side(frame_a, levels), _side(frame_b, levels)
        at_a, at_b = _shared_rows(side_a, side_b)
        found += _lone_rows(side_a, side_b, at_a, at_b)
        shared = [str(name) for name in frame_a.columns if name in frame_b.columns]
        two_apis = {_api(frame_a), _api(frame_b)} == {"stats", "metrics"}
        for name in in_order(sorted(shared)):
            found += _values(name, side_a, side_b, at_a, at_b, two_apis=two_apis)
        compared = (len(at_a), len(shared))
    return _table(found, frame_a, frame_b, *compared)


def _table(
    found: Iterable[Finding], a: pd.DataFrame, b: pd.DataFrame, rows: int, counts: int
) -> pd.DataFrame:
    ordered = [astuple(f) for f in sorted(found, key=lambda finding: KINDS.index(finding.kind))]
    dtypes = {"rows": "int64", "largest": "float64"}
    names = [field.name for field in fields(Finding)]
    columns = list(zip(*ordered, strict=True)) or [()] * len(names)
    table = pd.DataFrame(
        {
            name: pd.Series(list(values), dtype=dtypes.get(name, "str"))
            for name, values in zip(names, columns, strict=True)
        }
    )
    simulated = any(meta_of(frame).get("simulated", False) for frame in (a, b))
    return with_meta(
        table, {"compared": {"rows": rows, "counts": counts}, "simulated": bool(simulated)}
    )


# ---------------------------------------------------------------- what the frames are about


def _api(frame: pd.DataFrame) -> str:
    """Return which API answered, empty where attrs do not tell."""
    endpoint = str(meta_of(frame).get("endpoint", ""))
    if "/v1/analytics" in endpoint:
        return "metrics"
    return "stats" if "/v3/" in endpoint else ""


def _scopes(a: pd.DataFrame, b: pd.DataFrame) -> tuple[list[Finding], bool]:
    """Return how the frames' questions differ, and whether their buckets can be compared."""
    found = [
        Finding("scope", name, str(in_a), str(in_b), note=f"they were asked of another {of}")
        for name, of in (("region", "region"), ("subaccount", "account"))
        if (in_a := meta_of(a).get(name)) != (in_b := meta_of(b).get(name)) and in_a and in_b
    ]
    live, simulated = (_told(a, "simulated"), _told(b, "simulated"))
    if live != simulated and NOTHING not in (live, simulated):
        found.append(Finding("scope", "simulated", live, simulated, note="one is no real account"))
    zones = [_zone(frame) for frame in (a, b)]
    if zones[0] != zones[1] and NOTHING not in zones:
        note = "their days begin at other moments"
        found.append(Finding("scope", "zone", zones[0], zones[1], note=note))
    widths = [_width(frame) for frame in (a, b)]
    same = widths[0] == widths[1] or NOTHING in widths
    if not same:
        note = "buckets of other widths: nothing was compared; fetch both at one resolution"
        found.append(Finding("scope", "resolution", widths[0], widths[1], note=note))
    return found, same


def _told(frame: pd.DataFrame, name: str) -> str:
    meta = meta_of(frame)
    return str(meta[name]) if name in meta else NOTHING


def _zone(frame: pd.DataFrame) -> str:
    return str(times_of(frame).tz) if "time" in frame.index.names else NOTHING


def _width(frame: pd.DataFrame) -> str:
    """Return the width of the buckets, or "total"; nothing where it cannot be told."""
    if known := meta_of(frame).get("resolution"):
        return str(known)
    if "time" not in frame.index.names or frame.index.get_level_values("time").nunique() < 2:
        return NOTHING
    return resolution_of(frame)


# ---------------------------------------------------------------- levels and columns


def _common(name: object) -> str:
    return _SAME_LEVEL.get(str(name), str(name))


def _levels(a: pd.DataFrame, b: pd.DataFrame) -> tuple[list[Finding], list[str]]:
    """Return how the levels differ, and those to compare by; none where that has no meaning."""
    named_a, named_b = ({_common(n): str(n) for n in frame.index.names} for frame in (a, b))
    shared = [name for name in (*TIME_LEVELS, *KEYS) if name in named_a and name in named_b]
    found = [
        Finding("renamed", named_a[name], named_a[name], named_b[name],
                note="another name for the recipient's domain")
        for name in shared if named_a[name] != named_b[name]
    ]  # fmt: skip
    lone_a = [name for name in named_a if name not in shared]
    lone_b = [name for name in named_b if name not in shared]
    if {*lone_a, *lone_b} >= _PROVIDERS and len(_PROVIDERS & {*lone_a}) == 1:
        found.append(_providers(named_a, named_b))
        return found, []
    lone = {
        name: (a, named_a[name]) if name in named_a else (b, named_b[name])
        for name in (*TIME_LEVELS, *KEYS)
        if name in {*lone_a, *lone_b}
    }
    comparable = all(plain_labels(frame, name).nunique() <= 1 for frame, name in lone.values())
    found += [
        _missing_level(name, named_a, named_b, len(frame), comparable=comparable)
        for name, (frame, _) in lone.items()
    ]
    return found, shared if comparable else []


def _providers(named_a: dict[str, str], named_b: dict[str, str]) -> Finding:
    in_a, in_b = (
        next(named[n] for n in named if n in _PROVIDERS and n not in other)
        for named, other in ((named_a, named_b), (named_b, named_a))
    )
    note = (
        "recipient_provider names who runs the mailbox (Gmail), the other the recipient's domain "
        "(gmail.com): nothing was compared; recipient_domain is the same as provider"
    )
    return Finding("redefined", "recipient_provider", in_a, in_b, note=note)


def _missing_level(
    name: str, named_a: dict[str, str], named_b: dict[str, str], rows: int, *, comparable: bool
) -> Finding:
    note = (
        "it has one value only, so the rows are compared without it"
        if comparable
        else "only one frame has this level: nothing was compared; sum over it first, df.mg.sum()"
    )
    in_a, in_b = named_a.get(name, NOTHING), named_b.get(name, NOTHING)
    return Finding("missing", f"level {name}", in_a, in_b, rows, note=note)


def _missing_counts(a: pd.DataFrame, b: pd.DataFrame) -> list[Finding]:
    columns_a, columns_b = ({str(name) for name in frame.columns} for frame in (a, b))
    found = []
    for name in in_order(sorted(columns_a ^ columns_b)):
        has, lacks = (a, b) if name in columns_a else (b, a)
        in_a, in_b = (name if name in columns else NOTHING for columns in (columns_a, columns_b))
        note = _why_missing(name, _api(lacks))
        found.append(Finding("missing", name, in_a, in_b, len(has), note=note))
    return found


def _why_missing(name: str, api: str) -> str:
    count = COUNTS.get(name)
    if count is None:
        return "a count of another endpoint, or of your own"
    if api == "stats" and not count.path and "Not in the Stats API" in count.caveat:
        return "the Stats API does not report it"
    if api == "metrics" and name in _UNDOCUMENTED:
        return _UNDOCUMENTED[name]
    return "not asked for, or not reported"


# ---------------------------------------------------------------- rows


def _side(frame: pd.DataFrame, levels: Sequence[str]) -> Side:
    named = {_common(name): str(name) for name in frame.index.names}
    labels: list[Any] = [plain_labels(frame, named[level]) for level in levels]
    labels = [
        label.tz_convert("UTC").as_unit("us") if isinstance(label, pd.DatetimeIndex) else label
        for label in labels
    ]
    return Side(frame, pd.MultiIndex.from_arrays(labels, names=list(levels)))


def _shared_rows(a: Side, b: Side) -> tuple[Integers, Integers]:
    """Return the places in both frames of the rows that both have."""
    place = np.asarray(b.index.get_indexer(a.index), dtype="int64")
    return np.flatnonzero(place >= 0), place[place >= 0]


def _lone_rows(a: Side, b: Side, at_a: Integers, at_b: Integers) -> list[Finding]:
    """Return the rows that only one frame has, by the level that tells why."""
    left_a, left_b = _others(a, at_a), _others(b, at_b)
    found = []
    for level in map(str, a.index.names):
        new_a = left_a & ~np.asarray(a.labels(level).isin(b.labels(level)))
        new_b = left_b & ~np.asarray(b.labels(level).isin(a.labels(level)))
        left_a, left_b = left_a & ~new_a, left_b & ~new_b
        found += _only_here(level, a, b, new_a, new_b)
    return found + _only_here("rows", a, b, left_a, left_b)


def _others(side: Side, shared: Integers) -> Booleans:
    lone = np.ones(len(side.frame), dtype=np.bool_)
    lone[shared] = False
    return lone


def _only_here(what: str, a: Side, b: Side, lone_a: Booleans, lone_b: Booleans) -> list[Finding]:
    rows = int(lone_a.sum() + lone_b.sum())
    if not rows:
        return []
    values_a, values_b = (
        (side.index if what == "rows" else side.labels(what))[lone].unique()
        for side, lone in ((a, lone_a), (b, lone_b))
    )
    largest = np.fmax(_largest(a, lone_a), _largest(b, lone_b))
    notes = [
        {
            "time": "buckets that only one of them has: other windows",
            "as_of": "lifetime counters read at other moments: nothing was compared",
            "rows": "keys that both have, but together in one of them only",
        }.get(what, "keys that only one of them has")
    ]
    if largest == 0:
        notes.append("all their counts are 0, which one API writes and the other leaves out")
    if what == "tag" and "Untagged" in {*values_a, *values_b}:
        notes.append("Untagged is the Metrics API's row for mail without a tag")
    if what in KEYS and {*values_a.str.lower()} & {*values_b.str.lower()}:
        notes.append("some differ by case alone")
    in_a, in_b = _sample(values_a), _sample(values_b)
    return [Finding("rows", what, in_a, in_b, rows, float(largest), "; ".join(notes))]


def _largest(side: Side, lone: Booleans) -> float:
    counts = side.frame[lone].to_numpy(dtype="float64", na_value=np.nan)
    return float(np.fmax.reduce(counts, axis=None, initial=np.nan))


def _sample(values: pd.Index) -> str:
    texts = [row_text(value) for value in values[:3]]
    more = [f"and {len(values) - 3} more"] * (len(values) > 3)
    return "; ".join([*texts, *more]) or NOTHING


# ---------------------------------------------------------------- values


def _values(
    name: str, a: Side, b: Side, at_a: Integers, at_b: Integers, *, two_apis: bool
) -> list[Finding]:
    """Return where one frame knows a count and the other does not, and where they differ."""
    (in_a, lost_a), (in_b, lost_b) = integers(a.frame, name), integers(b.frame, name)
    in_a, lost_a, in_b, lost_b = in_a[at_a], lost_a[at_a], in_b[at_b], lost_b[at_b]
    found = []
    if (unknown := lost_a != lost_b).any():
        only_a, only_b = int((lost_a & unknown).sum()), int((lost_b & unknown).sum())
        largest = float(np.maximum(in_a, in_b)[unknown].max())
        note = "NA, not reported, on one side and a number on the other"
        texts = (f"NA in {only_a}", f"NA in {only_b}")
        found.append(
            Finding("unknown", name, texts[0], texts[1], int(unknown.sum()), largest, note)
        )
    size = np.where(lost_a | lost_b, 0, np.abs(in_a - in_b))
    if size.any():
        at = int(size.argmax())
        said = _REDEFINED.get(name) if two_apis else None
        note = f"largest at {row_text(a.index[at_a[at]])}" + (f"; {said}" if said else "")
        kind, rows = "redefined" if said else "differs", int((size > 0).sum())
        found.append(Finding(kind, name, str(in_a[at]), str(in_b[at]), rows, float(size[at]), note))
    return found
