"""The keys: what counts are grouped by, and what a grouping makes meaningless."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from mgframe.vocabulary.counts import COUNTS


@dataclass(frozen=True)
class Key:
    """One thing to group by. `lacks` are the counts that the grouping makes meaningless."""

    name: str
    label: str
    meaning: str
    lacks: frozenset[str] = field(default_factory=frozenset)
    reason: str = ""
    source: str = "dimensions"


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
    Key("entity", "Who refused", "The mailbox provider, blocklist or filter that refused the mail.",
        source="openapi"),
    Key("criticality", "Criticality", "Whether a failure asks for action.", source="openapi"),
    Key("severity", "Severity", "permanent or temporary.", source="openapi"),
    Key("category", "Category", "Mailgun's class of a failure.", source="openapi"),
    Key("group", "Group of texts", "The id of a group of like answers of servers.",
        source="openapi"),
    Key("age", "Days since the send", "Whole days since the send, 0 is the first; from mg.by_age.",
        source="mgframe"),
    Key("as_of_age", "Days since the send",
        "Like age, with all counts since the send until the end of that day.", source="mgframe"),
    Key("total", "Total", "Everything in the frame, summed over all levels.", source="mgframe"),
)
# fmt: on

#: Every key by its name, in the order of a frame's levels.
KEYS: Final[dict[str, Key]] = {key.name: key for key in _KEYS}

#: Levels that hold time: the bucket's start, or when lifetime counters were read.
TIME_LEVELS: Final = ("time", "as_of")

#: Levels that hold whole days since the send, in place of time.
AGE_LEVELS: Final = ("age", "as_of_age")

#: Levels each of whose readings holds the one before, so that sums over them mislead, and of what.
READING_LEVELS: Final = {"as_of": "lifetime counters", "as_of_age": "cumulative counts"}
