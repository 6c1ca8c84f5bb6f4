"""``df.mg`` calls the function of the same name, with its documentation and its signature."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pandas as pd
import pytest
from frames import grid_of

import mgframe as mg
from mgframe import accessor, ratios, reshaping
from mgframe.errors import FrameError
from mgframe.vocabulary import RATES

RESHAPING = ["sum", "where", "top", "resample", "local_days", "by_age", "wide", "long"]
RESHAPING += ["complete", "settled", "engagement"]
ANALYSIS = ["thresholds", "compare", "attribute", "anomalies", "changepoints", "investigate"]
METHODS = {
    name: getattr(mg, name)
    for name in ["rates", *RATES, *RESHAPING, *ANALYSIS, "report", "explore"]
}


@pytest.fixture
def frame() -> pd.DataFrame:
    return grid_of(14, {"domain": ["a.com", "b.com"]}, {"delivered": 1, "sent": 2, "bounced": 0})


def parameters(function: object) -> list[inspect.Parameter]:
    return list(inspect.signature(function).parameters.values())  # type: ignore[arg-type]


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_the_function_of_its_name(frame, name):
    method, function = getattr(frame.mg, name), METHODS[name]
    assert method.__doc__ == function.__doc__
    assert method.__name__ == name
    assert parameters(method) == parameters(function)[1:]


@pytest.mark.parametrize("name", METHODS)
def test_a_method_calls_nothing_but_its_function(name):
    assert vars(accessor.MgAccessor)[name].__wrapped__ is METHODS[name]


def test_there_is_no_method_without_a_function():
    public = {name for name in vars(accessor.MgAccessor) if not name.startswith("_")}
    assert public == {*METHODS, "plot"}


def test_methods_give_what_the_functions_give(frame):
    pd.testing.assert_frame_equal(frame.mg.rates(by="domain"), ratios.rates(frame, by="domain"))
    pd.testing.assert_frame_equal(frame.mg.sum("time"), reshaping.sum(frame, "time"))
    pd.testing.assert_frame_equal(frame.mg.resample("W"), mg.resample(frame, "W"))
    pd.testing.assert_series_equal(
        frame.mg.bounce_rate(of="sent"), ratios.bounce_rate(frame, of="sent")
    )
    assert frame.mg.where(domain="a.com").mg.top(1).mg.wide("sent").shape == (14, 1)


def test_methods_keep_no_state(frame):
    frame.mg.rates()
    del frame["sent"]
    with pytest.raises(FrameError, match="the frame lacks sent"):
        frame.mg.delivery_rate()


def test_any_table_has_the_accessor_and_each_call_checks_what_it_needs():
    table = pd.DataFrame({"x": [1]})
    assert hasattr(table, "mg")
    assert hasattr(table.mg, "plot")
    with pytest.raises(FrameError, match="no rate can be made of the columns"):
        table.mg.rates()
    with pytest.raises(FrameError, match="needs the level 'time'"):
        table.mg.resample("W")
    with pytest.raises(FrameError, match="no level 'domain'"):
        table.mg.sum("domain")


@pytest.mark.parametrize("name", ["counts", "rates", "funnel", "heatmap", "engagement"])
def test_a_plot_method_is_the_function_of_its_name(frame, name):
    from mgframe import plotting

    method, function = getattr(frame.mg.plot, name), getattr(plotting, name)
    assert vars(plotting.PlotAccessor)[name].__wrapped__ is function
    assert method.__doc__ == function.__doc__
    assert method.__name__ == name
    assert parameters(method) == parameters(function)[1:]


def test_a_plot_method_draws_its_frame(frame):
    from matplotlib.figure import Figure

    ax = frame.mg.plot.counts("sent", by="time", ax=Figure().add_subplot())
    assert ax.lines[0].get_ydata().tolist() == [4.0] * 14


def test_the_accessor_loads_no_matplotlib():
    code = "import sys, mgframe.accessor; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
