"""The days of an incident: the strongest interval of a slice, on the side that is asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from analysis.accounts import Plant, frames_of, leaves_of
from scipy import stats

from mgframe.analysis.collecting import LIMIT, _strongest
from mgframe.analysis.cubes import Stack
from mgframe.analysis.describing import _change, describe
from mgframe.analysis.hunting import hunt, measure
from mgframe.analysis.kinds import mixes
from mgframe.analysis.metrics import METRICS, OPENS, Metric
from mgframe.analysis.placing import at_domain
from mgframe.analysis.reading import read_account
from mgframe.analysis.seasonality import Calendar, fit
from mgframe.analysis.slices import Account
from mgframe.analysis.subtracting import without

DAYS = 60
CALENDAR = Calendar.of(pd.date_range("2026-08-03", periods=DAYS, freq="D"), "day")
BLOCKS = next(metric for metric in METRICS if metric.name == "block_rate")
MACHINES = next(metric for metric in METRICS if metric.name == "machine_opens")


def stack_of(k: Any, n: Any, metric: Metric = BLOCKS) -> Stack:
    k, n = np.atleast_2d(k).astype("float64"), np.atleast_2d(n).astype("float64")
    return Stack(metric, ((),) * len(k), k, n, np.zeros_like(k), np.zeros_like(k))


def noisy(rate: Any, n: float, seed: int = 1) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    mail = rng.poisson(n, DAYS)
    return rng.binomial(mail, np.broadcast_to(rate, DAYS)), mail


def account(*plants: Plant, seed: int = 3, **size: Any) -> Account:
    found = read_account(frames_of(leaves_of(seed, plants, **size)), holidays=None, until=None)
    assert found is not None
    return found


def test_a_greater_fall_does_not_hide_a_rise() -> None:
    rate = np.full(DAYS, 0.3)
    rate[40:44], rate[50:56] = 0.34, 0.2
    stack = stack_of(*noisy(rate, 4000))
    both, up, down = (hunt(stack, CALENDAR, 20, sign) for sign in (0, 1, -1))
    assert (both.start[0], both.stop[0]) == (down.start[0], down.stop[0]) == (50, 56)
    assert (up.start[0], up.stop[0]) == (40, 44)
    assert down.z[0] < -5 < 5 < up.z[0]


def test_days_around_make_up_for_what_only_came_later() -> None:
    k, n = noisy(0.3, 4000)
    lost, late = k.copy(), k.copy()
    lost[45] -= 600
    late[45], late[46] = k[45] - 600, k[46] + 600
    stack = stack_of([lost, late], [n, n])
    found = hunt(stack, CALENDAR, 20, -1)
    assert found.start.tolist() == [45, 45]
    made_up = found.made_up(stack.k, stack.n)
    # By hand: the surplus of the days around over what the day lacks.
    off = late - n * found.usual[1]
    around = off[44] + off[46 : found.stop[1] + 2].sum()
    assert made_up[1] == pytest.approx(-around / off[45 : found.stop[1]].sum())
    assert made_up[0] < 0.2 < 0.8 < made_up[1]


def test_opens_that_only_came_later_are_no_incident() -> None:
    k, n = noisy(0.3, 4000)
    lost, late = k.copy(), k.copy()
    lost[45] -= 600
    late[45], late[46] = k[45] - 600, k[46] + 600
    for opened, found in ((lost, (0, 0)), (late, None)):
        stack = stack_of(opened, n, OPENS)
        assert _strongest([stack], [hunt(stack, CALENDAR, 20, -1)], LIMIT) == found


def test_what_is_usual_does_not_depend_on_days_that_are_left_out() -> None:
    k, n = noisy(0.4, 3000)
    much = k.copy().astype("float64")
    much[30:50] *= 50
    quiet = np.where(np.isin(np.arange(DAYS), range(30, 50)), 0, n)[None].astype("float64")
    zeros = np.zeros_like(quiet)
    fits = [fit(side[None].astype("float64"), quiet, zeros, CALENDAR) for side in (k, much)]
    assert fits[0].level == pytest.approx(fits[1].level)
    assert fits[0].level[0] == pytest.approx(np.log(0.4 / 0.6), abs=0.02)


def test_measuring_the_hunted_interval_gives_what_the_hunt_gave() -> None:
    rate = np.full(DAYS, 0.01)
    rate[50:55] = 0.03
    stack = stack_of(*noisy(rate, 5000))
    found = hunt(stack, CALENDAR, 20, 1)
    again = measure(stack, CALENDAR, found.start, found.stop)
    assert again.k[0] == found.k[0]
    assert again.expected[0] == pytest.approx(found.expected[0], rel=0.02)
    assert again.z[0] == pytest.approx(found.z[0], rel=0.1)


def test_a_handful_of_rare_events_is_as_far_from_chance_as_the_tail_of_their_sum() -> None:
    k = np.zeros(DAYS)
    k[::9], k[46] = 1, 4
    found = measure(stack_of(k, np.full(DAYS, 300)), CALENDAR, 46, 47)
    usual = found.expected[0]
    tail = stats.poisson.sf(4, usual) + stats.poisson.pmf(4, usual) / 2
    assert 2.5 < found.z[0] <= stats.norm.isf(tail)


def test_the_interval_of_a_change_knows_how_vague_the_usual_rate_is() -> None:
    held = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        n, rate = np.full(DAYS, 40), np.full(DAYS, 0.05)
        n[46:50], rate[46:50] = 20_000, 0.08
        stack = stack_of(rng.binomial(n, rate), n)
        low, high = _change(stack, measure(stack, CALENDAR, 46, 50), 0)
        held += int(low <= 0.03 <= high)
    assert held >= 90  # of days alone it would be 59


def test_the_start_of_a_slight_shift_is_known_to_some_days_and_lies_in_nine_of_ten_sets() -> None:
    held, wide = 0, 0
    for seed in range(60):
        rate = np.full(DAYS, 0.02)
        rate[48:] = 0.028
        found = hunt(stack_of(*noisy(rate, 1500, seed)), CALENDAR, 20, 1)
        held += int(found.lowest[0] <= 48 <= found.highest[0])
        wide += int(found.highest[0] > found.lowest[0])
    assert held >= 54
    assert wide >= 30


def test_what_a_finding_explains_is_taken_at_the_usual_rates_of_the_table_as_it_is() -> None:
    own = account(Plant("block", {"domain": "d0.example"}, (70, 75), 0.05))
    (cube,) = (c for c in own.cubes(BLOCKS) if set(c.levels) == {"domain", "recipient_provider"})
    stack = own.stack(BLOCKS)
    finding = describe(
        own, stack, measure(stack, own.calendar, 70, 76), 0, {"domain": ("d0.example",)}
    )
    left = without(own, stack, finding)
    days = np.zeros(90, dtype=bool)
    days[69:77] = True
    for j, name in enumerate(cube.members[1]):
        row = stack.places.index((("recipient_provider", name),))
        excess = cube.k[0, j, days] - cube.n[0, j, days] * cube.without(days).rates[0, j]
        kept = np.clip(stack.k[row, days] - excess, 0, stack.n[row, days])
        np.testing.assert_allclose(left.k[row, days], kept)
        np.testing.assert_array_equal(left.k[row, ~days], stack.k[row, ~days])


# ---------------------------------------------------------------- machines, and the mix


@pytest.mark.parametrize("domain", ["d0.example", "d1.example"])
def test_machines_are_put_down_to_the_domain_whose_opens_they_explain(domain: str) -> None:
    where = {"domain": domain, "recipient_provider": "Gmail"}
    own = account(Plant("bots", where, (70, 76), 0.3), volume=40_000)
    stack = own.stack(MACHINES)
    row = stack.places.index((("recipient_provider", "Gmail"), ("bot", "Apple")))
    found = measure(stack, own.calendar, 70, 77)
    place = {"recipient_provider": ("Gmail",), "bot": ("Apple",)}
    at_provider = describe(own, stack, found, row, place)
    finding = at_domain(own, at_provider)
    assert finding.where["domain"] == (domain,)
    assert finding.excess == at_provider.excess
    assert finding.k - finding.expected == pytest.approx(finding.excess)
    assert finding.during - finding.before == pytest.approx(finding.excess / finding.n)


def test_machines_that_open_everywhere_stay_with_the_provider() -> None:
    own = account(Plant("bots", {"recipient_provider": "Gmail"}, (70, 76), 0.3), volume=40_000)
    stack = own.stack(MACHINES)
    row = stack.places.index((("recipient_provider", "Gmail"), ("bot", "Apple")))
    found = measure(stack, own.calendar, 70, 77)
    place = {"recipient_provider": ("Gmail",), "bot": ("Apple",)}
    assert at_domain(own, describe(own, stack, found, row, place)).where == place


@pytest.mark.parametrize(("seed", "risen"), [(1, False), (2, True)])
def test_another_mix_is_put_down_to_the_mail_there_was_more_of(seed: int, risen: bool) -> None:
    place = {"domain": "d0.example", "tag": "tag2"}
    own = account(Plant("mix", place, (64, 72), 12.0), seed=seed)
    (found,) = mixes(own, 55)
    assert found.metric is OPENS
    assert found.where == {level: (name,) for level, name in place.items()}
    assert (found.start, found.during > found.before) == (64, risen)


def test_a_quiet_account_has_no_other_mix() -> None:
    assert mixes(account(seed=8), 55) == []
