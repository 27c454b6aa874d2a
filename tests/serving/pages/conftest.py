"""A browser and a service for all tests of pages."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.champion import made
from tests.report.test_browser import SWITCHES, chromium
from tests.serving.pages.window import DESK, Visit, visiting
from tests.serving.within import Within, within

CAMERA = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One for all tests here."""
    path = chromium()
    if path is None:
        why = "no Chromium: install it, or say where it is with CHROMIUM"
        if os.environ.get("BAKEOFF_REQUIRE_BROWSER"):
            pytest.fail(why)
        pytest.skip(why)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=[*SWITCHES, *CAMERA])
        yield started
        started.close()


@pytest.fixture(scope="package")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Within]:
    """A service with a journal in `journal.db`."""
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("service")
    champion = made.with_graph(folder / "champion")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAKEOFF_DATA", str(folder / "cache"))
        with within(champion, ui="own", journal=str(folder / "journal.db")) as found:
            yield found


@pytest.fixture
def visit(browser: Browser, service: Within, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """A window, parametrised with what it is like."""
    with visiting(browser, service, getattr(request, "param", DESK)) as opened:
        yield opened
