"""The first lines: how much mail, and how it fared, against the weeks before and last year."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from mgframe.analysis.comparing import BETTER, WORSE
from mgframe.reporting.figures import Figure, chosen_rates, measure
from mgframe.reporting.material import Material
from mgframe.reporting.pictures import Picture, delivery_picture, volume_picture
from mgframe.reporting.volumes import Volume, volumes

_AN_ARCHIVE: Final = "Mailgun keeps days for a year, so they need an archive"
_FURTHER_BACK: Final = "the archive does not have all of them"


@dataclass(frozen=True)
class Headline:
    """The figures of everything; `days`, `before` and `year` say in words what is compared.

    `year_needs` is why last year is not known, where it is not.
    """

    volume: Volume | None
    figures: list[Figure]
    days: str
    before: str
    year: str
    year_known: bool
    year_needs: str
    compared: bool
    pictures: list[Picture] = field(default_factory=list)
    title: str = "In short"
    id: str = "headline"

    @property
    def odd(self) -> str:
        """A verdict whose interval holds 0, empty where there is none."""
        found = (f.verdict for f in self.figures if f.verdict in (WORSE, BETTER) and f.holds_zero)
        return next(found, "")


def headline(material: Material) -> Headline:
    """Return the figures of everything."""
    spans, frame = material.spans, material.whole
    figures = [measure(material, rate).of("") for rate in chosen_rates(material, frame)]
    volume = volumes(material, frame, None).get("")
    known = any(figure.year is not None for figure in figures)
    known = known or (volume is not None and volume.year is not None)
    pictures = [volume_picture(material), delivery_picture(material)]
    return Headline(
        volume=volume,
        figures=figures,
        days=spans.now.text,
        before=spans.before_text,
        year=spans.year.text,
        year_known=known,
        year_needs=_FURTHER_BACK if material.archive else _AN_ARCHIVE,
        compared=len(spans.before.of(frame)) > 0,
        pictures=[picture for picture in pictures if picture],
    )
