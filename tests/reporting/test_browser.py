"""A report in Chromium, with the network off: light, dark, on paper, on a phone, for everybody.

Needs a Chromium (Debian: ``apt-get install chromium``; elsewhere MGFRAME_BROWSER says where) and
axe-core (``npm install axe-core``; MGFRAME_AXE says where its axe.min.js is). Without them these
tests are skipped, unless MGFRAME_REQUIRE_BROWSER=1.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest
from reporting.made import HOSTILE, account

import mgframe as mg
from mgframe.errors import ConfigurationError
from mgframe.reporting.printing import find_browser

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Found = TypeVar("Found")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
SIZES = {"desk": 1200, "laptop": 1100, "tablet": 800, "phone": 390}
LOOKS = [(size, scheme) for size in SIZES for scheme in ("light", "dark")]
SPILLS = """() => [...document.querySelectorAll("body *")].filter(element => {
    const box = element.getBoundingClientRect();
    return box.width > 2 && (box.right > innerWidth + 0.5 || box.left < -0.5);
}).map(element => element.outerHTML.slice(0, 120))"""


def lacking(reason: str) -> None:
    """Skip, or fail where these tests are demanded."""
    if os.environ.get("MGFRAME_REQUIRE_BROWSER") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def chromium() -> str:
    try:
        return find_browser()
    except ConfigurationError as error:
        return lacking(str(error)) or ""


@pytest.fixture(scope="module")
def axe() -> Path:
    said = os.environ.get("MGFRAME_AXE", "node_modules/axe-core/axe.min.js")
    if not Path(said).exists():
        lacking(f"axe-core is not at {said}: npm install axe-core, or say MGFRAME_AXE")
    return Path(said)


Look = Callable[[Path, str, str, Callable[[Any], Awaitable[Found]]], Found]


@pytest.fixture(scope="module")
def look(chromium: str) -> Iterator[Look[Any]]:
    """Open a page at a size and in a scheme, without network, and ask it something."""
    if importlib.util.find_spec("playwright") is None:
        lacking("pip install playwright")
    from playwright import async_api as api

    async def opened(path: Path, size: str, scheme: str, ask: Any) -> Any:
        async with api.async_playwright() as play:
            browser = await play.chromium.launch(executable_path=chromium, args=FLAGS)
            context = await browser.new_context(
                viewport={"width": SIZES[size], "height": 900}, color_scheme=scheme, offline=True,
                bypass_csp=True,
            )  # fmt: skip
            page = await context.new_page()
            said: list[str] = []
            page.on("console", lambda message: said.append(message.text))
            page.on("pageerror", lambda error: said.append(str(error)))
            page.on("requestfailed", lambda request: said.append(request.url))
            page.on("dialog", lambda dialog: said.append(dialog.message))
            await page.goto(path.as_uri())
            answer = await ask(page)
            await browser.close()
            assert said == []
            return answer

    # A thread of its own: asyncio's socket pair is closed where it was made.
    with ThreadPoolExecutor(1) as pool:
        yield lambda *asked: pool.submit(lambda: asyncio.run(opened(*asked))).result()


@pytest.fixture(scope="module", params=["demo", "hostile"])
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two reports: the simulated account's, and one of names that mean harm."""
    path = tmp_path_factory.mktemp("browser") / f"{request.param}.html"
    if request.param == "demo":
        client = mg.demo()
        return mg.report(path=path, period="last week", tz="Europe/Berlin", client=client).path
    frames = [
        account(HOSTILE, keys=("Gmail", "<i>Yahoo</i>"), sick=HOSTILE[1]),
        account(HOSTILE, level="tag", keys=("<u>tag</u>", "y" * 300), sick=HOSTILE[1]),
    ]
    return mg.report(frames, path, title="<h1>{{ 1 }}</h1>").path


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
def test_nothing_spills_and_nothing_complains(look, report, size, scheme):
    async def ask(page):
        wide = await page.evaluate("document.documentElement.scrollWidth > innerWidth")
        return wide, await page.evaluate(SPILLS)

    assert look(report, size, scheme, ask) == (False, [])


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
def test_axe_finds_nothing_serious(look, axe, report, size, scheme):
    async def ask(page):
        await page.add_script_tag(path=str(axe))
        return (await page.evaluate("axe.run()"))["violations"]

    found = look(report, size, scheme, ask)
    serious = [v for v in found if v["impact"] in ("serious", "critical")]
    assert [(v["id"], v["nodes"][0]["html"]) for v in serious] == []


def test_dark_is_dark_and_paper_is_white(look, report):
    async def ask(page):
        shade = "getComputedStyle(document.body).backgroundColor"
        screen = await page.evaluate(shade)
        await page.emulate_media(media="print", color_scheme="dark")
        return screen, await page.evaluate(shade)

    screen, paper = look(report, "desk", "dark", ask)
    assert max(int(part) for part in re.findall(r"\d+", screen)) < 60
    assert paper == "rgb(255, 255, 255)"


def test_plots_follow_the_colours_of_the_page(look, report):
    async def ask(page):
        script = "getComputedStyle(document.querySelector('svg text')).fill"
        return await page.evaluate(script)

    assert look(report, "desk", "light", ask) != look(report, "desk", "dark", ask)


def test_the_keyboard_reaches_every_section(look, report):
    async def ask(page):
        links = await page.evaluate("document.querySelectorAll('nav a').length")
        reached = []
        for _ in range(links):
            await page.keyboard.press("Tab")
            reached.append(await page.evaluate("document.activeElement.hash"))
        return reached, await page.evaluate(
            "[...document.querySelectorAll('section')].map(one => '#' + one.id)"
        )

    reached, sections = look(report, "desk", "light", ask)
    assert reached == sections


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_it_prints_without_cutting_anything_off(look, report, paper):
    async def ask(page):
        width = {"A4": 793, "Letter": 816}[paper] - 91  # less the margins of 12 mm
        await page.set_viewport_size({"width": width, "height": 1000})
        await page.emulate_media(media="print")
        spills = await page.evaluate(SPILLS)
        return spills, await page.pdf(format=paper)

    spills, printed = look(report, "desk", "light", ask)
    assert spills == []
    assert printed.startswith(b"%PDF")


def test_a_path_that_ends_in_pdf_makes_one(chromium, tmp_path):
    made = mg.report(account(days=40), tmp_path / "weekly.pdf", sections=["headline", "scorecard"])
    content = made.path.read_bytes()
    assert content.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", content)) >= 1
    assert [path.name for path in tmp_path.iterdir()] == ["weekly.pdf"]


def test_a_printed_page_holds_many_domains(look, tmp_path):
    frame = account([f"shop{number:02d}.example.com" for number in range(60)], keys=("Gmail",))
    path = mg.report(frame, tmp_path / "many.html", sections=["scorecard"]).path

    async def ask(page):
        return await page.pdf(format="A4")

    pages = re.findall(rb"/Type\s*/Page\b", look(path, "desk", "light", ask))
    assert len(pages) <= 3
