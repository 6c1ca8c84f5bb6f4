"""One finding, and all that is behind it: plot, numbers, what moved with it, what did not."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import pandas as pd

from mgframe.analysis.causes import has_cause
from mgframe.analysis.evidence import Evidence, evidence_of, metric_shown
from mgframe.analysis.metrics import OPENS
from mgframe.analysis.neighbours import place_for
from mgframe.analysis.reading import Frames
from mgframe.analysis.rereading import Row, read_row
from mgframe.analysis.wording import rate_words, where_text
from mgframe.client import Client
from mgframe.framing import ATTRS, is_simulated
from mgframe.investigation import fetch_frames, refuse_window
from mgframe.planning import client_of
from mgframe.sheets import Sheet, as_page, as_text, number, wrapped
from mgframe.showing.texts import NUMBER_HEADS, numbers_of, sheet_of
from mgframe.timespan import Moment, read_moment
from mgframe.unseen import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_ROWS: Final = 15
_DPI: Final = 160


class FindingView:
    """A finding with what is behind it; a notebook shows it as a page, a terminal as text.

    Attributes
    ----------
    finding : Series
        The row of findings.
    days : DataFrame
        The rate of its place by `time`: `n`, `k`, `rate`, `expected`, `low` and `high` (within
        which 95 % of ordinary days lie), `affected`, `judged`.
    siblings : DataFrame
        The keys beside its own, level by level, as :func:`mgframe.siblings` gives them.
    companions : DataFrame
        The other rates of its place on its days: ``metric``, ``rate`` (its name in words), ``n``,
        ``k``, ``expected``, ``before``, ``during``, ``change``, ``change_low``, ``change_high``,
        ``z``, ``moved``.
    """

    def __init__(self, finding: pd.Series, evidence: Evidence) -> None:
        self.finding = finding
        self.days = evidence.days
        self.siblings = evidence.siblings
        self.companions = evidence.companions

    @property
    def simulated(self) -> bool:
        """Whether the numbers come from the simulator."""
        return is_simulated(self.days)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the rate over time, what was expected, and the affected days."""
        from mgframe.plotting import incident

        return incident(self.days, self.finding, ax=ax)

    def __repr__(self) -> str:
        """Return everything but the plot as text."""
        told = [wrapped(self._sentence())]
        told += [wrapped(text, f"{label} ") for label, text in self._facts()]
        mark = ["SIMULATED: these numbers are invented."] if self.simulated else []
        return "\n\n".join([*mark, "\n".join(told), *(as_text(sheet) for sheet in self._sheets())])

    def _repr_html_(self) -> str:
        """Return the page: HTML that fetches nothing, with every name as text."""
        return as_page(
            "showing/finding.html",
            sentence=self._sentence(),
            facts=self._facts(),
            picture=base64.b64encode(self._picture()).decode("ascii"),
            sheets=self._sheets(),
            simulated=self.simulated,
        )

    def _picture(self) -> bytes:
        from matplotlib.figure import Figure

        figure, file = Figure(figsize=(9.0, 3.4), layout="constrained"), io.BytesIO()
        self.plot(figure.add_subplot())
        figure.savefig(file, format="png", dpi=_DPI)
        return file.getvalue()

    def _sentence(self) -> str:
        return visible(self.finding["sentence"])

    def _facts(self) -> list[tuple[str, str]]:
        unknown = "not known" if has_cause(self.finding) else ""
        told = {"Cause:": self.finding["cause"] or unknown, "Next:": self.finding["next_check"]}
        return [(label, visible(text)) for label, text in told.items() if text]

    def _sheets(self) -> list[Sheet]:
        """Return the tables of the page, those without rows left out."""
        moved, quiet = (self.companions[self.companions["moved"] == side] for side in (True, False))
        also, still = (self.siblings[self.siblings["moved"] == side] for side in (True, False))
        rates, keys = (["rate"], ["rate"]), (["level", "key"], ["key of", "name"])
        told = read_row(self.finding)
        place = where_text(place_for(OPENS, told.where))
        of_all = "" if metric_shown(self.days, told) == told.metric else " (all opens)"
        sheets = [
            self._numbers(),
            sheet_of(f"Moved with it: other rates, {place}", moved, *rates, most=_MOST_ROWS),
            sheet_of(f"Also moved on these days{of_all}", also, *keys, most=_MOST_ROWS),
            sheet_of(f"Also looked at, did not move{of_all}", still, *keys, most=_MOST_ROWS),
            sheet_of(f"Did not move: other rates, {place}", quiet, *rates, most=_MOST_ROWS),
        ]
        return [sheet for sheet in sheets if sheet.rows]

    def _numbers(self) -> Sheet:
        row, told = self.finding, read_row(self.finding)
        counts = (number(row[name]) for name in ("k", "expected", "excess"))
        texts = (rate_words(told.metric), *numbers_of(row), *counts)
        place = "whole account" if told.kind == "mix" else where_text(told.where)
        title = f"{place}, {_span(told.start, told.end)} UTC{self._begun()}"
        return Sheet(
            visible(title), ("rate", *NUMBER_HEADS, "counted (k)", "expected", "excess"), (texts,)
        )

    def _begun(self) -> str:
        low, high = self.finding["start_low"], self.finding["start_high"]
        return "" if low == high else f"; 90 % sure that it began {_span(low, high)}"


