"""Every page in light and dark and on a phone: nothing serious for axe, nothing wider than the screen."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.browser import Reader
from tests.e2e.dashboard.story import AGENT, EXPERIMENT, ODD, Story
from tests.service import DATES

LOOKS = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}, "has_touch": True},
}
PAGES = ("leaderboard", "curves", "jobs", "job", "day", "session", "model", "prices", "symbol", "storage", "service")


def address(story: Story, name: str) -> str:
    """Return the address of a page that has something to show."""
    return {
        "leaderboard": f"leaderboard?experiment={EXPERIMENT}&benchmark=FLAT",
        "curves": f"curves?experiment={EXPERIMENT}",
        "job": f"job?id={story.job}",
        "day": f"day?job={story.job}&date={DATES[0]}&model=loser",
        "session": f"day?job={story.agent_job}&date={DATES[0]}&model={AGENT}",
        "symbol": f"prices?symbol={ODD}",
        "model": f"model?experiment={EXPERIMENT}&model=loser",
    }.get(name, name)


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("look", LOOKS)
def test_page_has_no_serious_fault_and_fits_the_screen(browser: Browser, story: Story, look: str, name: str) -> None:
    reader = Reader(browser, story.url, **LOOKS[look])
    page = reader.open(address(story, name))

    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    reader.keep(f"{name}-{look}")

    serious = [
        (fault["id"], [node["html"] for node in fault["nodes"]])
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]
    assert serious == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert reader.faults() == []
    reader.context.close()
