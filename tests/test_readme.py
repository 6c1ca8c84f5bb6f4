"""The README's code runs as written, and its output, picture and table are fresh."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

import mgframe as mg
from mgframe.vocabulary import RATES

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PICTURE = ROOT / "notebooks" / "first_look.png"
CODE = re.compile(r"```python\n(.*?)```", re.DOTALL)
SHOWN = re.compile(r"(?<=```text\n).*?(?=```)", re.DOTALL)
TABLE = re.compile(
    r"(?<=Mailgun's own name \|\n\|---\|---\|---\|\n).*?(?=\n`soft_bounce_rate`)", re.DOTALL
)


def printed_by(code: str) -> str:
    """Run code as a newcomer would, and return what it prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {})
    return "".join(f"{line.rstrip()}\n" for line in printed.getvalue().splitlines())


NUMBER = re.compile(r"\b\d\.\d{4}\b")


def assert_same(readme: str, fresh: str) -> None:
    """The texts are equal; numbers may differ a little where numpy draws otherwise."""
    assert NUMBER.sub("?", readme) == NUMBER.sub("?", fresh)
    numbers = [[float(n) for n in NUMBER.findall(text)] for text in (readme, fresh)]
    assert numbers[0] == pytest.approx(numbers[1], abs=0.01)


def rate_table() -> str:
    names = {rate.name: f"`{rate.mailgun}`" if rate.mailgun else "-" for rate in RATES.values()}
    return "".join(f"| `{r.name}` | {r.formula} | {names[r.name]} |\n" for r in RATES.values())


@pytest.fixture
def readme() -> str:
    return README.read_text(encoding="utf-8")


def test_the_code_prints_what_the_readme_shows(readme: str, request: pytest.FixtureRequest) -> None:
    first, *_ = CODE.findall(readme)
    plt.close("all")
    fresh = SHOWN.sub(lambda _: printed_by(first), readme, count=1)
    fresh = TABLE.sub(lambda _: rate_table(), fresh, count=1)
    if request.config.getoption("--record") == "simulator":
        plt.gcf().savefig(PICTURE, dpi=110)
        README.write_text(fresh, encoding="utf-8")
        readme = fresh
    drawn = [len(line.get_xdata()) for line in plt.gca().get_lines() if line.get_gid()]
    plt.close("all")
    assert_same(readme, fresh)
    assert 30 in drawn
    assert PICTURE.stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:unique_opened and unique_clicked are unique")  # it says so
def test_all_the_code_runs_from_top_to_bottom(
    readme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # it writes evidence
    printed = printed_by("\n".join(CODE.findall(readme)))
    plt.close("all")
    assert "5.7.26" in printed


def test_every_public_function_is_in_the_readme(readme: str) -> None:
    functions = [n for n in dir(mg) if n[0].islower() and callable(getattr(mg, n))]
    assert not [name for name in functions if name not in readme]


def test_the_two_commands_stand_alone(readme: str) -> None:
    commands = [line for line in readme.splitlines() if line.startswith("python3 -m venv .venv &&")]
    assert [command.split("/")[-1] for command in commands] == ["mgframe demo", "pytest"]


def test_links_lead_somewhere(readme: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", readme):
        assert target.startswith("https://") or (ROOT / target).exists(), target
