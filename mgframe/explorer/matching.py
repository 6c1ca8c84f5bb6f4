"""Which keys a search finds."""

from __future__ import annotations

from collections.abc import Collection, Mapping


def matching(labels: Mapping[str, str], text: str, chosen: Collection[str] = ()) -> list[str]:
    """Return the keys whose label or id holds every word of `text`; chosen ones come first.

    Examples
    --------
    >>> matching({"a.com": "a.com", "b.com": "b.com", "c.org": "c.org"}, "COM", ["c.org"])
    ['c.org', 'a.com', 'b.com']
    """
    words = text.lower().split()
    found = [
        key
        for key, label in labels.items()
        if key not in chosen and all(word in f"{label} {key}".lower() for word in words)
    ]
    kept = [key for key in labels if key in chosen]
    return [*kept, *found] if words else list(labels)
