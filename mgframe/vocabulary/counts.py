"""The counts: columns of a frame, their labels, formulas, caveats and lags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mgframe.vocabulary.basics import DELIVERY_LAG_HOURS, ENGAGEMENT_LAG_HOURS


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


_PERM = ("failed", "permanent")
_TEMP = ("failed", "temporary")
UNIQUE_CAVEAT = (
    "Unique over 7 days per message, recipient and bot class: not additive over longer windows "
    "or over bots. Includes opens and clicks by machines."
)
EVENT_TIME = "Counted on the day it happens, not the day of the send."
_NOT_IN_STATS = "Not in the Stats API."
_ATTEMPTED_FAILURES = (
    "permanent_failed - suppressed_bounces - suppressed_unsubscribed - suppressed_complaints"
)


def _engagement(
    name: str, label: str, meaning: str, path: tuple[str, ...], caveat: str = EVENT_TIME
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
        caveat="Gmail and Google Workspace report none, so this understates. " + EVENT_TIME),
    _engagement("unique_opened", "Unique opens (7-day)",
        "Opens, one per message, recipient and bot class within 7 days.", ("opened", "unique"),
        caveat=UNIQUE_CAVEAT),
    _engagement("unique_clicked", "Unique clicks (7-day)",
        "Clicks, one per message, recipient and bot class within 7 days.", ("clicked", "unique"),
        caveat=UNIQUE_CAVEAT),
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
    Count("rate_limit", "Rate limited",
        "Failures because the receiving server limited the rate of mail.",
        caveat=f"Attempts, not messages. {_NOT_IN_STATS}", source="openapi"),
    Count("webhook", "Failed callbacks", "Permanent failures of HTTP callbacks; no mail failed.",
        (*_PERM, "webhook")),
    Count("delivered_first_attempt", "Delivered at the first attempt",
        "Messages delivered at the first attempt.", caveat=_NOT_IN_STATS),
    Count("delivered_two_plus_attempts", "Delivered after a delay",
        "Messages that needed two or more attempts.", caveat=_NOT_IN_STATS),
    Count("delayed_first_attempt", "Put off at the first attempt",
        "Messages not delivered at the first attempt: delivered later, or expired.",
        formula="delivered_two_plus_attempts + permanent_failed_old", caveat=_NOT_IN_STATS),
    _engagement("opened", "Opens (total)", "Every open, repeated ones and machines included.",
        ("opened", "total")),
    _engagement("clicked", "Clicks (total)", "Every click, repeated ones and machines included.",
        ("clicked", "total")),
    Count("stored", "Stored", "Messages kept by a route's store action.", ("stored", "total")),
)
# fmt: on

#: Every count by its name, in the order of a frame's columns: what matters first.
COUNTS: Final[dict[str, Count]] = {count.name: count for count in _COUNTS}

_USAGE_UNTIL = "Mailgun reports usage by day, from 2024-09-01 on."


def _usage(name: str, label: str, meaning: str) -> Count:
    return Count(name, label, meaning, caveat=_USAGE_UNTIL, source="openapi")


# fmt: off
_USAGE = (
    _usage("email_validation", "Validations", "E-mail addresses checked, all ways together."),
    _usage("email_validation_public", "Validations (public key)",
        "Addresses checked with a public key."),
    _usage("email_validation_valid", "Validations (valid)", "Addresses found to be valid."),
    _usage("email_validation_single", "Validations (single)", "Addresses checked one by one."),
    _usage("email_validation_bulk", "Validations (bulk)", "Addresses checked in bulk jobs."),
    _usage("email_validation_list", "Validations (list)", "Addresses of mailing lists checked."),
    _usage("email_validation_mailgun", "Validations (Mailgun)", "Addresses checked by Mailgun."),
    _usage("email_validation_mailjet", "Validations (Mailjet)", "Addresses checked by Mailjet."),
    _usage("email_preview", "Previews", "Previews of messages made."),
    _usage("email_preview_failed", "Previews (failed)", "Previews that could not be made."),
    _usage("link_validation", "Link checks", "Links of messages checked."),
    _usage("link_validation_failed", "Link checks (failed)", "Link checks that did not work."),
    _usage("seed_test", "Seed tests", "Inbox placement tests run."),
    _usage("ip_blocklist_monitoring", "Blocklist checks (IPs)", "Checks of IPs on blocklists."),
    _usage("domain_blocklist_monitoring", "Blocklist checks (domains)",
        "Checks of domains on blocklists."),
    _usage("accessibility", "Accessibility checks", "Messages checked for accessibility."),
    _usage("accessibility_failed", "Accessibility checks (failed)",
        "Accessibility checks that did not work."),
    _usage("image_validation", "Image checks", "Images of messages checked."),
    _usage("image_validation_failed", "Image checks (failed)", "Image checks that did not work."),
    _usage("archived", "Archived", "Messages kept in the archive."),
)
# fmt: on

#: What :func:`mgframe.usage` counts: features used, and the messages billed.
USAGE_COUNTS: Final[dict[str, Count]] = {
    "processed": COUNTS["processed"],
    **{count.name: count for count in _USAGE},
}


def _classified(name: str, label: str, meaning: str) -> Count:
    caveat = "Mailgun's own classification; failures that it does not classify are left out."
    return Count(name, label, meaning, caveat=caveat, source="openapi")


# fmt: off
_CLASSIFIED = (
    _classified("classified_failures", "Classified failures",
        "Failures that Mailgun could classify, permanent and temporary."),
    _classified("critical_bounce", "Critical bounces",
        "Permanent failures that ask for action, such as a block for reputation."),
    _classified("non_critical_bounce", "Other bounces",
        "Permanent failures of the usual kind, such as an unknown user."),
    _classified("critical_delay", "Critical delays",
        "Temporary failures that ask for action, such as throttling for reputation."),
    _classified("non_critical_delay", "Other delays",
        "Temporary failures of the usual kind, such as a full mailbox."),
)
# fmt: on

#: What :func:`mgframe.bounce_classification` counts.
BOUNCE_COUNTS: Final[dict[str, Count]] = {
    **{count.name: count for count in _CLASSIFIED},
    "delivered_smtp": COUNTS["delivered_smtp"],
}

#: Every count of every API.
ALL_COUNTS: Final[dict[str, Count]] = {**COUNTS, **USAGE_COUNTS, **BOUNCE_COUNTS}
