"""The report: from frames or an account to one file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from pathlib import Path
from typing import Any, Final

import pandas as pd

from mgframe.archiving.archive import Archive
from mgframe.client import Client
from mgframe.errors import FrameError, QueryError
from mgframe.framing import complete_until, meta_of
from mgframe.reporting.fetching import fetch_material
from mgframe.reporting.material import Coverage, Material, coverage_of, from_frames, read_frames
from mgframe.reporting.printing import as_pdf, find_browser, write_whole
from mgframe.reporting.rendering import Page, as_html, as_markdown, read_logo
from mgframe.reporting.sections import Contents, fill, read_sections
from mgframe.reporting.spans import read_spans
from mgframe.reporting.texts import minute
from mgframe.sourcing import FromArchive, source_of
from mgframe.timespan import Moment

_KINDS: Final = (".html", ".htm", ".pdf", ".md")
_TITLE: Final = "Mail report"

Data = pd.DataFrame | Sequence[pd.DataFrame] | Sequence[str] | str


@dataclass(frozen=True)
class Report:
    """A report that was written; usable as its path.

    Attributes
    ----------
    path : Path
        The file.
    findings : DataFrame
        The table of :func:`mgframe.investigate`, empty where nothing stands out or it was not
        looked for.
    thresholds : DataFrame
        The table of :func:`mgframe.thresholds` by domain, empty where there is none.
    coverage : Coverage
        Which domains were `asked`, `answered` and `failed` (a mapping to the reason); `problems`
        of whole questions.
    """

    path: Path
    findings: pd.DataFrame
    thresholds: pd.DataFrame
    coverage: Coverage

    def __fspath__(self) -> str:
        """Return the path, for ``open`` and the like."""
        return str(self.path)

    def __repr__(self) -> str:
        """Return the report in words."""
        over = int((self.thresholds["verdict"] == "over").sum()) if len(self.thresholds) else 0
        domains = f", {self.coverage} domains answered" if self.coverage.asked else ""
        found = f"{len(self.findings)} findings, {over} over a limit"
        return f"Report({str(self.path)!r}: {found}{domains})"


def report(
    data: Data | None = None,
    path: str | os.PathLike[str] | None = None,
    *,
    last: str | None = None,
    period: str | None = None,
    tz: str | tzinfo | None = None,
    sections: Sequence[str] | None = None,
    title: str | None = None,
    logo: str | os.PathLike[str] | None = None,
    until: Moment | None = None,
    archive: Archive | None = None,
    client: Client | None = None,
) -> Report:
    """Write a report about domains into one file: HTML, PDF or Markdown, as the path ends.

    It holds the days asked for against the four weeks before (of longer windows as many weeks, cut
    to like weekdays) and, where they are known, the same days 52 weeks ago. The HTML loads nothing
    and runs no script; it prints on A4 and Letter, and follows light and dark.

    Parameters
    ----------
    data : DataFrame, list of them, or names of domains, optional
        Frames of counts in days or hours; or the domains to ask for. By default all active domains
        of `client`, or all in the archive. From frames comes what they can give: the scorecard
        needs the key domain, incidents four weeks or more and best 90 days of the frames that
        :func:`mgframe.investigate` takes; what is left out is said.
    path : str or path
        The file, which ends in ``.html``, ``.pdf`` (printed by Chromium, Chrome or Edge, which must
        be installed; ``MGFRAME_BROWSER`` names another) or ``.md``. It is replaced in one step, and
        only once the new report is whole.
    last, period : str, optional
        Which days, as in :func:`mgframe.account_totals`: ``period="last week"``, ``"2026-W47"``,
        ``last="7d"`` (the default).
    tz : str or tzinfo, optional
        Where days begin, such as ``"Europe/Berlin"``; by default UTC. It takes hours, which Mailgun
        keeps for 60 days and an archive for good; limits, tags and incidents stay on UTC days and
        say so.
    sections : sequence of str, optional
        Which sections, in this order: headline, findings, scorecard, domains, breakdown, limits,
        coverage, caveats, reproduction. What they do not need is not asked.
    title : str, optional
        The title; by default "Mail report".
    logo : path, optional
        An image (PNG, JPEG, GIF, WebP, SVG) of up to half a megabyte, carried within the file.
    until : str or datetime, optional
        Until when (exclusive) frames are complete; from attrs where left out.
    archive : Archive, optional
        Where every figure comes from: the days end where it was last kept, and what its tracks do
        not tell is left out and said. Of :meth:`Archive.as_of` comes the report of that day again.
    client : Client, optional
        Whom to ask; by default a client made from the environment. Of frames and of an archive
        only the causes of what stands out are asked (the logs, else the bounce classification, of
        three findings at most), and without a client nothing is sent.

    Returns
    -------
    Report
        With `path`, `findings`, `thresholds` and `coverage`.

    Raises
    ------
    QueryError
        An argument is wrong; nothing was sent or written.
    FrameError
        The frames cannot make a report, or hold nothing of its days; nothing was written.
    ConfigurationError
        The file cannot be written, or a PDF has no browser.
    ArchiveError
        The archive holds nothing yet, or cannot be read.
    ApiError, TransportError, ResponseError
        Nothing could be asked. Where single domains fail the report says so, and warns.

    Warns
    -----
    MgframeWarning
        Some domains, or what some sections need, could not be asked.

    Notes
    -----
    Every number comes from :func:`mgframe.rates`, :func:`mgframe.compare`,
    :func:`mgframe.thresholds` and :func:`mgframe.investigate`; volumes are sums, and before is
    their mean for as many like weekdays.

    Examples
    --------
    >>> import tempfile, pandas as pd, mgframe as mg
    >>> days = pd.date_range("2026-09-07", periods=35)
    >>> table = pd.DataFrame({"date": days, "domain": "a.com", "processed": 1000, "sent": 1000,
    ...                       "delivered": [985, 983, 987, 985, 984, 986, 985] * 5})
    >>> df = mg.as_frame(table, resolution="day", complete_until="2026-10-12")
    >>> made = report(df, f"{tempfile.mkdtemp()}/weekly.html")
    >>> made.path.name, str(made.coverage), len(made.findings)
    ('weekly.html', '1 of 1', 0)
    """
    place, names = _place(data, path), read_sections(sections)
    image = read_logo(None if logo is None else Path(logo))
    if place.suffix.lower() == ".pdf":
        find_browser()  # before anything is sent
    material = _material(data, names, last, period, tz, until, archive, client)
    material = replace(material, code=_code(data, material, place))
    contents = fill(material, names)
    write_whole(place, _rendered(place, _page(material, contents, title or _TITLE, image)))
    return Report(
        place,
        pd.DataFrame() if contents.findings is None else contents.findings.table,
        pd.DataFrame() if contents.limits is None else contents.limits.table,
        contents.coverage,
    )


def _place(data: Data | None, path: str | os.PathLike[str] | None) -> Path:
    if path is None:
        said = f"; got it as data, {data!r}" if isinstance(data, str) and "." in data else ""
        raise QueryError(f"path= must name the file, such as path='weekly.html'{said}")
    if not isinstance(path, (str, os.PathLike)):
        raise QueryError(f"path={path!r} must name the file, such as path='weekly.html'")
    place = Path(path)
    if place.suffix.lower() not in _KINDS:
        raise QueryError(f"path={str(path)!r} must end in .html, .pdf or .md")
    return place


def _material(
    data: Data | None,
    names: Sequence[str],
    last: str | None,
    period: str | None,
    tz: str | tzinfo | None,
    until: Moment | None,
    archive: Archive | None,
    client: Client | None,
) -> Material:
    wanted = [data] if isinstance(data, str) else data
    if wanted is None or _are_names(wanted):
        source = source_of(client, archive)
        spans = read_spans(last, period, tz, source.client.now())
        spans = spans.known_since(source.kept_since("hour"))
        material = fetch_material(source, wanted, spans, names)  # type: ignore[arg-type]
        if isinstance(source, FromArchive):
            return replace(material, archive=source, client=client)
        return replace(material, client=source.client)
    if archive is not None:
        raise QueryError("data= holds frames already; leave archive= out, or give names of domains")
    frames = read_frames(wanted)
    zone = _zone_of(frames) if tz is None else tz
    spans = read_spans(last, period, zone, _edge(frames, until))
    return replace(from_frames(frames, spans, coverage_of(frames), until), client=client)


def _are_names(data: Any) -> bool:
    if isinstance(data, pd.DataFrame) or not isinstance(data, Sequence):
        return False
    return len(data) > 0 and all(isinstance(name, str) for name in data)


def _zone_of(frames: Sequence[pd.DataFrame]) -> tzinfo | None:
    """Return the zone in which a user's frames are cut already."""
    for frame in frames:
        if "time" in frame.index.names and len(frame):
            zone: tzinfo | None = pd.DatetimeIndex(frame.index.unique("time")).tz
            return zone
    return None


