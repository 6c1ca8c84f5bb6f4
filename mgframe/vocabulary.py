"""One table of what is counted: events, counts, rates and keys.

Parsing, derived columns, rates, labels and :func:`mgframe.explain` all read these tables, so that a
name means one thing everywhere. Sources are short names of public pages:

- ``metric-definitions``, ``rate-definitions``, ``dimensions``: Mailgun's user manual.
- ``openapi``: Mailgun's OpenAPI document.
- ``mgframe``: a definition of our own, built from counts of the pages above.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from mgframe.errors import QueryError, suggestion

Resolution = Literal["hour", "day", "month"]

RESOLUTIONS: Final = ("hour", "day", "month")
EVENTS: Final = (
    "accepted",
    "delivered",
    "failed",
    "opened",
    "clicked",
    "unsubscribed",
    "complained",
    "stored",
)
NO_KEY: Final = "(none)"
OTHER_KEYS: Final = "(other)"

#: How long Mailgun keeps buckets of a resolution, in days; months are kept for good.
RETENTION_DAYS: Final = {"hour": 60, "day": 365}

STATS_DEPRECATED: Final = (
    "Mailgun's Stats API (/v3/stats) is deprecated in favour of its Metrics API "
    "(/v1/analytics/metrics); it still answers, but new work should plan for the change."
)

DELIVERY_LAG_HOURS: Final = 8
ENGAGEMENT_LAG_HOURS: Final = 72


@dataclass(frozen=True)
class Count:
    """One column of a frame.

    `path` is where the Stats API reports it (event first), `formula` how it is derived from other
    counts, `lag` after how many hours a bucket may be taken as settled.
    """

    name: str
    label: str
    meaning: str
    path: tuple[str, ...] = ()
    formula: str = ""
    caveat: str = ""
    source: str = "metric-definitions"
    lag: int = DELIVERY_LAG_HOURS
    unique: bool = False

    @property
    def terms(self) -> list[tuple[int, str]]:
        """The formula's parts as ``(sign, count)``; empty for a count that is reported."""
        words = f"+ {self.formula}".split() if self.formula else []
        return [(1 if s == "+" else -1, n) for s, n in zip(words[::2], words[1::2], strict=True)]

    @property
    def metric(self) -> str:
        """The name in Mailgun's Metrics API."""
        return f"{self.name}_count"


@dataclass(frozen=True)
class Rate:
    """One rate: a count over a count. `proportion` is False where it may pass 1 by nature."""

    name: str
    label: str
    numerator: tuple[str, ...]
    denominator: str
    mailgun: str = ""
    caveat: str = ""
    source: str = "rate-definitions"
    proportion: bool = True
    event_time: bool = False

    @property
    def formula(self) -> str:
        """The formula in words of columns, ``bounced / processed``."""
        top = " + ".join(self.numerator)
        return f"({top}) / {self.denominator}" if "+" in top else f"{top} / {self.denominator}"


@dataclass(frozen=True)
class Key:
    """One thing to group by. `lacks` are the counts that the grouping makes meaningless."""

    name: str
    label: str
    meaning: str
    lacks: frozenset[str] = field(default_factory=frozenset)
    reason: str = ""
    source: str = "dimensions"


_PERM = ("failed", "permanent")
_TEMP = ("failed", "temporary")
_UNIQUE_CAVEAT = (
    "Unique over 7 days per message, recipient and bot class: not additive over longer windows "
    "or over bots. Includes opens and clicks by machines."
)
_EVENT_TIME = "Counted on the day it happens, not the day of the send."
_NOT_IN_STATS = "Not in the Stats API."
_ATTEMPTED_FAILURES = (
    "permanent_failed - suppressed_bounces - suppressed_unsubscribed - suppressed_complaints"
)


def _engagement(
    name: str, label: str, meaning: str, path: tuple[str, ...], caveat: str = _EVENT_TIME
) -> Count:
    unique = name.startswith("unique_")
    return Count(name, label, meaning, path, caveat=caveat, lag=ENGAGEMENT_LAG_HOURS, unique=unique)


