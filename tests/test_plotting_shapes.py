"""Bars, funnel and heat maps read back from the Axes as data."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from frames import frame_of, grid_of, random_frame
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mgframe import plotting
from mgframe.errors import FrameError, MgframeWarning, QueryError
from mgframe.framing import empty_frame
from mgframe.periods import resample
from mgframe.ratios import rates
from mgframe.reshaping import sum as sum_of

STAGES = ("accepted", "processed", "sent", "delivered", "unique_opened", "unique_clicked")


@pytest.fixture(autouse=True)
def _no_figure_left() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture
def axes() -> Axes:
    """Axes of a figure that pyplot does not know."""
    return Figure(layout="constrained").add_subplot()


def texts_of(ax: Axes) -> str:
    drawn = [text.get_text() for text in ax.texts]
    return "\n".join([ax.get_title(loc="left"), ax.get_xlabel(), ax.get_ylabel(), *drawn])


def widths_of(ax: Axes) -> list[float]:
    return [patch.get_width() for patch in ax.patches]


def cells_of(ax: Axes) -> np.ndarray:
    return np.ma.filled(ax.collections[0].get_array(), np.nan)


def draw(ax: Axes) -> None:
    FigureCanvasAgg(ax.get_figure()).draw()  # the canvas of a bare Figure draws nothing


def hours(days: int, **meta: object) -> pd.DataFrame:
    """Hours from a Monday on, whose count is the hour's number."""
    size = 24 * days
    return grid_of(
        size,
        {"domain": ["a.com"]},
        {"delivered": list(range(size)), "sent": list(range(1, size + 1))},
        resolution="hour",
        **meta,
    )


# ---------------------------------------------------------------- bars


def test_a_frame_without_time_has_a_bar_per_key_with_its_number(axes: Axes) -> None:
    frame = sum_of(
        grid_of(3, {"domain": ["a.com", "b.com"]}, {"delivered": [1, 500] * 3}), "domain"
    )
    ax = plotting.counts(frame, ax=axes)
    assert widths_of(ax) == [1500, 3]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["b.com", "a.com"]
    assert [text.get_text() for text in ax.texts] == ["1,500", "3"]


def test_bars_of_rates_name_the_size_of_their_denominator(axes: Axes) -> None:
    frame = frame_of(None, {"domain": ["a.com", "b.com"]}, {"delivered": [9, 0], "sent": [10, 0]})
    ax = plotting.rates(frame, "delivery_rate", ax=axes)
    assert widths_of(ax) == [0.9, 0]
    assert [text.get_text() for text in ax.texts] == ["90.00 % of 10", "no data"]
    assert "delivered / sent" in ax.get_xlabel()


def test_a_total_of_everything_has_one_bar_per_count(axes: Axes) -> None:
    total = sum_of(grid_of(2, {"domain": ["a.com", "b.com"]}, {"delivered": 5, "bounced": 1}), [])
    ax = plotting.counts(total, ax=axes)
    assert widths_of(ax) == [20, 4]


def test_bars_of_gmail_complaints_are_no_data(axes: Axes) -> None:
    frame = frame_of(
        None, {"provider": ["gmail.com", "gmx.de"]}, {"delivered": [900, 100], "complained": [0, 1]}
    )
    ax = plotting.rates(frame, "complaint_rate", thresholds=True, ax=axes)
    assert [text.get_text() for text in ax.texts] == ["no data", "1.00 % of 100"]
    assert "No complaint data from Gmail" in texts_of(ax)
    assert "Mailgun" in texts_of(ax)


def test_one_reading_of_lifetime_counters_is_drawn_two_are_refused(axes: Axes) -> None:
    keys = {"domain": ["a.com"] * 2, "provider": ["gmx.de", "web.de"]}
    counts = {"delivered": [5, 7]}
    one = frame_of(["2026-11-16"] * 2, keys, counts, time="as_of")
    assert widths_of(plotting.counts(one, ax=axes)) == [7, 5]
    two = frame_of(["2026-11-16", "2026-11-17"], keys, counts, time="as_of")
    with pytest.raises(FrameError, match="never added up"):
        plotting.counts(two, ax=axes)


