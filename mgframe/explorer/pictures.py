"""The chart of a choice: which plot function draws it, and its PNG."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from mgframe import plotting
from mgframe.explorer.choice import TOGETHER, Choice
from mgframe.explorer.steps import arguments
from mgframe.plotting.style import TITLE

#: Inches and dots of the picture: as wide as a notebook's page leaves beside the keys.
WIDTH, HEIGHT, DPI = 8.8, 3.7, 100

#: So many keys are drawn: lines by name, and rows of a comparison.
_LINES: Final = 6
_ROWS: Final = 10

_INTERVAL: Final = 0.95

# Inches: what is left free at each side, of a line of text, of a letter small and very small.
_LEFT, _RIGHT, _ABOVE, _BELOW = 0.85, 0.25, 0.4, 0.55
_TEXT_LINE, _SMALL, _SMALLER = 0.155, 0.08, 0.068


@dataclass(frozen=True)
class Drawing:
    """A call of a plot function: `code` follows the frame's name, `call` draws on Axes."""

    code: str
    call: Callable[[pd.DataFrame, Axes], Axes]


def drawing_of(choice: Choice, width: str, of: str | None = None) -> Drawing:
    """Return the plot of a choice; `width` is that of the buckets drawn, `of` another denominator.

    The one key that is open has its interval, but not by the hour, where it would cover all else.
    """
    if choice.compare and choice.is_rate and choice.focus is None:
        return _drawn("compare", plotting.compare, top=_ROWS)
    by = {"by": choice.by}
    if not choice.is_rate:
        return _drawn("counts", plotting.counts, choice.measure, **by, top=_LINES)
    other = {} if of is None else {"of": of}
    band = {"interval": _INTERVAL} if choice.focus is not None and width != "hour" else {}
    return _drawn("rates", plotting.rates, choice.measure, **by, **other, **band, top=_LINES)


def _drawn(name: str, function: Callable[..., Axes], *args: Any, **kwargs: Any) -> Drawing:
    return Drawing(
        f".mg.plot.{name}({arguments(args, kwargs)})",
        lambda frame, ax: function(frame, *args, **kwargs, ax=ax),
    )


def figure_of(drawing: Drawing, frame: pd.DataFrame) -> Figure:
    """Return the figure of a drawing, without pyplot."""
    if "verdict" in frame.columns:
        return _compared_figure(drawing, frame)
    if "time" not in frame.index.names:
        figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, layout="constrained")
        drawing.call(frame, figure.subplots())
        return figure
    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI)
    ax = drawing.call(frame, figure.subplots())
    # Told where it stands, the title does not look for the texts that it might cover.
    ax.set_title(ax.get_title("left"), loc="left", y=1.0, **TITLE)
    legend = ax.get_legend()
    named = _longest(legend.get_texts()) if legend is not None else 0
    right = _RIGHT + (named * _SMALL + 0.5 if named else 0.0)
    _make_room(ax, _LEFT, right, _ABOVE)
    return figure


def _compared_figure(drawing: Drawing, frame: pd.DataFrame) -> Figure:
    rows = max(min(len(frame), _ROWS), 3)
    figure = Figure(figsize=(WIDTH, 1.75 + 0.3 * rows), dpi=DPI)
    ax = drawing.call(frame, figure.subplots())
    left = _longest(ax.get_yticklabels()) * _SMALL + 0.25
    sizes = [text for text in ax.texts if text.get_gid() == "sizes"]
    _make_room(ax, left, _longest(sizes) * _SMALLER + 0.25, _ABOVE + 0.25)
    return figure


def _longest(texts: Iterable[Text]) -> int:
    """Return how many letters the longest line of some texts has."""
    return max((len(line) for text in texts for line in text.get_text().split("\n")), default=0)


def _make_room(ax: Axes, left: float, right: float, above: float) -> None:
    """Leave so many inches for the texts around the Axes, and below for its lines of notes.

    Letters and lines are counted: a layout engine measures every text, which takes half the time of
    a picture.
    """
    figure = ax.get_figure()
    if not isinstance(figure, Figure):
        return
    width, height = figure.get_size_inches()
    below = _BELOW + ax.get_xlabel().count("\n") * _TEXT_LINE
    figure.subplots_adjust(left / width, below / height, 1 - right / width, 1 - above / height)


def png_of(figure: Figure) -> bytes:
    """Return a figure as PNG, packed quickly rather than tightly."""
    from PIL import Image

    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.asarray(canvas.buffer_rgba())[:, :, :3]  # type: ignore[no-untyped-call]
    packed = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(packed, "PNG", compress_level=1)
    return packed.getvalue()


def level_of(choice: Choice) -> list[str]:
    """Return the levels whose keys a table tells apart."""
    return [] if choice.by == TOGETHER else [choice.by]
