"""What a report is made of: which frame serves which question, whatever frames there are."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import pandas as pd

from mgframe.client import Client
from mgframe.errors import FrameError, MgframeWarning, QueryError, type_said
from mgframe.framing import is_simulated, key_levels, meta_of, resolution_of, times_of
from mgframe.periods import local_days, resample
from mgframe.reporting.spans import Spans
from mgframe.sourcing import FromArchive
from mgframe.timespan import local_midnights
from mgframe.vocabulary import DELIVERED_FBL, KEYS, OVERLAPPING_LEVELS, PROVIDER_LEVELS

Result = TypeVar("Result")

#: Investigating takes frames of up to so many keys.
_MOST_KEYS: Final = 2


@dataclass(frozen=True)
class Coverage:
    """Which keys were asked for, which answered, and why others did not.

    `asked` and `answered` name domains, `failed` has the reason by domain; `problems` tells of
    whole questions without an answer, `not_kept` of those that an archive has no track for.
    `requests` were sent, `causes` of them for the causes of what
    stands out; `requests` is None where frames were handed over and nothing was sent.
    """

    asked: tuple[str, ...] = ()
    answered: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    not_kept: tuple[str, ...] = ()
    requests: int | None = None
    causes: int = 0

    def __str__(self) -> str:
        """Return the coverage in words: ``117 of 120``."""
        return f"{len(self.answered)} of {len(self.asked)}"


@dataclass(frozen=True)
class Material:
    """Frames by what they serve; None where there is none.

    `whole` serves figures of everything, `domains` those by domain, `providers` and `tags` those by
    provider and tag. `complaints` serves complaints, with the denominator `complaints_of`;
    `complaints_filtered` says that it was fetched without Gmail. `account` is a total of its own to
    hold the sum of the domains against, `year` the days of a year ago and `year_of_complaints`
    those like `complaints`. `frames` is all that can be investigated, `listing` the account's table
    of domains; `client` can be asked for causes; `archive` is where the frames come from.
    """

    spans: Spans
    whole: pd.DataFrame
    domains: pd.DataFrame | None
    complaints: pd.DataFrame
    complaints_of: str | None
    providers: pd.DataFrame | None
    tags: pd.DataFrame | None
    frames: tuple[pd.DataFrame, ...]
    coverage: Coverage
    complaints_filtered: bool = False
    account: pd.DataFrame | None = None
    year: pd.DataFrame | None = None
    year_of_complaints: pd.DataFrame | None = None
    listing: pd.DataFrame | None = None
    client: Client | None = None
    archive: FromArchive | None = None
    code: str = ""
    remarks: list[str] = field(default_factory=list)

    @property
    def simulated(self) -> bool:
        """Whether any number comes from the simulator."""
        return any(is_simulated(frame) for frame in (self.whole, *self.frames))

    def quietly(self, function: Callable[..., Result], *args: Any, **kwargs: Any) -> Result:
        """Call a function of frames, and keep its warnings as remarks."""
        with warnings.catch_warnings(record=True) as noted:
            warnings.simplefilter("always", MgframeWarning)
            found = function(*args, **kwargs)
        for one in noted:
            if not issubclass(one.category, MgframeWarning):
                warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
            elif str(one.message) not in self.remarks:
                self.remarks.append(str(one.message))
        return found


# ---------------------------------------------------------------- frames of a user


def read_frames(data: object) -> list[pd.DataFrame]:
    """Return the frames that a user handed over.

    Raises
    ------
    QueryError
        Something else was.
    """
    frames: list[Any] = list(data) if isinstance(data, list | tuple) else [data]
    if not frames or not all(isinstance(frame, pd.DataFrame) for frame in frames):
        raise QueryError(
            "a report is made of a frame, a list of frames, names of domains, or nothing (all "
            f"domains of client=); got {type_said(data, archive='give it as archive=')}"
        )
    return frames


def in_days(frame: pd.DataFrame, spans: Spans, until: Any = None) -> pd.DataFrame:
    """Return a frame in days: hours are summed to local days, or to UTC days without a zone."""
    if "time" not in frame.index.names:
        times_of(frame)  # says what is wrong
    width = resolution_of(frame) if len(frame) else "day"
    if width == "hour":
        if spans.zone is not None:
            return local_days(frame, spans.zone, until=until)
        return resample(frame, "D", until=until)
    if width != "day":
        raise FrameError(
            f"a report is about days, but the frame has {width}s; fetch resolution='day'"
        )
    return frame


def zone_of(frame: pd.DataFrame) -> str:
    """Return the zone in which a frame's days are cut."""
    return str(times_of(frame).tz)


