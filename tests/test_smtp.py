"""Codes in words with their sources, and texts of servers without anybody's address."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgframe.smtp import (
    REDACTED,
    enhanced_code,
    explain_code,
    meaning_of_failure,
    meanings_of,
    redact,
)
from mgframe.smtp_codes import ENHANCED, MAILGUN, MARKS, OF_PROVIDER, REASONS, REPLIES, SUBJECTS

ADDRESS = re.compile(r"[^\s<>@]@[^\s@]|%40|&#64;")

# ---------------------------------------------------------------- codes


@pytest.mark.parametrize(
    ("code", "words", "source"),
    [
        ("5.1.1", "Unknown user", "RFC 3463"),
        ("5.2.2", "Full mailbox", "RFC 3463"),
        ("5.7.1", "Refused by policy", "RFC 3463"),
        ("5.7.26", "Unauthenticated", "RFC 7372"),
        ("5.7.26", "neither SPF nor DKIM", "Google"),
        ("4.7.0", "undefined reason of security", "RFC 3463"),
        ("4.7.0", "TLS is wanted", "Google"),
        ("4.7.0", "Throttled", "Yahoo"),
        ("4.7.1", "greylisting", "RFC 3463 means X.7.1 as permanent"),
        ("4.2.1", "too fast", "Google"),
        ("5.2.1", "disabled or inactive", "Google"),
        ("TS02", "for now", "as commonly published"),
        ("TS03", "for good", "as commonly published"),
        (454, "STARTTLS", "RFC 3207; RFC 4954"),
        (530, "STARTTLS", "RFC 3207; RFC 4954"),
        (535, "credentials", "RFC 4954"),
        ("5.7.25", "reverse DNS", "RFC 7372"),
        ("4.7.28", "Rate limited", "Google"),
        ("5.7.27", "null MX", "RFC 7505"),
        ("5.7.27", "SPF does not pass", "Google"),
        ("4.4.1", "did not answer", "RFC 3463"),
        ("5.4.4", "no usable MX", "RFC 3463"),
        ("S3140", "block list", "Outlook.com postmaster"),
        ("S3150", "block list", "Outlook.com postmaster"),
        ("TSS04", "complaints", "Yahoo"),
        ("4.7.650", "reputation", "Outlook.com postmaster"),
        (421, "closes the connection", "RFC 5321"),
        (550, "does not exist", "RFC 5321"),
        (605, "bounced before", "Mailgun"),
        (498, "mail server", "Mailgun"),
        (650, "Mailgun's own", "Mailgun"),
        ("suppress-complaint", "complained before", "Mailgun"),
    ],
)
def test_a_code_is_explained_with_its_source(code: str | int, words: str, source: str) -> None:
    lines = (explain_code(code) or "").splitlines()
    assert any(words in line and source in line for line in lines), lines


@pytest.mark.parametrize("code", ["", "5", "5.8.1", "1.2.3", "999", "2.7", "hello", "5.1.1.1", 250])
def test_what_is_no_code_of_a_failure_is_not_explained(code: str | int) -> None:
    assert meanings_of(code) == []
    assert explain_code(code) is None


def test_an_unknown_detail_is_explained_by_its_subject() -> None:
    assert meanings_of("5.1.99")[0][1] == SUBJECTS["1"]


def test_every_entry_is_a_sentence_with_a_source() -> None:
    tables = (REPLIES, MAILGUN, ENHANCED, SUBJECTS, MARKS, REASONS, *OF_PROVIDER.values())
    for meaning in (meaning for table in tables for meaning in table.values()):
        assert meaning.text.endswith(".")
        assert len(meaning.text) < 110
        assert meaning.source
    assert all(re.fullmatch(r"([45]\.)?[0-7]\.\d{1,3}", code) for code in ENHANCED)
    assert all(re.fullmatch(r"[456]\d\d", code) for code in (*REPLIES, *MAILGUN))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("550-5.7.26 This mail is unauthenticated", "5.7.26"),
        ("550 5.1.1 <a>: unknown", "5.1.1"),
        ("5.1.1 The email account does not exist.", "5.1.1"),
        ("Requested action not taken (#5.1.1).", "5.1.1"),
        ("554 #5.7.1 refused", "5.7.1"),
        ("421 4.7.0 [TSS04] temporarily deferred - 4.16.55.1; see", "4.7.0"),
        ("Postfix 4.5.6 said: 550 5.1.1 no", "5.1.1"),
        ("mail from 4.7.0.12 refused", None),
        ("see 192.0.2.5 and 10.5.7.1", None),
        ("Too old", None),
        ("", None),
        ("2.0.0 OK", None),
    ],
)
def test_the_enhanced_code_of_a_text_is_found(text: str, code: str | None) -> None:
    assert enhanced_code(text) == code


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"code": 550, "enhanced": "5.7.1", "text": "on our block list (S3150)."}, "block list"),
        ({"code": 550, "enhanced": "5.7.26", "provider": "Gmail"}, "neither SPF nor DKIM"),
        ({"code": 550, "enhanced": "5.7.27", "text": "see support.google.com - gsmtp"}, "SPF does"),
        ({"code": 550, "enhanced": "5.7.27", "provider": "Outlook"}, "null MX"),
        ({"code": 550, "enhanced": "5.7.1", "provider": "Outlook", "text": "gsmtp"}, "by policy"),
        ({"code": 605, "enhanced": None, "reason": "suppress-bounce"}, "bounced before"),
        ({"code": 554, "enhanced": "5.0.0", "reason": "bounce"}, "refused the address"),
        ({"code": 554, "enhanced": None, "reason": "generic"}, "refuses the mail"),
        ({"code": None, "enhanced": None, "reason": "old"}, "retries"),
        ({"code": 680, "enhanced": None}, "could not connect"),
    ],
)
def test_the_meaning_is_what_says_most(arguments: dict[str, object], words: str) -> None:
    assert words in meaning_of_failure(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["olive.com refused it", "see https://mail.live.com/x", "x-live.com", "live.com.b.org"]
)
def test_a_link_or_a_longer_name_is_not_microsoft(text: str) -> None:
    assert "null MX" in meaning_of_failure(550, "5.7.27", text=f"{text}")
    assert "Microsoft" not in meaning_of_failure(550, "5.4.1", text=text)


@pytest.mark.parametrize(
    "text", ["live.com", "mx1.live.com said", "<redacted>@live.com.", "(Live.com)"]
)
def test_a_host_of_live_com_is_microsoft(text: str) -> None:
    assert "Microsoft" in meaning_of_failure(550, "5.4.1", text=text)


def test_where_nothing_is_known_nothing_is_said() -> None:
    assert meaning_of_failure(None, None) == ""
    assert meaning_of_failure(250, "9.9.9", reason="(none)") == ""


# ---------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("550 5.1.1 <jo@a.com>: unknown", "550 5.1.1 <redacted>@a.com: unknown"),
        ('"jo doe"@a.com and "x@y"@b.org', "<redacted>@a.com and <redacted>@b.org"),
        ('jo."q x".doe@a.com', "<redacted>@a.com"),
        ("bounce+12=jo=b.com@a.com", "<redacted>@a.com"),
        ("SRS0=ab=cd=b.com=jo@a.com", "<redacted>@a.com"),
        ("jo=40b.com@a.com jo=40b.com", "<redacted>@a.com <redacted>@b.com"),
        ("jo%40a.com, jo%2540a.com", "<redacted>@a.com, <redacted>@a.com"),
        ("mailto:jo+news@a.com?x", "mailto:<redacted>@a.com?x"),
        ("jo@[IPv6:2001:db8::1] jo@[192.0.2.1]", "<redacted> <redacted>"),
        ("пользователь@пример.рф", "<redacted>@пример.рф"),
        (
            "jo＠a.com jo&#64;a.com jo\\u0040a.com",
            "<redacted>@a.com <redacted>@a.com <redacted>@a.com",
        ),
        ("jo (at) a.com, jo[at]a.com", "<redacted>@a.com, <redacted>@a.com"),
        ("jo (home) @ a.com", "<redacted>@a.com"),
        ("<jo>@a.com {jo}@a.com", "<redacted>@a.com <redacted>@a.com"),
        ("jo@a.com/ann@b.com", "<redacted>@b.com"),
        ("a.com!jo", "a.com!<redacted>"),
        ("bounce+jo=a.com jo%a.com", "<redacted>=a.com <redacted>=a.com"),
        ("=?utf-8?B?am9AYS5jb20=?= said", "<redacted> said"),
        ("jo@localhost jo@", "<redacted> <redacted>"),
        ("550-5.1.1 <jo@a.com>\r\n550 5.1.1 no", "550-5.1.1 <redacted>@a.com 550 5.1.1 no"),
    ],
)
def test_no_form_of_an_address_stays(text: str, clean: str) -> None:
    assert redact(text) == clean
    assert redact(clean) == clean


@pytest.mark.parametrize(
    "text",
    [
        "421 4.7.0 [TSS04] Messages from 192.0.2.9 temporarily deferred - 4.16.55.1; see "
        "https://help.yahoo.com/kb/postmaster/SLN3434.html",
        "https://support.google.com/mail/?p=UnsolicitedRateLimitError - gsmtp",
        "[Name=Protocol Filter Agent][AGT=PFA][MxId=11B9A39F520F25FB] (S775)",
        "timeout=40 size=4096, helo=mail.a.com d=a.com client-ip=192.0.2.1",
        "Turret client: server connection failed",
        "Try again at 10.30, or at once. Look at https://a.com/x or at the page of example.org",
        "User unknown in virtual mailbox table",
    ],
)
def test_a_text_without_an_address_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    ("recipient", "text"),
    [
        ("jo.doe@a.com", "User jo.doe unknown"),
        ("Jo.Doe@a.com", "mailbox of JO.DOE, is full"),
        ("jo.doe+news@a.com", "User jo.doe+news or jo.doe unknown"),
        ('"jo doe"@a.com', "User jo doe unknown"),
        ("jöé@a.com", "User j%C3%B6%C3%A9 or jöé unknown"),
    ],
)
def test_the_recipients_name_goes_where_it_stands_alone(recipient: str, text: str) -> None:
    clean = redact(text, recipient)
    assert REDACTED in clean
    assert not re.search("jo.doe|jö|%C3", clean, re.IGNORECASE)


@given(
    local=st.from_regex(r"[a-z0-9]{1,2}(\+x)?", fullmatch=True),
    host=st.sampled_from(["example.org", "mail.b-c.co.uk"]),
    around=st.sampled_from(
        ["550 5.1.1 user {0} at {1} unknown", "<{0}@{1}>: no {0} here", "{1}: {0}, is full"]
    ),
)
def test_a_short_name_goes_where_the_line_names_its_domain(
    local: str, host: str, around: str
) -> None:
    clean = redact(around.format(local, host), f"{local}@{host}")
    assert not re.search(rf"(?<![\w.-]){re.escape(local)}(?!\w|[.-]\w)", clean), clean
    assert host in clean
    assert clean.startswith("550 5.1.1") or not around.startswith("550")


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (
            "550 5.1.1 user jo at example.org unknown",
            "550 5.1.1 user <redacted> at example.org unknown",
        ),
        (
            "550 5.2.2 forwarded to a.b at x.com: full",
            "550 5.2.2 forwarded to <redacted> at x.com: full",
        ),
        ('"jo doe" AT <x.com>', "<redacted> AT <x.com>"),
        ("jo dot doe at x dot com", "<redacted> at x dot com"),
        ("jo at 192.0.2.1", "<redacted> at 192.0.2.1"),
        ("user jo unknown in domain x.com", "user <redacted> unknown in domain x.com"),
        ("jo is unknown at host x.com", "<redacted> is unknown at host x.com"),
        (
            "jo not found in the local domain x.com",
            "<redacted> not found in the local domain x.com",
        ),
        ("ann@a.com at x.com", "<redacted>@a.com at x.com"),
    ],
)
def test_an_address_in_words_goes_too(text: str, clean: str) -> None:
    assert redact(text) == clean
    assert redact(clean) == clean


def test_a_short_name_or_a_part_of_a_word_stays() -> None:
    assert redact("User is too joyful, go on", "jo@a.com") == "User is too joyful, go on"
    assert redact("a mailbox", "box@a.com") == "a mailbox"


SECRET = "zeppelina"
ATOM = st.text(
    st.characters(exclude_categories=["Z", "C"], exclude_characters='<>()[],;:"\\@＠﹫{}%=&!?/|`*'),
    max_size=8,
)
HOSTS = st.sampled_from(["a.com", "mail.b-c.co.uk", "пример.рф", "xn--e1afmkfd.xn--p1ai"])
FORMS = st.sampled_from(
    [
        "{0}@{1}",
        "<{0}@{1}>",
        "'{0}@{1}'",
        "mailto:{0}@{1}",
        "rfc822;{0}@{1}",
        "{0}%40{1}",
        "x?to={0}%40{1}&y",
        "{0}@[IPv6:2001:db8::1]",
        "{0}@[192.0.2.7]",
        "bounce+1a.2b-{0}={1}@relay.net",
        "SRS0=aB=cD={1}={0}@relay.net",
        "prvs=123abc={0}@{1}",
        '"{0} of it"@{1}',
        '"of {0}@x"@{1}',
        "{0} @ {1}",
        "{0}(home)@{1}",
        "{0} [at] {1}",
        "{0}&#64;{1}",
        "{0}＠{1}",
        "{0}@{1}@relay.net",
        "{0} at {1}",
        "{0} AT {1}",
        '"{0} of it" at {1}',
        "x dot {0} at {1}",
        "{0} unknown in domain {1}",
        "{0} is not known at {1}",
        "@relay.net:{0}@{1}",
        "<redacted>{0}@{1}",
    ]
)
AROUND = st.sampled_from(
    [
        "5.1.1 {} unknown",
        '5.1.1 said "no" to {}, sorry',
        "5.1.1 ({})",
        "5.1.1 to={}; from=<news@own.com>",
        "5.1.1 host mx.a.com[192.0.2.1] said: 550 {}: rejected",
        "5.1.1 {}\r\n550 5.1.1 see https://a.com/x?p=NoSuchUser",
        '5.1.1 "{}"',
        "5.1.1 one@two.org,{},three@four.org",
    ]
)


@given(before=ATOM, after=ATOM, host=HOSTS, form=FORMS, around=AROUND)
def test_no_local_part_survives(before: str, after: str, host: str, form: str, around: str) -> None:
    text = around.format(form.format(f"{before}{SECRET}{after}", host))
    clean = redact(text)
    assert SECRET not in clean, clean
    assert not ADDRESS.search(clean.replace(f"{REDACTED}@", "")), clean
    assert clean.startswith("5.1.1") or form.startswith("@")
    assert redact(clean) == clean


@given(st.text(max_size=200))
def test_any_text_is_redacted_to_one_line_without_an_at_sign_of_its_own(text: str) -> None:
    clean = redact(text, "someone@a.com")
    assert "@" not in clean.replace(f"{REDACTED}@", "")
    assert "\n" not in clean


@pytest.mark.parametrize(
    "piece",
    [
        " at ",
        "a at ",
        "a dot ",
        "a at b.",
        '"a at ',
        "a",
        '"',
        "a.",
        "a@",
        "(a",
        "<",
        '"a',
        "\\",
        "=40",
        "x=a.",
        "a!",
    ],
)
def test_a_hostile_text_takes_no_time(piece: str) -> None:
    start = time.perf_counter()
    redact(piece * 4000)
    assert time.perf_counter() - start < 1
