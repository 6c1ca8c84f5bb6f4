"""What a client is made of: key, address and the arguments, checked before anything is sent."""

from __future__ import annotations

import ipaddress
import math
import os
import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from mgframe.errors import ConfigurationError, suggestion

REGIONS: Final = {"us": "https://api.mailgun.net", "eu": "https://api.eu.mailgun.net"}

KEY_VARIABLES: Final = ("MAILGUN_API_KEY", "MG_API_KEY")
URL_VARIABLES: Final = ("MAILGUN_API_BASE", "MAILGUN_API_URL", "MG_URL")
REGION_VARIABLES: Final = ("MAILGUN_REGION", "MAILGUN_API_REGION")


def _setting(name: str, argument: str | None, variables: Iterable[str]) -> tuple[str, str | None]:
    """Return where a setting comes from and its value."""
    if argument is not None:
        if not isinstance(argument, str):
            raise ConfigurationError(f"{name} must be text, got {type(argument).__name__}")
        return name, argument.strip()
    given = ((variable, os.environ.get(variable, "").strip()) for variable in variables)
    return next((pair for pair in given if pair[1]), (name, None))


def read_key(argument: str | None) -> str:
    """Return the key of the argument or the environment, stripped."""
    source, key = _setting("api_key", argument, KEY_VARIABLES)
    if not key:
        raise ConfigurationError(
            "there is no Mailgun API key: give api_key= to mg.Client or set MAILGUN_API_KEY in "
            "the environment; mg.demo() gives a simulated account that needs none"
        )
    if not all(c.isprintable() and c != " " and ord(c) < 256 for c in key):
        raise ConfigurationError(
            f"{source} holds white space or characters that no key has; copy the key once more"
        )
    return key


def read_address(base_url: str | None, region: str | None) -> tuple[str, str]:
    """Return the base URL and its region; arguments of either kind beat the environment."""
    from_environment = base_url is None and region is None
    url_source, url = _setting("base_url", base_url, URL_VARIABLES if from_environment else ())
    source, region = _setting("region", region, REGION_VARIABLES if from_environment else ())
    region = region and region.lower()
    if region is not None and region not in REGIONS:
        near = suggestion(region, REGIONS)
        raise ConfigurationError(f"{source} must be 'us' or 'eu', got {region!r}{near}")
    if url is None:
        return REGIONS[region or "us"], region or "us"
    address, host = _parsed_url(url, url_source)
    found = next(
        (name for name, home in REGIONS.items() if urlsplit(home).hostname == host), "other"
    )
    if region not in (None, found):
        raise ConfigurationError(
            f"{url_source} ({host}) is not the address of {source} {region!r}; give one of them"
        )
    return address, found


def read_addresses(
    base_url: str | Mapping[str, str] | None, region: str | None
) -> tuple[dict[str, str], str]:
    """Return the base URL of each region that can be asked, and the client's own region.

    Mailgun's own regions can both be asked; another address stands for itself alone, unless there
    is one for each region.
    """
    if not isinstance(base_url, Mapping):
        address, found = read_address(base_url, region)
        official = REGIONS.get(found) == address
        return (dict(REGIONS) if official else {found: address}), found
    if not base_url or not set(base_url) <= set(REGIONS):
        raise ConfigurationError(
            f"base_url gives addresses for {list(base_url)}; the regions are 'us' and 'eu'"
        )
    addresses = {name: read_address(base_url[name], None)[0] for name in base_url}
    own = region or next(iter(addresses))
    if own not in addresses:
        raise ConfigurationError(f"region={region!r} has no address in base_url")
    return addresses, own


def _parsed_url(text: str, source: str) -> tuple[str, str]:
    """Return the address without version and slash, and its host; messages hold the host only."""
    example = "'https://api.eu.mailgun.net', or give region='eu'"
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host = ""
    if not host or re.search(r"[\s\\]", text) or parts.scheme not in ("http", "https"):
        raise ConfigurationError(f"{source} is no address of an API; write it like {example}")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigurationError(
            f"{source} must hold no credentials, query or fragment; write it like {example}"
        )
    scheme = "http" if "://" not in text and _is_loopback(host) else parts.scheme
    if scheme == "http" and not _is_loopback(host):
        raise ConfigurationError(f"{source} ({host}) would carry the key in clear; use https://")
    path = re.sub(r"(/+v\d+)?/*$", "", parts.path)
    return f"{scheme}://{parts.netloc.lower()}{path}", host


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_subaccount(value: str | None) -> str | None:
    """Check a subaccount's id, which goes into a header."""
    if value is not None and not re.fullmatch(r"[\w.-]+", value, re.ASCII):
        raise ConfigurationError(f"subaccount must be the id of a subaccount, got {value!r}")
    return value


def read_whole(name: str, value: int, *, least: int) -> int:
    """Check that an argument is a whole number, at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigurationError(f"{name} must be a whole number from {least} up, got {value!r}")
    return value


def read_timeout(value: float | tuple[float, float]) -> tuple[float, float]:
    """Return the seconds to connect and to read."""
    try:
        connect, read = value if isinstance(value, tuple) else (value, value)
        if 0 < connect < math.inf and 0 < read < math.inf:
            return connect, read
    except (TypeError, ValueError):
        pass
    raise ConfigurationError(
        f"timeout must be seconds above 0, or (connect, read) such as (5, 60), got {value!r}"
    )
