"""The widgets show the sight and pass choices on; what came from an account is escaped."""

from __future__ import annotations

import base64
import datetime
import importlib.util
import io
import subprocess
import sys
import threading
import types
from typing import Any

import ipywidgets as w
import pandas as pd
import pytest
from explorer.looks import mail
from PIL import Image

import mgframe as mg
from mgframe.explorer.exploring import _page_is_live
from mgframe.explorer.filling import Filling
from mgframe.explorer.page import cells
from mgframe.explorer.tables import Row
from mgframe.explorer.view import View
from mgframe.simulator import Fault, Model

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "a&b<i>.com",
    "$x^2$ _under",
    "right\u202eto left",
    "quote'\"\\.com",
]


def view_of(frame: pd.DataFrame, **arguments: Any) -> View:
    return View(mg.explore(frame, **arguments).session)


def shown(widget: w.Widget) -> bool:
    return widget.layout.display != "none"


def everything(widget: Any) -> list[Any]:
    """Return a widget and all that it holds."""
    return [widget, *(x for child in getattr(widget, "children", ()) for x in everything(child))]


def test_choosing_changes_chart_table_totals_and_code_together():
    view = view_of(mail())
    before = (view._chart.value, view._rows[0]._cells.value, view._totals.value, view._code.value)
    view._window.value = "7d"
    after = (view._chart.value, view._rows[0]._cells.value, view._totals.value, view._code.value)
    assert all(a != b for a, b in zip(before, after, strict=True))
    view._measure.value = "bounce_rate"
    assert "Bounce rate" in view._head.value
    assert '"bounce_rate"' in view._code.value


def test_what_is_filled_in_is_not_taken_for_a_choice():
    explorer = mg.explore(mail())
    view = View(explorer.session)
    shows, show = [], explorer.session.show
    explorer.session.show = lambda choice: (shows.append(choice), show(choice))
    explorer.choose(compare=True, window="7d", measure="bounce_rate", by="recipient_provider")
    assert view._compare.value == "before"
    assert (view._window.value, view._measure.value) == ("7d", "bounce_rate")
    assert len(shows) == 1
    view._compare.value = ""
    assert len(shows) == 2


def test_a_choice_made_while_another_thread_fills_in_is_a_choice():
    filling, seen = Filling(), []
    with filling:
        thread = threading.Thread(target=lambda: seen.append(bool(filling)))
        thread.start()
        thread.join()
        seen.append(bool(filling))
    assert [*seen, bool(filling)] == [False, True, False]


@pytest.mark.parametrize("make", ["totals", "months", "empty", "one key", "no keys"])
def test_what_a_frame_does_not_offer_is_not_shown(make):
    frame = {
        "totals": lambda: mail(buckets=5).mg.sum("domain"),
        "months": lambda: mail(buckets=24, resolution="month"),
        "empty": lambda: mail().iloc[:0],
        "one key": lambda: mail(domains=1, providers=1),
        "no keys": lambda: mail()[["processed", "sent", "delivered"]].mg.sum("time"),
    }[make]()
    frame = frame[["processed", "sent", "delivered"]]
    view = view_of(frame)
    has_days = make in ("one key", "no keys")
    assert [shown(x) for x in (view._window, view._compare, view._first)] == [has_days] * 3
    assert shown(view._picked) == (make in ("totals", "months"))
    assert len(view._table.children) == {"one key": 1, "no keys": 1, "empty": 0}.get(make, 3)


def test_rates_and_counts_are_two_lists():
    view = view_of(mail())
    assert view._kind.value == "Rates"
    view._kind.value = "Counts"
    assert ("Processed", "processed") in view._measure.options
    assert view._session.choice.measure == "processed"
    view._kind.value = "Rates"
    assert view._session.choice.measure == "delivery_rate"


def test_days_of_ones_own_are_a_window():
    view = view_of(mail())
    assert view._first.value == datetime.date(2026, 1, 1)
    view._first.value = datetime.date(2026, 2, 10)
    assert view._session.choice.window == "2026-02-10/2026-03-01"
    assert view._window.value == "2026-02-10/2026-03-01"
    view._window.value = "7d"
    assert view._first.value == datetime.date(2026, 2, 23)


def test_a_key_opens_from_the_table_and_closes_again():
    view = view_of(mail())
    key = view._rows[1]._key
    view._rows[1]._button.click()
    assert view._session.choice.focus == key
    assert shown(view._back)
    assert view._rows[1]._button.style.font_weight == "bold"
    view._back.click()
    assert view._session.choice.focus is None
    assert not shown(view._back)


def test_a_search_narrows_three_hundred_domains_and_keeps_what_is_chosen():
    frame = mail(domains=300, providers=1, buckets=3)
    view = view_of(frame)
    picker = view._pickers["domain"]
    assert shown(picker._search)
    assert len(picker._list.options) == 300
    picker._search.value = "domain29"
    assert len(picker._list.options) == 11
    picker._list.value = ("domain291",)
    assert view._session.choice.keys_of("domain") == ("domain291",)
    assert picker._head.value == "Domain: 1 of 300"
    picker._search.value = "domain7"
    assert picker._list.value == ("domain291",)  # chosen, though the search does not find it
    picker._list.value = ("domain291", "domain77")
    assert [row.key for row in view._session.sight.table.rows] == [
        key for key in view._session.offer.keys["domain"] if key in ("domain291", "domain77")
    ]
    picker._all.click()
    assert view._session.choice.keys == ()
    assert len(picker._list.options) == 300


