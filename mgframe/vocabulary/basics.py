"""Words that everything shares: resolutions, events, retention, and the names of missing keys."""

from __future__ import annotations

from typing import Final, Literal

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
