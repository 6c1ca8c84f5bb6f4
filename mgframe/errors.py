"""The errors of mgframe, one tree.

::

    MgframeError
    ├── ConfigurationError      no key, an unusable base URL, a missing extra
    ├── QueryError              refused before anything was sent   (also a ValueError)
    ├── TransportError          no answer: connection, time-out
    ├── ApiError                answered with an error status: status, message, endpoint, region
    │   ├── AuthenticationError     401
    │   ├── PermissionDenied        402, 403
    │   ├── NotFound                404
    │   ├── RateLimited             420, 429                       (wait, in seconds)
    │   └── ServerError             5xx
    ├── ResponseError           answered, but not as documented
    ├── FrameError              this frame lacks a level, a column or a fact (also a ValueError)
    └── ArchiveError            kept history that cannot be read or written as it lies

An outage is an error, never an empty frame. A message names the argument, the value, the choices
and the next step; it never holds a key.

    MgframeWarning              the root of all warnings (also a UserWarning)
    └── DeprecationNotice       the Stats API is deprecated; shown once a process
"""

from __future__ import annotations

import difflib
import inspect
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class MgframeError(Exception):
    """The root of every error that mgframe raises."""


class ConfigurationError(MgframeError):
    """The client or an optional part cannot be set up: no key, a bad base URL, a missing extra."""


class QueryError(MgframeError, ValueError):
    """The question is wrong; nothing was sent."""


class TransportError(MgframeError):
    """No answer came: the connection failed or timed out, retries included."""


class ApiError(MgframeError):
    """Mailgun answered with an error status.

    Attributes
    ----------
    status : int
        The HTTP status.
    message : str
        What the server said, without any key.
    endpoint : str
        Method and path, without query.
    region : str
        The region asked.
    """

    def __init__(
        self, status: int, message: str, *, endpoint: str = "", region: str = "", hint: str = ""
    ) -> None:
        self.status = status
        self.message = message
        self.endpoint = endpoint
        self.region = region
        text = f"{endpoint} answered {status}: {message}" if endpoint else f"{status}: {message}"
        if region:
            text += f" (region {region})"
        super().__init__(f"{text}. {hint}" if hint else text)


class AuthenticationError(ApiError):
    """401: the key is missing, wrong, or not of this region or domain."""


class PermissionDenied(ApiError):
    """402 or 403: the plan or the key's role does not allow this."""


class NotFound(ApiError):
    """404: no such domain or path in this account and region."""


class RateLimited(ApiError):
    """420 or 429: too many requests.

    Attributes
    ----------
    wait : float or None
        Seconds until the server takes requests again, None where it did not say.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        endpoint: str = "",
        region: str = "",
        hint: str = "",
        wait: float | None = None,
    ) -> None:
        self.wait = wait
        super().__init__(status, message, endpoint=endpoint, region=region, hint=hint)


class ServerError(ApiError):
    """5xx: Mailgun's side failed, retries included."""


class ResponseError(MgframeError):
    """The server answered, but not as documented: not JSON, truncated, impossible numbers."""


class FrameError(MgframeError, ValueError):
    """The frame lacks a level, a column or a fact that the call needs."""


class ArchiveError(MgframeError):
    """The archive cannot be read or written: damaged, foreign, newer, read-only, or a full disk."""


class MgframeWarning(UserWarning):
    """The root of every warning that mgframe gives."""


class DeprecationNotice(MgframeWarning):
    """The Stats API is deprecated; ``MGFRAME_STATS_NOTICE=off`` in the environment silences it."""


def suggestion(name: object, choices: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the choice nearest to `name`, else an empty string."""
    near = difflib.get_close_matches(str(name).lower(), list(choices), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def type_said(value: object, *, archive: str = "archive.frame(...) gives a frame of it") -> str:
    """Return the type of a value that is no frame; of an archive also what to do with it."""
    name = type(value).__name__
    # By its name: the archive stands below all that refuses it, and is loaded where it is used.
    return f"{name} ({archive})" if name == "Archive" else name


_GATHERED: ContextVar[list[str] | None] = ContextVar("gathered", default=None)


@contextmanager
def gathered() -> Iterator[list[str]]:
    """Collect what this thread warns of, each text once, in place of warning.

    For a caller that shows the texts itself. What `warnings` offers for it changes the whole
    process, so that two threads get in each other's way.
    """
    texts: list[str] = []
    token = _GATHERED.set(texts)
    try:
        yield texts
    finally:
        _GATHERED.reset(token)


def warn(text: str, category: type[Warning] = MgframeWarning) -> None:
    """Warn at the line outside mgframe that led here, so that each caller sees it once."""
    texts = _GATHERED.get()
    if texts is not None:
        texts += [text] if text not in texts else []
        return
    frame, depth = inspect.currentframe(), 1
    while frame is not None and frame.f_globals.get("__name__", "").startswith("mgframe."):
        frame, depth = frame.f_back, depth + 1
    warnings.warn(text, category, stacklevel=depth)
