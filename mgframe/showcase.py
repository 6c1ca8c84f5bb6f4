"""The simulated account: a client of it (:func:`demo`), and a tour (:func:`run_demo`)."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mgframe.aggregates_api import country_aggregates, device_aggregates, provider_aggregates
from mgframe.client import Client
from mgframe.errors import ConfigurationError
from mgframe.ratios import rates
from mgframe.reshaping import top
from mgframe.stats_api import account_totals, domain_snapshot, domain_totals, grouped_totals

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from mgframe.showing.findings import FindingView
    from mgframe.simulator import Server


def demo(**model: Any) -> Client:
    """Return a client of a simulated Mailgun account that is served on this machine.

    The numbers are invented, and everything that is computed from them says SIMULATED. The account
    has a clock of its own, which stands still, so that every run gives the same frames.

    Parameters
    ----------
    **model
        What :class:`mgframe.simulator.Model` takes: ``seed=1``, ``domains=3`` (a number or a list
        of names), ``days=400``, ``now=`` (the frozen clock), ``incidents=``, ``campaigns=`` (what
        was sent once under a tag of its own, and when) ...

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


def run_demo(folder: Path) -> str:
    """Ask all seven endpoints of a simulated account, investigate it, and write four plots.

    Parameters
    ----------
    folder : Path
        Where the plots go; made where it is missing.

    Returns
    -------
    str
        The heads of the frames, the rates, what went wrong, and where the plots are.

    Raises
    ------
    ConfigurationError
        The simulator's server is not installed, or the folder cannot be written.
    """
    client = demo()
    frames = _demo_frames(client)
    news = frames["domain_totals('news.example.com', last='60d')"]
    parts = [
        f"SIMULATED: an invented Mailgun account, served at {client.base_url}; "
        f"its clock stands at {client.now():%Y-%m-%d %H:%M} UTC.",
        *(_head(name, frame) for name, frame in frames.items()),
        _provider_rates(frames["grouped_totals('provider', last='7d')"]),
    ]
    told, finding = _investigated(client)
    hours = frames["account_totals(last='28d', resolution='hour')"]
    paths = _demo_plots(folder, news, hours, finding)
    parts.append(told)
    parts.append("Plots:\n" + "\n".join(f"  {path}" for path in paths))
    parts.append(
        "Next: in Python, import mgframe as mg; client = mg.demo(). With a key of your own leave\n"
        "client= out and set MAILGUN_API_KEY (and MAILGUN_REGION=eu in the EU)."
    )
    return "\n\n".join(parts)


def _demo_frames(client: Client) -> dict[str, pd.DataFrame]:
    domain = "news.example.com"
    return {
        "domain_totals('news.example.com', last='60d')": domain_totals(
            domain, last="60d", client=client
        ),
        "account_totals(last='28d', resolution='hour')": account_totals(
            last="28d", resolution="hour", client=client
        ),
        "domain_snapshot('2026-11-13')": domain_snapshot("2026-11-13", client=client),
        "grouped_totals('provider', last='7d')": grouped_totals(
            "provider", last="7d", client=client
        ),
        f"provider_aggregates({domain!r})": provider_aggregates(domain, client=client),
        f"device_aggregates({domain!r})": device_aggregates(domain, client=client),
        f"country_aggregates({domain!r})": country_aggregates(domain, client=client),
    }


def _provider_rates(frame: pd.DataFrame) -> str:
    names = ["delivery_rate", "bounce_rate", "open_rate", "complaint_rate"]
    found = rates(top(frame, 6, by="provider"), names, by="provider")
    text = found.to_string(float_format="{:.4f}".format)
    return f"rates by provider, df.mg.top(6).mg.rates(by='provider'):\n{text}"


def _investigated(client: Client) -> tuple[str, FindingView]:
    """Return what went wrong in words, and the first finding with what is behind it."""
    from mgframe.investigation import DEFAULT_LAST, fetch_frames, investigate
    from mgframe.sheets import wrapped
    from mgframe.showing.findings import show

    frames = fetch_frames(client, {"last": DEFAULT_LAST})
    found = investigate(frames, client=client)
    told = [f"mg.investigate(last={DEFAULT_LAST!r}): what went wrong, best first"]
    for place, row in enumerate(found.to_dict("records"), start=1):
        said = {f"{place}. ": "sentence", "   Cause: ": "cause", "   Next:  ": "next_check"}
        told += [wrapped(row[name], label) for label, name in said.items() if row[name]]
    return "\n".join(told), show(found.iloc[0], frames)


def _head(name: str, frame: pd.DataFrame) -> str:
    first = [c for c in ("sent", "delivered", "bounced", "unique_opened", "clicked") if c in frame]
    rows, columns = frame.shape
    return f"mg.{name}: {rows} rows, {columns} counts\n{frame[first].head(3).to_string()}"


def _demo_plots(
    folder: Path, news: pd.DataFrame, hours: pd.DataFrame, finding: FindingView
) -> list[Path]:
    from mgframe import plotting

    drawings: dict[str, Callable[[Axes], object]] = {
        "delivery.png": lambda ax: plotting.rates(news, "delivery_rate", ax=ax),
        "funnel.png": lambda ax: plotting.funnel(news.tail(7), ax=ax),
        "heatmap.png": lambda ax: plotting.heatmap(hours, "delivered", ax=ax),
        "finding.png": finding.plot,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [_saved(folder / name, draw) for name, draw in drawings.items()]
    except OSError as error:
        raise ConfigurationError(f"cannot write plots to {folder}: {error.strerror}") from None


def _saved(path: Path, draw: Callable[[Axes], object]) -> Path:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.5), layout="constrained")
    draw(figure.subplots())
    figure.savefig(path, dpi=120)
    return path
