"""A frame with what it offers, and the code that makes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from mgframe.explorer.offer import Offer, offer_of
from mgframe.explorer.steps import Kitchen


@dataclass(frozen=True)
class Loaded:
    """A frame at hand: `origin` is the code that makes it, `notes` what its fetch warned of."""

    kitchen: Kitchen
    offer: Offer
    origin: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, frame: pd.DataFrame, origin: Sequence[str], notes: Sequence[str] = ()) -> Loaded:
        """Look at a frame.

        Raises
        ------
        FrameError
            It cannot be explored.
        """
        return cls(Kitchen(frame), offer_of(frame), tuple(origin), tuple(notes))
