"""Where the browser is, and how it is started."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

VARIABLE = "FRONTDESK_CHROMIUM"
# Nothing of the browser's own reaches the network, and it starts inside containers.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MISSING = (
    "no Chromium: install it (Debian and Ubuntu: apt-get install chromium; macOS: brew install chromium) "
    f"or set {VARIABLE} to a Chromium's or Chrome's program file"
)


def program() -> str | None:
    """The browser's program file, or None where there is none.

    Raises:
        FileNotFoundError: the variable names a file that is not there.
    """
    named = os.environ.get(VARIABLE)
    if named and not Path(named).is_file():
        raise FileNotFoundError(f"{VARIABLE} names {named}, which is no file.")
    return named or shutil.which("chromium")


@contextmanager
def launched() -> Iterator[Browser]:
    """A running browser, closed at the end; skips the test where there is none."""
    found = program()
    if found is None:
        pytest.skip(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        browser.close()
