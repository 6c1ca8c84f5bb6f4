"""The plot of a finding, read back from the Axes as data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import num2date
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mgframe import plotting
from mgframe.errors import FrameError, QueryError
from mgframe.framing import with_meta


@pytest.fixture(autouse=True)
def _no_figure_left() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture
def axes() -> Axes:
    """Axes of a figure that pyplot does not know."""
    return Figure(layout="constrained").add_subplot()


def days(open_days: int = 0, **meta: Any) -> pd.DataFrame:
    """Return sixty days, of which six are affected, and the last ones are open."""
    times = pd.date_range("2026-09-17", periods=60, freq="D", tz="UTC", name="time", unit="us")
    affected = (times >= "2026-11-04") & (times <= "2026-11-09")
    rate = np.where(affected, 0.16, 0.01)
    sides = {"n": 100.0, "k": 100 * rate, "rate": rate, "expected": 0.01, "low": 0.0, "high": 0.03}
    judged = np.arange(60) < 60 - open_days
    table = pd.DataFrame({**sides, "affected": affected, "judged": judged}, index=times)
    return with_meta(table, {"resolution": "day", "simulated": False, **meta})


def row(**told: Any) -> dict[str, Any]:
    day = {name: pd.Timestamp(f"2026-11-{date}", tz="UTC") for name, date in
           {"start": "04", "end": "09", "start_low": "03", "start_high": "05"}.items()}  # fmt: skip
    keys = '{"domain": ["a.com"], "recipient_provider": ["Gmail"]}'
    return {"kind": "rate", "metric": "block_rate", "keys": keys, **day, **told}


def lines_of(ax: Axes) -> dict[str, Line2D]:
    return {str(line.get_gid()): line for line in ax.lines if line.get_gid() is not None}


def span_of(ax: Axes, gid: str) -> list[str]:
    """Return where a shaded area begins and ends, as month, day and hour."""
    (area,) = (patch for patch in ax.patches if patch.get_gid() == gid)
    edges = area.get_x(), area.get_x() + area.get_width()  # type: ignore[attr-defined]
    return [f"{num2date(edge):%m-%d %H}" for edge in edges]


def texts_of(ax: Axes) -> str:
    labels = [ax.get_title(loc="left"), ax.get_xlabel(), ax.get_ylabel()]
    return "\n".join([*labels, *(text.get_text() for text in ax.texts)])


def test_the_rate_the_expected_level_and_the_ordinary_range_are_drawn(axes: Axes) -> None:
    assert plotting.incident(days(), row(), ax=axes) is axes
    lines = lines_of(axes)
    assert lines["rate"].get_ydata().tolist() == days()["rate"].tolist()
    assert set(lines["expected"].get_ydata()) == {0.01}
    (band,) = (c for c in axes.collections if c.get_gid() == "band")
    assert (band.get_paths()[0].vertices[:, 1].min(), band.get_paths()[0].vertices[:, 1].max()) == (
        0.0, 0.03,
    )  # fmt: skip
    assert axes.get_title(loc="left") == "Block rate: a.com, Gmail"
    assert "blocked / processed" in axes.get_ylabel()
    FigureCanvasAgg(axes.get_figure()).draw()  # type: ignore[arg-type]


def test_the_affected_days_are_shaded_and_the_possible_starts_marked(axes: Axes) -> None:
    plotting.incident(days(), row(), ax=axes)
    assert span_of(axes, "affected") == ["11-03 12", "11-09 12"]
    assert span_of(axes, "start") == ["11-02 12", "11-05 12"]


def test_open_days_are_hollow_and_said(axes: Axes) -> None:
    plotting.incident(days(open_days=2), row(), ax=axes)
    lines = lines_of(axes)
    assert np.isnan(lines["rate"].get_ydata()[-2:]).all()
    hollow = lines["rate (open)"]
    assert hollow.get_markerfacecolor() == axes.get_facecolor()
    assert "Hollow and dashed" in texts_of(axes)
    plotting.incident(days(), row(), ax=(closed := Figure().add_subplot()))
    assert "Hollow" not in texts_of(closed)


def test_simulated_numbers_say_so(axes: Axes) -> None:
    plotting.incident(days(simulated=True), row(), ax=axes)
    assert "SIMULATED" in texts_of(axes)


@pytest.mark.parametrize(
    ("told", "title", "words"),
    [
        ({"keys": "{}"}, "Block rate: whole account", ""),
        ({"kind": "mix", "metric": "open_rate"}, "Unique open rate: whole account", "day's mix"),
        (
            {"kind": "bots", "metric": "open_rate"},
            "Opens by machines: a.com, Gmail",
            "(unique opens by machines / delivered)",
        ),
        ({"metric": "click_rate"}, "Unique click rate: a.com, Gmail", "the sends of that day"),
    ],
    ids=str,
)
def test_title_label_and_notes_say_what_is_drawn(
    axes: Axes, told: dict[str, str], title: str, words: str
) -> None:
    plotting.incident(days(), row(**told), ax=axes)
    assert axes.get_title(loc="left") == title
    assert words in texts_of(axes).replace("\n", " ")


def test_all_opens_are_not_called_those_of_machines(axes: Axes) -> None:
    plotting.incident(days(all_opens=True), row(kind="bots", metric="open_rate"), ax=axes)
    assert axes.get_title(loc="left") == "Unique open rate: a.com, Gmail"
    assert "by machines /" not in axes.get_ylabel()
    assert "by machines alone are not known" in texts_of(axes)


def test_a_hostile_name_is_drawn_as_text(axes: Axes) -> None:
    plotting.incident(days(), row(keys='{"tag": ["$\\\\frac{1}{0}$\\u202e_x"]}'), ax=axes)
    FigureCanvasAgg(axes.get_figure()).draw()  # type: ignore[arg-type]
    assert axes.get_title(loc="left") == r"Block rate: \$\frac{1}{0}\$_x"


def test_a_row_of_a_file_is_drawn_too(axes: Axes) -> None:
    kept = {name: str(value) for name, value in row().items()}
    plotting.incident(days(), kept, ax=axes)
    assert span_of(axes, "start") == ["11-02 12", "11-05 12"]


def test_without_any_rate_it_says_so(axes: Axes) -> None:
    plotting.incident(days().assign(rate=np.nan), row(), ax=axes)
    assert "unknown is not zero" in texts_of(axes)
    assert not axes.lines


def test_other_tables_are_refused(axes: Axes) -> None:
    with pytest.raises(FrameError, match=r"days= lacks 'high'"):
        plotting.incident(days().drop(columns="high"), row(), ax=axes)
    with pytest.raises(QueryError, match="finding= must be a row"):
        plotting.incident(days(), {"metric": "block_rate"}, ax=axes)


def test_without_axes_a_figure_is_made() -> None:
    assert plotting.incident(days(), row()).get_figure() is plt.gcf()
