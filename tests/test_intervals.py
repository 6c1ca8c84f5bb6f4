"""Intervals against published tables, statsmodels, loops, and how often they hold the truth."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from mgframe.errors import QueryError
from mgframe.intervals import (
    at_size,
    clopper_pearson,
    dispersion,
    effective_size,
    newcombe,
    read_level,
    wilson,
)

LEVELS = (0.5, 0.8, 0.9, 0.95, 0.99)


# ---------------------------------------------------------------- published numbers

#: Newcombe, Statistics in Medicine 17 (1998) 857: the four examples of methods 3 and 5.
NEWCOMBE_ONE = [
    (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
    (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
    (0, 20, (0.0000, 0.1611), (0.0000, 0.1684)),
    (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
]
#: Newcombe, Statistics in Medicine 17 (1998) 873: the examples of method 10.
NEWCOMBE_TWO = [
    (56, 70, 48, 80, 0.0524, 0.3339),
    (9, 10, 3, 10, 0.1705, 0.8090),
    (6, 7, 2, 7, 0.0582, 0.8062),
    (5, 56, 0, 29, -0.0381, 0.1926),
    (0, 10, 0, 20, -0.1611, 0.2775),
    (0, 10, 0, 10, -0.2775, 0.2775),
    (10, 10, 0, 20, 0.6791, 1.0),
    (10, 10, 0, 10, 0.6075, 1.0),
]


@pytest.mark.parametrize(("k", "n", "score", "exact"), NEWCOMBE_ONE)
def test_one_proportion_is_as_newcombe_printed_it(k, n, score, exact):
    assert [round(float(bound), 4) for bound in wilson(k, n)] == list(score)
    assert [round(float(bound), 4) for bound in clopper_pearson(k, n)] == list(exact)


def test_clopper_pearson_is_the_example_of_nist():
    low, high = clopper_pearson(4, 20, 0.90)  # NIST handbook, section 7.2.4.1
    assert [round(float(low), 6), round(float(high), 6)] == [0.071354, 0.401028]


@pytest.mark.parametrize("row", NEWCOMBE_TWO)
def test_a_difference_is_as_newcombe_printed_it(row):
    *counts, low, high = row
    got = [round(float(bound), 4) for bound in newcombe(*counts)]
    assert got == [low, high]


# ---------------------------------------------------------------- statsmodels


@given(
    st.lists(
        st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)).map(lambda p: (p[0], sum(p) or 1)),
        min_size=1,
        max_size=30,
    ),
    st.sampled_from(LEVELS),
)
def test_both_intervals_are_those_of_statsmodels(pairs, level):
    k, n = (np.array(side, dtype="float64") for side in zip(*pairs, strict=True))
    for ours, method in ((wilson, "wilson"), (clopper_pearson, "beta")):
        theirs = proportion_confint(k, n, alpha=1 - level, method=method)
        for mine, other in zip(ours(k, n, level), theirs, strict=True):
            np.testing.assert_allclose(mine, np.clip(other, 0, 1), atol=1e-12, rtol=1e-9)


@given(*[st.integers(0, 500)] * 2, *[st.integers(1, 500)] * 2, st.sampled_from(LEVELS))
def test_a_difference_is_that_of_statsmodels(k, other_k, rest, other_rest, level):
    n, other_n = k + rest, other_k + other_rest
    theirs = confint_proportions_2indep(
        k, n, other_k, other_n, method="newcomb", compare="diff", alpha=1 - level
    )
    np.testing.assert_allclose(newcombe(k, n, other_k, other_n, level), theirs, atol=1e-10)


# ---------------------------------------------------------------- edges


@pytest.mark.parametrize("interval", [wilson, clopper_pearson])
def test_what_is_no_proportion_has_no_interval(interval):
    events = [np.nan, 3, 0, 5, 6, -1, 101]
    messages = [9, np.nan, 0, 0, 5, 5, 100]
    for level in LEVELS:
        assert np.isnan(interval(events, messages, level)).all()


@pytest.mark.parametrize("interval", [wilson, clopper_pearson])
@pytest.mark.parametrize("n", [1, 7, 1000, 10**6, 10**9])
def test_none_and_all_have_exact_ends(interval, n):
    (none, some), (most, every) = interval(0, n), interval(n, n)
    assert none == 0
    assert every == 1
    assert 0 < some < 1 or n == 1
    assert some == pytest.approx(1 - most)


def test_three_complaints_in_a_hundred_thousand():
    low, high = wilson(3, 100_000)
    assert (low, high) == (pytest.approx(1.02e-5, rel=0.01), pytest.approx(8.82e-5, rel=0.01))


@given(
    st.floats(0, 1), st.floats(1, 1e7), st.sampled_from([wilson, clopper_pearson]), st.booleans()
)
def test_an_interval_holds_the_rate_and_grows_with_its_level(share, n, interval, whole):
    n = float(round(n)) if whole else n
    k = float(round(share * n)) if whole else share * n
    bounds = [interval(k, n, level) for level in LEVELS]
    for low, high in bounds:
        assert 0 <= low <= k / n + 1e-12
        assert k / n - 1e-12 <= high <= 1
    assert all(a[0] >= b[0] - 1e-12 for a, b in itertools.pairwise(bounds))
    assert all(a[1] <= b[1] + 1e-12 for a, b in itertools.pairwise(bounds))


def test_the_arrays_that_came_in_are_not_changed():
    k, n = np.array([0.0, 5, 9]), np.array([9.0, 9, 9])
    wilson(k, n)
    clopper_pearson(k, n)
    assert (k.tolist(), n.tolist()) == ([0, 5, 9], [9, 9, 9])


@pytest.mark.parametrize("level", [0, 1, 95, -0.1, True, "0.95", None, float("nan")])
def test_a_level_lies_between_0_and_1(level):
    with pytest.raises(QueryError, match="between 0 and 1"):
        read_level(level)


def test_a_level_in_percent_is_told_what_it_means():
    with pytest.raises(QueryError, match=r"interval=95 .* such as 0\.95"):
        read_level(95)


# ---------------------------------------------------------------- clusters


def clustered(y, n, level=0.95, interval=wilson):
    """The interval of each row, whose columns are clusters."""
    k, total = y.sum(axis=-1), n.sum(axis=-1)
    squares = ((y - (k / total)[..., None] * n) ** 2).sum(axis=-1)
    found = dispersion(k, total, squares, (n > 0).sum(axis=-1))
    return interval(*at_size(k, total, effective_size(total, *found, level)), level)


@given(st.integers(0, 2**32 - 1), st.integers(2, 12))
def test_the_variance_is_that_of_the_ratio_estimator(seed, days):
    random = np.random.default_rng(seed)
    n = random.integers(1, 1000, days).astype(float)
    y = random.binomial(n.astype(int), random.uniform(0.01, 0.99, days)).astype(float)
    rate = y.sum() / n.sum()
    squares = sum((y[i] - rate * n[i]) ** 2 for i in range(days))
    weighted, freedom = dispersion(y.sum(), n.sum(), squares, days)
    if 0 < rate < 1:
        variance = weighted / freedom * rate * (1 - rate) / n.sum()
        assert variance == pytest.approx(days / (days - 1) * squares / n.sum() ** 2)
    size = effective_size(n.sum(), weighted, freedom)
    floor = max(float(weighted / freedom), 1.0)
    wider = student.ppf(0.975, days - 1) / student.ppf(0.975, 10**9)
    assert size == pytest.approx(n.sum() / floor / wider**2, rel=1e-5)
    assert size <= n.sum()


def test_a_single_cluster_says_nothing_of_clusters():
    y, n = np.array([[30.0]]), np.array([[1000.0]])
    np.testing.assert_array_equal(clustered(y, n), wilson([30], [1000]))


def test_many_clusters_that_differ_by_chance_give_nearly_wilson():
    n = np.full((1, 5000), 100.0)
    y = np.random.default_rng(1).binomial(100, 0.2, n.shape).astype(float)
    np.testing.assert_allclose(clustered(y, n), wilson(y.sum(axis=1), n.sum(axis=1)), atol=2e-4)


def test_clusters_of_nothing_and_of_all_stay_within_bounds():
    n = np.full((2, 7), 500.0)
    (low, high) = clustered(np.array([[0.0] * 7, [500.0] * 7]), n)
    assert low[0] == 0
    assert high[1] == 1
    assert 0 < high[0] < 0.01
    assert 0.99 < low[1] < 1


# ---------------------------------------------------------------- how often they hold the truth


def coverage(interval, rates, sizes, runs, seed):
    random = np.random.default_rng(seed)
    p, n = (side.ravel()[:, None] for side in np.meshgrid(rates, sizes))
    k = random.binomial(n, p, size=(len(p), runs))
    low, high = interval(k, n)
    return ((low <= p) & (p <= high)).mean(axis=1)


def test_ninety_five_of_a_hundred_intervals_hold_the_rate():
    rates, sizes = np.geomspace(1e-4, 0.5, 25), np.geomspace(100, 1e6, 13).astype(int)
    assert 0.94 < coverage(wilson, rates, sizes, 300, seed=1).mean() < 0.96
    assert coverage(clopper_pearson, rates[::3], sizes[::2], 200, seed=2).mean() > 0.95


def coverage_of_days(days, spread, rate, mail, runs, seed):
    """How often both intervals hold the rate where each day has its own, on the logit scale."""
    random = np.random.default_rng(seed)

    def daily(shape):
        return 1 / (1 + np.exp(-(np.log(rate / (1 - rate)) + random.normal(0, spread, shape))))

    n = random.integers(mail // 2, mail * 3 // 2, (runs, days))
    y = random.binomial(n, daily((runs, days)))
    truth = daily(200_000).mean()
    plain = wilson(y.sum(axis=1), n.sum(axis=1))
    return [((low <= truth) & (truth <= high)).mean() for low, high in (clustered(y, n), plain)]


def test_days_that_differ_need_the_clustered_interval():
    got = [
        coverage_of_days(14, 0.2, rate, mail, 800, seed=3)
        for rate in (0.0005, 0.01, 0.3)
        for mail in (2000, 20_000)
    ]
    by_days, plain = np.mean(got, axis=0)
    assert 0.94 < by_days < 0.97
    assert plain < 0.7


@pytest.mark.slow
def test_coverage_over_the_whole_range():
    rates, sizes = np.geomspace(1e-4, 0.5, 60), np.geomspace(100, 1e6, 25).astype(int)
    found = coverage(wilson, rates, sizes, 2000, seed=4)
    assert 0.945 < found.mean() < 0.955
    assert found.min() > 0.8
    for days in (7, 14, 28):
        for spread in (0.1, 0.2, 0.4):
            got = [
                coverage_of_days(days, spread, rate, mail, 2000, seed=5)[0]
                for rate in (0.0005, 0.005, 0.05, 0.3)
                for mail in (300, 3000, 20_000, 200_000)
            ]
            assert 0.94 < np.mean(got) < 0.98, (days, spread)
            assert min(got) > 0.92, (days, spread)
