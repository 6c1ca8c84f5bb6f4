"""The file of a recording: a zip that anybody can open, with a manifest, the answers and a README.

It is read without being unpacked: nothing in it is ever written to a disk, and no more of it is
read than the caller allows.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mgframe.errors import ConfigurationError, ResponseError
from mgframe.files import beside, name_beside
from mgframe.recording.manifest import Manifest, read_manifest

MANIFEST: Final = "manifest.json"
ANSWERS: Final = "answers.jsonl"
README: Final = "README.txt"

_LONGEST_MANIFEST: Final = 1_000_000
_DAMAGES: Final = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,  # a compression that Python does not know
    RuntimeError,  # encrypted
    OSError,
    ValueError,
    OverflowError,
    struct.error,
)


class Package:
    """The zip while it is made, in memory: killed on the way, it leaves nothing behind."""

    def __init__(self) -> None:
        self._buffer = io.BytesIO()
        self._zip = zipfile.ZipFile(self._buffer, "w", zipfile.ZIP_DEFLATED)
        self._answers = self._zip.open(ANSWERS, "w", force_zip64=True)
        self._sum = hashlib.sha256()

    def add(self, line: bytes) -> None:
        """Add an exchange."""
        self._answers.write(line)
        self._sum.update(line)

    @property
    def sha256(self) -> str:
        """The hash of all lines so far."""
        return self._sum.hexdigest()

    def finish(self, manifest: str, readme: str) -> bytes:
        """Return the finished file."""
        self._answers.close()
        self._zip.writestr(MANIFEST, manifest)
        self._zip.writestr(README, readme)
        self._zip.close()
        return self._buffer.getvalue()


def path_of(path: str | os.PathLike[str]) -> Path:
    """Return a path given as an argument.

    Raises
    ------
    ConfigurationError
        It is none.
    """
    with suppress(TypeError, RuntimeError):  # no path; nobody's home
        text = os.fspath(path)
        if isinstance(text, str) and text.strip() and "\0" not in text:
            return Path(text).expanduser()
    raise ConfigurationError(f"path={path!r} must name a file, such as 'case.zip'")


def check_place(path: Path, *, overwrite: bool) -> None:
    """Refuse a place where no file can be written, before anything is asked.

    Raises
    ------
    ConfigurationError
        There is no such folder, it cannot be written to, or the file exists.
    """
    with _written(path):
        if path.is_dir():
            raise ConfigurationError(
                f"{path} is a folder; name a file in it, such as {path / 'case.zip'}"
            )
        if not path.parent.is_dir():
            raise ConfigurationError(f"there is no folder {path.parent}; make it first")
        if path.exists() and not overwrite:
            raise ConfigurationError(
                f"{path} exists, and evidence is not lost by accident; choose another name, or say "
                "overwrite=True"
            )
        probe = name_beside(path)
        probe.touch(exist_ok=False)
        probe.unlink()


def write_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all.

    Raises
    ------
    ConfigurationError
        It cannot be written.
    """
    with _written(path), beside(path) as fresh:
        fresh.write_bytes(content)


def unused(path: Path) -> Path:
    """Return the path; where a file took its name meanwhile, another that is free."""
    found, number = path, 1
    while found.exists():
        number += 1
        found = path.with_stem(f"{path.stem}-{number}")
    return found


@contextmanager
def _written(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(f"cannot write to {path}: {error.strerror or error}") from None


# ---------------------------------------------------------------- reading


@dataclass(frozen=True)
class CaseFile:
    """What a recording holds: its name, its manifest, and a line for each answer."""

    name: str
    manifest: Manifest
    lines: list[bytes]


def read_file(path: Path, *, most: int) -> CaseFile:
    """Read a recording, at most so many bytes of answers.

    Raises
    ------
    ConfigurationError
        There is no such file, it is no recording or a newer one, or larger than `most`.
    ResponseError
        It is damaged.
    """
    try:
        if path.is_dir():
            raise ConfigurationError(f"{path} is a folder; name the recording, a zip file")
        file = zipfile.ZipFile(path)
    except FileNotFoundError:
        raise ConfigurationError(
            f"there is no file {path}; mg.record({path.name!r}, client=client) makes one"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror or error}") from None
    except _DAMAGES:
        raise ConfigurationError(
            f"{path.name} is no recording: it is no zip file, or only a part of one"
        ) from None
    with file:
        try:
            manifest = read_manifest(_content(file, MANIFEST, _LONGEST_MANIFEST), path.name)
            answers = _content(file, ANSWERS, most)
        except _DAMAGES as error:
            raise ResponseError(f"{path.name} is damaged ({error}); get another copy") from None
    if hashlib.sha256(answers).hexdigest() != manifest.sha256:
        raise ResponseError(
            f"the answers in {path.name} are not those that were recorded (their SHA-256 is not "
            "the manifest's): the file is damaged or was changed; get another copy"
        )
    return CaseFile(path.name, manifest, answers.splitlines(keepends=True))


def _content(file: zipfile.ZipFile, member: str, most: int) -> bytes:
    """Return a member, empty where there is none.

    Raises
    ------
    ConfigurationError
        It is too large; nothing of it was read.
    """
    found = next((info for info in file.infolist() if info.filename == member), None)
    if found is None:
        return b""
    if found.file_size > most:
        raise ConfigurationError(
            f"{member} of the recording holds {found.file_size:,} bytes, and at most {most:,} are "
            "read; mg.replay(..., most=...) takes more answers, of a file that you trust"
        )
    return file.read(found)
