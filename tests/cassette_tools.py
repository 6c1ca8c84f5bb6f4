"""Recording and replaying of HTTP answers for the tests, with vcrpy.

A cassette is matched on method, path, query and body, so that no two questions are confused, and
holds no credentials and nobody's address: they are removed before anything is written. It says what
it was recorded from, when (the account's clock) and for which domain; a replaying client takes its
clock from there.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import vcr
import yaml
from vcr.serializers import yamlserializer

import mgframe as mg
from mgframe.recording.cleaning import cleaned_line, is_log_page
from mgframe.smtp import redact

MATCH_ON = ("method", "path", "query", "body")
SECRET_HEADERS = ("authorization", "cookie", "x-mailgun-on-behalf-of")
SECRET_ANSWER_HEADERS = ("set-cookie", "x-mailgun-key-id")
RECORD = "pytest tests/test_cassettes.py --record simulator"


@dataclass(frozen=True)
class Cassette:
    """A client, the domain asked about, and what vcrpy recorded."""

    client: mg.Client
    domain: str
    tape: Any

    def bodies(self) -> list[Any]:
        """Return the recorded answers, decoded."""
        return [json.loads(response["body"]["string"]) for response in self.tape.responses]


@contextmanager
def open_cassette(path: Path, record: str | None) -> Iterator[Cassette]:
    """Replay a cassette; with `record` replace it by the answers of a simulated or live account."""
    client, about = _recording(record) if record else _replaying(path)
    if record:
        path.unlink(missing_ok=True)
    recorder = vcr.VCR(
        match_on=MATCH_ON,
        record_mode="all" if record else "none",
        filter_headers=[*SECRET_HEADERS, "user-agent"],
        before_record_request=_with_fixed_port,
        before_record_response=_scrubbed,
        decode_compressed_response=True,
        serializer="mgframe",
    )
    recorder.register_serializer("mgframe", _Labelled(about))
    with recorder.use_cassette(str(path)) as tape:
        yield Cassette(client, about["domain"], tape)


def _recording(record: str) -> tuple[mg.Client, dict[str, str]]:
    if record == "simulator":
        client, domain = mg.demo(), "news.example.com"
    else:
        client, domain = mg.Client(), os.environ["MAILGUN_DOMAIN"]
    now = client.now()
    key = "key-simulated" if record == "simulator" else os.environ["MAILGUN_API_KEY"]
    frozen = _client(key, client.base_url, now)
    return frozen, {"recorded_from": record, "now": now.isoformat(), "domain": domain}


def _replaying(path: Path) -> tuple[mg.Client, dict[str, str]]:
    if not path.exists():
        raise FileNotFoundError(f"cassettes/{path.name} is missing; record it with: {RECORD}")
    tape = yaml.safe_load(path.read_text(encoding="utf-8"))
    about = {name: tape[name] for name in ("recorded_from", "now", "domain")}
    now = datetime.fromisoformat(about["now"])
    base_url = tape["interactions"][0]["request"]["uri"].split("/v", 1)[0]
    return _client("key-replayed", base_url, now), about


def _client(key: str, base_url: str, now: datetime) -> mg.Client:
    # One connection: vcrpy loses answers of calls side by side.
    return mg.Client(key, base_url=base_url, clock=lambda: now, retries=0, connections=1)


def _with_fixed_port(request: Any) -> Any:
    """Give every simulator the same port, so that recording anew changes only what changed."""
    request.uri = re.sub(r"^http://127\.0\.0\.1:\d+", "http://127.0.0.1:8025", request.uri)
    return request


def _scrubbed(response: dict[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in response["headers"].items() if k.lower() not in SECRET_ANSWER_HEADERS}
    body = without_people(response["body"]["string"])
    lengths = {k: [str(len(body))] for k in kept if k.lower() == "content-length"}
    return {**response, "headers": {**kept, **lengths}, "body": {"string": body}}


def without_people(body: bytes) -> bytes:
    """Return the body of an answer without what log lines say of people; all others as they are."""
    try:
        answer = json.loads(body)
    except ValueError:
        return body
    if not is_log_page(answer):
        return body
    answer["items"] = [cleaned_line(line, redact) for line in answer["items"]]
    return json.dumps(answer, separators=(",", ":")).encode() + b"\n"


@dataclass(frozen=True)
class _Labelled:
    """vcrpy's YAML with a heading that says where the answers come from."""

    about: dict[str, str]

    def serialize(self, tape: dict[str, Any]) -> str:
        return yamlserializer.serialize({**self.about, **tape})

    def deserialize(self, text: str) -> dict[str, Any]:
        return yamlserializer.deserialize(text)
