"""What is written to a cassette: nobody's address, whatever a live account answers."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from cassette_tools import open_cassette, without_people
from conftest import CASSETTES
from hypothesis import given
from hypothesis import strategies as st

from mgframe.logs_api import failures
from mgframe.recording.cleaning import LOG_MEMBERS
from mgframe.smtp import redact

#: An at sign with something before and after it, in any of its spellings.
FULL_ADDRESS = re.compile(r"[^\s<>\"]@[^\s\"]|%40|＠|&#64;|\\\\u0040")


def line(secret: str, **more: Any) -> dict[str, Any]:
    address = f"{secret}@gmail.com"
    return {
        "id": "a1",
        "event": "failed",
        "@timestamp": "2026-11-15T09:00:00.000Z",
        "recipient": address,
        "recipient-domain": "gmail.com",
        "envelope": {"sender": f"b-{secret}=gmail.com@a.com", "targets": address},
        "message": {
            "headers": {"to": address, "subject": f"For {secret}"},
            "recipients": [address],
        },
        "user-variables": json.dumps({"who": secret}),
        "storage": {"key": secret, "url": [f"https://a.com/{secret}"]},
        "url": f"https://a.com/?u={secret}%40gmail.com",
        "delivery-status": {
            "message": f"5.1.1 <{address}> {secret} unknown",
            "last-message": f"to {secret}%40gmail.com",
        },
        "tags": [f"for {address}"],
        **more,
    }


@given(st.from_regex(r"[a-z][a-z0-9._+-]{3,12}[a-z]", fullmatch=True))
def test_nothing_of_a_person_is_written(local: str) -> None:
    secret = f"zq{local}"
    answer = {"items": [line(secret), line(secret, envelope=None)], "pagination": {"next": "x"}}
    written = without_people(json.dumps(answer).encode()).decode()
    assert secret not in written
    assert not FULL_ADDRESS.search(written)
    kept = json.loads(written)
    assert kept["pagination"] == {"next": "x"}
    assert {*kept["items"][0]} <= {*LOG_MEMBERS}
    assert kept["items"][0]["delivery-status"]["message"].startswith("5.1.1 <redacted>@gmail.com")


@pytest.mark.parametrize(
    "body", [b"", b"Forbidden", b"[]", b"{}", b'{"items":null}', b'{"items": [{"name": "a.com"}]}']
)
def test_other_answers_are_written_as_they_are(body: bytes) -> None:
    assert without_people(body) == body


def test_a_recording_of_logs_holds_nobody_and_can_be_replayed(tmp_path: Any) -> None:
    path = tmp_path / "logs.yaml"
    with open_cassette(path, "simulator") as tape:
        recorded = failures(tape.domain, last="2h", client=tape.client)
    assert not FULL_ADDRESS.search(path.read_text(encoding="utf-8"))
    with open_cassette(path, None) as tape:
        replayed = failures(tape.domain, last="2h", client=tape.client)
    columns = [name for name in recorded if name != "example"]
    assert recorded[columns].equals(replayed[columns])
    assert len(recorded)


def texts_in(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for part in value.values() for text in texts_in(part)]
    if isinstance(value, list):
        return [text for part in value for text in texts_in(part)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("path", sorted(CASSETTES.glob("*.yaml")), ids=lambda p: p.stem)
def test_no_text_of_a_cassette_holds_a_full_address(path: Any) -> None:
    for exchange in yaml.safe_load(path.read_text(encoding="utf-8"))["interactions"]:
        for text in texts_in(json.loads(exchange["response"]["body"]["string"])):
            # The mailbox of a role at an own domain, which Mailgun lists with the domain.
            assert text.startswith("postmaster@") or redact(text) == text
