"""Mix and rate: the published examples, exact sums, words, tags and what is refused."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
import pytest
from frames import frame_of, grid_of, random_frame
from hypothesis import given, settings
from hypothesis import strategies as st

from mgframe.analysis.attributing import attribute
from mgframe.analysis.mixing import kitagawa, split_mix
from mgframe.errors import FrameError, MgframeWarning, QueryError
from mgframe.framing import meta_of

BEFORE, AFTER = "2026-11-02/2026-11-15", "2026-11-16/2026-11-29"
WINDOWS: dict[str, Any] = {"before": BEFORE, "after": AFTER}
ONE_DAY: dict[str, Any] = {"before": "2026-11-02/2026-11-02", "after": "2026-11-09/2026-11-09"}

UCB = {
    "A": ((512, 313), (89, 19)),
    "B": ((353, 207), (17, 8)),
    "C": ((120, 205), (202, 391)),
    "D": ((138, 279), (131, 244)),
    "E": ((53, 138), (94, 299)),
    "F": ((22, 351), (24, 317)),
}


def ucb() -> pd.DataFrame:
    """Return Berkeley's admissions of 1973: men on one Monday, women on the next."""
    rows = [
        (day, department, admitted, admitted + rejected)
        for department, sexes in UCB.items()
        for day, (admitted, rejected) in zip(("2026-11-02", "2026-11-09"), sexes, strict=True)
    ]
    days, departments, delivered, sent = zip(*rows, strict=True)
    return frame_of(days, {"domain": departments}, {"delivered": delivered, "sent": sent},
                    resolution="day", complete_until="2027-01-01")  # fmt: skip


def random_days(seed: int, keys: dict[str, int], *, empty: float = 0.3) -> pd.DataFrame:
    """Return 28 days in which whole keys are empty in one of both fortnights."""
    frame = random_frame(seed, buckets=28, keys=keys, counts=["bounced", "processed"],
                         start="2026-11-02")  # fmt: skip
    frame["processed"] += frame["bounced"]
    random = np.random.default_rng(seed)
    late = (frame.index.get_level_values("time").day >= 16).astype(int)
    cell = frame.index.droplevel("time")
    gone = random.random((cell.nunique(), 2)) < empty
    gone[0] = False
    frame[gone[pd.factorize(cell)[0], late]] = 0
    return frame


def whole(frame: pd.DataFrame) -> tuple[float, float]:
    """Return the rate of everything in both fortnights."""
    late = frame.index.get_level_values("time").day >= 16
    sums = [frame[rows].astype("float64").sum() for rows in (~late, late)]
    return sums[0]["bounced"] / sums[0]["processed"], sums[1]["bounced"] / sums[1]["processed"]


# ---------------------------------------------------------------- published examples


def test_three_groups_are_split_as_worked_by_hand() -> None:
    k0, n0 = np.array([9800.0, 4900, 1800]), np.array([10000.0, 5000, 2000])
    k1, n1 = np.array([4900.0, 9700, 1500]), np.array([5000.0, 10000, 3000])
    mix, rate = kitagawa(k0, n0, k1, n1)
    np.testing.assert_allclose(rate, [0, -0.004248, -0.056863], atol=5e-7)
    np.testing.assert_allclose(mix, [-0.014742, 0.011107, -0.011398], atol=5e-7)
    assert mix.sum() + rate.sum() == pytest.approx(-0.076144, abs=5e-7)


