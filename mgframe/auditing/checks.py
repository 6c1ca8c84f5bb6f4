"""Which views of an account must agree, and what was found where they do not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from mgframe.auditing import views as view
from mgframe.auditing.excuses import explained
from mgframe.auditing.matching import (
    WHOLE,
    Audit,
    Incomparable,
    Pair,
    breaches_of,
    by_day,
    by_key,
    by_month,
    differing,
    over_keys,
    table_of,
    times_of_buckets,
)
from mgframe.auditing.views import Windows
from mgframe.errors import MgframeError, ResponseError
from mgframe.framing import kept_since
from mgframe.joining import View
from mgframe.metrics_answering import OTHER_ZONE
from mgframe.metrics_parsing import read_rates
from mgframe.summing import integers
from mgframe.timespan import bucket_ends
from mgframe.vocabulary import RATES, Rate

#: The API writes rates with four decimals.
_HALF_A_DECIMAL: Final = 0.00005 + 1e-9
#: The key of the sum over all tags.
_ALL_TAGS: Final = "(all tags)"

Floats = np.ndarray[Any, np.dtype[np.float64]]

PAIRS: Final = (
    Pair("domains", view.DOMAINS, view.ACCOUNT, over_keys, over_keys),
    Pair("domains", view.GROUPED_DOMAINS, view.ACCOUNT, over_keys, over_keys),
    Pair("domains", view.METRICS_DOMAINS, view.METRICS, over_keys, over_keys),
    Pair("each domain", view.DOMAINS, view.GROUPED_DOMAINS, by_key, by_key),
    Pair("each domain", view.DOMAINS, view.METRICS_DOMAINS, by_key, by_key),
    Pair("apis", view.ACCOUNT, view.METRICS, over_keys, over_keys),
    Pair("providers", view.GROUPED_PROVIDERS, view.ACCOUNT, over_keys, over_keys),
    Pair("providers", view.METRICS_PROVIDERS, view.METRICS, over_keys, over_keys),
    Pair("hours", view.ACCOUNT_HOURS, view.ACCOUNT, by_day, over_keys),
    Pair("hours", view.METRICS_HOURS, view.METRICS, by_day, over_keys),
    Pair("months", view.ACCOUNT_DAYS, view.ACCOUNT_MONTH, by_month, over_keys),
    Pair("months", view.METRICS_DAYS, view.METRICS_MONTH, by_month, over_keys),
    Pair("formulas", view.METRICS_RATES, view.METRICS, over_keys, over_keys),
)
_TAGS: Final = Pair("tags", view.METRICS_TAGS, view.METRICS, over_keys, over_keys)
_RATES: Final = Pair("rates", view.METRICS_RATES, "computed from its counts", over_keys, over_keys)


def audit(views: Mapping[str, View], windows: Windows, now: pd.Timestamp) -> Audit:
    """Compare all views; what cannot be compared is a breach too."""
    found = Audit(windows, now, views)
    for pair in PAIRS:
        _compare(found, pair)
    for pair, compare in ((_TAGS, _compare_tags), (_RATES, _compare_rates)):
        try:
            compare(found, pair)
        except Incomparable as reason:
            found.skip(pair, str(reason))
    return found


def _compare(found: Audit, pair: Pair) -> None:
    try:
        a = pair.form_a(found.frame(pair.view_a))
        b = _without_failed(found, pair, pair.form_b(found.frame(pair.view_b)))
    except Incomparable as reason:
        found.skip(pair, str(reason), expected=_is_zone(found, pair) or _is_retention(found, pair))
        return
    shared = _shared_buckets(a, b)
    _note_lone_buckets(found, pair, a, b, shared)
    rows, compared, unknown = differing(pair, _at(a, shared), _at(b, shared))
    found.unknown += unknown
    found.note(pair.check, compared, explained(found, pair, rows))


def _shared_buckets(a: pd.DataFrame, b: pd.DataFrame) -> pd.Index:
    """Return the buckets of both; a view without any row says that there is nothing."""
    times_a, times_b = a.index.unique("time"), b.index.unique("time")
    return (
        times_a.intersection(times_b) if len(times_a) and len(times_b) else times_a.union(times_b)
    )


def _at(frame: pd.DataFrame, times: pd.Index) -> pd.DataFrame:
    return frame[frame.index.get_level_values("time").isin(times)]


def _without_failed(found: Audit, pair: Pair, b: pd.DataFrame) -> pd.DataFrame:
    """Leave domains out that did not answer; without them there is no sum."""
    failed = found.views[pair.view_a].errors
    if not failed:
        return b
    if pair.check == "domains":
        name, error = next(iter(failed.items()))
        raise Incomparable(f"{len(failed)} domains did not answer, such as {name}: {error}")
    for name, error in failed.items():
        found.skip(pair, str(error), key=name)
    return b[~b.index.get_level_values("key").isin(list(failed))]


def _note_lone_buckets(
    found: Audit, pair: Pair, a: pd.DataFrame, b: pd.DataFrame, shared: pd.Index
) -> None:
    """Say which buckets only one answer has; they were not compared."""
    lone = a.index.unique("time").union(b.index.unique("time")).difference(shared)
    if not len(lone):
        return
    kept = kept_since("hour", found.now)
    forgotten = pair.check == "hours" and bool((lone < kept).all())
    open_bucket = bool((bucket_ends(pd.DatetimeIndex(lone), "day") > found.now).all())
    why = "Mailgun keeps hours for 60 days" if forgotten else "one view has them, the other not"
    why = "the bucket is still open" if open_bucket else why
    reason = f"{len(lone)} buckets from {lone[0]:%Y-%m-%d}: {why}"
    found.skip(pair, reason, expected=forgotten or open_bucket)


def _is_zone(found: Audit, pair: Pair) -> bool:
    """Return whether a view was refused because its hours are not UTC's."""
    if pair.view_a not in found.views:
        return False
    errors: Iterable[MgframeError] = found.views[pair.view_a].errors.values()
    return any(isinstance(error, ResponseError) and OTHER_ZONE in str(error) for error in errors)


