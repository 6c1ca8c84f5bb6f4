"""Comparisons and waterfalls read back from the Axes as data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from frames import grid_of
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mgframe import plotting
from mgframe.analysis.attributing import attribute
from mgframe.analysis.comparing import compare
from mgframe.errors import FrameError, QueryError
from mgframe.plotting.comparison import Points

WINDOWS: dict[str, Any] = {
    "before": "2026-11-02/2026-11-15",
    "after": "2026-11-16/2026-11-29",
}


@pytest.fixture(autouse=True)
def _no_figure_left() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture
def axes() -> Axes:
    """Axes of a figure that pyplot does not know."""
    return Figure(layout="constrained").add_subplot()


def frame_of_three(**meta: Any) -> pd.DataFrame:
    """Return a domain that gets worse, one that stays, and one with hardly any mail."""
    random = np.random.default_rng(3)
    noise = random.integers(-3, 4, (28, 3))
    bounced = np.array([[10, 20, 0]] * 14 + [[60, 20, 0]] * 14) + noise * [1, 1, 0]
    counts = {"bounced": bounced.ravel().tolist(), "processed": [1000, 1000, 2] * 28}
    return grid_of(28, {"domain": ["bad.com", "good.com", "tiny.com"]}, counts, **meta)


def draw(ax: Axes) -> None:
    FigureCanvasAgg(ax.get_figure()).draw()


def labels(ax: Axes) -> list[str]:
    return [label.get_text().strip() for label in ax.get_yticklabels()]


def texts(ax: Axes) -> str:
    return "\n".join([ax.get_title(loc="left"), ax.get_xlabel(), *(t.get_text() for t in ax.texts)])


# ---------------------------------------------------------------- compare


def test_each_key_is_a_dot_with_its_interval_and_its_sizes(axes: Axes) -> None:
    table = compare(frame_of_three(), "bounce_rate", **WINDOWS)
    ax = plotting.compare(table, ax=axes)
    draw(ax)
    assert labels(ax)[0] == "bad.com"
    dots = {line.get_gid(): line for line in ax.lines if line.get_gid()}
    assert dots["worse"].get_xdata().tolist() == [table["change"][0]]
    spans = {table["domain"][i]: table.loc[i, ["change_low", "change_high"]] for i in range(3)}
    for domain, span in spans.items():
        assert list(dots[f"interval {domain}"].get_xdata()) == span.tolist()
    assert "→" in texts(ax)
    assert "of 14,000" in texts(ax)


def test_what_is_too_few_is_hollow_and_verdicts_differ_in_form(axes: Axes) -> None:
    ax = plotting.compare(frame_of_three(), "bounce_rate", **WINDOWS, ax=axes)
    dots = {line.get_gid(): line for line in ax.lines}
    assert dots["too few"].get_markerfacecolor() == "white"
    handles, names = ax.get_legend_handles_labels()
    assert names == ["worse", "no change seen", "too few"]
    looks = {(h.get_marker(), h.get_markerfacecolor()) for h in handles}
    assert len(looks) == 3


def test_keys_left_out_are_told(axes: Axes) -> None:
    ax = plotting.compare(frame_of_three(), "bounce_rate", **WINDOWS, top=1, ax=axes)
    assert labels(ax) == ["bad.com"]
    assert "2 more keys with less excess are not drawn." in texts(ax)
    assert "Right of zero is worse." in texts(ax)


def test_groups_are_named_in_the_title(axes: Axes) -> None:
    question: dict[str, Any] = {"a": {"domain": "good.com"}, "b": {"domain": "bad.com"}}
    ax = plotting.compare(frame_of_three(), "bounce_rate", **question, ax=axes)
    assert "b less a" in texts(ax)
    assert "a: domain=good.com" in texts(ax)
    assert labels(ax) == ["all together"]


def test_a_table_without_any_change_says_so(axes: Axes) -> None:
    frame = grid_of(28, {"domain": ["a.com"]}, {"bounced": 0, "processed": 0})
    ax = plotting.compare(frame, "bounce_rate", **WINDOWS, ax=axes)
    assert "unknown is not zero" in texts(ax)


def test_simulated_comparisons_say_so(axes: Axes) -> None:
    frame = frame_of_three(simulated=True)
    assert "SIMULATED" in texts(plotting.compare(frame, "bounce_rate", **WINDOWS, ax=axes))
    ax = plotting.attribution(frame, "bounce_rate", **WINDOWS)
    assert "SIMULATED" in texts(ax)
    assert "SIMULATED" not in texts(
        plotting.attribution(frame_of_three(), "bounce_rate", **WINDOWS)
    )


def test_names_of_any_kind_are_drawn(axes: Axes) -> None:
    frame = frame_of_three().rename(index={"bad.com": "_$x$\n" * 30, "good.com": "日本.jp"})
    draw(plotting.compare(frame.sort_index(), "bounce_rate", **WINDOWS, ax=axes,
                          until="2027-01-01"))  # fmt: skip


@pytest.mark.parametrize("top", [0, True, 2.5])
def test_how_many_keys_must_be_a_number(top: Any) -> None:
    with pytest.raises(QueryError, match="top="):
        plotting.compare(frame_of_three(), "bounce_rate", **WINDOWS, top=top)


def test_a_frame_needs_a_rate() -> None:
    with pytest.raises(QueryError, match="rate= must name"):
        plotting.compare(frame_of_three(), **WINDOWS)
    with pytest.raises(QueryError, match="rate= must name"):
        plotting.attribution(frame_of_three(), **WINDOWS)


def test_a_table_of_something_else_is_refused() -> None:
    table = pd.DataFrame({"verdict": ["worse"], "change": [0.1], "excess": [1.0]})
    with pytest.raises(FrameError, match=r"no table of mg\.compare"):
        plotting.compare(table)


def test_ticks_are_points_with_as_many_decimals_as_they_need() -> None:
    assert Points().format_ticks([-0.02, 0.0, 0.02]) == ["-2", "0", "+2"]
    assert Points().format_ticks([-0.025, 0.0, 0.025]) == ["-2.5", "0", "+2.5"]
    assert Points().format_ticks([0.0, 0.0002]) == ["0", "+0.02"]
    assert Points()(0.0123) == "+1.23 points"


# ---------------------------------------------------------------- waterfall


def test_the_waterfall_goes_from_before_to_after_without_a_gap(axes: Axes) -> None:
    table = attribute(frame_of_three(), "bounce_rate", **WINDOWS)
    ax = plotting.attribution(table, ax=axes)
    draw(ax)
    bars = {bar.get_gid(): bar for bar in ax.patches}
    assert list(bars)[:3] == ["before", "mix", "bad.com"]
    assert list(bars)[-1] == "after"
    bad = table[table["domain"] == "bad.com"].iloc[0]
    assert bars["bad.com"].get_width() == pytest.approx(bad["rate_effect"])
    steps = [bar.get_width() for gid, bar in bars.items() if gid not in ("before", "after")]
    ends = {gid: bars[gid].get_x() + bars[gid].get_width() for gid in ("before", "after")}
    assert ends["after"] - ends["before"] == pytest.approx(table["effect"].sum())
    assert sum(steps) >= table["effect"].sum() - 1e-12
    assert "Most came from domain=bad.com" in " ".join(texts(ax).split())
    assert "not at zero" in texts(ax)


def test_a_step_for_the_worse_has_another_colour_than_one_for_the_better(axes: Axes) -> None:
    frame = frame_of_three().rename(columns={"processed": "sent"})
    frame["delivered"] = frame["sent"] - frame["bounced"]
    colours = []
    for rate, other in (("bounce_rate", frame_of_three()), ("delivery_rate", frame)):
        bars = plotting.attribution(other, rate, **WINDOWS).patches
        colours.append(next(b.get_facecolor() for b in bars if b.get_gid() == "bad.com"))
    assert colours[0] == colours[1]


def test_the_other_keys_are_one_step(axes: Axes) -> None:
    table = attribute(frame_of_three(), "bounce_rate", **WINDOWS)
    ax = plotting.attribution(table, top=1, ax=axes)
    assert [bar.get_gid() for bar in ax.patches] == [
        "before", "mix", "bad.com", "(other keys)", "after",
    ]  # fmt: skip
    assert "rates of 2 others" in labels(ax)


def test_nothing_changed_is_drawn_flat(axes: Axes) -> None:
    frame = grid_of(28, {"domain": ["a.com"]}, {"bounced": 0, "processed": 10})
    draw(plotting.attribution(frame, "bounce_rate", **WINDOWS, ax=axes))


def test_the_accessor_draws_the_same() -> None:
    accessor = plotting.PlotAccessor(frame_of_three())
    assert accessor.compare("bounce_rate", **WINDOWS).get_title(loc="left")
    assert accessor.attribution("bounce_rate", **WINDOWS).patches
