"""The explorer as a user has it: in a page, with a kernel behind it, in a real browser.

Voilà serves a notebook whose client asks a simulated account of this process, so that the tests can
let requests fail or take their time. They need Debian's chromium (or another in
``MGFRAME_BROWSER``), and the extra ``test``; where these are missing they are skipped,
unless ``MGFRAME_REQUIRE_BROWSER=1``. ``MGFRAME_KEEP_SCREENSHOTS`` names a folder for pictures.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

import mgframe as mg
from mgframe.simulator import Fault, Model, Server, serve

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROOT = Path(__file__).parent.parent.parent
CHROMIUM = os.environ.get("MGFRAME_BROWSER") or shutil.which("chromium") or ""
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip
CELL = """
from datetime import datetime
import mgframe as mg
client = mg.Client("key-simulated", base_url={url!r}, retries=0,
                   clock=lambda: datetime.fromisoformat({now!r}))
mg.explore(client=client, by=["domain", "recipient_provider"], last="14d")
"""


def lacking() -> str:
    """Return what these tests need and do not find, empty where all is there."""
    missing = [name for name in ("playwright", "voila") if importlib.util.find_spec(name) is None]
    missing += [] if CHROMIUM else ["chromium"]
    return f"no {' and no '.join(missing)}: see tests/explorer/test_browser.py" if missing else ""


@pytest.fixture(scope="module", autouse=True)
def _browser_there() -> None:
    if lacking():
        demanded = os.environ.get("MGFRAME_REQUIRE_BROWSER") == "1"
        (pytest.fail if demanded else pytest.skip)(lacking())


@pytest.fixture(scope="module")
def account() -> Iterator[Server]:
    with serve(Model(domains=25, days=150)) as server:
        yield server


@pytest.fixture
def client(account: Server) -> mg.Client:
    return mg.Client("key-simulated", base_url=account.url, clock=lambda: account.model.now)


@pytest.fixture(scope="module")
def address(account: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the notebook with Voilà, and return where."""
    folder = tmp_path_factory.mktemp("voila")
    path = folder / "explorer.ipynb"
    code = CELL.format(url=account.url, now=account.model.now.isoformat())
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)]), path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    homes = {"JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"}
    env = os.environ | {name: str(folder / name.lower()) for name in homes}
    env |= {"PYTHONPATH": str(ROOT), "JUPYTER_PREFER_ENV_PATH": "1"}
    command = [sys.executable, "-m", "voila", str(path), "--no-browser", f"--port={port}"]
    with (folder / "log").open("w") as log:
        voila = subprocess.Popen(command, env=env, stdout=log, stderr=log, cwd=folder)
        try:
            yield _answering(f"http://127.0.0.1:{port}/", voila, folder / "log")
        finally:
            voila.terminate()
            voila.wait(20)


def _answering(url: str, voila: subprocess.Popen[bytes], log: Path) -> str:
    for _ in range(240):
        assert voila.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{url}voila/static/", timeout=5):
                return url
        except urllib.error.HTTPError:
            return url  # it listens; the page itself would start a kernel
        except OSError:
            time.sleep(0.25)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def opened(browser: Any, address: str) -> Iterator[Any]:
    """The page, once its first chart is there."""
    page = browser.new_page(viewport={"width": 1280, "height": 1150})
    page.goto(address, timeout=120_000)
    page.wait_for_selector("img.mgframe-chart", timeout=120_000)
    yield page
    page.close()


@pytest.fixture
def page(opened: Any, account: Server) -> Any:
    """The page as it was opened: other tests have chosen other things."""
    account.faults.clear()
    choose(opened, "Window", "14d")
    choose(opened, "Measure", "Delivery rate")
    opened.wait_for_function("document.body.innerText.includes('02 Nov 2026 to 15 Nov 2026')")
    return opened


def keep(page: Any, name: str) -> None:
    """Keep a picture of the page, where a folder is named for them."""
    folder = os.environ.get("MGFRAME_KEEP_SCREENSHOTS")
    if folder:
        page.screenshot(path=str(Path(folder) / f"{name}.png"))


