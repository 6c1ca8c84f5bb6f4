"""``ddf.mg``: sums, rates and longer buckets of a Dask frame, as of a pandas frame.

Each partition is added up by the functions that add up a pandas frame, their results again, in a
tree; counts are whole numbers, so that no order of adding changes a digit. Where the index is the
period that :func:`mgframe.archiving.distributing.to_dask` gives, with known divisions, all rows of
one time lie in one partition, and what keeps the time is added up partition by partition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

import pandas as pd

from mgframe import reshaping
from mgframe.archiving import dask_parts as parts
from mgframe.archiving.dask_parts import PERIOD
from mgframe.archiving.libraries import library
from mgframe.eligibility import choose_rates
from mgframe.errors import FrameError
from mgframe.framing import complete_until, meta_of, require_levels, resolution_of
from mgframe.periods import read_rule, refuse_rest
from mgframe.summing import (
    TOTAL_LEVEL,
    UNIQUE_DAYS,
    levels_named,
    refuse_lifetime_sums,
    warn_of_uniques,
)
from mgframe.timespan import Moment, json_time
from mgframe.vocabulary import OVERLAPPING_LEVELS, in_order

#: Which longer buckets lie whole within a part, by the length of its name.
_WITHIN: Final = {
    10: ("day",), 7: ("day", "month"), 4: ("day", "month", "quarter", "year")
}  # fmt: skip
_FANNED: Final = 8


@cache
def register() -> None:
    """Give Dask frames the accessor ``mg``."""
    frames = library("dask.dataframe", extra="dask")
    frames.extensions.register_dataframe_accessor("mg")(DaskFrame)


class DaskFrame:
    """What ``ddf.mg`` is: the functions of ``df.mg`` that add up, for a Dask frame.

    Time and keys are columns, here and in what is returned; every other column is a count. Results
    are Dask frames. One that keeps the time of an archive's frame has as many partitions; any other
    has one, so that it must fit into a worker's memory.

    Examples
    --------
    >>> import tempfile, mgframe as mg
    >>> archive = mg.Archive(tempfile.mkdtemp())
    >>> archive.track("days", by="domain", start="2026-10-01")
    >>> synced = archive.sync(client=mg.demo())
    >>> weeks = archive.to_dask("days").mg.resample("W").compute()
    >>> weeks.set_index(["time", "domain"]).equals(archive.frame("days").mg.resample("W"))
    True
    """

    def __init__(self, ddf: Any) -> None:
        self._ddf = ddf
        self._shape: pd.DataFrame = ddf._meta
        self._levels = [str(n) for n in self._shape.columns if not parts.is_number(self._shape[n])]
        self._said = meta_of(self._shape)
        self._by_period = ddf.known_divisions and self._shape.index.name == PERIOD

    def sum(self, by: str | Sequence[str], *, overlap: bool = False, skipna: bool = False) -> Any:
        """Return the counts summed over every level that `by` does not name.

        Parameters
        ----------
        by, overlap, skipna
            As for :func:`mgframe.sum`. Over `tag` it asks for `overlap` even where one tag occurs,
            which only reading all would tell.

        Returns
        -------
        dask.dataframe.DataFrame
            The levels in `by` as columns, in the frame's order, then the counts (``Int64``, exact);
            rows sorted. A sum with an unknown part is NA.
        """
        kept = levels_named(self._frame, by)
        self._refuse_sum(kept, overlap=overlap)
        counts = [str(n) for n in self._shape.columns if n not in self._levels]
        self._warn_of_uniques(counts, kept)
        return self._added(parts.summed, kept, self._said_of(kept), skipna=skipna)

    def rates(
        self,
        names: str | Sequence[str] | None = None,
        *,
        by: str | Sequence[str] | None = None,
        of: str | None = None,
    ) -> Any:
        """Return rates: per row, or pooled over the levels that `by` does not name.

        Parameters
        ----------
        names, by, of
            As for :func:`mgframe.rates`. How many rows with an unknown count a pooled rate leaves
            out is not said: only reading all would tell.

        Returns
        -------
        dask.dataframe.DataFrame
            The levels as columns, then one ``float64`` column per rate.
        """
        chosen = choose_rates(self._frame, names, of)
        kept = self._levels if by is None else levels_named(self._frame, by)
        said = self._said_of(kept) | ({} if of is None else {"of": of})
        if kept == self._levels:
            return self._mapped(parts.rates_of_rows, levels=kept, chosen=chosen, said=said)
        self._refuse_sum(kept, overlap=False)
        needed = {n for rate in chosen for n in (*rate.numerator, rate.denominator)}
        self._warn_of_uniques(in_order(needed & set(self._shape.columns)), kept)
        sides = self._added(parts.sides_summed, kept, said, chosen=chosen)
        return DaskFrame(sides)._mapped(parts.divided, levels=kept, chosen=chosen, said=said)

    def resample(
        self,
        rule: str,
        *,
        partial: bool = False,
        until: Moment | None = None,
        skipna: bool = False,
    ) -> Any:
        """Return the counts summed over longer buckets, key by key.

        Parameters
        ----------
        rule, partial, until, skipna
            As for :func:`mgframe.resample`. How many sums lack a bucket is not said.

        Returns
        -------
        dask.dataframe.DataFrame
            The same columns; `time` is the start of the period. Of a period that holds a time that
            was never read the sum is NA; one at an edge that is not covered whole is dropped.
        """
        period, width = read_rule(rule), resolution_of(self._frame)
        refuse_rest(width, period)
        edge = None if partial else complete_until(self._frame, until)
        if width != period and period in ("month", "quarter", "year"):
            counts = [str(n) for n in self._shape.columns if n not in self._levels]
            warn_of_uniques(counts, over_bots=False, over_days=True)
        said = {**self._said, "resolution": period}
        if until is not None and edge is not None:
            said["complete_until"] = json_time(edge)
        sums = self._added(parts.bucketed, self._levels, said, period=period, skipna=skipna)
        seen = self._ddf[["time"]].reduction(
            parts.edges,
            aggregate=parts.edges,
            combine=parts.edges,
            meta=parts.edges(self._shape),
            split_every=16,
        )  # fmt: skip
        return DaskFrame(sums)._mapped(
            parts.whole, seen, width=width, period=period, edge=edge, skipna=skipna, said=said
        )

    def long(self) -> Any:
        """Return a plain table with one row per count, as :func:`mgframe.long`.

        Returns
        -------
        dask.dataframe.DataFrame
            The levels as columns, ``count`` (the name), ``value`` (``Int64``); within a partition
            one count after the other.
        """
        return self._mapped(parts.long, levels=self._levels)

    def where(self, **keys: Any) -> Any:
        """Return the rows whose levels have the given values, as :func:`mgframe.where`.

        A value that no row has is not warned of: only reading all would tell.
        """
        frame, found = self._frame, self._ddf
        require_levels(frame, list(keys))
        for level, values in keys.items():
            wanted = reshaping.values_of(frame.index.get_level_values(level), level, values)
            found = found[found[level].isin(wanted)]
        return found

    # ------------------------------------------------------------ what is known before reading

    @property
    def _frame(self) -> pd.DataFrame:
        """The frame without rows, which checks what can be checked of any."""
        return parts.framed(self._shape, self._levels)

    def _said_of(self, kept: Sequence[str]) -> dict[str, Any]:
        total = {} if "time" in kept or "time" not in self._levels else {"resolution": "total"}
        return {**self._said, **total}

    def _refuse_sum(self, kept: Sequence[str], *, overlap: bool) -> None:
        dropped = [level for level in self._levels if level not in kept]
        refuse_lifetime_sums(dropped)
        for level in [] if overlap else OVERLAPPING_LEVELS.intersection(dropped):
            raise FrameError(
                f"a message may carry several {level}s, so a sum over {level!r} counts it several "
                "times; name it in by=, or say sum(by, overlap=True)"
            )

    def _warn_of_uniques(self, counts: Sequence[str], kept: Sequence[str]) -> None:
        dropped = [level for level in self._levels if level not in kept]
        long = "time" in dropped
        if long and (asked := self._said.get("asked")):
            first, last = (pd.Timestamp(moment) for moment in asked)
            long = last - first >= pd.Timedelta(days=UNIQUE_DAYS)
        warn_of_uniques(counts, over_bots="bot" in dropped, over_days=long)

    # ------------------------------------------------------------ graphs

    def _mapped(self, function: Any, *others: Any, **said: Any) -> Any:
        """Return what a function makes of each partition."""
        shape = function(self._shape, *(other._meta for other in others), **said)
        return self._ddf.map_partitions(
            function, *others, meta=shape, align_dataframes=False, **said
        )

    def _added(self, part_of: Any, kept: list[str], said: Mapping[str, Any], **options: Any) -> Any:
        """Return sums: of each partition where that is all of them, else of all in a tree."""
        within = options.get("period")
        stays = "time" in kept and (within is None or within in self._whole_within)
        labelled = self._by_period and stays
        rows = parts.Adding(tuple(self._levels), tuple(kept), said, labelled=labelled)
        if labelled:
            return self._mapped(part_of, how=rows, **options)
        again = parts.pooled if part_of is parts.sides_summed else parts.added_up
        names = tuple(kept) or (TOTAL_LEVEL,)
        sums: dict[str, Any] = {"how": parts.Adding(names, names, said)}
        if again is parts.added_up:
            sums["skipna"] = options["skipna"]
        return self._ddf.reduction(
            part_of, aggregate=again, combine=again, split_every=_FANNED,
            meta=part_of(self._shape, rows, **options), chunk_kwargs={"how": rows, **options},
            aggregate_kwargs=sums, combine_kwargs=sums,
        )  # fmt: skip

    @property
    def _whole_within(self) -> tuple[str, ...]:
        return _WITHIN.get(len(str(self._ddf.divisions[0])), ())
