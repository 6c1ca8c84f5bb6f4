"""Texts as HTML: every name that came from an account is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape as escaped
from typing import Final

from mgframe.analysis.comparing import BETTER, WORSE
from mgframe.explorer.sight import Sight
from mgframe.explorer.tables import Row, Total, past_name
from mgframe.plotting.style import COLOURS, SIMULATED
from mgframe.unseen import visible

_COLOURS: Final = {WORSE: COLOURS[1], BETTER: COLOURS[2]}

STYLE: Final = """<style>
.mgframe-explorer .mgframe-totals { display: flex; flex-wrap: wrap; gap: 6px 22px;
  line-height: 1.25 }
.mgframe-explorer .mgframe-totals b { font-size: 1.25em; font-variant-numeric: tabular-nums }
.mgframe-explorer small { opacity: .72 }
.mgframe-explorer .mgframe-cells { display: flex; align-items: center; min-height: 28px;
  line-height: 1.2; font-variant-numeric: tabular-nums }
.mgframe-explorer .mgframe-cells > span { flex: 1 1 0; text-align: right; padding: 0 5px }
.mgframe-explorer .mgframe-head { font-weight: 600; margin-top: 4px }
.mgframe-explorer .mgframe-head > span:first-child { flex: 0 0 200px; text-align: left }
.mgframe-explorer .mgframe-key { text-align: left; background: transparent; color: inherit }
.mgframe-explorer .mgframe-problem { border-left: 4px solid #b3261e; padding: 4px 10px;
  line-height: 1.35; white-space: normal; overflow-wrap: anywhere }
.mgframe-explorer .mgframe-notes { margin: 4px 0; padding-left: 18px; line-height: 1.35 }
.mgframe-explorer .mgframe-simulated { color: #b3261e; font-weight: 700; margin-left: 12px }
.mgframe-explorer .mgframe-chart { background: white; align-self: flex-start; width: auto }
.mgframe-explorer .mgframe-row { gap: 2px 14px }
.mgframe-explorer .mgframe-code textarea { font-family: monospace; white-space: pre }
</style>"""


def escape(text: str) -> str:
    """Return a text as HTML, with what cannot be seen spelt out."""
    return escaped(visible(text))


def totals_text(sight: Sight) -> str:
    """Return the totals with the days they are of."""
    past = past_name(sight.choice)
    figures = "".join(_total(total, past) for total in sight.totals)
    mark = f'<span class="mgframe-simulated">{SIMULATED}</span>' if sight.simulated else ""
    return (
        f'<div><b>{escape(sight.window)}</b>{mark}</div><div class="mgframe-totals">{figures}</div>'
    )


def _total(total: Total, past: str) -> str:
    before = f"<br><small>{past}: {escape(total.before)}</small>" if total.before else ""
    of = f" <small>{escape(total.of)}</small>" if total.of else ""
    return (
        f'<div title="{escape(total.meaning)}"><small>{escape(total.label)}</small><br>'
        f"<b>{escape(total.value)}</b>{of}{before}</div>"
    )


def heading(header: Sequence[str]) -> str:
    """Return the header of the table, the first column of which are buttons."""
    first = f"{header[0]} (open its chart)" if header[0] else ""
    return f'<div class="mgframe-cells mgframe-head">{_spans([first, *header[1:]])}</div>'


def cells(row: Row) -> str:
    """Return the cells of a row, the verdict in its colour."""
    colour = _COLOURS.get(row.verdict)
    style = f' style="color: {colour}; font-weight: 600"' if colour else ""
    last = f"<span{style}>{escape(row.cells[-1])}</span>" if row.cells else ""
    return f'<div class="mgframe-cells">{_spans(row.cells[:-1])}{last}</div>'


def _spans(texts: Iterable[str]) -> str:
    return "".join(f"<span>{escape(text)}</span>" for text in texts)


def problem_text(problem: str, *, shown: bool) -> str:
    """Return what went wrong, and that what is in sight is older."""
    still = "<br><small>What is shown below is still the choice before.</small>" if shown else ""
    return f'<div class="mgframe-problem" role="alert">{escape(problem)}{still}</div>'


def notes_text(notes: Iterable[str]) -> str:
    """Return what must be known of the numbers, as a list."""
    items = "".join(f"<li><small>{escape(note)}</small></li>" for note in notes)
    return f'<ul class="mgframe-notes">{items}</ul>' if items else ""
