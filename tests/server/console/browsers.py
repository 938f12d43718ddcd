"""The Chromium of this machine, if it has one."""

import shutil
from os import environ, geteuid

import pytest
from playwright.sync_api import Browser, Playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM = environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)

without_chromium = pytest.mark.skipif(
    CHROMIUM is None,
    reason="no Chromium on this machine: apt-get install chromium, or name another one by CHROMIUM=PATH",
)


def launched(playwright: Playwright) -> Browser:
    """A browser. Chromium keeps its sandbox for others than root."""
    arguments = ["--no-sandbox"] if geteuid() == 0 else []
    return playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
