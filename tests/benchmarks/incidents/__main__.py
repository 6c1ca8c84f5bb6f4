"""The command that runs the benchmark and prints its tables."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any, Final

import pandas as pd

import mgframe as mg

from .accounts import Account
from .mixtures import mixed_account
from .naive import p_chart, two_proportions
from .scoring import SOON, Method, run
from .simulated import simulated_account
from .tables import by_kind, by_size, overview

#: The first seed of each split; those of the first are for tuning.
SPLITS: Final = {"tuning": 0, "test": 100_000, "final": 200_000}

GENERATORS: Final[dict[str, Callable[[int], Account]]] = {
    "simulator": simulated_account,
    "mixtures": mixed_account,
}


def investigate(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return what mgframe finds."""
    from mgframe.analysis.investigating import investigate as look

    return look(list(frames))


METHODS: Final[dict[str, Method]] = {
    "investigate": investigate,
    "two proportions": two_proportions,
    "p chart": p_chart,
}

Scores = tuple[pd.DataFrame, pd.DataFrame]


def score_seed(
    seed: int, *, generator: str, methods: Sequence[str], days: Sequence[int]
) -> dict[str, tuple[list[dict[str, Any]], dict[str, Any]]]:
    """Return the judgements of each method on the account of a seed."""
    account = GENERATORS[generator](seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mg.MgframeWarning)
        return {
            name: run(account, METHODS[name], days=days if name == "investigate" else ())
            for name in methods
        }


def score(
    generator: str,
    seeds: Sequence[int],
    methods: Sequence[str],
    *,
    days: Sequence[int] = (SOON,),
    jobs: int = 1,
) -> dict[str, Scores]:
    """Return the rows of incidents and of accounts that each method earned."""
    work = partial(score_seed, generator=generator, methods=methods, days=days)
    every = list(_mapped(work, seeds, jobs))
    return {
        name: (
            pd.DataFrame([row for judged in every for row in judged[name][0]]),
            pd.DataFrame([judged[name][1] for judged in every]),
        )
        for name in methods
    }


def _mapped(work: Callable[[int], Any], seeds: Sequence[int], jobs: int) -> Iterator[Any]:
    if jobs == 1:
        yield from map(work, seeds)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(work, seeds, chunksize=2)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.incidents", description="Find planted incidents."
    )
    parser.add_argument("--split", choices=SPLITS, default="test")
    parser.add_argument("--accounts", type=int, default=200)
    parser.add_argument("--generator", choices=[*GENERATORS, "both"], default="both")
    parser.add_argument("--methods", default=",".join(METHODS), help="separated by commas")
    parser.add_argument("--days", default=str(SOON), help="found within so many days: 1,3,7")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--misses", action="store_true", help="list what was not found, and false")
    told = parser.parse_args(arguments)
    first = SPLITS[told.split]
    seeds = range(first, first + told.accounts)
    methods = told.methods.split(",")
    days = [int(day) for day in told.days.split(",") if day]
    scores: dict[str, Scores] = {}
    for generator in GENERATORS if told.generator == "both" else [told.generator]:
        found = score(generator, seeds, methods, days=days, jobs=told.jobs)
        scores |= {f"{name}, {generator}": table for name, table in found.items()}
    print(f"split {told.split}, seeds {seeds[0]} to {seeds[-1]}\n")
    print(overview(scores), by_kind(scores), by_size(scores), sep="\n\n")
    if told.misses:
        for name, (truths, accounts) in scores.items():
            missed = truths[truths["detectable"].astype(bool) & ~truths["found"].astype(bool)]
            print(f"\n{name}\n{missed.to_string()}\n{accounts[accounts['false'] > 0].to_string()}")


if __name__ == "__main__":
    main(sys.argv[1:])
