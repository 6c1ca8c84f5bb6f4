"""A track is checked before it is kept, and stays what it was."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pandas as pd
import pytest

import mgframe as mg
from mgframe.archiving.places import read_place
from mgframe.archiving.tables import opened
from mgframe.archiving.tracks import Track


@pytest.fixture
def archive(tmp_path: Path) -> mg.Archive:
    return mg.Archive(tmp_path / "history")


def test_a_track_comes_back_as_it_was_made(archive: mg.Archive) -> None:
    archive.track(
        "hours", ["delivered", "bounced"], by=["domain", "tag"], resolution="hour",
        where={"domain": ["a.com", "b.com"], "tag": mg.contains("news")},
        regions=["us", "eu"], subaccounts=True, start="2026-01-01",
    )  # fmt: skip
    again = mg.Archive(archive.place.root).tracks["hours"]
    assert again == archive.tracks["hours"]
    assert again.levels == ["region", "domain", "tag"]
    assert again.where["tag"] == {"contains": ["news"]}


def test_the_same_track_twice_is_one(archive: mg.Archive) -> None:
    for _ in range(2):
        archive.track("days", by="domain", where={"domain": ("a.com",)})
    assert list(archive.tracks) == ["days"]
    assert opened(archive.place, "catalogue").version == 1


def test_another_track_of_the_same_name_is_refused_and_the_first_stays(archive: mg.Archive) -> None:
    archive.track("days", by="domain")
    with pytest.raises(mg.QueryError, match=r"'domain'\], not \['ip'\].*'days-2'"):
        archive.track("days", by="ip")
    assert archive.tracks["days"].by == ("domain",)


@pytest.mark.parametrize(
    "name", ["../up", "a/b", "C:\\x", "", ".", "Hours", "catalogue", "a" * 64, 7, None, "-x", "a b"]
)
def test_a_name_that_is_a_path_or_no_name_is_refused(archive: mg.Archive, name: Any) -> None:
    with pytest.raises(mg.QueryError, match="name="):
        archive.track(name)
    assert not Path(archive.place.root).exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"by": ["domain", "ip", "tag"]}, "takes 2"),
        ({"counts": "deliverd"}, "did you mean 'delivered'"),
        ({"by": "ip", "counts": "accepted"}, "accepted"),
        ({"resolution": "week"}, "resolution must be"),
        ({"api": "metric"}, "did you mean 'metrics'"),
        ({"api": "stats", "by": ["domain", "ip"]}, "needs api='metrics'"),
        ({"api": "stats", "regions": ["eu"]}, "needs api='metrics'"),
        ({"api": "stats", "where": {"domain": "a.com"}}, "needs api='metrics'"),
        ({"api": "stats", "by": "domain", "where": {"ip": "1.2.3.4"}}, "takes any filter"),
        ({"api": "stats", "counts": ["opend"]}, "did you mean 'opened'"),
        ({"where": {"tag": "jo@example.org"}}, "names an address"),
        ({"where": {"tag": mg.contains("jo@example.org")}}, "names an address"),
        ({"start": "soon"}, "no date"),
        ({"regions": ["asia"]}, "knows only us, eu"),
        ({"api": "none", "by": ["domian"]}, "'domian' is no key of a track; did you mean 'domain'"),
        ({"api": "none", "by": ['do"main']}, "is no key of a track"),
        ({"api": "none", "by": "time"}, "'time' is no key of a track"),
        ({"api": "none", "by": "period"}, "'period' is no key of a track"),
        ({"api": "none", "by": "account"}, "none for the whole account"),
        ({"api": "none", "by": ["domain", "domain"]}, "names a key twice"),
        ({"by": ["domain", "domain"]}, "names a key twice"),
        ({"api": "stats", "by": "day"}, "'day' is no key of a track"),
        ({"api": "none", "counts": ["opened", "Opened"]}, "names one twice"),
        ({"api": "none", "counts": "tag"}, "is called as a key"),
        ({"api": "none", "counts": 'a"b'}, "other signs than letters"),
        ({"api": "none", "counts": "a" * 64}, "too long"),
        ({"counts": 5}, "counts=5 must be a name or a list"),
        ({"by": 5}, "by=5 must be a name or a list"),
        ({"regions": 5}, "regions=5 must be a name or a list"),
        ({"where": "domain"}, "must be a mapping"),
        ({"where": {"domain": 5.5}}, "takes a text or a list of texts"),
        ({"where": {"domain": {"=": None}}}, "takes a text or a list of texts"),
    ],
)
def test_what_the_api_cannot_answer_is_refused_when_the_track_is_made(
    archive: mg.Archive, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(mg.QueryError, match=said):
        archive.track("days", **arguments)
    assert archive.tracks == {}


def test_filters_that_say_the_same_make_one_track(archive: mg.Archive) -> None:
    archive.track("days", by="domain", where={"tag": {"b", "a"}, "ip": 5})
    archive.track("days", by="domain", where={"tag": ["a", "b"], "ip": "5"})
    assert archive.named("days").where == {"tag": ["a", "b"], "ip": "5"}


def test_what_is_no_name_is_refused_in_words(archive: mg.Archive) -> None:
    archive.track("days", by="domain")
    for ask in (
        lambda: archive.import_frame(["p"], pd.DataFrame()),  # type: ignore[arg-type]
        lambda: archive.frame(["p"]),  # type: ignore[arg-type]
        lambda: archive.compact([["p"]]),  # type: ignore[list-item]
        lambda: archive.compact(7),  # type: ignore[arg-type]
        lambda: archive.status([1]),  # type: ignore[list-item]
    ):
        with pytest.raises(mg.QueryError, match=r"name.*is no name|must be a name"):
            ask()


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(mg.ArchiveError, match=r"not empty \(it holds 'thesis.tex'\)"):
        mg.Archive(tmp_path).track("days")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_is_no_place_for_an_archive(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b")
    with pytest.raises(mg.ConfigurationError, match="is a file"):
        mg.Archive(tmp_path / "x.csv")
    with pytest.raises(mg.ConfigurationError, match="folder or an object store"):
        mg.Archive(None)  # type: ignore[arg-type]


def test_credentials_in_an_address_are_refused_and_not_shown() -> None:
    with pytest.raises(
        mg.ConfigurationError, match="holds a user, a password or a query"
    ) as raised:
        mg.Archive("s3://key:secret@bucket/mail?token=hidden")
    assert "secret" not in str(raised.value)
    assert "hidden" not in str(raised.value)
    place = read_place("s3://bucket/mail", {"aws_secret_access_key": "secret"})
    assert repr(place) == str(place) == "s3://bucket/mail"


def test_an_archive_of_a_newer_format_is_not_touched(archive: mg.Archive) -> None:
    archive.track("days")
    log = Path(archive.place.root) / "catalogue" / "_delta_log"
    newest = sorted(log.glob("*.json"))[-1]
    newest.write_text(newest.read_text().replace('\\"format\\": 1', '\\"format\\": 2'))
    with pytest.raises(mg.ArchiveError, match="newer than this mgframe"):
        archive.track("hours")


def test_a_missing_library_is_named_with_its_extra(
    archive: mg.Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "deltalake", None)
    with pytest.raises(mg.ConfigurationError, match=r"pip install 'mgframe\[archive\]'"):
        archive.track("days")


def test_two_who_make_tracks_at_once_both_have_theirs(
    archive: mg.Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mgframe.archiving import stores

    other = mg.Archive(archive.place.root)
    make: Callable[..., Any] = stores.created

    def interrupted(*arguments: Any) -> Any:
        monkeypatch.setattr(stores, "created", make)
        table = make(*arguments)
        other.track("theirs")
        return table

    archive.track("first")
    monkeypatch.setattr(stores, "created", interrupted)
    archive.track("mine")
    assert list(archive.tracks) == ["first", "theirs", "mine"]


@pytest.mark.parametrize(("by", "said"), [("domain", "a key 'tag'"), ("ip", "no column 'ip'")])
def test_a_table_that_a_killed_track_left_is_taken_by_its_like_alone(
    archive: mg.Archive, monkeypatch: pytest.MonkeyPatch, by: str, said: str
) -> None:
    from mgframe.archiving.tables import Table

    archive.track("first")
    with monkeypatch.context() as killed:
        killed.setattr(Table, "note", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            archive.track("days", by=["domain", "tag"])
    with pytest.raises(mg.ArchiveError, match=f"a table of something else: it has {said}"):
        archive.track("days", by=by)
    assert list(archive.tracks) == ["first"]
    archive.track("days", by=["tag", "domain"])
    assert list(archive.tracks) == ["first", "days"]


def test_a_track_is_plain_json() -> None:
    track = Track("x", by=("domain",), where={"domain": ["a.com"]})
    assert Track.from_json("x", track.to_json()) == track


@pytest.mark.parametrize(
    "name", ["my mail", "Möller", "q'uote", 'd"q', "日本", "a{b}", "a*b", "(x)"]
)
def test_a_folder_may_have_any_ordinary_name(tmp_path: Path, demo: mg.Client, name: str) -> None:
    archive = mg.Archive(tmp_path / name)
    archive.track("days", "delivered", by="domain", start="2026-11-13")
    for _ in range(2):
        assert archive.sync(client=demo).ok
    assert len(archive.frame("days")) == 9
    assert archive.verify(client=demo).empty
    assert archive.compact()["files_after"].tolist() == [1]
    assert archive.sql("SELECT count(*) AS n FROM days")["n"].tolist() == [9]


@pytest.mark.parametrize("name", ["a%20b", "a#b", "a?b", "[x]", "back\\slash", "a|b", "new\nline"])
def test_a_folder_whose_name_means_something_in_an_address_is_refused(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(mg.ConfigurationError, match="choose another one"):
        mg.Archive(tmp_path / name)


def test_an_archive_that_lost_its_catalogue_is_told_from_none(archive: mg.Archive) -> None:
    archive.track("days")
    shutil.rmtree(Path(archive.place.root) / "catalogue")
    for ask in (lambda: archive.tracks, lambda: archive.track("hours"), archive.verify):
        with pytest.raises(mg.ArchiveError, match=r"holds days but no catalogue.*from a copy"):
            ask()


def test_a_table_that_lost_its_log_is_never_made_anew(archive: mg.Archive, demo: mg.Client) -> None:
    archive.track("days", "delivered", by="domain", start="2026-11-01")
    archive.sync(client=demo)
    folder = Path(archive.place.root)
    shutil.rmtree(folder / "days" / "_delta_log")
    with pytest.raises(mg.ArchiveError, match="days"):
        archive.track("days", "delivered", by="domain", start="2026-11-01")
    shutil.copytree(folder / "days", folder / "more")
    with pytest.raises(mg.ArchiveError, match="more holds files of a table but not its _delta_log"):
        archive.track("more", "delivered", by="domain")
    assert "more" not in archive.tracks
    assert list(folder.glob("days/period=*/*.parquet"))


def test_a_folder_that_may_not_be_read_is_not_taken_for_an_empty_one(
    archive: mg.Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.track("days", by="domain")
    monkeypatch.setattr("mgframe.archiving.stores.os.access", lambda *_: False)
    for ask in (archive.status, archive.verify, lambda: archive.frame("days")):
        with pytest.raises(mg.ArchiveError, match=r"not allowed \(Permission denied\)"):
            ask()


def test_a_client_in_the_place_of_names_is_told_where_it_goes(
    archive: mg.Archive, demo: mg.Client
) -> None:
    wrong: Any = demo
    for ask in (archive.sync, archive.verify, archive.status):
        with pytest.raises(mg.QueryError, match=r"names must be .* got a client; .* client="):
            ask(wrong)


def test_a_frame_in_the_place_of_a_name_is_told_what_comes_first(archive: mg.Archive) -> None:
    frame: Any = pd.DataFrame({"delivered": [1, 2]})
    name: Any = "days"
    said = r"got a frame; the name comes first: archive.import_frame\('days', frame\)$"
    with pytest.raises(mg.QueryError, match=said):
        archive.import_frame(frame, name)
    with pytest.raises(mg.QueryError, match="name must be a track's name"):
        archive.frame(frame)
