"""Sums, chosen rows, the largest keys, wide and long tables."""

from __future__ import annotations

import warnings
from typing import Any

import pandas as pd
import pytest
from frames import count_frames, frame_of, grid_of, random_frame
from hypothesis import given, settings
from hypothesis import strategies as st

from mgframe import periods, ratios, reshaping, settling
from mgframe.checking import check_frame
from mgframe.errors import FrameError, MgframeWarning, QueryError
from mgframe.ratios import rates
from mgframe.reshaping import long, top, where, wide
from mgframe.reshaping import sum as sum_of

HUGE = 2**53 + 1  # not to be told from its neighbour as a float


def plain_sum(values: list[Any], *, skipna: bool) -> Any:
    known = [int(v) for v in values if not pd.isna(v)]
    if not known or (len(known) < len(values) and not skipna):
        return pd.NA
    total = 0
    for value in known:
        total += value
    return total


# ---------------------------------------------------------------- sum


@given(
    frame=count_frames(counts=["delivered", "accepted"], largest=HUGE),
    by=st.sampled_from([["time"], ["domain"], ["domain", "time"], []]),
    skipna=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_a_sum_is_what_a_loop_over_the_rows_gives(frame, by, skipna):
    got = sum_of(frame, by, skipna=skipna)
    kept = [level for level in frame.index.names if level in by]
    groups: dict[Any, list[Any]] = {}
    for row in frame.reset_index().to_dict("records"):
        groups.setdefault(tuple(row[level] for level in kept), []).append(row)
    assert len(got) == len(groups)
    for place, key in enumerate(sorted(groups)):
        for name in ("delivered", "accepted"):
            expected = plain_sum([row[name] for row in groups[key]], skipna=skipna)
            value = got[name].iloc[place]
            assert (value is pd.NA) if expected is pd.NA else value == expected
    check_frame(got)


@given(frame=count_frames(counts=["delivered"], unknown=0))
@settings(max_examples=20, deadline=None)
def test_sums_conserve_the_total(frame):
    total = frame["delivered"].sum()
    for by in ("time", "domain", [], ["time", "domain"]):
        assert sum_of(frame, by)["delivered"].sum() == total


def test_sums_are_exact_integers():
    frame = grid_of(3, {"domain": ["a.com"]}, {"delivered": HUGE})
    assert sum_of(frame, "domain")["delivered"].tolist() == [3 * HUGE]


def test_a_sum_keeps_the_levels_named_in_the_frames_order():
    frame = grid_of(2, {"domain": ["b.com", "a.com"], "provider": ["x"]}, {"delivered": 1})
    assert sum_of(frame, ["provider", "time"]).index.names == ["time", "provider"]
    assert sum_of(frame, "domain").index.tolist() == ["a.com", "b.com"]


def test_a_sum_over_everything_is_one_row_called_total():
    got = sum_of(grid_of(2, {"domain": ["a.com", "b.com"]}, {"delivered": 5}), [])
    assert got.index.names == ["total"]
    assert got.loc["(all)", "delivered"] == 20


def test_a_sum_with_an_unknown_part_is_unknown_unless_told_otherwise():
    frame = grid_of(2, {"domain": ["a.com"]}, {"delivered": [5, None], "accepted": [None, None]})
    assert sum_of(frame, "domain")["delivered"].isna().all()
    skipped = sum_of(frame, "domain", skipna=True)
    assert skipped["delivered"].tolist() == [5]
    assert skipped["accepted"].isna().all()


def test_sums_can_be_summed_again():
    frame = grid_of(2, {"domain": ["a.com", "b.com"]}, {"delivered": [1, 2, 3, 4]})
    assert sum_of(sum_of(frame, "domain"), [])["delivered"].tolist() == [10]
    assert sum_of(sum_of(frame, "time"), "time")["delivered"].tolist() == [3, 7]


def test_a_sum_keeps_attrs_and_says_that_time_is_gone():
    frame = grid_of(2, {"domain": ["a.com"]}, {"delivered": 1}, simulated=True)
    assert sum_of(frame, "time").attrs == frame.attrs
    meta = sum_of(frame, "domain").attrs["mgframe"]
    assert (meta["simulated"], meta["resolution"]) == (True, "total")
    assert frame.attrs["mgframe"]["resolution"] == "day"


def test_the_sum_of_an_empty_frame_is_empty():
    frame = grid_of(2, {"domain": ["a.com"]}, {"delivered": 1}).iloc[:0]
    for by in ("time", "domain", []):
        got = sum_of(frame, by)
        assert got.shape == (0, 1)
        assert str(got["delivered"].dtype) == "Int64"


def test_lifetime_counters_are_never_summed_over_readings():
    frame = frame_of(["2026-11-01"], {"provider": ["x"]}, {"delivered": [1]}, time="as_of")
    with pytest.raises(FrameError, match=r"never summed over 'as_of'.*by=\['as_of', \.\.\.\]"):
        sum_of(frame, "provider")
    assert sum_of(frame, "as_of")["delivered"].tolist() == [1]


def test_tags_are_summed_only_where_the_overlap_is_accepted():
    frame = grid_of(1, {"tag": ["a", "b"]}, {"delivered": 1})
    with pytest.raises(FrameError, match=r"several tags.*'tag'.*overlap=True"):
        sum_of(frame, "time")
    assert sum_of(frame, "time", overlap=True)["delivered"].tolist() == [2]
    assert len(sum_of(frame, "tag")) == 2


def test_uniques_over_bots_and_long_windows_warn_once():
    frame = grid_of(8, {"bot": ["Apple", "None"]}, {"unique_opened": 1, "opened": 1})
    with pytest.warns(MgframeWarning) as caught:
        sum_of(frame, [])
    assert [str(warning.message) for warning in caught] == [
        "unique_opened is unique per message, recipient and bot within 7 days; summed over 'bot' "
        "and over more than 7 days the same person can count again"
    ]
    assert caught[0].filename == __file__
    sum_of(frame[["opened"]], [])


def test_rates_are_not_summed():
    frame = rates(grid_of(2, {"domain": ["a.com"]}, {"delivered": 1, "sent": 2}))
    with pytest.raises(FrameError, match=r"'delivery_rate' has dtype float64.*rates\(counts, by="):
        sum_of(frame, "domain")


def test_an_unknown_level_is_an_error_with_a_suggestion():
    frame = grid_of(1, {"domain": ["a.com"]}, {"delivered": 1})
    with pytest.raises(FrameError, match="no level 'domians'; did you mean 'domain'"):
        sum_of(frame, "domians")


# ---------------------------------------------------------------- where

DOMAINS = ["a.com", "b.com", "news.example.com"]


def three_domains() -> pd.DataFrame:
    counts = {"delivered": [1, 2, 3, 4, 5, 6]}
    return grid_of(2, {"domain": DOMAINS}, counts, note="kept")


def test_where_takes_one_value_or_several():
    frame = three_domains()
    assert where(frame, domain="b.com")["delivered"].tolist() == [2, 5]
    for several in (["a.com", "b.com"], ("a.com", "b.com"), pd.Index(["a.com", "b.com"])):
        assert where(frame, domain=several)["delivered"].tolist() == [1, 2, 4, 5]
    assert where(frame).equals(frame)
    assert where(frame, domain="b.com").attrs == frame.attrs


def test_where_leaves_no_unused_label_behind():
    got = where(three_domains(), domain="b.com")
    assert got.index.levels[1].tolist() == ["b.com"]
    check_frame(got)


def test_where_reads_times():
    frame = three_domains()
    assert where(frame, time="2026-11-03")["delivered"].tolist() == [4, 5, 6]
    assert len(where(frame, time=[pd.Timestamp("2026-11-03", tz="UTC")], domain="a.com")) == 1
    with pytest.warns(MgframeWarning, match="no row has time='2026-12-24"):
        assert where(frame, time="2026-12-24").empty


def test_where_works_on_rates_and_on_single_levels():
    frame = grid_of(1, {"domain": ["a", "b"]}, {"delivered": 1, "sent": 2})
    assert where(rates(frame), domain="a")["delivery_rate"].tolist() == [0.5]
    assert where(sum_of(frame, "domain"), domain="b")["delivered"].tolist() == [1]


def test_a_value_that_no_row_has_warns_with_the_nearest_and_gives_an_empty_frame():
    frame = three_domains()
    with pytest.warns(MgframeWarning) as caught:
        got = where(frame, domain="news.exampel.com")
    assert [str(warning.message) for warning in caught] == [
        "no row has domain='news.exampel.com'; did you mean 'news.example.com'?"
    ]
    assert got.shape == (0, 1)
    assert got.index.names == frame.index.names
    assert str(got.index.get_level_values("time").dtype) == "datetime64[us, UTC]"
    assert got.index.get_level_values("domain").dtype == frame.index.levels[1].dtype
    assert str(got["delivered"].dtype) == "Int64"


def test_the_values_that_exist_stay_when_another_does_not():
    with pytest.warns(MgframeWarning, match="no row has domain='zzz'$"):
        got = where(three_domains(), domain=["a.com", "zzz"])
    assert got["delivered"].tolist() == [1, 4]


def test_where_refuses_a_level_that_the_frame_lacks():
    with pytest.raises(FrameError, match="no level 'domains'; did you mean 'domain'"):
        where(three_domains(), domains="a.com")


# ---------------------------------------------------------------- top


def test_top_keeps_the_largest_and_sums_the_rest():
    got = top(three_domains(), 1)
    assert got.index.get_level_values("domain").unique().tolist() == [
        "(other)",
        "news.example.com",
    ]
    assert wide(got, "delivered").to_numpy().tolist() == [[3, 3], [9, 6]]
    check_frame(got)


def test_top_can_leave_the_rest_out():
    got = top(three_domains(), 2, other=False)
    assert got["delivered"].tolist() == [2, 3, 5, 6]


def test_top_of_enough_is_the_frame():
    frame = three_domains()
    got = top(frame, 3)
    pd.testing.assert_frame_equal(got, frame)
    assert got is not frame


def test_top_ranks_by_processed_then_sent_and_ties_by_name():
    frame = grid_of(1, {"domain": ["a", "b", "c"]}, {"delivered": [9, 1, 1], "sent": [1, 5, 5]})
    assert top(frame, 1, other=False).index.get_level_values("domain").tolist() == ["b"]
    opens = grid_of(1, {"country": ["de", "us"]}, {"opened": [1, 2], "clicked": [9, 1]})
    assert top(opens, 1, other=False).index.get_level_values("country").tolist() == ["us"]


def test_top_ranks_by_what_is_known_and_never_hides_what_is_not():
    frame = grid_of(2, {"domain": ["a", "b", "c"]}, {"delivered": [1, 5, None, 1, 5, 9]})
    assert wide(top(frame, 1), "delivered")["(other)"].isna().tolist() == [True, False]
    assert wide(top(frame, 2), "delivered")["(other)"].tolist() == [1, 1]


def test_top_names_the_key_where_there_are_several():
    frame = grid_of(1, {"domain": ["a", "b"], "provider": ["x", "y"]}, {"delivered": [1, 2, 3, 5]})
    got = top(frame, 1, by="provider")
    assert got.index.tolist() == [
        (pd.Timestamp("2026-11-02", tz="UTC"), domain, provider)
        for domain in ("a", "b")
        for provider in ("(other)", "y")
    ]
    with pytest.raises(FrameError, match=r"by= must name one .*\['domain', 'provider'\]"):
        top(frame, 1)
    with pytest.raises(FrameError, match=r"by='domian' is no key .* did you mean 'domain'"):
        top(frame, 1, by="domian")


@pytest.mark.parametrize("n", [0, -1, "3", 2.0, True, None])
def test_top_needs_a_number(n):
    with pytest.raises(QueryError, match=f"n={n!r} must be a whole number of 1 or more"):
        top(three_domains(), n)


def test_one_tag_alone_overlaps_with_none():
    several = grid_of(1, {"domain": ["a.com"], "tag": ["x", "y"]}, {"delivered": 1})
    one = where(several, tag="x")
    assert sum_of(one, "domain")["delivered"].tolist() == [1]
    with pytest.raises(FrameError, match="several tags"):
        sum_of(several, "domain")


def test_other_tags_are_summed_only_where_the_overlap_is_accepted():
    frame = grid_of(1, {"tag": ["a", "b", "c"]}, {"delivered": [3, 2, 1]})
    with pytest.raises(FrameError, match=r"several tags.*other=False, or say overlap=True"):
        top(frame, 1)
    assert top(frame, 1, overlap=True)["delivered"].tolist() == [3, 3]
    assert top(frame, 1, other=False)["delivered"].tolist() == [3]
    assert len(top(frame, 3)) == 3


def test_other_bots_warn_for_uniques():
    frame = grid_of(1, {"bot": ["Apple", "Gmail", "None"]}, {"unique_opened": [3, 2, 1]})
    with pytest.warns(MgframeWarning, match="summed over 'bot'"):
        top(frame, 1)


@given(frame=count_frames(counts=["delivered"], unknown=0), n=st.integers(1, 3))
@settings(max_examples=20, deadline=None)
def test_top_conserves_the_total(frame, n):
    assert top(frame, n, by="domain")["delivered"].sum() == frame["delivered"].sum()


@pytest.mark.parametrize("processed", [0, None])
def test_countries_rank_by_opens_because_deliveries_are_not_split_by_country(processed):
    counts = {"processed": [processed, processed, 99], "opened": [2, 9, 1]}
    frame = grid_of(1, {"country": ["at", "us", "unknown"]}, counts)
    assert top(frame, 1, other=False).index.get_level_values("country").tolist() == ["us"]


def test_counts_of_nothing_but_zeros_rank_no_key():
    frame = grid_of(1, {"domain": ["a", "b"]}, {"processed": 0, "sent": None, "opened": [1, 2]})
    assert top(frame, 1, other=False).index.get_level_values("domain").tolist() == ["b"]
    nothing = grid_of(1, {"domain": ["b", "a"]}, {"processed": 0})
    assert top(nothing, 1, other=False).index.get_level_values("domain").tolist() == ["a"]


def test_an_other_of_before_stays_in_the_rest():
    frame = grid_of(1, {"domain": ["a", "b", "c", "d"]}, {"sent": [5, 4, 3, 3]})
    again = top(top(frame, 2), 1)
    assert again.droplevel("time")["sent"].to_dict() == {"(other)": 10, "a": 5}
    pd.testing.assert_frame_equal(top(top(frame, 2), 2), top(frame, 2))


def test_suggestions_are_made_for_the_first_unknown_values_only(monkeypatch):
    asked = []
    monkeypatch.setattr(reshaping, "suggestion", lambda name, names: asked.append(name) or "")
    frame = grid_of(1, {"domain": ["a.com"]}, {"sent": 1})
    with pytest.warns(MgframeWarning, match=r"domain='x2' and 197 more$"):
        where(frame, domain=[f"x{i}" for i in range(200)])
    assert asked == ["x0", "x1", "x2"]


def test_wrong_types_are_refused_in_words():
    frame = three_domains()
    for call in (
        lambda: sum_of(frame, 3),
        lambda: wide(frame, ["delivered"]),
        lambda: where(frame, domain=[["a"]]),
        lambda: periods.resample(frame, 5),
        lambda: settling.settled(frame, lag=5),
    ):
        with pytest.raises(QueryError, match="must be"):
            call()


@pytest.mark.parametrize(
    "call",
    [
        lambda f: sum_of(f, "domain"),
        lambda f: top(f, 1, by="domain"),
        lambda f: wide(f, "delivered"),
        lambda f: wide(sum_of(f, "time").loc[f.index.unique("time")], "delivered"),
        lambda f: wide(rates(f, rolling="3h"), "delivery_rate"),
        lambda f: rates(f, by="time", rolling="3h"),
        lambda f: rates(f, by="provider"),
        lambda f: periods.resample(f, "D", partial=True),
        lambda f: periods.local_days(f, "Asia/Tokyo", partial=True),
        lambda f: settling.settled(f, until="2026-11-04").sort_index(),
        lambda f: settling.complete(f, "2026-11-03 05:00").sort_index(),
        lambda f: where(f, domain="domain0").sort_index(),
    ],
)
def test_the_order_of_rows_does_not_matter(call):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MgframeWarning)
        frame = random_frame(
            3,
            buckets=50,
            keys={"domain": 2, "provider": 2},
            counts=["delivered", "sent"],
            resolution="hour",
            unknown=0.05,
        )
        shuffled = frame.sort_values("delivered", ascending=False)
        pd.testing.assert_frame_equal(call(shuffled), call(frame))


