"""What a filter says: `where=` in a user's words to the predicates of Mailgun's analytics APIs.

A filter is plain JSON, so that it can be stored and shown as it is: a mapping of key to a value, to
a list of values (any of them), or to a mapping of comparator to values. All keys must hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, Final

from mgframe.errors import QueryError, suggestion

#: The comparators of Mailgun's analytics APIs.
COMPARATORS: Final = ("=", "!=", "contains", "not contains")

Values = str | Sequence[str]
Where = Mapping[str, Values | Mapping[str, Values]]
Predicate = dict[str, Any]


def _flat(values: Iterable[Any]) -> list[Any]:
    """Return the values, those of a list among them one by one."""
    several = (list, tuple, set, frozenset)
    return [v for value in values for v in (value if isinstance(value, several) else [value])]


def contains(*texts: str) -> dict[str, list[str]]:
    """Return a filter's value: the key contains one of these texts.

    Parameters
    ----------
    *texts : str
        One is enough.

    Returns
    -------
    dict
        ``{"contains": [...]}``, plain JSON.

    Notes
    -----
    Source: Mailgun's OpenAPI document, Metrics, FilterComparator.

    Examples
    --------
    >>> import mgframe as mg
    >>> where = {"recipient_domain": mg.contains("hotmail")}
    >>> df = mg.metrics("delivered", by="recipient_domain", where=where, last="7d",
    ...                 client=mg.demo())
    >>> list(df.index.unique("recipient_domain"))
    ['hotmail.co.uk', 'hotmail.com', 'hotmail.fr']
    """
    return {"contains": _flat(texts)}


def not_contains(*texts: str) -> dict[str, list[str]]:
    """Return a filter's value: the key contains none of these texts.

    Parameters
    ----------
    *texts : str
        Any number.

    Returns
    -------
    dict
        ``{"not contains": [...]}``, plain JSON.

    Notes
    -----
    Source: Mailgun's OpenAPI document, Metrics, FilterComparator.

    Examples
    --------
    >>> import mgframe as mg
    >>> mg.not_contains("test")
    {'not contains': ['test']}
    """
    return {"not contains": _flat(texts)}


def is_not(*values: str) -> dict[str, list[str]]:
    """Return a filter's value: the key is none of these values.

    Parameters
    ----------
    *values : str
        Any number.

    Returns
    -------
    dict
        ``{"!=": [...]}``, plain JSON.

    Notes
    -----
    Source: Mailgun's OpenAPI document, Metrics, FilterComparator.

    Examples
    --------
    >>> import mgframe as mg
    >>> mg.is_not("Gmail", "Google Workspace")
    {'!=': ['Gmail', 'Google Workspace']}
    """
    return {"!=": _flat(values)}


def read_where(
    where: Where | None, attributes: Iterable[str], *, argument: str = "where"
) -> list[Predicate]:
    """Return the predicates of a filter, in the order of `attributes`, so that like filters match.

    Raises
    ------
    QueryError
        A key or a comparator that does not exist, an empty list, a value that is no text.
    """
    known = list(attributes)
    if where is None:
        return []
    if not isinstance(where, Mapping):
        raise QueryError(
            f"{argument}={where!r} must be a mapping such as {{'domain': 'a.com'}}; the keys are "
            f"{', '.join(known)}"
        )
    for key in where:
        if key not in known:
            raise QueryError(
                f"{argument} has the key {key!r}, which is none{suggestion(key, known)}; the keys "
                f"are {', '.join(known)}"
            )
    keys = [key for key in known if key in where]
    return [p for key in keys for p in _predicates(key, where[key], argument)]


def _predicates(key: str, said: Any, argument: str) -> list[Predicate]:
    conditions = said if isinstance(said, Mapping) else {"=": said}
    if not conditions:
        raise QueryError(f"{argument}={{{key!r}: {{}}}} says nothing; leave the key out")
    for comparator in conditions:
        if comparator not in COMPARATORS:
            raise QueryError(
                f"{argument}={{{key!r}: ...}} has the comparator {comparator!r}, which is none"
                f"{suggestion(comparator, COMPARATORS)}; the comparators are "
                f"{', '.join(map(repr, COMPARATORS))} (mg.contains, mg.not_contains, mg.is_not)"
            )
    said_ones = [comparator for comparator in COMPARATORS if comparator in conditions]
    return [_predicate(key, name, conditions[name], argument) for name in said_ones]


def _predicate(key: str, comparator: str, given: Any, argument: str) -> Predicate:
    values = [given] if isinstance(given, str | int) else given
    if not isinstance(values, Iterable) or isinstance(values, Mapping):
        raise QueryError(f"{argument}={{{key!r}: {given!r}}} takes a text or a list of texts")
    texts = list(dict.fromkeys(_text(key, value, argument) for value in values))
    if isinstance(given, Set):  # it has no order of its own, and like filters match
        texts.sort()
    if not texts:
        raise QueryError(
            f"{argument}={{{key!r}: ...}} has an empty list, which matches nothing; leave the key "
            "out for no filter"
        )
    return {
        "attribute": key,
        "comparator": comparator,
        "values": [{"label": text, "value": text} for text in texts],
    }


def _text(key: str, value: Any, argument: str) -> str:
    if type(value) is int:  # a code
        return str(value)
    if not isinstance(value, str) or not value.strip():
        raise QueryError(f"{argument}={{{key!r}: ...}} holds {value!r}, which is no text")
    return value.strip()
