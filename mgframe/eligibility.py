"""Which rates a frame can give, and why not the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import pandas as pd

from mgframe.errors import FrameError, QueryError
from mgframe.framing import key_levels, require_table
from mgframe.summing import names_in
from mgframe.vocabulary import (
    COUNTS,
    DELIVERED_FBL,
    KEYS,
    PROVIDER_LEVELS,
    RATES,
    Rate,
    count_name,
    events_for,
    rate_name,
)

#: Denominators that measure volume, so that another volume may take their place.
VOLUMES: Final = frozenset({"processed", "sent", "delivered"})


def counts_needed(rate: Rate) -> list[str]:
    """Return the counts that a rate needs, the denominator last."""
    denominator = "delivered" if rate.denominator == DELIVERED_FBL else rate.denominator
    return [*rate.numerator, denominator]


def _denominator_column(frame: pd.DataFrame, of: str | None) -> str | None:
    """Return the column that `of` names, once it is sure that the frame has it."""
    if of is None:
        return None
    if not isinstance(of, str):
        raise QueryError(f"of={of!r} must be the name of a count, such as 'sent'")
    if of in frame.columns:
        return of
    if of == DELIVERED_FBL:
        if not set(PROVIDER_LEVELS) & set(key_levels(frame)):
            raise FrameError(
                "of='delivered_fbl' leaves out the providers that report no complaints, so it "
                "needs a level 'provider', 'recipient_domain' or 'recipient_provider'; the "
                f"frame's levels are {[str(n) for n in frame.index.names]}. Fetch "
                "mg.grouped_totals('provider', events=['delivered', 'complained'])"
            )
        return of
    try:
        name = count_name(of)
    except QueryError as error:
        raise QueryError(f"of: {error}; {DELIVERED_FBL!r} is for the complaint rate") from None
    if name not in frame.columns:
        raise FrameError(f"of={of!r}: {_how_to_fetch([name], [name])}")
    return name


def choose_rates(
    frame: pd.DataFrame, names: str | Sequence[str] | None, of: str | None
) -> list[Rate]:
    """Return the rates named, or without names all that the frame can give, `of` as denominator.

    Without names `of` takes the place of a volume only: clicks per open stay what they are.

    Raises
    ------
    QueryError
        There is no such rate, or `of` does not go with it.
    FrameError
        The frame lacks a count, or a level makes the rate meaningless.
    """
    require_table(frame)
    of = _denominator_column(frame, of)
    if names is None:
        wanted = list(RATES) if of == DELIVERED_FBL else []
    else:
        wanted = [rate_name(name) for name in names_in(names, argument="names")]
        if not wanted:
            raise QueryError(
                f"names={names!r} names no rate; leave it out for all that the frame can give"
            )
    others = [name for name in wanted if name != "complaint_rate"]
    if of == DELIVERED_FBL and others:
        raise QueryError(
            f"of='delivered_fbl' is for complaint_rate alone, not for {', '.join(others[:3])}; "
            "say rates('complaint_rate', of='delivered_fbl')"
        )
    if names is None:
        rates = [
            replace(rate, denominator=of) if of and rate.denominator in VOLUMES else rate
            for rate in RATES.values()
        ]
        return _possible(frame, rates)
    named = [replace(RATES[name], denominator=of or RATES[name].denominator) for name in wanted]
    for rate in named:
        _require(frame, rate)
    return named


def _possible(frame: pd.DataFrame, rates: Sequence[Rate]) -> list[Rate]:
    """Return the rates whose counts the frame has and whose meaning its levels keep."""
    found = [r for r in rates if not _missing(frame, r) and not why_meaningless(frame, r)]
    if not found:
        raise FrameError(
            f"no rate can be made of the columns {list(frame.columns)} and the levels "
            f"{[str(n) for n in frame.index.names]}; name one to see what it needs, such as "
            "rates('delivery_rate')"
        )
    return found


def _require(frame: pd.DataFrame, rate: Rate) -> None:
    """Raise :class:`FrameError` unless the frame can give this rate."""
    if missing := _missing(frame, rate):
        raise FrameError(f"{rate.name}: {_how_to_fetch(missing, counts_needed(rate))}")
    if why := why_meaningless(frame, rate):
        raise FrameError(why)


def _missing(frame: pd.DataFrame, rate: Rate) -> list[str]:
    return [name for name in counts_needed(rate) if name not in frame.columns]


def _how_to_fetch(missing: Sequence[str], needed: Sequence[str]) -> str:
    """Say what is missing, and which events or counts bring all that is needed."""
    text = f"the frame lacks {' and '.join(missing)}"
    unreported = [name for name in missing if name in COUNTS and not events_for([name])]
    if unreported:
        return (
            f"{text}; the Stats API does not report {' and '.join(unreported)}, "
            f"mg.metrics({list(needed)}) does"
        )
    return (
        f"{text}; fetch events={events_for(needed)}, which bring the counts {list(needed)}, or "
        "ask mg.metrics() for these counts"
    )


def why_meaningless(frame: pd.DataFrame, rate: Rate) -> str:
    """Return why a level of the frame makes the rate meaningless, empty where none does."""
    for level in key_levels(frame):
        lacking = [n for n in counts_needed(rate) if level in KEYS and n in KEYS[level].lacks]
        if lacking:
            return (
                f"{rate.name} has no meaning per {level!r}, which {' and '.join(lacking)} cannot "
                f"be split by: {KEYS[level].reason}"
            )
    return ""
