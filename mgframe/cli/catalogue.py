"""The fetch functions that the command line knows, with the module of each and an example."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    import pandas as pd


class Fetch(NamedTuple):
    """A fetch function: where it lives, what it is for, and the arguments of an example."""

    module: str
    help: str
    example: str


FETCHES: Final = {
    "metrics": Fetch(
        "metrics_api",
        "any counts by up to two keys",
        "delivered,complained --by domain,recipient_provider --last 28d",
    ),
    "account_totals": Fetch("stats_api", "the whole account", "--last 4w --resolution day"),
    "domain_totals": Fetch("stats_api", "each domain over time", "news.example.com --last 30d"),
    "domain_snapshot": Fetch("stats_api", "all domains in one bucket", "2026-11-13"),
    "grouped_totals": Fetch("stats_api", "by provider, tag, ip ...", "provider --last 7d"),
    "provider_aggregates": Fetch("aggregates_api", "lifetime counters", "news.example.com"),
    "device_aggregates": Fetch("aggregates_api", "lifetime counters", "news.example.com"),
    "country_aggregates": Fetch("aggregates_api", "lifetime counters", "news.example.com"),
    "tag_totals": Fetch("tags_api", "tags over time", "news.example.com newsletter --last 7d"),
    "tag_aggregates": Fetch(
        "tags_api", "lifetime counters of tags", "news.example.com newsletter --by country"
    ),
    "usage": Fetch("metrics_api", "validations, previews, mail billed", "--last 3m"),
    "failures": Fetch(
        "logs_api",
        "why mail failed, in the servers' words",
        "news.example.com --where severity=permanent --start 2026-11-10 --end 2026-11-10",
    ),
    "bounce_classification": Fetch("bounces_api", "Mailgun's own classes", "--last 7d"),
    "domains": Fetch("directory", "the account's domains", ""),
    "tags": Fetch("directory", "the tags in use", "news.example.com"),
    "subaccounts": Fetch("directory", "the subaccounts", ""),
}

#: What asks many questions at once: commands of their own, and planned like a fetch.
INQUIRIES: Final = {
    "investigate": Fetch("investigation", "what went wrong, best first", "--last 90d"),
    "reconcile": Fetch("inquiry", "all views of the account, compared", "--last 14d"),
}


def fetch_function(name: str) -> Callable[..., pd.DataFrame]:
    """Return a fetch function; its module is imported now."""
    module = importlib.import_module(f"mgframe.{(FETCHES | INQUIRIES)[name].module}")
    found: Callable[..., pd.DataFrame] = getattr(module, name)
    return found
