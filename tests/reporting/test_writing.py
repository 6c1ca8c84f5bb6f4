"""One file: its figures are the frames', every name in it is a text, and it is whole or not there.

Rendered in a browser in test_browser.py.
"""

from __future__ import annotations

import base64
import re
import time
import warnings
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from reporting.made import DOMAINS, HOSTILE, SICK, account, total, week

import mgframe as mg
from mgframe.errors import (
    ConfigurationError,
    FrameError,
    MgframeWarning,
    QueryError,
    ServerError,
)
from mgframe.reporting import texts
from mgframe.simulator import Fault, Model
from mgframe.unseen import visible

VOID = {"meta", "img", "br", "link", "input"}
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class Reader(HTMLParser):
    """Reads a page into its tags, its ids, its texts, and the rows of each section's tables."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.rows: dict[str, list[list[str]]] = {}
        self.section, self.words = "", []
        self.feed(page)
        assert self.open == [], "every tag is closed"

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "section":
            self.section = dict(attrs)["id"]
        if tag == "tr":
            self.rows.setdefault(self.section, []).append([])
        if tag in ("td", "th"):
            self.rows[self.section][-1].append("")

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)
        if self.open and {"td", "th"} & set(self.open):
            self.rows[self.section][-1][-1] += data

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    def row(self, section: str, name: str) -> list[str]:
        found = [row for row in self.rows[section] if row[0].split("finding")[0].strip() == name]
        return [" ".join(cell.split()) for cell in found[0]]


def read(path) -> Reader:
    return Reader(Path(path).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def frames():
    return [account(), account(level="tag", keys=("receipt", "weekly"), seed=2)]


@pytest.fixture(scope="module")
def made(frames, tmp_path_factory):
    return mg.report(frames, tmp_path_factory.mktemp("report") / "weekly.html")


# ---------------------------------------------------------------- what is in it


def test_the_figures_in_the_file_are_the_frames(frames, made):
    page = read(made.path)
    for domain in (SICK, "small.example"):
        rows = week(frames[0], domain=domain)
        shown = page.row("scorecard", domain)
        assert shown[1] == f"{total(rows, 'processed'):,}"
        assert shown[3] == texts.percent(total(rows, "delivered") / total(rows, "sent"))
        blocked = total(rows, "permanent_failed_esp_block") / total(rows, "processed")
        assert shown[4] == texts.percent(blocked)
        clicks = total(rows, "unique_clicked") / total(rows, "delivered")
        assert shown[6] == texts.percent(clicks)
    whole = page.row("scorecard", "All domains")
    assert whole[1] == f"{total(week(frames[0]), 'processed'):,}"
    assert page.row("breakdown", "Outlook")[1] == (
        f"{total(week(frames[0], recipient_provider='Outlook'), 'processed'):,}"
    )


def test_the_result_has_what_a_script_asks_for(frames, made):
    pd.testing.assert_frame_equal(made.findings, mg.investigate(frames))
    assert (made.thresholds["verdict"] == "over").any()
    assert made.coverage.asked == made.coverage.answered == DOMAINS
    assert Path(made).read_text(encoding="utf-8").startswith("<!doctype html>")
    assert repr(made).endswith("4 of 4 domains answered)")


def test_the_sentences_and_next_checks_are_there(made):
    text = read(made.path).text
    assert " ".join(made.findings["sentence"][0].split()) in text
    assert "Next check" in text


def test_it_loads_nothing_and_runs_nothing(made):
    page = read(made.path)
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "link", "iframe", "object", "embed", "form"}
    for _, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:image/"))
    whole = made.path.read_text(encoding="utf-8")
    assert "default-src 'none'" in whole
    assert not re.search(r"url\((?!#)", whole)
    assert "@import" not in whole


def test_no_id_is_there_twice_and_every_link_leads_somewhere(made):
    tags = read(made.path).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [a["href"] for tag, a in tags if tag in ("a", "use") and "href" in a]
    assert {link.removeprefix("#") for link in links} <= set(ids)
    used = re.findall(r"url\(#([^)]+)\)", made.path.read_text(encoding="utf-8"))
    assert set(used) <= set(ids)


def test_tables_have_heads_figures_have_texts_headings_have_levels(made):
    tags = read(made.path).tags
    assert all(a.get("aria-label") for tag, a in tags if tag == "svg")
    assert [tag for tag, _ in tags].count("h1") == 1
    assert all(a.get("scope") for tag, a in tags if tag == "th")
    assert [t for t, _ in tags].count("table") == [t for t, _ in tags].count("caption")
    assert dict(tags)["html"]["lang"] == "en"


def test_it_is_small(made):
    assert made.path.stat().st_size < 200_000


def test_simulated_numbers_say_so(demo, tmp_path):
    frame = mg.domain_totals(last="35d", client=demo)
    made = frame.mg.report(tmp_path / "weekly.html", sections=["headline"])
    assert "SIMULATED" in read(made.path).text
    plain = mg.report(account(), tmp_path / "own.html", sections=["headline"])
    assert "SIMULATED" not in plain.path.read_text(encoding="utf-8")


# ---------------------------------------------------------------- hostile names


@pytest.fixture(scope="module")
def hostile():
    return [
        account(HOSTILE, keys=("Gmail", "<i>Yahoo</i>"), sick=HOSTILE[1]),
        account(HOSTILE, level="tag", keys=("<u>tag</u>", "a|b`c"), sick=HOSTILE[1]),
    ]


def test_any_name_is_a_text_in_html(hostile, made, tmp_path):
    path = mg.report(hostile, tmp_path / "h.html", title="<h1>{{ 1 }}</h1>").path
    page = read(path)
    known = {tag for tag, _ in read(made.path).tags}
    assert {tag for tag, _ in page.tags} <= known
    assert not any(name.startswith("on") for _, a in page.tags for name in a)
    for name in (*HOSTILE, "<i>Yahoo</i>", "<u>tag</u>", "<h1>{{ 1 }}</h1>"):
        assert " ".join(visible(name).split()) in page.text
    assert "\u202e" not in path.read_text(encoding="utf-8")


def test_any_name_is_a_text_in_markdown(hostile, tmp_path):
    text = mg.report(hostile, tmp_path / "h.md", title="# <h1>").path.read_text(encoding="utf-8")
    outside = re.sub(r"`[^`\n]*`", "", text)
    assert not re.search(r"(?<!\\)<[a-z/!]", outside)
    assert "\u202e" not in text
    for table in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(cells) == 1, table
    assert "⟨U+000A⟩" in text


def test_names_that_cannot_be_seen_are_spelt_out():
    assert texts.shown("a\u202eb\n") == "a⟨U+202E⟩b⟨U+000A⟩"
    assert texts.shown(3) == 3
    assert texts.escaped("a*b_[c](d)<e>|`") == r"a\*b\_\[c\](d)\<e\>\|\`"
    assert texts.code("a|b`c") == "`a\\|bˋc`"


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (float("nan"), "–"), (0.0, "0 %"), (0.99103, "99.10 %"), (0.00057, "0.057 %")],
)
def test_rates_are_percent(value, text):
    assert texts.percent(value) == text


@pytest.mark.parametrize(
    ("change", "size", "text"),
    [(-0.0371, None, "−3.7"), (0.00012, None, "+0.012"), (-1e-9, 0.004, "0.00"), (None, 1, "–")],
)
def test_changes_are_points(change, size, text):
    assert texts.points(change, size) == text


def test_counts_and_growth_are_readable():
    assert texts.whole(-1234567) == "−1,234,567"
    assert (texts.growth(0.147), texts.growth(-0.046), texts.growth(None)) == (
        "+15 %",
        "−4.6 %",
        "–",
    )


# ---------------------------------------------------------------- choices


def test_sections_title_and_logo_can_be_chosen(frames, tmp_path):
    logo = tmp_path / "logo.png"
    logo.write_bytes(PIXEL)
    path = mg.report(
        frames, tmp_path / "r.html", sections=["coverage", "headline"], title="Acme", logo=logo
    ).path
    page = read(path)
    assert [a["id"] for tag, a in page.tags if tag == "section"] == ["coverage", "headline"]
    source = next(a["src"] for tag, a in page.tags if tag == "img")
    assert base64.b64decode(source.split(",")[1]) == PIXEL
    assert page.text.startswith("Acme,")


def test_a_logo_that_is_none_is_refused(frames, tmp_path):
    for name, message in (("a.exe", "must be an image"), ("missing.png", "cannot be read")):
        with pytest.raises(QueryError, match=message):
            mg.report(frames, tmp_path / "r.html", logo=tmp_path / name)
    (tmp_path / "big.png").write_bytes(b"0" * 600_000)
    with pytest.raises(QueryError, match=r"at most 0\.5 MB"):
        mg.report(frames, tmp_path / "r.html", logo=tmp_path / "big.png")


def test_markdown_tells_the_same(frames, made, tmp_path):
    text = mg.report(frames, tmp_path / "r.md").path.read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if line.startswith(f"| `{SICK}`"))
    assert [cell.strip() for cell in row.split("|")[2:5]] == read(made.path).row("scorecard", SICK)[
        1:4
    ]
    assert "## What these numbers do not tell" in text
    assert row.startswith(f"| `{SICK}` (finding 1) |")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"path": None}, "path= must name the file"),
        ({"path": 3}, "path=3 must name the file"),
        ({"path": "r.md", "sections": 3}, "sections=3 must be a name"),
        ({"path": "r.docx"}, "must end in .html, .pdf or .md"),
        ({"path": "r.html", "sections": ["all"]}, "is no section"),
        ({"path": "r.html", "last": "48h"}, "whole days"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_done(frames, arguments, message):
    with pytest.raises(QueryError, match=message):
        mg.report(frames, **arguments)


# ---------------------------------------------------------------- whole or not there


def test_last_week_s_file_stays_where_there_is_nothing_to_report(frames, tmp_path):
    path = tmp_path / "weekly.html"
    path.write_text("last week", encoding="utf-8")
    with pytest.raises(FrameError, match="nothing to report"):
        mg.report(frames[0].iloc[:0], path)
    with pytest.raises(FrameError, match="nothing is known of"):
        mg.report(frames, path, period="2026-W20")
    assert path.read_text(encoding="utf-8") == "last week"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_written_is_an_error(frames, tmp_path):
    (tmp_path / "r.html").mkdir()
    with pytest.raises(ConfigurationError, match="cannot write"):
        mg.report(frames, tmp_path / "r.html", sections=["headline"])
    assert [p.name for p in tmp_path.iterdir()] == ["r.html"]


def test_a_pdf_without_a_browser_says_what_to_install(frames, tmp_path, monkeypatch):
    monkeypatch.setenv("MGFRAME_BROWSER", str(tmp_path / "none"))
    with pytest.raises(ConfigurationError, match="MGFRAME_BROWSER"):
        mg.report(frames, tmp_path / "r.pdf")
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- from an account

FEW = ["headline", "scorecard", "domains", "coverage", "reproduction"]


def test_an_account_s_week_in_a_zone_is_its_hours(demo, tmp_path):
    made = mg.report(
        path=tmp_path / "r.html", period="last week", tz="Europe/Berlin", sections=FEW, client=demo
    )
    page = read(made.path)
    hours = mg.metrics(
        ["processed", "sent", "delivered"], by="domain", start="2026-11-09", end="2026-11-15",
        tz="Europe/Berlin", resolution="hour", client=demo,
    )  # fmt: skip
    assert page.row("scorecard", "All domains")[1] == f"{total(hours, 'processed'):,}"
    news = mg.where(hours, domain="news.example.com")
    shown = page.row("scorecard", "news.example.com")
    assert shown[3] == texts.percent(total(news, "delivered") / total(news, "sent"))
    assert "equals the account's own total" in page.text
    assert "3 of 3 answered" in page.text
    assert str(made.coverage) == "3 of 3"
    assert "period='2026-W46', tz='Europe/Berlin', client=client" in page.text


def test_complaints_of_an_account_leave_gmail_out(demo, tmp_path):
    made = mg.report(path=tmp_path / "r.html", sections=["scorecard"], client=demo)
    frame = mg.metrics(
        ["delivered", "complained"], by=["domain", "recipient_provider"], last="7d", client=demo
    )
    rate = mg.complaint_rate(frame, by=[], of="delivered_fbl").item()
    assert read(made.path).row("scorecard", "All domains")[5] == texts.percent(rate)


def test_domains_can_be_named(demo, tmp_path):
    with pytest.warns(MgframeWarning, match="1 of 2 domains failed: nope.example.com"):
        made = mg.report(
            ["news.example.com", "nope.example.com"], tmp_path / "r.html", sections=FEW, client=demo
        )
    assert str(made.coverage) == "1 of 2"
    page = read(made.path)
    assert "1 of 2 answered, 1 failed" in page.text
    assert "mail.example.com" not in page.text


def test_one_domain_that_fails_takes_no_other_with_it(serving, tmp_path):
    server, client = serving()
    # All questions for everything at once fail, then one of the three asked alone.
    server.faults.append(Fault("500", times=4, path="/v1/analytics/metrics"))
    with pytest.warns(MgframeWarning) as noted:
        made = mg.report(path=tmp_path / "r.html", sections=FEW, client=client)
    assert "1 of 3 domains failed" in str(noted[0].message)
    assert (len(made.coverage.answered), len(made.coverage.failed)) == (2, 1)
    text = read(made.path).text
    assert "2 of 3 answered, 1 failed" in text
    assert next(iter(made.coverage.failed)) in text


def test_an_outage_is_an_error_and_last_week_s_file_stays(serving, tmp_path):
    server, client = serving()
    server.faults.append(Fault("500", times=100, path="/v1/analytics/metrics"))
    path = tmp_path / "r.html"
    path.write_text("last week", encoding="utf-8")
    with pytest.raises(ServerError):
        mg.report(path=path, sections=FEW, client=client)
    assert path.read_text(encoding="utf-8") == "last week"


# ---------------------------------------------------------------- causes, of an account's logs

LOGS = "/v1/analytics/logs"
CAUSE = "espblock 550 5.7.26: Unauthenticated: neither SPF nor DKIM passes"
WITH_CAUSE = ["findings", "caveats", "reproduction"]


def asked_for_causes(server) -> int:
    paths = [request.split()[1] for request in server.requests]
    return sum("/metrics" not in path or "bounce" in path for path in paths if "analytics" in path)


def test_the_cause_of_what_stands_out_is_asked_and_told(serving, tmp_path):
    server, client = serving(Model(domains=1))
    made = mg.report(path=tmp_path / "r.html", sections=WITH_CAUSE, client=client)
    assert made.findings["cause"][0].startswith(CAUSE)
    text = read(made.path).text
    assert f"Cause {made.findings['cause'][0]}" in text
    assert made.coverage.requests == len(server.requests)
    assert made.coverage.causes == asked_for_causes(server) > 0
    assert f"{made.coverage.requests}, {made.coverage.causes} of them for causes" in text


def test_an_outage_of_the_logs_loses_the_cause_alone(serving, tmp_path):
    server, client = serving(Model(domains=1), faults=[Fault("503", path=LOGS, times=9)])
    made = mg.report(path=tmp_path / "r.md", sections=WITH_CAUSE, client=client)
    assert made.findings["cause"].tolist() == [""]
    assert (str(made.coverage), made.coverage.problems) == ("1 of 1", ())
    assert made.coverage.requests == len(server.requests)
    text = made.path.read_text(encoding="utf-8")
    assert "*Cause:*" not in text
    assert "No cause of recipient\\_provider=Gmail: POST /v1/analytics/logs" in text


def test_of_frames_a_client_is_asked_for_causes_alone(serving, tmp_path):
    server, client = serving(Model(domains=1))
    frame = mg.metrics(by=["domain", "recipient_provider"], last="90d", client=client)
    server.requests.clear()
    alone = mg.report(frame, tmp_path / "r.md", sections=WITH_CAUSE)
    assert (alone.coverage.requests, server.requests) == (None, [])
    made = mg.report(frame, tmp_path / "r.md", sections=WITH_CAUSE, client=client)
    assert made.findings["cause"][0].startswith(CAUSE)
    assert made.coverage.requests == made.coverage.causes == len(server.requests) > 0
    text = made.path.read_text(encoding="utf-8")
    assert "mg.report(frames, path='r.md', period='2026-W46', client=client)" in text


@pytest.mark.slow
def test_the_monday_report_of_a_whole_account(demo, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = mg.report(
            path=tmp_path / "r.html", period="last week", tz="Europe/Berlin", client=demo
        )
    assert made.findings["where"].tolist() == ["domain=news.example.com & recipient_provider=Gmail"]
    page = read(made.path)
    assert page.row("scorecard", "news.example.com")[0].endswith("finding 1")
    assert set(page.rows) == {"scorecard", "breakdown", "limits"}


@pytest.mark.slow
def test_three_hundred_domains_and_ninety_days_take_few_seconds(tmp_path):
    frame = account([f"d{i}.example" for i in range(300)])
    start = time.process_time()
    made = mg.report(frame, tmp_path / "r.html")
    assert time.process_time() - start < 10
    assert made.path.stat().st_size < 3_000_000
    assert read(made.path).text.count(".example") >= 300


def test_complaints_without_providers_are_understated_in_every_format(tmp_path):
    frame = mg.sum(account(), ["time", "domain"])
    for name in ("r.html", "r.md"):
        path = mg.report(frame, tmp_path / name, sections=["headline", "limits"]).path
        text = path.read_text(encoding="utf-8")
        assert text.lower().replace("&#39;", "'").count("understated by gmail's share") == 2
