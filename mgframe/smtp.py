"""What a mail server said: its codes in words, and its text without anybody's address.

Everything here is pure text. :func:`redact` is the only way by which a text of the logs gets into
a frame; it removes too much rather than too little.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from mgframe.smtp_codes import (
    ENHANCED,
    MAILGUN,
    MAILGUN_OWN,
    MARKS,
    OF_PROVIDER,
    PROVIDERS,
    REASONS,
    REPLIES,
    SUBJECTS,
    Meaning,
)

#: What stands in place of an address's local part.
REDACTED: Final = "<redacted>"
#: How much of a text is read: an answer of a mail server is shorter.
_READ: Final = 4_000
_SHORTEST_LOCAL: Final = 3

# ---------------------------------------------------------------- codes

_CODE: Final = re.compile(r"(?<![\d.])([45])\.([0-7])\.(\d{1,3})(?!\.?\d)")
#: The place for it: right after the reply's code.
_AFTER_REPLY: Final = re.compile(r"(?<!\d)[45]\d\d[ -]#?([45]\.[0-7]\.\d{1,3})(?!\.?\d)")
_WHOLE_CODE: Final = re.compile(r"([245])\.([0-7])\.(\d{1,3})")
_MARK: Final = re.compile("|".join(rf"\bA?({re.escape(mark)})\b" for mark in MARKS))


def enhanced_code(text: str) -> str | None:
    """Return the enhanced code in a server's text, None where there is none.

    One that follows a reply code counts more than one elsewhere, as texts hold versions too.

    Examples
    --------
    >>> enhanced_code("550-5.7.26 This mail is unauthenticated ... 192.0.2.1 - gsmtp")
    '5.7.26'
    """
    found = _AFTER_REPLY.search(text)
    if found:
        return found[1]
    found = _CODE.search(text)
    return found[0] if found else None


def meanings_of(code: str | int) -> list[tuple[str, Meaning]]:
    """Return what a code means: by the standard (``""``) and to each provider that differs.

    Takes a reply (550), an enhanced code (5.7.26), a code of Mailgun's own (605), a provider's mark
    (S3150) or a reason of the logs (suppress-bounce); empty for anything else.

    Examples
    --------
    >>> [who or "standard" for who, _ in meanings_of("5.7.26")]
    ['standard', 'Google']
    """
    name = str(code).strip()
    general = _general(name)
    if general is None:
        return []
    special = [(who, _of_provider(name, who)) for who in OF_PROVIDER]
    return [("", general), *((who, meaning) for who, meaning in special if meaning)]


def explain_code(code: str | int) -> str | None:
    """Return a code in words with its sources, one line each; None where nobody explains it.

    Examples
    --------
    >>> print(explain_code("5.1.1"))
    Unknown user: the mailbox does not exist. (RFC 3463)
    >>> print(explain_code(605))
    Not attempted: the address bounced before (suppression list). (Mailgun, source of its MCP ...)
    """
    lines = [
        f"{f'{who}: ' if who else ''}{meaning.text} ({meaning.source})"
        for who, meaning in meanings_of(code)
    ]
    return "\n".join(lines) or None


def meaning_of_failure(
    code: int | None, enhanced: str | None, *, reason: str = "", provider: str = "", text: str = ""
) -> str:
    """Return why a delivery failed, in one line with its source; empty where nothing is known.

    What says most wins: a provider's mark in the text, what the provider means by its enhanced
    code, Mailgun's own code, the enhanced code, the reason, the reply.
    """
    mark = _MARK.search(text)
    who = _provider_of(provider, text)
    found = [
        MARKS[next(filter(None, mark.groups()))] if mark else None,
        _of_provider(enhanced, who) if enhanced and who else None,
        MAILGUN.get(str(code)),
        _enhanced(enhanced) if enhanced and not enhanced.endswith(".0.0") else None,
        REASONS.get(reason) if reason != "generic" else None,
        None if code is None else _general(str(code)),
        REASONS.get(reason),
    ]
    best = next((meaning for meaning in found if meaning), None)
    return f"{best.text} ({best.source})" if best else ""


def _general(name: str) -> Meaning | None:
    tables = (REPLIES, MAILGUN, MARKS, REASONS)
    found = next((table[name] for table in tables if name in table), None)
    if found is None and re.fullmatch(r"6\d\d", name):
        return MAILGUN_OWN
    return found or _enhanced(name)


def _enhanced(code: str) -> Meaning | None:
    whole = _WHOLE_CODE.fullmatch(code)
    if whole is None:
        return None
    detail = f"{whole[2]}.{int(whole[3])}"
    return ENHANCED.get(code) or ENHANCED.get(detail) or SUBJECTS[whole[2]]


def _of_provider(code: str, who: str) -> Meaning | None:
    table = OF_PROVIDER[who]
    return table.get(code) or table.get(code.partition(".")[2])


def _provider_of(provider: str, text: str) -> str:
    """Return who runs the mailbox: by the name first, as texts link to other people's pages."""
    for said in (provider, text):
        for who, pattern in PROVIDERS.items():
            if pattern.search(said):
                return who
    return ""


# ---------------------------------------------------------------- addresses