#: Das Gupta (1993), example 5.1: households per 100 people in the United States by age (15-19 to 75
#: and over): percent of the people and headship rate, 1970 and 1985.
# fmt: off
HEADSHIP = [
    [12.9, 10.9, 9.5, 8.0, 7.8, 8.4, 8.6, 7.8, 7.0, 5.9, 4.7, 3.6, 4.9],
    [1.9, 25.8, 45.7, 49.6, 51.2, 51.6, 51.8, 54.9, 58.7, 60.4, 62.8, 66.6, 66.8],
    [10.1, 11.2, 11.6, 10.9, 9.4, 7.7, 6.3, 6.0, 6.3, 5.9, 5.1, 4.0, 5.5],
    [2.2, 24.3, 45.8, 52.5, 56.1, 55.6, 56.0, 57.4, 57.2, 61.2, 63.9, 68.6, 72.2],
]
#: Example 5.3: people (thousands), deaths per 1000, by race (two) and age (eleven), 1970 and 1985.
DEATHS = [
    [2968, 11484, 34614, 30992, 21983, 20314, 20928, 16897, 11339, 5720, 1315,
     535, 2162, 6120, 4781, 3096, 2718, 2363, 1767, 1149, 448, 117],
    [18.469, 0.751, 0.391, 1.146, 1.287, 2.672, 6.636, 15.691, 34.723, 79.763, 176.837,
     36.993, 1.352, 0.541, 2.040, 3.523, 6.746, 12.967, 24.471, 45.091, 74.902, 123.205],
    [3041, 11577, 27450, 32711, 35480, 27411, 19555, 19795, 15254, 8022, 2472,
     707, 2692, 6473, 6841, 6547, 4352, 3034, 2540, 1749, 804, 236],
    [9.163, 0.462, 0.248, 0.929, 1.084, 1.810, 4.715, 12.187, 27.728, 64.068, 157.570,
     17.208, 0.738, 0.328, 1.103, 2.045, 3.724, 8.052, 17.812, 34.128, 68.276, 125.161],
]
# fmt: on


def sides_of(example: list[list[float]]) -> tuple[np.ndarray, ...]:
    """Return k0, n0, k1, n1 of an example given as sizes and rates."""
    n0, r0, n1, r1 = (np.array(column, dtype="float64") for column in example)
    return n0 * r0, n0, n1 * r1, n1


def test_headship_rates_are_split_as_das_gupta_printed_it() -> None:
    k0, n0, k1, n1 = sides_of(HEADSHIP)
    assert [k0.sum() / n0.sum(), k1.sum() / n1.sum()] == pytest.approx([44.7268, 47.6940], abs=5e-5)
    mix, rate = kitagawa(k0, n0, k1, n1)
    assert [mix.sum(), rate.sum()] == pytest.approx([1.2269, 1.7403], abs=5e-5)


def test_death_rates_by_race_and_age_are_split_as_das_gupta_printed_it() -> None:
    sides = sides_of(DEATHS)
    mix, rate = kitagawa(*sides)
    assert rate.sum() == pytest.approx(-2.2277254, abs=5e-7)
    assert mix.sum() + rate.sum() == pytest.approx(-0.6862158, abs=5e-7)
    race, age = np.divmod(np.arange(22), 11)
    by_race, by_age = split_mix(*sides, keys=[race, age])
    assert by_age.sum() == pytest.approx(1.5217347, abs=5e-7)
    assert by_race.sum() == pytest.approx(0.0197749, abs=5e-7)


def test_berkeleys_women_were_admitted_less_only_by_mix() -> None:
    table = attribute(ucb(), "delivery_rate", **ONE_DAY)
    found = meta_of(table)
    assert found["change"] == pytest.approx(-0.1416, abs=5e-5)
    assert found["mix"] == pytest.approx(-0.1777, abs=5e-5)
    assert found["rate_change"] == pytest.approx(0.0360, abs=5e-5)
    assert table["reversal"].all()
    assert (
        "Simpson's paradox: at the same mix of domain it would have risen" in table["sentence"][0]
    )


# ---------------------------------------------------------------- exact sums


def test_the_arithmetic_adds_up_for_twenty_thousand_tables() -> None:
    random = np.random.default_rng(1)
    n0, n1 = (random.integers(0, 3, (6, 20_000)) * 10 ** random.integers(0, 7, (6, 20_000)) * 1.0
              for _ in range(2))  # fmt: skip
    n0[0] += 1
    n1[-1] += 1
    k0, k1 = (np.floor(n * random.random(n.shape)) for n in (n0, n1))
    mix, rate = kitagawa(k0, n0, k1, n1)
    change = k1.sum(axis=0) / n1.sum(axis=0) - k0.sum(axis=0) / n0.sum(axis=0)
    assert np.abs(mix.sum(axis=0) + rate.sum(axis=0) - change).max() < 1e-14


