"""``df.mg``: sugar over the functions of the same name, which take the frame first."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import pandas as pd

from mgframe import periods, ratios, reshaping, settling
from mgframe.timespan import Moment

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from mgframe.plotting.grids import Kind

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def _method(
    function: Callable[Concatenate[pd.DataFrame, Arguments], Result],
) -> Callable[Concatenate[MgAccessor, Arguments], Result]:
    """Return a function of a frame as a method, with its documentation and its signature."""

    @functools.wraps(function)
    def method(self: MgAccessor, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        return function(self._frame, *args, **kwargs)

    return method


@pd.api.extensions.register_dataframe_accessor("mg")
class MgAccessor:
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

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame

    rates = _method(ratios.rates)
    delivery_rate = _method(ratios.delivery_rate)
    bounce_rate = _method(ratios.bounce_rate)
    hard_bounce_rate = _method(ratios.hard_bounce_rate)
    soft_bounce_rate = _method(ratios.soft_bounce_rate)
    block_rate = _method(ratios.block_rate)
    expired_rate = _method(ratios.expired_rate)
    permanent_failure_rate = _method(ratios.permanent_failure_rate)
    deferral_rate = _method(ratios.deferral_rate)
    delay_rate = _method(ratios.delay_rate)
    temporary_failures_per_message = _method(ratios.temporary_failures_per_message)
    suppression_rate = _method(ratios.suppression_rate)
    open_rate = _method(ratios.open_rate)
    click_rate = _method(ratios.click_rate)
    total_open_rate = _method(ratios.total_open_rate)
    total_click_rate = _method(ratios.total_click_rate)
    click_to_open_rate = _method(ratios.click_to_open_rate)
    unsubscribe_rate = _method(ratios.unsubscribe_rate)
    complaint_rate = _method(ratios.complaint_rate)

    sum = _method(reshaping.sum)
    where = _method(reshaping.where)
    top = _method(reshaping.top)
    wide = _method(reshaping.wide)
    long = _method(reshaping.long)
    resample = _method(periods.resample)
    local_days = _method(periods.local_days)
    complete = _method(settling.complete)
    settled = _method(settling.settled)

    @property
    def plot(self) -> PlotAccessor:
        """Plots of the frame: counts, rates, funnel, heatmap."""
        return PlotAccessor(self._frame)


class PlotAccessor:
    """Plots of a frame; matplotlib is loaded with the first one."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame

    def counts(
        self,
        columns: str | Sequence[str] | None = None,
        *,
        by: str | None = None,
        top: int = 8,
        until: Moment | None = None,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw counts over time; the arguments are explained at ``mg.plot.counts``."""
        from mgframe.plotting import counts

        return counts(self._frame, columns, by=by, top=top, until=until, ax=ax)

    def rates(
        self,
        names: str | Sequence[str] | None = None,
        *,
        by: str | None = None,
        of: str | None = None,
        rolling: str | None = "auto",
        thresholds: bool = False,
        top: int = 8,
        until: Moment | None = None,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw rates over time; the arguments are explained at ``mg.plot.rates``."""
        from mgframe.plotting import rates

        return rates(
            self._frame,
            names,
            by=by,
            of=of,
            rolling=rolling,
            thresholds=thresholds,
            top=top,
            until=until,
            ax=ax,
        )

    def funnel(self, *, until: Moment | None = None, ax: Axes | None = None) -> Axes:
        """Draw accepted to clicked; the arguments are explained at ``mg.plot.funnel``."""
        from mgframe.plotting import funnel

        return funnel(self._frame, until=until, ax=ax)

    def heatmap(
        self,
        what: str = "delivered",
        *,
        kind: Kind | None = None,
        by: str | None = None,
        of: str | None = None,
        top: int = 20,
        tz: str | None = None,
        until: Moment | None = None,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw a count or rate as colours; the arguments are explained at ``mg.plot.heatmap``."""
        from mgframe.plotting import heatmap

        return heatmap(
            self._frame, what, kind=kind, by=by, of=of, top=top, tz=tz, until=until, ax=ax
        )
