"""Why mail failed where a finding is: the leading class of a table of failures, at its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from mgframe.analysis.metrics import DELIVERY
from mgframe.analysis.rereading import Row, Told, read_row
from mgframe.analysis.wording import with_cause
from mgframe.errors import FrameError
from mgframe.framing import meta_of
from mgframe.summing import Booleans

#: The reason in the logs that a rate counts.
_REASONS: Final = {"block_rate": "espblock", "hard_bounce_rate": "bounce"}
#: Mail to addresses on a suppression list is never attempted, so no server refused it.
_SUPPRESSED: Final = "suppress-"
#: What tells a class of the bounce classification, the most telling first.
_CLASS: Final = ("category", "criticality", "entity")
_COUNTS: Final = {
    "permanent": ("critical_bounce", "non_critical_bounce"),
    "temporary": ("critical_delay", "non_critical_delay"),
}
#: How tables of failures call the key of a finding; the others have its own name.
_NAMES: Final = {"provider": "recipient_provider", "entity": "recipient_provider"}
_LOG_COLUMNS: Final = frozenset({"severity", "reason", "count"})


def severity_of(told: Told) -> str:
    """Return which failures a finding is about: ``permanent`` or ``temporary``."""
    return "temporary" if told.metric.rate == "deferral_rate" else "permanent"


def has_cause(finding: Row) -> bool:
    """Say whether a row is about failed deliveries, of which logs can tell the cause."""
    if dict(finding).get("kind") != "rate":
        return False
    return read_row(finding).metric.family == DELIVERY


def check_failures(failures: object) -> None:
    """Raise :class:`FrameError` unless it is None or a table whose classes can be read."""
    if failures is None:
        return
    if not isinstance(failures, pd.DataFrame) or not (
        set(failures.columns) >= _LOG_COLUMNS or _is_classified(failures)
    ):
        raise FrameError(
            "failures= must be a table of mg.failures(), or a frame of mg.bounce_classification() "
            "by one of entity, category and criticality"
        )


def _is_classified(table: pd.DataFrame) -> bool:
    counts = {name for names in _COUNTS.values() for name in names}
    return bool(counts & set(table.columns)) and bool(set(_CLASS) & set(table.index.names))


def with_causes(found: pd.DataFrame, cause_of: Callable[[pd.Series], str]) -> pd.DataFrame:
    """Return the findings with the cause of those that had none, named in their sentences too."""
    rows = [row for _, row in found.iterrows()]
    new = ["" if row["cause"] or not has_cause(row) else cause_of(row) for row in rows]
    texts = [with_cause(row["sentence"], cause) for row, cause in zip(rows, new, strict=True)]
    causes = [cause or row["cause"] for row, cause in zip(rows, new, strict=True)]
    columns = {"cause": causes, "sentence": texts}
    return found.assign(
        **{name: pd.Series(told, index=found.index, dtype="str") for name, told in columns.items()}
    )


def leading_cause(finding: Row, failures: pd.DataFrame | None) -> str:
    """Return the leading class of failures at a finding's place and days, empty where none is told.

    Of a table of :func:`mgframe.failures` it is reason, codes and meaning, of a frame of
    :func:`mgframe.bounce_classification` category, criticality and who refused. A table that was
    fetched for another place, or for more than the place, tells nothing of it.
    """
    if failures is None or failures.empty:
        return ""
    told = read_row(finding)
    return (_of_classes if _is_classified(failures) else _of_reasons)(told, failures)


def _of_reasons(told: Told, table: pd.DataFrame) -> str:
    here = _at_place(told, table, {name: table[name] for name in map(str, table.columns)})
    here &= table["severity"].eq(severity_of(told)).to_numpy(dtype=bool, na_value=False)
    here &= ~table["reason"].astype("str").str.startswith(_SUPPRESSED).to_numpy(dtype=bool)
    if {"first", "last"} <= set(table.columns):
        after = told.end + pd.Timedelta(days=1)
        here &= ((table["first"] < after) & (table["last"] >= told.start)).to_numpy(dtype=bool)
    own = table[here]
    named = own[own["reason"] == _REASONS.get(told.metric.rate, "")]
    own = named if len(named) else own
    if own.empty:
        return ""
    reason = own.groupby("reason", sort=False)["count"].sum().idxmax()
    top = own[own["reason"] == reason].sort_values("count", ascending=False).iloc[0]
    parts = [str(reason), *(_text(top, name) for name in ("code", "enhanced_code"))]
    # Who says what a code means stands in brackets behind it, and in mg.explain().
    meaning = _text(top, "meaning").partition(" (")[0].rstrip(".")
    return " ".join(part for part in parts if part) + (f": {meaning}" if meaning else "")


def _text(row: pd.Series, name: str) -> str:
    value = row.get(name)
    return "" if value is None or pd.isna(value) or value == "(none)" else str(value)


def _of_classes(told: Told, frame: pd.DataFrame) -> str:
    names = [str(name) for name in frame.index.names]
    levels = {name: frame.index.get_level_values(name) for name in names}
    here = _at_place(told, frame, levels)
    if "severity" in levels:
        here &= levels["severity"] == severity_of(told)
    if "time" in levels:
        times = pd.DatetimeIndex(levels["time"])
        here &= (times >= told.start) & (times < told.end + pd.Timedelta(days=1))
    counts = [name for name in _COUNTS[severity_of(told)] if name in frame.columns]
    sizes = frame[counts].sum(axis=1)[here]
    if not len(sizes) or not sizes.max() > 0:
        return ""
    by = [name for name in _CLASS if name in levels]
    top = sizes.groupby(level=by, sort=False).sum().idxmax()
    known = {name for names in told.where.values() for name in names}
    words = [str(word) for word in (top if isinstance(top, tuple) else (top,))]
    return ", ".join(word for word in words if word not in known) or words[0]


def _at_place(told: Told, table: pd.DataFrame, keys: dict[str, Any]) -> Booleans:
    """Return the rows that are of a place; none where the table is about another one, or more.

    A table that does not say what it was narrowed to is taken to be about the place.
    """
    here: Booleans = np.ones(len(table), dtype=bool)
    noted = _noted(table)
    for level, names in told.where.items():
        column = next((one for one in keys if _NAMES.get(one, one) == level), None)
        if column is not None:
            here &= pd.Index(keys[column]).isin(names)
        elif noted is not None:
            own = set(noted.get(level, ()))
            here &= bool(own) and own <= set(names)
    return here


def _noted(table: pd.DataFrame) -> dict[str, Sequence[str]] | None:
    """Return what a table was narrowed to when it was fetched; None where that is not known."""
    meta = meta_of(table)
    if not meta:
        return None
    where = meta.get("where", (meta.get("request") or {}).get("where", []))
    pairs = (str(text).partition(" = ") for text in where)
    return {_level(name): values.split(", ") for name, _, values in pairs if values}


def _level(name: str) -> str:
    """Return the key of a finding that a filter's attribute is about."""
    bare = {"domain.name": "domain", "envelope.sending-ip": "ip", "entity-name": "entity"}
    return _NAMES.get(bare.get(name, name), bare.get(name, name))