@settings(max_examples=8)
@given(st.integers(0, 100_000), st.integers(1, 6))
def test_effects_add_up_to_the_change_observed(seed: int, keys: int) -> None:
    frame = random_days(seed, {"domain": keys})
    table = attribute(frame, "bounce_rate", **WINDOWS)
    before, after = whole(frame)
    assert table["effect"].sum() == pytest.approx(after - before, abs=1e-12)
    assert (table["mix_effect"] + table["rate_effect"] - table["effect"]).abs().max() < 1e-15


@settings(max_examples=8)
@given(st.integers(0, 100_000), st.integers(1, 4), st.integers(1, 4))
def test_two_keys_share_the_mix_and_leave_its_sum_and_the_rates(
    seed: int, domains: int, providers: int
) -> None:
    frame = random_days(seed, {"domain": domains, "provider": providers})
    table = attribute(frame, "bounce_rate", **WINDOWS)
    before, after = whole(frame)
    parts = table["mix_domain"] + table["mix_provider"]
    np.testing.assert_allclose(parts, table["mix_effect"], atol=1e-12)
    assert table["effect"].sum() == pytest.approx(after - before, abs=1e-12)
    swapped = attribute(frame, "bounce_rate", **WINDOWS, by=["provider", "domain"])
    assert swapped["mix_domain"].sum() == pytest.approx(table["mix_domain"].sum(), abs=1e-12)


@given(st.integers(0, 100_000))
def test_effects_of_keys_are_das_guptas(seed: int) -> None:
    """The factors of each share written out cell by cell, as his nested form has them."""
    random = np.random.default_rng(seed)
    n0, n1 = (random.integers(1, 500, (3, 4)).astype(float) for _ in range(2))
    k0, k1 = (np.floor(n * random.random((3, 4))) for n in (n0, n1))
    expected = np.zeros(2)
    for i in range(3):
        for j in range(4):
            a, b = [], []
            for n in (n0, n1):
                w = n / n.sum()
                a.append(np.sqrt(w[i, j] / w[:, j].sum() * w[i].sum()))
                b.append(np.sqrt(w[i, j] / w[i].sum() * w[:, j].sum()))
            rate = (k0[i, j] / n0[i, j] + k1[i, j] / n1[i, j]) / 2
            expected += rate * np.array(
                [(a[1] - a[0]) * (b[0] + b[1]) / 2, (b[1] - b[0]) * (a[0] + a[1]) / 2]
            )
    rows, columns = (part.ravel() for part in np.indices((3, 4)))
    parts = split_mix(*(m.ravel() for m in (k0, n0, k1, n1)), keys=[rows, columns])
    np.testing.assert_allclose([part.sum() for part in parts], expected, atol=1e-12)


@settings(max_examples=6)
@given(st.integers(0, 100_000))
def test_swapping_the_windows_turns_every_effect(seed: int) -> None:
    frame = random_days(seed, {"domain": 3})
    there = attribute(frame, "bounce_rate", **WINDOWS).set_index("domain").sort_index()
    back = attribute(frame, "bounce_rate", before=AFTER, after=BEFORE)
    back = back.set_index("domain").sort_index()
    for name in ("mix_effect", "rate_effect", "effect"):
        np.testing.assert_allclose(there[name], -back[name], atol=1e-14)


def test_a_new_key_and_one_that_is_gone_are_all_mix() -> None:
    frame = grid_of(28, {"domain": ["a.com", "b.com", "c.com"]}, {
        "bounced": [10, 50, 0] * 14 + [10, 0, 90] * 14,
        "processed": [1000, 500, 0] * 14 + [1000, 0, 700] * 14,
    })  # fmt: skip
    table = attribute(frame, "bounce_rate", **WINDOWS).set_index("domain")
    assert (table["rate_effect"] == 0).all()
    assert table.loc["b.com", "mix_effect"] < 0 < table.loc["c.com", "mix_effect"]
    assert not table["reversal"].any()


