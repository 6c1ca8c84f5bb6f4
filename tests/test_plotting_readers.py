"""The plot of people's and machines' opens and clicks, read back from the Axes as data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from frames import grid_of
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mgframe import plotting
from mgframe.engaging import engagement
from mgframe.errors import FrameError
from mgframe.framing import empty_frame

COUNTS = {"unique_opened": [25, 20] * 2 * 10, "unique_clicked": [0, 3] * 2 * 10}


@pytest.fixture
def axes() -> Axes:
    """Axes of a figure that pyplot does not know."""
    return Figure(layout="constrained").add_subplot()


def by_bot(**meta: object) -> pd.DataFrame:
    keys = {"domain": ["a.com", "b.com"], "bot": ["Apple", "None"]}
    return grid_of(10, keys, COUNTS, **meta)


def mail() -> pd.DataFrame:
    return grid_of(10, {"domain": ["a.com", "b.com"]}, {"delivered": 100})


def untold(**meta: object) -> pd.DataFrame:
    counts = {"delivered": 100, "unique_opened": 45, "unique_clicked": 3}
    return grid_of(10, {"domain": ["a.com"]}, counts, **meta)


def lines_of(ax: Axes) -> dict[str, Line2D]:
    return {str(line.get_gid()): line for line in ax.lines}


def areas_of(ax: Axes) -> set[str]:
    return {str(area.get_gid()) for area in ax.collections}


def texts_of(ax: Axes) -> str:
    labels = [ax.get_title(loc="left"), ax.get_xlabel(), ax.get_ylabel()]
    return " ".join("\n".join([*labels, *(text.get_text() for text in ax.texts)]).split())


def draw(ax: Axes) -> None:
    FigureCanvasAgg(ax.get_figure()).draw()  # type: ignore[arg-type]


def test_machines_are_stacked_upon_people(axes: Axes) -> None:
    assert plotting.engagement(by_bot(), delivered=mail(), ax=axes) is axes
    lines, found = lines_of(axes), engagement(by_bot(), delivered=mail(), by=["time"])
    for name in ("human_open_rate", "human_click_rate"):
        np.testing.assert_allclose(lines[name].get_ydata(), found[name])
    assert np.asarray(lines["open_rate"].get_ydata())[-1] == pytest.approx(0.45)
    assert areas_of(axes) == {"people", "machines"}
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == ["opens by machines", "opens by people", "clicks by people"]
    assert axes.get_title(loc="left") == "Opens and clicks by people, 2 domains together"
    assert "delivered, rolling 7 days" in texts_of(axes)
    assert "Machines may hide people" in texts_of(axes)
    draw(axes)


def test_where_nobody_told_an_area_spans_what_is_possible(axes: Axes) -> None:
    plotting.engagement(untold(), ax=axes)
    last = {gid: float(np.asarray(line.get_ydata())[-1]) for gid, line in lines_of(axes).items()}
    assert last == {
        "human_open_rate_least": 0,
        "human_open_rate_most": 0.45,
        "human_click_rate_most": 0.03,
    }
    assert areas_of(axes) == {"people or machines"}
    assert "Nothing here tells people from machines" in texts_of(axes)
    draw(axes)


def test_what_was_assumed_is_said(axes: Axes) -> None:
    plotting.engagement(untold(), machines={"opens": (0.5, 0.6), "clicks": (0, 0.1)}, ax=axes)
    said = "Assumed, not measured: machines make 50 to 60 % of opens and 0 to 10 % of clicks."
    assert said in texts_of(axes)
    assert np.asarray(lines_of(axes)["human_open_rate_least"].get_ydata())[-1] == pytest.approx(
        0.18
    )


def test_the_open_bucket_is_left_out_and_said_so(axes: Axes) -> None:
    plotting.engagement(untold(), until="2026-11-11", ax=axes)
    times = pd.DatetimeIndex(lines_of(axes)["human_open_rate_most"].get_xdata())
    assert times[-1] == pd.Timestamp("2026-11-10")
    assert "Without the open bucket." in texts_of(axes)


def test_without_a_window_the_label_names_none(axes: Axes) -> None:
    plotting.engagement(untold(), rolling=None, ax=axes)
    assert "rolling" not in axes.get_ylabel()
    assert np.isfinite(np.asarray(lines_of(axes)["human_open_rate_most"].get_ydata())).all()


def test_a_hole_breaks_the_lines(axes: Axes) -> None:
    frame = untold()
    plotting.engagement(frame.drop(frame.index[4]), rolling=None, ax=axes)
    values = np.asarray(lines_of(axes)["human_open_rate_most"].get_ydata())
    assert np.flatnonzero(np.isnan(values)).tolist() == [4]
    draw(axes)


def test_simulated_data_say_so_once(axes: Axes) -> None:
    for _ in range(2):
        plotting.engagement(by_bot(simulated=True), delivered=mail(), ax=axes)
    assert [text.get_text() for text in axes.texts].count("SIMULATED") == 1


def test_deliveries_are_needed_and_so_is_time(axes: Axes) -> None:
    with pytest.raises(FrameError, match="pass them as delivered="):
        plotting.engagement(by_bot(), ax=axes)
    with pytest.raises(FrameError, match="no level 'time'"):
        plotting.engagement(untold().droplevel("time").iloc[:1], ax=axes)


def test_nothing_known_is_a_sentence(axes: Axes) -> None:
    counts = ["delivered", "unique_opened", "unique_clicked"]
    frame = empty_frame(["time", "domain"], counts, meta={"resolution": "day"})
    plotting.engagement(frame, until="2026-11-16", ax=axes)
    assert "The frame has no rows." in texts_of(axes)
    draw(axes)
