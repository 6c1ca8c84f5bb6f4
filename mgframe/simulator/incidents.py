"""Planted incidents: what went wrong, where, since when, and how badly. The ground truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

#: What an incident of a kind does; `size` is a chance between 0 and 1.
KINDS: Final = {
    "block": "the provider refuses this share of the mail for good (esp block), and defers half "
    "as much again",
    "stale_list": "this share of the addresses does not exist (hard bounces)",
    "complaints": "this share of the delivered messages is reported as spam, where a feedback "
    "loop tells",
    "tracking": "this share of opens and clicks is not counted",
    "throttle": "this share of the mail is put off at the first attempt, and often again",
    "bots": "machines of no known class open this share of the delivered messages",
    "surge": "this share of the mail is sent on top of the usual: a half doubles it",
    "fade": "people come to open less and less: at its end this share of their opens is gone",
}

#: What an incident can be narrowed to.
PLACES: Final = (
    "domain",
    "subaccount",
    "provider",
    "recipient_provider",
    "tag",
    "ip",
    "ip_pool",
)


def in_utc(moment: datetime) -> datetime:
    """Return a moment in UTC; a naive one is UTC already."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


@dataclass(frozen=True)
class Incident:
    """Something that goes wrong in a simulated account.

    Parameters
    ----------
    kind : str
        ``"block"``, ``"stale_list"``, ``"complaints"``, ``"tracking"``, ``"throttle"``, ``"bots"``,
        ``"surge"`` or ``"fade"``.
    where : mapping of str to str or sequence of str
        Narrows it: domain, subaccount, provider (a recipient domain), recipient_provider (who
        runs the mailboxes, such as Google Workspace), tag, ip, ip_pool. Several values of one
        place are alternatives, several places must all hold; empty is everywhere.
    start, end : datetime
        First moment and the moment after the last, UTC. Tracking fails for what is opened then,
        everything else for what is sent then.
    size : float
        A chance between 0 and 1, see ``KINDS``.

    Examples
    --------
    >>> day = datetime(2026, 11, 4)
    >>> Incident("block", {"provider": "gmail.com"}, day, datetime(2026, 11, 6), 0.2).where
    {'provider': ('gmail.com',)}
    """

    kind: str
    where: Mapping[str, str | Sequence[str]] = field(hash=False)
    start: datetime
    end: datetime
    size: float

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind={self.kind!r}: an incident is one of {', '.join(KINDS)}")
        if unknown := sorted(set(self.where) - set(PLACES)):
            raise ValueError(f"where={unknown[0]!r}: a place is one of {', '.join(PLACES)}")
        if not 0 < self.size <= 1:
            raise ValueError(f"size={self.size!r}: a chance above 0 and up to 1")
        if self.kind == "surge" and self.size == 1:
            raise ValueError("size=1: of a surge some mail is the usual; 0.9 is ten times as much")
        places = {k: (v,) if isinstance(v, str) else tuple(v) for k, v in self.where.items()}
        object.__setattr__(self, "where", places)
        object.__setattr__(self, "start", in_utc(self.start))
        object.__setattr__(self, "end", in_utc(self.end))
        if self.start >= self.end:
            raise ValueError(f"start={self.start} is not before end={self.end}")

    def allows(self, place: str, values: Sequence[str]) -> bool:
        """Say whether one of the values of a place is meant; a place not named always is."""
        return place not in self.where or not set(self.where[place]).isdisjoint(values)

    def as_json(self) -> dict[str, Any]:
        """Return the ground truth as plain JSON."""
        return {
            "kind": self.kind,
            "where": {place: list(values) for place, values in self.where.items()},
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "size": self.size,
            "meaning": KINDS[self.kind],
        }


#: The incident of the default account: Gmail starts to refuse the newsletter on a Wednesday.
DEFAULT_INCIDENTS: Final = (
    Incident(
        "block",
        {"domain": "news.example.com", "provider": "gmail.com"},
        datetime(2026, 11, 4, 6, tzinfo=UTC),
        datetime(2026, 11, 11, 14, tzinfo=UTC),
        0.16,
    ),
)
