"""Listings that come in pages, and their tables: no item lost, texts and times checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any, Final

import pandas as pd

from mgframe.answering import origin
from mgframe.client import Call, Client
from mgframe.errors import ResponseError
from mgframe.framing import with_meta
from mgframe.paging import Pages, Series, every_page
from mgframe.parsing import read_times
from mgframe.planning import Question, Unsteady
from mgframe.vocabulary import NO_KEY

#: The most items of a page, in every listing.
PAGE: Final = 1000

#: Columns that say "(none)" where the listing tells nothing of them.
_KEY_COLUMNS: Final = frozenset({"account_id", "account_name"})

Items = list[dict[str, Any]]


@dataclass(frozen=True)
class Kind:
    """A listing: its endpoint, and where an answer holds the items and their total.

    `key` are the members that tell an item from all others; the first is its name. Where an answer
    has no total, `is_last` says whether it is the last page.
    """

    endpoint: str
    member: str
    key: tuple[str, ...]
    said_total: Callable[[Mapping[str, Any]], Any]
    is_last: Callable[[Mapping[str, Any]], bool] = lambda body: False

    def items(self, body: Any) -> Items:
        """Return the items of a page.

        Raises
        ------
        ResponseError
            The answer is no list of named items.
        """
        found = body.get(self.member, ()) if isinstance(body, dict) else ()
        if found is None:
            return []
        if not isinstance(found, list) or not all(self._is_named(item) for item in found):
            raise ResponseError(
                f"{self.endpoint} did not answer a list under {self.member!r} whose items have a "
                f"{self.key[0]!r}"
            )
        return found

    def total(self, body: Any) -> int | None:
        """Return how many items there are, None where the page does not tell."""
        self.items(body)
        total = self.said_total(body)
        return total if type(total) is int and total >= 0 else None

    def name_of(self, item: Mapping[str, Any]) -> tuple[str, ...]:
        """Return what tells an item from all others."""
        return tuple(str(item.get(member)) for member in self.key)

    def _is_named(self, item: Any) -> bool:
        name = item.get(self.key[0]) if isinstance(item, dict) else None
        return isinstance(name, str) and name != ""


def every_item(
    client: Client,
    kind: Kind,
    call: Callable[[str, int], Call],
    finish: Callable[[Items, list[str], Pages], pd.DataFrame | Question],
    regions: tuple[str, ...],
) -> Question:
    """Return the question for every page in every region; `finish` takes items and regions."""

    def series(region: str) -> Series:
        return Series(
            lambda skip: call(region, skip),
            PAGE,
            lambda body: len(kind.items(body)),
            kind.total,
            is_last=kind.is_last,
        )

    def finished(pages: list[Pages]) -> pd.DataFrame | Question:
        found, whence = [], []
        for region, read in zip(regions, pages, strict=True):
            items = [item for answer in read for item in kind.items(answer.body)]
            _refuse_repeated(kind, items)
            found += items
            whence += [region or client.region] * len(items)
        return finish(found, whence, [answer for read in pages for answer in read])

    return every_page(client, [series(region) for region in regions], finished)


def _refuse_repeated(kind: Kind, items: Items) -> None:
    known: set[tuple[Any, ...]] = set()
    for item in items:
        name = kind.name_of(item)
        if name in known:
            raise Unsteady(
                f"{kind.endpoint} lists {name[0]!r} twice: the list changed while its pages were "
                "read; ask again"
            )
        known.add(name)


def text_columns(items: Items, names: Sequence[str], endpoint: str) -> dict[str, Any]:
    """Return columns of texts; one that is missing is empty, or ``"(none)"`` for a key.

    Raises
    ------
    ResponseError
        A value is no text.
    """
    return {name: text_column(_texts(items, name, endpoint)) for name in names}


def _texts(items: Items, name: str, endpoint: str) -> list[str]:
    values = [item.get(name) for item in items]
    if wrong := [value for value in values if not isinstance(value, str | NoneType)]:
        raise ResponseError(f"{endpoint} has {str(wrong[0])[:40]!r} for {name!r}, which is no text")
    return [value or (NO_KEY if name in _KEY_COLUMNS else "") for value in values]


def text_column(values: list[str]) -> Any:
    """Return a column of plain texts, also where there is none."""
    return pd.Index(values, dtype="str")


def moment_column(items: Items, *members: str) -> pd.DatetimeIndex:
    """Return the times under the first of these names that an item has."""
    return read_moments([next((i[name] for name in members if i.get(name)), None) for i in items])


#: ISO 8601, and the way that Go prints a time: "2023-01-02 02:14:27 +0000 UTC".
_ISO: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:\.\d{1,9})?) ?(Z|[+-]\d\d:?\d\d)(?: [A-Z]{3,4})?"
)
#: Before it there was no Mailgun: zero times of other systems (0001, 1970) mean that there is none.
_FIRST_YEAR: Final = 1990


def read_moments(texts: Sequence[Any]) -> pd.DatetimeIndex:
    """Return times in UTC (microseconds): RFC 2822, ISO 8601, or as Go prints them; NaT for none.

    Raises
    ------
    ResponseError
        A text is no such time.
    """
    if wrong := [text for text in texts if not isinstance(text, str | NoneType)]:
        raise ResponseError(f"the answer holds the time {str(wrong[0])[:60]!r}, which is no text")
    stamps = {text: _moment(text) for text in set(texts)}
    return pd.DatetimeIndex([stamps[text] for text in texts], dtype="datetime64[us, UTC]")


def _moment(text: str | None) -> Any:
    if text is None or not text.strip():
        return pd.NaT
    if match := _ISO.fullmatch(text.strip()):
        if int(text.strip()[:4]) < _FIRST_YEAR:
            return pd.NaT
        day, clock, zone = match.groups()
        try:
            return pd.Timestamp(f"{day}T{clock}{zone}").tz_convert("UTC").floor("us")
        except ValueError:
            raise ResponseError(f"the answer holds the time {text[:60]!r}, which is none") from None
    if re.search(r" (0001|1970) ", text):
        return pd.NaT
    return read_times([text])[0]


def finished_table(
    table: pd.DataFrame, by: list[str], endpoint: str, client: Client, answers: Pages
) -> pd.DataFrame:
    """Return the table in order, with where it came from."""
    asked = list(dict.fromkeys(answer.call.region or client.region for answer in answers))
    meta = {
        **origin(client, endpoint, answers, {}),
        "region": asked[0] if len(asked) == 1 else asked,
    }
    return with_meta(table.sort_values(by, ignore_index=True), meta)
