"""``--fail-on``: which verdicts about a rate end a command with code 3."""

from __future__ import annotations

import argparse
import re
from collections.abc import Hashable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mgframe.cli.options import values
from mgframe.cli.parser import Parser
from mgframe.cli.speaking import note, say
from mgframe.errors import QueryError

if TYPE_CHECKING:
    import pandas as pd

_WRITTEN: Final = re.compile(r"\s*(\w+)\s*([<>])\s*(\d*\.?\d+)\s*(%?)\s*:\s*(\w+)\s*")
#: What the interval of a rate must say beside the sign: all of it lies beyond the limit.
_VERDICTS: Final = {">": "over", "<": "under"}
_LIKE: Final = "'complaint_rate>0.1%:over' or 'delivery_rate<95%:under'"


class Alarm(NamedTuple):
    """A verdict that ends a command with code 3."""

    rate: str
    limit: float
    verdict: str
    text: str


def add_alarms(parser: Parser) -> None:
    """Add ``--fail-on`` and ``--fail-by``."""
    group = parser.add_argument_group("what ends with code 3")
    add_fail_on(
        group,
        "such as 'complaint_rate>0.1%%:over' or 'delivery_rate<95%%:under' (in quotes, for the "
        "shell), repeated as needed: of the last 7 complete days, where the whole interval lies "
        "beyond the limit. What is undetermined never fails",
    )
    group.add_argument(
        "--fail-by",
        type=values,
        metavar="KEY[,...]",
        help="the keys to judge apart, by default all; 'all' judges everything as one",
    )


def add_fail_on(group: argparse._ArgumentGroup, text: str) -> None:
    """Add ``--fail-on``."""
    group.add_argument(
        "--fail-on",
        action="append",
        type=read_alarm,
        default=[],
        metavar="RATE>LIMIT:over",
        help=text,
    )


def read_alarm(text: str) -> Alarm:
    """Read ``RATE>LIMIT[%]:over`` or ``RATE<LIMIT[%]:under``."""
    parts = _WRITTEN.fullmatch(text)
    if parts is None:
        hint = (
            "" if re.search("[<>]", text) else "; in quotes, for the shell takes > and < for itself"
        )
        raise argparse.ArgumentTypeError(f"{text!r} must be written like {_LIKE}{hint}")
    name, sign, number, percent, verdict = parts.groups()
    if verdict != _VERDICTS[sign]:
        raise argparse.ArgumentTypeError(
            f"{text!r}: after {sign} only the verdict {_VERDICTS[sign]!r} can fail, not "
            f"{verdict!r}; write it like {_LIKE}"
        )
    limit = float(Decimal(number) / (100 if percent else 1))
    if not 0 < limit < 1:
        hint = "" if percent else f"; {number} per cent is {number}%"
        raise argparse.ArgumentTypeError(
            f"{text!r}: a limit is a fraction between 0 and 1, or a percentage{hint}"
        )
    return Alarm(_proportion(name), limit, verdict, text)


def _proportion(name: str) -> str:
    from mgframe.vocabulary import RATES, rate_name

    try:
        rate = rate_name(name)
    except QueryError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not RATES[rate].proportion:
        raise argparse.ArgumentTypeError(f"{rate} is no proportion, so it has no interval")
    return rate


def breached(frame: pd.DataFrame, parsed: argparse.Namespace) -> bool:
    """Say which limits are breached, and return whether any is."""
    if not parsed.fail_on:
        return False
    from mgframe.analysis.thresholds import thresholds

    by = [] if parsed.fail_by == "all" else parsed.fail_by
    table = thresholds(frame, [(alarm.rate, alarm.limit) for alarm in parsed.fail_on], by=by)
    return tell(table, parsed.fail_on)


def tell(table: pd.DataFrame, alarms: list[Alarm]) -> bool:
    """Say what a table of verdicts has for alarms, and return whether any limit is breached."""
    if not alarms:
        return False
    sentences = [text for alarm in alarms for text in _failing(table, alarm)]
    for sentence in sentences:
        say(sentence)
    limits = {(alarm.rate, alarm.limit) for alarm in alarms}
    about = [pair in limits for pair in zip(table["metric"], table["limit"], strict=True)]
    counts = table["verdict"][about].value_counts()
    counted = ", ".join(f"{number} {verdict}" for verdict, number in counts.items())
    note(f"verdicts of --fail-on: {counted or 'none, for there are no rows'}")
    for name, caveat in _caveats(table[about]):
        note(f"{name}: {caveat}")
    return bool(sentences)


def _caveats(table: pd.DataFrame) -> list[tuple[str, str]]:
    """Return what the verdicts leave out, such as Gmail's share, once a rate."""
    if "note" not in table:  # a report's table tells it beside its limits
        return []
    told = table.loc[table["note"] != "", ["metric", "note"]].drop_duplicates()
    return list(told.itertuples(index=False, name=None))


def _failing(table: pd.DataFrame, alarm: Alarm) -> list[str]:
    """Return a sentence for each row that an alarm is about."""
    same = (table["metric"] == alarm.rate) & (table["limit"] == alarm.limit)
    rows = table[same & (table["verdict"] == alarm.verdict)]
    columns = list(table.columns)
    keys = columns[: columns.index("metric")]
    return [_sentence(alarm, row, keys) for row in rows.to_dict("records")]


def _sentence(alarm: Alarm, row: dict[Hashable, Any], keys: list[str]) -> str:
    place = ", ".join(f"{key}={row[key]}" for key in keys) or "all mail"
    return (
        f"{alarm.text}: {place}: {row['rate']:.3%} ({row['low']:.3%} to {row['high']:.3%}), "
        f"{row['k']} of {row['n']}, {row['start']:%Y-%m-%d} to {row['end']:%Y-%m-%d}"
    )