def test_one_key_alone_is_all_rate() -> None:
    frame = grid_of(28, {"domain": ["a.com"]}, {"bounced": [10] * 14 + [30] * 14,
                                                "processed": 1000})  # fmt: skip
    row = attribute(frame, "bounce_rate", **WINDOWS).iloc[0]
    assert (row["mix_effect"], row["rate_effect"]) == (0, pytest.approx(0.02))
    assert row["sentence"].startswith("Bounce rate rose from 1.00% to 3.00% (+2.00 points)")


def test_nothing_changed_is_said_so() -> None:
    frame = grid_of(28, {"domain": ["a.com", "b.com"]}, {"bounced": 0, "processed": 10})
    table = attribute(frame, "bounce_rate", **WINDOWS)
    assert (table["effect"] == 0).all()
    assert table["sentence"][0] == (
        "Bounce rate stayed at 0.00%: +0.00 points from rates within domain, +0.00 points from the "
        "mix of domain."
    )


# ---------------------------------------------------------------- intervals


def test_intervals_are_those_of_days_drawn_anew() -> None:
    random = np.random.default_rng(4)
    days, keys = 28, 4
    size = np.repeat([[4000, 2000, 800, 300], [2000, 3000, 900, 700]], 14, axis=0)
    processed = random.poisson(size)
    rate = (
        random.normal(0.03, 0.003, (days, keys)) + size / 200_000 + np.arange(days)[:, None] / 2000
    )
    bounced = random.binomial(processed, rate)
    frame = grid_of(days, {"domain": list("abcd")}, {
        "bounced": bounced.ravel().tolist(), "processed": processed.ravel().tolist(),
    })  # fmt: skip
    table = attribute(frame, "bounce_rate", **WINDOWS).sort_values("domain")
    drawn = []
    for _ in range(2000):
        first, second = random.integers(0, 14, 14), random.integers(14, 28, 14)
        sums = [
            m[d].sum(axis=0).astype(float) for d in (first, second) for m in (bounced, processed)
        ]
        drawn.append(kitagawa(*sums))
    for place, name in enumerate(("mix_effect", "rate_effect")):
        spread = np.std([effects[place] for effects in drawn], axis=0) * np.sqrt(14 / 13)
        half = (table[f"{name}_high"] - table[f"{name}_low"]).to_numpy() / 2 / 2.160
        np.testing.assert_allclose(half, spread, rtol=0.12)


def test_a_single_day_a_side_has_no_intervals() -> None:
    table = attribute(ucb(), "delivery_rate", **ONE_DAY)
    assert table[["mix_effect_low", "rate_effect_high"]].isna().all(axis=None)


@pytest.mark.slow
def test_ten_thousand_leaves_take_less_than_a_second() -> None:
    frame = random_frame(1, buckets=28, keys={"domain": 100, "provider": 100},
                         counts=["bounced", "processed"], start="2026-11-02")  # fmt: skip
    frame["processed"] += frame["bounced"]
    start = time.process_time()
    table = attribute(frame, "bounce_rate", **WINDOWS)
    assert time.process_time() - start < 1
    assert len(table) == 10_000


# ---------------------------------------------------------------- tags


