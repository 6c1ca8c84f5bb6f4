"""Every notebook runs from top to bottom without a key, and is stored without outputs.

The weekly report takes parameters as papermill gives them: a cell behind the one tagged so.
"""

from __future__ import annotations

import ast
import functools
import os
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))

# What the tests' own filter does for the kernel: a warning that nobody expects is an error.
STRICT = "import warnings; warnings.simplefilter('error')"


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def run(notebook: Any) -> Any:
    """Run a notebook in a kernel in which a warning is an error, and plots are pictures."""
    notebook.cells.insert(0, nbformat.v4.new_code_cell(STRICT))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
        NotebookClient(
            notebook, timeout=120, resources={"metadata": {"path": str(FOLDER)}}
        ).execute()
    return notebook


@functools.cache
def executed(path: Path) -> Any:
    return run(read(path))


def prose_of(notebook: Any) -> str:
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def texts_of(notebook: Any) -> str:
    """Return what the cells print and show, as text."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    shown = [output.get("data", {}) for output in outputs]
    return "\n".join(
        [output.get("text", "") for output in outputs]
        + [data.get(kind, "") for data in shown for kind in ("text/plain", "text/html")]
    )


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_notebook_runs_from_top_to_bottom(path: Path) -> None:
    notebook = executed(path)
    pictures = [
        o for c in notebook.cells for o in c.get("outputs", []) if "image/png" in o.get("data", {})
    ]
    assert pictures
    folder = os.environ.get("MGFRAME_KEEP_NOTEBOOKS")  # to look at what a reader sees
    if folder:
        nbformat.write(notebook, Path(folder) / path.name)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_is_stored_without_outputs(path: Path) -> None:
    cells = [cell for cell in read(path).cells if cell.cell_type == "code"]
    assert cells
    assert not any(cell.outputs or cell.execution_count for cell in cells)


# ---------------------------------------------------------------- the investigation

PERCENT = re.compile(r"(\d+\.\d) %")
CODE_OR_DAYS = re.compile(r"\b\d\.\d\.\d+\b|\d+-\d+ November")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_prose_of_the_investigation_says_what_its_cells_say() -> None:
    notebook = executed(FOLDER / "03_investigation.ipynb")
    told, shown = prose_of(notebook), texts_of(notebook)
    percents, others = PERCENT.findall(told), CODE_OR_DAYS.findall(told)
    assert percents
    assert others
    assert [p for p in percents if f"{float(p) / 100:.3f}" not in shown] == []
    assert [text for text in others if text not in shown] == []
    assert "{'frame': True, 'failures': True, 'findings': True}" in shown
    assert "SIMULATED" in told


# ---------------------------------------------------------------- the weekly report's parameters


@pytest.fixture
def weekly() -> Any:
    return read(FOLDER / "04_weekly_report.ipynb")


def tagged(notebook: Any) -> list[int]:
    tags = [cell.metadata.get("tags", []) for cell in notebook.cells]
    return [place for place, own in enumerate(tags) if "parameters" in own]


def test_one_cell_is_tagged_parameters_and_assigns_plain_values(weekly: Any) -> None:
    (place,) = tagged(weekly)
    body = ast.parse(weekly.cells[place].source).body
    assert all(isinstance(one, ast.Assign) and isinstance(one.value, ast.Constant) for one in body)
    names = [target.id for one in body for target in one.targets]
    assert names == ["period", "tz", "path", "simulated"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_weekly_report_takes_parameters(weekly: Any, tmp_path: Path) -> None:
    path = tmp_path / "own.md"
    (place,) = tagged(weekly)
    given = f"period = '2026-W45'\ntz = None\npath = {str(path)!r}"
    weekly.cells.insert(place + 1, nbformat.v4.new_code_cell(given))  # as papermill does
    shown = texts_of(run(weekly))
    report = path.read_text(encoding="utf-8")
    assert "mg.report(path='own.md', period='2026-W45', client=client)" in report
    assert "2–8 Nov 2026, against" in report
    assert "SIMULATED" in report
    assert "3 of 3 domains answered" in shown
    assert "from news.example.com has risen" in shown  # at the end of that week it lasted
