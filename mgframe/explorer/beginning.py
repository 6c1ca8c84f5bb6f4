"""The choice to begin with, of what a user said: checked against the frame or the account."""

from __future__ import annotations

import pandas as pd

from mgframe.errors import QueryError, suggestion, type_said
from mgframe.explorer.account import WIDTHS, read_account_window
from mgframe.explorer.choice import (
    ALL,
    LAST_YEAR,
    TOGETHER,
    Choice,
    first_level,
    fitted,
    read_compare,
    read_window,
)
from mgframe.explorer.offer import Offer, offer_of
from mgframe.metrics_asking import read_by
from mgframe.reporting.spans import YEAR
from mgframe.sourcing import Source
from mgframe.summing import names_in
from mgframe.vocabulary import ALL_COUNTS, RATES, count_name, rate_name


def read_measure(measure: str) -> str:
    """Return the name of a rate or a count; one of a user's own only the frame can know."""
    for read in (rate_name, count_name):
        try:
            return read(measure)
        except QueryError:
            continue
    if isinstance(measure, str):
        return measure
    raise QueryError(f"measure={measure!r} must be the name of a rate or a count")


def of_frame(
    frame: pd.DataFrame,
    measure: str,
    by: str | list[str] | None,
    last: str | None,
    resolution: str | None,
    compare: bool | str,
) -> Choice:
    """Return the choice to begin with in a frame."""
    if not isinstance(frame, pd.DataFrame):
        said = type_said(frame, archive="give it as archive=")
        raise QueryError(f"frame must be a frame of counts, got {said}")
    offer = offer_of(frame)
    levels = [] if by is None else names_in(by, argument="by")
    if len(levels) > 1 or any(level not in (*offer.levels, TOGETHER) for level in levels):
        named = levels[0] if levels else ""
        raise QueryError(
            f"by={by!r} must be one level of the frame{suggestion(named, offer.levels)}: "
            f"{', '.join(offer.levels)}, or 'time' for all together"
        )
    _check_measure(measure, offer)
    if resolution is not None and resolution not in offer.resolutions:
        raise QueryError(
            f"resolution={resolution!r}: this frame can show {', '.join(offer.resolutions)}"
        )
    if (last is not None or compare) and not offer.has_windows:
        raise QueryError(
            "last= and compare= need a frame of hours or days; this one has "
            f"{f'{offer.resolution}s' if offer.resolution else 'no time'}"
        )
    compares, past = read_compare(compare)
    if past == LAST_YEAR and not offer.reaches_back(YEAR):
        raise QueryError("compare='year' needs a frame of more than 52 weeks")
    choice = Choice(
        measure,
        levels[0] if levels else "",
        window=ALL if last is None else read_window(last, "last"),
        resolution=resolution or "",
        compare=compares,
        past=past,
    )
    return fitted(choice, offer)


def _check_measure(measure: str, offer: Offer) -> None:
    offered = (*offer.rates, *offer.counts)
    if measure not in offered and measure != "delivery_rate":  # which nobody asked for
        raise QueryError(
            f"measure={measure!r} is not in this frame{suggestion(measure, offered)}; it can show "
            f"{', '.join(offered)}"
        )


def of_account(
    source: Source,
    measure: str,
    by: str | list[str] | None,
    last: str | None,
    resolution: str | None,
    compare: bool | str,
) -> Choice:
    """Return the choice to begin with in an account."""
    group = tuple(read_by(source.keys[:1] if by is None else by, timed=True))
    compares, past = read_compare(compare)
    if measure not in RATES and measure not in ALL_COUNTS:
        raise QueryError(f"measure={measure!r} is no rate or count{suggestion(measure, RATES)}")
    width = "day" if resolution is None else resolution
    if width not in WIDTHS:
        raise QueryError(
            f"resolution={resolution!r} must be one of {', '.join(WIDTHS)}"
            f"{suggestion(width, WIDTHS)}"
        )
    return Choice(
        measure,
        first_level(group),
        window=read_account_window("28d" if last is None else last),
        resolution=width,
        compare=compares,
        past=past,
        group=group,
    )
