"""What the mail servers of a simulated world say when they put off or refuse a message.

The words are of the kind that each provider's servers use; addresses in them are invented.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np

from mgframe.simulator.audience import OWN_DOMAIN, PROVIDER_OF, RECIPIENTS
from mgframe.simulator.counters import PRIMITIVE, PRIMITIVES


class Said(NamedTuple):
    """What a log line says of a failure, `share` of 100 such failures.

    `message` holds ``{address}``, ``{local}``, ``{ip}`` and ``{domain}`` (the sending one).
    """

    share: int
    code: int
    enhanced: str
    message: str
    description: str = ""
    bounce_type: str = ""


class Kind(NamedTuple):
    """How the logs call a kind of failure, and what is said of it by family of servers."""

    severity: str
    reason: str
    said: Mapping[str, tuple[Said, ...]]
    flag: str = ""


_ANY: Final = "other"
_FAMILY_OF: Final = {
    "Gmail": "google",
    "Google Workspace": "google",
    "Outlook": "microsoft",
    "Outlook 365": "microsoft",
    "Yahoo": "yahoo",
    "AOL": "yahoo",
    "AT&T": "yahoo",
    "Apple": "apple",
}

_OLD: Final = Said(100, 602, "", "", "Too old")

# fmt: off
_HARD: Final = {
    "google": (Said(100, 550, "5.1.1",
        "5.1.1 The email account that you tried to reach does not exist. Please try "
        "double-checking the recipient's email address {address} for typos or unnecessary spaces. "
        "For more information, go to https://support.google.com/mail/?p=NoSuchUser - gsmtp"),),
    "microsoft": (Said(100, 550, "5.5.0",
        "5.5.0 Requested action not taken: mailbox unavailable (S2017062302). "
        "[prod.protection.outlook.com]"),),
    "yahoo": (Said(100, 554, "5.0.0",
        "554 delivery error: dd This user doesn't have an account ({address}) "
        "[0] - mta1234.mail.example"),),
    "apple": (Said(100, 550, "5.1.1", "5.1.1 <{address}>: user does not exist"),),
    _ANY: (Said(100, 550, "5.1.1",
        "5.1.1 <{address}>: Recipient address rejected: User {local} unknown in virtual mailbox "
        "table"),),
}
_SOFT: Final = {
    "google": (Said(100, 552, "5.2.2",
        "5.2.2 The recipient's inbox is out of storage space and inactive. {address} - gsmtp"),),
    "microsoft": (Said(100, 552, "5.2.2",
        "5.2.2 mailbox full; STOREDRV.Deliver; over quota {address}"),),
    _ANY: (
        Said(70, 552, "5.2.2", "5.2.2 <{address}>: Recipient address rejected: Mailbox is full"),
        Said(30, 550, "5.2.1", "5.2.1 mailbox of {local} is disabled"),
    ),
}
_BLOCKED: Final = {
    "google": (
        Said(75, 550, "5.7.26",
            "5.7.26 Your email has been blocked because the sender is unauthenticated. Gmail "
            "requires all senders to authenticate with either SPF or DKIM. DKIM = did not pass; "
            "SPF [{domain}] with ip: [{ip}] = did not pass. For instructions go to "
            "https://support.google.com/mail/answer/81126#authentication - gsmtp"),
        Said(25, 550, "5.7.1",
            "5.7.1 [{ip}] Gmail has detected that this message is likely unsolicited mail. To "
            "reduce the amount of spam sent to Gmail, this message has been blocked. For more "
            "information, go to https://support.google.com/mail/?p=UnsolicitedMessageError "
            "- gsmtp"),
    ),
    "microsoft": (
        Said(70, 550, "5.7.1",
            "5.7.1 Unfortunately, messages from [{ip}] weren't sent. Please contact your Internet "
            "service provider since part of their network is on our block list (S3140). You can "
            "also refer your provider to http://mail.live.com/mail/troubleshooting.aspx#errors. "
            "[Name=Protocol Filter Agent][AGT=PFA]"),
        Said(30, 550, "5.7.1",
            "5.7.1 Unfortunately, messages from [{ip}] weren't sent. Part of their network is on "
            "our block list (S3150). [Name=Protocol Filter Agent][AGT=PFA]"),
    ),
    "yahoo": (Said(100, 553, "5.7.1",
        "5.7.1 [BL21] Connections will not be accepted from {ip}, because the ip is in Spamhaus's "
        "list; see http://postmaster.yahoo.com/550-bl23.html"),),
    _ANY: (Said(100, 554, "5.7.1",
        "5.7.1 Service unavailable; client [{ip}] blocked by policy; mail for {address} refused"),),
}
_DEFERRED: Final = {
    "google": (
        Said(60, 421, "4.7.0", "4.7.0 Temporary System Problem. Try again later. - gsmtp"),
        Said(40, 450, "4.2.1",
            "4.2.1 The user you are trying to contact ({address}) is receiving email too quickly. "
            "Please resend your message at a later time. - gsmtp"),
    ),
    "microsoft": (Said(100, 451, "4.7.500",
        "4.7.500 Server busy. Please try again later from [{ip}]. (S77719) "
        "[protection.outlook.com]"),),
    "yahoo": (
        Said(70, 421, "4.7.0",
            "4.7.0 [TSS04] Messages from {ip} temporarily deferred due to unexpected volume or "
            "user complaints - 4.16.55.1; see https://postmaster.yahooinc.com/error-codes"),
        Said(30, 451, "4.3.2", "4.3.2 Internal error reading data"),
    ),
    "apple": (Said(100, 421, "4.7.1",
        "4.7.1 Messages to {address} deferred due to excessive volume. Try again later"),),
    _ANY: (
        Said(60, 450, "4.7.1", "4.7.1 <{address}>: Recipient address rejected: Greylisted"),
        Said(25, 421, "4.4.2", "4.4.2 Error: timeout exceeded"),
        Said(15, 498, "", "No MX servers for the domain could be reached"),
    ),
}
_DEFERRED_BLOCK: Final = {
    "google": (Said(100, 421, "4.7.28",
        "4.7.28 [{ip}] Gmail has detected an unusual rate of unsolicited mail originating from "
        "your IP address. To protect our users from spam, mail sent from your IP address has been "
        "temporarily rate limited. For more information, go to "
        "https://support.google.com/mail/?p=UnsolicitedRateLimitError - gsmtp"),),
    "microsoft": (Said(100, 451, "4.7.650",
        "4.7.650 The mail server [{ip}] has been temporarily rate limited due to IP reputation. "
        "For e-mail delivery information, see https://postmaster.live.com (S775)"),),
    "yahoo": (Said(100, 421, "4.7.0",
        "4.7.0 [TSS04] Messages from {ip} temporarily deferred due to user complaints - "
        "4.16.55.1; see https://postmaster.yahooinc.com/error-codes"),),
    _ANY: (Said(100, 421, "4.7.0",
        "4.7.0 [{ip}] too much mail of low reputation for {address}; try again later"),),
}


def _unattempted(code: int, description: str) -> dict[str, tuple[Said, ...]]:
    return {_ANY: (Said(100, code, "", "", description),)}


#: The kind of failure that each primitive of the model is.
KINDS: Final = {
    "hard_plain": Kind("permanent", "bounce", _HARD),
    "hard_optimized": Kind("permanent", "bounce", _HARD),
    "soft": Kind("permanent", "generic", _SOFT),
    "blocked": Kind("permanent", "espblock", _BLOCKED),
    "old": Kind("permanent", "old", {_ANY: (_OLD,)}),
    "suppressed_bounces": Kind("permanent", "suppress-bounce",
        _unattempted(605, "Not delivering to previously bounced address")),
    "suppressed_unsubscribed": Kind("permanent", "suppress-unsubscribe",
        _unattempted(606, "Not delivering to unsubscribed address")),
    "suppressed_complaints": Kind("permanent", "suppress-complaint",
        _unattempted(607, "Not delivering to a user who marked your messages as spam")),
    "delayed_bounce": Kind("permanent", "bounce", {_ANY: (Said(100, 550, "5.1.1",
        "5.1.1 smtp; 550 user unknown; Final-Recipient: rfc822; {address}"),)},
        "is-delayed-bounce"),
    "webhook": Kind("permanent", "generic", {_ANY: (Said(100, 503, "", "Service Unavailable"),)},
        "is-callback"),
    "deferred": Kind("temporary", "generic", _DEFERRED),
    "deferred_block": Kind("temporary", "espblock", _DEFERRED_BLOCK),
}
# fmt: on

#: The place of each kind's primitive.
FAILED: Final = np.array([PRIMITIVE[name] for name in KINDS])

#: Mail servers by provider; who is not here has one at the recipient's own domain.
_MX: Final = {
    "Gmail": "gmail-smtp-in.l.google.com",
    "Google Workspace": "aspmx.l.google.com",
    "Outlook": "outlook-com.olc.protection.outlook.com",
    "Outlook 365": "{host}.mail.protection.outlook.com",
    "Yahoo": "mta7.am0.yahoodns.net",
    "AOL": "mx-aol.mail.gm0.yahoodns.net",
    "AT&T": "al-ip4-mx-vip1.prodigy.net",
    "Apple": "mx01.mail.icloud.com",
    "Comcast": "mx1a1.comcast.net",
}


def mail_server(recipient_domain: str) -> str:
    """Return the mail server that took the connection for a recipient domain."""
    name = _MX.get(PROVIDER_OF.get(recipient_domain, ""), "mx1." + recipient_domain)
    return name.format(host=recipient_domain.replace(".", "-"))


def _of_families() -> tuple[list[Said], np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    """Return all that is said, and its place by primitive, recipient and a number below 100."""
    recipients = [_FAMILY_OF.get(PROVIDER_OF[name], _ANY) for name in RECIPIENTS] + [_ANY]
    said: list[Said] = []
    places = np.full((len(PRIMITIVES), OWN_DOMAIN + 1, 100), -1, np.int64)
    for primitive, kind in KINDS.items():
        for family in dict.fromkeys(recipients):
            chosen = kind.said.get(family, kind.said[_ANY])
            row = np.repeat(np.arange(len(chosen)) + len(said), [one.share for one in chosen])
            said += chosen
            where = [place for place, name in enumerate(recipients) if name == family]
            places[PRIMITIVE[primitive], where] = row
    return said, places


#: All that is said, and which of it by primitive, recipient's code and a number below 100.
SAID, SAID_BY = _of_families()

_FIRST_TEXT: Final = "ada ben cleo dana emil fay gil hana ira june kai lena milo nora otis pia"
_LAST_TEXT: Final = "ash birch clay dune elm fern glade heath isle knoll lake moor oak pond reed"
_FIRST: Final = _FIRST_TEXT.split()
_LAST: Final = _LAST_TEXT.split()


def invented_local(number: int) -> str:
    """Return the part before the at sign of somebody who does not exist."""
    first, last = _FIRST[number % len(_FIRST)], _LAST[number // 16 % len(_LAST)]
    digits = number // 256 % 10_000
    forms = (f"{first}.{last}{digits}", f"{first}{digits}", f"{first}+{last}{digits}")
    return forms[number // 4096 % len(forms)]
