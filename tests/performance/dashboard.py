"""How long the dashboard takes until a reader sees the leaderboard, in a real browser."""

from statistics import median
from typing import Any

from playwright.sync_api import Browser, Page

from tests.browser import CHROMIUM, PATIENCE, SCREEN, chromium
from tests.performance.client import client
from tests.performance.figure import Figure, at_most, percentile, plain, rounded
from tests.performance.gateway import gateway
from tests.performance.workbench import Workbench, rule

MODELS, DATES, SYMBOLS = 50, 500, 10

#: a date before and one after all of the prices that are made up
EVER = ("2025-01-01", "2029-12-31")

LOADS = 9

EXPERIMENT = "fifty"

#: notes when the first rows of a table have been painted: milliseconds since the navigation began
WATCH = """
window.drawn = new Promise((tell) => new MutationObserver((_, observer) => {
  if (!document.querySelector("main tbody tr")) return
  observer.disconnect()
  requestAnimationFrame(() => setTimeout(() => tell(performance.now())))
}).observe(document, { childList: true, subtree: true }))
"""

#: what was drawn when, and what it took
READ = """async () => {
  const drawn = await window.drawn
  const loaded = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
  const data = loaded.find((entry) => entry.entryType === "resource" && entry.name.includes("/leaderboard?"))
  return {
    seconds: drawn / 1000,
    rows: document.querySelectorAll("main tbody tr").length,
    requests: loaded.length,
    kilobytes: loaded.reduce((sum, entry) => sum + entry.transferSize, 0) / 1000,
    asked: data.startTime / 1000,
    answered: data.responseEnd / 1000,
  }
}"""


def measure(bench: Workbench) -> list[Figure]:
    """Load the leaderboard of 50 models with 500 trading days, with an empty cache and again."""
    if CHROMIUM is None:
        raise RuntimeError("chromium was not found")
    database = bench.made_up("dashboard", SYMBOLS, DATES)
    models = [rule(f"model-{number:02}", "random", seed=number, orders_per_day=1) for number in range(MODELS)]
    config = bench.config_between("fifty.json", models, *EVER)
    with bench.serve(database) as server, client() as caller:
        caller.ask("run_job", address=server.address, config=config, experiment=EXPERIMENT)
        with gateway(server.address, workers=1) as pages, chromium() as browser:
            loads = [_load(browser, f"http://{pages.address}/") for _ in range(LOADS)]
    how = f"{MODELS} models x {DATES} dates, Chromium, until the table is painted; median of {LOADS} loads; "
    fresh, again = ([load[number] for load in loads] for number in (0, 1))
    return [
        at_most("dashboard_first_load", _median(fresh), 1.0, "s", how + "empty cache", **_details(fresh)),
        plain("dashboard_second_load", _median(again), "s", how + "files in the cache", **_details(again)),
    ]


def _load(browser: Browser, url: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Open the page with an empty cache, and once more."""
    context = browser.new_context(viewport=SCREEN)
    context.add_init_script(WATCH)
    page = context.new_page()
    page.goto(url)
    first = _drawn(page)
    page.reload()
    second = _drawn(page)
    context.close()
    return first, second


def _drawn(page: Page) -> dict[str, Any]:
    page.locator("main tbody tr").first.wait_for(timeout=PATIENCE)
    found: dict[str, Any] = page.evaluate(READ)
    if found["rows"] != MODELS:
        raise RuntimeError(f"{found['rows']} rows were drawn")
    return found


def _median(loads: list[dict[str, Any]]) -> float:
    return median(load["seconds"] for load in loads)


def _details(loads: list[dict[str, Any]]) -> dict[str, float]:
    """Return what was loaded, when the data were asked for and there, as medians; and the slowest load."""
    names = ("requests", "kilobytes", "asked", "answered")
    told = {name: rounded(median(load[name] for load in loads)) for name in names}
    return told | {"slowest": rounded(percentile([load["seconds"] for load in loads], 100))}
