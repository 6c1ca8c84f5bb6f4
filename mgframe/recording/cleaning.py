"""JSON with its texts cleaned, and of log lines only what :mod:`mgframe.loglines` reads of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from mgframe.smtp import redact

Json = Any
Clean = Callable[[str], str]

#: What stands in place of a password that an answer holds.
REMOVED: Final = "[removed]"
CREDENTIAL: Final = re.compile(r"passw|secret|api[_-]?key", re.IGNORECASE)

#: What of a log line is kept, and which parts of it: all else may be, or may hold, an address.
LOG_MEMBERS: Final[dict[str, tuple[str, ...]]] = {
    "id": (),
    "event": (),
    "@timestamp": (),
    "account": ("id",),
    "delivery-status": ("message", "description", "code", "enhanced-code", "mx-host"),
    "domain": ("name",),
    "envelope": ("sending-ip",),
    "recipient-domain": (),
    "recipient-provider": (),
    "tags": (),
    "flags": (),
    "severity": (),
    "reason": (),
}
#: Names tell lines apart, or lines are filtered by them; all other members are words.
_NAMES: Final = frozenset({"id", "event", "@timestamp", "account", "domain", "tags"})
_SAID: Final = ("message", "description")


def cleaned(value: Json, clean: Clean) -> Json:
    """Return JSON with all its texts cleaned, names of members too, and without passwords."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [cleaned(part, clean) for part in value]
    if isinstance(value, dict):
        return {clean(name): _member(name, part, clean) for name, part in value.items()}
    return value


def _member(name: str, value: Json, clean: Clean) -> Json:
    secret = isinstance(value, str) and CREDENTIAL.search(name)
    return REMOVED if secret else cleaned(value, clean)


def is_log_page(body: Json) -> bool:
    """Return whether an answer is a page of log lines."""
    lines = body.get("items") if isinstance(body, dict) else None
    return isinstance(lines, list) and any(
        isinstance(line, dict) and not line.keys().isdisjoint({"@timestamp", "recipient"})
        for line in lines
    )


def cleaned_line(line: Json, clean: Clean) -> Json:
    """Return what is kept of a log line: names cleaned by `clean`, words redacted as in tables."""
    if not isinstance(line, dict):
        return cleaned(line, clean)
    kept = {name: _kept(line[name], parts) for name, parts in LOG_MEMBERS.items() if name in line}
    found = {
        name: cleaned(value, clean if name in _NAMES else redact) for name, value in kept.items()
    }
    status, recipient = kept.get("delivery-status"), line.get("recipient")
    if isinstance(status, dict) and isinstance(recipient, str):
        said = {part: status[part] for part in _SAID if part in status}
        found["delivery-status"] |= cleaned(said, lambda text: redact(text, recipient))
    return found


def _kept(value: Json, parts: tuple[str, ...]) -> Json:
    if not parts or not isinstance(value, dict):
        return value
    return {part: value[part] for part in parts if part in value}
