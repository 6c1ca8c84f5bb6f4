"""Counts and rates over time, read back from the Axes as data."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from frames import frame_of, grid_of, random_frame
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mgframe import plotting
from mgframe.errors import FrameError, QueryError
from mgframe.framing import empty_frame, meta_of
from mgframe.periods import local_days, resample
from mgframe.ratios import rates
from mgframe.reshaping import top

COUNTS = ("sent", "delivered", "bounced", "processed", "unique_opened", "complained")
DOMAINS = ("a.com", "b.com", "c.com")


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
    legend = ax.get_legend()
    named = [] if legend is None else [text.get_text() for text in legend.get_texts()]
    drawn = [text.get_text() for text in ax.texts]
    labels = [ax.get_title(loc="left"), ax.get_xlabel(), ax.get_ylabel()]
    return "\n".join([*labels, *named, *drawn]).replace(r"\$", "$")


def legend_of(ax: Axes) -> list[str]:
    legend = ax.get_legend()
    return [] if legend is None else [text.get_text() for text in legend.get_texts()]


def draw(ax: Axes) -> None:
    FigureCanvasAgg(ax.get_figure()).draw()  # the canvas of a bare Figure draws nothing


def days(keys: tuple[str, ...] = DOMAINS, buckets: int = 20, **meta: object) -> pd.DataFrame:
    random = np.random.default_rng(3)
    size = buckets * len(keys)
    sent = random.integers(500, 1000, size) * np.tile(np.arange(len(keys), 0, -1), buckets)
    delivered = sent - random.integers(0, 20, size)
    counts = {
        "processed": sent.tolist(),
        "sent": sent.tolist(),
        "delivered": delivered.tolist(),
        "bounced": (sent - delivered).tolist(),
        "complained": random.integers(0, 3, size).tolist(),
        "unique_opened": (delivered // 3).tolist(),
        "unique_clicked": (delivered // 30).tolist(),
    }
    return grid_of(buckets, {"domain": keys}, counts, **meta)


# ---------------------------------------------------------------- the numbers


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 999), keys=st.integers(1, 4), buckets=st.integers(1, 20))
def test_lines_are_the_rates_of_the_frame(seed: int, keys: int, buckets: int) -> None:
    frame = random_frame(seed, buckets=buckets, keys={"domain": keys}, counts=COUNTS, unknown=0.2)
    ax = plotting.rates(frame, "bounce_rate", ax=Figure().add_subplot())
    table = rates(frame, "bounce_rate")["bounce_rate"].unstack("domain")
    if not table.notna().any(axis=None):
        assert "No known value" in texts_of(ax)
        return
    for key, line in lines_of(ax).items():
        np.testing.assert_array_equal(line.get_ydata(), table[key])
        np.testing.assert_array_equal(
            line.get_xdata(), table.index.tz_localize(None).to_numpy("datetime64[us]")
        )


def test_count_lines_are_the_counts_with_gaps_where_unknown(axes: Axes) -> None:
    frame = grid_of(4, {"domain": ["a.com"]}, {"delivered": [5, None, 0, 9]})
    ax = plotting.counts(frame, "delivered_count", ax=axes)
    np.testing.assert_array_equal(lines_of(ax)["a.com"].get_ydata(), [5, np.nan, 0, 9])
    assert ax.get_ylim()[0] == 0
    assert "Delivered per day" in ax.get_ylabel()


def test_a_known_bucket_between_two_unknown_ones_is_a_marker(axes: Axes) -> None:
    frame = grid_of(5, {"domain": ["a.com"]}, {"delivered": [5, 6, None, 7, None]})
    line = lines_of(plotting.counts(frame, "delivered", ax=axes))["a.com"]
    assert line.get_markevery() == [3]
    assert line.get_marker() not in ("", "None")


def test_a_missing_row_breaks_the_line(axes: Axes) -> None:
    frame = days(buckets=6).drop(index=pd.Timestamp("2026-11-04", tz="UTC"), level="time")
    values = lines_of(plotting.rates(frame, "delivery_rate", ax=axes))["a.com"].get_ydata()
    assert np.isnan(values).tolist() == [False, False, True, False, False, False]


def test_other_levels_are_pooled_not_averaged(axes: Axes) -> None:
    frame = grid_of(
        1, {"domain": DOMAINS[:2]}, {"sent": [10, 990], "delivered": [0, 990]}, resolution="day"
    )
    ax = plotting.rates(frame, "delivery_rate", by="time", ax=axes)
    assert lines_of(ax)[""].get_ydata().tolist() == [0.99]


def test_two_varying_levels_ask_which_one(axes: Axes) -> None:
    frame = grid_of(2, {"domain": DOMAINS, "ip": ["1.1.1.1", "2.2.2.2"]}, {"delivered": 5})
    with pytest.raises(FrameError, match=r"by='domain' or by='ip'"):
        plotting.counts(frame, ax=axes)
    ax = plotting.counts(frame, "delivered", by="ip", ax=axes)
    assert lines_of(ax)["1.1.1.1"].get_ydata().tolist() == [15, 15]


def test_a_single_value_of_a_second_level_does_not_matter(axes: Axes) -> None:
    frame = grid_of(2, {"domain": ["a.com"], "tag": ["x", "y"]}, {"delivered": 5})
    assert list(lines_of(plotting.counts(frame, "delivered", ax=axes))) == ["x", "y"]


# ---------------------------------------------------------------- rolling


def test_event_rates_are_rolling_sums_of_seven_days_and_say_so(axes: Axes) -> None:
    frame = days(buckets=20)
    ax = plotting.rates(frame, "open_rate", ax=axes)
    rolled = rates(frame, "open_rate", rolling="7d")["open_rate"].unstack("domain")["a.com"]
    np.testing.assert_array_equal(lines_of(ax)["a.com"].get_ydata(), rolled)
    assert "rolling 7 days" in ax.get_ylabel().replace("\n", " ")
    assert "delivered" in ax.get_ylabel()


@pytest.mark.parametrize(
    ("name", "rolling", "buckets", "resolution"),
    [
        ("delivery_rate", "auto", 20, "day"),
        ("open_rate", None, 20, "day"),
        ("open_rate", "auto", 13, "day"),
        ("open_rate", "auto", 20, "month"),
    ],
)
def test_what_is_not_rolled_is_drawn_per_bucket(
    axes: Axes, name: str, rolling: str | None, buckets: int, resolution: str
) -> None:
    frame = days(buckets=buckets, resolution=resolution)
    ax = plotting.rates(frame, name, rolling=rolling, ax=axes)
    plain = rates(frame, name)[name].unstack("domain")["a.com"]
    np.testing.assert_array_equal(lines_of(ax)["a.com"].get_ydata(), plain)
    assert "rolling" not in texts_of(ax)


def test_a_window_of_ones_own_rolls_every_rate(axes: Axes) -> None:
    ax = plotting.rates(days(), "delivery_rate", rolling="3d", ax=axes)
    assert "rolling 3 days" in ax.get_ylabel().replace("\n", " ")
    assert np.isnan(lines_of(ax)["a.com"].get_ydata()[:2]).all()


# ---------------------------------------------------------------- the open bucket


def test_the_open_bucket_is_hollow_and_joined_by_a_dashed_line(axes: Axes) -> None:
    frame = days(buckets=5, complete_until="2026-11-06T00:00:00Z")
    ax = plotting.rates(frame, "delivery_rate", ax=axes)
    expected = rates(frame)["delivery_rate"].unstack("domain")["a.com"].to_numpy()
    solid, hollow = lines_of(ax)["a.com"], lines_of(ax)["a.com (open)"]
    np.testing.assert_array_equal(solid.get_ydata(), [*expected[:4], np.nan])
    np.testing.assert_array_equal(hollow.get_ydata(), expected[3:])
    assert hollow.get_markevery() == [1]
    assert mpl.colors.same_color(hollow.get_markerfacecolor(), ax.get_facecolor())
    assert hollow.is_dashed()
    assert "open bucket" in texts_of(ax)
    assert not any("(open)" in label for label in legend_of(ax))


def test_a_month_that_is_not_over_is_open(axes: Axes) -> None:
    frame = days(buckets=4, resolution="month", complete_until="2027-01-20T00:00:00Z")
    ax = plotting.counts(frame, "delivered", ax=axes)
    assert np.isnan(lines_of(ax)["a.com"].get_ydata()).tolist() == [False, True, True, True]


def test_until_marks_what_attrs_do_not_know(axes: Axes) -> None:
    frame = days(buckets=5)
    frame.attrs = {}
    assert "open" not in texts_of(plotting.counts(frame, "delivered", ax=axes))
    ax = plotting.counts(frame, "delivered", until="2026-11-06", ax=Figure().add_subplot())
    assert "open" in texts_of(ax)
    assert "a.com (open)" in lines_of(ax)


def test_an_open_bucket_alone_is_drawn(axes: Axes) -> None:
    frame = days(buckets=1, complete_until="2026-11-02T00:00:00Z")
    ax = plotting.counts(frame, "delivered", ax=axes)
    assert len(lines_of(ax)["a.com (open)"].get_ydata()) == 1
    draw(ax)


# ---------------------------------------------------------------- keys


def test_one_key_needs_no_legend_but_its_name(axes: Axes) -> None:
    ax = plotting.rates(days(("a.com",)), "delivery_rate", ax=axes)
    assert ax.get_legend() is None
    assert "a.com" in ax.get_title(loc="left")


def test_the_largest_of_forty_keys_are_named_and_the_rest_is_one_grey_line(axes: Axes) -> None:
    names = tuple(f"d{i:02d}.com" for i in range(40))
    frame = days(names, buckets=15)
    ax = plotting.rates(frame, "delivery_rate", ax=axes)
    volumes = frame["processed"].groupby("domain").sum().sort_values(ascending=False)
    assert legend_of(ax) == [*volumes.index[:8], "(other)"]
    rest = rates(top(frame, 8), "delivery_rate")["delivery_rate"].unstack("domain")["(other)"]
    np.testing.assert_array_equal(lines_of(ax)["(other)"].get_ydata(), rest)
    red, green, blue, _ = mpl.colors.to_rgba(lines_of(ax)["(other)"].get_color())
    assert red == green == blue
    assert "the 8 largest of 40" in texts_of(ax)


def test_tags_overlap_so_that_the_rest_is_counted_but_not_drawn(axes: Axes) -> None:
    frame = grid_of(3, {"tag": [f"t{i:02d}" for i in range(40)]}, {"delivered": 5, "sent": 5})
    ax = plotting.rates(frame, "delivery_rate", ax=axes)
    assert legend_of(ax)[-1] == "and 32 more"
    assert "(other)" not in lines_of(ax)


def test_several_rates_of_one_key_name_their_denominators_in_the_legend(axes: Axes) -> None:
    ax = plotting.rates(days(("a.com",)), ax=axes)
    assert list(lines_of(ax)) == ["delivery_rate", "open_rate", "click_rate"]
    named = " ".join(legend_of(ax)).replace("\n", " ")
    assert "delivered / sent" in named
    assert "unique opens / delivered, rolling 7 days" in named


def test_several_counts_of_several_keys_have_colours_and_dashes(axes: Axes) -> None:
    ax = plotting.counts(days(), ["delivered", "bounced"], ax=axes)
    first, second = lines_of(ax)["delivered: a.com"], lines_of(ax)["bounced: a.com"]
    assert first.get_color() == second.get_color()
    assert first.is_dashed() != second.is_dashed()


HOSTILE = [
    "$5 and $6",
    "a$b",
    "_tag",
    "\N{PARTY POPPER} 新着情報",
    "__",
    "100 %",
    "{} {0} %s",
    "<b>bold</b> & co",
    "\u202eright-to-left\u200f",
    "new\nline\ttab",
    "x" * 300,
    "x" * 150 + "y" + "x" * 149,
    "\x00",
    "(none)",
    "(other)",
    r"back\slash \$x$ ^_{",
]


def test_hostile_names_are_drawn_as_they_are(axes: Axes) -> None:
    frame = grid_of(2, {"tag": HOSTILE}, {"delivered": 5, "sent": 6})
    ax = plotting.rates(frame, "delivery_rate", top=20, ax=axes)
    draw(ax)
    shown = [text.replace(r"\$", "$") for text in legend_of(ax)]
    assert len(shown) == len(set(shown)) == len(HOSTILE)
    assert {"$5 and $6", " _tag", "{} {0} %s", "<b>bold</b> & co"} <= set(shown)
    assert max(map(len, shown)) <= 34
    assert set(lines_of(ax)) == set(HOSTILE)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_alone_is_drawn(axes: Axes, name: str) -> None:
    frame = grid_of(2, {"tag": [name]}, {"delivered": 5, "sent": 6})
    draw(plotting.rates(frame, "delivery_rate", ax=axes))


def test_a_column_of_ones_own_with_dollars_is_no_formula(axes: Axes) -> None:
    frame = days().rename(columns={"processed": "$cost$"})
    draw(plotting.counts(frame, "$cost$", ax=axes))
    assert r"\$cost\$ per day" in axes.get_ylabel()


# ---------------------------------------------------------------- axes and labels


def test_a_delivery_axis_is_cut_and_says_so(axes: Axes) -> None:
    ax = plotting.rates(days(), "delivery_rate", ax=axes)
    assert 0.9 <= ax.get_ylim()[0] <= 0.95
    assert f"starts at {ax.get_ylim()[0] * 100:.0f} %" in texts_of(ax)


@pytest.mark.parametrize("name", ["open_rate", "bounce_rate", "complaint_rate"])
def test_every_other_rate_starts_at_zero(axes: Axes, name: str) -> None:
    assert plotting.rates(days(), name, ax=axes).get_ylim()[0] == 0


def test_ticks_are_percent_and_data_stay_fractions(axes: Axes) -> None:
    ax = plotting.rates(days(), "complaint_rate", rolling=None, ax=axes)
    draw(ax)
    ticks = [label.get_text() for label in ax.get_yticklabels()]
    assert all(text.endswith(" %") for text in ticks)
    assert len(set(ticks)) == len(ticks)
    assert np.nanmax(lines_of(ax)["a.com"].get_ydata()) < 0.05


def test_rates_above_one_are_not_clipped(axes: Axes) -> None:
    frame = grid_of(2, {"domain": ["a.com"]}, {"unique_opened": [418, 1], "delivered": 100})
    ax = plotting.rates(frame, "open_rate", ax=axes)
    assert lines_of(ax)["a.com"].get_ydata()[0] == 4.18
    assert ax.get_ylim()[1] > 4.18


def test_an_axis_with_rates_above_one_starts_at_zero(axes: Axes) -> None:
    frame = grid_of(2, {"domain": ["a.com"]}, {"delivered": [95, 105], "sent": 100})
    assert plotting.rates(frame, "delivery_rate", ax=axes).get_ylim()[0] == 0


def test_local_days_are_labelled_with_their_zone(axes: Axes) -> None:
    hours = grid_of(
        24 * 10, {"domain": ["a.com"]}, {"delivered": 7}, start="2026-10-20", resolution="hour"
    )
    ax = plotting.counts(local_days(hours, "Europe/Berlin"), "delivered", ax=axes)
    assert "day (Europe/Berlin)" in ax.get_xlabel()
    assert lines_of(ax)["a.com"].get_ydata().max() == 25 * 7
    draw(ax)
    assert "25 Oct" in [label.get_text() for label in ax.get_xticklabels()]


@pytest.mark.parametrize("buckets", [1, 2, 30, 100, 400])
@pytest.mark.parametrize("resolution", ["hour", "day", "month"])
def test_time_ticks_are_few_and_readable(axes: Axes, buckets: int, resolution: str) -> None:
    if buckets == 400 and resolution == "month":
        buckets = 300
    frame = grid_of(
        buckets, {"domain": ["a.com"]}, {"delivered": 7}, resolution=resolution, start="2020-01-01"
    )
    ax = plotting.counts(frame, "delivered", ax=axes)
    draw(ax)
    low, high = ax.get_xlim()
    shown = [tick for tick in ax.get_xticks() if low <= tick <= high]
    assert 1 <= len(shown) <= 12
    assert f"{resolution} (UTC)" in ax.get_xlabel()


def test_weeks_are_lines_without_gaps(axes: Axes) -> None:
    weeks = resample(days(buckets=28), "W", until="2100-01-01")
    ax = plotting.counts(weeks, "delivered", ax=axes)
    assert np.isfinite(lines_of(ax)["a.com"].get_ydata()).all()
    assert "per week" in ax.get_ylabel()


def test_simulated_data_say_so_once(axes: Axes) -> None:
    frame = days(simulated=True)
    plotting.counts(frame, ax=axes)
    plotting.counts(frame, ax=axes)
    assert [text.get_text() for text in axes.texts].count("SIMULATED") == 1
    live = plotting.counts(days(), ax=Figure().add_subplot())
    assert "SIMULATED" not in texts_of(live)


# ---------------------------------------------------------------- nothing to draw


@pytest.mark.parametrize("plot", [plotting.counts, plotting.rates])
def test_an_empty_frame_gives_axes_with_a_sentence(axes: Axes, plot: object) -> None:
    frame = empty_frame(["time", "domain"], ["sent", "delivered"])
    assert plot(frame, ax=axes) is axes  # type: ignore[operator]
    assert "no rows" in texts_of(axes)
    draw(axes)


@pytest.mark.parametrize("plot", [plotting.counts, plotting.rates])
def test_a_frame_of_unknown_counts_is_not_drawn_as_zero(axes: Axes, plot: object) -> None:
    frame = grid_of(3, {"domain": DOMAINS}, {"sent": None, "delivered": None})
    plot(frame, ax=axes)  # type: ignore[operator]
    assert "unknown is not zero" in texts_of(axes)
    draw(axes)


def test_zeros_are_drawn_at_zero(axes: Axes) -> None:
    frame = grid_of(3, {"domain": DOMAINS}, {"processed": 100, "bounced": 0})
    ax = plotting.rates(frame, "bounce_rate", ax=axes)
    assert lines_of(ax)["a.com"].get_ydata().tolist() == [0, 0, 0]
    assert ax.get_ylim()[1] > 0


@pytest.mark.parametrize("bad", [0, -1, 2.5, True, "8"])
def test_top_must_be_a_number_above_zero(axes: Axes, bad: object) -> None:
    with pytest.raises(QueryError, match="top="):
        plotting.counts(days(), top=bad, ax=axes)  # type: ignore[arg-type]


def test_unknown_names_are_refused(axes: Axes) -> None:
    with pytest.raises(QueryError, match="bounce_rate"):
        plotting.rates(days(), "bounce_rat", ax=axes)
    with pytest.raises(QueryError, match="delivered"):
        plotting.counts(days(), "deliverd", ax=axes)
    with pytest.raises(FrameError, match="no level 'ip'"):
        plotting.counts(days(), by="ip", ax=axes)
    with pytest.raises(FrameError, match="hard_bounces"):
        plotting.counts(days(), "hard_bounces", ax=axes)


# ---------------------------------------------------------------- manners


def test_plots_change_no_style_no_figure_and_no_frame(axes: Axes) -> None:
    frame = days(complete_until="2026-11-06T00:00:00Z", simulated=True)
    before, figures = dict(mpl.rcParams), plt.get_fignums()
    kept, meta = frame.copy(deep=True), meta_of(frame)
    assert plotting.rates(frame, thresholds=True, ax=axes) is axes
    assert plotting.counts(frame, ax=axes) is axes
    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == figures
    pd.testing.assert_frame_equal(frame, kept)
    assert meta_of(frame) == meta


def test_without_ax_a_figure_is_made(axes: Axes) -> None:
    ax = plotting.counts(days())
    assert ax.get_figure() is plt.gcf()
    assert ax is not axes


def test_a_row_of_one_hour_has_an_axis_of_hours(axes: Axes) -> None:
    frame = frame_of(["2026-11-02 05:00"], {"domain": ["a.com"]}, {"delivered": [3]})
    ax = plotting.counts(frame, "delivered", ax=axes)
    low, high = ax.get_xlim()
    assert high - low < 3