def _edge(frames: Sequence[pd.DataFrame], until: Moment | None) -> Any:
    """Return until when all frames are complete."""
    with_rows = [frame for frame in frames if len(frame)]
    if not with_rows:
        raise FrameError("the frames have no rows, so there is nothing to report; no file written")
    return min(complete_until(frame, until) for frame in with_rows).to_pydatetime()


def _page(material: Material, contents: Contents, title: str, logo: str) -> Page:
    spans, fetched = material.spans, meta_of(material.whole).get("fetched_at")
    zone = "" if spans.zone is None else f", {spans.zone_name}"
    compared = len(spans.before.of(material.whole)) > 0
    against = f", against {spans.before_text}" if compared else ""
    return Page(
        title=title,
        logo=logo,
        subtitle=f"{spans.now.text}{zone}{against}",
        made=_made(material, fetched),
        sections=contents.sections,
        simulated=material.simulated,
    )


def _made(material: Material, fetched: Any) -> str:
    """Return how old the numbers are, and where they were kept."""
    kept = "" if material.archive is None else f", from the archive {material.archive.name}"
    return f"Data of {minute(fetched)}{kept}" if fetched else "Data from memory"


def _rendered(place: Path, page: Page) -> bytes:
    if place.suffix.lower() == ".md":
        return as_markdown(page).encode()
    html = as_html(page)
    return as_pdf(html) if place.suffix.lower() == ".pdf" else html.encode()


