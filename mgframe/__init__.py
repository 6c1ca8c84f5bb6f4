"""Mailgun's sending statistics as tidy pandas frames.

>>> import mgframe as mg
>>> client = mg.demo()
>>> df = mg.domain_totals("news.example.com", last="30d", client=client)
>>> rates = df.mg.rates()

Fetch functions return frames indexed by time and key; ``df.mg`` gives rates, sums and plots. The
Stats API (/v3/stats) that they ask is deprecated by Mailgun; it still answers.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from mgframe.accessor import MgAccessor
from mgframe.errors import (
    ApiError,
    ArchiveError,
    AuthenticationError,
    ConfigurationError,
    DeprecationNotice,
    FrameError,
    MgframeError,
    MgframeWarning,
    NotFound,
    PermissionDenied,
    QueryError,
    RateLimited,
    ResponseError,
    ServerError,
    TransportError,
)

if TYPE_CHECKING:
    from mgframe import plotting as plot
    from mgframe.adopting import as_frame
    from mgframe.ageing import by_age
    from mgframe.aggregates_api import country_aggregates, device_aggregates, provider_aggregates
    from mgframe.analysis.attributing import attribute
    from mgframe.analysis.comparing import compare
    from mgframe.analysis.dating import changepoints
    from mgframe.analysis.investigating import siblings
    from mgframe.analysis.monitoring import anomalies
    from mgframe.analysis.thresholds import thresholds
    from mgframe.archiving.archive import Archive
    from mgframe.bounces_api import bounce_classification
    from mgframe.checking import check_frame
    from mgframe.client import Client
    from mgframe.directory import domains, subaccounts, tags
    from mgframe.engaging import engagement
    from mgframe.explaining import explain
    from mgframe.explorer.exploring import explore
    from mgframe.filtering import contains, is_not, not_contains
    from mgframe.inquiry import parity, reconcile
    from mgframe.investigation import investigate
    from mgframe.logs_api import failures
    from mgframe.metrics_api import metrics, names, usage
    from mgframe.periods import local_days, resample
    from mgframe.planning import Plan, plan
    from mgframe.ratios import (
        block_rate,
        bounce_rate,
        click_rate,
        click_to_open_rate,
        complaint_rate,
        deferral_rate,
        delay_rate,
        delivery_rate,
        expired_rate,
        hard_bounce_rate,
        open_rate,
        permanent_failure_rate,
        rates,
        soft_bounce_rate,
        suppression_rate,
        temporary_failures_per_message,
        total_click_rate,
        total_open_rate,
        unsubscribe_rate,
    )
    from mgframe.recording.evidence import record
    from mgframe.recording.replaying import replay
    from mgframe.reporting.writing import report
    from mgframe.reshaping import long, sum, top, where, wide
    from mgframe.settling import complete, settled
    from mgframe.showcase import demo
    from mgframe.showing.findings import show
    from mgframe.stats_api import account_totals, domain_snapshot, domain_totals, grouped_totals
    from mgframe.tags_api import tag_aggregates, tag_totals

__version__ = "0.1.0"

#: Where a public name lives. Its module is loaded when the name is first used, so that
#: ``import mgframe`` costs little more than ``import pandas``.
_HOMES = {
    "adopting": ("as_frame",),
    "ageing": ("by_age",),
    "aggregates_api": (
        "country_aggregates",
        "device_aggregates",
        "provider_aggregates",
    ),
    "analysis.attributing": ("attribute",),
    "analysis.comparing": ("compare",),
    "analysis.dating": ("changepoints",),
    "analysis.investigating": ("siblings",),
    "analysis.monitoring": ("anomalies",),
    "analysis.thresholds": ("thresholds",),
    "bounces_api": ("bounce_classification",),
    "checking": ("check_frame",),
    "client": ("Client",),
    "directory": (
        "domains",
        "subaccounts",
        "tags",
    ),
    "engaging": ("engagement",),
    "explaining": ("explain",),
    "explorer.exploring": ("explore",),
    "filtering": (
        "contains",
        "is_not",
        "not_contains",
    ),
    "inquiry": (
        "parity",
        "reconcile",
    ),
    "investigation": ("investigate",),
    "logs_api": ("failures",),
    "metrics_api": (
        "metrics",
        "names",
        "usage",
    ),
    "periods": (
        "local_days",
        "resample",
    ),
    "planning": (
        "Plan",
        "plan",
    ),
    "ratios": (
        "block_rate",
        "bounce_rate",
        "click_rate",
        "click_to_open_rate",
        "complaint_rate",
        "deferral_rate",
        "delay_rate",
        "delivery_rate",
        "expired_rate",
        "hard_bounce_rate",
        "open_rate",
        "permanent_failure_rate",
        "rates",
        "soft_bounce_rate",
        "suppression_rate",
        "temporary_failures_per_message",
        "total_click_rate",
        "total_open_rate",
        "unsubscribe_rate",
    ),
    "archiving.archive": ("Archive",),
    "recording.evidence": ("record",),
    "recording.replaying": ("replay",),
    "reshaping": (
        "long",
        "sum",
        "top",
        "where",
        "wide",
    ),
    "reporting.writing": ("report",),
    "settling": (
        "complete",
        "settled",
    ),
    "showcase": ("demo",),
    "showing.findings": ("show",),
    "stats_api": (
        "account_totals",
        "domain_snapshot",
        "domain_totals",
        "grouped_totals",
    ),
    "tags_api": (
        "tag_aggregates",
        "tag_totals",
    ),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "ApiError",
    "Archive",
    "ArchiveError",
    "AuthenticationError",
    "Client",
    "ConfigurationError",
    "DeprecationNotice",
    "FrameError",
    "MgAccessor",
    "MgframeError",
    "MgframeWarning",
    "NotFound",
    "PermissionDenied",
    "Plan",
    "QueryError",
    "RateLimited",
    "ResponseError",
    "ServerError",
    "TransportError",
    "__version__",
    "account_totals",
    "anomalies",
    "as_frame",
    "attribute",
    "block_rate",
    "bounce_classification",
    "bounce_rate",
    "by_age",
    "changepoints",
    "check_frame",
    "click_rate",
    "click_to_open_rate",
    "compare",
    "complaint_rate",
    "complete",
    "contains",
    "country_aggregates",
    "deferral_rate",
    "delay_rate",
    "delivery_rate",
    "demo",
    "device_aggregates",
    "domain_snapshot",
    "domain_totals",
    "domains",
    "engagement",
    "expired_rate",
    "explain",
    "explore",
    "failures",
    "grouped_totals",
    "hard_bounce_rate",
    "investigate",
    "is_not",
    "local_days",
    "long",
    "metrics",
    "names",
    "not_contains",
    "open_rate",
    "parity",
    "permanent_failure_rate",
    "plan",
    "plot",
    "provider_aggregates",
    "rates",
    "reconcile",
    "record",
    "replay",
    "report",
    "resample",
    "settled",
    "show",
    "siblings",
    "soft_bounce_rate",
    "subaccounts",
    "sum",
    "suppression_rate",
    "tag_aggregates",
    "tag_totals",
    "tags",
    "temporary_failures_per_message",
    "thresholds",
    "top",
    "total_click_rate",
    "total_open_rate",
    "unsubscribe_rate",
    "usage",
    "where",
    "wide",
]


def __getattr__(name: str) -> Any:
    if name == "plot":
        return importlib.import_module("mgframe.plotting")
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'mgframe' has no attribute {name!r}")
    found = getattr(importlib.import_module(f"mgframe.{_MODULE_OF[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """List the public names, the plots among them."""
    return __all__
