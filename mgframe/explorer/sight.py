"""What a choice looks like: picture, table, totals, notes, and the code that makes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd
from matplotlib.figure import Figure

from mgframe.errors import gathered, warn
from mgframe.explorer.choice import (
    Choice,
    Course,
    comparing,
    course_of,
    focusing,
    needed,
    widening,
)
from mgframe.explorer.offer import Offer
from mgframe.explorer.pictures import Drawing, drawing_of, figure_of, png_of
from mgframe.explorer.steps import Kitchen, Step
from mgframe.explorer.tables import Table, Total, compared_table, table_of, totals_of
from mgframe.framing import is_simulated

_LINE_WIDTH: Final = 88


@dataclass(frozen=True)
class Sight:
    """Everything that is shown of one choice; all of it belongs to the same rows.

    `code` makes the same frame and figure, `notes` are what the numbers need to be read rightly.
    """

    choice: Choice
    window: str
    png: bytes
    table: Table
    totals: tuple[Total, ...]
    notes: tuple[str, ...]
    code: str
    simulated: bool


@dataclass(frozen=True)
class Plot:
    """The steps to the frame of a chart, and its drawing."""

    steps: tuple[Step, ...]
    drawing: Drawing


def plot_of(choice: Choice, offer: Offer, course: Course) -> Plot:
    """Return how the chart of a choice is made."""
    drawing = drawing_of(choice, choice.resolution or offer.resolution, offer.of(choice.measure))
    steps = (*course.both, *focusing(choice), needed(choice, offer))
    if ".compare(" in drawing.code and course.span is not None:
        return Plot((*steps, comparing(choice, offer, course.span)), drawing)
    return Plot((*steps, *widening(choice, offer)), drawing)


def look(kitchen: Kitchen, offer: Offer, choice: Choice, origin: Sequence[str]) -> Sight:
    """Return the sight of a choice; `origin` is the code that makes the frame ``df``.

    Raises
    ------
    MgframeError
        The frame cannot show what was chosen; the message says why.
    """
    with gathered() as notes:
        course = course_of(choice, offer)
        plot = plot_of(choice, offer, course)
        drawn = kitchen.after(plot.steps)
        if drawn.empty and widening(choice, offer):
            warn(f"no whole {choice.resolution} lies in the days in sight; choose more days")
        png = png_of(figure_of(plot.drawing, drawn))
        if "verdict" in drawn.columns:
            table = compared_table(drawn, choice, offer)
        elif choice.compare and choice.is_rate and course.span is not None:
            changes = kitchen.after(
                [*course.both, needed(choice, offer), comparing(choice, offer, course.span)]
            )
            table = compared_table(changes, choice, offer)
        else:
            table = table_of(kitchen, choice, offer, course)
        totals = totals_of(kitchen, choice, offer, course)
    return Sight(
        choice, _words(choice, course, offer), png, table, totals, tuple(notes),
        code_of(plot, origin), is_simulated(kitchen.frame),
    )  # fmt: skip


def draw(kitchen: Kitchen, offer: Offer, choice: Choice) -> tuple[pd.DataFrame, Figure]:
    """Return the frame of a chart and its figure."""
    with gathered():
        plot = plot_of(choice, offer, course_of(choice, offer))
        frame = kitchen.after(plot.steps)
        return frame, figure_of(plot.drawing, frame)


def code_of(plot: Plot, origin: Sequence[str]) -> str:
    """Return the code that makes the same frame and figure, a line for each step."""
    lines, name = list(origin), "df"
    for step in plot.steps:
        lines.append(f"part = {name}{step.code}")
        name = "part"
    lines.append(f"ax = {name}{plot.drawing.code}")
    return "\n".join(lines) + "\n"


def _words(choice: Choice, course: Course, offer: Offer) -> str:
    """Return the days in sight, and those before them."""
    if offer.days is None:
        return "one total"
    if course.span is None:
        first, last = offer.days.first, offer.days.newest
        return f"{first:%d %b %Y} to {last:%d %b %Y}"
    earlier = course.span.earlier(choice.past).words
    past = f", compared with {earlier}" if choice.compare else ""
    return f"{course.span.words}{past}"