def from_frames(
    frames: Sequence[pd.DataFrame], spans: Spans, coverage: Coverage, until: Any = None
) -> Material:
    """Return what a report can be made of from these frames.

    Raises
    ------
    FrameError
        None has deliveries by day that add up, or they hold no row of the report's days.
    """
    daily = [in_days(frame, spans, until) for frame in frames]
    local = [frame for frame in daily if zone_of(frame) == spans.zone_name]
    if not local:
        raise FrameError(
            f"tz={spans.zone_name!r} needs a frame of hours, because days are cut in "
            f"{zone_of(daily[0])}; fetch resolution='hour', or leave tz= out"
        )
    whole = _fewest(local, addable)
    if whole is None:
        raise FrameError(
            "no frame has deliveries that add up to a whole: tags overlap, and devices, countries "
            "and bots have opens and clicks alone; hand over a frame by domain too"
        )
    refuse_nothing(whole, spans)
    domains = _fewest(local, lambda f: addable(f) and "domain" in f.index.names)
    told = [f for f in local if addable(f) and set(PROVIDER_LEVELS) & set(f.index.names)]
    complaints = _fewest(told, lambda frame: "domain" in frame.index.names)
    complaints = _fewest(told, addable) if complaints is None else complaints
    return Material(
        spans=spans,
        whole=whole,
        domains=domains,
        complaints=whole if complaints is None else complaints,
        complaints_of=None if complaints is None else DELIVERED_FBL,
        providers=_fewest(told, addable),
        tags=_fewest(daily, lambda frame: "tag" in frame.index.names and delivers(frame)),
        frames=_to_investigate(daily),
        coverage=coverage,
    )


def _to_investigate(frames: Sequence[pd.DataFrame]) -> tuple[pd.DataFrame, ...]:
    """Return the frames of the longest window: investigating takes frames of the same days."""
    groups: dict[tuple[int, str], list[pd.DataFrame]] = {}
    for frame in frames:
        if len(key_levels(frame)) <= _MOST_KEYS and len(frame):
            days = frame.index.unique("time").size
            groups.setdefault((days, zone_of(frame)), []).append(frame)
    return tuple(groups[max(groups)]) if groups else ()


def delivers(frame: pd.DataFrame) -> bool:
    """Return whether a frame has deliveries: devices, countries and bots have opens alone."""
    lacking = any("delivered" in KEYS[key].lacks for key in key_levels(frame) if key in KEYS)
    return not lacking and bool({"delivered", "sent", "processed"} & set(frame.columns))


def addable(frame: pd.DataFrame) -> bool:
    """Return whether the rows of a day add up to all of its mail."""
    overlapping = OVERLAPPING_LEVELS & set(frame.index.names)
    return delivers(frame) and not any(frame.index.unique(key).size > 1 for key in overlapping)


def _fewest(
    frames: Iterable[pd.DataFrame], fits: Callable[[pd.DataFrame], bool]
) -> pd.DataFrame | None:
    """Return the frame of the fewest keys that fits, None where none does."""
    fitting = [frame for frame in frames if fits(frame)]
    return min(fitting, key=lambda frame: frame.index.nlevels, default=None)


def refuse_nothing(frame: pd.DataFrame, spans: Spans) -> None:
    """Raise :class:`FrameError` where nothing is known of the report's own days."""
    own = spans.now.of(frame)
    if len(own) and bool(own.notna().to_numpy().any()):
        return
    there = "it has no rows"
    if len(frame):
        times = times_of(frame)
        there = f"it spans {times.min():%Y-%m-%d} to {times.max():%Y-%m-%d}"
    raise FrameError(
        f"nothing is known of {spans.now.text}, so there is nothing to report ({there}); no file "
        "was written. last= and period= choose other days"
    )


def coverage_of(frames: Sequence[pd.DataFrame]) -> Coverage:
    """Return which domains are there, and which failed when the frames were fetched."""
    names: dict[str, None] = {}
    failed: dict[str, str] = {}
    for frame in frames:
        if "domain" in frame.index.names:
            names |= dict.fromkeys(str(name) for name in frame.index.unique("domain"))
        missing = meta_of(frame).get("failed")
        failed |= missing if isinstance(missing, dict) else {}
    answered = tuple(name for name in names if name not in failed)
    return Coverage((*answered, *failed), answered, failed)


def year_frame(
    material: Material, frame: pd.DataFrame, needed: Sequence[str]
) -> pd.DataFrame | None:
    """Return a frame like this one that knows every day of a year ago, None where there is none.

    Known are all of the `needed` counts: a part of the days would look like less mail.
    """
    like = material.complaints_filtered and frame is material.complaints
    own = material.spans.year
    for candidate in (frame, material.year_of_complaints if like else material.year):
        if candidate is None or not len(candidate) or not set(needed) <= set(candidate.columns):
            continue
        rows = own.of(candidate)
        days = local_midnights(times_of(rows)).unique()
        if len(days) == own.number and not rows[list(needed)].isna().to_numpy().any():
            return candidate
    return None