def test_forty_bars_of_several_counts_are_drawn(axes: Axes) -> None:
    names = [f"$d{i}_.com" for i in range(40)]
    frame = frame_of(None, {"domain": names}, {"delivered": range(40), "bounced": range(40)})
    ax = plotting.counts(frame, ["delivered", "bounced"], ax=axes)
    assert len(widths_of(ax)) == 18
    draw(ax)


# ---------------------------------------------------------------- funnel


def test_the_funnel_shows_counts_and_shares_of_the_step_before(axes: Axes) -> None:
    values = (1000, 990, 980, 970, 97, 0)
    frame = grid_of(2, {"domain": ["a.com"]}, dict(zip(STAGES, values, strict=True)))
    ax = plotting.funnel(frame, ax=axes)
    assert {bar.get_gid(): bar.get_width() for bar in ax.patches} == {
        stage: 2 * value for stage, value in zip(STAGES, values, strict=True)
    }
    assert [text.get_text() for text in ax.texts] == [
        "2,000",
        "1,980, 99.00 % of accepted",
        "1,960, 98.99 % of processed",
        "1,940, 98.98 % of sent",
        "194, 10.0 % of delivered",
        "0, 0.00 % of unique opens",
    ]
    assert "a.com" in texts_of(ax)


def test_the_funnel_leaves_the_open_bucket_out_and_says_so(axes: Axes) -> None:
    frame = grid_of(
        3, {"domain": ["a.com"]}, {"sent": 10, "delivered": 9}, complete_until="2026-11-04"
    )
    ax = plotting.funnel(frame, ax=axes)
    assert widths_of(ax) == [20, 18]
    assert "Without the open bucket" in texts_of(ax)


def test_a_step_of_the_funnel_adds_what_is_known_and_a_share_needs_both_sides(axes: Axes) -> None:
    frame = grid_of(3, {"domain": ["a.com"]}, {"sent": [10, None, 10], "delivered": [9, 9, None]})
    ax = plotting.funnel(frame, ax=axes)
    assert widths_of(ax) == [20, 18]
    assert "18, 90.00 % of sent" in texts_of(ax)  # 9 of 10, where both are known
    assert "Sent: 1 of 3 rows are not known" in texts_of(ax)


def test_the_funnel_skips_a_step_that_is_reported_nowhere(axes: Axes) -> None:
    frame = grid_of(2, {"domain": ["a.com"]}, {"accepted": None, "sent": 10, "delivered": 9})
    assert [bar.get_gid() for bar in plotting.funnel(frame, ax=axes).patches] == [
        "sent",
        "delivered",
    ]


def test_the_funnel_of_several_tags_is_refused_of_one_it_is_drawn(axes: Axes) -> None:
    counts = {"sent": 10, "delivered": 9}
    with pytest.raises(FrameError, match="tag"):
        plotting.funnel(grid_of(1, {"tag": ["x", "y"]}, counts), ax=axes)
    assert widths_of(plotting.funnel(grid_of(1, {"tag": ["x"]}, counts), ax=axes)) == [10, 9]


def test_the_funnel_needs_two_steps(axes: Axes) -> None:
    with pytest.raises(FrameError, match="fetch events="):
        plotting.funnel(grid_of(1, {"domain": ["a.com"]}, {"delivered": 9}), ax=axes)


def test_the_funnel_of_zeros_and_of_nothing_is_drawn(axes: Axes) -> None:
    zeros = grid_of(1, {"domain": ["a.com"]}, {"sent": 0, "delivered": 0})
    assert "no share" in texts_of(plotting.funnel(zeros, ax=axes))
    empty = empty_frame(["time", "domain"], ["sent", "delivered"])
    ax = plotting.funnel(empty, ax=Figure().add_subplot())
    assert "no rows" in texts_of(ax)
    draw(ax)


def test_the_funnel_warns_of_uniques_over_weeks(axes: Axes) -> None:
    frame = grid_of(10, {"domain": ["a.com"]}, {"delivered": 9, "unique_opened": 3})
    with pytest.warns(MgframeWarning, match="7 days"):
        plotting.funnel(frame, ax=axes)


# ---------------------------------------------------------------- weekday by hour


def test_weekday_by_hour_holds_the_mean_of_each_hour(axes: Axes) -> None:
    ax = plotting.heatmap(hours(14), ax=axes)
    assert cells_of(ax).tolist() == (np.arange(168).reshape(7, 24) + 84).tolist()
    assert ax.get_yticklabels()[0].get_text() == "Mon"
    assert "(UTC)" in ax.get_xlabel()


