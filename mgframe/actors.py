"""Who opened and clicked: a frame by bot to the counts of people, of machines and of each class.

No delivery has a bot, so the mail comes from a frame of its own and is set beside the counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from mgframe.eligibility import why_meaningless
from mgframe.errors import FrameError, warn
from mgframe.framing import is_simulated, meta_of, with_meta
from mgframe.reshaping import sum as sum_of
from mgframe.summing import (
    TOTAL_LEVEL,
    Booleans,
    add_up,
    group_rows,
    labels_of,
    levels_dropped,
    plain_labels,
)
from mgframe.vocabulary import NO_KEY, OTHER_KEYS, RATES, TIME_LEVELS

#: Mailgun's classes of machines.
CLASSES: Final = ("Apple", "Gmail", "Generic")

#: What is done, and the count of it.
ACTS: Final = {"clicks": "unique_clicked", "opens": "unique_opened"}

#: What people are called among bots, in lower case: Mailgun's word, and none at all.
_PEOPLE: Final = frozenset({"none", NO_KEY})

_FETCH: Final = "mg.metrics(['unique_opened', 'unique_clicked'], by=[..., 'bot'])"


def counts_by_actor(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the clicks and opens of people, of machines, of all and of each class of machines.

    Parameters
    ----------
    frame : DataFrame
        Unique opens and clicks with the level `bot`.

    Returns
    -------
    DataFrame
        Indexed as the frame without `bot`; columns such as ``"people opens"``, ``"Apple clicks"``
        of dtype ``Int64``. A class without a row in a bucket did nothing there: Mailgun leaves
        zeros out. A sum with an unknown part is NA.

    Raises
    ------
    FrameError
        A count is missing, or the frame lacks some of the bots.
    """
    missing = [name for name in ACTS.values() if name not in frame.columns]
    if missing:
        raise FrameError(
            "engagement is told from unique opens and clicks; the frame lacks "
            f"{' and '.join(missing)}. Fetch both: {_FETCH}"
        )
    bots = plain_labels(frame, "bot").str.casefold()
    people = np.asarray(bots.isin(_PEOPLE))
    _require_everybody(frame, people)
    groups, index = group_rows(labels_of(frame, levels_dropped(frame, ["bot"])))
    actors = {"people": people, "machines": ~people}
    actors |= {name: np.asarray(bots == name.casefold()) for name in CLASSES}
    found = {}
    for act, count in ACTS.items():
        for actor, rows in actors.items():
            sums = add_up(frame.loc[rows, [count]], groups[rows], index, skipna=False)
            found[f"{actor} {act}"] = sums[count]
        found[f"all {act}"] = found[f"people {act}"] + found[f"machines {act}"]
    return with_meta(pd.DataFrame(found, index=index), meta_of(frame))


def several_machines(frame: pd.DataFrame) -> bool:
    """Return whether a frame has several classes of machines, so that machines add them up."""
    return len(set(plain_labels(frame, "bot").str.casefold().unique()) - _PEOPLE) > 1


def refuse_filtered_bots(frame: pd.DataFrame) -> None:
    """Raise :class:`FrameError` where only some bots were fetched: the others would count as 0."""
    request = meta_of(frame).get("request")
    filters = request.get("where") if isinstance(request, dict) else None
    for text in filters if isinstance(filters, list) else []:
        if str(text).startswith("bot "):
            raise FrameError(
                f"the frame was fetched with the filter {str(text)!r}, so that what the others did "
                f"would count as nothing. Fetch all of them: {_FETCH}"
            )


def _require_everybody(frame: pd.DataFrame, people: Booleans) -> None:
    """Raise :class:`FrameError` where people were left out, or cannot be told from machines.

    An account where no machine opened is possible; one where machines alone did hardly is.
    """
    bots = [str(bot) for bot in plain_labels(frame, "bot").unique()]
    if OTHER_KEYS in bots:
        raise FrameError(
            f"the bot {OTHER_KEYS!r} may hold people and machines together; call engagement on the "
            "frame before df.mg.top(n, by='bot')"
        )
    if len(frame) and not people.any():
        raise FrameError(
            f"the frame has no row of people, whose bot is 'None', but {bots} alone; they would "
            f"count as nothing. Fetch all of them: {_FETCH}"
        )


# ---------------------------------------------------------------- the mail


def with_deliveries(counts: pd.DataFrame, delivered: pd.DataFrame) -> pd.DataFrame:
    """Return the counts and, as the column ``delivered``, the mail of the same bucket and key.

    Raises
    ------
    FrameError
        `delivered` lacks the column or a level, has bots of its own, or is about other buckets or
        keys; or deliveries have no meaning by a level.
    """
    levels = [str(name) for name in counts.index.names if name != TOTAL_LEVEL]
    _require_mail(delivered, levels)
    if why := why_meaningless(counts, RATES["open_rate"]):
        raise FrameError(why)
    mail = sum_of(delivered[["delivered"]], levels)
    if len(levels) > 1:
        mail = mail.reorder_levels(levels)
    mail = _of_the_same(mail, counts.index)
    index = counts.index.union(mail.index)
    joined = counts.reindex(index, fill_value=0)
    joined["delivered"] = mail["delivered"].reindex(index, fill_value=0)
    simulated = is_simulated(counts) or is_simulated(delivered)
    return with_meta(joined, meta_of(counts) | ({"simulated": True} if simulated else {}))


def _require_mail(delivered: pd.DataFrame, levels: Sequence[str]) -> None:
    there = [str(name) for name in delivered.index.names]
    if "delivered" in delivered.columns and "bot" not in there and set(levels) <= set(there):
        return
    keys = [name for name in levels if name not in TIME_LEVELS]
    raise FrameError(
        f"delivered= takes a frame with the column 'delivered' and the levels {levels}, without "
        f"'bot', which no delivery has; it has the columns {list(delivered.columns)[:5]} and the "
        f"levels {there}. Fetch mg.metrics(['delivered'], by={keys}) for the same window"
    )


def _of_the_same(mail: pd.DataFrame, index: pd.Index) -> pd.DataFrame:
    """Return the mail of the keys in `index`; a warning says how much is of others."""
    for level in TIME_LEVELS:
        if level in index.names and len(index):
            ours, theirs = (part.unique(level).sort_values() for part in (index, mail.index))
            if not ours.equals(theirs):
                raise FrameError(
                    f"delivered= is about other buckets, {_span(theirs)}, than the frame, "
                    f"{_span(ours)}; fetch both for the same window and resolution, and without "
                    "fill=False"
                )
    times: list[Any] = [name for name in index.names if name in TIME_LEVELS]
    if len(times) == index.nlevels or not len(index):
        return mail
    ours, theirs = (part.droplevel(times) for part in (index, mail.index))
    known = theirs.isin(ours)
    said = " and ".join(map(str, ours.names))
    if not known.any():
        raise FrameError(
            f"delivered= names other keys, {said}: {_some(theirs)}, than the frame: {_some(ours)}"
        )
    if not known.all():
        left_out = int(mail["delivered"][~known].sum())
        warn(
            f"delivered= holds {left_out:,} messages of keys that the frame lacks, "
            f"{said}: {_some(theirs[~known])}; they are left out"
        )
    return mail[known]


def _some(keys: pd.Index) -> str:
    found = [str(key) for key in keys.unique()]
    return ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")


def _span(times: pd.Index) -> str:
    return f"{times[0]} to {times[-1]} ({len(times)})" if len(times) else "none"
