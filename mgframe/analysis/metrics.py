"""What is looked at: rates by family; one incident has one finding in a family."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Metric:
    """A rate as it is judged: `k` (events) over `n`; `worse` is the sign of a change for the worse.

    `failing` takes what is lacking of the numerator for the event; `late` events come days after
    the send; `rate` is the name in a finding, and `family` what belongs to one incident.
    """

    name: str
    rate: str
    family: str
    numerator: str
    denominator: str
    worse: int = 1
    failing: bool = False
    late: bool = False
    bots: bool = False


DELIVERY: Final = "delivery"
COMPLAINT: Final = "complaint"
UNSUBSCRIBE: Final = "unsubscribe"
ENGAGEMENT: Final = "engagement"
BOTS: Final = "bots"

OPENS: Final = Metric(
    "open_rate", "open_rate", ENGAGEMENT, "unique_opened", "delivered", worse=-1, late=True
)
CLICKS: Final = Metric(
    "click_rate", "click_rate", ENGAGEMENT, "unique_clicked", "delivered", worse=-1, late=True
)
FAILURES: Final = Metric(
    "delivery_rate", "delivery_rate", DELIVERY, "delivered", "sent", failing=True
)

#: Every rate that is looked at, by family.
METRICS: Final = (
    Metric("block_rate", "block_rate", DELIVERY, "permanent_failed_esp_block", "processed"),
    Metric("hard_bounce_rate", "hard_bounce_rate", DELIVERY, "hard_bounces", "processed"),
    FAILURES,
    Metric("deferral_rate", "deferral_rate", DELIVERY, "delayed_first_attempt", "processed"),
    Metric("complaint_rate", "complaint_rate", COMPLAINT, "complained", "delivered", late=True),
    Metric(
        "unsubscribe_rate", "unsubscribe_rate", UNSUBSCRIBE, "unsubscribed", "delivered", late=True
    ),
    OPENS,
    CLICKS,
    Metric("machine_opens", "open_rate", BOTS, "unique_opened", "delivered", late=True, bots=True),
    Metric(
        "machine_clicks", "click_rate", BOTS, "unique_clicked", "delivered", late=True, bots=True
    ),
)

#: Where several rates of a family moved, the most telling one is told: a message put off is no
#: message lost, a lost one says less than why it was, and opens are more than clicks.
LESS_TELLING: Final = {
    "deferral_rate": 0.7,
    "delivery_rate": 0.9,
    "click_rate": 0.8,
    "machine_clicks": 0.6,
}

#: By how many standard deviations more a rate that jumps by itself must depart.
STRICTER: Final = {
    "deferral_rate": 1.1,
    "open_rate": 0.4,
    "click_rate": 0.4,
    "machine_opens": 0.2,
    "machine_clicks": 0.2,
}

#: Where a rate goes wrong at a level in particular: bad addresses and complaints come with a list,
#: and lists are mailed under tags; who is refused is a sender. By the part of a key's price, which
#: is below 0 where a place with the key is likelier than one without.
LIKELY: Final[dict[str, dict[str, float]]] = {
    "block_rate": {"tag": 2.0},
    "hard_bounce_rate": {"tag": -0.1},
    "complaint_rate": {"tag": 0.5},
    "unsubscribe_rate": {"tag": 0.5},
}
