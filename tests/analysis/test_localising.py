"""The place of an incident: the one under which the counts of all tables are the most likely."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy import stats

from mgframe.analysis.cubes import Cube, Where
from mgframe.analysis.likelihood import Model
from mgframe.analysis.localising import Window, localise
from mgframe.analysis.sharing import Shares

LEVELS = {
    "domain": ("a.example", "b.example", "c.example"),
    "recipient_provider": ("Apple", "Gmail", "Outlook", "Yahoo"),
    "tag": ("alert", "promo", "weekly"),
    "ip": ("192.0.2.1", "192.0.2.2"),
}
PAIRS = (
    ("domain", "recipient_provider"),
    ("domain", "tag"),
    ("recipient_provider", "tag"),
    ("domain", "ip"),
    ("recipient_provider", "ip"),
)
DAYS, INCIDENT = 40, slice(30, 34)
LEAVES = list(product(*LEVELS.values()))


def lies_in(leaf: tuple[str, ...], where: Mapping[str, tuple[str, ...]]) -> bool:
    return all(dict(zip(LEVELS, leaf, strict=True))[level] in where[level] for level in where)


def cubes_of(
    where: Mapping[str, tuple[str, ...]], chance: float, *, seed: int = 1, rate: float = 0.004
) -> list[Cube]:
    """Return tables of leaves that fail at `rate`, and in a place more (or fewer) for some days."""
    rng = np.random.default_rng(seed)
    sizes = np.exp(rng.normal(4.5, 0.8, len(LEAVES)))
    mail = rng.poisson(sizes[:, None] * np.exp(rng.normal(0, 0.2, (1, DAYS))), (len(LEAVES), DAYS))
    p = np.full(mail.shape, rate)
    there = np.array([lies_in(leaf, where) for leaf in LEAVES])
    added = chance if chance > 0 else chance * rate
    p[there, INCIDENT] = p[there, INCIDENT] + added
    events = rng.binomial(mail, p)
    return [_cube(pair, events, mail) for pair in PAIRS]


def _cube(pair: tuple[str, str], events: Any, mail: Any) -> Cube:
    members = (LEVELS[pair[0]], LEVELS[pair[1]])
    sides = np.zeros((2, len(members[0]), len(members[1]), DAYS))
    for leaf, k, n in zip(LEAVES, events, mail, strict=True):
        names = dict(zip(LEVELS, leaf, strict=True))
        place = members[0].index(names[pair[0]]), members[1].index(names[pair[1]])
        sides[0][place] += k
        sides[1][place] += n
    return Cube(pair, members, sides[0], sides[1], np.zeros_like(sides[0]))


def window(cubes: list[Cube], sign: int = 1, stray: float = 0.06, **known: Any) -> Window:
    days = np.zeros(DAYS, dtype=bool)
    days[INCIDENT] = True
    return Window(cubes, days, sign, stray, **known)


PLACES: list[Where] = [
    {},
    {"domain": ("b.example",)},
    {"recipient_provider": ("Gmail",)},
    {"tag": ("promo",)},
    {"ip": ("192.0.2.2",)},
    {"domain": ("a.example",), "recipient_provider": ("Gmail",)},
    {"domain": ("c.example",), "tag": ("weekly",)},
    {"recipient_provider": ("Yahoo",), "tag": ("alert",)},
    {"domain": ("a.example",), "ip": ("192.0.2.1",)},
    {"recipient_provider": ("Gmail", "Outlook")},
]


@pytest.mark.parametrize("where", PLACES, ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_a_place_is_found_from_any_slice_that_touches_it(where: Where, seed: int) -> None:
    cubes = cubes_of(where, 0.06, seed=seed)
    starts = [((level, names[0]),) for level, names in where.items()]
    for start in (*starts, (), (("recipient_provider", "Gmail"),)):
        assert localise(window(cubes), start) == where


@pytest.mark.parametrize("where", PLACES[1:8], ids=str)
def test_a_fall_is_found_like_a_rise(where: Where) -> None:
    cubes = cubes_of(where, -0.5, rate=0.3)
    assert localise(window(cubes, sign=-1, stray=0.02), ()) == where


def test_mail_that_was_not_sent_does_not_count_for_the_whole_account() -> None:
    where = {"domain": ("b.example",)}
    cubes = cubes_of(where, 0.06)
    quiet = []
    for cube in cubes:
        n, k = cube.n.copy(), cube.k.copy()
        if "domain" in cube.levels:
            others = np.array(LEVELS["domain"]) != "b.example"
            n[others, :, INCIDENT], k[others, :, INCIDENT] = 0, 0
            quiet.append(Cube(cube.levels, cube.members, k, n, cube.noise))
    assert localise(window(quiet), ()) == where


def test_a_key_with_all_mail_is_the_account() -> None:
    cubes = [
        Cube(c.levels, (("a.example",), c.members[1]), c.k[:1], c.n[:1], c.noise[:1])
        for c in cubes_of({}, 0.06)
        if c.levels[0] == "domain"
    ]
    assert localise(window(cubes), (("domain", "a.example"),)) == {}


def test_what_is_told_already_is_not_told_again() -> None:
    first: Where = {"domain": ("b.example",)}
    second: Where = {"domain": ("a.example",), "recipient_provider": ("Yahoo",)}
    one, other = cubes_of(first, 0.08, seed=5), cubes_of(second, 0.05, seed=5)
    usual = cubes_of({}, 1e-12, seed=5)
    both = [
        Cube(a.levels, a.members, np.minimum(a.k + b.k - c.k, a.n), a.n, a.noise)
        for a, b, c in zip(one, other, usual, strict=True)
    ]
    start = (("recipient_provider", "Yahoo"),)
    assert localise(window(both, known=[first]), start) == second


def test_levels_that_are_likely_decide_between_equals() -> None:
    # On these days all mail of b.example bears one tag, so that both places are equally likely.
    where = {"domain": ("b.example",)}
    changed = []
    for cube in cubes_of(where, 0.06):
        n, k = cube.n.copy(), cube.k.copy()
        if cube.levels == ("domain", "tag"):
            n[1, 1, INCIDENT] = n[1, :, INCIDENT].sum(axis=0)
            k[1, 1, INCIDENT] = k[1, :, INCIDENT].sum(axis=0)
            n[1, ::2, INCIDENT], k[1, ::2, INCIDENT] = 0, 0
        if "tag" not in cube.levels or "domain" in cube.levels:
            changed.append(Cube(cube.levels, cube.members, k, n, cube.noise))
    start = (("domain", "b.example"),)
    assert localise(window(changed), start) == where
    tagged = localise(window(changed, cheap={"tag": -0.1}), start)
    assert tagged == {"domain": ("b.example",), "tag": ("promo",)}


def test_half_a_deviance_is_that_of_the_negative_binomial_law() -> None:
    model = Model(Shares([]), 0.05, {})
    y, mean = np.array([0.0, 3.0, 40.0, 500.0]), np.array([2.0, 3.0, 55.0, 480.0])
    size = 1 / 0.05

    def chances(means: Any) -> Any:
        return stats.nbinom.logpmf(y, size, size / (size + means))

    expected = chances(mean) - chances(np.maximum(y, 1e-9))
    assert model._chances(y, mean) == pytest.approx(expected, abs=1e-4)
    assert model._chances(np.array([500.0]), np.array([1.0])) == -10  # no cell decides alone
