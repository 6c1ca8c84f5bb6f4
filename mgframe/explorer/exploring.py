"""The public function, and the object that a notebook shows."""

from __future__ import annotations

import base64
import importlib.util
import os
import sys
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from mgframe.client import Client
from mgframe.errors import ConfigurationError, QueryError, suggestion
from mgframe.explorer.account import WIDTHS, Account, read_account_window
from mgframe.explorer.choice import ALL, TOGETHER, Choice, first_level, fitted, read_window
from mgframe.explorer.offer import Offer, offer_of
from mgframe.explorer.session import Session
from mgframe.filtering import Where
from mgframe.metrics_asking import read_by
from mgframe.planning import client_of
from mgframe.summing import names_in
from mgframe.vocabulary import ALL_COUNTS, RATES, count_name, rate_name

if TYPE_CHECKING:
    from ipywidgets import Widget
    from matplotlib.figure import Figure

#: So many seconds a page waits for the first frame, so that a notebook that nobody watches has its
#: figure; whoever watches sees the fetch go on, and can cancel it.
_PATIENCE: Final = 5.0

_VIEW: Final = "application/vnd.jupyter.widget-view+json"


def explore(
    frame: pd.DataFrame | None = None,
    *,
    measure: str = "delivery_rate",
    by: str | list[str] | None = None,
    last: str | None = None,
    resolution: str | None = None,
    compare: bool = False,
    where: Where | None = None,
    client: Client | None = None,
) -> Explorer:
    """Explore a frame, or an account, with widgets: chart, table and totals change together.

    Works in JupyterLab, VS Code, Colab and Voilà (core widgets only). Where there is no kernel, as
    on a code host, a figure stands in its place.

    Parameters
    ----------
    frame : DataFrame, optional
        A frame of counts. Without one the account is asked, each time that a choice needs it;
        fetches run beside the page, and can be cancelled.
    measure : str, default "delivery_rate"
        The rate or the count to begin with.
    by : str or list of str, optional
        For a frame the level whose keys are told apart, ``"time"`` for all together; by default the
        first with several keys. For an account one or two keys to fetch, as in
        :func:`mgframe.metrics`; by default ``"domain"``.
    last : str, optional
        How many days that are over to begin with, such as ``"28d"`` (the default for an account),
        or two days, ``"2026-11-01/2026-11-15"``. By default everything in a frame.
    resolution : str, optional
        The width of the buckets drawn: ``"hour"``, ``"day"``, ``"week"``, ``"month"``. By default
        the frame's own, days for an account.
    compare : bool, default False
        Set the window against the days before it, as many.
    where : mapping, optional
        Filters of every fetch, as in :func:`mgframe.metrics`.
    client : Client, optional
        Whose account is asked where there is no frame; by default a client made from the
        environment.

    Returns
    -------
    Explorer
        What a notebook shows. `choose` chooses from code, `frame` is the whole frame at hand,
        `code` the text that makes the same frame and figure, `figure()` the figure, `widget` the
        widget itself.

    Raises
    ------
    ConfigurationError
        ipywidgets is not installed: ``pip install "mgframe[explorer]"``.
    QueryError
        An argument is wrong, or belongs to the other source.
    FrameError
        The frame cannot be explored or cannot give the measure.

    Notes
    -----
    Rates are those of :func:`mgframe.rates` with 95 % intervals, the comparison is that of
    :func:`mgframe.compare`; the explorer itself computes nothing. An error of the API is shown as
    its sentence, and what was in sight stays.

    Examples
    --------
    >>> import pandas as pd, mgframe as mg
    >>> table = pd.DataFrame({"date": ["2026-11-14", "2026-11-15"], "domain": "example.com",
    ...                       "sent": [20, 9000], "delivered": [10, 9000]})
    >>> explorer = mg.explore(mg.as_frame(table, resolution="day"))
    >>> print(explorer.code)
    import mgframe as mg  # df is the frame that was explored
    <BLANKLINE>
    part = df[["sent", "delivered"]]
    ax = part.mg.plot.rates("delivery_rate", by="domain", top=6)
    <BLANKLINE>
    """
    _require_widgets()
    measure = _read_measure(measure)
    if frame is not None:
        choice = _of_frame(frame, measure, by, last, resolution, compare)
        if client is not None or where is not None:
            raise QueryError(
                "client= and where= are for an account; cut a frame first with df.mg.where(...)"
            )
        return Explorer(Session(choice, frame))
    choice = _of_account(measure, by, last, resolution, compare)
    return Explorer(Session(choice, Account(client_of(client), where)))


