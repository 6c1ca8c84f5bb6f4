"""HTML to PDF through a browser without a window, and files that are whole or not there."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from mgframe.errors import ConfigurationError
from mgframe.files import beside

#: Where a browser's path may be said.
BROWSER_VARIABLE: Final = "MGFRAME_BROWSER"
_BROWSERS: Final = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
    "microsoft-edge", "msedge",
)  # fmt: skip
_PLACES: Final = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
_FLAGS: Final = (
    "--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--no-pdf-header-footer",
)  # fmt: skip
_SECONDS: Final = 120


def find_browser() -> str:
    """Return the path of a Chromium, Chrome or Edge.

    Raises
    ------
    ConfigurationError
        There is none.
    """
    said = os.environ.get(BROWSER_VARIABLE)
    found = shutil.which(said) if said else next(filter(None, map(shutil.which, _BROWSERS)), None)
    found = found or next((place for place in _PLACES if not said and Path(place).exists()), None)
    if found is None:
        where = f"{BROWSER_VARIABLE}={said!r} is no program" if said else "there is none"
        raise ConfigurationError(
            f"a PDF is printed by Chromium, Chrome or Edge, and {where}; install one, set "
            f"{BROWSER_VARIABLE} to its path, or write path='report.html' and print that"
        )
    return found


def as_pdf(html: str) -> bytes:
    """Return a page as a PDF; the browser gets no network.

    Raises
    ------
    ConfigurationError
        There is no browser, or it prints nothing.
    """
    browser = find_browser()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        page, printed = Path(folder, "report.html"), Path(folder, "report.pdf")
        page.write_text(html, encoding="utf-8")
        command = [
            browser, *_FLAGS, f"--user-data-dir={folder}/profile",
            "--host-resolver-rules=MAP * ~NOTFOUND", f"--print-to-pdf={printed}", page.as_uri(),
        ]  # fmt: skip
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.insert(1, "--no-sandbox")  # Chromium refuses a sandbox to the superuser
        try:
            done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ConfigurationError(f"{browser} printed no PDF: {error}") from None
        if not printed.exists():
            said = done.stderr.decode("utf-8", "replace").strip()[-200:]
            raise ConfigurationError(f"{browser} printed no PDF: {said or done.returncode}")
        return printed.read_bytes()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, in a folder that is made where there is none.

    Raises
    ------
    ConfigurationError
        It cannot be written; what was there stays.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside(path) as fresh:
            fresh.write_bytes(content)
    except OSError as error:
        raise ConfigurationError(f"cannot write {path}: {error.strerror}") from None
