"""The control plot, read back from the Axes as data."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from analysis.noisy import KINDS, frame_of_series, raised, series
from frames import grid_of
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mgframe import plotting
from mgframe.analysis.monitoring import anomalies
from mgframe.errors import FrameError, QueryError
from mgframe.framing import empty_frame, meta_of


@pytest.fixture(autouse=True)
def _no_figure_left() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture
def axes() -> Axes:
    """Axes of a figure that pyplot does not know."""
    return Figure(layout="constrained").add_subplot()


def lines_of(ax: Axes) -> dict[str, Line2D]:
    return {str(line.get_gid()): line for line in ax.lines if line.get_gid() is not None}


def texts_of(ax: Axes) -> str:
    labels = [ax.get_title(loc="left"), ax.get_xlabel(), ax.get_ylabel()]
    return "\n".join([*labels, *(text.get_text() for text in ax.texts)])


def draw(ax: Axes) -> None:
    FigureCanvasAgg(ax.get_figure()).draw()  # type: ignore[arg-type]


def hit(keys: int = 1, **meta: object) -> pd.DataFrame:
    k, n, times = series(KINDS["20k a day"], keys, 80, 30)
    frame = frame_of_series(raised(k, n, slice(70, 72), 0.06), n, times)
    frame.attrs["mgframe"] |= meta
    return frame


def test_the_line_is_the_rate_and_the_band_lies_around_what_was_expected(axes: Axes) -> None:
    frame = hit()
    assert plotting.control(frame, "bounce_rate", ax=axes) is axes
    lines = lines_of(axes)
    rate = (frame["bounced"] / frame["processed"]).to_numpy(dtype="float64")
    np.testing.assert_allclose(lines["rate"].get_ydata(), rate)
    expected = np.asarray(lines["expected"].get_ydata())
    assert np.isnan(expected[:28]).all()
    assert np.isfinite(expected[28:]).all()
    (band,) = (c for c in axes.collections if c.get_gid() == "band")
    points = band.get_paths()[0].vertices
    assert points[:, 1].min() < np.nanmin(expected)
    assert points[:, 1].max() > np.nanmax(expected)
    draw(axes)


def test_points_out_of_line_are_those_of_anomalies(axes: Axes) -> None:
    frame = hit()
    plotting.control(frame, "bounce_rate", ax=axes)
    marked = pd.DatetimeIndex(lines_of(axes)["worse"].get_xdata()).tz_localize("UTC")
    found = anomalies(frame, "bounce_rate")
    assert list(marked) == found[found["direction"] == "worse"]["time"].tolist()
    np.testing.assert_allclose(lines_of(axes)["worse"].get_ydata(), found["rate"])
    assert "better" not in lines_of(axes)


def test_a_wider_limit_widens_the_band_and_marks_less(axes: Axes) -> None:
    plotting.control(hit(), "bounce_rate", limit=30.0, run_limit=30.0, ax=axes)
    assert "worse" not in lines_of(axes)
    assert "30 standard deviations" in texts_of(axes)


def test_the_open_bucket_is_hollow_and_not_judged(axes: Axes) -> None:
    frame = hit()
    times = frame.index.get_level_values("time")
    frame.iloc[-1, frame.columns.get_loc("bounced")] = 9000
    plotting.control(frame, "bounce_rate", until=times[-1], ax=axes)
    line = lines_of(axes)["rate (open)"]
    assert line.get_markerfacecolor() == axes.get_facecolor()
    assert line.is_dashed()
    assert np.isnan(np.asarray(lines_of(axes)["rate"].get_ydata())[-1])
    assert pd.Timestamp(times[-1]).tz_localize(None) not in lines_of(axes)["worse"].get_xdata()
    assert "Hollow and dashed" in texts_of(axes)


def test_keys_are_drawn_together_and_the_title_says_so(axes: Axes) -> None:
    frame = hit(3)
    plotting.control(frame, "bounce_rate", ax=axes)
    assert axes.get_title(loc="left") == "Bounce rate, 3 domains together"
    pooled = frame.groupby("time").sum()
    rate = (pooled["bounced"] / pooled["processed"]).to_numpy(dtype="float64")
    np.testing.assert_allclose(lines_of(axes)["rate"].get_ydata(), rate)


def test_days_without_mail_break_the_line(axes: Axes) -> None:
    frame = hit()
    frame.iloc[50:53] = 0
    plotting.control(frame, "bounce_rate", ax=axes)
    assert np.isnan(np.asarray(lines_of(axes)["rate"].get_ydata())[50:53]).all()
    draw(axes)


def test_late_events_are_held_against_their_own_sends(axes: Axes) -> None:
    k, n, times = series(KINDS["opens 35 %"], 1, 80, 31)
    frame = frame_of_series(k, n, times, top="unique_opened", of="delivered")
    plotting.control(frame, "open_rate", ax=axes)
    values = np.asarray(lines_of(axes)["rate"].get_ydata())
    assert np.isnan(values[:7]).all()
    assert np.isfinite(values[7:]).all()
    assert "held against the sends" in " ".join(texts_of(axes).split())


def test_a_short_history_has_no_band_and_says_why(axes: Axes) -> None:
    frame = grid_of(10, {"domain": ["a.com"]}, {"processed": 100, "bounced": 2})
    plotting.control(frame, "bounce_rate", ax=axes)
    assert "expected" not in lines_of(axes)
    assert "it takes 28 days" in " ".join(texts_of(axes).split())
    draw(axes)


@pytest.mark.parametrize("count", [0, 100])
def test_zeros_and_ones_are_drawn(axes: Axes, count: int) -> None:
    frame = grid_of(60, {"domain": ["a.com"]}, {"processed": 100, "bounced": count})
    plotting.control(frame, "bounce_rate", ax=axes)
    assert (np.asarray(lines_of(axes)["rate"].get_ydata()) == count / 100).all()
    draw(axes)


def test_hours_are_drawn(axes: Axes) -> None:
    frame = grid_of(
        24 * 20, {"domain": ["a.com"]}, {"processed": 100, "bounced": 2}, resolution="hour"
    )
    plotting.control(frame, "bounce_rate", ax=axes)
    assert "hour (UTC)" in texts_of(axes)
    assert "4.5 standard deviations" in texts_of(axes)
    draw(axes)


def test_nothing_known_is_a_sentence(axes: Axes) -> None:
    frame = empty_frame(["time", "domain"], ["processed", "bounced"], meta={"resolution": "day"})
    plotting.control(frame, "bounce_rate", until="2026-11-16", ax=axes)
    assert "The frame has no rows." in texts_of(axes)
    draw(axes)


def test_simulated_data_say_so_once(axes: Axes) -> None:
    frame = hit(simulated=True)
    plotting.control(frame, "bounce_rate", ax=axes)
    plotting.control(frame, "bounce_rate", ax=axes)
    assert [text.get_text() for text in axes.texts].count("SIMULATED") == 1


def test_the_frame_is_kept_and_without_ax_a_figure_is_made() -> None:
    frame = hit()
    before, meta = frame.copy(deep=True), meta_of(frame)
    ax = plotting.control(frame, "bounce_rate")
    assert ax.get_figure() is plt.gcf()
    pd.testing.assert_frame_equal(frame, before)
    assert meta_of(frame) == meta


def test_what_is_wrong_is_named(axes: Axes) -> None:
    with pytest.raises(QueryError, match="bounce_rate"):
        plotting.control(hit(), "bounce_rat", ax=axes)
    with pytest.raises(QueryError, match="limit="):
        plotting.control(hit(), "bounce_rate", limit=-1, ax=axes)
    with pytest.raises(FrameError, match="no proportion"):
        plotting.control(
            grid_of(40, {"domain": ["a"]}, {"processed": 9, "temporary_failed": 9}),
            "temporary_failures_per_message",
            ax=axes,
        )
    tags = grid_of(40, {"tag": ["x", "y"]}, {"processed": 9, "bounced": 1})
    with pytest.raises(FrameError, match="tag"):
        plotting.control(tags, "bounce_rate", ax=axes)


def test_complaints_are_not_thinned_by_gmail_and_the_label_says_so(axes: Axes) -> None:
    keys = {"provider": ["gmail.com", "yahoo.com"]}
    frame = grid_of(60, keys, {"complained": [0, 5] * 60, "delivered": [9000, 1000] * 60})
    ax = plotting.control(frame, "complaint_rate", ax=axes)
    assert np.nanmedian(lines_of(ax)["rate"].get_ydata()) == pytest.approx(0.005)
    assert "feedback loop" in ax.get_ylabel().replace("\n", " ")


def test_a_long_title_leaves_room_for_the_mark_of_simulated_data(axes: Axes) -> None:
    name = "a-very-long-subdomain.of.a.newsletter.example.com"
    frame = grid_of(60, {"domain": [name], "provider": [f"p{i}.com" for i in range(9)]},
                    {"hard_bounces": 3, "processed": 1000}, simulated=True)  # fmt: skip
    title = plotting.control(frame, "hard_bounce_rate", ax=axes).get_title(loc="left")
    assert len(title) > 60
    assert max(map(len, title.split("\n"))) <= 60
