"""Who follows a fetch from another thread is told how far it is, and can end it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import CancelledError

import pytest

import mgframe as mg
from mgframe.joining import question_of
from mgframe.planning import run
from mgframe.progress import Watch
from mgframe.simulator import Model


def test_a_watch_is_told_of_every_request_that_answers(serving):
    server, client = serving(Model(domains=12, days=40))
    told: list[tuple[int, int]] = []
    frame = run(question_of(mg.domain_totals, last="3d", client=client), Watch(_into(told)))
    assert frame.index.get_level_values("domain").nunique() == 12
    assert told[0] == (0, 1)  # the list of domains; what follows from it is not known yet
    assert max(told) == (13, 13) == (len(server.requests),) * 2


def test_after_a_cancel_no_further_request_is_sent(serving):
    server, client = serving(Model(domains=40, days=40))
    client.connections = 2
    watch = Watch(lambda done, total: watch.cancel() if done == 5 else None)
    with pytest.raises(CancelledError, match="cancelled"):
        run(question_of(mg.domain_totals, last="3d", client=client), watch)
    assert 5 <= len(server.requests) <= 8  # two were on their way


def test_a_cancel_ends_the_wait_for_another_attempt(serving):
    server, client = serving(faults=["503"])
    client.retries = 1
    watch = Watch()
    over = threading.Event()

    def fetch() -> None:
        with pytest.raises(CancelledError):
            run(question_of(mg.account_totals, last="3d", client=client), watch)
        over.set()

    thread = threading.Thread(target=fetch)
    thread.start()
    while not server.requests:
        time.sleep(0.005)
    watch.cancel()
    assert over.wait(0.7)  # the shortest wait is 0.75 s
    thread.join()
    assert len(server.requests) == 1


def test_what_was_cancelled_before_it_began_sends_nothing(serving):
    server, client = serving()
    watch = Watch()
    watch.cancel()
    with pytest.raises(CancelledError):
        run(question_of(mg.account_totals, last="3d", client=client), watch)
    assert server.requests == []


def test_a_cancelled_watch_is_told_nothing_more():
    told: list[tuple[int, int]] = []
    watch = Watch(_into(told))
    watch.begin(2, threading.Event())
    watch.cancel()
    watch.step()
    assert told == [(0, 2)]


def _into(told: list[tuple[int, int]]):
    return lambda done, total: told.append((done, total))