def control(page: Any, label: str) -> Any:
    return page.locator(f'.widget-dropdown:has(label:text-is("{label}")) select')


def chosen(page: Any, label: str) -> str:
    return str(control(page, label).evaluate("x => x.options[x.selectedIndex].text")).replace(
        "\xa0", " "
    )


def choose(page: Any, label: str, option: str) -> None:
    """Choose an option by its words; ``"14d"`` is ``"last 14 days"``."""
    words = f"last {option[:-1]} days" if option.endswith("d") and option[:-1].isdigit() else option
    control(page, label).select_option(label=words)


def totals(page: Any) -> str:
    return str(page.locator(".mgframe-totals").inner_text())


def chart(page: Any) -> str:
    """Return what the picture is made of, as a short text."""
    read = """async () => {
        const picture = await fetch(document.querySelector('img.mgframe-chart').src)
        const hash = await crypto.subtle.digest('SHA-256', await picture.arrayBuffer())
        return Array.from(new Uint8Array(hash)).join()
    }"""
    return str(page.evaluate(read))


def cells(page: Any) -> list[list[str]]:
    """Return the table as it is read: the key and its numbers."""
    read = """() => [...document.querySelectorAll('.mgframe-key')].map(key => [
        key.innerText,
        ...[...key.parentElement.querySelectorAll('.mgframe-cells span')].map(x => x.innerText),
    ])"""
    return list(page.evaluate(read))


def sent(client: mg.Client, last: str) -> dict[str, str]:
    frame = mg.metrics("sent", by="domain", last=last, client=client).mg.sum("domain")
    return {str(key): f"{number:,}" for key, number in frame["sent"].items()}


def until(page: Any, what: Any) -> None:
    """Wait until something holds in the page."""
    for _ in range(200):
        if what():
            return
        page.wait_for_timeout(100)
    raise AssertionError("waited 20 s in vain")


def test_the_page_opens_with_a_chart_and_the_numbers_of_the_account(page, client):
    size = page.evaluate("document.querySelector('img.mgframe-chart').naturalWidth")
    assert size == 880
    expected = sent(client, "14d")
    table = cells(page)
    assert len(table) == 12
    assert {row[0]: row[1] for row in table}.items() <= expected.items()
    assert "SIMULATED" in page.locator(".mgframe-explorer").inner_text()
    assert page.locator(".mgframe-problem").is_hidden()
    keep(page, "opened")


def test_another_window_changes_chart_table_and_totals(page, client):
    before = (chart(page), totals(page), cells(page))
    choose(page, "Window", "28d")
    until(page, lambda: "19 Oct 2026" in page.locator(".mgframe-explorer").inner_text())
    until(page, lambda: chart(page) != before[0])
    assert totals(page) != before[1]
    expected = sent(client, "28d").items()
    until(page, lambda: {row[0]: row[1] for row in cells(page)}.items() <= expected)


def test_another_measure_changes_chart_and_table(page):
    before = chart(page)
    choose(page, "Measure", "Bounce rate")
    until(page, lambda: chart(page) != before)
    until(page, lambda: "Bounce rate" in page.locator(".mgframe-head").inner_text())
    page.get_by_role("button", name="Counts").click()
    until(page, lambda: "Processed" in page.locator(".mgframe-head").inner_text())
    page.get_by_role("button", name="Rates").click()
    until(page, lambda: "Delivery rate" in page.locator(".mgframe-head").inner_text())


def test_a_key_opens_from_the_table_and_the_code_says_so(page):
    before = chart(page)
    name = cells(page)[2][0]
    page.locator(".mgframe-key").nth(2).click()
    until(page, lambda: chart(page) != before)
    page.get_by_text("The code of this frame and figure").click()
    code = page.locator(".mgframe-code textarea")
    until(page, lambda: f'part = part.mg.where(domain="{name}")' in code.input_value())
    keep(page, "one key and its code")
    page.get_by_role("button", name="all, not only").click()
    until(page, lambda: chart(page) == before)
    page.get_by_text("The code of this frame and figure").click()


