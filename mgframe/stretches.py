"""A window of log lines that is read from its newest line back, and cut where that takes long.

Each page of the logs names the next by a token, so the pages of one question come in turn. Cutting
what is left into stretches of their own lets them be read side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import pandas as pd

from mgframe.errors import ResponseError
from mgframe.loglines import Page, Row

#: The most lines of a page.
LIMIT: Final = 100
#: With fewer pages to come a stretch is not worth cutting: each part may end with a page half full.
_WORTH_CUTTING: Final = 4


@dataclass(frozen=True)
class Stretch:
    """A part of the window, and what of it was read so far.

    `start` and `after` are the edges that the server is asked for; a line at an edge may come with
    both neighbours. `stop` is where another stretch takes over, and `expected` how many lines there
    are until then, as far as known.
    """

    start: pd.Timestamp
    after: pd.Timestamp
    pages: tuple[Page, ...] = ()
    expected: float | None = None
    stop: pd.Timestamp | None = None

    @property
    def read(self) -> int:
        """How many lines were read."""
        return sum(len(page.rows) for page in self.pages)

    @property
    def left(self) -> float:
        """How many lines are still to come, 0 where nothing tells."""
        return 0 if self.expected is None else max(self.expected - self.read, 0)

    @property
    def frontier(self) -> pd.Timestamp:
        """The oldest moment that was read."""
        rows = self.pages[-1].rows if self.pages else ()
        return min((row.time for row in rows), default=self.after)

    @property
    def done(self) -> bool:
        """Whether all of it was read."""
        if not self.pages:
            return False
        last = self.pages[-1]
        if not last.rows or last.token is None:
            return True
        if self.stop is not None:  # its lines are only estimated
            return self.frontier < self.stop
        return self.expected is not None and self.left == 0

    def with_page(self, page: Page) -> Stretch:
        """Return the stretch with its next page.

        Raises
        ------
        ResponseError
            The page brings nothing new, or names a next page that was read already.
        """
        known = {row.identity for earlier in self.pages for row in earlier.rows}
        if page.rows and all(row.identity in known for row in page.rows):
            raise ResponseError("the page repeats the lines of an earlier page; ask again")
        first = not self.pages
        grown = replace(
            self,
            pages=(*self.pages, page),
            expected=page.total if first else self.expected,
        )
        if not grown.done and page.token in {earlier.token for earlier in self.pages}:
            raise ResponseError("the token of the next page does not change; ask again")
        return grown

    def cut(self, parts: int, wanted: float) -> list[Stretch]:
        """Return what is left as stretches side by side, newest first.

        The first goes on from page to page; the others begin anew. Where fewer lines are `wanted`
        than are left, the last is the rest that is hardly needed.
        """
        oldest = self.start if self.stop is None else self.stop
        span = self.frontier - oldest
        near = span * min(wanted / self.left, 1.0)
        steps = [(self.frontier - near * i / parts).floor("s") for i in range(1, parts + 1)]
        edges = [edge for edge in dict.fromkeys(steps) if oldest < edge < self.frontier]
        if not edges:
            return [self]
        share = self.left / len(edges) if near == span else wanted / len(edges)
        onward = replace(self, stop=edges[0], expected=self.read + share)
        older = [Stretch(start, after) for after, start in pairwise([*edges, oldest])]
        return [onward, *older]


def running(stretches: Sequence[Stretch], most: int, connections: int) -> list[int]:
    """Return the places of the stretches to read on; once newer lines are enough, no older one."""
    places: list[int] = []
    newer: set[tuple[str, str]] = set()
    for place, stretch in enumerate(stretches):
        newer.update(row.identity for page in stretch.pages for row in page.rows)
        if len(newer) < most and not stretch.done:
            places.append(place)
    return places[:connections]


def cut_up(stretches: Sequence[Stretch], most: int, connections: int) -> tuple[Stretch, ...]:
    """Return the stretches, the longest cut so that all connections have something to do."""
    busy = running(stretches, most, connections)
    free = connections - len(busy)
    longest = max(busy, key=lambda place: stretches[place].left, default=None)
    if longest is None or free < 1 or not _is_ordered(stretches[longest]):
        return tuple(stretches)
    wanted = most - sum(stretch.read for stretch in stretches[: longest + 1])
    pages = min(stretches[longest].left, wanted) / LIMIT
    if pages < _WORTH_CUTTING:
        return tuple(stretches)
    parts = stretches[longest].cut(min(free + 1, int(pages // 2)), wanted)
    whole = (*stretches[:longest], *parts, *stretches[longest + 1 :])
    return tuple(whole)


def _is_ordered(stretch: Stretch) -> bool:
    """Say whether the last page came newest first; any other order cannot be cut by time."""
    times = [row.time for row in stretch.pages[-1].rows] if stretch.pages else []
    return all(newer >= older for newer, older in pairwise(times))


def newest(stretches: Sequence[Stretch], most: int) -> list[Row]:
    """Return the newest lines, each once; of what is left unread nothing can be newer."""
    found = {row.identity: row for one in stretches for page in one.pages for row in page.rows}
    rows = sorted(found.values(), key=lambda row: (row.time, row.identity), reverse=True)
    return rows[:most]
