"""Where a frame goes and as what: a table to read, or CSV, JSON lines or Parquet to go on with."""

from __future__ import annotations

import argparse
import importlib.util
import io
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mgframe.cli.parser import Parser
from mgframe.cli.speaking import SIMULATED, note
from mgframe.errors import ConfigurationError, QueryError
from mgframe.files import beside, is_device
from mgframe.unseen import visible_lines

if TYPE_CHECKING:
    import pandas as pd

FORMATS: Final = ("table", "csv", "jsonl", "parquet")
_SUFFIXES: Final = {
    ".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".txt": "table"
}  # fmt: skip
#: How many rows a terminal shows; a pipe and a file get all.
_ROWS: Final = 60


def add_output(
    parser: Parser, *, default: str = "by default a table on a terminal, else csv"
) -> None:
    """Add the options that say where the data go."""
    group = parser.add_argument_group("where the data go")
    group.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="write this file, once all is there; its suffix says the format (stdout)",
    )
    group.add_argument(
        "--format",
        choices=FORMATS,
        help=f"{default}; parquet needs pyarrow",
    )


@dataclass(frozen=True)
class Output:
    """A checked place for a frame; `path` is None for stdout."""

    path: Path | None
    format: str

    @classmethod
    def of(cls, parsed: argparse.Namespace) -> Output:
        """Return where the data go, checked before anything is asked.

        Raises
        ------
        QueryError
            The format is not known, or Parquet would go to a terminal.
        ConfigurationError
            The file cannot be written, or pyarrow is missing.
        """
        path = file_of(parsed)
        chosen = parsed.format or _format_of(path)
        if chosen == "parquet":
            _require_parquet(path)
        return cls(path, chosen)

    def write(self, frame: pd.DataFrame) -> None:
        """Write a frame; a file is replaced only when the new one is whole."""
        from mgframe.framing import is_simulated

        if is_simulated(frame) and self.format != "table":  # a table says so itself
            note(SIMULATED)
        if self.path is not None:
            with beside(self.path) as fresh:
                fresh.write_bytes(_bytes_of(frame, self.format))
        elif self.format == "parquet":
            sys.stdout.buffer.write(_bytes_of(frame, self.format))
        else:
            text = _text_of(frame, self.format, screen=sys.stdout.isatty())
            # By lines, for where Python does not buffer (PYTHONUNBUFFERED) it takes a long text
            # that a closed pipe cuts short for written.
            sys.stdout.writelines(text.splitlines(keepends=True))


# ---------------------------------------------------------------- files


def file_of(parsed: argparse.Namespace) -> Path | None:
    """Return the file that is to be written, None for stdout; checked, but not opened."""
    path: Path | None = parsed.output
    if path is None or str(path) == "-":
        return None
    if path.is_dir():
        raise ConfigurationError(f"--output {path} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise ConfigurationError(f"--output {path}: there is no folder {path.parent}")
    if not is_device(path) and not os.access(path.resolve().parent, os.W_OK):
        raise ConfigurationError(f"--output {path}: nothing can be written in {path.parent}")
    return path


# ---------------------------------------------------------------- formats


def _format_of(path: Path | None) -> str:
    if path is None:
        return "table" if sys.stdout.isatty() else "csv"
    if is_device(path):
        return "csv"
    if path.suffix.lower() not in _SUFFIXES:
        raise QueryError(
            f"--output {path}: the suffix says no format; use {', '.join(_SUFFIXES)}, or give "
            f"--format {'|'.join(FORMATS)}"
        )
    return _SUFFIXES[path.suffix.lower()]


def _require_parquet(path: Path | None) -> None:
    if importlib.util.find_spec("pyarrow") is None:
        raise ConfigurationError(
            'Parquet needs pyarrow: pip install "mgframe[parquet]"; csv and jsonl need nothing'
        )
    if path is None and sys.stdout.isatty():
        raise QueryError("Parquet is not for a terminal; name a file with -o data.parquet")


def _bytes_of(frame: pd.DataFrame, chosen: str) -> bytes:
    if chosen != "parquet":
        return _text_of(frame, chosen, screen=False).encode()
    buffer = io.BytesIO()
    frame.to_parquet(buffer)  # index and attrs are kept
    return buffer.getvalue()


def _text_of(frame: pd.DataFrame, chosen: str, *, screen: bool) -> str:
    if chosen == "table":
        return table_text(frame, screen=screen)
    unnamed = list(frame.index.names) == [None]
    flat = frame.reset_index(drop=unnamed)
    if chosen == "csv":
        return flat.to_csv(index=False, lineterminator="\n")
    lines = flat.to_json(
        orient="records", lines=True, date_format="iso", double_precision=15, force_ascii=False
    )
    return lines if not lines or lines.endswith("\n") else f"{lines}\n"


def _fitting(frame: pd.DataFrame, width: int) -> str:
    """Return a frame with as many columns as fit, outer ones first; pandas 2 takes one too many."""
    import pandas as pd

    text = ""
    for columns in range(max(len(frame.columns), 1), 0, -1):
        with (
            pd.option_context("display.expand_frame_repr", False, "display.max_columns", columns),
            pd.option_context("display.max_rows", _ROWS, "display.min_rows", _ROWS),
        ):
            text = repr(frame)
        if max(map(len, text.splitlines()), default=0) <= width:
            break
    return text


def table_text(frame: pd.DataFrame, *, screen: bool) -> str:
    """Return a frame as a table to read; on a screen as much of it as fits."""
    from mgframe.framing import is_simulated

    if screen:
        text = _fitting(frame, shutil.get_terminal_size().columns)
    else:
        text = frame.to_string(max_colwidth=None)
    text = visible_lines(text)
    return f"{text}\n{SIMULATED}\n" if is_simulated(frame) else f"{text}\n"