# fmt: off
_COUNTS = (
    Count("processed", "Processed",
        "Messages that left the queue, the volume Mailgun bills; includes suppressed ones.",
        formula="delivered + permanent_failed - webhook - delayed_bounce",
        caveat="Usually larger than sent, because suppressed messages were never attempted."),
    Count("sent", "Sent", "Messages whose delivery was attempted and settled.",
        formula=f"delivered + {_ATTEMPTED_FAILURES}",
        caveat="Elsewhere 'sent' often means handed over, which is accepted here."),
    Count("delivered", "Delivered", "Messages that the receiving server accepted (SMTP and HTTP).",
        ("delivered", "total"),
        caveat="Accepted by the server, not seen in the inbox: spam folders count as delivered."),
    Count("bounced", "Bounced", "Permanent failures of messages that were attempted.",
        formula=_ATTEMPTED_FAILURES,
        caveat="Holds hard, soft, delayed and expired ones: hard + soft is not all of it."),
    _engagement("complained", "Complained",
        "Recipients who reported the message as spam through a feedback loop.",
        ("complained", "total"),
        caveat="Gmail and Google Workspace report none, so this understates. " + _EVENT_TIME),
    _engagement("unique_opened", "Unique opens (7-day)",
        "Opens, one per message, recipient and bot class within 7 days.", ("opened", "unique"),
        caveat=_UNIQUE_CAVEAT),
    _engagement("unique_clicked", "Unique clicks (7-day)",
        "Clicks, one per message, recipient and bot class within 7 days.", ("clicked", "unique"),
        caveat=_UNIQUE_CAVEAT),
    _engagement("unsubscribed", "Unsubscribed",
        "Recipients who unsubscribed through Mailgun's link or header.", ("unsubscribed", "total")),
    Count("accepted", "Accepted",
        "Messages that Mailgun took in and queued: incoming and outgoing.", ("accepted", "total"),
        caveat="Mixes routed and outgoing mail; a batch request adds one; has no sending IP."),
    Count("accepted_outgoing", "Accepted (outgoing)",
        "Authenticated messages, one per recipient, plus one per batch request.",
        ("accepted", "outgoing")),
    Count("accepted_incoming", "Accepted (incoming)",
        "Unauthenticated messages: routes, forwards, list posts.", ("accepted", "incoming")),
    Count("delivered_smtp", "Delivered (SMTP)", "Messages delivered to mail servers.",
        ("delivered", "smtp")),
    Count("delivered_http", "Delivered (HTTP)", "Messages delivered to routes and forwards.",
        ("delivered", "http")),
    Count("delivered_optimized", "Delivered (send-time optimised)",
        "Delivered with send-time optimisation; a part of SMTP, never to be added to it.",
        ("delivered", "optimized")),
    Count("failed", "Failed", "Temporary and permanent failures together.",
        formula="temporary_failed + permanent_failed",
        caveat="Adds attempts to messages: do not use it as a numerator."),
    Count("permanent_failed", "Permanent failures",
        "Messages that Mailgun gave up on, suppressed ones included.", (*_PERM, "total")),
    Count("temporary_failed", "Temporary failures",
        "Attempts that a server put off; Mailgun tries again for about 8 hours.", (*_TEMP, "total"),
        caveat="Attempts, not messages: one message can add many."),
    Count("hard_bounces", "Hard bounces",
        "Permanent failures with the reason bounce: the address does not exist.",
        (*_PERM, "bounce")),
    Count("soft_bounces", "Soft bounces",
        "Permanent failures for other reasons: full mailbox, greylisting, block lists.",
        caveat="Permanent here; elsewhere 'soft' means temporary. " + _NOT_IN_STATS),
    Count("delayed_bounce", "Delayed bounces",
        "Bounces that came back after the server had accepted the message.",
        (*_PERM, "delayed-bounce"), caveat="The same message is also counted as delivered."),
    Count("suppressed_bounces", "Suppressed (bounced before)",
        "Not attempted: the address bounced before.", (*_PERM, "suppress-bounce")),
    Count("suppressed_unsubscribed", "Suppressed (unsubscribed)",
        "Not attempted: the recipient unsubscribed before.", (*_PERM, "suppress-unsubscribe")),
    Count("suppressed_complaints", "Suppressed (complained)",
        "Not attempted: the recipient complained before.", (*_PERM, "suppress-complaint")),
    Count("permanent_failed_esp_block", "Blocked (permanent)",
        "Permanent failures because the mailbox provider blocked the sender.",
        caveat=_NOT_IN_STATS),
    Count("temporary_failed_esp_block", "Blocked (temporary)",
        "Temporary failures because the mailbox provider blocked the sender.", (*_TEMP, "espblock"),
        caveat="Attempts, not messages."),
    Count("permanent_failed_old", "Expired", "Permanent failures after the retries were used up.",
        caveat=_NOT_IN_STATS),
    Count("permanent_failed_optimized", "Hard bounces (send-time optimised)",
        "Hard bounces of send-time optimised messages; a part of hard bounces.",
        (*_PERM, "optimized")),
    Count("webhook", "Failed callbacks", "Permanent failures of HTTP callbacks; no mail failed.",
        (*_PERM, "webhook")),
    Count("delivered_first_attempt", "Delivered at the first attempt",
        "Messages delivered at the first attempt.", caveat=_NOT_IN_STATS),
    Count("delivered_two_plus_attempts", "Delivered after a delay",
        "Messages that needed two or more attempts.", caveat=_NOT_IN_STATS),
    Count("delayed_first_attempt", "Put off at the first attempt",
        "Messages not delivered at the first attempt: delivered later, or expired.",
        caveat=_NOT_IN_STATS),
    _engagement("opened", "Opens (total)", "Every open, repeated ones and machines included.",
        ("opened", "total")),
    _engagement("clicked", "Clicks (total)", "Every click, repeated ones and machines included.",
        ("clicked", "total")),
    Count("stored", "Stored", "Messages kept by a route's store action.", ("stored", "total")),
)
# fmt: on

