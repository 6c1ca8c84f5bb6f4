"""Where an archive lies: what is refused as an address."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import mgframe as mg
from mgframe.archiving.libraries import told
from mgframe.archiving.places import read_place


@pytest.mark.parametrize(
    "address",
    [
        "s3://me:hunter2@bucket/mail",
        "s3://hunter2@bucket/mail",
        "https://hunter2@host/mail",
        "az://box/mail?sv=2024&sig=hunter2",
        "az://box/mail#sig=hunter2",
        "abfss://box:hunter2@account.dfs.core.windows.net/mail",
    ],
)
def test_an_address_that_holds_a_password_is_refused_without_showing_it(address: str) -> None:
    with pytest.raises(mg.ConfigurationError, match="storage_options=") as caught:
        read_place(address, None)
    assert "hunter2" not in str(caught.value)


def test_an_address_of_a_folder_is_read_as_one(tmp_path: Path) -> None:
    assert read_place(f"file://{tmp_path}/a%20b", None).root == f"{tmp_path}/a b"


def test_an_address_of_azure_names_its_account() -> None:
    place = read_place("abfss://box@account.dfs.core.windows.net/mail", None)
    assert place.table("days") == "abfss://box@account.dfs.core.windows.net/mail/days"


def test_what_a_store_says_is_shown_without_what_opens_it() -> None:
    text = "Generic MicrosoftAzure error\n \x1b[31m↳\x1b[0m GET https://a/b?sv=1&sig=hunter2 failed"
    with pytest.raises(mg.ArchiveError) as caught, told("az://box/mail", "reading"):
        raise Exception(text)
    assert "(GET https://a/b?sv=1&sig=... failed)" in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_folder_that_cannot_be_made_is_no_damage(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(mg.ArchiveError) as caught:
        mg.Archive(tmp_path / "file" / "mail").track("days")
    assert re.fullmatch(
        r".*/mail/catalogue: writing failed \(.*\); nothing was changed", str(caught.value)
    )


@pytest.mark.parametrize(
    "text", ["Permission denied", "Unsupported: feature", "Out of Memory", "Generic S3 error", "?"]
)
def test_where_nothing_is_written_it_is_not_said_that_nothing_changed(text: str) -> None:
    for doing, changes in (("writing", True), ("exporting", True), ("reading", False)):
        with pytest.raises(mg.ArchiveError) as caught, told("mail", doing):
            raise OSError(text)
        assert ("nothing was changed" in str(caught.value)) is changes
        assert ("damaged" in str(caught.value)) is (text == "?" and not changes)


@pytest.mark.parametrize("scheme", ["https", "HTTP", "ftp", "memory", "nonsense"])
def test_an_address_of_no_object_store_is_refused_when_the_archive_is_made(scheme: str) -> None:
    said = rf"no archive can be kept at {scheme.lower()}://; .*file://.*: s3, .*gs, .*az, .*abfss"
    with pytest.raises(mg.ConfigurationError, match=said):
        mg.Archive(f"{scheme}://bucket.example/mail")


@pytest.mark.parametrize("address", ["s3://", "s3:///mail"])
def test_an_address_without_a_bucket_is_refused(address: str) -> None:
    with pytest.raises(
        mg.ConfigurationError, match=r"names no bucket; write s3://bucket/mail-hist"
    ):
        mg.Archive(address)


@pytest.mark.parametrize(
    "address", ["s3a://b/mail", "S3://b/mail", "gs://b", "opendal+s3://b/mail"]
)
def test_the_schemes_of_object_stores_are_taken(address: str) -> None:
    assert mg.Archive(address).place.root == address