def test_weekday_by_hour_moves_with_the_zone(axes: Axes) -> None:
    ax = plotting.heatmap(hours(7), tz="Asia/Tokyo", ax=axes)
    assert cells_of(ax)[0, 9] == 0
    assert cells_of(ax)[1, 8] == 23
    assert "Asia/Tokyo" in ax.get_xlabel()


def test_weekday_by_hour_pools_rates(axes: Axes) -> None:
    frame = grid_of(
        24 * 14,
        {"domain": ["a.com"]},
        {"delivered": [1] * 168 + [90] * 168, "sent": [2] * 168 + [98] * 168},
        resolution="hour",
    )
    ax = plotting.heatmap(frame, "delivered_rate", ax=axes)
    assert np.allclose(cells_of(ax), 91 / 100)
    assert "delivered / sent" in ax.get_figure().axes[1].get_ylabel()  # type: ignore[union-attr]


def test_weekday_by_hour_leaves_cells_without_data_masked(axes: Axes) -> None:
    ax = plotting.heatmap(hours(2), ax=axes)
    assert np.isnan(cells_of(ax)[2:]).all()
    assert "Grey: no data" in texts_of(ax)


def test_weekday_by_hour_adds_keys_before_it_takes_the_mean(axes: Axes) -> None:
    frame = grid_of(24, {"domain": ["a.com", "b.com"]}, {"delivered": 5}, resolution="hour")
    assert np.nanmax(cells_of(plotting.heatmap(frame, ax=axes))) == 10
    assert "2 domains together" in texts_of(axes)


@pytest.mark.parametrize(
    "draw_values",
    [
        lambda f, ax: cells_of(plotting.heatmap(f, "delivered", ax=ax)),
        lambda f, ax: cells_of(plotting.heatmap(f, "delivery_rate", tz="Asia/Tokyo", ax=ax)),
        lambda f, ax: cells_of(plotting.heatmap(f, kind="key-day", by="domain", ax=ax)),
        lambda f, ax: cells_of(plotting.heatmap(resample(f, "D", partial=True), ax=ax)),
        lambda f, ax: np.array([x.get_ydata() for x in plotting.counts(f, "sent", ax=ax).lines]),
        lambda f, ax: np.array(
            [x.get_ydata() for x in plotting.rates(f, "delivery_rate", rolling="3h", ax=ax).lines]
        ),
        lambda f, ax: np.array(widths_of(plotting.funnel(f, ax=ax))),
        lambda f, ax: np.array(widths_of(plotting.counts(sum_of(f, "domain"), ax=ax))),
    ],
)
def test_the_order_of_rows_does_not_matter(draw_values) -> None:
    frame = random_frame(
        5, buckets=200, keys={"domain": 3}, counts=["delivered", "sent"], resolution="hour"
    )
    shuffled = frame.sort_values("delivered", ascending=False)
    expected, got = (
        draw_values(f, Figure(layout="constrained").add_subplot()) for f in (frame, shuffled)
    )
    np.testing.assert_array_equal(got, expected)


def test_countries_are_drawn_by_their_opens(axes: Axes) -> None:
    counts = {"processed": [0, 0, 99], "opened": [2, 9, 1]}
    frame = frame_of(None, {"country": ["at", "us", "unknown"]}, counts)
    ax = plotting.counts(frame, top=1, ax=axes)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["us", "(other)"]
    assert sorted(widths_of(ax)) == [3.0, 9.0]


def test_weekday_by_hour_leaves_open_hours_out(axes: Axes) -> None:
    ax = plotting.heatmap(hours(1, complete_until="2026-11-02T20:00:00Z"), ax=axes)
    assert np.isfinite(cells_of(ax)).sum() == 20
    assert "Without the open bucket" in texts_of(ax)


