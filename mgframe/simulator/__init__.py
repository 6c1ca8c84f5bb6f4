"""A Mailgun account that does not exist: a seeded model, and a server that speaks as Mailgun does.

The model is numpy alone. The server (``serve``, ``Server``, ``Simulator``) needs werkzeug, the
extra ``demo``, and is loaded when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgframe.simulator.faults import Fault
from mgframe.simulator.incidents import Incident
from mgframe.simulator.model import Model

if TYPE_CHECKING:
    from mgframe.simulator.server import Server, Simulator, serve

__all__ = ["Fault", "Incident", "Model", "Server", "Simulator", "serve"]


def __getattr__(name: str) -> Any:
    if name in ("Server", "Simulator", "serve"):
        from mgframe.simulator import server

        return getattr(server, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