#: Every count by its name, in the order of a frame's columns: what matters first.
COUNTS: Final[dict[str, Count]] = {count.name: count for count in _COUNTS}

_EVENT_TIME_RATE = _EVENT_TIME + " Around a campaign a daily ratio swings wildly; use rolling='7d'."


def _event_rate(
    name: str,
    label: str,
    numerator: str,
    mailgun: str,
    *,
    proportion: bool = True,
    caveat: str = "",
) -> Rate:
    return Rate(
        name,
        label,
        (numerator,),
        "delivered",
        mailgun,
        f"{caveat} {_EVENT_TIME_RATE}".strip(),
        proportion=proportion,
        event_time=True,
    )


def _processed_rate(name: str, label: str, numerator: str, mailgun: str = "") -> Rate:
    source = "rate-definitions" if mailgun else "mgframe"
    return Rate(name, label, (numerator,), "processed", mailgun, source=source)


# fmt: off
_RATES = (
    Rate("delivery_rate", "Delivery rate", ("delivered",), "sent", "delivered_rate",
        "Accepted by the receiving server; says nothing about inbox or spam folder."),
    Rate("bounce_rate", "Bounce rate", ("bounced",), "processed", "bounce_rate",
        "Mailgun's own denominator is processed, which holds suppressed mail, so this is not "
        "1 - delivery_rate; of='sent' gives that."),
    _processed_rate("hard_bounce_rate", "Hard bounce rate", "hard_bounces"),
    _processed_rate("soft_bounce_rate", "Soft bounce rate", "soft_bounces"),
    _processed_rate("block_rate", "Block rate", "permanent_failed_esp_block"),
    _processed_rate("expired_rate", "Expired rate", "permanent_failed_old"),
    _processed_rate("permanent_failure_rate", "Permanent failure rate", "permanent_failed",
        "permanent_fail_rate"),
    _processed_rate("deferral_rate", "Deferral rate", "delayed_first_attempt",
        "delayed_first_attempt_rate"),
    Rate("delay_rate", "Delay rate", ("delivered_two_plus_attempts",), "delivered", "delayed_rate"),
    Rate("temporary_failures_per_message", "Temporary failures per message", ("temporary_failed",),
        "processed", "temporary_fail_rate",
        "Attempts over messages: no proportion, it may pass 1, and it has no interval.",
        proportion=False),
    Rate("suppression_rate", "Suppression rate",
        ("suppressed_bounces", "suppressed_unsubscribed", "suppressed_complaints"), "processed",
        source="mgframe"),
    _event_rate("open_rate", "Unique open rate (7-day)", "unique_opened", "unique_opened_rate",
        caveat="Machine opens (Apple, Gmail, scanners) are included."),
    _event_rate("click_rate", "Unique click rate (7-day)", "unique_clicked",
        "unique_clicked_rate"),
    _event_rate("total_open_rate", "Total opens per delivered", "opened", "opened_rate",
        proportion=False),
    _event_rate("total_click_rate", "Total clicks per delivered", "clicked", "clicked_rate",
        proportion=False),
    Rate("click_to_open_rate", "Unique clicks per unique open (7-day)", ("unique_clicked",),
        "unique_opened", caveat=_UNIQUE_CAVEAT, source="mgframe", event_time=True),
    _event_rate("unsubscribe_rate", "Unsubscribe rate", "unsubscribed", "unsubscribed_rate"),
    _event_rate("complaint_rate", "Complaint rate", "complained", "complained_rate",
        caveat="Gmail and Google Workspace report no complaints: their rows are NaN, and a rate "
        "without providers is understated by Gmail's share; of='delivered_fbl' leaves them out "
        "of the denominator. Mailgun asks to stay below 0.1 %."),
)
# fmt: on

#: Every rate by its name, in the order of :func:`mgframe.rates`' columns.
RATES: Final[dict[str, Rate]] = {rate.name: rate for rate in _RATES}

#: A denominator of complaints: delivered, without the providers that have no feedback loop.
DELIVERED_FBL: Final = "delivered_fbl"

