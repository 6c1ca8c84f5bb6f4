"""One table of what mail servers answer, in words, each with the page that says so.

Three tables by the form of the code: replies (``550``), enhanced codes without their class
(``7.26`` stands for 4.7.26 and 5.7.26), and marks that providers put into their texts (``S3150``).
What a provider means by a code of its own is kept beside what the standard means by it.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple


class Meaning(NamedTuple):
    """What a code says, and where that is written."""

    text: str
    source: str


_SMTP = "RFC 5321"
_STATUS = "RFC 3463"
_AUTH = "RFC 7372"
_IANA = "IANA, SMTP Enhanced Status Codes"
_GOOGLE = "Google, Gmail SMTP errors and codes"
# Pages that could not be compared word by word, or that do not list every code, are marked so.
_PUBLISHED = "as commonly published"
_MICROSOFT = f"Microsoft, NDR error codes in Exchange Online; {_PUBLISHED}"
_OUTLOOK = f"Microsoft, Outlook.com postmaster; {_PUBLISHED}"
_YAHOO = f"Yahoo, Sender Hub: SMTP error codes; {_PUBLISHED}"
_MAILGUN = "Mailgun, help centre: Will Mailgun retry my failed messages"
_MAILGUN_TOOL = "Mailgun, source of its MCP server"
_MAILGUN_API = "Mailgun, OpenAPI document: Logs"
_SEEN = "seen in Mailgun's answers, not documented"


def _table(source: str, texts: dict[str, str]) -> dict[str, Meaning]:
    return {code: Meaning(text, source) for code, text in texts.items()}


#: Reply codes of three digits.
REPLIES: Final = {
    **_table(
        _SMTP,
        {
            "421": "The server closes the connection for now; it takes the mail later.",
            "450": "The mailbox cannot take mail for the moment: busy, or put off by policy.",
            "451": "The server had an error of its own; try again later.",
            "452": "The server or the mailbox has no room for now, or too many recipients.",
            "455": "The server cannot take these parameters for now.",
            "500": "The server did not understand the command.",
            "501": "The server did not understand a parameter, such as an address.",
            "502": "The server does not know this command.",
            "503": "The commands came in an order that the server does not take.",
            "504": "The server does not know this parameter.",
            "550": "The mailbox does not exist, or policy refuses the mail.",
            "551": "The recipient is not at this server.",
            "552": "The mailbox or the server has no room, or the message is too large.",
            "553": "The mailbox's name is not allowed.",
            "554": "The server refuses the mail for good, without a more precise reason.",
            "555": "The server does not know the parameters of sender or recipient.",
        },
    ),
    **_table("RFC 7504", {"521": "The server takes no mail.", "556": "The domain takes no mail."}),
    **_table(
        "RFC 3207; RFC 4954",
        {
            "454": "Encryption (STARTTLS) or the check of credentials is not available for now.",
            "530": "The server wants encryption (STARTTLS) first, or credentials.",
        },
    ),
    "535": Meaning("The credentials are wrong.", "RFC 4954"),
}

#: What Mailgun says where no mail server did.
MAILGUN: Final = {
    "498": Meaning("No mail server of the domain could be found or reached.", _SEEN),
    "499": Meaning("Mailgun could not connect to the domain's mail servers.", _SEEN),
    "602": Meaning("Too old: the retries of about 8 hours were used up.", _MAILGUN),
    "605": Meaning("Not attempted: the address bounced before (suppression list).", _MAILGUN_TOOL),
    "606": Meaning(
        "Not attempted: the recipient unsubscribed before (suppression list).", _MAILGUN_TOOL
    ),
    "607": Meaning(
        "Not attempted: the recipient complained before (suppression list).", _MAILGUN_TOOL
    ),
    "625": Meaning("Not attempted: Mailgun found the mailing list too poor.", _SEEN),
    "680": Meaning("Mailgun could not connect to the mail server.", _MAILGUN_API),
}

#: Any other code of 600 and more.
MAILGUN_OWN: Final = Meaning(
    "A code of Mailgun's own: no mail server said this; the example has its words.", _SEEN
)

#: Enhanced codes without their class, subject and detail; a few mean more with their class.
ENHANCED: Final = {
    "4.7.1": Meaning(
        "Put off by policy, such as greylisting or a limit of the rate.",
        f"in practice, {_PUBLISHED}; RFC 3463 means X.7.1 as permanent",
    ),
    **_table(
        _STATUS,
        {
            "0.0": "No more precise reason.",
            "1.0": "Something is wrong with an address.",
            "1.1": "Unknown user: the mailbox does not exist.",
            "1.2": "The recipient's domain does not exist or takes no mail.",
            "1.3": "The recipient's address is malformed.",
            "1.4": "The recipient's address stands for several mailboxes.",
            "1.5": "The recipient's address is valid.",
            "1.6": "The mailbox has moved.",
            "1.7": "The sender's address is malformed.",
            "1.8": "The sender's domain does not exist or takes no bounces.",
            "2.0": "Something is wrong with the mailbox.",
            "2.1": "The mailbox is disabled or takes no mail.",
            "2.2": "Full mailbox: the recipient is over quota.",
            "2.3": "The message is too long for this mailbox.",
            "2.4": "A mailing list could not be expanded.",
            "3.0": "Something is wrong with the receiving system.",
            "3.1": "The receiving system is full.",
            "3.2": "The receiving system takes no mail for now.",
            "3.3": "The receiving system lacks a feature that the message needs.",
            "3.4": "The message is too large for the receiving system.",
            "3.5": "The receiving system is configured wrongly.",
            "4.0": "Something is wrong with network or routing.",
            "4.1": "The server did not answer.",
            "4.2": "The connection broke.",
            "4.3": "A look-up failed, usually DNS.",
            "4.4": "No route to the domain: no usable MX record.",
            "4.5": "The server is congested.",
            "4.6": "The mail goes round in a loop.",
            "4.7": "The mail was too long on its way and was given up.",
            "5.0": "Something is wrong with the SMTP dialogue.",
            "5.1": "A command came out of order or is not known.",
            "5.2": "A command could not be read.",
            "5.3": "Too many recipients at once.",
            "5.4": "A command has wrong arguments.",
            "5.5": "The versions of the protocol do not match.",
            "6.0": "Something is wrong with the content.",
            "6.1": "The kind of content is not supported.",
            "6.2": "The content would have to be converted, which is not allowed.",
            "6.3": "The content would have to be converted, which is not supported.",
            "6.4": "The content was converted with a loss.",
            "6.5": "The content could not be converted.",
            "7.0": "Refused or put off for another or undefined reason of security.",
            "7.1": "Refused by policy: the sender may not send this here.",
            "7.2": "The sender may not write to this mailing list.",
            "7.3": "The message would have to change its security, which is not possible.",
            "7.4": "The server lacks a security feature that the message needs.",
            "7.5": "Encryption or a signature failed.",
            "7.6": "The algorithm of encryption or signature is not supported.",
            "7.7": "The message was changed on its way.",
        },
    ),
    **_table(
        "RFC 4954",
        {
            "5.6": "The exchange of credentials was too long.",
            "7.8": "The credentials are wrong.",
            "7.9": "The way of authenticating is too weak.",
            "7.11": "This way of authenticating needs encryption.",
            "7.12": "The password has to be set anew.",
        },
    ),
    **_table(
        "RFC 5248",
        {
            "7.10": "The server wants encryption.",
            "7.13": "The user's account is disabled.",
            "7.14": "The server wants a trust relationship.",
        },
    ),
    **_table("RFC 3886", {"1.9": "The mail was handed to a system that sends no reports."}),
    **_table(
        "RFC 7505",
        {
            "1.10": "The recipient's domain takes no mail (null MX).",
            "7.27": "The sender's domain takes no mail (null MX).",
        },
    ),
    **_table(
        "RFC 6531",
        {
            "6.7": "Addresses beyond ASCII are not allowed here.",
            "6.8": "A reply in UTF-8 is needed and not allowed.",
            "6.9": "Headers in UTF-8 cannot be handed on.",
        },
    ),
    **_table("RFC 4468", {"6.6": "The content to be sent could not be had."}),
    **_table(
        "RFC 6710",
        {
            "7.15": "The message's priority is too low for now.",
            "7.16": "The message is too large for its priority.",
        },
    ),
    **_table(
        "RFC 7293",
        {
            "7.17": "The mailbox has another owner now.",
            "7.18": "The domain has another owner now.",
            "7.19": "Whether the mailbox has another owner cannot be told.",
        },
    ),
    **_table(
        _AUTH,
        {
            "7.20": "Unauthenticated: no DKIM signature passes.",
            "7.21": "Unauthenticated: no DKIM signature that the server accepts.",
            "7.22": "Unauthenticated: no DKIM signature of the author's domain.",
            "7.23": "Unauthenticated: SPF fails.",
            "7.24": "SPF could not be evaluated.",
            "7.25": "The sending IP has no matching reverse DNS (PTR).",
            "7.26": "Unauthenticated: several checks of SPF, DKIM or DMARC fail.",
        },
    ),
    **_table(_IANA, {"7.28": "Too much mail at once (mail flood)."}),
    **_table("RFC 8617", {"7.29": "The ARC chain of forwarders is broken."}),
    **_table("RFC 8689", {"7.30": "The next server lacks REQUIRETLS."}),
}

#: What only the subject of an enhanced code says, where its detail is not known.
SUBJECTS: Final = _table(
    _STATUS,
    {
        "0": "No more precise reason.",
        "1": "Something is wrong with an address.",
        "2": "Something is wrong with the mailbox.",
        "3": "Something is wrong with the receiving system.",
        "4": "Something is wrong with network or routing.",
        "5": "Something is wrong with the SMTP dialogue.",
        "6": "Something is wrong with the content.",
        "7": "Refused or put off for policy, security or reputation.",
    },
)

#: What one provider means by a code; the key is the provider, then the code with or without class.
OF_PROVIDER: Final = {
    "Google": _table(
        _GOOGLE,
        {
            "4.2.1": "The recipient gets mail too fast.",
            "5.2.1": "The account is disabled or inactive.",
            "4.5": "The server is busy.",
            "4.7.0": "Throttled for unsolicited mail, or TLS is wanted, or a problem of its own.",
            "5.7.0": "Refused by policy: the content, or the sender's rights.",
            "5.7.1": "Blocked: likely unsolicited mail, or the recipient's domain forbids it.",
            "7.23": "The sending IP has no PTR record, or it does not match: rate limited.",
            "7.25": "The sending IP has no PTR record, or it does not match.",
            "7.26": "Unauthenticated: neither SPF nor DKIM passes, or the domain's DMARC policy "
            "refuses it.",
            "7.27": "Unauthenticated: SPF does not pass, which Gmail wants of bulk senders.",
            "7.28": "Rate limited: an unusual rate of unsolicited mail from the IP or domain.",
            "7.29": "The connection was not encrypted (TLS), which Gmail wants of bulk senders.",
            "7.30": "Unauthenticated: DKIM does not pass, which Gmail wants of bulk senders.",
            "7.32": "The From: domain matches neither SPF nor DKIM (alignment).",
            "7.40": "The sending domain has no DMARC record.",
        },
    ),
    "Microsoft": {
        **_table(
            _MICROSOFT,
            {
                "5.1.10": "Unknown user: the mailbox does not exist.",
                "5.4.1": "Unknown user or domain: the recipient's address is refused.",
                "4.7.500": "Throttled: the server is busy or wary of the sender.",
                "5.7.511": "Refused: the sending IP is banned.",
                "5.7.606": "Refused: the sending IP is banned.",
                "5.7.708": "Refused: traffic from an IP of low reputation.",
            },
        ),
        **_table(
            _OUTLOOK,
            {
                "4.7.650": "Rate limited because of the sending IP's reputation.",
                "5.5.0": "Unknown user: the mailbox is not available.",
                "5.7.515": "Unauthenticated: SPF, DKIM and DMARC are wanted of bulk senders.",
            },
        ),
    },
    "Yahoo": _table(
        _YAHOO,
        {
            "4.7.0": "Throttled: unexpected volume or complaints of users.",
            "5.7.1": "The connection is refused because of a block list.",
            "5.7.9": "Refused by policy: content or authentication.",
        },
    ),
}

#: Marks that providers put into their texts, and what they mean.
MARKS: Final = {
    **_table(
        _OUTLOOK,
        {
            "S3140": "Blocked: the sending IP's network is on Outlook's block list.",
            "S3150": "Blocked: the sending IP's network is on Outlook's block list.",
            "S775": "Rate limited because of the sending IP's reputation.",
            "SC-001": "Blocked for policy: content like spam, or the reputation of IP or domain.",
            "SC-002": "Blocked: the sending IP tried out addresses.",
            "SC-003": "Blocked: the sending IP looks like an open relay.",
            "SC-004": "Blocked: users complained about mail from the sending IP.",
            "DY-001": "Blocked: the sending IP is a dynamic one.",
            "DY-002": "Blocked: the sending machine looks compromised.",
        },
    ),
    **_table(
        _YAHOO,
        {
            "TSS04": "Throttled: unexpected volume or complaints of users.",
            "TS02": "Put off for now: complaints of users about the sending IP.",
            "TS03": "Put off for good: all mail from the sending IP, for its traffic.",
            "BL21": "Blocked: the sending IP is on a list of Spamhaus.",
            "BL23": "Blocked: the sending IP is on a list of Spamhaus.",
            "PH01": "Refused: the content looks like phishing.",
        },
    ),
}

#: How a provider is recognised, in its name at Mailgun or in the text of its servers.
PROVIDERS: Final = {
    "Google": re.compile(r"gmail|google|gsmtp", re.IGNORECASE),
    # A host below live.com, but neither olive.com nor the links that anybody's texts hold.
    "Microsoft": re.compile(
        r"outlook|hotmail|microsoft|office ?365"
        r"|(?<![^\s<>()\[\]@,;=])(?:[\w-]+\.)*live\.com(?!\.?[\w/-])",
        re.IGNORECASE,
    ),
    "Yahoo": re.compile(r"yahoo|\baol\b|\bTSS?\d\d\b|at&t", re.IGNORECASE),
}

#: Why a delivery failed, by the reason that Mailgun's logs give.
REASONS: Final = _table(
    "Mailgun, metric-definitions",
    {
        "bounce": "The receiving server refused the address for good.",
        "delayed-bounce": "The server took the message and sent it back later.",
        "espblock": "The mailbox provider blocked the sender.",
        "blacklisted": "The sender is on a block list.",
        "greylisted": "The server puts off senders that it does not know yet.",
        "generic": "The server gave another reason.",
        "old": "The retries of about 8 hours were used up.",
        "suppress-bounce": "Not attempted: the address bounced before (suppression list).",
        "suppress-unsubscribe": "Not attempted: the recipient unsubscribed before.",
        "suppress-complaint": "Not attempted: the recipient complained before.",
        "webhook": "A callback over HTTP failed; no mail did.",
    },
)
