"""Files that are damaged, foreign, newer or hostile are refused in words, and never unpacked."""

from __future__ import annotations

import hashlib
import io
import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mgframe as mg
from mgframe.recording.exchanges import Exchange, Request, read_exchange

WHOLE = Exchange(Request("GET", "http://127.0.0.1:9/v3/stats/total"), 200, "OK", {}, {}, True)


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a good recording holds."""
    path = tmp_path_factory.mktemp("good") / "case.zip"
    with mg.record(path, client=mg.demo()) as case:
        mg.domain_totals(last="3d", client=case.client)
        mg.tags(client=case.client)
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def packed(members: dict[str, Any], **options: Any) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, **options) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def with_manifest(members: dict[str, bytes], **changes: Any) -> dict[str, bytes]:
    manifest = json.loads(members["manifest.json"])
    return {**members, "manifest.json": json.dumps({**manifest, **changes}).encode()}


def with_answers(members: dict[str, bytes], answers: bytes) -> dict[str, bytes]:
    changed = {**members, "answers.jsonl": answers}
    return with_manifest(changed, sha256=hashlib.sha256(answers).hexdigest())


def refused(tmp_path: Path, content: bytes, kind: type[Exception], words: str) -> None:
    path = tmp_path / "case.zip"
    path.write_bytes(content)
    with pytest.raises(kind, match=words):
        mg.replay(path)
    assert [p.name for p in tmp_path.iterdir()] == ["case.zip"]


# ---------------------------------------------------------------- no recording


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip", b'{"format": "mgframe recording"}'])
def test_what_is_no_zip_file_is_no_recording(tmp_path: Path, content: bytes) -> None:
    refused(tmp_path, content, mg.ConfigurationError, r"case\.zip is no recording: it is no zip")


@pytest.mark.parametrize(
    "manifest", [b"", b"{", b"[]", b"{}", b'{"format": "har"}', b"\xff", b"[" * 100_000]
)
def test_a_foreign_zip_file_is_no_recording(tmp_path: Path, manifest: bytes) -> None:
    words = r"case\.zip is no recording of mgframe.*mg\.record makes one"
    refused(tmp_path, packed({"manifest.json": manifest}), mg.ConfigurationError, words)
    refused(tmp_path, packed({"a/manifest.json": manifest}), mg.ConfigurationError, words)
    refused(tmp_path, packed({}), mg.ConfigurationError, words)


def test_a_file_that_is_not_there_is_named_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(mg.ConfigurationError, match=r"there is no file .*no\.zip; mg\.record\('no"):
        mg.replay(tmp_path / "no.zip")
    with pytest.raises(mg.ConfigurationError, match="is a folder; name the recording"):
        mg.replay(tmp_path)
    with pytest.raises(mg.ConfigurationError, match=r"cannot read .*File name too long"):
        mg.replay(tmp_path / ("x" * 300))
    with pytest.raises(mg.ConfigurationError, match=r"path=None must name a file"):
        mg.replay(None)  # type: ignore[arg-type]
    with pytest.raises(mg.QueryError, match=r"most=0 must be a whole number"):
        mg.replay(tmp_path, most=0)


def test_a_newer_format_says_so(tmp_path: Path, members: dict[str, bytes]) -> None:
    content = packed(with_manifest(members, version=2, clock=None))
    refused(tmp_path, content, mg.ConfigurationError, "format 2, of a newer mgframe.*--upgrade")


# ---------------------------------------------------------------- damaged


@pytest.mark.parametrize(
    "changes",
    [
        {"clock": "yesterday"}, {"clock": "2026-11-16T09:30:00"}, {"clock": 3}, {"client": []},
        {"client": {}}, {"sha256": None}, {"parameters": None}, {"version": "1"}, {"version": 0},
        {"simulated": 1}, {"versions": []}, {"requests": "many"}, {"ended": None},
    ],
    ids=str,
)  # fmt: skip
def test_a_manifest_that_cannot_be_read_says_why(
    tmp_path: Path, members: dict[str, bytes], changes: dict[str, Any]
) -> None:
    content = packed(with_manifest(members, **changes))
    refused(tmp_path, content, mg.ConfigurationError, r"the manifest of case\.zip cannot be read")


@pytest.mark.parametrize(
    "changes",
    [
        {"retries": 10**9}, {"connections": 10**9}, {"retries": -1}, {"retries": True},
        {"base_url": "ftp://x"}, {"addresses": {}}, {"addresses": {"us": 3}},
        {"base_url": "http://api.example.com"}, {"subaccount": "a b"}, {"connections": 0},
        {"addresses": {"us": "https://u:p@x.com"}},
        {"region": "mars", "addresses": {"us": "https://x.com"}},
    ],
    ids=str,
)  # fmt: skip
def test_settings_that_no_client_has_are_refused(
    tmp_path: Path, members: dict[str, bytes], changes: dict[str, Any]
) -> None:
    client = {**json.loads(members["manifest.json"])["client"], **changes}
    content = packed(with_manifest(members, client=client))
    refused(tmp_path, content, mg.ConfigurationError, r"the manifest of case\.zip")


def test_answers_that_were_changed_are_refused(tmp_path: Path, members: dict[str, bytes]) -> None:
    answers = members["answers.jsonl"].replace(b'"total": 3', b'"total": 4', 1)
    assert answers != members["answers.jsonl"]
    words = r"the answers in case\.zip are not those that were recorded"
    refused(tmp_path, packed({**members, "answers.jsonl": answers}), mg.ResponseError, words)
    without = {name: content for name, content in members.items() if name != "answers.jsonl"}
    refused(tmp_path, packed(without), mg.ResponseError, words)


@pytest.mark.parametrize(
    "line",
    [
        b"{", b"[]\n", b"{}", b'{"request": {}}', b"null", b'"text"', b"\xff",
        WHOLE.line().replace(b"200", b"99"), WHOLE.line().replace(b"200", b'"200"'),
        WHOLE.line().replace(b'"headers": {}', b'"headers": []'),
        WHOLE.line().replace(b'"OK"', b"null"), WHOLE.line().replace(b'"query": []', b'"query": 3'),
        WHOLE.line().replace(b'"json": {}', b'"text": 3'), b"[" * 100_000,
    ],
    ids=lambda line: line[:40].decode("latin-1"),
)  # fmt: skip
def test_a_line_that_is_no_exchange_is_refused(
    tmp_path: Path, members: dict[str, bytes], line: bytes
) -> None:
    content = packed(with_answers(members, line))
    refused(tmp_path, content, mg.ResponseError, "a line of the recording is no exchange")


def test_a_recording_without_answers_is_refused(tmp_path: Path, members: dict[str, bytes]) -> None:
    refused(tmp_path, packed(with_answers(members, b"")), mg.ResponseError, "holds no answers")


@pytest.mark.parametrize("seed", range(150))
def test_damage_anywhere_is_an_error_of_ours_or_harmless(
    tmp_path: Path, members: dict[str, bytes], seed: int
) -> None:
    chance, content = random.Random(seed), bytearray(packed(members))
    if seed % 3 == 0:
        del content[chance.randrange(len(content)) :]
    for _ in range(seed % 3):
        content[chance.randrange(len(content))] = chance.randrange(256)
    path = tmp_path / "case.zip"
    path.write_bytes(content)
    try:
        client = mg.replay(path)
    except (mg.ConfigurationError, mg.ResponseError):
        return
    assert len(mg.domain_totals(last="3d", client=client)) == 9


# ---------------------------------------------------------------- hostile


def test_no_more_is_read_than_is_allowed(tmp_path: Path, members: dict[str, bytes]) -> None:
    bomb = packed(with_answers(members, b" " * 5_000_000))
    assert len(bomb) < 50_000
    path = tmp_path / "case.zip"
    path.write_bytes(bomb)
    with pytest.raises(mg.ConfigurationError, match=r"answers\.jsonl .* 5,000,000 bytes.*most"):
        mg.replay(path, most=4_999_999)
    large = packed({**members, "manifest.json": b"{" + b" " * 2_000_000})
    refused(tmp_path, large, mg.ConfigurationError, r"manifest\.json .* at most 1,000,000")


def test_a_size_that_is_a_lie_lets_nothing_more_through(
    tmp_path: Path, members: dict[str, bytes]
) -> None:
    size = 5_000_000
    content = packed(with_answers(members, b" " * size))
    lie = content.replace(size.to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    assert lie != content
    refused(tmp_path, lie, mg.ResponseError, r"case\.zip is damaged|not those that were recorded")


@pytest.mark.parametrize("name", ["../evil.txt", "/evil.txt", "..\\evil.txt", "a/../../evil.txt"])
def test_names_that_lead_elsewhere_lead_nowhere(
    tmp_path: Path, members: dict[str, bytes], name: str
) -> None:
    folder = tmp_path / "inner"
    folder.mkdir()
    path = folder / "case.zip"
    path.write_bytes(packed({**members, name: b"evil"}))
    assert len(mg.domain_totals(last="3d", client=mg.replay(path)))
    assert [p.name for p in tmp_path.rglob("*")] == ["inner", "case.zip"]


def test_an_encrypted_member_is_refused(tmp_path: Path, members: dict[str, bytes]) -> None:
    content = bytearray(packed(members))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(mark)
        while at >= 0:
            content[at + offset] |= 1
            at = content.find(mark, at + 1)
    refused(tmp_path, bytes(content), mg.ResponseError, r"case\.zip is damaged")


# ---------------------------------------------------------------- one exchange

TEXTS = st.text(st.characters(codec=None, exclude_categories=()), max_size=8)
BODIES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=3),
    BODIES,
    st.sampled_from([0, 200, 429]),
    st.booleans(),
)
def test_a_line_gives_the_exchange_back(
    query: list[tuple[str, str]], body: Any, status: int, is_json: bool
) -> None:
    request = Request("POST", "https://x.com/a%2Fb", tuple(query), {"q": 1}, "sub")
    if status == 0:
        exchange = Exchange(request, failure=("ReadTimeout", "é\n"))
    elif is_json:
        exchange = Exchange(
            request, status, "OK", {"Date": "x"}, json.loads(json.dumps(body)), True
        )
    else:
        exchange = Exchange(request, status, "OK", {"Date": "x"}, "\udcff\u2028\r\n" + str(query))
    line = exchange.line()
    assert line.count(b"\n") == 1
    assert not line.count(b"\r")
    found = read_exchange(line)
    assert found == exchange
    assert found.request.key == request.key


def test_a_text_is_given_back_as_the_bytes_it_was() -> None:
    content = bytes(range(256))
    exchange = Exchange(WHOLE.request, 200, "OK", {}, content.decode("utf-8", "surrogateescape"))
    assert read_exchange(exchange.line()).outcome().content == content


@pytest.mark.parametrize("make", [str, lambda request: request.key])
def test_a_request_tells_more_than_its_first_words(make: Callable[[Request], str]) -> None:
    long = Request("POST", "https://x.com/v1", (), {"filter": ["a" * 1000]})
    assert make(long) != make(Request("POST", "https://x.com/v2", (), {"filter": ["a" * 1000]}))
    assert len(str(long)) < 400
