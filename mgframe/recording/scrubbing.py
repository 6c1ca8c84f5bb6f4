"""What is written down of requests and answers: no key, nobody's address, no password.

Of log lines only the members that tables need are kept, with the redaction that tables get; the
words of an error are redacted as messages are. Everywhere else an address may be a key that frames
and later requests need (a tag, say). There its local part gets a number, ``<redacted-1>``, so that
two keys stay two, and :meth:`Scrubber.restored` puts it back in what is sent to the server.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from mgframe.recording.cleaning import CREDENTIAL, Clean, Json, cleaned, cleaned_line, is_log_page
from mgframe.smtp import redact

_KEY: Final = "[key]"

#: Headers of an answer that frames or waits depend on; no other is kept.
HEADERS: Final = (
    "Date",
    "Content-Type",
    "Retry-After",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "X-Mgframe-Simulated",
)

_DELIMITERS: Final = r"\s<>()\[\],;:\""
#: A local part before an at sign and a host; its start is anchored, so that long texts cost little.
_LOCAL_PART: Final = re.compile(
    rf'(?:(?<![^{_DELIMITERS}])[^{_DELIMITERS}]+|"[^"]+")'
    r"(?=(?:[@＠﹫]|%(?:25)*40)(?:\[|(?:[\w-]+\.)+(?:[^\W\d_]{2}|xn--)))"
)
_NUMBERED: Final = re.compile(r"<redacted-(\d+)>")
_URL: Final = re.compile(r"https?://\S+")
#: What an answer holds if anything in it needs cleaning; most hold none of it, and are large.
_SUSPECT: Final = re.compile(
    rb"@|%(?:25)*40|\\|\xef\xbc\xa0|\xef\xb9\xab|" + CREDENTIAL.pattern.encode(), re.IGNORECASE
)


class Scrubber:
    """Cleans what is written down, and restores what the server has to see.

    Parameters
    ----------
    secrets : iterable of str
        Forms of the key, which must not be written.

    Examples
    --------
    >>> scrubber = Scrubber(["key-of-mine"])
    >>> scrubber.text("tag of jo.doe@example.com"), scrubber.text("sent with key-of-mine")
    ('tag of <redacted-1>@example.com', 'sent with [key]')
    >>> scrubber.restored("tag of <redacted-1>@example.com")
    'tag of jo.doe@example.com'
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = sorted(secrets, key=len, reverse=True)
        self._numbers: dict[str, int] = {}
        self._numbered: list[str] = []
        self._lock = threading.Lock()

    # ------------------------------------------------------------ texts

    def text(self, text: str) -> str:
        """Return a text without the key, and with numbers in place of local parts."""
        return self._url(text) if _URL.fullmatch(text) else self._words(text)

    def url(self, url: str) -> str:
        """Return the address of a request with the texts in its path cleaned."""
        return "/".join(_segment(segment, self._words) for segment in url.split("/"))

    def error_text(self, text: str) -> str:
        """Return the words of an error, redacted as messages are."""
        return redact(self._without_key(text))

    def _words(self, text: str) -> str:
        return _LOCAL_PART.sub(lambda found: self._number(found[0]), self._without_key(text))

    def _url(self, text: str) -> str:
        """Clean the names and values in a link as a client reads them, which follows it."""
        parts = urlsplit(text)
        given = parse_qsl(parts.query, keep_blank_values=True)
        pairs = [(self._words(name), self._words(value)) for name, value in given]
        found = parts._replace(
            netloc=parts.netloc.rpartition("@")[2],
            path=self.url(parts.path),
            query=parts.query if pairs == given else urlencode(pairs),
            fragment=self._words(parts.fragment),
        )
        return text if found == parts else found.geturl()

    def _without_key(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, _KEY)
        return text

    # ------------------------------------------------------------ answers

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers that are kept."""
        return {name: self._words(headers[name]) for name in HEADERS if name in headers}

    def body_answered(self, status: int, content: bytes) -> tuple[Json, bool]:
        """Return the body of an answer, and whether it is JSON; else it is a text."""
        for secret in self._secrets:
            content = content.replace(secret.encode("latin-1"), _KEY.encode())
        clean = self.error_text if status >= 400 else self.text
        try:
            body = json.loads(content)
            if is_log_page(body):
                return self._log_page(body), True
            suspect = status >= 400 or _SUSPECT.search(content)
            return (cleaned(body, clean) if suspect else body), True
        except (ValueError, RecursionError):
            return clean(content.decode("utf-8", "surrogateescape")), False

    def _log_page(self, body: Mapping[str, Json]) -> Json:
        """Return a page of log lines; its tokens get numbers, as they may hold anything."""
        rest = {name: part for name, part in body.items() if name not in ("items", "pagination")}
        page = {
            "items": [cleaned_line(line, self.text) for line in body["items"]],
            **cleaned(rest, self.text),
        }
        if "pagination" in body:
            page["pagination"] = self._tokens(body["pagination"])
        return page

    def _tokens(self, paging: Json) -> Json:
        if not isinstance(paging, dict):
            return cleaned(paging, self.text)
        texts = {name: text for name, text in paging.items() if isinstance(text, str)}
        return {**paging, **{name: self._number(text) for name, text in texts.items()}}

    # ------------------------------------------------------------ numbers

    def restored(self, text: str) -> str:
        """Return a text as the server knows it: numbers become what they stand for."""
        return _NUMBERED.sub(self._original, text)

    def restored_url(self, url: str) -> str:
        """Return the address of a request as the server knows it."""
        return "/".join(_segment(segment, self.restored) for segment in url.split("/"))

    def restored_body(self, body: str) -> str:
        """Return the JSON of a request as the server knows it."""
        if not _NUMBERED.search(body):
            return body
        return json.dumps(cleaned(json.loads(body), self.restored), ensure_ascii=False)

    def _number(self, text: str) -> str:
        if not text or _NUMBERED.fullmatch(text):
            return text
        with self._lock:
            if text not in self._numbers:
                self._numbered.append(text)
                self._numbers[text] = len(self._numbered)
            return f"<redacted-{self._numbers[text]}>"

    def _original(self, found: re.Match[str]) -> str:
        number = int(found[1])
        return self._numbered[number - 1] if 0 < number <= len(self._numbered) else found[0]


def _segment(segment: str, clean: Clean) -> str:
    """Return one segment of a path, cleaned; one without anything to clean stays as it is."""
    plain = unquote(segment)
    return segment if clean(plain) == plain else quote(clean(plain), safe="")