def test_hours_and_whole_hour_zones_are_needed(axes: Axes) -> None:
    daily = grid_of(3, {"domain": ["a.com"]}, {"delivered": 5})
    with pytest.raises(FrameError, match="needs hours"):
        plotting.heatmap(daily, kind="weekday-hour", ax=axes)
    with pytest.raises(FrameError, match="needs hours"):
        plotting.heatmap(daily, tz="Europe/Berlin", ax=axes)
    with pytest.raises(QueryError, match="whole number of hours"):
        plotting.heatmap(hours(1), tz="Asia/Kolkata", ax=axes)
    with pytest.raises(QueryError, match="kind="):
        plotting.heatmap(daily, kind="week", ax=axes)  # type: ignore[arg-type]
    with pytest.raises(QueryError, match="no count and no rate"):
        plotting.heatmap(daily, "delivery", ax=axes)


# ---------------------------------------------------------------- key by day


def test_key_by_day_holds_the_rates_of_the_frame(axes: Axes) -> None:
    frame = random_frame(5, buckets=9, keys={"domain": 4}, counts=["sent", "delivered"])
    ax = plotting.heatmap(frame, "delivery_rate", ax=axes)
    rows = [label.get_text() for label in ax.get_yticklabels()]
    table = rates(frame)["delivery_rate"].unstack("domain")[rows].T
    np.testing.assert_array_equal(cells_of(ax), table.to_numpy())


def test_key_by_day_groups_small_keys_and_masks_gaps(axes: Axes) -> None:
    frame = grid_of(4, {"domain": [f"d{i:02d}.com" for i in range(40)]}, {"delivered": 5})
    frame = frame.drop(index=pd.Timestamp("2026-11-03", tz="UTC"), level="time")
    ax = plotting.heatmap(frame, top=5, ax=axes)
    assert cells_of(ax).shape == (6, 4)
    assert np.isnan(cells_of(ax)[:, 1]).all()
    assert cells_of(ax)[5, 0] == 35 * 5


def test_key_by_day_hatches_the_open_bucket(axes: Axes) -> None:
    frame = grid_of(4, {"domain": ["a.com"]}, {"delivered": 5}, complete_until="2026-11-05")
    ax = plotting.heatmap(frame, ax=axes)
    (patch,) = [patch for patch in ax.patches if patch.get_gid() == "open"]
    first, last = mpl.dates.date2num(np.array(["2026-11-05", "2026-11-06"], dtype="datetime64[D]"))
    assert patch.get_extents().width > 0
    assert (patch.get_x(), patch.get_x() + patch.get_width()) == (first, last)
    assert "Hatched: open bucket" in texts_of(ax)


def test_key_by_day_of_hours_adds_whole_days_of_the_zone(axes: Axes) -> None:
    ax = plotting.heatmap(hours(4), kind="key-day", tz="Europe/Berlin", ax=axes)
    assert cells_of(ax).tolist() == [[sum(range(23 + 24 * d, 47 + 24 * d)) for d in range(3)]]
    assert "Europe/Berlin" in ax.get_xlabel()


@pytest.mark.parametrize("kind", ["weekday-hour", "key-day"])
def test_heat_maps_of_nothing_are_a_sentence(axes: Axes, kind: str) -> None:
    unknown = grid_of(24, {"domain": ["a.com"]}, {"delivered": None}, resolution="hour")
    ax = plotting.heatmap(unknown, kind=kind, ax=axes)  # type: ignore[arg-type]
    assert "unknown is not zero" in texts_of(ax)
    assert not ax.collections


def test_an_empty_heat_map_is_a_sentence(axes: Axes) -> None:
    frame = empty_frame(["time", "domain"], ["delivered"], meta={"resolution": "hour"})
    for kind in ("weekday-hour", "key-day"):
        ax = plotting.heatmap(frame, kind=kind, ax=Figure().add_subplot())  # type: ignore[arg-type]
        assert "no rows" in texts_of(ax)


def test_heat_maps_survive_names_zeros_and_simulation(axes: Axes) -> None:
    frame = grid_of(2, {"tag": ["$5 and $6", "_tag", "x" * 300]}, {"delivered": 0}, simulated=True)
    ax = plotting.heatmap(frame, ax=axes)
    draw(ax)
    assert "SIMULATED" in texts_of(ax)
    assert max(len(label.get_text()) for label in ax.get_yticklabels()) <= 40


def test_heat_maps_change_no_style_and_no_pyplot_figure(axes: Axes) -> None:
    before, figures = dict(mpl.rcParams), plt.get_fignums()
    assert plotting.heatmap(hours(1), ax=axes) is axes
    assert plotting.funnel(hours(1), ax=Figure().add_subplot()) is not axes
    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == figures
