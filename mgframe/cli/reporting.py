"""``mgframe report``: the Monday job."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mgframe.cli.alarms import Alarm, add_fail_on, tell
from mgframe.cli.connecting import add_connection, source
from mgframe.cli.options import add_options, arguments_of, values
from mgframe.cli.output import file_of
from mgframe.cli.parser import Parser, Word, examples
from mgframe.cli.speaking import ERROR, FINDINGS, FINE, say
from mgframe.errors import QueryError

if TYPE_CHECKING:
    import pandas as pd

#: What is said otherwise here, or in Python alone.
_NOT_HERE: Final = ("data", "path", "until")


def fill_report(parser: Parser) -> None:
    """Add the options of ``mgframe report``."""
    from mgframe.reporting.writing import report

    parser.description = (
        "Write a report of all active domains, or of those named, into one file: HTML, PDF or\n"
        "Markdown. Code 1 where a domain or a part of it could not be asked; the report says so."
    )
    parser.epilog = examples(
        'mgframe report --period "last week" --tz Europe/Berlin -o weekly.html',
        'mgframe report --archive mail-history --period "last week" -o weekly.html',
        "mgframe report news.example.com --sections headline,scorecard --last 7d -o news.md",
        "mgframe report --fail-on 'complaint_rate>0.1%:over' -o weekly.html",
    )
    add_options(parser, report, skip=_NOT_HERE)
    parser.add_argument(
        "--domain", type=values, default=argparse.SUPPRESS, metavar="DOMAIN[,...]",
        help="which domains; all active ones",
    )  # fmt: skip
    parser.words.append(Word("domain", values, needed=False))
    parser.usage = f"{parser.prog} [DOMAIN] -o FILE [OPTION ...]"
    add_connection(parser, archives=True)
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE",
        help="an .html, .pdf or .md file; replaced once the new one is whole",
    )  # fmt: skip
    add_fail_on(
        parser.add_argument_group("what ends with code 3"),
        "such as 'complaint_rate>0.1%%:over' (in quotes, for the shell), repeated as needed: the "
        "verdicts that the report shows, about the limits that it shows",
    )
    parser.set_defaults(run=_report)


def _report(parsed: argparse.Namespace) -> int:
    from mgframe.reporting.writing import report

    path, question = file_of(parsed), arguments_of(parsed, report, skip=_NOT_HERE)
    if path is None:
        raise QueryError("-o must name a file; a report is not for stdout")
    _check(parsed.fail_on, question.get("sections"))
    with source(parsed) as asked:
        made = report(getattr(parsed, "domain", None), path, **question, **asked)
    judged = [alarm for alarm in parsed.fail_on if _is_judged(alarm, made.thresholds)]
    unknown = [alarm for alarm in parsed.fail_on if alarm not in judged]
    for alarm in unknown:
        say(f"--fail-on {alarm.text}: the report has no verdict, so there is no all-clear")
    if tell(made.thresholds, judged):
        return FINDINGS
    return ERROR if unknown or made.coverage.failed or made.coverage.problems else FINE


def _check(alarms: list[Alarm], sections: list[str] | None) -> None:
    """Refuse an alarm about a limit that no report shows."""
    from mgframe.analysis.limits import LIMITS

    known = [(limit.rate, limit.value) for limits in LIMITS.values() for limit in limits]
    for alarm in alarms:
        if (alarm.rate, alarm.limit) not in known or alarm.verdict != "over":
            shown = ", ".join(f"{rate}>{value:.1%}:over" for rate, value in known)
            raise QueryError(
                f"--fail-on {alarm.text}: a report judges {shown}; mgframe fetch judges any limit"
            )
    if alarms and sections is not None and "limits" not in sections:
        raise QueryError("--fail-on needs the section limits; add it to --sections")


def _is_judged(alarm: Alarm, table: pd.DataFrame) -> bool:
    if table.empty:
        return False
    return bool(((table["metric"] == alarm.rate) & (table["limit"] == alarm.limit)).any())
