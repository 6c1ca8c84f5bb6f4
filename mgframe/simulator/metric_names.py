"""What the Metrics API can be asked for: metrics in the server's order, dimensions, rates."""

from __future__ import annotations

from typing import Final, NamedTuple

from mgframe.simulator.counters import COUNT_NAMES
from mgframe.vocabulary import RATES, USAGE_COUNTS


class Metric(NamedTuple):
    """A metric as columns of counts: one for a count, numerator and denominator for a rate."""

    top: str
    bottom: str = ""


class Schema(NamedTuple):
    """What one endpoint knows: its dimensions, and its metrics in the order it writes them."""

    dimensions: tuple[str, ...]
    metrics: dict[str, Metric]

    @property
    def attributes(self) -> tuple[str, ...]:
        """What it can be filtered by."""
        return tuple(name for name in self.dimensions if name != "time")


#: Counts in the order of the server's struct, without ``_count``.
_COUNTED: Final = (
    "accepted_incoming",
    "accepted_outgoing",
    "accepted",
    "delivered_smtp",
    "delivered_http",
    "delivered_optimized",
    "delivered",
    "stored",
    "processed",
    "sent",
    "opened",
    "clicked",
    "unique_opened",
    "unique_clicked",
    "unsubscribed",
    "complained",
    "failed",
    "temporary_failed",
    "permanent_failed",
    "temporary_failed_esp_block",
    "permanent_failed_esp_block",
    "rate_limit",
    "webhook",
    "permanent_failed_optimized",
    "permanent_failed_old",
    "bounced",
    "hard_bounces",
    "soft_bounces",
    "delayed_bounce",
    "suppressed_bounces",
    "suppressed_unsubscribed",
    "suppressed_complaints",
    "delivered_first_attempt",
    "delayed_first_attempt",
    "delivered_subsequent",
    "delivered_two_plus_attempts",
)

#: An older name of a count.
_ALSO: Final = {"delivered_subsequent": "delivered_two_plus_attempts"}

_RATED: Final = (
    "delivered_rate",
    "opened_rate",
    "clicked_rate",
    "unique_opened_rate",
    "unique_clicked_rate",
    "unsubscribed_rate",
    "complained_rate",
    "bounce_rate",
    "fail_rate",
    "permanent_fail_rate",
    "temporary_fail_rate",
    "delayed_rate",
    "delayed_first_attempt_rate",
)


def _rate(name: str) -> Metric:
    if name == "fail_rate":  # no rate of ours: it adds attempts to messages
        return Metric("failed", "processed")
    rate = next(rate for rate in RATES.values() if rate.mailgun == name)
    return Metric(rate.numerator[0], rate.denominator)


REGULAR: Final = Schema(
    (
        "bot",
        "country",
        "ip_pool",
        "recipient_domain",
        "recipient_provider",
        "ip",
        "domain",
        "tag",
        "device",
        "subaccount",
        "time",
    ),
    {
        **{
            f"{name}_count": Metric(_ALSO.get(name, name))
            for name in _COUNTED
            if _ALSO.get(name, name) in COUNT_NAMES
        },
        **{name: _rate(name) for name in _RATED},
    },
)

USAGE: Final = Schema(
    ("subaccount", "time"), {f"{name}_count": Metric(name) for name in USAGE_COUNTS}
)
