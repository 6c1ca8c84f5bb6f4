"""Twenty accounts of the benchmark of incidents, seeds for tuning: nothing has become worse."""

from __future__ import annotations

import pandas as pd
import pytest
from benchmarks.incidents.__main__ import SPLITS, score
from benchmarks.incidents.accounts import CYCLE
from benchmarks.incidents.tables import shares


@pytest.mark.slow
def test_planted_incidents_are_found_and_quiet_accounts_stay_quiet() -> None:
    first = SPLITS["tuning"]
    seeds = {"simulator": range(first, len(CYCLE), 2), "mixtures": range(first + 1, len(CYCLE), 2)}
    scores = [score(g, some, ["investigate"], days=())["investigate"] for g, some in seeds.items()]
    truths, accounts = (pd.concat(tables) for tables in zip(*scores, strict=True))
    found = shares(truths, accounts)
    # Bounds for so small a sample: the benchmark itself tells how good it is.
    for measure, bound in {
        "recall at top 3": 0.8,
        "precision": 0.8,
        "exact place": 0.7,
        "onset within a day": 0.8,
        "kind": 0.85,
        "affected within 20 %": 0.7,
    }.items():
        hits, cases = found[measure]
        assert hits >= bound * cases, (measure, hits, cases)
    assert accounts.loc[accounts["quiet"], "false"].sum() <= 1
