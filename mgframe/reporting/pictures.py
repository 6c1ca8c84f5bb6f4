"""Plots as inline SVG: small, with text as text, colours that follow the page, and no id twice."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
from markupsafe import Markup, escape
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mgframe import plotting
from mgframe.analysis.evidence import metric_shown
from mgframe.analysis.rereading import read_row
from mgframe.analysis.wording import rate_words
from mgframe.errors import FrameError
from mgframe.plotting.style import COLOURS, GREY, GRID, SIMULATED_RED, TEXT_GREY
from mgframe.reporting.material import Material, addable, zone_of
from mgframe.reporting.volumes import volume_column
from mgframe.unseen import visible

#: matplotlib's colours by the page's own, which differ in light and in dark.
_THEME: Final = {
    "#000000": "--ink",
    "#ffffff": "--paper",
    COLOURS[0].lower(): "--blue",
    COLOURS[1].lower(): "--orange",
    COLOURS[2].lower(): "--green",
    GREY.lower(): "--grey",
    TEXT_GREY.lower(): "--soft",
    GRID.lower(): "--line",
    SIMULATED_RED.lower(): "--red",
}
_SETTINGS: Final[dict[Any, Any]] = {
    "svg.fonttype": "none",
    "font.family": ["DejaVu Sans"],
    "font.size": 10.5,
    "path.simplify": True,
    "axes.linewidth": 0.6,
}


@dataclass(frozen=True)
class Picture:
    """A plot as SVG, what it shows in a sentence, and its caption."""

    svg: Markup
    alt: str
    caption: str


def volume_picture(material: Material) -> Picture | None:
    """Return mail by day, of the report's days and the weeks before."""
    frame = material.spans.before.since(material.whole)
    name = volume_column(frame)
    if name is None:
        return None

    def draw(ax: Axes) -> None:
        plotting.counts(frame, name, by="time", until=material.spans.now.until(frame), ax=ax)

    until = material.spans.now.text
    zone = material.spans.zone_name
    caption = f"Messages {name} by day ({zone})"
    return _picture(draw, "volume", caption, f"Line of the messages {name} by day up to {until}.")


def delivery_picture(material: Material) -> Picture | None:
    """Return the delivery rate by day with its expected range, as far back as is known."""
    frame = max(
        (frame for frame in (material.whole, *material.frames) if addable(frame)),
        key=lambda one: one.index.unique("time").size,
    )

    def draw(ax: Axes) -> None:
        plotting.control(frame, "delivery_rate", ax=ax)

    zone = zone_of(frame)
    alt = f"Line of the delivery rate by day up to {material.spans.now.text}, with the range in "
    caption = f"Delivery rate by day ({zone}), with the range it was expected in"
    return _picture(draw, "delivery", caption, f"{alt}which it was expected.")


def incident_picture(
    days: pd.DataFrame, finding: Mapping[str, Any], name: str, place: str
) -> Picture | None:
    """Return the days behind a finding, as :func:`mgframe.show` draws them."""

    def draw(ax: Axes) -> None:
        plotting.incident(days, finding, ax=ax)

    label = rate_words(metric_shown(days, read_row(finding)))
    caption = f"{label} by day, {place}. Shaded: its days, dark where it began; grey: what is usual"
    alt = (
        f"Line of the {label[:1].lower()}{label[1:]} by day at {place}, with the range that is "
        f"usual. The days from {finding['start']:%Y-%m-%d} to {finding['end']:%Y-%m-%d} are shaded."
    )
    return _picture(draw, name, caption, alt)


def _picture(
    draw: Callable[[Axes], None],
    name: str,
    caption: str,
    alt: str,
    size: tuple[float, float] = (4.8, 1.8),
) -> Picture | None:
    """Return what is drawn, None where the frame cannot give it."""
    settings: dict[Any, Any] = {**_SETTINGS, "svg.hashsalt": name}
    with rc_context(settings):
        figure = Figure(figsize=size, layout="constrained")
        ax = figure.subplots()
        try:
            draw(ax)
        except FrameError:
            return None
        notes = _bare(ax)
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    return Picture(_inline(text.getvalue(), name, alt), alt, ". ".join([caption, *notes]))


def _bare(ax: Axes) -> list[str]:
    """Take away what the caption says: title, labels, legend; return the notes as one text, if any.

    They stand below the first line of the x label: what a hollow point is, where the axis starts.
    """
    notes = " ".join(ax.get_xlabel().split("\n")[1:]).replace(r"\$", "$")
    ax.set_title("", loc="left")
    ax.set_xlabel("")
    ax.set_ylabel("")
    if legend := ax.get_legend():
        legend.remove()
    return [notes] if notes else []


def _inline(svg: str, name: str, alt: str) -> Markup:
    """Return an SVG document as an element of a page."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL)
    box = re.search(r'viewBox="([^"]+)"', body)
    opening = (
        f'<svg class="plot" role="img" viewBox="{box[1] if box else "0 0 374 137"}" '
        f'aria-label="{escape(visible(alt))}">'
    )
    body = opening + body[body.index(">") + 1 :]
    body = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', body)
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", body)
    body = re.sub(r'xlink:href="#([^"]+)"', rf'href="#{name}-\1"', body)
    body = re.sub(r"#[0-9a-fA-F]{6}\b", _themed, body)
    return Markup(re.sub(r"\n\s*", "\n", body))


def _themed(found: re.Match[str]) -> str:
    colour = found[0].lower()
    return f"var({_THEME[colour]})" if colour in _THEME else found[0]