def test_a_long_table_has_pages():
    view = view_of(mail(domains=30, providers=1, buckets=3))
    assert [len(view._table.children), view._place.value] == [12, "1 to 12 of 30"]
    view._turn[1].click()
    view._turn[1].click()
    assert [len(view._table.children), view._place.value] == [6, "25 to 30 of 30"]
    assert view._turn[1].disabled
    view._window.value = "1d"
    assert view._place.value == "1 to 12 of 30"


def test_names_of_an_account_are_escaped_and_open_nothing_else():
    table = pd.DataFrame({"date": "2026-11-14", "domain": HOSTILE, "sent": 9, "delivered": 8})
    view = view_of(mg.as_frame(table, resolution="day"))
    for row in view._rows[: len(HOSTILE)]:
        row._button.click()
        assert view._session.choice.focus == row._key
    texts = [x.value for x in everything(view.root) if isinstance(x, w.HTML | w.HTMLMath)]
    markup = "".join(texts).replace(texts[0], "")
    assert "<script" not in markup
    assert "<img" not in markup
    assert "<i>" not in markup
    assert {row._key for row in view._rows[: len(HOSTILE)]} == set(HOSTILE)
    assert not any("\u202e" in text for text in texts)


def test_names_that_turn_a_line_round_are_spelt_out_where_they_are_read():
    table = pd.DataFrame({"date": "2026-11-14", "domain": ["a\u202eb", "c"], "sent": 9})
    view = view_of(mg.as_frame(table, resolution="day"), measure="sent", by="domain")
    labels = {row._button.description for row in view._rows[:2]}
    assert labels == {"a⟨U+202E⟩b", "c"}
    next(row for row in view._rows[:2] if row._key != "c")._button.click()
    assert view._back.description == "‹ all, not only a⟨U+202E⟩b"


def test_names_of_counts_and_cells_are_escaped():
    table = pd.DataFrame({"date": "2026-11-14", "domain": ["a.com"], "<b>": [9], "<i>&": [8]})
    view = view_of(mg.as_frame(table, resolution="day", counts=["<b>", "<i>&"]), measure="<i>&")
    assert "<span>&lt;i&gt;&amp;</span>" in view._head.value
    assert "<b>&" not in view._totals.value
    assert "<span>&lt;</span>" in cells(Row("a", "a", ("<", "b")))


def test_a_server_s_words_are_escaped(serving):
    _, client = serving(faults=[Fault("html", times=9)])
    explorer = mg.explore(client=client).wait()
    view = View(explorer.session)
    assert shown(view._problem)
    assert "mgframe-problem" in view._problem.value
    inner = view._problem.value.split(">", 1)[1].removesuffix("</div>")
    assert "<" not in inner.replace("<br>", "").replace("<small>", "").replace("</small>", "")


def test_an_error_is_shown_with_a_way_to_try_again(serving):
    server, client = serving(Model(domains=3, days=60))
    view = View(mg.explore(last="7d", client=client).wait().session)
    assert not shown(view._problem)
    server.inject("500")
    view._window.value = "14d"
    view._session.wait()
    assert shown(view._problem)
    assert shown(view._again)
    assert "answered 500" in view._problem.value
    assert "still the choice before" in view._problem.value
    assert view._window.value == "7d"  # what is in sight
    view._again.click()
    view._session.wait()
    assert not shown(view._problem)
    assert view._window.value == "14d"


def test_a_fetch_shows_how_far_it_is_and_can_be_cancelled(serving):
    server, client = serving(Model(domains=60, days=120))
    client.connections = 1
    view = View(mg.explore(last="1d", client=client).wait().session)
    server.inject(Fault("slow", seconds=0.4, after=1))
    view._window.value = "60d"
    assert shown(view._fetching)
    view._progress(3, 12)
    assert (view._bar.value, view._bar.max) == (3, 12)
    assert view._so_far.value == "3 of 12 requests"
    view._cancel.click()
    assert not shown(view._fetching)
    assert "cancelled" in view._problem.value
    assert view._window.value == "1d"


def test_a_page_without_a_kernel_has_the_picture():
    explorer = mg.explore(mail())
    bundle = explorer._repr_mimebundle_()
    assert "model_id" in bundle["application/vnd.jupyter.widget-view+json"]
    picture = Image.open(io.BytesIO(base64.b64decode(bundle["image/png"])))
    assert picture.size == (880, 370)
    assert "delivery_rate by domain" in bundle["text/plain"]


def test_a_page_whose_first_fetch_failed_says_why_in_text(serving):
    _, client = serving(faults=[Fault("500", times=9)])
    bundle = mg.explore(client=client)._repr_mimebundle_()
    assert "image/png" not in bundle
    assert "answered 500" in bundle["text/plain"]


@pytest.mark.parametrize(("voila", "live"), [("", False), ("/", True)])
def test_a_notebook_that_runs_by_itself_keeps_the_picture_alone(monkeypatch, voila, live):
    kernel = types.SimpleNamespace(_allow_stdin=False)
    shell = types.SimpleNamespace(kernel=kernel)
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.delenv("VOILA_BASE_URL", raising=False)
    if voila:
        monkeypatch.setenv("VOILA_BASE_URL", voila)
    assert _page_is_live() is live
    kernel._allow_stdin = True
    assert _page_is_live()


def test_the_page_waits_a_moment_for_the_first_frame(demo):
    assert "image/png" in mg.explore(last="3d", client=demo)._repr_mimebundle_()


def test_without_ipywidgets_the_extra_is_named(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "ipywidgets" else find(name)
    )
    with pytest.raises(mg.ConfigurationError, match=r'pip install "mgframe\[explorer\]"'):
        mg.explore(mail())


def test_only_the_view_loads_ipywidgets():
    code = (
        "import sys, mgframe.explorer.session, mgframe.explorer.exploring;"
        "sys.exit('ipywidgets' in sys.modules or 'matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
