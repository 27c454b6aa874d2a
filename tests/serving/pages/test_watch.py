"""The page that shows how the service does."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.serving.pages.window import Visit, picture
from tests.serving.within import Within


def test_watching(visit: Visit, service: Within) -> None:
    """What is answered is seen in the charts; a page that is not seen asks for nothing."""
    page = visit.page
    page.clock.install()
    visit.go("watch")
    expect(page.locator("#facts")).to_contain_text("champion")
    for seed in range(5):
        service.post("/predict", picture(seed))
    service.post("/predict", b"broken")
    page.clock.run_for(2_100)
    legend = page.locator("#requests .legend")
    expect(legend).to_contain_text("answered")
    rate = re.search(r"answered: ([\d.]+)", legend.inner_text())
    assert rate is not None
    assert float(rate[1]) > 0
    assert page.locator("#latency svg").get_attribute("aria-label") is not None
    expect(page.locator("#latency .legend")).to_contain_text(re.compile(r"median: \d"))
    expect(page.locator("#classes li")).to_have_count(3)
    expect(page.locator("#journal")).to_contain_text("ok")
    page.locator("#table summary").click()
    expect(page.locator("#table tbody tr").first).to_be_visible()

    def readings() -> int:
        return len([url for url in visit.asked if url.endswith("watch.json")])

    script = """hidden => {
        Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(script, True)
    before = readings()
    page.clock.run_for(20_000)
    assert readings() == before
    page.evaluate(script, False)
    with page.expect_response("**/watch.json"):
        page.clock.run_for(2_100)