def _span(first: pd.Timestamp, last: pd.Timestamp) -> str:
    days = dict.fromkeys(f"{day:%Y-%m-%d}" for day in (first, last))
    return " to ".join(days)


def show(
    finding: Row,
    frames: Frames | None = None,
    *,
    last: str | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    period: str | None = None,
    holidays: Sequence[Moment] | None = None,
    until: Moment | None = None,
    progress: bool | None = None,
    client: Client | None = None,
) -> FindingView:
    """Show a finding with what is behind it: plot, numbers, what moved with it and what did not.

    Parameters
    ----------
    finding : Series or mapping
        A row of :func:`mgframe.investigate`, such as ``found.loc[0]``; one read from a file too.
    frames : DataFrame or list of them, optional
        The frames that were investigated. Left out, they are fetched again.
    last, start, end, period : optional
        The window to fetch, as for :func:`mgframe.investigate`; by default the one that was
        investigated, as the row's attrs have it, else ``last="90d"``.
    holidays, until
        As given to :func:`mgframe.investigate`.
    progress : bool, optional
        Show a progress bar; by default on a terminal or in a notebook.
    client : Client, optional
        Whom to ask where frames are left out; by default a client made from the environment.

    Returns
    -------
    FindingView
        A notebook shows it as a page: the sentence, the cause and the next check; the rate of the
        place over time with what was expected of it, the affected days shaded, the days on which
        it may have begun marked, open buckets hollow; then its numbers, the other rates and the
        keys beside its own that moved too, and those that did not, each with a 95 % interval. A
        terminal prints the same without the plot. The tables are its attributes: `finding`, `days`,
        `companions` (other rates), `siblings` (other keys); `plot(ax)` draws.

    Raises
    ------
    ConfigurationError
        Neither `frames` nor `client` is given, and the environment has no key.
    QueryError
        `finding` is no row of findings, its days are not in the frames, or frames and a window are
        given.
    FrameError
        The frames tell nothing of the finding's place, or as for :func:`mgframe.investigate`.
    ApiError, TransportError, ResponseError
        A frame could not be fetched.

    Notes
    -----
    What moved lies more than three standard deviations from what was expected of it. The page is
    plain HTML with its picture in it and fetches nothing; its colours are those of the notebook.

    Examples
    --------
    >>> import mgframe as mg
    >>> client = mg.demo()
    >>> frames = [mg.metrics(by=by, last="90d", client=client)
    ...           for by in (["domain", "recipient_provider"], ["domain", "tag"])]
    >>> view = mg.show(mg.investigate(frames).loc[0], frames)
    >>> int(view.siblings["moved"].sum())
    0
    >>> print(view)
    SIMULATED: these numbers are invented.
    <BLANKLINE>
    The block rate of mail to Gmail from news.example.com rose from 0.1 % to 16.1 % on 4-11 November
    ...
    """
    window = {"last": last, "start": start, "end": end, "period": period}
    row = _readable(finding)
    if frames is None:
        said = any(value is not None for value in window.values())
        client = client_of(client)
        frames = fetch_frames(client, window if said else _window_of(finding), progress=progress)
    else:
        refuse_window(window)
    return FindingView(row, evidence_of(frames, row, holidays=holidays, until=until))


def _readable(finding: Row) -> pd.Series:
    """Return the row with its moments as moments, also where it was kept in a file."""
    read_row(finding)
    row = dict(finding)
    names = [name for name in ("start", "end", "start_low", "start_high") if name in row]
    moments = {name: read_moment(row[name], argument="finding=") for name in names}
    return pd.Series({**row, **moments})


def _window_of(finding: Row) -> dict[str, Moment]:
    """Return the window that was investigated, empty where the row does not know it."""
    attrs = finding.attrs if isinstance(finding, pd.Series) else {}
    window = attrs.get(ATTRS, {}).get("window")
    if not window:
        return {}
    first, after = (read_moment(moment, argument="finding=") for moment in window)
    return {"start": first, "end": after - pd.Timedelta(days=1)}
