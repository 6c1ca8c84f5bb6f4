"""Calls as data: the code says what is done, and each is done once."""

from __future__ import annotations

import ast

import pandas as pd
import pytest
from explorer.looks import mail
from hypothesis import given
from hypothesis import strategies as st

from mgframe.errors import gathered, warn
from mgframe.explorer.steps import Kitchen, Step, columns, days, literal, method
from mgframe.reshaping import where

VALUES = st.recursive(
    st.text() | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_a_literal_is_code_for_the_value(value):
    assert ast.literal_eval(literal(value)) == value
    assert literal(value).isprintable()


def test_a_text_stands_in_double_quotes_where_it_can():
    assert literal("a.com") == '"a.com"'
    assert literal('say "a"') == "'say \"a\"'"
    assert ast.literal_eval(literal('it\'s "a"')) == 'it\'s "a"'


def test_the_code_of_a_step_does_what_its_call_does():
    df = mail()
    steps = [
        columns(["sent"]),
        days("2026-01-03", "2026-01-09"),
        method("where", where, domain="domain1"),
    ]
    found = Kitchen(df).after(steps)
    said = eval("df" + "".join(step.code for step in steps), {"df": df})
    pd.testing.assert_frame_equal(found, said)
    assert len(found) == 7 * 2


@pytest.mark.parametrize("resolution", ["hour", "day"])
def test_days_take_the_whole_last_day(resolution):
    df = mail(buckets=24 * 5 if resolution == "hour" else 9, resolution=resolution)
    times = Kitchen(df).after([days("2026-01-02", "2026-01-03")]).index.get_level_values("time")
    assert times.normalize().unique().strftime("%d").tolist() == ["02", "03"]
    assert len(times.unique()) == (48 if resolution == "hour" else 2)


def test_a_level_that_is_no_name_of_python_is_unpacked():
    assert method("where", where, **{"my key": ["a"]}).code == '.mg.where(**{"my key": ["a"]})'


def test_a_step_is_done_once_and_its_warning_is_told_each_time():
    done = []

    def call(frame: pd.DataFrame) -> pd.DataFrame:
        done.append(len(frame))
        warn("mind this")
        return frame

    kitchen, step = Kitchen(mail()), Step(".mg.x()", call)
    for _ in range(2):
        with gathered() as notes:
            kitchen.after([step])
        assert notes == ["mind this"]
    assert len(done) == 1


def test_old_results_are_forgotten():
    kitchen = Kitchen(mail(buckets=3))
    for number in range(100):
        kitchen.after([Step(f".x({number})", lambda frame: frame)])
    assert len(kitchen._made) == 40
