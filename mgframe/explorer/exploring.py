"""The public function, and the object that a notebook shows."""

from __future__ import annotations

import base64
import importlib.util
import os
import sys
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from mgframe.archiving.archive import Archive
from mgframe.client import Client
from mgframe.errors import ConfigurationError, QueryError
from mgframe.explorer.account import Account
from mgframe.explorer.beginning import of_account, of_frame, read_measure
from mgframe.explorer.choice import Choice
from mgframe.explorer.session import Session
from mgframe.filtering import Where
from mgframe.sourcing import source_of

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
    compare: bool | str = False,
    where: Where | None = None,
    archive: Archive | None = None,
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
    compare : bool or "year", default False
        Set the window against the days before it, as many, or against the same weekdays 52 weeks
        before, which takes a frame or an archive of more than a year.
    where : mapping, optional
        Filters of every fetch, as in :func:`mgframe.metrics`.
    archive : Archive, optional
        What is explored where there is no frame, in place of an account: as it is now, with the
        keys, the widths and the days that its tracks keep. Nothing is sent.
    client : Client, optional
        Whose account is asked where there is no frame and no archive; by default a client made
        from the environment.

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
    ArchiveError
        The archive holds nothing yet, or cannot be read.
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
    measure = read_measure(measure)
    if frame is not None:
        choice = of_frame(frame, measure, by, last, resolution, compare)
        if client is not None or where is not None or archive is not None:
            raise QueryError(
                "client=, archive= and where= are for an account; cut a frame first with "
                "df.mg.where(...)"
            )
        return Explorer(Session(choice, frame))
    if archive is not None and client is not None:
        raise QueryError("an archive is explored without a client; leave one of them out")
    source = source_of(client, archive)
    choice = of_account(source, measure, by, last, resolution, compare)
    return Explorer(Session(choice, Account(source, where)))


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
