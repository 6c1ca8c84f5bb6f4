"""Frames to matplotlib Axes: counts, rates, engagement, funnel, heatmap, control, mix, incidents.

Each function takes ``ax=`` (and makes one without), returns the Axes, shows nothing and changes no
global style. What it draws is plain data: a line or bar group has the key as its ``gid`` and its
readable name as its label. Complete buckets are drawn solid, open ones hollow and dashed; a break
in a line is a bucket that is not known; data of the simulator say SIMULATED.

Made for a user's own Axes: give its figure ``layout="constrained"``, because legends stand outside
of the Axes, where they cover no data.
"""

from __future__ import annotations

from mgframe.methods import OfFrame, method
from mgframe.plotting.comparison import attribution, compare
from mgframe.plotting.controls import control
from mgframe.plotting.grids import heatmap
from mgframe.plotting.incidents import incident
from mgframe.plotting.readers import engagement
from mgframe.plotting.series import counts, rates
from mgframe.plotting.stages import funnel

__all__ = [
    "PlotAccessor",
    "attribution",
    "compare",
    "control",
    "counts",
    "engagement",
    "funnel",
    "heatmap",
    "incident",
    "rates",
]


class PlotAccessor(OfFrame):
    """``df.mg.plot``: plots of one frame, each the function of its name."""

    counts = method(counts)
    rates = method(rates)
    funnel = method(funnel)
    heatmap = method(heatmap)
    compare = method(compare)
    control = method(control)
    attribution = method(attribution)
    engagement = method(engagement)
