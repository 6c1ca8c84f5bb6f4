"""What is behind a finding: its rate day by day with what was expected, and what else moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from mgframe.analysis.cubes import Stack
from mgframe.analysis.hunting import Hunt, measure
from mgframe.analysis.metrics import OPENS, Metric
from mgframe.analysis.neighbours import companions, neighbours
from mgframe.analysis.reading import Frames, account_of, frames_listed
from mgframe.analysis.rereading import Row, Told, read_row
from mgframe.analysis.slices import Account
from mgframe.analysis.tails import NORMAL_95, count_at
from mgframe.analysis.wording import where_text
from mgframe.dividing import Floats
from mgframe.errors import FrameError
from mgframe.framing import is_simulated, meta_of, with_meta
from mgframe.timespan import Moment

_NONE: Final = 1e-6
_ALL_OPENS: Final = "all_opens"


@dataclass(frozen=True)
class Evidence:
    """The tables behind a finding.

    `days` has the rate of the place by `time`: `n`, `k`, `rate`, `expected`, the `low` and `high`
    of what an ordinary day has (95 %), and whether it is `affected` and was `judged`. `companions`
    are the other rates of the place, `siblings` the keys beside it, on the days of the finding.
    """

    days: pd.DataFrame
    companions: pd.DataFrame
    siblings: pd.DataFrame


def evidence_of(
    frames: Frames,
    finding: Row,
    *,
    holidays: Sequence[Moment] | None = None,
    until: Moment | None = None,
) -> Evidence:
    """Return what the frames have behind a finding.

    Raises
    ------
    QueryError
        `finding` is no row of findings, or is about days that the frames do not have.
    FrameError
        The frames tell nothing of its place, or as for :func:`mgframe.investigate`.
    """
    told = read_row(finding)
    account = account_of(frames, holidays=holidays, until=until)
    start, stop = told.days_in(account)
    simulated = any(is_simulated(frame) for frame in frames_listed(frames))
    metric, where = told.known_in(account)
    return Evidence(
        days_behind(account, told, simulated=simulated),
        companions(account, told.metric, told.where, start, stop),
        neighbours(account, metric, where, start, stop),
    )


def days_behind(account: Account, told: Told, *, simulated: bool) -> pd.DataFrame:
    """Return the rate of a finding's place day by day, as :class:`Evidence` has it.

    Raises
    ------
    QueryError
        The account does not have the days of the finding.
    FrameError
        It tells nothing of its place.
    """
    meta = {"resolution": "day", "simulated": simulated}
    if told.known_in(account)[0] != told.metric:
        meta[_ALL_OPENS] = True
    return with_meta(_days(account, told, *told.days_in(account)), meta)


def metric_shown(days: pd.DataFrame, told: Told) -> Metric:
    """Return which rate the days have: of machines all opens where theirs alone are not known."""
    return OPENS if meta_of(days).get(_ALL_OPENS) else told.metric


def _days(account: Account, told: Told, start: int, stop: int) -> pd.DataFrame:
    stack = _series(account, told)
    over = dict.fromkeys(account.settled, np.ones(len(account.times), dtype=bool))
    every = _series(replace(account, settled=over), told)
    judged = stack.n[0] > 0
    k, n = np.where(judged, (stack.k[0], stack.n[0]), (every.k[0], every.n[0]))
    own = measure(stack, account.calendar, start, stop)
    low, high = _ordinary(own, n, stack.noise[0])
    rate = np.divide(k, n, out=np.full(len(n), np.nan), where=n > 0)
    sides = {"k": k, "rate": rate, "expected": own.usual[0], "low": low, "high": high}
    if told.metric.failing:
        sides = {
            "k": n - k, "rate": 1 - rate, "expected": 1 - own.usual[0], "low": 1 - high,
            "high": 1 - low,
        }  # fmt: skip
    return pd.DataFrame(
        {"n": n, **sides, "affected": own.inside[0], "judged": judged},
        index=account.times.rename("time"),
    )


def _series(account: Account, told: Told) -> Stack:
    metric, where = told.known_in(account)
    # Of a change of the mix the whole account's rate is told, which no part's own explains.
    stack = account.at(metric, {} if told.kind == "mix" else where)
    if stack is None:
        raise FrameError(
            f"the frames tell nothing of {where_text(where)}; give those that were investigated"
        )
    return stack


def _ordinary(own: Hunt, n: Floats, noise: Floats) -> tuple[Floats, Floats]:
    """Return within which rates 95 % of ordinary days lie, NaN without messages.

    A day strays by itself, by chance of counting, by what comes late, and by how vaguely its level
    is known.
    """
    rate = np.clip(own.usual[0], 1e-9, 1 - 1e-9)
    law = (n, np.log(rate / (1 - rate)), own.stray[0] + own.vague[0] + noise, rate)
    low, high = (count_at(side, *law) for side in (-NORMAL_95, NORMAL_95))
    low = np.where(low < _NONE, 0.0, low)  # it is found by halving, which never reaches none at all
    messages = np.where(n > 0, n, np.nan)
    return low / messages, high / messages
