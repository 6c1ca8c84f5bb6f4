"""Sections to text: jinja2 templates for HTML and Markdown, in which every name is a text."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from mgframe.errors import QueryError
from mgframe.reporting import texts

_TEMPLATES: Final = Path(__file__).parent / "templates"
_LOGOS: Final = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".svg": "image/svg+xml",
}
_LARGEST_LOGO: Final = 500_000


@dataclass(frozen=True)
class Page:
    """What a template gets: title, logo (a data address, or empty), days, sections, the mark."""

    title: str
    logo: str
    subtitle: str
    made: str
    sections: list[Any]
    simulated: bool


def as_html(page: Page) -> str:
    """Return the page as one HTML document that loads nothing and runs no script."""
    environment = _environment(autoescape=True, finalize=texts.shown)
    style = (_TEMPLATES / "style.css").read_text(encoding="utf-8")
    return environment.get_template("report.html").render(page=page, style=Markup(style))


def as_markdown(page: Page) -> str:
    """Return the page as Markdown, for a chat or a ticket."""
    environment = _environment(autoescape=False, finalize=texts.escaped)
    return environment.get_template("report.md").render(page=page)


def _environment(*, autoescape: bool, finalize: Callable[[Any], Any]) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=autoescape,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    names = ("whole", "percent", "points", "growth", "day", "minute", "code", "indented")
    environment.filters |= {name: getattr(texts, name) for name in names}
    environment.tests["known"] = texts.is_known
    return environment


def read_logo(logo: str | Path | None) -> str:
    """Return an image file as a data address.

    Raises
    ------
    QueryError
        It is no image, not there, or larger than half a megabyte.
    """
    if logo is None:
        return ""
    path = Path(logo)
    kind = _LOGOS.get(path.suffix.lower())
    if kind is None:
        raise QueryError(f"logo={str(logo)!r} must be an image: {', '.join(_LOGOS)}")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise QueryError(f"logo={str(logo)!r} cannot be read: {error.strerror}") from None
    if len(content) > _LARGEST_LOGO:
        raise QueryError(
            f"logo={str(logo)!r} has {len(content) / 1e6:.1f} MB, and a report carries it within "
            "itself: at most 0.5 MB"
        )
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
