"""A headless Chromium that reaches nothing, driven through its own driver."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_QUIET = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # It asks its makers for updates all the same: no name leads anywhere, and none is asked for.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--disable-dev-shm-usage",
    "--window-size=1200,1000",
)


@contextmanager
def opened(page: Path | str, downloads: Path) -> Iterator[Any]:
    """A Selenium driver that shows `page`, a file or an address of this machine.

    What it saves goes to `downloads`. Skips without a browser.
    """
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("chromium and chromedriver (Debian: chromium-driver) are not installed")
    from selenium.webdriver import Chrome, ChromeOptions, ChromeService

    # It would look for a driver of its own, and tell its makers, where it is not given one.
    os.environ.update(SE_AVOID_STATS="true", SE_OFFLINE="true")
    options = ChromeOptions()
    options.binary_location = chromium
    for flag in _QUIET:
        options.add_argument(flag)
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = Chrome(options=options, service=ChromeService(driver))
    try:
        browser.get(page if isinstance(page, str) else page.as_uri())
        yield browser
    finally:
        browser.quit()
