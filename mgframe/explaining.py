"""What a name means, in words: :func:`explain` and the texts behind it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from mgframe.errors import QueryError, suggestion
from mgframe.smtp import meanings_of
from mgframe.smtp_codes import Meaning
from mgframe.vocabulary import (
    ALL_COUNTS,
    COUNTS,
    KEYS,
    RATES,
    STATS_DEPRECATED,
    Count,
    Key,
    Rate,
    rate_name,
)


def explain(name: str | int | None = None) -> None:
    """Print what a count, rate, key or SMTP code means: formula, caveats and its source.

    Parameters
    ----------
    name : str or int, optional
        A count (with or without ``_count``), a rate (Mailgun's name works too), a key, or what
        :func:`mgframe.failures` shows: a reply code (550), an enhanced code (5.7.26), a code of
        Mailgun's own (605), a reason (espblock) or a provider's mark (S3150). Without a name, all
        counts, rates and keys are listed.

    Raises
    ------
    QueryError
        Nothing has this name; the nearest right one is suggested.

    Examples
    --------
    >>> import mgframe as mg
    >>> mg.explain("bounce_rate")
    bounce_rate: Bounce rate
      formula:     bounced / processed
      denominator: processed: Messages that left the queue, the volume Mailgun bills; includes
                   suppressed ones.
      Mailgun's:   bounce_rate
      unit:        fraction
      caveat:      Mailgun's own denominator is processed, which holds suppressed mail, so this is
                   not 1 - delivery_rate; of='sent' gives that.
      source:      rate-definitions, Mailgun's user manual
    >>> mg.explain("5.1.1")
    5.1.1: why a delivery fails
      meaning:     Unknown user: the mailbox does not exist. (RFC 3463)
    """
    print(glossary() if name is None else definition(str(name)))  # noqa: T201 - printing is its job


def definition(name: str) -> str:
    """Return the text that :func:`explain` prints for one name."""
    bare = name.removesuffix("_count")
    if bare in ALL_COUNTS:
        return _count_text(ALL_COUNTS[bare])
    if bare in KEYS:
        return _key_text(KEYS[bare])
    if meanings := meanings_of(name):
        return _code_text(name, meanings)
    try:
        return _rate_text(RATES[rate_name(name)])
    except QueryError:
        near = suggestion(bare, [*ALL_COUNTS, *RATES, *KEYS])
        raise QueryError(
            f"{name!r} is no count, rate or key{near}; mg.explain() lists them all"
        ) from None


def glossary() -> str:
    """Return the text that :func:`explain` prints without a name."""
    sections = (
        ("Counts (columns of a frame)", [(c.name, c.meaning) for c in COUNTS.values()]),
        (
            "Counts of mg.usage() and mg.bounce_classification()",
            [(c.name, c.meaning) for name, c in ALL_COUNTS.items() if name not in COUNTS],
        ),
        ("Rates (fractions)", [(r.name, r.formula) for r in RATES.values()]),
        ("Keys (levels of the index)", [(k.name, k.meaning) for k in KEYS.values()]),
    )
    lines = []
    for title, rows in sections:
        width = max(len(name) for name, _ in rows)
        lines += [title, *(f"  {name:<{width}}  {text}" for name, text in rows), ""]
    lines.append(STATS_DEPRECATED)
    return "\n".join(lines)


_PAGES = {
    "metric-definitions": "metric-definitions, Mailgun's user manual",
    "rate-definitions": "rate-definitions, Mailgun's user manual",
    "dimensions": "dimensions, Mailgun's user manual",
    "openapi": "Mailgun's OpenAPI document",
    "mgframe": "mgframe's own",
}


def _lay_out(title: str, rows: Iterable[tuple[str, str]]) -> str:
    lines = [title]
    for head, text in rows:
        if text:
            indent = f"  {head + ':':<13}"
            lines += textwrap.wrap(
                text, 97, initial_indent=indent, subsequent_indent=" " * len(indent)
            )
    return "\n".join(lines)


def _code_text(code: str, meanings: Iterable[tuple[str, Meaning]]) -> str:
    return _lay_out(
        f"{code}: why a delivery fails",
        [(who or "meaning", f"{meaning.text} ({meaning.source})") for who, meaning in meanings],
    )


def _count_text(count: Count) -> str:
    return _lay_out(
        f"{count.name}: {count.label}",
        [
            ("definition", count.meaning),
            ("formula", count.formula),
            ("Stats API", ".".join(count.path) + " (deprecated)" if count.path else ""),
            ("Metrics API", count.metric),
            ("unit", "count per bucket, Int64; NA is not reported"),
            ("settled", f"about {count.lag} hours after the bucket's end"),
            ("caveat", count.caveat),
            ("source", _PAGES[count.source]),
        ],
    )


def _rate_text(rate: Rate) -> str:
    denominator = COUNTS[rate.denominator]
    return _lay_out(
        f"{rate.name}: {rate.label}",
        [
            ("formula", rate.formula),
            ("denominator", f"{denominator.name}: {denominator.meaning}"),
            ("Mailgun's", rate.mailgun),
            ("unit", "fraction" if rate.proportion else "ratio, may pass 1"),
            ("caveat", rate.caveat),
            ("source", _PAGES[rate.source]),
        ],
    )


def _key_text(key: Key) -> str:
    return _lay_out(
        f"{key.name}: {key.label}",
        [("definition", key.meaning), ("caveat", key.reason), ("source", _PAGES[key.source])],
    )
