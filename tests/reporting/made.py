"""Frames to report: a small account with one incident, and names that mean harm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

import mgframe as mg
from mgframe.reporting.material import Coverage, Material, coverage_of, from_frames
from mgframe.reporting.spans import read_spans

UNTIL = "2026-11-16"  # a Monday
DAYS = 90
DOMAINS = ("big.example", "new.example", "old.example", "small.example")
PROVIDERS = ("Gmail", "Outlook", "Yahoo")
SICK, SINCE = "big.example", pd.Timestamp("2026-11-09", tz="UTC")

HOSTILE = (
    "<script>alert(1)</script>.com",
    '"><img src=x onerror=alert(2)>.com',
    "a' onload='alert(3)",
    "</style></title><b>.com",
    "&lt;b&gt;.com",
    "{{ 7*7 }}{% raw %}.com",
    "$x^2$.com",
    "evil\u202egnp.com",
    "new\nline | *bold* `code` [a](http://b)",
    "x" * 300,
    "عربي.example",
)


def account(
    domains: Sequence[str] = DOMAINS,
    level: str = "recipient_provider",
    keys: Sequence[str] = PROVIDERS,
    *,
    days: int = DAYS,
    sick: str | None = SICK,
    seed: int = 1,
) -> pd.DataFrame:
    """Return counts by day, domain and another key; at `sick` mail is refused in the last week.

    ``new.example`` has mail in the last week alone, ``old.example`` none in it.
    """
    random = np.random.default_rng(seed)
    times = pd.date_range(end=pd.Timestamp(UNTIL) - pd.Timedelta(days=1), periods=days, tz="UTC")
    index = pd.MultiIndex.from_product([times, domains, keys], names=["time", "domain", level])
    time, domain = index.get_level_values("time"), index.get_level_values("domain")
    size = np.where(domain == domains[0], 900, 300)
    size[(domain == "new.example") & (time < SINCE)] = 0
    size[(domain == "old.example") & (time >= SINCE)] = 0
    processed = random.poisson(size)
    risk = np.where((domain == sick) & (time >= SINCE), 0.2, 0.01)
    blocked = random.binomial(processed, risk)
    hard = random.binomial(processed - blocked, 0.004)
    delivered = processed - blocked - hard
    counts = {
        "processed": processed,
        "sent": processed,
        "delivered": delivered,
        "bounced": blocked + hard,
        "hard_bounces": hard,
        "permanent_failed_esp_block": blocked,
        "delayed_first_attempt": random.binomial(processed, 0.02),
        "complained": random.binomial(delivered, 0.0005),
        "unique_opened": random.binomial(delivered, 0.3),
        "unique_clicked": random.binomial(delivered, 0.03),
        "unsubscribed": random.binomial(delivered, 0.001),
    }
    table = pd.DataFrame(counts, index=index).reset_index()
    return mg.as_frame(table, resolution="day", complete_until=UNTIL)


def material(
    frames: pd.DataFrame | Sequence[pd.DataFrame],
    *,
    coverage: Coverage | None = None,
    **window: str,
) -> Material:
    """Return what a report of these frames is made of."""
    listed = [frames] if isinstance(frames, pd.DataFrame) else list(frames)
    spans = read_spans(
        window.get("last"), window.get("period"), window.get("tz"),
        pd.Timestamp(UNTIL, tz="UTC").to_pydatetime(),
    )  # fmt: skip
    return from_frames(listed, spans, coverage or coverage_of(listed))


def week(frame: pd.DataFrame, **keys: str) -> pd.DataFrame:
    """Return the rows of the last seven days, cut by hand."""
    rows = frame.index.get_level_values("time") >= SINCE
    for level, value in keys.items():
        rows &= frame.index.get_level_values(level) == value
    return frame[rows]


def total(frame: pd.DataFrame, count: str) -> int:
    return int(frame[count].sum())


def with_counts(frame: pd.DataFrame, changes: Mapping[str, object]) -> pd.DataFrame:
    """Return a copy with other columns, and the same attrs."""
    changed = frame.assign(**changes)
    changed.attrs = frame.attrs
    return changed
