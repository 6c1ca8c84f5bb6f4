"""``df.mg``: sugar over the functions of the same name, which take the frame first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from mgframe import ageing, periods, ratios, reshaping, settling
from mgframe.methods import Later, OfFrame, method

if TYPE_CHECKING:
    from mgframe.plotting import PlotAccessor


@pd.api.extensions.register_dataframe_accessor("mg")
class MgAccessor(OfFrame):
    """Rates, reshaping and plots of a frame of counts; each call checks what it needs.

    Examples
    --------
    >>> import pandas as pd, mgframe as mg
    >>> table = pd.DataFrame({"date": ["2026-11-14", "2026-11-15"], "domain": "example.com",
    ...                       "sent": [20, 9000], "delivered": [10, 9000]})
    >>> df = mg.as_frame(table, resolution="day")
    >>> df.mg.delivery_rate(by="domain").round(4).to_dict()
    {'example.com': 0.9989}
    """

    rates = method(ratios.rates)
    delivery_rate = method(ratios.delivery_rate)
    bounce_rate = method(ratios.bounce_rate)
    hard_bounce_rate = method(ratios.hard_bounce_rate)
    soft_bounce_rate = method(ratios.soft_bounce_rate)
    block_rate = method(ratios.block_rate)
    expired_rate = method(ratios.expired_rate)
    permanent_failure_rate = method(ratios.permanent_failure_rate)
    deferral_rate = method(ratios.deferral_rate)
    delay_rate = method(ratios.delay_rate)
    temporary_failures_per_message = method(ratios.temporary_failures_per_message)
    suppression_rate = method(ratios.suppression_rate)
    open_rate = method(ratios.open_rate)
    click_rate = method(ratios.click_rate)
    total_open_rate = method(ratios.total_open_rate)
    total_click_rate = method(ratios.total_click_rate)
    click_to_open_rate = method(ratios.click_to_open_rate)
    unsubscribe_rate = method(ratios.unsubscribe_rate)
    complaint_rate = method(ratios.complaint_rate)

    sum = method(reshaping.sum)
    where = method(reshaping.where)
    top = method(reshaping.top)
    wide = method(reshaping.wide)
    long = method(reshaping.long)
    resample = method(periods.resample)
    local_days = method(periods.local_days)
    by_age = method(ageing.by_age)
    complete = method(settling.complete)
    settled = method(settling.settled)

    engagement = Later("mgframe.engaging")
    thresholds = Later("mgframe.analysis.thresholds")
    compare = Later("mgframe.analysis.comparing")
    attribute = Later("mgframe.analysis.attributing")
    anomalies = Later("mgframe.analysis.monitoring")
    changepoints = Later("mgframe.analysis.dating")
    investigate = Later("mgframe.investigation")

    report = Later("mgframe.reporting.writing")

    explore = Later("mgframe.explorer.exploring")

    @property
    def plot(self) -> PlotAccessor:
        """Plots of the frame: counts, rates, funnel, heatmap; loads matplotlib."""
        from mgframe.plotting import PlotAccessor

        return PlotAccessor(self._frame)