def _code(data: Data | None, material: Material, place: Path) -> str:
    """Return the call that makes this report again."""
    spans = material.spans
    names = [data] if isinstance(data, str) else data
    arguments = [f"path={place.name!r}", _period(spans.now.first, spans.now.last)]
    if spans.zone is not None:
        arguments.append(f"tz={spans.zone_name!r}")
    if material.archive is not None:
        arguments.append("archive=archive")
    if material.client is not None:
        arguments.append("client=client")
    if names is not None:
        arguments.insert(0, repr(list(names)) if _are_names(names) else "frames")
    call = f"mg.report({', '.join(arguments)})"
    opened = [] if material.archive is None else [_opening(material.archive)]
    return "\n".join(["import mgframe as mg", "", *opened, call])


def _opening(archive: FromArchive) -> str:
    """Return the code that opens an archive as it was read.

    A report is mailed around, so of a folder it has the last name alone, and says so.
    """
    said = "# the folder of the archive; complete its path\n" if archive.is_local else ""
    return f"{said}archive = mg.Archive({archive.name!r}).as_of({archive.moment!r})"


def _period(first: pd.Timestamp, last: pd.Timestamp) -> str:
    """Return days as an argument that names them for good."""
    if first.weekday() == 0 and (last - first).days == 6:
        year, week, _ = first.isocalendar()
        return f"period='{year}-W{week:02d}'"
    if first == last:
        return f"period='{first:%Y-%m-%d}'"
    if first.day == 1 and last == first + pd.offsets.MonthEnd(1):
        return f"period='{first:%Y-%m}'"
    return f"last='{(last - first).days + 1}d'"
