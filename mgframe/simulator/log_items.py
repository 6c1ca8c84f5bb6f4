"""One log line of a simulated account as JSON, with the members that Mailgun's have."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any, Final

from mgframe.simulator.account import Domain, Lane
from mgframe.simulator.audience import OWN_DOMAIN, PROVIDER_OF, RECIPIENTS
from mgframe.simulator.smtp_texts import Kind, Said, invented_local, mail_server
from mgframe.simulator.tags import PRIMARY_ID

_FLAGS: Final = (
    "is-authenticated",
    "is-system-test",
    "is-routed",
    "is-test-mode",
    "is-delayed-bounce",
    "is-callback",
)
#: Codes from here on are Mailgun's own: no mail server was asked.
_OWN_CODES: Final = 600


def log_item(
    domain: Domain, *, lane: int, host: str, kind: Kind, said: Said, time: int, number: int
) -> dict[str, Any]:
    """Return the line of one failure: at a time (ms since 1970), told apart by a number."""
    local = invented_local(number % 10**9)
    address = f"{local}@{host}"
    # Mail that came in over a route has no lane, and so neither tags nor a sending IP.
    sent_by = domain.lanes[lane] if lane < len(domain.lanes) else None
    flags = {name: name == kind.flag for name in _FLAGS}
    item = {
        "id": base64.urlsafe_b64encode(number.to_bytes(16, "big")).decode().rstrip("="),
        "event": "failed",
        "@timestamp": _stamp(time),
        "account": account_of(domain),
        "delivery-status": _status(kind, said, domain, sent_by, local, host, number),
        "domain": {"name": domain.name},
        "recipient": address,
        "recipient-domain": host,
        "recipient-provider": provider_of(host),
        "envelope": _envelope(domain, sent_by, local, host, number),
        "log-level": "error" if kind.severity == "permanent" else "warn",
        "message": {"headers": {"to": address, "message-id": f"{number:020x}@{domain.name}"}},
        "flags": {**flags, "is-authenticated": sent_by is not None},
        "severity": kind.severity,
        "reason": kind.reason,
    }
    return {**item, "tags": list(sent_by.tags)} if sent_by else item


def _status(
    kind: Kind, said: Said, domain: Domain, lane: Lane | None, local: str, host: str, number: int
) -> dict[str, Any]:
    ip, address = lane.ip if lane else "", f"{local}@{host}"
    first = kind.severity == "permanent" and kind.reason != "old"
    status: dict[str, Any] = {
        "message": said.message.format(address=address, local=local, ip=ip, domain=domain.name),
        "attempt-no": 1 if first else 7 if kind.reason == "old" else 1 + number % 6,
        "code": said.code,
        "description": said.description,
        "session-seconds": 0,
    }
    if said.enhanced:
        status["enhanced-code"] = said.enhanced
    if kind.severity == "permanent" and kind.reason in ("bounce", "generic", "espblock"):
        status["bounce-type"] = "hard" if kind.reason == "bounce" else "soft"
    if said.code < _OWN_CODES and lane is not None:
        status |= {"session-seconds": number % 3000 / 1000, "mx-host": mail_server(host)}
    return status


def _envelope(
    domain: Domain, lane: Lane | None, local: str, host: str, number: int
) -> dict[str, str]:
    envelope = {
        "sender": f"bounce+{number % 10**6:06x}.{domain.index}-{local}={host}@{domain.name}",
        "transport": "smtp" if lane else "http",
        "targets": f"{local}@{host}",
    }
    if lane is None:
        return envelope
    return {**envelope, "sending-ip": lane.ip, "i-ip-pool-id": lane.ip_pool}


def account_of(domain: Domain) -> dict[str, str]:
    """Return whose domain it is: the account's, or a subaccount's."""
    if domain.subaccount is None:
        return {"id": PRIMARY_ID}
    return {"id": domain.subaccount, "parent-id": PRIMARY_ID}


def recipient_domain(domain: Domain, recipient: int) -> str:
    """Return the recipient domain of a code; what came in went to the domain itself."""
    return domain.name if recipient == OWN_DOMAIN else RECIPIENTS[recipient]


def provider_of(host: str) -> str:
    """Return who runs a recipient domain's mailboxes."""
    return PROVIDER_OF.get(host, "Other")


def _stamp(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03}Z"