#: Key values of the providers that send no complaints.
NO_FEEDBACK_LOOP: Final = frozenset({"gmail.com", "googlemail.com", "Gmail", "Google Workspace"})

#: Levels whose keys are mailbox providers or recipient domains.
PROVIDER_LEVELS: Final = ("provider", "recipient_domain", "recipient_provider")

#: Levels whose keys overlap, so that sums over them count a message several times.
OVERLAPPING_LEVELS: Final = frozenset({"tag"})

_ENGAGEMENT = frozenset(
    {"opened", "clicked", "unique_opened", "unique_clicked", "unsubscribed", "complained"}
)
_DELIVERY = frozenset(COUNTS) - _ENGAGEMENT
_ENGAGED_ONLY = (
    "only opens, clicks, unsubscribes and complaints carry a {}; every delivery is under 'unknown'"
)

# fmt: off
_KEYS = (
    Key("account", "Account", "The whole account, or the subaccount asked.", source="mgframe"),
    Key("region", "Region", "Mailgun's region: us or eu.", source="openapi"),
    Key("domain", "Domain", "The sending domain."),
    Key("subaccount", "Subaccount", "The id of a subaccount."),
    Key("ip", "Sending IP", "The address the mail left from.",
        frozenset({"accepted", "accepted_outgoing", "accepted_incoming"}),
        "a message has no sending IP when it is accepted; use processed"),
    Key("ip_pool", "IP pool", "The id of a pool of sending IPs."),
    Key("provider", "Recipient domain",
        "The Stats API's word for the recipient's domain, such as gmail.com.", source="openapi"),
    Key("recipient_domain", "Recipient domain", "The recipient's domain, such as gmail.com."),
    Key("recipient_provider", "Mailbox provider", "Who runs the mailbox, such as Gmail."),
    Key("country", "Country", "Two-letter code of the person who opened or clicked, else unknown.",
        _DELIVERY, _ENGAGED_ONLY.format("country")),
    Key("device", "Device",
        "desktop, mobile, tablet or unknown, of the person who opened or clicked.", _DELIVERY,
        _ENGAGED_ONLY.format("device")),
    Key("tag", "Tag", "A tag of the message; a message may carry several, so tags overlap."),
    Key("bot", "Bot", "The machine that opened or clicked, None for people.", _DELIVERY,
        _ENGAGED_ONLY.format("bot class")),
    Key("total", "Total", "Everything in the frame, summed over all levels.", source="mgframe"),
)
# fmt: on

#: Every key by its name, in the order of a frame's levels.
KEYS: Final[dict[str, Key]] = {key.name: key for key in _KEYS}

#: Levels that hold time: the bucket's start, or when lifetime counters were read.
TIME_LEVELS: Final = ("time", "as_of")


def count_name(name: str) -> str:
    """Return the column of a count given with or without ``_count``.

    Parameters
    ----------
    name : str
        ``"hard_bounces"`` or ``"hard_bounces_count"``.

    Returns
    -------
    str
        The column's name.

    Raises
    ------
    QueryError
        The name is no count; the nearest right one is suggested.
    """
    bare = str(name).removesuffix("_count")
    if bare not in COUNTS:
        raise QueryError(f"{name!r} is no count{suggestion(bare, COUNTS)}; see mg.explain()")
    return bare


def rate_name(name: str) -> str:
    """Return a rate's name for its name here or Mailgun's own (``delivered_rate``).

    Raises
    ------
    QueryError
        The name is no rate; the nearest right one is suggested.
    """
    if name in RATES:
        return name
    for rate in RATES.values():
        if rate.mailgun and rate.mailgun == name:
            return rate.name
    raise QueryError(f"{name!r} is no rate{suggestion(name, RATES)}; see mg.explain()")


def in_order(names: Iterable[str]) -> list[str]:
    """Return counts in the order of a frame's columns; names of the user's own come last."""
    place = {name: i for i, name in enumerate(COUNTS)}
    return sorted(names, key=lambda name: place.get(name, len(place)))


def counts_of(events: Sequence[str]) -> list[str]:
    """Return the reported counts that the given Stats events bring, derived ones left out."""
    return [c.name for c in COUNTS.values() if c.path and c.path[0] in events]


def events_for(counts: Iterable[str]) -> list[str]:
    """Return the Stats events to ask for so that the given counts can be had.

    Counts that the Stats API does not report add nothing.
    """
    wanted: set[str] = set()
    for name in counts:
        count = COUNTS.get(name)
        if count is None:
            continue
        parts = [part for _, part in count.terms] or [name]
        wanted |= {COUNTS[part].path[0] for part in parts if COUNTS[part].path}
    return [event for event in EVENTS if event in wanted]
