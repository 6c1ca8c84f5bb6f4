"""``mgframe demo``, ``mgframe simulate`` and ``mgframe explain``."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from mgframe.cli.parser import Parser, examples, whole
from mgframe.cli.speaking import FINE
from mgframe.errors import ConfigurationError


def fill_demo(parser: Parser) -> None:
    """Add the options of ``mgframe demo``."""
    parser.description = (
        "Start a simulated account on a free port, ask all seven endpoints of the\n"
        "Stats API, print frames and rates, investigate what went wrong, and write four "
        "plots."
    )
    parser.epilog = examples("mgframe demo", "mgframe demo plots")
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path("mgframe-demo"), help="where the plots go"
    )
    parser.set_defaults(run=_demo)


def _demo(parsed: argparse.Namespace) -> int:
    from mgframe.showcase import run_demo

    print(run_demo(parsed.folder))
    return FINE


def fill_explain(parser: Parser) -> None:
    """Add the options of ``mgframe explain``."""
    parser.description = (
        "Say what a count, a rate, a key or a code of a failure means: formula, caveats and who\n"
        "says so. Without a name, list all."
    )
    parser.epilog = examples(
        "mgframe explain bounce_rate", "mgframe explain 5.7.26", "mgframe explain"
    )
    parser.add_argument("name", nargs="?", help="such as complaint_rate, hard_bounces, 550, S3150")
    parser.set_defaults(run=_explain)


def _explain(parsed: argparse.Namespace) -> int:
    from mgframe.explaining import explain

    explain(parsed.name)
    return FINE


def fill_simulate(parser: Parser) -> None:
    """Add the options of ``mgframe simulate``."""
    parser.description = "Serve a simulated Mailgun account on this machine until Ctrl-C."
    parser.epilog = examples("mgframe simulate --port 8025 --domains 300")
    parser.add_argument("--port", type=whole(0, 65535), default=8025, help="0: a free one (8025)")
    parser.add_argument("--seed", type=int, default=1, help="another seed, another account (1)")
    parser.add_argument("--domains", type=whole(1, 10_000), default=3, help="how many domains (3)")
    parser.add_argument(
        "--days", type=whole(1, 10_000), default=400, help="how old the account is (400)"
    )
    parser.add_argument(
        "--now",
        type=datetime.fromisoformat,
        help="where the account's clock stands, such as 2026-11-16T09:30, in UTC (now)",
    )
    parser.set_defaults(run=_simulate)


def _simulate(parsed: argparse.Namespace) -> int:
    from mgframe.showcase import require_simulator

    require_simulator()
    from mgframe.simulator import Model, serve

    now = parsed.now or datetime.now(UTC)
    model = Model(seed=parsed.seed, domains=parsed.domains, days=parsed.days, now=now)
    try:
        server = serve(model, port=parsed.port)
    except OSError as error:
        raise ConfigurationError(
            f"port {parsed.port} cannot be used ({error.strerror}); --port 0 takes a free one"
        ) from None
    print(f"A simulated Mailgun account at {server.url}; its numbers are invented.")
    print(f"  its clock stands at {model.now:%Y-%m-%d %H:%M} UTC; key: key-simulated")
    print(f"  curl -u api:key-simulated '{server.url}/v3/stats/total?event=delivered'")
    print("Ctrl-C ends it.", flush=True)
    server.wait()
    return FINE
