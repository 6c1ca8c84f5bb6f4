"""An investigation that fetches what it needs: the frames, and the causes of what it finds."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from kept import NOW, PAIR, TAGS, archive_of, by_keys, keep_frame
from reporting.made import SICK

import mgframe as mg
from mgframe import cause_asking
from mgframe.cause_asking import ask_causes, is_refusal
from mgframe.errors import FrameError, QueryError, gathered
from mgframe.framing import meta_of
from mgframe.investigation import PAIRS, frames_of, investigate, questions_of
from mgframe.joining import View, ask_together
from mgframe.simulator import Fault, Incident, Model, Server, serve
from mgframe.sourcing import source_of

Serving = Callable[..., tuple[Server, mg.Client]]
LOGS, CLASSES, METRICS = "/v1/analytics/logs", "/v2/bounce-classification", "/v1/analytics/metrics"
CAUSE = "espblock 550 5.7.26: Unauthenticated: neither SPF nor DKIM passes, or the domain's DMARC"


@pytest.fixture(scope="module")
def account() -> Model:
    """One newsletter, which Gmail refused for eight days."""
    return Model(domains=1)


@pytest.fixture(scope="module")
def fetched(account: Model) -> list[pd.DataFrame]:
    """The six frames of that account."""
    with serve(account) as server:
        client = mg.Client("key-simulated", base_url=server.url, clock=lambda: account.now)
        views, _ = ask_together(client, questions_of(source_of(client, None), {"last": "60d"}))
    return frames_of(views)[0]


def asked(server: Server) -> list[str]:
    return [request.split()[1].partition("?")[0] for request in server.requests]


def reasons(found: pd.DataFrame) -> str:
    return " ".join(meta_of(found)["cannot_tell"])


# ---------------------------------------------------------------- what is fetched


def test_an_account_is_fetched_and_its_incident_found_with_its_cause(
    serving: Serving, account: Model, fetched: list[pd.DataFrame]
) -> None:
    server, client = serving(account)
    found = investigate(last="60d", client=client)
    assert found.loc[0, "cause"].startswith(CAUSE)
    assert found.loc[0, "sentence"].endswith(" Most failures there: espblock 550 5.7.26.")
    told = meta_of(found)
    assert (told["simulated"], told["cannot_tell"]) == (True, [])
    assert told["requests"] == len(asked(server))
    of_frames, own = mg.investigate(fetched), ["cause", "sentence"]
    pd.testing.assert_frame_equal(found.drop(columns=own), of_frames.drop(columns=own))
    assert of_frames.loc[0, "cause"] == ""


def test_the_plan_is_six_requests_about_the_same_days_and_sends_nothing(serving: Serving) -> None:
    server, client = serving()
    plan = mg.plan(mg.investigate, last="90d", client=client)
    bodies = [json.loads(call.body or "") for call in plan.calls]
    assert [tuple(body["dimensions"][1:]) for body in bodies] == list(PAIRS)
    assert {(body["start"], body["end"]) for body in bodies} == {
        ("Tue, 18 Aug 2026 00:00:00 +0000", "Sun, 15 Nov 2026 00:00:00 +0000")
    }
    assert [len(body["metrics"]) for body in bodies] == [10] * 5 + [2]
    assert "causes of 3 findings" in repr(plan)
    assert not server.requests
    assert mg.plan(mg.investigate, client=client).calls == plan.calls  # 90 days by default


@pytest.mark.parametrize(
    "window", [{"start": "2026-09-01", "end": "2026-10-31"}, {"period": "2026-10"}]
)
def test_any_window_of_days_can_be_said(demo: mg.Client, window: dict[str, str]) -> None:
    body = json.loads(mg.plan(mg.investigate, client=demo, **window).calls[0].body or "")
    assert body["end"] == "Sat, 31 Oct 2026 00:00:00 +0000"


def test_frames_that_are_given_are_not_fetched(
    serving: Serving, account: Model, fetched: list[pd.DataFrame]
) -> None:
    server, client = serving(account)
    found = mg.investigate(fetched, client=client)
    assert found.loc[0, "cause"].startswith(CAUSE)
    assert set(asked(server)) == {LOGS}
    assert mg.plan(mg.investigate, fetched, client=client).requests == 0


def test_frames_alone_need_no_key_and_a_method_gives_the_same(fetched: list[pd.DataFrame]) -> None:
    pd.testing.assert_frame_equal(fetched[0].mg.investigate(), mg.investigate(fetched[0]))
    with pytest.raises(mg.QueryError, match="nothing is asked of Mailgun"):
        mg.plan(mg.investigate, fetched)


def test_what_a_user_gives_is_the_cause_and_nobody_is_asked(
    serving: Serving, account: Model, fetched: list[pd.DataFrame]
) -> None:
    server, client = serving(account)
    days = {"start": "2026-11-04", "end": "2026-11-11", "client": client}
    classes = mg.bounce_classification(by=["entity", "category", "criticality"], **days)
    server.requests.clear()
    found = mg.investigate(fetched, failures=classes, client=client)
    assert found.loc[0, "cause"] == "espblock, critical"
    assert not server.requests


# ---------------------------------------------------------------- refused before anything is sent


def test_without_frames_client_and_key_there_is_nothing_to_ask() -> None:
    with pytest.raises(mg.ConfigurationError, match="there is no Mailgun API key"):
        mg.investigate(last="90d")


@pytest.mark.parametrize(
    "window", [{"last": "90d"}, {"start": "2026-11-01"}, {"period": "2026-10"}], ids=str
)
def test_frames_and_a_window_are_refused(
    fetched: list[pd.DataFrame], window: dict[str, str]
) -> None:
    with pytest.raises(mg.QueryError, match=f"{next(iter(window))}= says what to fetch, but fram"):
        mg.investigate(fetched, **window)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"within": "36h"}, mg.QueryError),
        ({"limit": -1}, mg.QueryError),
        ({"holidays": "2026-12-25"}, mg.QueryError),
        ({"failures": pd.DataFrame()}, mg.FrameError),
        ({"last": "5h"}, mg.QueryError),
        ({"start": "2020-01-01", "end": "2020-03-01"}, mg.QueryError),
        ({"last": "30d", "period": "2026-10"}, mg.QueryError),
    ],
    ids=str,
)
def test_wrong_arguments_are_refused_before_anything_is_sent(
    serving: Serving, options: dict[str, Any], error: type[Exception]
) -> None:
    server, client = serving()
    with pytest.raises(error):
        mg.investigate(client=client, **options)
    assert not server.requests


# ---------------------------------------------------------------- outages and refusals


def test_an_outage_of_the_metrics_is_an_error_and_no_empty_table(
    serving: Serving, account: Model
) -> None:
    _, client = serving(account, faults=[Fault("503", path=METRICS, after=3)])
    with pytest.raises(mg.ServerError):
        mg.investigate(last="60d", client=client)


def refusal(status: int) -> mg.ApiError:
    return mg.ApiError(status, "no such dimension", endpoint="POST /v1/analytics/metrics")


def test_a_pair_that_mailgun_refuses_is_left_out_and_said(fetched: list[pd.DataFrame]) -> None:
    views = {"a by b": View(fetched[0]), "a by ip": View(errors={"": refusal(400)})}
    frames, refused = frames_of(views)
    assert frames == [fetched[0]]
    assert refused == ["a by ip is refused: " + str(refusal(400))]


def test_where_every_pair_is_refused_the_first_refusal_is_raised() -> None:
    with pytest.raises(mg.ApiError, match="no such dimension"):
        frames_of({name: View(errors={"": refusal(403)}) for name in ("a", "b")})


@pytest.mark.parametrize(
    ("error", "refused"),
    [
        (refusal(400), True),
        (mg.PermissionDenied(403, "no"), True),
        (mg.NotFound(404, "no"), True),
        (mg.AuthenticationError(401, "no"), False),
        (mg.RateLimited(429, "wait"), False),
        (mg.ServerError(503, "down"), False),
        (mg.TransportError("no answer"), False),
        (mg.ResponseError("no JSON"), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_refusal_is_no_outage(error: mg.MgframeError, refused: bool) -> None:
    assert is_refusal(error) == refused


@pytest.mark.parametrize("fault", ["503", "truncated"])
def test_an_outage_of_the_logs_loses_the_cause_alone_and_is_not_asked_again(
    serving: Serving, account: Model, fetched: list[pd.DataFrame], fault: str
) -> None:
    server, client = serving(account, faults=[Fault(fault, path=LOGS, times=9)])
    found = mg.investigate(fetched, client=client)
    assert len(found) == 1
    assert found.loc[0, "cause"] == ""
    assert found.loc[0, "sentence"] == mg.investigate(fetched).loc[0, "sentence"]
    assert "no cause of recipient_provider=Gmail: POST /v1/analytics/logs" in reasons(found)
    assert len(server.requests) == 1


def refused(*_: object) -> None:
    raise mg.QueryError("the logs are gone")


def test_where_the_logs_are_gone_the_classification_is_asked(
    serving: Serving, account: Model, fetched: list[pd.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, client = serving(account)
    monkeypatch.setattr(cause_asking, "_failures", refused)
    found = mg.investigate(fetched, client=client)
    assert found.loc[0, "cause"] == "espblock, critical"
    assert asked(server) == [f"{CLASSES}/metrics"]


def test_where_both_are_gone_it_is_said(serving: Serving) -> None:
    early = Incident(
        "block",
        {"recipient_provider": "Gmail"},
        datetime(2026, 9, 20, tzinfo=UTC),
        datetime(2026, 9, 25, tzinfo=UTC),
        0.2,
    )
    server, client = serving(Model(domains=1, incidents=[early]))
    found = mg.investigate(start="2026-08-01", end="2026-10-10", within="60d", client=client)
    assert found.loc[0, "metric"] == "block_rate"
    assert found.loc[0, "cause"] == ""
    assert "no cause of recipient_provider=Gmail" in reasons(found)
    assert LOGS not in asked(server)


def rows(number: int, **told: Any) -> pd.DataFrame:
    day = pd.Timestamp("2026-11-10", tz="UTC")
    row = {"kind": "rate", "metric": "block_rate", "keys": "{}", "start": day, "end": day}
    return pd.DataFrame([{**row, "cause": "", "where": "whole account", **told}] * number)


def test_the_cause_is_asked_of_the_first_three_findings(serving: Serving) -> None:
    server, client = serving()
    learnt, requests = ask_causes(client, rows(5))
    assert list(learnt) == [0, 1, 2]
    assert {one.cause.partition(":")[0] for one in learnt.values()} == {"espblock 550 5.7.26"}
    assert requests == len(server.requests) > 0


@pytest.mark.parametrize(
    "told",
    [{"kind": "bots", "metric": "open_rate"}, {"metric": "click_rate"}, {"cause": "known"}],
    ids=str,
)
def test_of_what_failed_nothing_or_is_known_nothing_is_asked(
    serving: Serving, told: dict[str, str]
) -> None:
    server, client = serving()
    assert ask_causes(client, rows(1, **told)) == ({}, 0)
    assert not server.requests


def test_few_lines_are_read_even_of_many_failures(serving: Serving) -> None:
    server, client = serving()
    ask_causes(client, rows(1, start=pd.Timestamp("2026-10-25", tz="UTC"), keys="{}"))
    assert len(server.requests) <= 2 * cause_asking.MOST_LINES / 100


# ---------------------------------------------------------------- of an archive


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> mg.Archive:
    """Fourteen months by domain and provider, and by domain and tag."""
    return archive_of(tmp_path_factory.mktemp("kept") / "mail", by=(PAIR, TAGS))


def test_an_archive_alone_is_investigated_without_a_request(
    kept: mg.Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MAILGUN_API_KEY", raising=False)
    assert mg.plan(investigate, archive=kept).requests == 0
    found = investigate(archive=kept)
    first = found.iloc[0]
    assert (first["metric"], first["where"]) == ("block_rate", f"domain={SICK}")
    assert first["start"] == pd.Timestamp("2026-11-09", tz="UTC")
    told = meta_of(found)
    assert (told["requests"], told["simulated"]) == (0, False)
    assert (
        "no track has days by domain, ip: archive.track('NAME', by=['domain', 'ip']) keeps them"
        in reasons(found)
    )


def test_it_equals_the_investigation_of_the_same_frames(kept: mg.Archive) -> None:
    frames = [by_keys(430, keys).loc["2026-08-18":] for keys in (PAIR, TAGS)]
    for frame in frames:
        frame.attrs["mgframe"]["fetched_at"] = f"{NOW:%Y-%m-%dT%H:%M:%SZ}"
    pd.testing.assert_frame_equal(investigate(frames), investigate(archive=kept))


def test_fourteen_months_can_be_investigated(kept: mg.Archive) -> None:
    found = investigate(last="14m", archive=kept)
    assert meta_of(found)["window"] == ["2025-09-16T00:00:00Z", "2026-11-16T00:00:00Z"]
    assert found.iloc[0]["where"] == f"domain={SICK}"


def test_keys_that_are_kept_alone_are_looked_at_alone(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "mail", days=90, by=[("domain",)])
    found = investigate(archive=archive)
    assert (found.iloc[0]["metric"], found.iloc[0]["where"]) == ("block_rate", f"domain={SICK}")


def test_an_archive_that_tells_none_of_the_keys_is_refused(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "mail", days=30, by=[()])
    with pytest.raises(QueryError, match=r"track\("):
        investigate(archive=archive)


def test_frames_and_an_archive_are_one_too_many(
    kept: mg.Archive, fetched: list[pd.DataFrame]
) -> None:
    with pytest.raises(QueryError, match="archive= says what to fetch, but frames are given"):
        investigate(fetched, archive=kept)


def test_a_client_beside_an_archive_is_asked_for_causes_alone(
    serving: Serving, kept: mg.Archive
) -> None:
    server, client = serving()
    found = investigate(archive=kept, client=client)
    assert asked(server)
    assert METRICS not in asked(server)
    assert meta_of(found)["requests"] == len(asked(server))


def test_an_archive_that_counts_too_little_names_the_counts_to_track(tmp_path: Path) -> None:
    archive = mg.Archive(tmp_path / "mail")
    archive.track("days", "delivered", by="domain")
    keep_frame(archive, "days", by_keys(60, ("domain",))[["delivered"]])
    with (
        gathered(),
        pytest.raises(FrameError, match=r"archive\.track\('NAME', .* keeps these: complained"),
    ):
        investigate(archive=archive)


def test_of_a_young_archive_nobody_is_told_to_fetch_more(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "mail", days=7, by=[("domain",)])
    with gathered() as told:
        reasons = meta_of(investigate(archive=archive))["cannot_tell"]
    assert "28 are needed; the archive has fewer" in reasons[-1]
    assert not [text for text in told if "fetch last" in text]
