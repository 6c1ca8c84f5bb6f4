"""Data flows one way: a module imports only what stands above it, and the pure half stays pure."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import mgframe

PACKAGE = Path(mgframe.__file__).parent

#: The rooms, top to bottom. A module imports only from lines above its own.
ROOMS = """
unseen files
errors
vocabulary
smtp_codes
smtp
explaining
timespan
filtering
framing
checking
parsing
metrics_parsing loglines
adopting
summing
dividing eligibility feedback ranking intervals
clustering
ratios
periods settling
sendtimes
ageing
reshaping
actors
engaging
analysis
methods
plotting
settings progress sheets
exchange pacing
client
planning
joining paging
asking
answering
metrics_asking
metrics_answering
metrics_querying
listings
directory
replacing
stats_api aggregates_api tags_api
metrics_api bounces_api
stretches
logs_api
recording
archiving
sourcing
auditing differing
cause_asking
inquiry investigation
showing
reporting
explorer
simulator
showcase
accessor
cli
__main__
"""
LINE = {room: i for i, line in enumerate(ROOMS.split("\n")) for room in line.split()}
PURE = [room for room in LINE if LINE[room] < LINE["plotting"]]
HEAVY = {"matplotlib", "requests", "urllib3", "scipy", "ipywidgets", "werkzeug", "jinja2", "tqdm"}
HEAVY |= {"deltalake", "duckdb", "dask", "distributed"}  # pandas itself loads pyarrow


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Yield each imported module, those inside functions too."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(node)
        for test in ast.walk(tree)
        if isinstance(test, ast.If) and "TYPE_CHECKING" in ast.dump(test.test)
        for node in ast.walk(test)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            if node.module == "mgframe":  # from mgframe import parsing
                yield from (f"mgframe.{alias.name}" for alias in node.names)
            else:
                yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


MODULES = sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_imports_only_what_stands_above_it(path: Path) -> None:
    room = room_of(path)
    assert room in LINE, f"{room} has no place in the list of rooms"
    for name in imports(path):
        assert name != "mgframe", "nobody inside imports the package itself"
        if name.startswith("mgframe."):
            other = name.split(".")[1]
            assert other == room or LINE[other] < LINE[room], f"{room} imports {other}"


@pytest.mark.parametrize("path", [p for p in MODULES if room_of(p) in PURE], ids=lambda p: p.stem)
def test_the_pure_half_knows_no_http_and_no_matplotlib(path: Path) -> None:
    # scipy is maths; that nothing loads it with mgframe itself is tested below.
    assert not {name.split(".")[0] for name in imports(path)} & (HEAVY - {"scipy"})


def test_the_simulator_knows_only_the_vocabulary() -> None:
    for path in MODULES:
        if room_of(path) == "simulator":
            ours = {name for name in imports(path) if name.startswith("mgframe.")}
            assert all(n.startswith(("mgframe.simulator", "mgframe.vocabulary")) for n in ours)


def test_no_module_shares_its_name_with_a_public_function() -> None:
    functions = {name for name in dir(mgframe) if callable(getattr(mgframe, name))}
    assert not functions & set(LINE)


def test_importing_mgframe_loads_nothing_heavy() -> None:
    code = "import sys, mgframe; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert not set(loaded.split()) & HEAVY


def test_importing_mgframe_does_not_load_the_analysis() -> None:
    code = "import sys, mgframe; print(*(n for n in sys.modules if n.startswith('mgframe.an')))"
    loaded = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    assert loaded == ["mgframe.answering"] or loaded == []