#: An at sign, also as URLs, quoted-printable, HTML, JSON and the cautious write it.
_AT: Final = re.compile(
    r"[＠﹫]|%(?:25)*40|=40(?=[\w.-]+\.[^\W\d_]{2})|&#0*64;|&#x0*40;|&commat;|\\u0040|\\x40"
    r"|[(\[{<] *at *[)\]}>]",
    re.IGNORECASE,
)
#: Blanks and comments, which may surround it.
_AROUND_AT: Final = re.compile(r"(?: *\([^()@]*\))? *@ *(?:\([^()@]*\))? *")
_DELIMITERS: Final = r"\s<>()\[\],;:"
#: A local part that is quoted or bracketed, and so may hold anything.
_WRAPPED: Final = re.compile(
    rf'"(?>(?:\\.|[^"\\])*)"(?=[^{_DELIMITERS}]*@)|(?!{REDACTED})[<(\[][^<>()\[\]@]*[>)\]](?=@)'
)
#: All that may stand between two delimiters, up to its last at sign; then the domain. The start is
#: anchored, so that a long text without an address costs little.
_ADDRESS: Final = re.compile(
    rf"(?<![^{_DELIMITERS}])(?!(?<={REDACTED})@)[^{_DELIMITERS}]*@(?:\[[^\]\s]*\]|([^{_DELIMITERS}@]*))"
)
_HOST_NAME: Final = re.compile(r"[^\W_][\w-]*(?:\.[\w-]+)+")
_ALONE_IN_BRACKETS: Final = re.compile(r"<(<redacted>(?:@[\w.-]+)?)>")
_ENCODED_WORD: Final = re.compile(r"=\?[^?\s]*\?[bBqQ]\?[^?]*\?=")
#: A return path without its at sign (bounce+user=example.com, user%example.com), and UUCP's.
_RETURN_PATH: Final = re.compile(
    rf'(?<![^{_DELIMITERS}/?&"])[^{_DELIMITERS}/?&"]+[=%]((?:[\w-]+\.)+[^\W\d_]{{2,}})'
)
_BANG_PATH: Final = re.compile(rf"(?<![\w.-])((?:[\w-]+\.)+[^\W\d_]{{2,}})![^{_DELIMITERS}]+")
#: An address in words (jo at example.org, jo unknown in domain example.org); a time is no host.
_SPOKEN: Final = re.compile(
    r'(?P<name>(?<!\S)(?:\S++ dot )*+\S++|"[^"]*+")'
    r"(?P<onward> (?:at|(?:is )?(?:unknown|not found|not known|does not exist|doesn't exist)"
    r" (?:at|in|on|for)) (?:(?:\w+ ){0,3}domain |host )?[<\"'(\[]?)"
    r"(?=(?:[\w-]+(?:\.| dot ))+(?:[^\W\d_]{2}|xn--)|\d+(?:\.\d+){3})",
    re.IGNORECASE,
)
_WITHOUT_NAME: Final = re.compile(rf"[(\[{{<\"']*{REDACTED}(?:@[\w.-]+)?")
#: Names of values that are a host or a domain, as servers write them.
_HOST_VALUES: Final = re.compile(
    r"(?:|.*[^\w.-])(?:d|s|i|p|ip|helo|host|domain|name|header\.[di]|smtp\.helo|client-ip)=",
    re.IGNORECASE,
)


def redact(text: str, recipient: str = "") -> str:
    """Return `text` on one line without any address: ``<redacted>@gmail.com``.

    Every local part goes, in whatever form it is written; the domain stays where it is a host name,
    as it tells who was asked. With `recipient`, that address's local part goes also where it stands
    alone; one of two letters or less only where the line names the domain, as it may be a word.

    Examples
    --------
    >>> redact("550 5.1.1 <jo.doe@example.com>: jo.doe is unknown", "jo.doe@example.com")
    '550 5.1.1 <redacted>@example.com: <redacted> is unknown'
    """
    line = text[:_READ]
    if not line.isprintable():
        line = "".join(c if c.isprintable() else " " for c in line)
    line = _AT.sub("@", _ENCODED_WORD.sub(REDACTED, " ".join(line.split())))
    if "@" in line:
        line = _WRAPPED.sub(REDACTED[1:-1], _AROUND_AT.sub("@", line))
        line = _ALONE_IN_BRACKETS.sub(r"\1", _ADDRESS.sub(_without_local, line))
    line = _RETURN_PATH.sub(_without_user, _BANG_PATH.sub(rf"\1!{REDACTED}", line))
    return _without_words(_SPOKEN.sub(_without_name, line), recipient)


def _without_local(found: re.Match[str]) -> str:
    domain = _HOST_NAME.match(found[1] or "")
    return f"{REDACTED}@{found[1]}" if domain else REDACTED


def _without_user(found: re.Match[str]) -> str:
    before = found[0][: found.start(1) - found.start()]
    return found[0] if _HOST_VALUES.fullmatch(before) else f"{REDACTED}={found[1]}"


def _without_name(found: re.Match[str]) -> str:
    name = found["name"] if _WITHOUT_NAME.fullmatch(found["name"]) else REDACTED
    return name + found["onward"]


def _without_words(line: str, recipient: str) -> str:
    """Remove the recipient's local part where it stands alone, whole or up to a plus sign."""
    whole, _, domain = recipient.strip().strip("<>").rpartition("@")
    named = domain.casefold() in line.casefold()
    bare = whole.strip('"').replace("\\", "")
    words = {whole, bare, bare.partition("+")[0], quote(bare, safe=""), quote(bare)}
    for word in sorted(words, key=len, reverse=True):
        if len(word) >= _SHORTEST_LOCAL and word.casefold() in line.casefold():
            pattern = rf"(?<![^\W_]){re.escape(word)}(?![^\W_])"
            line = re.sub(pattern, REDACTED, line, flags=re.IGNORECASE)
        elif word and named:  # but no part of a code or of a host
            pattern = rf"(?<![\w.-]){re.escape(word)}(?!\w|[.-]\w)"
            line = re.sub(pattern, REDACTED, line, flags=re.IGNORECASE)
    return line
