"""Frames to explore, and what a figure holds as plain data, for the tests of the explorer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from frames import random_frame
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

COUNTS = ("processed", "sent", "delivered", "bounced", "unique_opened", "complained")


def mail(
    *, domains: int = 3, providers: int = 2, buckets: int = 60, resolution: str = "day", **meta: Any
) -> pd.DataFrame:
    """Return a frame whose rates make sense: delivered and bounced are sent."""
    keys = {"domain": domains, "recipient_provider": providers}
    frame = random_frame(
        7, buckets=buckets, keys=keys, counts=COUNTS, resolution=resolution, largest=900
    )
    frame["processed"] = frame["sent"] + 3
    frame["delivered"] = (frame["sent"] * 95) // 100
    frame["bounced"] = frame["sent"] - frame["delivered"]
    frame["unique_opened"] = frame["delivered"] // 3
    frame["complained"] = frame["delivered"] // 400
    frame.attrs["mgframe"] |= meta
    return frame


def drawn(figure: Figure) -> dict[str, Any]:
    """Return the data of a figure: lines and bars by gid, texts, labels."""
    (ax,) = figure.axes
    lines = [
        (line.get_gid(), np.asarray(line.get_xdata(), dtype="str").tolist(), line.get_ydata())
        for line in ax.lines
    ]
    bars = [(bar.get_gid(), bar.get_width(), bar.get_height()) for bar in ax.patches]
    return {
        "lines": [(gid, x, repr(np.asarray(y, dtype="float64").tolist())) for gid, x, y in lines],
        "bars": bars,
        "texts": [text.get_text() for text in ax.texts],
        "title": ax.get_title(loc="left"),
        "labels": (ax.get_xlabel(), ax.get_ylabel()),
    }


def run_code(code: str, **names: Any) -> dict[str, Any]:
    """Run the code that the explorer hands out, as a colleague would."""
    space: dict[str, Any] = dict(names)
    exec(compile(code, "explored.py", "exec"), space)
    plt.close("all")  # what it drew on is kept by `space`
    return space