class Explorer:
    """A session with its view; made by :func:`explore`."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._widget: Widget | None = None
        session.show(session.choice)

    @property
    def choice(self) -> Choice:
        """What is in sight."""
        return self.session.choice

    @property
    def frame(self) -> pd.DataFrame | None:
        """The whole frame at hand, None before the first."""
        return self.session.frame

    @property
    def code(self) -> str:
        """The code that makes the same frame and figure; empty before the first."""
        return "" if self.session.sight is None else self.session.sight.code

    @property
    def problem(self) -> str:
        """Why the last choice could not be shown, empty where it could."""
        return self.session.problem

    @property
    def widget(self) -> Widget:
        """The widget, to be placed among others."""
        if self._widget is None:
            from mgframe.explorer.view import View

            self._widget = View(self.session).root
        return self._widget

    def choose(self, **changes: Any) -> Explorer:
        """Choose from code, as :class:`mgframe.explorer.choice.Choice` names things."""
        self.session.choose(**changes)
        return self

    def wait(self, seconds: float | None = None) -> Explorer:
        """Wait for the fetch that is on its way."""
        self.session.wait(seconds)
        return self

    def figure(self) -> Figure:
        """Return the figure in sight, to be saved or worked on.

        Raises
        ------
        MgframeError
            Nothing is in sight yet.
        """
        return self.session.draw()[1]

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """Return the widget, and the picture for where no kernel runs."""
        live = _page_is_live()
        if self.session.sight is None:
            self.session.wait(_PATIENCE if live else None)
        bundle: dict[str, Any] = {"text/plain": repr(self)}
        if self.session.sight is not None:
            bundle["image/png"] = base64.b64encode(self.session.sight.png).decode()
        if live:
            bundle[_VIEW] = self.widget._repr_mimebundle_()[_VIEW]
        return bundle

    def __repr__(self) -> str:
        sight = self.session.sight
        if sight is None:
            return f"Explorer({self.problem or 'still fetching'})"
        shown = f"{sight.choice.measure} by {sight.choice.by}, {sight.window}"
        return f"Explorer({shown}; run the cell to explore it)"


def _page_is_live() -> bool:
    """Return whether somebody may use what is shown.

    Where a notebook runs by itself (nbconvert, papermill) the kernel may not ask for input; a saved
    widget would then need a server for its scripts, and stand in the figure's place. Voilà forbids
    questions too, and shows its page to somebody.
    """
    ipython = sys.modules.get("IPython")
    kernel = getattr(ipython.get_ipython() if ipython else None, "kernel", None)
    return bool(getattr(kernel, "_allow_stdin", True)) or "VOILA_BASE_URL" in os.environ


def _require_widgets() -> None:
    if importlib.util.find_spec("ipywidgets") is None:
        raise ConfigurationError(
            'the explorer needs ipywidgets: pip install "mgframe[explorer]"; without it, '
            "df.mg.plot.rates() and df.mg.rates() give the same chart and numbers"
        )


def _read_measure(measure: str) -> str:
    for read in (rate_name, count_name):
        try:
            return read(measure)
        except QueryError:
            continue
    if isinstance(measure, str):
        return measure  # a user's own count, which only the frame can know
    raise QueryError(f"measure={measure!r} must be the name of a rate or a count")


def _of_frame(
    frame: pd.DataFrame,
    measure: str,
    by: str | list[str] | None,
    last: str | None,
    resolution: str | None,
    compare: bool,
) -> Choice:
    """Return the choice to begin with in a frame."""
    if not isinstance(frame, pd.DataFrame):
        raise QueryError(f"frame must be a frame of counts, got {type(frame).__name__}")
    offer = offer_of(frame)
    levels = [] if by is None else names_in(by, argument="by")
    if len(levels) > 1 or any(level not in (*offer.levels, TOGETHER) for level in levels):
        named = levels[0] if levels else ""
        raise QueryError(
            f"by={by!r} must be one level of the frame{suggestion(named, offer.levels)}: "
            f"{', '.join(offer.levels)}, or 'time' for all together"
        )
    _check_measure(measure, offer)
    if resolution is not None and resolution not in offer.resolutions:
        raise QueryError(
            f"resolution={resolution!r}: this frame can show {', '.join(offer.resolutions)}"
        )
    if (last is not None or compare) and not offer.has_windows:
        raise QueryError(
            "last= and compare= need a frame of hours or days; this one has "
            f"{f'{offer.resolution}s' if offer.resolution else 'no time'}"
        )
    choice = Choice(
        measure,
        levels[0] if levels else "",
        window=ALL if last is None else read_window(last, "last"),
        resolution=resolution or "",
        compare=compare,
    )
    return fitted(choice, offer)


def _check_measure(measure: str, offer: Offer) -> None:
    offered = (*offer.rates, *offer.counts)
    if measure not in offered and measure != "delivery_rate":  # which nobody asked for
        raise QueryError(
            f"measure={measure!r} is not in this frame{suggestion(measure, offered)}; it can show "
            f"{', '.join(offered)}"
        )


def _of_account(
    measure: str,
    by: str | list[str] | None,
    last: str | None,
    resolution: str | None,
    compare: bool,
) -> Choice:
    """Return the choice to begin with in an account."""
    group = tuple(read_by("domain" if by is None else by, timed=True))
    if measure not in RATES and measure not in ALL_COUNTS:
        raise QueryError(f"measure={measure!r} is no rate or count{suggestion(measure, RATES)}")
    width = "day" if resolution is None else resolution
    if width not in WIDTHS:
        raise QueryError(
            f"resolution={resolution!r} must be one of {', '.join(WIDTHS)}"
            f"{suggestion(width, WIDTHS)}"
        )
    return Choice(
        measure,
        first_level(group),
        window=read_account_window("28d" if last is None else last),
        resolution=width,
        compare=compare,
        group=group,
    )
