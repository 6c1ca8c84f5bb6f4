"""The command line: ``mgframe demo`` and ``mgframe simulate``."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from mgframe.errors import ConfigurationError, MgframeError
from mgframe.showcase import require_simulator, run_demo


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return 0 when it went well, 1 after an error, 2 for wrong usage."""
    parsed = _parser().parse_args(arguments)
    try:
        with warnings.catch_warnings(record=True, action="default") as noted:
            code = int(parsed.run(parsed))
        for warning in noted:
            print(f"mgframe: note: {warning.message}", file=sys.stderr)
        return code
    except MgframeError as error:
        print(f"mgframe: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mgframe", description="Mailgun sending statistics as tidy pandas frames."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    demo = commands.add_parser(
        "demo",
        help="fetch, print and plot a simulated account; needs no key",
        description="Start a simulated account on a free port, ask all seven endpoints of the "
        "Stats API, print frames and rates, investigate what went wrong, and write four plots.",
    )
    demo.add_argument(
        "folder", nargs="?", type=Path, default=Path("mgframe-demo"), help="where the plots go"
    )
    demo.set_defaults(run=_demo)
    simulate = commands.add_parser(
        "simulate",
        help="serve a simulated account for other programs",
        description="Serve a simulated Mailgun account on this machine until Ctrl-C.",
        epilog="example: mgframe simulate --port 8025 --domains 300",
    )
    simulate.add_argument(
        "--port", type=_whole(0, 65535), default=8025, help="0 takes a free one (8025)"
    )
    simulate.add_argument("--seed", type=int, default=1, help="another seed, another account (1)")
    simulate.add_argument(
        "--domains", type=_whole(1, 10_000), default=3, help="how many domains (3)"
    )
    simulate.add_argument(
        "--days", type=_whole(1, 10_000), default=400, help="how old the account is (400)"
    )
    simulate.add_argument(
        "--now",
        type=datetime.fromisoformat,
        help="where the account's clock stands, such as 2026-11-16T09:30, in UTC (now)",
    )
    simulate.set_defaults(run=_simulate)
    return parser


def _whole(least: int, most: int) -> Callable[[str], int]:
    def whole_number(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} to {most}")
        return int(text)

    return whole_number


def _demo(parsed: argparse.Namespace) -> int:
    print(run_demo(parsed.folder))
    return 0


def _simulate(parsed: argparse.Namespace) -> int:
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
    return 0
