"""The benchmark of incidents: what it hands over, and how it judges, by findings made by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from benchmarks.incidents.__main__ import GENERATORS, METHODS, SPLITS, main, score
from benchmarks.incidents.accounts import (
    ACTS,
    BOTS,
    CYCLE,
    KINDS,
    MAIL,
    PAIRS,
    QUIET,
    Account,
    Leaf,
    Truth,
    inside,
)
from benchmarks.incidents.naive import p_chart, two_proportions
from benchmarks.incidents.scoring import FAMILIES, jaccard, judge, matching, run
from benchmarks.incidents.simulated import planted_model, simulated_account
from benchmarks.incidents.tables import shares, written

import mgframe as mg
from mgframe.vocabulary import RATES

FIRST = pd.Timestamp("2026-01-05", tz="UTC")


# ---------------------------------------------------------------- what a method is given


@pytest.mark.slow
@pytest.mark.parametrize("seed", [7, 12])
def test_a_simulated_account_is_handed_over_as_the_api_would(
    seed: int, serving: Callable[..., tuple[Any, mg.Client]]
) -> None:
    planted, account = planted_model(seed), simulated_account(seed)
    _, client = serving(planted.model)
    end = f"{planted.first + pd.Timedelta(days=planted.days - 1):%Y-%m-%d}"
    for pair, frame in zip(PAIRS, account.frames(), strict=True):
        asked = mg.metrics(by=pair, start=f"{planted.first:%Y-%m-%d}", end=end, client=client)
        pd.testing.assert_frame_equal(frame, asked)
        known, told = frame.attrs["mgframe"], asked.attrs["mgframe"]
        for name in ("complete_until", "resolution", "asked", "answered", "simulated", "request"):
            assert known[name] == told[name]


@pytest.mark.parametrize("generator", GENERATORS)
def test_frames_are_sound_and_the_same_for_a_seed(generator: str) -> None:
    account = GENERATORS[generator](24)
    for frame, again in zip(account.frames(), GENERATORS[generator](24).frames(), strict=True):
        mg.check_frame(frame)
        pd.testing.assert_frame_equal(frame, again)
        if "processed" in frame:
            failed = frame["delivered"] + frame["permanent_failed"]
            assert (failed >= frame["processed"]).all()
            assert (frame["sent"] == frame["delivered"] + frame["bounced"]).all()


@pytest.mark.parametrize("generator", GENERATORS)
def test_what_was_known_earlier_is_the_beginning_of_what_is_known_now(generator: str) -> None:
    account = GENERATORS[generator](4)
    for early, late in zip(account.frames(until=60), account.frames(), strict=True):
        assert early.attrs["mgframe"]["complete_until"] == f"{account.first_day + 60 * DAY:{ISO}}"
        pd.testing.assert_frame_equal(early, late.loc[early.index], check_index_type=False)


DAY, ISO = pd.Timedelta(days=1), "%Y-%m-%dT%H:%M:%SZ"


@pytest.mark.parametrize("generator", GENERATORS)
def test_planted_failures_are_in_the_counts(generator: str) -> None:
    account = GENERATORS[generator](8)  # an IP is blocked
    (truth,) = account.truths
    there = inside(account.leaves, truth.where)
    blocked = account.mail[:, there, MAIL.index("permanent_failed_esp_block")].sum(axis=1)
    sent = account.mail[:, there, MAIL.index("processed")].sum(axis=1)
    days = slice(truth.start, truth.end + 1)
    expected = truth.size * sent[days].sum()
    assert truth.extra["failure"] == pytest.approx(expected, rel=0.25)
    assert blocked[days].sum() / sent[days].sum() > 5 * blocked[:50].sum() / sent[:50].sum()


def test_three_of_four_accounts_have_incidents_of_every_kind() -> None:
    assert {*CYCLE} == {*KINDS, *QUIET, "two"}
    assert sum(kind in QUIET for kind in CYCLE) == 5
    assert max(SPLITS.values()) - min(SPLITS.values()) == 200_000


# ---------------------------------------------------------------- judging


@pytest.fixture
def account() -> Account:
    """Ten days of two domains, two providers and a tag each, 100 messages a leaf and day."""
    leaves = tuple(
        Leaf(domain, provider, (tag,), "192.0.2.1")
        for domain, tag in (("a.example", "x"), ("b.example", "y"))
        for provider in ("Gmail", "Yahoo")
    )
    mail = np.zeros((10, len(leaves), len(MAIL)), np.int64)
    mail[:, :, MAIL.index("processed")] = 100
    acts = np.zeros((10, len(leaves), len(BOTS), len(ACTS)), np.int64)
    truth = Truth("provider_block", {"recipient_provider": ("Gmail",)}, 5, 7, 0.3, {"failure": 100})
    return Account(0, "provider_block", "hand", FIRST, leaves, mail, acts, (truth,))


def finding(**said: Any) -> dict[str, Any]:
    """Return a finding that is right in everything, but for what is said."""
    right = {
        "kind": "rate",
        "metric": "bounce_rate",
        "keys": {"recipient_provider": ["Gmail"]},
        "start": 5,
        "end": 7,
        "excess": 110.0,
    } | said
    days = {name: FIRST + pd.Timedelta(days=right[name]) for name in ("start", "end")}
    return right | days | {"keys": json.dumps(right["keys"])}


def judged(account: Account, *findings: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    columns = ["kind", "metric", "keys", "start", "end", "excess"]
    (truth,), whole = judge(account, pd.DataFrame([*findings], columns=columns))
    return truth, whole


def test_a_right_finding_is_right_in_everything(account: Account) -> None:
    truth, whole = judged(account, finding())
    assert truth["detectable"]
    assert all(truth[name] for name in ("found", "exact", "onset", "right_kind", "affected"))
    assert (whole["false"], whole["matching_top"], whole["quiet"]) == (0, 1, False)


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"keys": {"recipient_provider": ["Gmail"], "domain": ["a.example"]}}, {"exact"}),
        ({"keys": {}}, {"exact"}),
        ({"keys": {"recipient_provider": ["Gmail"], "bot": ["None"]}}, set()),
        ({"keys": {"recipient_provider": ["Gmail"], "domain": ["a.example", "b.example"]}}, set()),
        ({"start": 3}, {"onset"}),
        ({"start": 4}, set()),
        ({"kind": "mix"}, {"right_kind"}),
        ({"excess": 130.0}, {"affected"}),
        ({"excess": -81.0}, set()),
        ({"metric": "deferral_rate"}, {"affected"}),
    ],
)
def test_a_finding_is_judged_in_each_respect(
    account: Account, said: dict[str, Any], wrong: set[str]
) -> None:
    truth, whole = judged(account, finding(**said))
    respects = {"exact", "onset", "right_kind", "affected"}
    assert truth["found"]
    assert {name for name in respects if not truth[name]} == wrong
    assert whole["false"] == 0


@pytest.mark.parametrize(
    ("said", "false"),
    [
        ({"keys": {"recipient_provider": ["Yahoo"]}}, 1),
        ({"keys": {"recipient_provider": ["Nobody"]}}, 1),
        ({"start": 0, "end": 4}, 1),
        ({"start": 8, "end": 9}, 1),
        ({"metric": "open_rate"}, 0),  # there and then: a consequence, no false alarm
        ({"metric": "open_rate", "keys": {"recipient_provider": ["Yahoo"]}}, 1),
    ],
)
def test_what_does_not_match_is_false_unless_it_is_there_and_then(
    account: Account, said: dict[str, Any], false: int
) -> None:
    truth, whole = judged(account, finding(**said))
    assert not truth["found"]
    assert (whole["false"], whole["matching_top"]) == (false, 0)


def test_only_the_first_three_findings_count_as_found(account: Account) -> None:
    elsewhere = finding(keys={"recipient_provider": ["Yahoo"]})
    assert judged(account, elsewhere, elsewhere, finding())[0]["found"]
    truth, whole = judged(account, *[elsewhere] * 3, finding())
    assert not truth["found"]
    assert (whole["false"], whole["false_top"], whole["findings"]) == (3, 3, 4)


def test_the_best_placed_matching_finding_is_judged(account: Account) -> None:
    truth, _ = judged(account, finding(keys={}), finding())
    assert truth["found"]
    assert not truth["exact"]


def test_complaints_are_placed_only_where_they_are_heard(account: Account) -> None:
    truth = Truth("complaints", {"domain": ("a.example",)}, 5, 7, 0.01, {"complaint": 30})
    sick = replace(account, truths=(truth,))
    heard = {"domain": ["a.example"], "recipient_provider": ["Yahoo"]}
    row, _ = judged(sick, finding(metric="complaint_rate", keys=heard, excess=30))
    assert row["exact"]
    assert row["affected"]


def test_every_finding_on_a_quiet_account_is_false(account: Account) -> None:
    rows, whole = judge(replace(account, truths=()), pd.DataFrame([finding()]))
    assert (rows, whole["quiet"], whole["false"]) == ([], True, 1)


@pytest.mark.parametrize(
    ("kind", "extra", "points", "detectable"),
    [
        ("stale_list", {"failure": 50}, 0, True),
        ("stale_list", {"failure": 49}, 0, False),
        ("provider_block", {"failure": 49, "deferral": 500}, 0, False),
        ("throttle", {"deferral": 100, "failure": 3}, 0, True),
        ("complaints", {"complaint": 19}, 0, False),
        ("bots", {"open": 100}, 0, True),
        ("mix", {}, -3.1, True),
        ("mix", {}, 2.9, False),
    ],
)
def test_what_is_detectable(
    kind: str, extra: dict[str, float], points: float, detectable: bool
) -> None:
    assert Truth(kind, {}, 1, 2, 0.1, extra, points).detectable is detectable


def test_places_are_compared_by_their_mail() -> None:
    one, other = np.array([True, True, False]), np.array([False, True, True])
    assert jaccard(one, other, np.array([10, 70, 20])) == 0.7
    assert jaccard(one, other, np.array([0, 0, 0])) == 0


def test_found_soon_is_asked_of_what_was_known_then(account: Account) -> None:
    seen: list[int] = []

    def method(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
        days = frames[0].index.get_level_values("time").nunique()
        seen.append(days)
        return pd.DataFrame([finding()] if days >= 8 else [], columns=list(finding()))

    (row,), whole = run(account, method, days=(1, 3, 30))
    assert seen == [10, 6, 8, 10]
    assert [row[f"within_{day}"] for day in (1, 3, 30)] == [False, True, True]
    assert whole["seconds"] >= 0


def test_every_rate_belongs_to_a_family() -> None:
    assert set(FAMILIES) == set(RATES)


def test_shares_leave_out_what_is_too_small_to_ask_for() -> None:
    truths = pd.DataFrame(
        {
            "detectable": [True, True, False],
            "found": [True, False, True],
            "exact": [True, None, True],
            "onset": [False, None, True],
            "right_kind": [True, None, True],
            "affected": [None, None, True],
        }
    )
    accounts = pd.DataFrame(
        {"quiet": [True, False], "false": [2, 1], "matching_top": [0, 2], "false_top": [2, 0]}
    )
    found = shares(truths, accounts)
    assert found["recall at top 3"] == (1, 2)
    assert found["precision"] == (2, 4)
    assert found["exact place"] == (1, 1)
    assert found["onset within a day"] == (0, 1)
    assert found["affected within 20 %"] == (0, 0)
    assert found["quiet accounts with a false finding"] == (1, 1)
    assert written((81, 263)) == "0.308 (0.26-0.37)"  # Newcombe 1998


# ---------------------------------------------------------------- methods and the command


@pytest.mark.parametrize("method", [two_proportions, p_chart])
def test_naive_methods_see_what_is_large_and_late(method: Any, account: Account) -> None:
    mail = np.zeros((60, len(account.leaves), len(MAIL)), np.int64)
    for name, count in (("processed", 1000), ("delivered", 990), ("bounced", 10)):
        mail[:, :, MAIL.index(name)] = count
    gmail = inside(account.leaves, {"recipient_provider": ["Gmail"]})
    mail[53:, gmail, MAIL.index("bounced")] += 200
    truth = Truth(
        "provider_block", {"recipient_provider": ("Gmail",)}, 53, 59, 0.2, {"failure": 2800}
    )
    acts = np.zeros((60, *account.acts.shape[1:]), np.int64)
    sick = replace(account, mail=mail, acts=acts, truths=(truth,))
    found = [row for _, row in method(sick.frames()).iterrows() if matching(sick, row, truth)]
    assert any(sick.day(row["start"]) == truth.start for row in found)
    assert any(row["excess"] == pytest.approx(2800, rel=0.15) for row in found)


@pytest.mark.slow
def test_the_command_prints_the_tables(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--split", "tuning", "--accounts", "2", "--methods", "p chart", "--misses"])
    told = capsys.readouterr().out
    assert "| recall at top 3 | p chart, simulator | p chart, mixtures |" in told
    assert "clean: false findings" in told


@pytest.mark.slow
def test_a_method_is_scored_alike_alone_and_side_by_side() -> None:
    one, two = (
        score("mixtures", range(4), ["two proportions"], jobs=jobs)["two proportions"]
        for jobs in (1, 2)
    )
    pd.testing.assert_frame_equal(one[0], two[0])
    pd.testing.assert_frame_equal(one[1].drop(columns="seconds"), two[1].drop(columns="seconds"))


def test_the_methods_are_the_library_and_two_naive_ones() -> None:
    assert list(METHODS) == ["investigate", "two proportions", "p chart"]