def tagged(counts: dict[str, list[int]]) -> pd.DataFrame:
    tags = list(counts)
    rows = [counts[tag][half] for half in (0, 1) for _ in range(14) for tag in tags]
    return grid_of(28, {"tag": tags}, {"bounced": [n // 10 for n in rows], "processed": rows})


def account(before: int, after: int, bounced: tuple[int, int]) -> pd.DataFrame:
    return grid_of(28, {"account": ["account"]}, {
        "bounced": [bounced[0]] * 14 + [bounced[1]] * 14,
        "processed": [before] * 14 + [after] * 14,
    })  # fmt: skip


def test_tags_are_no_parts_of_a_whole() -> None:
    frame = tagged({"x": [100, 200], "y": [100, 100]})
    with pytest.raises(FrameError, match="no parts of a whole"):
        attribute(frame, "bounce_rate", **WINDOWS)
    with pytest.raises(FrameError, match="tags overlap or are missing"):
        attribute(frame, "bounce_rate", **WINDOWS, total=account(150, 250, (10, 20)))
    crossed = grid_of(28, {"domain": ["a.com"], "tag": ["x"]}, {"bounced": 1, "processed": 9})
    with pytest.raises(FrameError, match="split one tag against the rest"):
        attribute(crossed, "bounce_rate", **WINDOWS)


def test_one_tag_is_split_against_the_rest() -> None:
    frame = tagged({"x": [100, 200], "y": [100, 100]})
    table = attribute(frame, "bounce_rate", **WINDOWS, tag="x", total=account(150, 250, (12, 21)))
    table = table.set_index("tag")
    assert table.loc["(rest)", ["n_before", "k_before", "n_after", "k_after"]].tolist() == [
        700, 28, 700, 14,
    ]  # fmt: skip
    assert table["effect"].sum() == pytest.approx(21 / 250 - 12 / 150, abs=1e-12)


def test_tags_that_do_not_overlap_may_be_split() -> None:
    frame = tagged({"x": [100, 200], "y": [100, 100]})
    table = attribute(frame, "bounce_rate", **WINDOWS, total=account(200, 300, (20, 30)))
    assert set(table["tag"]) == {"x", "y"}


@pytest.mark.parametrize(
    ("question", "error", "text"),
    [
        ({"tag": "x", "total": "account"}, QueryError, "must be a frame"),
        ({"tag": "z", "total": account(150, 250, (12, 21))}, FrameError, "tags are"),
        ({"tag": "x", "total": account(90, 250, (9, 21))}, FrameError, "fewer messages"),
        ({"tag": "x", "total": account(150, 250, (12, 21)).iloc[:20]}, FrameError, "lacks days"),
        ({"tag": "x", "total": tagged({"x": [1, 1]})}, FrameError, "without the level 'tag'"),
    ],
)
def test_a_tag_without_a_fitting_whole_is_refused(
    question: dict[str, Any], error: type[Exception], text: str
) -> None:
    frame = tagged({"x": [100, 200], "y": [100, 100]})
    with pytest.raises(error, match=text):
        attribute(frame, "bounce_rate", **WINDOWS, **question)


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize("level", ["country", "device", "bot"])
def test_deliveries_carry_no_country_device_or_bot(level: str) -> None:
    frame = grid_of(28, {level: ["x", "y"]}, {"unique_opened": 1, "delivered": 10})
    with pytest.raises(FrameError, match=f"no meaning per '{level}'"):
        attribute(frame, "open_rate", **WINDOWS)


def test_complaints_leave_out_those_who_report_none() -> None:
    frame = grid_of(28, {"provider": ["gmail.com", "yahoo.com"]},
                    {"complained": [0, 5] * 14 + [0, 10] * 14, "delivered": 10_000})  # fmt: skip
    table = attribute(frame, "complaint_rate", **WINDOWS)
    assert meta_of(table)["change"] == pytest.approx(0.0005)
    assert meta_of(table)["of"] == "delivered_fbl"
    assert table.set_index("provider").loc["gmail.com", "n_after"] == 0


@pytest.mark.parametrize(
    ("question", "error", "text"),
    [
        ({}, QueryError, "before= and after= must say a window"),
        ({"before": BEFORE, "after": BEFORE}, QueryError, "overlap on 14 days"),
        ({**WINDOWS, "by": []}, QueryError, "one key or two"),
        ({**WINDOWS, "by": "ip"}, FrameError, "no level 'ip'"),
        ({**WINDOWS, "tag": "x"}, QueryError, "need by='tag'"),
    ],
)
def test_a_wrong_question_is_refused_in_words(
    question: dict[str, Any], error: type[Exception], text: str
) -> None:
    frame = grid_of(28, {"domain": ["a.com", "b.com"]}, {"bounced": 1, "processed": 10})
    with pytest.raises(error, match=text):
        attribute(frame, "bounce_rate", **question)


def test_three_keys_need_a_choice() -> None:
    frame = grid_of(28, {"domain": ["a"], "provider": ["b"], "ip": ["c"]},
                    {"bounced": 1, "processed": 10})  # fmt: skip
    with pytest.raises(QueryError, match="one key or two"):
        attribute(frame, "bounce_rate", **WINDOWS)
    assert len(attribute(frame, "bounce_rate", **WINDOWS, by=["ip", "domain"])) == 1


def test_a_window_without_messages_cannot_tell() -> None:
    frame = grid_of(28, {"domain": ["a.com"]}, {"bounced": 0, "processed": [0] * 14 + [10] * 14})
    with pytest.raises(FrameError, match="cannot tell: before"):
        attribute(frame, "bounce_rate", **WINDOWS)


def test_unknown_counts_cannot_tell() -> None:
    frame = grid_of(28, {"domain": ["a.com"]}, {"bounced": None, "processed": 10})
    with (
        pytest.warns(MgframeWarning, match="leaves out 28 of 28 rows"),
        pytest.raises(FrameError, match="cannot tell: before"),
    ):
        attribute(frame, "bounce_rate", **WINDOWS)


def test_frames_that_do_not_go_together_are_refused() -> None:
    days = grid_of(28, {"domain": ["a.com"]}, {"bounced": 1, "processed": 10})
    with pytest.raises(FrameError, match="occurs twice"):
        attribute(pd.concat([days, days]), "bounce_rate", **WINDOWS, until="2027-01-01")
    hours = grid_of(14 * 24, {"domain": ["a.com"]}, {"bounced": 1, "processed": 10},
                    resolution="hour", start="2026-12-01")  # fmt: skip
    with pytest.raises(FrameError, match="different buckets: before day and after hour"):
        attribute(hours, "bounce_rate", before=days)
    ips = grid_of(14, {"ip": ["1.1.1.1"]}, {"bounced": 1, "processed": 9}, start="2026-12-01")
    with pytest.raises(FrameError, match="different keys"):
        attribute(ips, "bounce_rate", before=days)
    with pytest.raises(FrameError, match="the frame lacks delivered and sent"):
        attribute(days, "delivery_rate", **WINDOWS)
    with pytest.raises(QueryError, match="must be a frame of counts"):
        attribute(None, "bounce_rate", **WINDOWS)  # type: ignore[arg-type]


def test_a_short_history_is_told() -> None:
    frame = grid_of(10, {"domain": ["a.com"]}, {"bounced": 1, "processed": 10})
    with (
        pytest.warns(MgframeWarning, match="names 14 days, but the frame has 10"),
        pytest.raises(FrameError, match="after='2026-11-16/2026-11-29' holds no complete day"),
    ):
        attribute(frame, "bounce_rate", **WINDOWS)


def test_hours_of_another_zone_are_split_by_its_days() -> None:
    hours = grid_of(30 * 24, {"domain": ["a.com"]}, {"bounced": 1, "processed": 100},
                    resolution="hour", start="2026-11-01")  # fmt: skip
    zoned = hours.tz_convert("America/New_York", level="time")
    table = attribute(zoned, "bounce_rate", before="2026-11-02/2026-11-08",
                      after="2026-11-09/2026-11-15")  # fmt: skip
    assert table[["n_before", "n_after"]].to_numpy().tolist() == [[16_800, 16_800]]


def test_simulated_numbers_stay_so() -> None:
    frame = grid_of(28, {"domain": ["a.com"]}, {"bounced": 1, "processed": 10}, simulated=True)
    assert meta_of(attribute(frame, "bounce_rate", **WINDOWS))["simulated"] is True
