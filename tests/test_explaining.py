"""explain() says what every name means, and where that is written."""

from __future__ import annotations

import pytest

from mgframe.errors import QueryError
from mgframe.explaining import definition, explain, glossary
from mgframe.smtp import meanings_of
from mgframe.vocabulary import ALL_COUNTS, COUNTS, KEYS, RATES, STATS_DEPRECATED

PAGES = {
    "metric-definitions": "metric-definitions, Mailgun's user manual",
    "openapi": "Mailgun's OpenAPI document",
}


@pytest.mark.parametrize("name", ALL_COUNTS)
def test_a_count_is_explained(name: str) -> None:
    count, text = ALL_COUNTS[name], definition(name)
    flat = " ".join(text.split())
    assert flat.startswith(f"{name}: {count.label} definition: {count.meaning}")
    assert f"Metrics API: {name}_count" in flat
    assert f"about {count.lag} hours after" in flat
    assert count.caveat in flat
    assert count.formula in flat
    assert (".".join(count.path) + " (deprecated)" in flat) == bool(count.path)
    assert text.splitlines()[-1] == f"  source:      {PAGES[count.source]}"
    assert definition(f"{name}_count") == text


@pytest.mark.parametrize("name", RATES)
def test_a_rate_is_explained_with_its_denominator(name: str) -> None:
    rate, text = RATES[name], definition(name)
    flat = " ".join(text.split())
    assert flat.startswith(f"{name}: {rate.label} formula: {rate.formula} denominator: ")
    assert f"denominator: {rate.denominator}: {COUNTS[rate.denominator].meaning}" in flat
    assert rate.caveat in flat
    assert ("unit: fraction" in flat) == rate.proportion
    assert "source:" in text.splitlines()[-1]
    if rate.mailgun:
        assert definition(rate.mailgun) == text
        assert f"Mailgun's: {rate.mailgun}" in flat


@pytest.mark.parametrize("name", KEYS)
def test_a_key_is_explained(name: str) -> None:
    flat = " ".join(definition(name).split())
    assert flat.startswith(f"{name}: {KEYS[name].label} definition: {KEYS[name].meaning}")
    assert KEYS[name].reason in flat


@pytest.mark.parametrize("code", ["5.7.26", "4.7.28", "550", "605", "S3150", "suppress-bounce"])
def test_a_code_of_a_mail_server_is_explained_with_its_sources(code: str) -> None:
    flat = " ".join(definition(code).split())
    assert flat.startswith(f"{code}: why a delivery fails meaning: ")
    for who, meaning in meanings_of(code):
        expected = f"{who or 'meaning'}: {meaning.text} ({meaning.source})"
        assert expected.replace(" ", "") in flat.replace(" ", "")  # a hyphen may end a line


def test_a_code_may_be_a_number(capsys: pytest.CaptureFixture[str]) -> None:
    explain(421)
    assert capsys.readouterr().out.startswith("421: why a delivery fails")


def test_a_count_is_not_taken_for_a_reason_of_the_same_name() -> None:
    assert "why a delivery fails" not in definition("webhook")


def test_the_caveats_that_matter_are_there() -> None:
    for name, words in {
        "delivered": "not seen in the inbox",
        "complaint_rate": "Gmail and Google Workspace report no complaints",
        "open_rate": "Machine opens",
        "unique_opened": "7 days",
        "bounce_rate": "not 1 - delivery_rate",
        "temporary_failed": "Attempts, not messages",
        "soft_bounces": "Not in the Stats API",
        "country": "every delivery is under 'unknown'",
        "ip": "use processed",
    }.items():
        assert words in " ".join(definition(name).split())


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("bounce_rat", "; did you mean 'bounce_rate'?"),
        ("hardbounces", "; did you mean 'hard_bounces'?"),
        ("hard_bounce_count", "; did you mean 'hard_bounces'?"),
        ("countri", "; did you mean 'country'?"),
        ("zzz", ""),
        ("", ""),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(name: str, near: str) -> None:
    with pytest.raises(QueryError) as raised:
        definition(name)
    assert str(raised.value) == (
        f"{name!r} is no count, rate or key{near}; mg.explain() lists them all"
    )


def test_without_a_name_everything_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    explain()
    lines = capsys.readouterr().out.splitlines()
    listed = [line.split()[0] for line in lines if line.startswith("  ")]
    others = [name for name in ALL_COUNTS if name not in COUNTS]
    assert listed == [*COUNTS, *others, *RATES, *KEYS]
    assert lines[-1] == STATS_DEPRECATED
    assert "\n".join(lines) == glossary()


def test_one_name_is_printed_within_the_width_of_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    for name in (*ALL_COUNTS, *RATES, *KEYS):
        explain(name)
        printed = capsys.readouterr().out
        assert printed == definition(name) + "\n"
        assert max(map(len, printed.splitlines())) <= 97
