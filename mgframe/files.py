"""Files that are whole or not there: written beside their place, then moved to it."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` that takes its place when all went well, and goes otherwise.

    So nobody reads half a file, and after an error last week's is still there. A link stays a link,
    and a file that is replaced passes on who may read it.
    """
    if is_device(path):  # /dev/null and pipes are written, not replaced
        yield path
        return
    target = path.resolve()
    fresh = name_beside(target)
    try:
        yield fresh
        with fresh.open("rb+") as file:
            os.fsync(file.fileno())  # else a crash of the machine could leave an empty file
        if target.exists():
            shutil.copymode(target, fresh)
        fresh.replace(target)
    except OSError as error:
        if error.filename == str(fresh):  # nobody has heard of that name
            error.filename = str(path)
        raise
    finally:
        fresh.unlink(missing_ok=True)


def name_beside(path: Path) -> Path:
    """Return a hidden name in the same folder that nothing has."""
    return path.with_name(f".{path.stem[:100]}.{secrets.token_hex(4)}{path.suffix}")


def is_device(path: Path) -> bool:
    """Return whether a path is there and is no file that could be replaced."""
    return path.exists() and not path.is_file()
