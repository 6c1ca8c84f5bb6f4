"""What is written down holds no key and nobody's address, and the server sees what it gave."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgframe.exchange import forms_of
from mgframe.loglines import FILTERS, read_page
from mgframe.recording.cleaning import LOG_MEMBERS, cleaned, cleaned_line, is_log_page
from mgframe.recording.scrubbing import Scrubber
from mgframe.simulator.log_items import log_item
from mgframe.smtp import redact

KEY = "key-0123456789abcdef"
#: Something that is no part of any other text here, so that finding it means a leak.
LOCALS = st.from_regex(r"zq[a-z0-9.!#$&'*+=^_`{|}~-]{1,12}z", fullmatch=True)
#: The texts around an address.
AROUND = st.sampled_from(
    ["", "for ", "für 日本 ", "<", "(", "mailto:", "a, b; ", "«", "\n", "a@b "]
)
HOSTS = st.sampled_from(["example.com", "a.b.example.co.uk", "xn--bcher-kva.example", "bücher.de"])


def everything_in(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


@given(AROUND, LOCALS, HOSTS, st.sampled_from(["@", "＠", "%40", "%2540"]), AROUND)
def test_no_local_part_is_left_and_it_can_be_put_back(
    before: str, local: str, host: str, at: str, after: str
) -> None:
    scrubber = Scrubber()
    text = f"{before}{local}{at}{host} {after}"
    found = scrubber.text(text)
    assert local not in found
    assert host in found
    assert scrubber.restored(found) == text
    assert scrubber.text(found) == found


@given(st.lists(LOCALS, min_size=2, max_size=5, unique=True))
def test_keys_that_differ_stay_different(people: list[str]) -> None:
    scrubber = Scrubber()
    names = [f"tag of {person}@example.com" for person in people]
    found = [scrubber.text(name) for name in names]
    assert len(set(found)) == len(people)
    assert [scrubber.text(name) for name in names] == found


@given(LOCALS, st.sampled_from(["next", "für ", "a b"]))
def test_a_link_is_cleaned_as_a_client_reads_it(local: str, before: str) -> None:
    scrubber, name = Scrubber(), f"{before}{local}@example.com"
    link = f"https://u:pw@x.com/v3/{quote(name, safe='')}/tags?{urlencode({'p': 'x', 'tag': name})}"
    found = scrubber.text(link)
    assert local not in found
    assert quote(local, safe="") not in found
    assert "pw@" not in found
    shown = dict(parse_qsl(urlsplit(found).query))["tag"]
    assert shown == scrubber.text(name)
    assert scrubber.restored(shown) == name
    assert scrubber.restored_url(found).startswith(f"https://x.com/v3/{quote(name, safe='')}/tags")


@pytest.mark.parametrize(
    "text",
    [
        "", "plain", "v1@2.0", "@example.com", "jo@", "a @ b.com", "https://x.com/?", "1.5 %",
        "100%40", "https://x.com/a%2Fb?q=1&q=2#f", "<redacted>@example.com",
        "<redacted-9>@example.com",
    ],
)  # fmt: skip
def test_what_is_no_address_stays_as_it_is(text: str) -> None:
    assert Scrubber(forms_of(KEY)).text(text) == text
    assert Scrubber().restored(text) == text


@given(st.text(max_size=60))
def test_any_text_can_be_cleaned_and_put_back(text: str) -> None:
    scrubber = Scrubber()
    found = scrubber.text(text)
    assert scrubber.text(found) == found
    if not re.search(r"<redacted-\d+>", text):
        assert scrubber.restored(found) == text


@pytest.mark.parametrize("form", forms_of(KEY))
@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("wrap", ['{{"a": ["x{}y"]}}', '{{"{}": 1}}', "<html>{}", "x{}"])
def test_no_form_of_the_key_is_left_in_an_answer(form: str, status: int, wrap: str) -> None:
    body, _ = Scrubber(forms_of(KEY)).body_answered(status, wrap.format(form).encode())
    assert form not in everything_in(body)
    assert "[key]" in everything_in(body)


def test_a_key_written_with_escapes_goes_too() -> None:
    escaped = "".join(f"\\u{ord(c):04x}" for c in KEY)
    body, _ = Scrubber(forms_of(KEY)).body_answered(200, f'{{"a": "{escaped}"}}'.encode())
    assert body == {"a": "[key]"}


@pytest.mark.parametrize("at", ["@", "\\u0040", "%40", "＠", "\\uff20", "\\u0025\\u0034\\u0030"])
def test_an_address_is_found_in_json_however_its_at_sign_is_written(at: str) -> None:
    content = f'{{"a": {{"tag": "jo.doe{at}example.com"}}, "n": 0.1}}'.encode()
    body, is_json = Scrubber().body_answered(200, content)
    assert is_json
    assert body["a"]["tag"].startswith("<redacted-1>")
    assert body["n"] == 0.1


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text("ab é/\\"),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner),
        max_leaves=10,
    )
)
def test_an_answer_of_nobody_is_kept_to_the_last_digit(document: Any) -> None:
    for status in (200, 404):
        body, is_json = Scrubber(forms_of(KEY)).body_answered(200, json.dumps(document).encode())
        assert is_json, status
        assert body == document


def test_the_words_of_an_error_are_redacted_as_messages_are() -> None:
    said = "jo at example.com  is unknown, as is bo.doe@example.com"
    content = json.dumps({"message": said}).encode()
    assert Scrubber().body_answered(404, content)[0] == {"message": redact(said)}
    assert Scrubber().body_answered(404, said.encode()) == (redact(said), False)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b'{"a": "\xff"}', b"[" * 100_000, b"{"])
def test_what_is_no_json_is_kept_as_the_bytes_it_was(content: bytes) -> None:
    body, is_json = Scrubber().body_answered(200, content)
    assert not is_json
    assert body.encode("utf-8", "surrogateescape") == content


def test_passwords_go_whatever_they_are_called() -> None:
    names = ["smtp_password", "Password", "passwd", "api_key", "api-key", "APIKey", "client_secret"]
    body = {"x": [dict.fromkeys(names, "hunter2")], "passed": "yes", "key": "k", "secret": None}
    found, _ = Scrubber().body_answered(200, json.dumps(body).encode())
    assert "hunter2" not in everything_in(found)
    assert (found["passed"], found["key"], found["secret"]) == ("yes", "k", None)


# ---------------------------------------------------------------- log lines


def line(local: str, **more: Any) -> dict[str, Any]:
    address = f"{local}@gmail.com"
    return {
        "id": "a1", "event": "failed", "@timestamp": "2026-11-15T09:00:00.000Z",
        "recipient": address, "recipient-domain": "gmail.com", "recipient-provider": "Gmail",
        "envelope": {"sender": f"b-{local}=gmail.com@a.com", "targets": address,
                     "sending-ip": "203.0.113.7"},
        "message": {"headers": {"to": address, "subject": f"For {local}"}},
        "user-variables": json.dumps({"who": local}), "storage": {"key": local},
        "delivery-status": {"message": f"550 <{address}> {local} unknown", "code": 550,
                            "last-message": f"to {local}%40gmail.com",
                            "mx-host": "gmail-smtp-in.l.google.com"},
        "tags": [f"for {address}", "plain"], "reason": "bounce", "severity": "permanent",
        **more,
    }  # fmt: skip


@given(LOCALS)
def test_of_a_log_line_nothing_of_a_person_is_left(local: str) -> None:
    lines = [line(local), line(local, envelope=None), line(local, reason=f"by {local}@b.com")]
    content = json.dumps({"items": lines, "pagination": {"next": "dG9rZW4"}}).encode()
    scrubber = Scrubber()
    body, _ = scrubber.body_answered(200, content)
    assert local not in everything_in(body)
    assert set(body["items"][0]) <= set(LOG_MEMBERS)
    assert scrubber.restored(body["pagination"]["next"]) == "dG9rZW4"
    assert "dG9rZW4" not in everything_in(body)
    assert scrubber.restored(body["items"][0]["tags"][0]) == f"for {local}@gmail.com"


def test_a_table_reads_a_kept_line_as_the_line_itself() -> None:
    whole = {"items": [line("jo.doe"), line("2026"), line("gmail.com"), line("bo")]}
    kept, _ = Scrubber().body_answered(200, json.dumps(whole).encode())
    assert [row.line for row in read_page(kept, [], []).rows] == [
        row.line for row in read_page(whole, [], []).rows
    ]


def test_every_member_that_lines_are_filtered_by_is_kept() -> None:
    whole = line("jo", domain={"name": "a.com"}, account={"id": "s1"})
    kept = {"items": [cleaned_line(whole, str)]}
    said = {
        "domain": "a.com", "recipient_domain": "gmail.com", "recipient_provider": "Gmail",
        "provider": "Gmail", "mx": "google.com", "tag": "plain", "ip": "203.0.113.7",
        "subaccount": "s1", "severity": "permanent", "reason": "bounce", "code": "550",
        "enhanced_code": "",
    }  # fmt: skip
    assert set(said) == set(FILTERS)
    for attribute, value in said.items():
        predicate = {"attribute": attribute, "comparator": "=", "values": [{"value": value}]}
        assert read_page(kept, [], [predicate]).rows[0].line is not None, attribute


@pytest.mark.parametrize(
    "odd", [None, 3, "text jo@a.com", [], {"delivery-status": "jo@a.com"}, {"recipient": 3}]
)
def test_a_line_of_another_form_is_an_error_to_the_reader_and_not_here(odd: Any) -> None:
    content = json.dumps({"items": [line("jo"), odd], "pagination": odd}).encode()
    body, _ = Scrubber().body_answered(200, content)
    assert "jo@a.com" not in everything_in(body)
    assert len(body["items"]) == 2


@pytest.mark.parametrize("body", [None, [], {}, {"items": None}, {"items": [{"tag": "a"}]}, "x"])
def test_other_answers_are_no_log_pages(body: Any) -> None:
    assert not is_log_page(body)


def test_the_simulator_writes_lines_that_are_known_as_such() -> None:
    assert log_item.__doc__
    assert is_log_page({"items": [line("jo")]})
    assert cleaned({"a": ["x"]}, str.upper) == {"A": ["X"]}
