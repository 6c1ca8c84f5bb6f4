"""A fetch in a thread of its own: followed, cancelled, and never silent about what went wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass

import pandas as pd

from mgframe.errors import MgframeError, gathered
from mgframe.planning import Question, run
from mgframe.progress import Watch


@dataclass(frozen=True)
class Outcome:
    """What became of a fetch: its frame, or the sentence that says why there is none."""

    frame: pd.DataFrame | None = None
    problem: str = ""
    notes: tuple[str, ...] = ()


class Fetch:
    """One question on its way.

    Parameters
    ----------
    question : Question
        What is asked.
    done : callable
        Gets the outcome, in the fetch's own thread; not called once the fetch was cancelled.
    told : callable
        Gets how many requests have answered, and how many there are as far as is known.
    """

    def __init__(
        self,
        question: Question,
        done: Callable[[Outcome], None],
        told: Callable[[int, int], None],
    ) -> None:
        self._question, self._done = question, done
        self._watch = Watch(told)
        # Python ends without waiting for a request, which may take a minute. A read is short, and
        # waited for: the library it is inside of must not be torn down under it.
        asks = bool(question.calls)
        self._thread = threading.Thread(target=self._run, name="mgframe-explorer", daemon=asks)

    def start(self) -> None:
        """Begin; this returns at once."""
        self._thread.start()

    def cancel(self) -> None:
        """Let no further request start; what still comes is thrown away."""
        self._watch.cancel()

    def wait(self, seconds: float | None = None) -> None:
        """Wait until it is over."""
        self._thread.join(seconds)

    def _run(self) -> None:
        outcome = self._outcome()
        if not self._watch.cancelled:
            self._done(outcome)

    def _outcome(self) -> Outcome:
        try:
            with gathered() as notes:
                frame = run(self._question, self._watch)
        except CancelledError:
            return Outcome(problem="The fetch was cancelled.")
        except MgframeError as error:
            return Outcome(problem=str(error))
        except Exception as error:  # noqa: BLE001 - a thread has nobody who would see it
            return Outcome(problem=sentence_of(error))
        return Outcome(frame, notes=tuple(notes))


def sentence_of(error: Exception) -> str:
    """Return a fault of our own as a sentence."""
    return f"mgframe failed with {type(error).__name__}: {error}; please report it"