# ---------------------------------------------------------------- wide and long


def test_wide_is_time_by_key():
    got = wide(three_domains(), "delivered")
    assert got.index.name == "time"
    assert got.columns.tolist() == DOMAINS
    assert got.columns.name == "domain"
    assert (got.dtypes == "Int64").all()
    assert got.to_numpy().tolist() == [[1, 2, 3], [4, 5, 6]]
    assert got.attrs["mgframe"]["note"] == "kept"


def test_wide_leaves_missing_combinations_unknown():
    got = wide(three_domains().iloc[:-1], "delivered")
    assert got["news.example.com"].isna().tolist() == [False, True]
    assert (got.dtypes == "Int64").all()


def test_wide_takes_rates_and_several_keys_and_none():
    frame = grid_of(2, {"domain": ["a"], "provider": ["x", "y"]}, {"delivered": 1, "sent": 2})
    assert wide(rates(frame), "delivery_rate").columns.tolist() == [("a", "x"), ("a", "y")]
    assert wide(sum_of(frame, "time"), "sent").columns.tolist() == ["sent"]


def test_wide_needs_the_column_and_time():
    frame = three_domains()
    with pytest.raises(FrameError, match="no column 'deliverd'; did you mean 'delivered'"):
        wide(frame, "deliverd")
    with pytest.raises(FrameError, match="no level 'time'"):
        wide(sum_of(frame, "domain"), "delivered")


