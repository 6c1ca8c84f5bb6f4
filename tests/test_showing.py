"""A finding as a page and as text: numbers are the row's, names are text, nothing is fetched."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pandas as pd
import pytest
from analysis.accounts import Plant, frames_of, leaves_of
from IPython.core.formatters import DisplayFormatter

import mgframe as mg
from mgframe.investigation import DEFAULT_LAST
from mgframe.sheets import Sheet, as_text, number
from mgframe.showing.findings import FindingView, show
from mgframe.showing.texts import numbers_of, points, share, sheet_of
from mgframe.simulator import Model, Server
from mgframe.unseen import visible

Serving = Callable[..., tuple[Server, mg.Client]]
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7 * 7 }}\u202e.com'
BLOCK = Plant("block", {"domain": "d0.example", "recipient_provider": "Gmail"}, (70, 75), 0.05)


class Page(HTMLParser):
    """What a browser would make of a page: tags, attributes, tables of texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, list[str]] = {}
        self.tables: dict[str, list[list[str]]] = {}
        self.words: list[str] = []
        self._rows: list[list[str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, []).append(value or "")
        if tag == "caption":
            self._rows = []
        elif tag == "tr":
            self._rows.append([])

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if "caption" in self.tags[-1:] and data.strip():
            self.tables[data] = self._rows
        elif self.tags[-1] in ("td", "th", "bdi") and data.strip():
            self._rows[-1].append(data)


@pytest.fixture(scope="module")
def frames() -> list[pd.DataFrame]:
    return frames_of(leaves_of(3, [BLOCK]))


@pytest.fixture(scope="module")
def found(frames: list[pd.DataFrame]) -> pd.DataFrame:
    failures = pd.DataFrame(
        {"severity": "permanent", "reason": ["espblock"], "code": [550], "count": [90],
         "meaning": ["Blocked: likely unsolicited mail. (Google)"]}
    )  # fmt: skip
    return mg.investigate(frames, failures=failures)


@pytest.fixture(scope="module")
def view(frames: list[pd.DataFrame], found: pd.DataFrame) -> FindingView:
    return show(found.iloc[0], frames)


@pytest.fixture(scope="module")
def page(view: FindingView) -> Page:
    return Page(view._repr_html_())


# ---------------------------------------------------------------- the page


def test_the_numbers_of_the_page_are_those_of_the_row(page: Page, view: FindingView) -> None:
    title, (heads, row) = next(iter(page.tables.items()))
    told = dict(zip(heads, row, strict=True))
    finding = view.finding
    assert title == ("domain=d0.example & recipient_provider=Gmail, 2026-10-27 to 2026-11-01 UTC")
    assert told.pop("rate") == "Block rate"
    assert told == {
        "before": f"{finding['before']:.1%}".replace("%", " %"),
        "during": f"{finding['during']:.1%}".replace("%", " %"),
        "points": f"{100 * finding['change']:+.1f}",
        "95 % interval": " to ".join(
            f"{100 * finding[name]:+.1f}" for name in ("change_low", "change_high")
        ),
        "messages (n)": f"{finding['n']:,.0f}",
        "counted (k)": f"{finding['k']:,.0f}",
        "expected": f"{finding['expected']:,.0f}",
        "excess": f"{finding['excess']:,.0f}",
    }


def test_what_did_not_move_is_listed_with_intervals(page: Page, view: FindingView) -> None:
    heads, *rows = page.tables["Also looked at, did not move"]
    assert heads == [
        "key of",
        "name",
        "before",
        "during",
        "points",
        "95 % interval",
        "messages (n)",
    ]
    assert {row[1] for row in rows} == set(view.siblings["key"])
    own = view.siblings.set_index("key").loc["Yahoo"]
    shown = next(row for row in rows if row[1] == "Yahoo")
    digits = len(shown[4].split(".")[1])
    assert shown[5] == points(own["change_low"], digits) + " to " + points(
        own["change_high"], digits
    )
    sizes = [int(row[-1].replace(",", "")) for row in rows]
    assert sizes == sorted(sizes, reverse=True)


def test_what_moved_is_listed_apart(page: Page, view: FindingView) -> None:
    place = "domain=d0.example & recipient_provider=Gmail"
    moved = page.tables[f"Moved with it: other rates, {place}"][1:]
    quiet = page.tables[f"Did not move: other rates, {place}"][1:]
    rates = view.companions
    assert {row[0] for row in moved} == set(rates.loc[rates["moved"], "rate"]) == {"Delivery rate"}
    assert {row[0] for row in quiet} == set(rates.loc[~rates["moved"], "rate"])


def test_a_sibling_that_moved_too_is_said(frames: list[pd.DataFrame], found: pd.DataFrame) -> None:
    view = show(found.iloc[0], frames)
    view.siblings = view.siblings.assign(moved=view.siblings["key"] == "Yahoo")
    tables = Page(view._repr_html_()).tables
    assert [row[1] for row in tables["Also moved on these days"][1:]] == ["Yahoo"]
    assert "Yahoo" not in {row[1] for row in tables["Also looked at, did not move"][1:]}


def test_sentence_cause_and_next_check_are_there(page: Page, view: FindingView) -> None:
    said = " ".join("".join(page.words).split())
    for text in (view.finding["sentence"], view.finding["next_check"]):
        assert text in said
    assert "Cause: espblock 550: Blocked: likely unsolicited mail" in said
    assert page.attributes["alt"] == [view.finding["sentence"]]


def test_the_picture_is_in_the_page(page: Page) -> None:
    (source,) = page.attributes["src"]
    kind, data = source.split(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(data).startswith(b"\x89PNG")


def test_the_page_fetches_and_runs_nothing(view: FindingView, page: Page) -> None:
    assert not {"script", "link", "iframe", "object", "style", "form", "a"} & set(page.tags)
    assert not {"href", "onclick", "onerror", "onload", "srcset"} & set(page.attributes)
    text = re.sub(r"base64,[^\"]*", "", view._repr_html_())
    assert "http" not in text
    assert "url(" not in text


def test_the_colours_are_the_hosts_so_that_it_reads_in_light_and_dark(page: Page) -> None:
    styles = ";".join(page.attributes["style"]).split(";")
    own = {style for style in styles if re.match(r"(color|background):", style.strip())}
    # Beside those that are inherited: the mark, white on red, and the white of the picture.
    assert own == {
        "color:inherit", "background:transparent", "background:#B3261E", "color:#fff",
        "background:#fff",
    }  # fmt: skip


@pytest.mark.parametrize(("simulated", "marked"), [(True, True), (False, False)])
def test_simulated_numbers_say_so(
    frames: list[pd.DataFrame], found: pd.DataFrame, simulated: bool, marked: bool
) -> None:
    own = [frame.copy() for frame in frames]
    for frame in own:
        frame.attrs["mgframe"]["simulated"] = simulated
    view = show(found.iloc[0], own)
    assert ("SIMULATED" in view._repr_html_()) == marked
    assert ("SIMULATED" in repr(view)) == marked


def test_a_hostile_name_is_shown_as_text(frames: list[pd.DataFrame]) -> None:
    own = []
    for frame in frames:
        levels = [name for name in ("domain", "tag") if name in frame.index.names]
        for level in levels:
            names = {"d0.example": HOSTILE, "tag1": HOSTILE}
            renamed = frame.rename(index=names, level=level).sort_index()
            renamed.attrs, frame = frame.attrs, renamed
        own.append(frame)
    found = mg.investigate(own)
    view = show(found.iloc[0], own)
    page = Page(view._repr_html_())
    assert HOSTILE in view.finding["where"]
    assert not {"script", "style"} & set(page.tags)
    assert page.tags.count("img") == 1
    assert "onerror" not in page.attributes
    assert any(visible(HOSTILE) in word for word in page.words)
    assert "\u202e" not in view._repr_html_()
    assert "\u202e" not in repr(view)
    assert "49" not in "".join(page.tables)


def test_a_notebook_gets_a_page_and_a_terminal_text(view: FindingView) -> None:
    told, _ = DisplayFormatter().format(view)
    assert set(told) == {"text/html", "text/plain"}
    assert told["text/plain"] == repr(view)


# ---------------------------------------------------------------- the text


def test_a_terminal_gets_the_same_tables(page: Page, view: FindingView) -> None:
    text = repr(view)
    for title, rows in page.tables.items():
        assert title in text
        for row in rows:
            cells = [re.escape(cell) for cell in row]
            assert re.search(r"^" + r" +".join(cells) + r"$", text, re.MULTILINE)
    assert " ".join(view.finding["sentence"].split()) in " ".join(text.split())


def test_text_stands_in_even_columns() -> None:
    sheet = Sheet("Both", ("name", "n"), (("a", "1,000"), ("long", "2")), note="and 3 more")
    assert as_text(sheet).splitlines() == [
        "Both",
        "name      n",
        "a     1,000",
        "long      2",
        "and 3 more",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (share(0.16118, 1), "16.1 %"),
        (share(float("nan"), 1), "-"),
        (points(-0.00004, 2), "+0.00"),
        (points(-0.165, 1), "-16.5"),
        (points(float("nan"), 1), "-"),
        (number(2501.7), "2,502"),
        (number(float("nan")), "-"),
    ],
)
def test_numbers_as_texts(text: str, expected: str) -> None:
    assert text == expected


def side(name: str, n: float, change: float, low: float, high: float) -> dict[str, Any]:
    return {"level": "tag", "key": name, "before": 0.01, "during": 0.01 + change, "n": n,
            "change": change, "change_low": low, "change_high": high}  # fmt: skip


def test_decimals_follow_the_change_or_its_interval() -> None:
    wide = numbers_of(side("a", 10, 0.0001, -0.05, 0.05))
    assert wide[:4] == ("1.0 %", "1.0 %", "+0.0", "-5.0 to +5.0")
    assert numbers_of(side("a", 10, 0.0001, 0.00005, 0.0002))[2] == "+0.010"


def test_of_many_rows_the_largest_are_shown_and_the_others_counted() -> None:
    table = pd.DataFrame([side(f"t{i}", i, 0.01 * i, 0.0, 0.1) for i in range(5)])
    sheet = sheet_of("Tags", table, ["level", "key"], ["key of", "name"], most=2)
    assert [row[1] for row in sheet.rows] == ["t4", "t3"]
    assert sheet.note == "and 3 more, with less mail"
    assert len({len(row[2].split(".")[1]) for row in sheet.rows}) == 1


# ---------------------------------------------------------------- where the frames come from


def test_a_row_of_a_file_is_shown_alike(
    frames: list[pd.DataFrame], found: pd.DataFrame, view: FindingView, tmp_path: Any
) -> None:
    found.to_csv(tmp_path / "found.csv", index=False)
    kept = pd.read_csv(tmp_path / "found.csv").loc[0]
    assert repr(show(kept, frames)) == repr(view)
    assert repr(show(found.iloc[0].to_dict(), frames)) == repr(view)


@pytest.fixture(scope="module")
def account() -> Model:
    return Model(domains=1)


def test_without_frames_the_same_window_is_fetched_again(serving: Serving, account: Model) -> None:
    server, client = serving(account)
    found = mg.investigate(start="2026-09-01", end="2026-11-14", client=client)
    server.requests.clear()
    view = mg.show(found.iloc[0], client=client)
    assert (
        f"{view.days.index[0]:%Y-%m-%d} {view.days.index[-1]:%Y-%m-%d}" == "2026-09-01 2026-11-14"
    )
    assert {request.split()[1] for request in server.requests} == {"/v1/analytics/metrics"}
    row = found.iloc[0].to_dict()  # a row that lost its attrs knows no window
    days = mg.show(row, client=client).days
    assert f"{len(days)}d" == DEFAULT_LAST
    assert len(mg.show(row, last="40d", client=client).days) == 40


def test_without_frames_client_and_key_there_is_nothing_to_ask(found: pd.DataFrame) -> None:
    with pytest.raises(mg.ConfigurationError, match="there is no Mailgun API key"):
        mg.show(found.iloc[0])


def test_wrong_arguments_are_refused(
    serving: Serving, frames: list[pd.DataFrame], found: pd.DataFrame
) -> None:
    server, client = serving()
    with pytest.raises(mg.QueryError, match="last= says what to fetch, but frames are given"):
        mg.show(found.iloc[0], frames, last="90d")
    with pytest.raises(mg.QueryError, match="a DataFrame"):
        mg.show(found, client=client)  # type: ignore[arg-type]
    with pytest.raises(mg.QueryError, match="a note: it tells of no incident"):
        mg.show({**found.iloc[0], "kind": "note"}, client=client)
    assert not server.requests


def test_what_is_behind_it_is_tables(view: FindingView) -> None:
    assert view.days.index.name == "time"
    assert {"rate", "expected", "low", "high", "affected", "judged"} <= set(view.days)
    assert {"level", "key", "change_low", "change_high", "moved"} <= set(view.siblings)
    assert {"metric", "rate", "change_low", "change_high", "moved"} <= set(view.companions)
