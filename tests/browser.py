"""A real browser for tests: the system's Chromium, driven by Playwright."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")

#: milliseconds; as patient as all other tests
PATIENCE = 60_000

SCREEN = {"width": 1360, "height": 850}

#: where screenshots are kept for people to look at
SHOTS = Path(__file__).parents[1] / ".screenshots"

#: what a browser says by itself of every answer that is an error, be it expected
FAILED_REQUEST = "Failed to load resource"


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Chromium, or skip the test where it is absent; in CI it must be there."""
    if CHROMIUM is None:
        if os.environ.get("CI") == "true":
            pytest.fail("chromium was not found")
        pytest.skip("chromium was not found")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()


class Reader:
    """One who looks at the dashboard; `complaints` are errors of the page and of its console."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.context: BrowserContext = browser.new_context(**{"viewport": SCREEN, **options})
        self.context.set_default_timeout(PATIENCE)
        self.page: Page = self.context.new_page()
        self.url = url
        self.complaints: list[str] = []
        self.expects_refusals = False
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)

    def faults(self) -> list[str]:
        """Return what the page is to blame for."""
        return [said for said in self.complaints if not (self.expects_refusals and FAILED_REQUEST in said)]

    def open(self, address: str) -> Page:
        """Open a page of the dashboard and wait until it is shown."""
        self.page.goto(f"{self.url}/#/{address}")
        self.page.reload()  # a change behind the # alone loads nothing
        return self.shown()

    def shown(self) -> Page:
        """Wait until the page of the address is shown."""
        self.page.locator("html:not(.loading) main h1").wait_for()
        return self.page

    def keep(self, name: str) -> None:
        """Keep a picture of the page."""
        SHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png", full_page=True)
