"""Which keys are drawn: by which level, the largest by name, the rest as one."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from mgframe.errors import FrameError, QueryError
from mgframe.framing import key_levels, meta_of, require_levels, require_table, with_meta
from mgframe.plotting.texts import key_labels, key_word
from mgframe.ranking import ranked_keys
from mgframe.reshaping import top as largest
from mgframe.vocabulary import (
    AGE_LEVELS,
    OTHER_KEYS,
    OVERLAPPING_LEVELS,
    READING_LEVELS,
    TIME_LEVELS,
)


@dataclass(frozen=True)
class Chosen:
    """A frame cut to the keys to draw.

    `level` names them, `keys` are its values in the order to draw, `total` how many there were.
    """

    frame: pd.DataFrame
    level: str | None
    keys: list[str]
    total: int

    @property
    def over_time(self) -> bool:
        """Whether the frame has buckets, to be drawn as lines."""
        return "time" in self.frame.index.names

    @property
    def levels(self) -> list[str]:
        """The levels that are kept; all others are summed over."""
        kept = ("time", self.level)
        return [str(name) for name in self.frame.index.names if name in kept]

    @property
    def hidden(self) -> int:
        """How many keys are not drawn at all."""
        return 0 if OTHER_KEYS in self.keys else self.total - len(self.keys)

    @property
    def notes(self) -> list[str]:
        """What the reader must know of the choice."""
        if not self.hidden or self.level is None:
            return []
        word = key_word(self.level)
        return [f"{self.hidden} more {word}s are not drawn: {word}s overlap and cannot be added."]

    @property
    def phrase(self) -> str:
        """The choice as the end of a title."""
        if self.level is None or not self.keys:
            return ""
        named = len([key for key in self.keys if key != OTHER_KEYS])
        cut = f", the {named} largest of {self.total}" if named < self.total else ""
        return f"by {key_word(self.level)}{cut}"


def choose(frame: pd.DataFrame, *, by: str | None, top: int) -> Chosen:
    """Return the keys to draw: the `top` largest, then the rest as ``"(other)"``.

    Raises
    ------
    QueryError
        `top` is no number above 0.
    FrameError
        The level cannot be chosen, or the frame holds several readings of lifetime counters.
    """
    if isinstance(top, bool) or not isinstance(top, int) or top < 1:
        raise QueryError(f"top={top!r} must be a whole number above 0: how many keys to name")
    frame = with_names(one_reading(frame))
    level = _key_level(frame, by)
    if level is None:
        return Chosen(frame, None, [], 0)
    ranked = ranked_keys(frame, level)
    if len(ranked) <= top + (OTHER_KEYS in ranked):
        return Chosen(frame, level, ranked, len(ranked))
    has_rest = level not in OVERLAPPING_LEVELS
    cut = largest(frame, top, by=level, other=has_rest)
    named = [key for key in ranked[:top] if key != OTHER_KEYS]
    return Chosen(cut, level, [*named, OTHER_KEYS] if has_rest else named, len(ranked))


def one_reading(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame without a level of readings, refused where there are several of them."""
    require_table(frame)
    level = next((str(name) for name in frame.index.names if name in READING_LEVELS), None)
    if level is None:
        return frame
    readings = frame.index.get_level_values(level).unique()
    if len(readings) > 1:
        last = int(readings[-1]) if level in AGE_LEVELS else str(readings[-1])
        raise FrameError(
            f"the frame holds {len(readings)} readings of {READING_LEVELS[level]}, which are never "
            f"added up; draw one of them: df.mg.where({level}={last!r})"
        )
    return with_meta(frame.droplevel(level), meta_of(frame))


def with_names(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with ids replaced by what they are called, where an answer told."""
    names = meta_of(frame).get("names")
    for level, found in (names if isinstance(names, dict) else {}).items():
        if level in frame.index.names and isinstance(found, dict):
            keys = [str(key) for key in frame.index.get_level_values(level).unique()]
            said = [found.get(key, key) for key in keys]
            # Two of one name stay apart.
            texts = {
                key: name if said.count(name) == 1 else f"{name} ({key})"
                for key, name in zip(keys, said, strict=True)
            }
            meta = meta_of(frame)
            frame = with_meta(frame.rename(index=texts, level=level), meta)
    return frame


def _key_level(frame: pd.DataFrame, by: str | None) -> str | None:
    """Return the level whose values are drawn apart; None where there is none.

    Raises
    ------
    FrameError
        The level is missing, or several levels vary and none was chosen.
    """
    if by is not None:
        require_levels(frame, [by])
        if by in AGE_LEVELS:
            raise FrameError(
                f"by={by!r}: ages are not drawn apart; name a key, or draw lines over age with "
                "df.mg.wide(column).plot()"
            )
        return None if by in TIME_LEVELS else by
    levels = key_levels(frame)
    varying = [name for name in levels if frame.index.get_level_values(name).nunique() > 1]
    if len(varying) > 1:
        pooled = " or by='time' for one line" if "time" in frame.index.names else ""
        raise FrameError(
            f"the frame varies in {' and '.join(varying)}; say what to draw apart: "
            + " or ".join(f"by={name!r}" for name in varying)
            + f"{pooled}, or cut it first with df.mg.where(...)"
        )
    return varying[0] if varying else (levels[-1] if levels else None)


def whose(frame: pd.DataFrame) -> str:
    """Return whose numbers are added up: ``", example.com"`` or ``", 3 domains together"``."""
    found, frame = [], with_names(frame)
    for level in key_levels(frame):
        keys = [str(key) for key in frame.index.get_level_values(level).unique()]
        if len(keys) == 1:
            found.append(key_labels(keys, most=48)[keys[0]].strip())
        elif keys:
            found.append(f"{len(keys)} {key_word(level)}s together")
    return "".join(f", {text}" for text in found)