def test_a_search_narrows_the_domains(page):
    listed = page.locator(".widget-select-multiple").first.locator("option")
    assert listed.count() == 25
    name = str(listed.nth(20).inner_text())
    page.get_by_placeholder("search domain").fill(name[:9])
    until(page, lambda: listed.count() < 25)
    assert name in listed.all_inner_texts()
    listed.get_by_text(name, exact=True).click()
    until(page, lambda: [row[0] for row in cells(page)] == [name])
    page.get_by_role("button", name="all", exact=True).first.click()
    until(page, lambda: len(cells(page)) == 12)


def test_the_days_before_are_compared(page):
    page.get_by_label("Compare with").select_option(label="the days before")
    until(page, lambda: "compared with 19 Oct 2026" in page.locator("body").inner_text())
    until(page, lambda: "verdict" in page.locator(".mgframe-head").inner_text())
    verdicts = {"worse", "better", "no change seen", "too few"}
    until(page, lambda: {row[-1] for row in cells(page)} <= verdicts)
    keep(page, "compared")
    page.get_by_label("Compare with").select_option(label="nothing")
    until(page, lambda: "compared with" not in page.locator("body").inner_text())


def test_an_error_of_the_api_is_a_sentence_and_can_be_tried_again(page, account):
    before = (chart(page), totals(page))
    account.inject(Fault("429", times=9))
    choose(page, "Window", "60d")
    page.locator(".mgframe-problem").wait_for(state="visible")
    said = page.locator(".mgframe-problem").inner_text()
    keep(page, "error")
    assert "answered 429: Too Many Requests" in said
    assert "ry again later" in said
    assert (chart(page), totals(page)) == before
    assert chosen(page, "Window") == "last 14 days"
    account.faults.clear()
    page.get_by_role("button", name="Try again").click()
    until(page, lambda: "17 Sep 2026 to 15 Nov 2026" in page.locator("body").inner_text())
    assert page.locator(".mgframe-problem").is_hidden()


def test_a_fetch_leaves_the_page_alive_and_can_be_cancelled(page, account):
    before = (chart(page), totals(page))
    account.inject(Fault("slow", seconds=6))
    choose(page, "Window", "90d")
    page.get_by_role("button", name="Cancel").wait_for(state="visible")
    first = cells(page)[0][0]
    page.get_by_role("button", name="›").click()  # meanwhile the table can be read on
    until(page, lambda: cells(page)[0][0] != first)
    keep(page, "fetching")
    page.get_by_role("button", name="Cancel").click()
    page.locator(".mgframe-problem").wait_for(state="visible", timeout=3000)
    assert "The fetch was cancelled." in page.locator(".mgframe-problem").inner_text()
    page.wait_for_timeout(7000)  # what was on its way has come, and is thrown away
    assert (chart(page), totals(page)) == before
    page.get_by_role("button", name="‹").click()


@pytest.mark.parametrize("state", [True, False], ids=["widget state", "no widget state"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_notebook_without_a_kernel_has_the_figure(account, browser, tmp_path, state):
    from nbclient import NotebookClient
    from nbconvert import HTMLExporter

    code = CELL.format(url=account.url, now=account.model.now.isoformat())
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(notebook, timeout=120, store_widget_state=state).execute()
    (output,) = (o for o in notebook.cells[0].outputs if "data" in o)
    assert set(output["data"]) == {"image/png", "text/plain"}
    html, _ = HTMLExporter().from_notebook_node(notebook)
    (tmp_path / "page.html").write_text(html, encoding="utf-8")
    page = browser.new_page(viewport={"width": 1100, "height": 700})
    page.goto((tmp_path / "page.html").as_uri())
    wide = page.evaluate("Math.max(0, ...[...document.images].map(i => i.naturalWidth))")
    assert wide == 880
    page.close()
