"""A Dask frame over an archive: the rows, sums, rates and longer buckets of pandas, to the digit.

pandas' own results of ``archive.frame`` are the oracle. The history is random and has what a
history has: rows that are missing, unknown counts, a gap that was never read, an answer in doubt, a
count that came later, files that were written again.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mgframe as mg
from mgframe.archiving import dask_frames, distributing, libraries
from mgframe.archiving.spans import Read
from mgframe.archiving.storing import keep
from mgframe.framing import with_meta

dask = pytest.importorskip("dask")

COUNTS = ["processed", "sent", "delivered", "bounced", "complained", "unique_opened"]
LEVELS = ["time", "domain", "recipient_provider"]
PROVIDERS = ["Gmail", "Yahoo", "Outlook"]
START = pd.Timestamp("2026-09-28", tz="UTC")
#: What is read, when it is doubted, and which counts it has; from day 40 to 43 nothing is read.
READS = [(0, 20, False, 5), (20, 40, True, 6), (43, 60, False, 6), (10, 25, False, 6)]
#: Hours have a third of it, from the 13th to the 14th day nothing.
#: Every set of levels that a sum can keep.
BY = [list(by) for by in chain.from_iterable(combinations(LEVELS, n) for n in range(4))]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with dask.config.set(scheduler="synchronous"), warnings.catch_warnings():
        warnings.simplefilter("ignore", mg.MgframeWarning)  # of gaps and unique counts
        yield


def random_rows(seed: int, start: pd.Timestamp, buckets: int, unit: str) -> pd.DataFrame:
    chance = np.random.default_rng(seed)
    times = start + pd.to_timedelta(np.arange(buckets), unit=unit)
    index = pd.MultiIndex.from_product([times, ["a.com", "b.com", "ü.com"], PROVIDERS])
    table = index.to_frame(index=False, name=LEVELS)
    for place, name in enumerate(COUNTS):
        values = chance.integers(0, 2**40 if place < 3 else 90, len(table))
        table[name] = pd.array(values, dtype="Int64")
        table.loc[chance.random(len(table)) < 0.01, name] = pd.NA
    return table[chance.random(len(table)) < 0.8]


def history(place: Path, resolution: str) -> mg.Archive:
    archive = mg.Archive(place)
    archive.track("mail", by=LEVELS[1:], resolution=resolution, api="none")
    unit, per_day = ("h", 24) if resolution == "hour" else ("D", 1)
    days = READS if resolution == "day" else [(a // 3, b // 3, *rest) for a, b, *rest in READS]
    for seed, (first, last, doubted, counts) in enumerate(days):
        span = (START + pd.Timedelta(days=first), START + pd.Timedelta(days=last))
        table = random_rows(seed, span[0], (last - first) * per_day, unit)
        rows = table.set_index(LEVELS)[COUNTS[:counts]]
        put(archive, rows, span, doubted)
    return archive


def put(archive: mg.Archive, rows: pd.DataFrame, span: Any, doubted: bool = False) -> None:
    read = Read(*span, None, doubted)

    def after(state: Any, _: Any) -> Any:
        kept = [r for r in state.reads if r.span != span]
        at = max(span[1], state.at or span[1])
        return replace(state, kind="sync", at=at, simulated=True, reads=(*kept, read))

    rows = with_meta(rows, {"simulated": True})
    keep(archive.table("mail"), archive.named("mail"), rows, span, after)


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> mg.Archive:
    return history(tmp_path_factory.mktemp("days") / "mail", "day")


@pytest.fixture(scope="module")
def hours(tmp_path_factory: pytest.TempPathFactory) -> mg.Archive:
    return history(tmp_path_factory.mktemp("hours") / "mail", "hour")


def assert_same(found: Any, wanted: pd.DataFrame) -> pd.DataFrame:
    """Compare what Dask gives with a pandas frame, to the digit, and with what Dask announced."""
    shape, computed = found._meta, found.compute()
    assert list(shape.dtypes.items()) == list(computed.dtypes.items())
    levels = [str(name) for name in wanted.index.names]
    result = computed.set_index(levels)
    pd.testing.assert_frame_equal(result, wanted, check_exact=True)
    assert result.index.equals(wanted.index)
    assert computed.attrs == wanted.attrs
    return result


# ---------------------------------------------------------------- rows


def test_rows_are_those_of_a_frame(days: mg.Archive) -> None:
    found = assert_same(days.to_dask("mail"), days.frame("mail"))
    assert found.isna().any().all()
    assert (found["delivered"] == 0).any()


def test_hours_are_parted_by_day_and_rows_are_those_of_a_frame(hours: mg.Archive) -> None:
    ddf = hours.to_dask("mail")
    assert ddf.npartitions == 20
    assert ddf.divisions[:2] == ("2026-09-28", "2026-09-29")
    assert_same(ddf, hours.frame("mail"))


def test_a_window_reads_the_files_of_its_periods_alone(
    hours: mg.Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = {"start": "2026-10-02", "end": "2026-10-03"}
    wanted = hours.frame("mail", ["delivered"], **window)
    opened: list[str] = []
    read = distributing._Source._file
    monkeypatch.setattr(
        distributing._Source, "_file",
        lambda source, file, columns: opened.append(file) or read(source, file, columns),
    )  # fmt: skip
    assert_same(hours.to_dask("mail", ["delivered"], **window), wanted)
    assert {file.split("/")[0] for file in opened} == {"period=2026-10-02", "period=2026-10-03"}


def test_a_part_of_the_index_reads_the_files_of_that_part(hours: mg.Archive) -> None:
    ddf = hours.to_dask("mail").loc["2026-10-02":"2026-10-03"]
    assert ddf.npartitions == 2
    assert len(ddf.compute()) == 48 * 9


def test_nothing_is_read_before_it_is_computed(
    days: mg.Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distributing._Source, "_file", None)
    days.to_dask("mail").mg.sum("domain").mg.rates()
    days.to_dask("mail").mg.resample("W").mg.long()


def test_the_past_is_what_was_known_then(tmp_path: Path) -> None:
    archive = history(tmp_path / "mail", "day")
    before, at = archive.frame("mail"), archive.table("mail").state.at
    assert at is not None
    span = (START + pd.Timedelta(days=60), START + pd.Timedelta(days=62))
    rows = random_rows(9, span[0], 2, "D").set_index(LEVELS)[COUNTS]
    put(archive, rows, span)
    past = mg.Archive(tmp_path / "mail")
    past.when = at
    assert len(archive.to_dask("mail")) == len(before) + 18
    assert_same(past.to_dask("mail"), before)


def test_a_key_that_occurs_outside_the_window_alone_has_no_rows(tmp_path: Path) -> None:
    archive = mg.Archive(tmp_path / "mail")
    archive.track("mail", by="domain", api="none")
    times = START + pd.to_timedelta([5, 6, 7], unit="D")
    table = pd.DataFrame({"time": times, "domain": ["early.com", "a.com", "a.com"], "sent": 1})
    rows = table.astype({"sent": "Int64"}).set_index(["time", "domain"])
    put(archive, rows, (times[0], times[-1] + pd.Timedelta(days=1)))
    window = {"start": times[1]}
    assert_same(archive.to_dask("mail", **window), archive.frame("mail", **window))


# ---------------------------------------------------------------- sums, rates, longer buckets


@pytest.mark.parametrize("by", BY, ids=str)
@pytest.mark.parametrize("skipna", [False, True])
def test_sums_are_those_of_pandas(days: mg.Archive, by: list[str], skipna: bool) -> None:
    wanted = days.frame("mail").mg.sum(by, skipna=skipna)
    found = assert_same(days.to_dask("mail").mg.sum(by, skipna=skipna), wanted)
    assert len(found) > 0


@pytest.mark.parametrize("by", [None, *BY], ids=str)
def test_rates_are_those_of_pandas(days: mg.Archive, by: list[str] | None) -> None:
    wanted = days.frame("mail").mg.rates(by=by)
    found = assert_same(days.to_dask("mail").mg.rates(by=by), wanted)
    assert "complaint_rate" in found


@pytest.mark.parametrize("of", ["processed", "delivered_fbl"])
def test_rates_of_another_denominator_are_those_of_pandas(days: mg.Archive, of: str) -> None:
    asked: dict[str, Any] = {"names": "complaint_rate", "by": "domain", "of": of}
    assert_same(days.to_dask("mail").mg.rates(**asked), days.frame("mail").mg.rates(**asked))


def test_a_provider_that_reports_no_complaints_has_no_rate_of_them(days: mg.Archive) -> None:
    frame, ddf = days.frame("mail"), days.to_dask("mail")
    gmail = {"recipient_provider": "Gmail"}
    found = assert_same(ddf.mg.where(**gmail).mg.rates(by="domain"),
                        frame.mg.where(**gmail).mg.rates(by="domain"))  # fmt: skip
    assert found["complaint_rate"].isna().all()


@pytest.mark.parametrize("partial", [False, True])
@pytest.mark.parametrize("rule", ["W", "M", "Q", "Y"])
def test_longer_buckets_are_those_of_pandas(days: mg.Archive, rule: str, partial: bool) -> None:
    wanted = days.frame("mail").mg.resample(rule, partial=partial)
    assert_same(days.to_dask("mail").mg.resample(rule, partial=partial), wanted)


@pytest.mark.parametrize("rule", ["D", "W", "M"])
def test_hours_add_up_as_in_pandas(hours: mg.Archive, rule: str) -> None:
    frame, ddf = hours.frame("mail"), hours.to_dask("mail")
    assert_same(ddf.mg.resample(rule, skipna=True), frame.mg.resample(rule, skipna=True))


def test_what_keeps_the_time_has_as_many_partitions(hours: mg.Archive) -> None:
    ddf = hours.to_dask("mail")
    for found in (ddf.mg.sum(["time", "domain"]), ddf.mg.resample("D"), ddf.mg.rates(by="time")):
        assert found.npartitions == ddf.npartitions
    assert ddf.mg.resample("W").npartitions == 1


def test_calls_follow_each_other_as_in_pandas(hours: mg.Archive) -> None:
    def asked(accessor: Callable[[Any], Any], rows: Any) -> Any:
        daily = accessor(accessor(rows).sum(["time", "domain"])).resample("D")
        return accessor(accessor(daily).resample("W", partial=True)).rates(by="domain")

    frame, ddf = hours.frame("mail"), hours.to_dask("mail")
    assert_same(asked(lambda x: x.mg, ddf), asked(lambda x: x.mg, frame))


def test_days_of_days_are_not_taken_for_whole_months(hours: mg.Archive) -> None:
    frame, ddf = hours.frame("mail"), hours.to_dask("mail")
    wanted = frame.mg.resample("D").mg.resample("M", partial=True)
    assert_same(ddf.mg.resample("D").mg.resample("M", partial=True), wanted)


@pytest.mark.parametrize("pieces", [1, 2, 11])
def test_sums_do_not_depend_on_the_partitions(days: mg.Archive, pieces: int) -> None:
    frame, ddf = days.frame("mail"), days.to_dask("mail").repartition(npartitions=pieces)
    assert ddf.npartitions == pieces
    assert_same(ddf.mg.sum(["time", "domain"]), frame.mg.sum(["time", "domain"]))
    assert_same(ddf.mg.rates(by="time"), frame.mg.rates(by="time"))
    assert_same(ddf.mg.resample("W"), frame.mg.resample("W"))


def test_the_rows_of_some_keys_are_those_of_pandas(days: mg.Archive) -> None:
    frame, ddf = days.frame("mail"), days.to_dask("mail")
    keys: dict[str, Any] = {"domain": ["a.com", "ü.com"], "recipient_provider": "Gmail"}
    assert_same(ddf.mg.where(**keys), frame.mg.where(**keys))
    day = "2026-10-05"
    assert_same(ddf.mg.where(time=day).mg.sum("domain"), frame.mg.where(time=day).mg.sum("domain"))


def test_longer_buckets_of_some_times_are_those_of_pandas(days: mg.Archive) -> None:
    frame, ddf = days.frame("mail"), days.to_dask("mail")
    first = pd.Timestamp("2026-10-07", tz="UTC")
    some = frame[frame.index.get_level_values("time") >= first]
    assert_same(ddf[ddf["time"] >= first].mg.resample("W"), some.mg.resample("W"))


def test_the_long_form_has_the_rows_of_pandas(days: mg.Archive) -> None:
    order = ["count", *LEVELS]
    found = days.to_dask("mail").mg.long()
    assert found.npartitions == days.to_dask("mail").npartitions
    wanted = days.frame("mail").mg.long().sort_values(order, ignore_index=True)
    result = found.compute().sort_values(order, ignore_index=True)
    pd.testing.assert_frame_equal(result, wanted)


# ---------------------------------------------------------------- what is refused


def test_a_sum_over_tags_asks_for_overlap(tmp_path: Path) -> None:
    archive = mg.Archive(tmp_path / "mail")
    archive.track("mail", by="tag", api="none")
    table = pd.DataFrame({"time": START, "tag": ["a", "b"], "delivered": [1, 2]})
    rows = table.astype({"delivered": "Int64"}).set_index(["time", "tag"])
    put(archive, rows, (START, START + pd.Timedelta(days=1)))
    ddf = archive.to_dask("mail")
    with pytest.raises(mg.FrameError, match="overlap=True"):
        ddf.mg.sum("time")
    assert ddf.mg.sum("time", overlap=True).compute()["delivered"].tolist() == [3]


@pytest.mark.parametrize(
    ("ask", "error", "words"),
    [
        (lambda m: m.sum("domian"), mg.FrameError, "did you mean 'domain'"),
        (lambda m: m.resample("H"), mg.QueryError, "'D' \\(days\\)"),
        (lambda m: m.rates("click_rate"), mg.FrameError, "unique_clicked"),
        (lambda m: m.where(tag="a"), mg.FrameError, "no level 'tag'"),
    ],
)
def test_what_pandas_refuses_is_refused_before_reading(
    days: mg.Archive, ask: Callable[[Any], Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        ask(days.to_dask("mail").mg)


def test_an_account_that_sent_nothing_has_rows_of_zeros(tmp_path: Path) -> None:
    archive = mg.Archive(tmp_path / "mail")
    archive.track("mail", "delivered", api="none")
    rows = pd.DataFrame({"time": [START], "account": "account", "delivered": [0]})
    frame = rows.astype({"delivered": "Int64"}).set_index(["time", "account"])
    put(archive, frame[:0], (START, START + pd.Timedelta(days=2)))
    if not archive.table("mail").columns.get("delivered"):
        put(archive, frame, (START, START + pd.Timedelta(days=1)))
    assert_same(archive.to_dask("mail"), archive.frame("mail"))


def test_a_row_that_occurs_twice_is_not_counted_twice(days: mg.Archive) -> None:
    import dask.dataframe as dd

    part = days.to_dask("mail").partitions[0]
    twice = dd.concat([part, part]).repartition(npartitions=1)
    with pytest.raises(mg.FrameError, match="occurs twice"):
        twice.mg.sum(LEVELS).compute()


def test_an_archive_that_holds_nothing_says_so(tmp_path: Path) -> None:
    archive = mg.Archive(tmp_path / "mail")
    archive.track("mail", by="domain")
    with pytest.raises(mg.ArchiveError, match="nothing to show yet"):
        archive.to_dask("mail")


def test_without_dask_the_extra_is_named(days: mg.Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(libraries.importlib, "import_module", missing)
    with pytest.raises(mg.ConfigurationError, match=r"pip install 'mgframe\[dask\]'"):
        days.to_dask("mail")


# ---------------------------------------------------------------- workers


def test_workers_are_sent_the_storage_options_and_nothing_of_the_environment(
    days: mg.Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILGUN_API_KEY", "key-of-nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-environment")
    opened = mg.Archive(days.place.root, storage_options={"secret": "given"})
    graph = opened.to_dask("mail").mg.sum("domain")
    sent = pickle.dumps(dict(graph.__dask_graph__()))
    assert b"given" in sent
    assert b"key-of-nobody" not in sent
    assert b"of-the-environment" not in sent
    assert "given" not in repr(graph) + repr(graph.expr) + graph.expr.tree_repr()


@pytest.mark.slow
def test_two_workers_give_the_digits_of_pandas(days: mg.Archive, hours: mg.Archive) -> None:
    from distributed import Client, LocalCluster

    cluster = LocalCluster(
        n_workers=2, processes=True, threads_per_worker=1, dashboard_address=None
    )
    with cluster, Client(cluster), dask.config.set(scheduler=None):
        for archive in (days, hours):
            frame, ddf = archive.frame("mail"), archive.to_dask("mail")
            assert_same(ddf, frame)
            assert_same(ddf.mg.sum("domain"), frame.mg.sum("domain"))
            assert_same(ddf.mg.rates(by=["time", "domain"]), frame.mg.rates(by=["time", "domain"]))
            assert_same(ddf.mg.rates(by=[]), frame.mg.rates(by=[]))
            assert_same(ddf.mg.resample("W"), frame.mg.resample("W"))
            assert len(ddf.mg.long()) == len(frame) * len(COUNTS)


def test_a_frame_of_anybody_has_the_accessor_too() -> None:
    import dask.dataframe as dd

    dask_frames.register()
    table = pd.DataFrame({"domain": ["a.com", "b.com", "a.com"], "time": START})
    table["delivered"] = pd.array([1, 2, None], dtype="Int64")
    table["time"] += pd.to_timedelta([0, 0, 1], unit="D")
    found = dd.from_pandas(table, npartitions=2).mg.sum("domain").compute()
    assert found["delivered"].tolist() == [pd.NA, 2]
