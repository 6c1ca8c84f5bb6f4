"""Limits of rates, with who sets them; a user's own beside them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Final

from mgframe.errors import QueryError
from mgframe.vocabulary import RATES, rate_name


@dataclass(frozen=True)
class Limit:
    """A line that a rate should stay below: what it is called, and who says so.

    `source` says it in full, `line` in the few words that a plot has room for.
    """

    rate: str
    value: float
    name: str
    source: str
    note: str = ""
    line: str = ""


_MAILGUN_01: Final = "Mailgun, OpenAPI text of complained_rate: keep below 0.1 %"
_YAHOO: Final = "Yahoo Sender Hub as spamresource.com reports it (October 2025)"
_SES: Final = "Amazon SES, AWS notice texts: hard bounces"
_ALL_BOUNCES: Final = "Amazon counts hard bounces alone; bounced holds soft bounces and blocks too."

_WATCH: Final = "2 %: Amazon SES advises less (hard bounces)"
_REVIEW: Final = "5 %: Amazon SES puts the sender under review (hard bounces)"

#: The limits that are known of each rate, the lowest first. Google's own 0.10 % and 0.30 % are for
#: complaints of Gmail's users, which Mailgun never sees: they are in no row here.
LIMITS: Final[dict[str, tuple[Limit, ...]]] = {
    "bounce_rate": (
        Limit(
            "bounce_rate",
            0.02,
            "bounces: watch",
            f"{_SES} below 2 % advised",
            _ALL_BOUNCES,
            _WATCH,
        ),
        Limit(
            "bounce_rate",
            0.05,
            "bounces: review",
            f"{_SES} of 5 % bring a review",
            _ALL_BOUNCES,
            _REVIEW,
        ),
    ),
    "hard_bounce_rate": (
        Limit(
            "hard_bounce_rate",
            0.02,
            "hard bounces: watch",
            f"{_SES} below 2 % advised",
            line=_WATCH,
        ),
        Limit(
            "hard_bounce_rate",
            0.05,
            "hard bounces: review",
            f"{_SES} of 5 % bring a review",
            line=_REVIEW,
        ),
    ),
    "complaint_rate": (
        Limit(
            "complaint_rate",
            0.001,
            "complaints: keep below",
            f"{_MAILGUN_01}; {_YAHOO}: warns at 0.1 % of mail in the inbox",
            line="0.10 %: Mailgun asks for less, Yahoo warns",
        ),
        Limit(
            "complaint_rate",
            0.003,
            "complaints: never reach",
            f"{_YAHOO}: enforced at 0.3 % of mail in the inbox",
            line="0.30 %: Yahoo enforces its rules",
        ),
    ),
}

Wanted = Mapping[str, Any] | Sequence[Any]


def read_limits(limits: Wanted | None, possible: Iterable[str]) -> list[Limit]:
    """Return the limits asked for; by default all known ones of the rates that are `possible`.

    Raises
    ------
    QueryError
        A rate does not exist, has no known limit or is no proportion, or a limit is no fraction.
    """
    if limits is None:
        rates = set(possible)
        return [limit for name, known in LIMITS.items() if name in rates for limit in known]
    if isinstance(limits, Mapping):
        found = [limit for name, values in limits.items() for limit in _own(name, values)]
    elif isinstance(limits, Sequence):
        entries = [limits] if isinstance(limits, str) else limits
        found = [limit for entry in entries for limit in _entry(entry)]
    else:
        raise _no_limits(limits)
    if not found:
        raise _no_limits(limits)
    return list(dict.fromkeys(found))


def _entry(entry: Any) -> Sequence[Limit]:
    """Return the limits of one entry of a list: a rate's known ones, or one of the user's own."""
    if isinstance(entry, Limit):
        return [entry]
    if isinstance(entry, str):
        name = _proportion(entry)
        if name not in LIMITS:
            raise QueryError(
                f"limits: no limit of {name} is known; give your own, such as "
                f"limits={{{name!r}: 0.05}}. Known are those of {list(LIMITS)}"
            )
        return LIMITS[name]
    if isinstance(entry, Sequence) and len(entry) in (2, 3):
        name, value, *called = entry
        return _own(name, {called[0]: value} if called else value)
    raise _no_limits(entry)


def _own(name: Any, values: Any) -> list[Limit]:
    """Return the user's own limits of one rate: a number, several, or a mapping of names."""
    rate = _proportion(name)
    if isinstance(values, Mapping):
        pairs = list(values.items())
    else:
        several = isinstance(values, Sequence) and not isinstance(values, str)
        pairs = [(f"own limit of {rate}", value) for value in (values if several else [values])]
    return [Limit(rate, _fraction(rate, value), str(called), "your own") for called, value in pairs]


def _proportion(name: Any) -> str:
    if not isinstance(name, str):
        raise _no_limits(name)
    rate = rate_name(name)
    if not RATES[rate].proportion:
        raise QueryError(
            f"limits: {rate} is no proportion (it may pass 1), so that it has no interval to judge "
            "by; choose a rate such as 'bounce_rate'"
        )
    return rate


def _fraction(rate: str, value: Any) -> float:
    number = not isinstance(value, bool) and isinstance(value, Real) and math.isfinite(value)
    if not number or not 0 < value < 1:
        hint = f"; {value!r} % is {float(value) / 100:g}" if number and 1 <= value < 100 else ""
        raise QueryError(
            f"limits: {value!r} for {rate} must be a fraction between 0 and 1, such as 0.02{hint}"
        )
    return float(value)


def _no_limits(what: Any) -> QueryError:
    return QueryError(
        f"limits={what!r} must be a mapping such as {{'complaint_rate': 0.0008}}, or a list of "
        "rates and of (rate, limit) or (rate, limit, name)"
    )
