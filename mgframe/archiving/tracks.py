"""What an archive keeps: a question that is asked again and again, under a name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd

from mgframe.archiving.places import read_name
from mgframe.archiving.spans import moment
from mgframe.asking import read_events
from mgframe.client import Client
from mgframe.errors import MgframeError, QueryError, suggestion
from mgframe.filtering import Where, read_where
from mgframe.joining import question_of
from mgframe.metrics_api import metrics
from mgframe.metrics_asking import METRICS_KEYS, read_counts
from mgframe.planning import Question
from mgframe.stats_api import account_totals, domain_totals, grouped_totals
from mgframe.summing import names_in
from mgframe.timespan import Moment, check_resolution, floor, json_time, read_moment
from mgframe.vocabulary import AGE_LEVELS, ENGAGEMENT_LAG_HOURS, KEYS, counts_of

#: Whom a track asks; ``"none"`` keeps what is imported, and is never fetched.
APIS: Final = ("metrics", "stats", "none")
#: What a table can have as keys; `by` says neither the account nor the region.
_KEYS: Final = tuple(k for k in KEYS if k not in ("account", "region", "total", *AGE_LEVELS))
_COLUMN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
#: Columns of a table that are no counts.
_TAKEN: Final = frozenset({"time", "period", "known", "version", *KEYS})
#: An address, also one with a quoted part, a full-width sign, or written for a link.
ADDRESS: Final = re.compile(r"(?i)(?:\"[^\"]{0,320}\"|[^\s@＠<>]{1,320}?)(?:@|＠|%40)[^\s@<>\"']+")


@dataclass(frozen=True)
class Track:
    """A question under a name: what is kept, of whom it is asked, and since when."""

    name: str
    by: tuple[str, ...] = ()
    counts: tuple[str, ...] | None = None
    resolution: str = "day"
    where: Mapping[str, Any] = field(default_factory=dict)
    regions: tuple[str, ...] = ()
    subaccounts: bool | None = None
    api: str = "metrics"
    start: pd.Timestamp | None = None

    @property
    def levels(self) -> list[str]:
        """The keys of its frames."""
        regions = ["region"] if self.regions else []
        return [*regions, *self.by] or ["account"]

    @property
    def nothing_kept(self) -> str:
        """What is said of it while its numbers are still to come."""
        way = "import_frame() fills" if self.api == "none" else "sync() fetches"
        return f"track {self.name!r} has nothing to show yet; archive.{way} it"

    def question(self, client: Client, start: pd.Timestamp, until: pd.Timestamp) -> Question:
        """Return the question for the buckets from `start` to `until` (exclusive)."""
        window = {"start": start, "end": until - pd.Timedelta(hours=1), "client": client}
        window["resolution"] = self.resolution
        counts, where = self.counts, dict(self.where)
        if self.api == "metrics":
            return question_of(
                metrics, counts, by=self.by or None, where=where or None, progress=False,
                regions=self.regions or None, subaccounts=self.subaccounts, **window,
            )  # fmt: skip
        if self.by == ("domain",):
            domains = where.get("domain")
            return question_of(domain_totals, domains, events=counts, progress=False, **window)
        if self.by:
            by = self.by[0]
            return question_of(grouped_totals, by, where=where or None, events=counts, **window)
        return question_of(account_totals, events=counts, **window)

    def to_json(self) -> dict[str, Any]:
        """Return the track as plain JSON."""
        return {
            "by": list(self.by),
            "counts": None if self.counts is None else list(self.counts),
            "resolution": self.resolution,
            "where": dict(self.where),
            "regions": list(self.regions),
            "subaccounts": self.subaccounts,
            "api": self.api,
            "start": None if self.start is None else json_time(self.start),
        }

    @classmethod
    def from_json(cls, name: str, said: Mapping[str, Any]) -> Track:
        """Return the track that :meth:`to_json` wrote."""
        return cls(
            name,
            by=tuple(said["by"]),
            counts=None if said["counts"] is None else tuple(said["counts"]),
            resolution=said["resolution"],
            where=said["where"],
            regions=tuple(said["regions"]),
            subaccounts=said["subaccounts"],
            api=said["api"],
            start=said["start"] and moment(said["start"]),
        )


def read_track(
    name: str,
    counts: str | Iterable[str] | None,
    *,
    by: str | Iterable[str] | None,
    where: Where | None,
    resolution: str,
    regions: str | Iterable[str] | None,
    subaccounts: bool | None,
    api: str,
    start: Moment | None,
) -> Track:
    """Return a track, checked as its fetch function would check it.

    Raises
    ------
    QueryError
        The name, the API or an argument is wrong, or the API cannot answer the question.
    """
    if api not in APIS:
        raise QueryError(
            f"api must be 'metrics', 'stats' or 'none' (kept by import alone); got {api!r}"
            f"{suggestion(api, APIS)}"
        )
    since = None if start is None else read_moment(start, argument="start")
    width = check_resolution(resolution)
    read_where(where, METRICS_KEYS if api == "metrics" else _KEYS)
    track = Track(
        read_name(name),
        by=_names(by, "by"),
        counts=None if counts is None else _names(counts, "counts"),
        resolution=width,
        where=_plain(where or {}),
        regions=_names(regions, "regions"),
        subaccounts=subaccounts,
        api=api,
        start=None if since is None else floor(since, width),
    )
    _refuse_addresses(track)
    if api == "stats":
        _check_stats(track)
    if api != "none":
        _check(track)
    _check_names(track)
    return track


def _names(given: str | Iterable[str] | None, argument: str) -> tuple[str, ...]:
    return () if given is None else tuple(names_in(given, argument=argument))


def _check_names(track: Track) -> None:
    """Refuse what a table cannot have as keys and counts; an API would refuse more."""
    for key in track.by:
        if key not in _KEYS:
            raise QueryError(
                f"by={list(track.by)!r}: {key!r} is no key of a track{suggestion(key, _KEYS)}; "
                f"the keys are {', '.join(_KEYS)}, none for the whole account"
            )
    if len(set(track.by)) < len(track.by):
        raise QueryError(f"by={list(track.by)!r} names a key twice")
    counts = track.counts or ()
    if track.api == "none" and len({count.lower() for count in counts}) < len(counts):
        raise QueryError(f"counts={list(counts)!r} names one twice; case tells none apart")
    for count in counts:
        if flaw := flaw_of_column(count):
            raise QueryError(f"counts: {count!r} {flaw}; choose another name")


def flaw_of_column(name: str) -> str | None:
    """Return why a count cannot be kept under that name, None where it can."""
    if name.lower() in _TAKEN:
        return "is called as a key, or as what the archive itself uses"
    if not _COLUMN.fullmatch(name):
        return "has other signs than letters, digits and '_', or is too long"
    return None


def _plain(where: Where) -> dict[str, Any]:
    """Return a filter as JSON gives it back, so that like filters are equal."""
    return {
        key: said
        if isinstance(said, str)
        else {name: _values(v) for name, v in said.items()}
        if isinstance(said, Mapping)
        else _values(said)
        for key, said in where.items()
    }


def _values(values: Any) -> Any:
    if isinstance(values, str | int):  # a code is a number
        return str(values)
    return sorted(map(str, values)) if isinstance(values, Set) else [str(v) for v in values]


def _refuse_addresses(track: Track) -> None:
    found = ADDRESS.search(str(track.where))
    if found is not None:
        raise QueryError(
            "where= names an address; an archive never holds a recipient's address. Filter by "
            "domain, recipient_domain or tag"
        )


def _check_stats(track: Track) -> None:
    """Refuse what the Stats API does not have."""
    for argument, given in (
        ("regions", bool(track.regions)),
        ("subaccounts", track.subaccounts is not None),
        ("a second key in by", len(track.by) > 1),
        ("a filter without by", bool(track.where) and not track.by),
    ):
        if given:
            raise QueryError(f"{argument} needs api='metrics'; the Stats API does not have it")
    beyond = set(track.where) - {"domain"} if track.by == ("domain",) else set()
    if beyond:
        raise QueryError(
            f"where={dict(track.where)!r}: by='domain' with api='stats' takes where={{'domain': "
            "[...]}; api='metrics' takes any filter"
        )


def _check(track: Track) -> None:
    """Ask the track of nobody: a fetch function checks all its arguments before it sends."""
    nobody = Client("of-nobody", base_url=None, region="us")
    edge = floor(pd.Timestamp(nobody.now()).tz_convert("UTC").as_unit("us"), track.resolution)
    days = {"hour": 1, "day": 1, "month": 31}[track.resolution]
    try:
        track.question(nobody, floor(edge - pd.Timedelta(days=days), track.resolution), edge)
    except MgframeError as error:
        raise QueryError(f"track {track.name!r}: {error}") from None


def counts_to_come(track: Track) -> list[str]:
    """Return the counts that an answer of the track's API brings."""
    concerned = [*track.by, *track.where]
    if track.api == "metrics":
        return list(read_counts(track.counts, concerned))
    lacks = {name for key in concerned for name in KEYS[key].lacks}
    return [name for name in counts_of(read_events(track.counts)) if name not in lacks]


def lag_hours(lags: Mapping[str, float]) -> pd.Timedelta:
    """Return after how long no count of a track moves any more: as learnt, else 3 days."""
    return pd.Timedelta(hours=max(lags.values(), default=ENGAGEMENT_LAG_HOURS))
