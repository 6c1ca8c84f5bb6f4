"""The simulated account: :func:`demo` gives a client of it, without a key."""

from __future__ import annotations

import functools
import importlib.util
from typing import TYPE_CHECKING, Any

from mgframe.client import Client
from mgframe.errors import ConfigurationError

if TYPE_CHECKING:
    from mgframe.simulator import Server


def demo(**model: Any) -> Client:
    """Return a client of a simulated Mailgun account that is served on this machine.

    The numbers are invented, and everything that is computed from them says SIMULATED. The account
    has a clock of its own, which stands still, so that every run gives the same frames.

    Parameters
    ----------
    **model
        What :class:`mgframe.simulator.Model` takes: ``seed=1``, ``domains=3`` (a number or a list
        of names), ``days=400``, ``now=`` (the frozen clock), ``incidents=`` ...

    Returns
    -------
    Client
        To be passed as ``client=``.

    Raises
    ------
    ConfigurationError
        The simulator's server is not installed: ``pip install "mgframe[demo]"``.

    Examples
    --------
    >>> import mgframe as mg
    >>> mg.demo().now().isoformat()
    '2026-11-16T09:30:00+00:00'
    """
    require_simulator()
    server = _serve(model) if model else _default_server()
    return Client("key-simulated", base_url=server.url, clock=lambda: server.model.now)


def require_simulator() -> None:
    """Raise :class:`ConfigurationError` where the extra ``demo`` is not installed."""
    if importlib.util.find_spec("werkzeug") is None:
        raise ConfigurationError(
            'the simulated account needs a small web server: pip install "mgframe[demo]"'
        )


_default_server = functools.cache(lambda: _serve({}))


def _serve(model: dict[str, Any]) -> Server:
    from mgframe.simulator import Model, serve

    return serve(Model(**model))
