"""Known limits of rates, and complaint rates of providers that report none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from frames import grid_of
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mgframe import plotting


@pytest.fixture
def axes() -> Axes:
    """Axes of a figure that pyplot does not know."""
    return Figure(layout="constrained").add_subplot()


def lines_of(ax: Axes) -> dict[str, Line2D]:
    return {str(line.get_gid()): line for line in ax.lines if line.get_gid() is not None}


def legend_of(ax: Axes) -> list[str]:
    legend = ax.get_legend()
    return [] if legend is None else [text.get_text() for text in legend.get_texts()]


def texts_of(ax: Axes) -> str:
    return "\n".join([ax.get_xlabel(), ax.get_ylabel(), *(text.get_text() for text in ax.texts)])


def counts_of_days() -> pd.DataFrame:
    counts = {"processed": 1000, "sent": 1000, "delivered": 990, "bounced": 10, "complained": 1}
    return grid_of(20, {"domain": ["a.com", "b.com"]}, counts)


def test_limits_are_drawn_for_the_rates_they_belong_to(axes: Axes) -> None:
    ax = plotting.rates(counts_of_days(), "complaint_rate", thresholds=True, ax=axes)
    heights = {line.get_ydata()[0] for gid, line in lines_of(ax).items() if "limit" in gid}
    assert heights == {0.001, 0.003}
    assert "Mailgun" in texts_of(ax)
    assert "Google Postmaster Tools" in texts_of(ax).replace("\n", " ")
    bounces = plotting.rates(
        counts_of_days(), "bounce_rate", thresholds=True, ax=Figure().add_subplot()
    )
    assert {0.02, 0.05} == {
        line.get_ydata()[0] for gid, line in lines_of(bounces).items() if "limit" in gid
    }
    assert bounces.get_ylim()[1] > 0.05
    delivery = plotting.rates(
        counts_of_days(), "delivery_rate", thresholds=True, ax=Figure().add_subplot()
    )
    assert not [gid for gid in lines_of(delivery) if "limit" in gid]


def test_no_limits_unless_asked(axes: Axes) -> None:
    assert not [
        g
        for g in lines_of(plotting.rates(counts_of_days(), "bounce_rate", ax=axes))
        if "limit" in g
    ]


def test_gmail_has_no_complaint_line_but_a_note(axes: Axes) -> None:
    frame = grid_of(
        20, {"provider": ["gmail.com", "yahoo.com"]}, {"delivered": 1000, "complained": 0}
    )
    ax = plotting.rates(frame, "complaint_rate", ax=axes)
    assert np.isnan(lines_of(ax)["gmail.com"].get_ydata()).all()
    assert "gmail.com (no data)" in legend_of(ax)
    assert "No complaint data from Gmail" in texts_of(ax)


def test_gmail_does_not_thin_the_complaints_of_the_rest(axes: Axes) -> None:
    names = ["yahoo.com", "gmx.de", "gmail.com", "web.de"]
    counts = {"delivered": [900, 100, 50, 10] * 2, "complained": [9, 1, 0, 1] * 2}
    frame = grid_of(2, {"provider": names}, counts)
    ax = plotting.rates(frame, "complaint_rate", top=2, ax=axes)
    assert lines_of(ax)["(other)"].get_ydata().tolist() == [0.1, 0.1]
    assert "gmail.com" in texts_of(ax)