def test_long_has_one_row_per_count():
    frame = grid_of(2, {"domain": ["a", "b"]}, {"delivered": [1, 2, None, 4], "opened": 0})
    got = long(frame)
    assert got.columns.tolist() == ["time", "domain", "count", "value"]
    assert str(got["value"].dtype) == "Int64"
    assert len(got) == 8
    for row in got.to_dict("records"):
        expected = frame.loc[(row["time"], row["domain"]), row["count"]]
        assert pd.isna(row["value"]) if expected is pd.NA else row["value"] == expected
    assert got.attrs == frame.attrs


def test_long_of_an_empty_frame_keeps_its_columns():
    got = long(three_domains().iloc[:0])
    assert got.shape == (0, 4)
    assert str(got["value"].dtype) == "Int64"


# ---------------------------------------------------------------- the input


def test_no_reshaping_changes_its_input():
    frame = three_domains()
    before, index, attrs = frame.copy(), frame.index, {**frame.attrs}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for call in (
            lambda: sum_of(frame, "domain"),
            lambda: where(frame, domain="zzz"),
            lambda: top(frame, 1),
            lambda: wide(frame, "delivered"),
            lambda: long(frame),
            lambda: periods.resample(frame, "W", partial=True),
            lambda: settling.complete(frame),
            lambda: settling.settled(frame, until="2026-11-03"),
        ):
            result = call()
            result.attrs["mgframe"]["note"] = "changed"
            for column in result.columns:
                result[column] = result[column].array[::-1]
    pd.testing.assert_frame_equal(frame, before)
    assert frame.index is index
    assert frame.attrs == attrs == before.attrs


def test_a_row_that_occurs_twice_is_refused_and_never_added_twice() -> None:
    week = grid_of(7, {"domain": ["a.com"]}, {"sent": 10, "delivered": 9})
    both = pd.concat([week, week.tail(3)])
    sums = [
        lambda: reshaping.sum(both, "domain"),
        lambda: reshaping.top(pd.concat([both, both.rename({"a.com": "b.com"})]), 1),
        lambda: periods.resample(both, "W", partial=True),
        lambda: ratios.rates(both, "delivery_rate", by="domain"),
    ]
    for ask in sums:
        with pytest.raises(FrameError, match=r"2026-11-06.*a\.com occurs twice.*duplicated\(\)"):
            ask()


def test_categories_as_keys_give_what_plain_texts_give() -> None:
    frame = grid_of(2, {"domain": ["a.com", "b.com", "c.com"]}, {"sent": [5, 3, 1, 5, 3, 1]})
    categories = frame.reset_index().astype({"domain": "category"}).set_index(["time", "domain"])
    pd.testing.assert_frame_equal(reshaping.top(categories, 1), reshaping.top(frame, 1))
