import math
from io import StringIO

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console

from aitrader.v1 import job_pb2
from aitrader.v1.portfolio_pb2 import TimeseriesPoint
from client.chart import value_chart
from client.progress import LiveView, open_view, picture, summary
from client.sentences import status_lines
from client.sparkline import sparkline, thinned
from client.tally import Tally
from client.text import date_span, duration, moment, plain
from tests.integration.client.job_story import MODELS, final_status, pending_status, story


def test_a_spark_line_has_a_bar_per_value() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert sparkline([5, 5]) == "▅▅"
    assert sparkline([]) == ""


def test_a_spark_line_leaves_gaps_for_what_is_no_number() -> None:
    assert sparkline([1, math.nan, 2]) == "▁ █"
    assert sparkline([math.nan]) == " "


def test_thinning_keeps_the_first_and_the_last() -> None:
    assert thinned([1, 2, 3, 4, 5], 3) == [1, 3, 5]
    assert thinned([1, 2], 3) == [1, 2]


@pytest.mark.parametrize("count", [1, 2, 3, 500])
def test_a_chart_is_as_wide_as_asked(count: int) -> None:
    points = [TimeseriesPoint(date=f"2025-{day:03}", portfolio_value=10_000 + day) for day in range(count)]

    lines = value_chart(points, title="gpt-5", width=70).splitlines()

    assert len(lines) == 16
    assert max(len(line) for line in lines) <= 70
    assert "2025-000" in lines[-1]


def test_a_chart_of_a_flat_line_can_be_drawn() -> None:
    points = [TimeseriesPoint(date="2025-10-01", portfolio_value=10_000)] * 3

    assert "10,000" in value_chart(points, title="cash", width=60)


@pytest.mark.parametrize(("seconds", "text"), [(7.26, "7.3 s"), (65, "1:05"), (3_723.4, "1:02:03")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_texts_cannot_steer_the_terminal() -> None:
    assert plain("a\x1b[2Jb\nc\x07 \u202e") == "a [2Jb c"


def test_a_status_tells_what_agents_used_up_and_may() -> None:
    status = final_status()
    assert not any("tokens" in line for line in status_lines(status))

    status.spending.MergeFrom(job_pb2.Spending(sessions=2, input_tokens=12_000, output_tokens=345, cost_usd=0.5))
    assert "2 sessions: 12,345 tokens, $0.5000" in status_lines(status)
    status.spending.unpriced_sessions = 1
    status.budget.job.MergeFrom(job_pb2.BudgetLimits(max_tokens=20_000, max_usd=1))

    told = "2 sessions: 12,345 of 20,000 tokens, $0.5000 of $1.0000, 1 session of unknown cost"
    assert told in status_lines(status)


def test_dates_and_times() -> None:
    assert date_span([]) == "no dates"
    assert date_span(["2025-10-01"]) == "2025-10-01 to 2025-10-01 (1 date)"
    assert moment(Timestamp(seconds=0)) == "1970-01-01 00:00:00Z"


def test_a_tally_follows_the_events() -> None:
    tally = Tally(pending_status())

    for event in story(job_pb2.JOB_STATUS_PARTIAL):
        tally.apply(event)

    assert (tally.total, tally.done, tally.failed) == (6, 6, 1)
    assert tally.status == job_pb2.JOB_STATUS_PARTIAL
    assert tally.models["gpt-5"].value == 10_100.0


def test_a_tally_counts_no_event_twice_that_its_first_state_knows() -> None:
    tally = Tally(final_status())

    for event in story():
        tally.apply(event)

    assert (tally.total, tally.done) == (6, 6)
    assert tally.rate() == pytest.approx(0.5, abs=0.1)


def test_a_tally_counts_anew_when_the_job_was_planned_anew() -> None:
    tally, planned = Tally(pending_status()), pending_status()
    days = list(planned.progress.details)[1:]
    del planned.progress.details[:]
    planned.progress.details.extend(days)
    event = job_pb2.ProgressEvent(
        sequence=2, type=job_pb2.EVENT_TYPE_JOB_STARTED, total_model_days=len(days), status=job_pb2.JOB_STATUS_RUNNING
    )

    outdated = tally.outdated_by(event)
    tally.begin(planned)

    assert (outdated, tally.outdated_by(event), tally.total) == (True, False, len(days))


def test_a_rate_needs_two_times() -> None:
    tally = Tally(pending_status())

    assert (tally.rate(), tally.remaining_seconds()) == (None, None)
    assert summary(tally) == "pending: 0 of 6 model-days"


def test_a_resumed_job_forgets_the_time_it_lay() -> None:
    tally = Tally(pending_status())
    events = story()
    for event in events[:6]:
        tally.apply(event)
    resumed = job_pb2.ProgressEvent(sequence=7, type=job_pb2.EVENT_TYPE_JOB_RESUMED)

    tally.apply(resumed)

    assert tally.rate() is None


def test_a_terminal_sees_a_live_bar_with_a_row_per_model() -> None:
    output = StringIO()
    console = Console(file=output, force_terminal=True, width=100, highlight=False)
    tally = Tally(pending_status())

    with open_view(console, tally) as view:
        for event in story():
            tally.apply(event)
            view.refresh()

    assert isinstance(view, LiveView)
    assert "completed: 6 of 6 model-days" in output.getvalue()
    assert all(model in output.getvalue() for model in MODELS)


def test_the_picture_shows_where_each_model_is() -> None:
    console = Console(file=StringIO(), width=100)
    tally = Tally(pending_status())
    for event in story()[:3]:
        tally.apply(event)

    console.print(picture(tally))

    assert "0/3  2025-10-01" in console.file.getvalue()