def _is_retention(found: Audit, pair: Pair) -> bool:
    return pair.view_a not in found.views


# ---------------------------------------------------------------- tags and rates


def _compare_tags(found: Audit, pair: Pair) -> None:
    """Compare tags, which overlap: none has more than the account, all together have no less."""
    tags, account = found.frame(pair.view_a), found.frame(pair.view_b)
    found.note(pair.check, 0, table_of(()))
    if not len(tags):
        return
    labels = np.asarray(tags.index.get_level_values("tag"))
    for name in tags.columns:
        (values, lost), (parts, unknown) = integers(tags, name), integers(account, name)
        if lost.any() or unknown.any():
            found.unknown += len(tags) + 1
            continue
        whole, together = int(parts.sum()), int(values.sum())
        wrong = np.append(values > whole, together < whole)
        rows = breaches_of(
            pair,
            {
                "time": [found.windows.days.end] * int(wrong.sum()),
                "key": np.append(labels, _ALL_TAGS)[wrong],
                "count": [name] * int(wrong.sum()),
                "a": np.append(values, together)[wrong].astype("float64"),
                "b": np.full(int(wrong.sum()), float(whole)),
            },
        )
        # Late events of the last day; the numbers themselves are about the whole window.
        rows = explained(found, pair, rows)
        rows["time"] = rows["time"].where(np.zeros(len(rows), dtype=np.bool_))
        found.note(pair.check, len(wrong), rows)


def _compare_rates(found: Audit, pair: Pair) -> None:
    """Compare the rates that Mailgun reports with those of its own counts, to its four decimals."""
    frame = found.frame(pair.view_a)
    for rate in RATES.values():
        if rate.mailgun in frame:
            _compare_rate(found, pair, frame, rate)


def _compare_rate(found: Audit, pair: Pair, frame: pd.DataFrame, rate: Rate) -> None:
    top: Floats = np.sum([_floats(frame, name) for name in rate.numerator], axis=0)
    bottom = _floats(frame, rate.denominator)
    # What a server writes for nothing over nothing is not documented, and means nothing.
    asked = bottom > 0
    texts = frame[rate.mailgun][asked]
    said = [None if isinstance(text, float) and np.isnan(text) else text for text in texts]
    try:
        reported = read_rates([{rate.mailgun: text} for text in said], rate.mailgun)
    except ResponseError as error:
        found.skip(pair, str(error))
        return
    computed = top[asked] / bottom[asked]
    known = ~np.isnan(reported) & ~np.isnan(computed)
    found.unknown += int((~known).sum())
    if len(known) and not known.any():
        found.skip(pair, f"{rate.mailgun} was not reported")
    wrong = known & (np.abs(reported - computed) > _HALF_A_DECIMAL)
    rows = {
        "time": times_of_buckets(frame)[asked][wrong],
        "key": [WHOLE] * int(wrong.sum()),
        "count": [rate.mailgun] * int(wrong.sum()),
        "a": reported[wrong],
        "b": computed[wrong],
    }
    found.note(pair.check, int(known.sum()), breaches_of(pair, rows))


def _floats(frame: pd.DataFrame, name: str) -> Floats:
    return frame[name].to_numpy(dtype="float64", na_value=np.nan)
