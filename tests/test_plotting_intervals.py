"""Bands around lines and whiskers on bars, read back from the Axes as data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from frames import grid_of
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure

from mgframe import plotting
from mgframe.errors import QueryError
from mgframe.ratios import rates
from mgframe.reshaping import sum as sum_of

DOMAINS = ["a.com", "b.com"]


@pytest.fixture
def axes() -> Axes:
    """Axes of a figure that pyplot does not know."""
    return Figure(layout="constrained").add_subplot()


def days(buckets: int = 20, **meta: Any) -> pd.DataFrame:
    random = np.random.default_rng(1)
    sent = random.integers(500, 1000, 2 * buckets)
    counts = {
        "sent": sent.tolist(),
        "processed": sent.tolist(),
        "delivered": random.binomial(sent, 0.97).tolist(),
        "bounced": random.binomial(sent, 0.02).tolist(),
        "opened": (sent * 2).tolist(),
        "unique_opened": random.binomial(sent, 0.3).tolist(),
    }
    return grid_of(buckets, {"domain": DOMAINS}, counts, **meta)


def edges_of(ax: Axes) -> dict[str, list[Any]]:
    """Return for each key the two drawn edges of its band."""
    found: dict[str, list[Any]] = {}
    for line in ax.lines:
        gid = str(line.get_gid())
        if gid.endswith("(interval)"):
            found.setdefault(gid.removesuffix(" (interval)"), []).append(line.get_ydata())
    return found


def notes_of(ax: Axes) -> str:
    return " ".join(ax.get_xlabel().split())


def test_no_band_unless_asked(axes: Axes) -> None:
    ax = plotting.rates(days(), "bounce_rate", ax=axes)
    assert not ax.collections
    assert not edges_of(ax)
    assert "interval" not in notes_of(ax)


@pytest.mark.parametrize(("name", "rolling"), [("bounce_rate", None), ("open_rate", "7d")])
def test_bands_are_the_intervals_of_the_frame(axes: Axes, name: str, rolling: str | None) -> None:
    frame = days()
    ax = plotting.rates(frame, name, interval=0.9, ax=axes)
    want = rates(frame, name, interval=0.9, rolling=rolling)
    for key in DOMAINS:
        rows = want.xs(key, level="domain")
        low, high = edges_of(ax)[key]
        np.testing.assert_array_equal(low, rows[f"{name}_low"])
        np.testing.assert_array_equal(high, rows[f"{name}_high"])
    filled = [c for c in ax.collections if isinstance(c, PolyCollection)]
    assert {c.get_gid() for c in filled} == {f"{key} (interval)" for key in DOMAINS}
    word = "rolling rate: 90 %" if rolling else "single bucket: 90 %"
    assert word in notes_of(ax)


def test_a_band_lies_behind_its_line_and_has_its_colour(axes: Axes) -> None:
    ax = plotting.rates(days(), "bounce_rate", interval=0.95, ax=axes)
    lines = {str(line.get_gid()): line for line in ax.lines}
    for band in ax.collections:
        key = str(band.get_gid()).removesuffix(" (interval)")
        assert band.get_zorder() < lines[key].get_zorder()
        if isinstance(band, PolyCollection):
            assert band.get_alpha() < 0.5


def test_bands_have_no_entry_in_the_legend(axes: Axes) -> None:
    ax = plotting.rates(days(), "bounce_rate", interval=0.95, ax=axes)
    assert sorted(text.get_text() for text in ax.get_legend().get_texts()) == DOMAINS


def test_the_open_bucket_is_hollow_and_has_no_band(axes: Axes) -> None:
    frame = days(20, complete_until="2026-11-21T00:00:00Z")  # 19 of 20 days
    ax = plotting.rates(frame, "bounce_rate", interval=0.95, ax=axes)
    assert any(str(line.get_gid()) == "a.com (open)" for line in ax.lines)
    for bounds in edges_of(ax).values():
        for bound in bounds:
            assert np.isfinite(bound).tolist() == [True] * 19 + [False]


def test_a_lone_bucket_has_a_bar_for_its_band(axes: Axes) -> None:
    frame = grid_of(3, {"domain": ["a.com"]}, {"sent": [0, 100, 0], "delivered": [0, 70, 0]})
    ax = plotting.rates(frame, "delivery_rate", interval=0.95, ax=axes)
    bars = [c for c in ax.collections if isinstance(c, LineCollection)]
    (segment,) = [path.vertices for bar in bars for path in bar.get_paths() if len(path.vertices)]
    want = rates(frame, "delivery_rate", interval=0.95).to_numpy()[1, 1:]
    np.testing.assert_allclose(sorted(segment[:, 1]), want)


def test_a_wide_band_does_not_flatten_the_lines(axes: Axes) -> None:
    sent = [1000] * 19 + [1]
    frame = grid_of(20, {"domain": ["a.com"]}, {"processed": sent, "bounced": [20] * 19 + [0]})
    ax = plotting.rates(frame, "bounce_rate", interval=0.95, ax=axes)
    assert 0.03 < ax.get_ylim()[1] < 0.05


def test_the_axis_reaches_up_to_the_bands(axes: Axes) -> None:
    ax = plotting.rates(days(), "bounce_rate", interval=0.95, ax=axes)
    assert max(np.nanmax(high) for _, high in edges_of(ax).values()) <= ax.get_ylim()[1]
    delivery = plotting.rates(days(), "delivery_rate", interval=0.95, ax=Figure().add_subplot())
    assert min(np.nanmin(low) for low, _ in edges_of(delivery).values()) >= delivery.get_ylim()[0]
    assert "not at zero" in notes_of(delivery)


def test_a_rate_that_is_no_proportion_has_no_band_and_says_so(axes: Axes) -> None:
    ax = plotting.rates(days(), "total_open_rate", interval=0.95, ax=axes)
    assert not edges_of(ax)
    assert "Total opens per delivered is no proportion" in notes_of(ax)


def test_bars_have_whiskers(axes: Axes) -> None:
    frame = sum_of(days(5), "domain")
    ax = plotting.rates(frame, "bounce_rate", interval=0.95, ax=axes)
    want = rates(frame, "bounce_rate", interval=0.95)
    (whiskers,) = [c for c in ax.collections if isinstance(c, LineCollection)]
    drawn = {tuple(path.vertices[:, 0]) for path in whiskers.get_paths()}
    for low, high in want.iloc[:, 1:].to_numpy():
        assert any(np.allclose(pair, (low, high)) for pair in drawn)
    assert ax.get_xlim()[1] > want["bounce_rate_high"].max()
    assert "Whisker: 95 %" in notes_of(ax)


@pytest.mark.parametrize("keys", [DOMAINS, ["a.com"]])
def test_bars_of_several_rates_have_whiskers_where_they_can(axes: Axes, keys: list[str]) -> None:
    counts = {"processed": 100, "bounced": 5, "opened": 40, "delivered": 90}
    frame = sum_of(grid_of(1, {"domain": keys}, counts), "domain")
    ax = plotting.rates(frame, ["bounce_rate", "total_open_rate"], interval=0.95, ax=axes)
    assert "no proportion" in notes_of(ax)
    ax.figure.draw_without_rendering()


@pytest.mark.parametrize("interval", [95, 0, True])
def test_a_bad_level_is_refused(axes: Axes, interval: Any) -> None:
    with pytest.raises(QueryError, match="interval="):
        plotting.rates(days(), "bounce_rate", interval=interval, ax=axes)


def test_unknown_counts_are_drawn_without_a_band(axes: Axes) -> None:
    frame = grid_of(5, {"domain": ["a.com"]}, {"sent": [9, None, 9, 9, 9], "delivered": 8})
    ax = plotting.rates(frame, "delivery_rate", interval=0.95, ax=axes)
    low, _ = edges_of(ax)["a.com"]
    assert np.isnan(low).tolist() == [False, True, False, False, False]
    nothing = grid_of(5, {"domain": ["a.com"]}, {"sent": [None] * 5, "delivered": 8})
    plotting.rates(nothing, "delivery_rate", interval=0.95, ax=Figure().add_subplot())
