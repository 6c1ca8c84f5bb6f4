"""An account, or an archive, as what is explored: which question a choice needs, and its code."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from mgframe.client import Client
from mgframe.errors import QueryError
from mgframe.explorer.choice import ALL, Choice, Span, read_window, span_of
from mgframe.explorer.loaded import Loaded
from mgframe.explorer.steps import arguments
from mgframe.filtering import Where
from mgframe.framing import is_simulated, meta_of
from mgframe.planning import Question
from mgframe.settings import REGIONS
from mgframe.sourcing import FromArchive, Source

#: What can be fetched: hours and days; weeks and months are made of days.
WIDTHS: Final = ("hour", "day", "week", "month")

#: So many fetched frames are kept, so that the way back asks nothing.
_KEPT: Final = 6

#: Seconds for which an open bucket counts as fresh.
_FRESH: Final = 300.0

_DAY: Final = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Request:
    """The arguments of a fetch, without the client."""

    by: tuple[str, ...]
    first: str
    last: str
    resolution: str

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments by name, as :func:`mgframe.metrics` takes them."""
        edges = {"start": self.first, "end": self.last, "resolution": self.resolution}
        return {"by": list(self.by), **edges}


class Account:
    """An account, of Mailgun or kept; `where` are filters that every fetch has."""

    def __init__(self, source: Source, where: Where | None = None) -> None:
        self.source = source
        self._where: dict[str, Any] = {"where": dict(where)} if where else {}
        self._kept: OrderedDict[Request, tuple[Loaded, float]] = OrderedDict()

    def request(self, choice: Choice) -> Request:
        """Return what must be fetched for a choice: its days, and those before to compare with."""
        span = self._span(choice.window)
        first = span.earlier(choice.past).first if choice.compare else span.first
        today = self._today() if choice.partial and "/" not in choice.window else span.last
        width = "hour" if choice.resolution == "hour" else "day"
        return Request(choice.group, f"{first:%Y-%m-%d}", f"{today:%Y-%m-%d}", width)

    def question(self, request: Request) -> Question:
        """Return the question of a request; everything is checked, nothing is sent.

        Raises
        ------
        QueryError
            The keys do not go together, or Mailgun keeps nothing of the days.
        """
        return self.source.question(**request.arguments, **self._where)

    def at_hand(self, request: Request) -> Loaded | None:
        """Return what was fetched for a request, None where nothing is kept or it is too old.

        Buckets that are over do not change enough to ask again; the open one does.
        """
        loaded, since = self._kept.get(request, (None, 0.0))
        is_open = request.last >= f"{self._today():%Y-%m-%d}"
        return None if is_open and _monotonic() - since > _FRESH else loaded

    def keep(self, request: Request, frame: pd.DataFrame, notes: Sequence[str]) -> Loaded:
        """Keep a fetched frame, with the code that fetches it."""
        loaded = Loaded.of(frame, self._code(request, frame), notes)
        self._kept[request] = loaded, _monotonic()
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return loaded

    @property
    def number(self) -> int:
        """How many days are kept, up to the last one that is over."""
        return (self._today() - self.source.kept_since("day").tz_localize(None)).days

    def widths(self) -> tuple[str, ...]:
        """Return the widths to draw: those that can be fetched, and what is made of them."""
        return WIDTHS if "hour" in self.source.widths else WIDTHS[1:]

    def _code(self, request: Request, frame: pd.DataFrame) -> list[str]:
        """Return the code that fetches the same frame."""
        told = {**request.arguments, **self._where}
        if isinstance(self.source, FromArchive):
            name = str(meta_of(frame).get("track"))
            lines = [
                f"archive = {archive_code(self.source)}",
                f"df = archive.frame({arguments([name], told)})",
            ]
        else:
            client = client_code(self.source.client, simulated=is_simulated(frame))
            lines = [
                f"client = {client}",
                f"df = mg.metrics({arguments([], told)}, client=client)",
            ]
        return ["import mgframe as mg", "", *lines]

    def _today(self) -> pd.Timestamp:
        return pd.Timestamp(self.source.client.now()).tz_localize(None).normalize()

    def _span(self, window: str) -> Span:
        span = span_of(window, self._today() - _DAY)
        if span is None:
            raise QueryError(
                "window='all' is for a frame; an account needs days, such as last='28d'"
            )
        return span


def client_code(client: Client, *, simulated: bool) -> str:
    """Return the code that makes a client; the key is never in it."""
    if simulated:
        return "mg.demo()  # the simulated account, with the arguments that yours had"
    known = client.base_url in REGIONS.values()
    named: dict[str, Any] = {"region": client.region} if known else {}
    named |= {} if known else {"base_url": client.base_url}
    named |= {"subaccount": client.subaccount} if client.subaccount else {}
    return f"mg.Client({arguments([], named)})  # the key: MAILGUN_API_KEY"


def archive_code(source: FromArchive) -> str:
    """Return the code that opens an archive as it was when it was explored."""
    place = arguments([str(source.archive.place)], {})
    return f"mg.Archive({place}).as_of({arguments([source.moment], {})})"


def read_account_window(last: str) -> str:
    """Return the window to begin with, in days."""
    window = read_window(last, "last")
    if window == ALL:
        raise QueryError("last='all' is for a frame; an account needs days, such as last='28d'")
    return window


_monotonic = time.monotonic
