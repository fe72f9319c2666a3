"""The dashboard in a real browser, against a real service: what a person sees, presses and reads."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from aitrader.v1.upkeep_pb2 import GetStorageStatusRequest
from tests.browser import Reader
from tests.e2e.dashboard.story import AGENT, EXPERIMENT, MARKUP, ODD, Story
from tests.service import DATES, DEADLINE, config, scripted

BOARD = f"leaderboard?experiment={EXPERIMENT}"


def names(page: Page) -> list[str]:
    """Return the models of the leaderboard as they stand."""
    return page.locator("tbody th.name").all_inner_texts()


def test_leaderboard_ranks_with_figures_and_curves(reader: Reader) -> None:
    page = reader.open(BOARD)

    assert names(page) == ["winner", MARKUP, "failer", "loser"]
    first = page.locator("tbody tr").first
    expect(first).to_contain_text("$10,950.00")
    expect(first).to_contain_text("+9.50%")
    expect(first.locator("svg.spark.gain polyline")).to_be_visible()


def test_leaderboard_sorts_by_the_pressed_column_and_remembers_it(reader: Reader) -> None:
    page = reader.open(BOARD)

    page.get_by_role("button", name="Model").press("Enter")

    assert names(page) == sorted(names(page))
    expect(page.get_by_role("columnheader", name="Model")).to_have_attribute("aria-sort", "ascending")
    page.reload()
    reader.shown()
    assert names(page) == sorted(names(page))


def test_benchmark_stands_below_the_models_and_among_the_curves(reader: Reader) -> None:
    page = reader.open(BOARD)

    page.get_by_label("Benchmark").fill("flat")
    page.get_by_label("Benchmark").press("Enter")

    expect(page.locator("tfoot")).to_contain_text("FLAT")
    page.get_by_role("link", name="Curves").click()
    expect(page.locator(".legend")).to_contain_text("FLAT")


def test_curve_of_a_chosen_model_shows_its_values_on_hover(reader: Reader) -> None:
    page = reader.open(f"curves?experiment={EXPERIMENT}&model=winner")
    row = page.locator(".legend li", has_text="winner")
    expect(row.get_by_role("button")).to_have_attribute("aria-pressed", "true")
    expect(row).to_contain_text("$10,950.00")

    over = page.locator(".u-over").bounding_box()
    assert over is not None
    page.mouse.move(over["x"] + 1, over["y"] + 20)

    expect(page.locator(".legend-date")).to_have_text(DATES[0])
    expect(row).to_contain_text("$10,050.00")


def test_curves_are_read_zoomed_and_scaled_by_keyboard(reader: Reader) -> None:
    page = reader.open(f"curves?experiment={EXPERIMENT}&model=winner")
    plot = page.get_by_role("group", name=re.compile("Equity curves"))

    plot.press("Home")
    plot.press("ArrowRight")

    expect(page.locator(".legend-date")).to_have_text(DATES[1])
    expect(page.locator("[aria-live=polite].visually-hidden")).to_have_text(f"{DATES[1]}: winner $10,150.00")
    plot.press("+")
    plot.press("Home")
    expect(page.locator(".legend-date")).not_to_have_text(DATES[0])
    plot.press("Escape")
    plot.press("Home")
    expect(page.locator(".legend-date")).to_have_text(DATES[0])
    page.get_by_role("button", name="Log scale").press("Enter")
    expect(page.get_by_role("button", name="Log scale")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".u-over")).to_be_visible()


def test_job_triggered_meanwhile_is_seen_to_its_end_without_reload(
    reader: Reader, story: Story, tmp_path: Path
) -> None:
    page = reader.open("jobs")
    gate = tmp_path / "gate"
    slow = scripted("slow", wait_on=DATES[2], wait_for=str(gate))

    job_id = story.service.trigger(config(slow, end=DATES[4]), experiment="meanwhile").job_id

    row = page.get_by_role("row").filter(has_text=job_id[:8])
    expect(row).to_contain_text("Running")
    expect(row).to_contain_text("2 / 5")
    gate.touch()
    expect(row).to_contain_text("Completed")
    expect(row).to_contain_text("5 / 5")


def test_job_page_follows_the_events_and_marks_the_model_days(reader: Reader, story: Story, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    waits = scripted("waits", wait_on=DATES[1], wait_for=str(gate))
    job_id = story.service.trigger(config(waits, end=DATES[2]), experiment="followed").job_id
    page = reader.open(f"job?id={job_id}")
    second = page.get_by_role("link", name=f"waits, {DATES[1]}")
    expect(second).to_have_class("running")

    gate.touch()

    expect(second).to_have_class("completed")
    expect(page.locator(".job-summary")).to_contain_text("3 / 3")
    expect(page.locator(".feed")).to_contain_text("Model day completed")
    expect(page.get_by_role("button", name="Cancel job")).to_have_count(0)


def test_job_is_cancelled_with_a_reason_and_retried(reader: Reader, story: Story, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    waits = scripted("waits", wait_on=DATES[0], wait_for=str(gate))
    job_id = story.service.trigger(config(waits, end=DATES[1]), experiment="cancelled").job_id
    page = reader.open(f"job?id={job_id}")

    page.get_by_role("button", name="Cancel job").press("Enter")
    page.get_by_label("Reason").fill("a better idea")
    page.get_by_role("button", name="Cancel the job").press("Enter")

    expect(page.locator(".job-summary")).to_contain_text("Cancelled")
    gate.touch()
    page.get_by_role("button", name="Retry").press("Enter")
    expect(page.locator(".job-summary")).to_contain_text("Completed")


def test_model_day_opens_from_the_grid_by_keyboard(reader: Reader, story: Story) -> None:
    page = reader.open(f"job?id={story.job}")
    page.get_by_role("link", name=f"{MARKUP}, {DATES[0]}").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowLeft"):
        page.keyboard.press(key)
    expect(page.get_by_role("link", name=f"loser, {DATES[0]}")).to_be_focused()

    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text(f"loser on {DATES[0]}")
    expect(page.get_by_role("region", name="Trades")).to_contain_text("DOWN")
    expect(page.get_by_role("region", name="Rejections")).to_contain_text("Insufficient holdings")
    expect(page.get_by_role("region", name="Positions")).to_contain_text("50")


def test_failed_model_day_says_why(reader: Reader, story: Story) -> None:
    reader.expects_refusals = True
    page = reader.open(f"day?job={story.job}&date={DATES[1]}&model=failer")

    expect(page.locator("main")).to_contain_text("the trader gave up")


def test_session_of_an_agent_is_told_step_by_step(reader: Reader, story: Story) -> None:
    page = reader.open(f"day?job={story.agent_job}&date={DATES[0]}&model={AGENT}")

    steps = page.locator(".steps > li")
    expect(steps.first).to_contain_text("User")
    expect(page.locator(".steps")).to_contain_text("get_price_local")
    assert steps.count() > 4


def test_markup_in_names_is_text(reader: Reader) -> None:
    page = reader.open(BOARD)

    page.get_by_role("link", name=MARKUP).click()

    expect(page.get_by_role("heading", level=1)).to_have_text(MARKUP)
    expect(page).to_have_title(f"{MARKUP} · AI-Trader")
    assert page.locator("main img").count() == 0


def test_page_says_that_the_server_is_away_and_comes_back_by_itself(reader: Reader, story: Story) -> None:
    page = reader.open(f"job?id={story.job}")
    reader.expects_refusals = True

    story.service.stop()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # as when the reader returns to the tab
    expect(page.get_by_text("The server is away.")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Job {story.job}")
    reader.keep("away")

    story.service.start()

    expect(page.get_by_text("The server is away.")).to_have_count(0)
    page.get_by_role("link", name="Leaderboard").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Leaderboard")


def test_job_that_runs_through_a_restart_is_followed_on(reader: Reader, story: Story, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    waits = scripted("waits", wait_on=DATES[1], wait_for=str(gate))
    job_id = story.service.trigger(config(waits, end=DATES[2]), experiment="restarted").job_id
    page = reader.open(f"job?id={job_id}")
    expect(page.locator(".job-summary")).to_contain_text("1 / 3")
    reader.expects_refusals = True

    story.service.restart()
    gate.touch()

    expect(page.locator(".job-summary")).to_contain_text("3 / 3")
    expect(page.locator(".job-summary")).to_contain_text("Completed")


def test_theme_is_switched_and_remembered(reader: Reader) -> None:
    page = reader.open(BOARD)
    root = page.locator("html")

    page.get_by_role("button", name="Theme: system").press("Enter")
    page.get_by_role("button", name="Theme: light").press("Enter")

    expect(root).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(root).to_have_attribute("data-theme", "dark")


def test_job_that_has_ended_tells_what_happened_last(reader: Reader, story: Story) -> None:
    page = reader.open(f"job?id={story.job}")

    expect(page.locator(".feed li").first).to_contain_text("Job ended")
    expect(page.locator(".feed li")).to_have_count(50)


def test_service_page_tells_how_the_parts_are(reader: Reader) -> None:
    page = reader.open("service")

    expect(page.get_by_role("region", name="Parts")).to_contain_text("database")


def test_prices_are_sorted_and_found_by_what_is_strange(reader: Reader) -> None:
    page = reader.open("prices")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(5)
    expect(page.locator(".facts")).to_contain_text("XNYS")

    page.get_by_role("button", name="Gaps").press("Enter")
    expect(rows.first).to_contain_text(ODD)
    expect(rows.first).to_contain_text(MARKUP)
    expect(rows.first.locator(".hole")).to_have_count(1)
    page.get_by_role("button", name="Only with findings").press("Enter")
    expect(rows).to_have_count(1)
    page.reload()
    reader.shown()
    expect(rows).to_have_count(1)
    page.get_by_label("Symbol").fill("up")
    expect(rows).to_have_count(0)


def test_prices_of_a_symbol_tell_each_date_that_is_missing_or_strange(reader: Reader) -> None:
    page = reader.open("prices?find=od")

    page.get_by_role("link", name=ODD).press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text(f"Prices of {ODD}")
    expect(page.locator(".dates li")).to_have_text([DATES[1]])
    expect(page.get_by_role("region", name="Jumps")).to_contain_text(DATES[3])
    expect(page.get_by_role("region", name="Jumps")).to_contain_text("+350.00%")


def test_storage_tells_sizes_rows_and_jobs(reader: Reader, story: Story) -> None:
    told = story.service.stub.GetStorageStatus(GetStorageStatusRequest(), timeout=DEADLINE)
    page = reader.open("storage")

    expect(page.locator(".facts")).to_contain_text(told.schema_version)
    expect(page.locator(".days li")).to_have_count(30)
    expect(page.get_by_role("region", name="Rows")).to_contain_text("trading_days")
    expect(page.get_by_role("region", name="Jobs by state")).to_contain_text("Completed")
    expect(page.get_by_role("region", name="Largest models")).to_contain_text(MARKUP)


@pytest.mark.parametrize(
    "address", ["nowhere", "prices?symbol=NONE", "job?id=none", f"model?model=none&experiment={EXPERIMENT}"]
)
def test_address_of_nothing_says_so(reader: Reader, address: str) -> None:
    reader.expects_refusals = True
    page = reader.open(address)

    expect(page.locator(".empty")).to_be_visible()
