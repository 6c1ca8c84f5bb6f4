"""One query to the Metrics API, as the fewest requests: chunks of counts, regions and pages."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from operator import attrgetter

import pandas as pd

from mgframe.client import Call
from mgframe.metrics_answering import metrics_frame
from mgframe.metrics_asking import Query
from mgframe.metrics_parsing import read_page, same_rows
from mgframe.paging import Pages, Series, every_page
from mgframe.planning import Question

Then = Callable[[pd.DataFrame], pd.DataFrame | Question]


def ask(query: Query, then: Then | None = None, *, progress: bool | None = None) -> Question:
    """Return the question for every page of every chunk and region; `then` takes the frame."""
    chunks = query.chunks()
    series = [
        Series(
            call=partial(_call, query, chunk, region),
            limit=query.page,
            rows=attrgetter("size"),
            total=attrgetter("total"),
            at_most=query.at_most(),
            read=partial(read_page, keys=query.keys, counts=chunk, timed=query.timed),
            same=same_rows,
        )
        for region in query.regions
        for chunk in chunks
    ]
    regions = [region or query.client.region for region in query.regions for _ in chunks]

    def finish(pages: list[Pages]) -> pd.DataFrame | Question:
        frame = metrics_frame(query, regions, pages)
        return frame if then is None else then(frame)

    return every_page(query.client, series, finish, progress=progress)


def _call(query: Query, chunk: tuple[str, ...], region: str, skip: int) -> Call:
    return query.call(chunk, skip, region)
