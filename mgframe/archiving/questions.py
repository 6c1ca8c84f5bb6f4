"""A question to a track: which keys stay, which are added over, which counts, which filter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mgframe.archiving.tables import Table
from mgframe.archiving.tracks import Track
from mgframe.errors import FrameError, QueryError, suggestion
from mgframe.filtering import Predicate, Where, read_where
from mgframe.metrics_asking import read_counts
from mgframe.smtp import redact
from mgframe.summing import names_in
from mgframe.vocabulary import ALL_COUNTS, OVERLAPPING_LEVELS, in_order

ACCOUNT: Final = "account"
#: Keys that are lower case in every frame, whatever the question says.
_LOWER: Final = ("country", "device", "domain", "recipient_domain")


@dataclass(frozen=True)
class Question:
    """What is asked of a track: the keys that stay, those that are added over, counts, filter."""

    keys: tuple[str, ...]
    dropped: tuple[str, ...]
    counts: tuple[str, ...]
    predicates: tuple[Predicate, ...]

    @property
    def is_whole(self) -> bool:
        """Whether it is about the whole account, which has a row whether it sent or not."""
        return self.keys == (ACCOUNT,)


def read_question(
    track: Track,
    table: Table,
    counts: str | Iterable[str] | None,
    by: str | Iterable[str] | None,
    where: Where | None,
) -> Question:
    """Return a question to a track, checked.

    Raises
    ------
    QueryError
        The track keeps no such key or count.
    FrameError
        It would add over keys that overlap.
    """
    keys = _read_by(track, by)
    predicates = _read_filter(track, where)
    dropped = tuple(key for key in track.levels if key not in keys and key != ACCOUNT)
    _refuse_overlap(dropped, predicates)
    concerned = [*keys, *(predicate["attribute"] for predicate in predicates)]
    return Question(keys, dropped, _read_counts(track, table, counts, concerned), predicates)


def _read_by(track: Track, by: str | Iterable[str] | None) -> tuple[str, ...]:
    if by is None:
        return tuple(track.levels)
    keys = list(dict.fromkeys(names_in(by, argument="by")))
    if keys in ([], [ACCOUNT]):
        return (ACCOUNT,)
    for key in keys:
        if key not in track.levels:
            raise QueryError(
                f"by={by!r}: track {track.name!r} has no key {key!r}"
                f"{suggestion(key, track.levels)}; its keys are {', '.join(track.levels)}. "
                f"archive.find(by={by!r}) names a track that can"
            )
    return tuple(keys)


def _read_filter(track: Track, where: Where | None) -> tuple[Predicate, ...]:
    levels = [level for level in track.levels if level != ACCOUNT]
    return tuple(_as_kept(predicate) for predicate in read_where(where, levels))


def _as_kept(predicate: Predicate) -> Predicate:
    """Return a predicate in the spelling of frames."""
    key, texts = predicate["attribute"], [value["value"] for value in predicate["values"]]
    kept = [t.lower() if key in _LOWER or t.lower() == "unknown" else t for t in texts]
    return {**predicate, "values": [{"label": t, "value": t} for t in dict.fromkeys(kept)]}


def _refuse_overlap(dropped: Sequence[str], predicates: Iterable[Predicate]) -> None:
    chosen = {p["attribute"] for p in predicates if p["comparator"] == "=" and len(p["values"]) < 2}
    for level in OVERLAPPING_LEVELS.intersection(dropped) - chosen:
        raise FrameError(
            f"a message may carry several {level}s, so a sum over {level!r} counts it several "
            f"times; name it in by=, choose one with where={{{level!r}: ...}}, or ask a track "
            "without it"
        )


def _read_counts(
    track: Track, table: Table, counts: str | Iterable[str] | None, keys: Sequence[str]
) -> tuple[str, ...]:
    kept = counts_of(table)
    if counts is None:
        return tuple(kept or track.counts or ())
    given = names_in(counts, argument="counts")
    own = [name for name in given if name in kept and name not in ALL_COUNTS]
    known = [name for name in given if name not in own]
    named = known or not own  # an empty list is refused as it is everywhere
    wanted = [*(read_counts(known, keys) if named else ()), *own]
    missing = [name for name in wanted if name not in kept]
    if missing and kept:
        raise QueryError(
            f"counts: track {track.name!r} does not keep {', '.join(map(repr, missing))}"
            f"{suggestion(missing[0], kept)}; it keeps {', '.join(kept)}"
        )
    return tuple(in_order(dict.fromkeys(wanted)))


def counts_of(table: Table) -> list[str]:
    """Return the counts that a table has, in their fixed order."""
    return in_order(table.counts)


def filters(question: Question) -> list[str]:
    """Return the filters in words, without anybody's address."""
    return [
        redact(f"{p['attribute']} {p['comparator']} {', '.join(v['value'] for v in p['values'])}")
        for p in question.predicates
    ]
