"""What a recording says of itself: its clock, whom it asked and how, with which versions."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from mgframe.client import Client
from mgframe.errors import ConfigurationError

FORMAT: Final = "mgframe recording"
VERSION: Final = 1

_PACKAGES: Final = ("mgframe", "pandas", "numpy", "requests")
#: More is no setting of a client's but an attempt to keep a reader busy.
_MOST: Final = 1000
_SETTINGS: Final = {
    "region": str,
    "base_url": str,
    "addresses": dict,
    "subaccount": str,
    "retries": int,
    "connections": int,
}
_KINDS: Final = {
    "version": int,
    "clock": str,
    "created": str,
    "ended": str,
    "simulated": bool,
    "client": dict,
    "parameters": dict,
    "versions": dict,
    "requests": int,
    "sha256": str,
    "replayed_from": str,
}


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What stands in ``manifest.json``; times are ISO 8601, UTC.

    `clock` is where the client's clock stood, `created` when the file was written, `ended` is
    ``"complete"`` or the kind of error that ended the block, `client` what requests depend on.
    """

    format: str = FORMAT
    version: int = VERSION
    clock: str
    created: str
    ended: str
    simulated: bool
    client: dict[str, Any]
    parameters: dict[str, Any]
    versions: dict[str, Any]
    requests: int
    sha256: str
    replayed_from: str = ""

    def text(self) -> str:
        """Return the manifest as JSON."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False)

    @property
    def moment(self) -> datetime:
        """The clock, aware UTC."""
        return datetime.fromisoformat(self.clock).astimezone(UTC)

    def summary(self) -> str:
        """Return what was recorded, of whom and when, in one line."""
        kind = "a simulated account" if self.simulated else "an account"
        whom = f"{kind} at {self.client['base_url']}"
        whom += f", subaccount {self.client['subaccount']}" if self.client["subaccount"] else ""
        ended = "" if self.ended == "complete" else f", ended by {self.ended}"
        return f"{counted(self.requests)} of {whom}, clock {self.moment:%Y-%m-%d %H:%M} UTC{ended}"


def counted(answers: int) -> str:
    """Return a number of answers in words."""
    return f"{answers:,} answer{'' if answers == 1 else 's'}"


def settings_of(client: Client) -> dict[str, Any]:
    """Return what of a client its requests depend on; never its key."""
    return {
        "region": client.region,
        "base_url": client.base_url,
        "addresses": dict(client.addresses),
        "subaccount": client.subaccount or "",
        "retries": client.retries,
        "connections": client.connections,
    }


def versions() -> dict[str, str]:
    """Return the versions of what made the answers into frames."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found


def read_manifest(content: bytes, name: str) -> Manifest:
    """Return the manifest, checked.

    Raises
    ------
    ConfigurationError
        It is no manifest of a recording, or one of a newer format.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ConfigurationError(
            f"{name} is no recording of mgframe: it holds no manifest.json that says so. "
            "mg.record makes one"
        )
    made = document.get("version")
    if type(made) is int and made > VERSION:
        raise ConfigurationError(
            f"{name} has format {made}, of a newer mgframe; this one reads format {VERSION}: "
            "pip install --upgrade mgframe"
        )
    try:
        found = Manifest(**{name: document[name] for name in Manifest.__dataclass_fields__})
        _check(found)
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"the manifest of {name} cannot be read ({error}); get another copy"
        ) from None
    return found


def _check(manifest: Manifest) -> None:
    """Raise ValueError or TypeError for a manifest that a client cannot be made of."""
    _check_kinds(vars(manifest), _KINDS)
    _check_kinds(manifest.client, _SETTINGS)
    if manifest.version < 1:
        raise ValueError("there is no such version")
    if manifest.moment.year < 1970 or datetime.fromisoformat(manifest.clock).tzinfo is None:
        raise ValueError("the clock has no time zone")
    for name in ("retries", "connections"):
        if not 0 <= manifest.client[name] <= _MOST:
            raise ValueError(f"{name} is out of range")


def _check_kinds(document: Mapping[str, Any], kinds: Mapping[str, type]) -> None:
    for name, kind in kinds.items():
        if type(document.get(name)) is not kind:
            raise TypeError(f"{name!r} is missing or of another kind")


README: Final = """\
Evidence: what a Mailgun account answered, recorded by mgframe {mgframe}.

{summary}.
Written {created}.{simulated}

Replay it, offline and without a key, in Python:

    import mgframe as mg
    client = mg.replay({name!r})
    mg.domain_totals(..., client=client)      # what was asked then gives the same frame now

Files
  manifest.json   clock, client, parameters and versions; the SHA-256 of answers.jsonl
  answers.jsonl   one line a request, in the order in which answers came: the request, and the
                  answer, or why none came. To look at them: pandas.read_json("answers.jsonl",
                  lines=True)

What was removed: the API key, cookies and all headers of requests; of answers all headers but
the date, the type, limits and the mark of a simulated account. Of log lines only codes, reasons and
redacted texts are left. Elsewhere the part of an address before its @ has become a number,
<redacted-1>. Names of domains, tags and subaccounts are as they are.

Requests
{requests}
"""


def readme(manifest: Manifest, name: str, requests: Mapping[str, int]) -> str:
    """Return the words for somebody who opens the file by hand."""
    simulated = "\nSIMULATED: this account does not exist." if manifest.simulated else ""
    return README.format(
        mgframe=manifest.versions["mgframe"],
        summary=manifest.summary(),
        created=manifest.created,
        simulated=simulated,
        name=name,
        requests="\n".join(f"  {number:5d} x {what}" for what, number in requests.items()),
    )
