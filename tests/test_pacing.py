"""The client's pace: never more requests than allowed, and waits that can be ended."""

import logging
import threading
from collections import Counter
from concurrent.futures import CancelledError

import pytest

from mgframe import pacing
from mgframe.pacing import LIMITS


class FakeTime:
    """A clock that only pauses move."""

    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(pacing, "_monotonic", lambda: self.now)
        monkeypatch.setattr(pacing, "pause", self.pause)

    def pause(self, seconds, stop):
        self.now += seconds


@pytest.mark.parametrize("budget", LIMITS)
def test_limit_allows_a_burst_and_never_more_than_its_size_in_a_period(budget, monkeypatch):
    size, period = LIMITS[budget]
    time = FakeTime(monkeypatch)
    bucket, starts, stop = pacing.Bucket(size, period), [], threading.Event()
    for number in range(3 * size):
        if number == size // 2:
            time.now += period / 4
        bucket.take(stop)
        starts.append(time.now)
    assert starts[: size // 2] == [100.0] * (size // 2)
    assert starts[size - 1] == 100.0 + period / 4
    assert all(b - a >= period - 1e-9 for a, b in zip(starts, starts[size:], strict=False))
    assert starts[-1] == pytest.approx(100.0 + 2 * period + period / 4)


def test_wait_for_the_limit_is_logged(monkeypatch, caplog):
    FakeTime(monkeypatch)
    bucket = pacing.Bucket(1, 60.0)
    with caplog.at_level(logging.INFO, logger="mgframe"):
        bucket.take(threading.Event())
        bucket.take(threading.Event())
    assert caplog.messages == ["the client-side limit is reached; waiting 60.0 s"]


def test_limit_holds_between_threads(monkeypatch):
    monkeypatch.setattr(pacing, "_monotonic", lambda: 0.0)
    slept, stop = [], threading.Event()
    monkeypatch.setattr(pacing, "pause", lambda seconds, stop: slept.append(seconds))
    bucket = pacing.Bucket(10, 1.0)
    threads = [
        threading.Thread(target=lambda: [bucket.take(stop) for _ in range(25)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(slept) == {float(period): 10 for period in range(10)}


def test_back_off_stays_at_the_longest_wait(monkeypatch):
    monkeypatch.setattr(pacing, "jitter", lambda: 0.5)
    assert pacing.back_off(100_000) == pacing.LONGEST_WAIT


def test_pause_ends_when_the_batch_is_stopped():
    stop = threading.Event()
    pacing.pause(0.0, stop)
    stop.set()
    with pytest.raises(CancelledError):
        pacing.pause(60.0, stop)
