"""The rates: a count over a count, with Mailgun's own name and what it hides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mgframe.vocabulary.counts import EVENT_TIME, UNIQUE_CAVEAT


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


_EVENT_RATE_CAVEAT = (
    EVENT_TIME + " Around a campaign a daily ratio swings wildly; use rolling='7d'."
)


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
        f"{caveat} {_EVENT_RATE_CAVEAT}".strip(),
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
        "unique_opened", caveat=UNIQUE_CAVEAT, source="mgframe", event_time=True),
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
