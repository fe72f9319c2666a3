import json
from typing import Any

import grpc
import pytest
from click.testing import CliRunner, Result
from google.protobuf.json_format import ParseDict

from aitrader.v1 import job_pb2, upkeep_pb2
from aitrader.v1 import portfolio_pb2 as portfolio
from aitrader.v1 import simulation_pb2 as pb
from aitrader.v1.control_pb2 import RetryJobRequest
from aitrader.v1.service_status_pb2 import (
    COMPONENT_STATUS_HEALTHY,
    COMPONENT_STATUS_OFF,
    COMPONENT_STATUS_UNHEALTHY,
    Component,
    GetServiceStatusResponse,
)
from client.cli import main
from tests.integration.client.fake_service import FakeService, StreamPlan, failure
from tests.integration.client.job_story import (
    DATES,
    JOB_ID,
    MODELS,
    accepted,
    final_status,
    pending_status,
    session_story,
    story,
    up_to_date,
)

COMMANDS = {
    "trigger": ["trigger", "demo.json"],
    "status": ["status", JOB_ID],
    "watch": ["watch", JOB_ID],
    "results": ["results"],
    "leaderboard": ["leaderboard"],
    "timeseries": ["timeseries", "gpt-5"],
    "metrics": ["metrics", "gpt-5"],
    "jobs": ["jobs"],
    "reasoning": ["reasoning", JOB_ID, "--model", "gpt-5", "--date", DATES[0]],
    "deliveries": ["deliveries", JOB_ID],
    "prices": ["prices"],
    "schedules": ["schedules"],
    "audit": ["audit", JOB_ID],
    "service-status": ["service-status"],
    "storage": ["storage"],
    "verify": ["verify", JOB_ID],
}


class Command:
    """Runs `ai-trader` against the fake service, in a wide terminal that is none."""

    def __init__(self, target: str) -> None:
        self._target = target

    def __call__(self, *arguments: str) -> Result:
        runner = CliRunner(env={"COLUMNS": "160"})
        return runner.invoke(main, ["--server", self._target, *arguments], catch_exceptions=False)

    def json(self, message: Any, *arguments: str) -> Any:
        """Run with --json and read the document back as a message."""
        result = self(*arguments, "--json")
        assert result.exit_code == 0, result.stderr
        return ParseDict(json.loads(result.stdout), message)


@pytest.fixture
def command(target: str) -> Command:
    return Command(target)


@pytest.fixture(autouse=True)
def filled(service: FakeService) -> None:
    service.trigger, service.status, service.events = accepted(), final_status(), story()
    service.results.results.extend(day_results())
    service.leaderboard.leaderboard.extend(
        portfolio.LeaderboardEntry(rank=rank, model=model, portfolio_value=11_000 - rank, curve=[1, 2, 3])
        for rank, model in enumerate(MODELS, 1)
    )
    service.timeseries = pb.GetPortfolioTimeseriesResponse(model="gpt-5", experiment="default", initial_cash=10_000)
    for index, date in enumerate(DATES):
        service.timeseries.timeseries.add(date=date, portfolio_value=10_000 + index)
    service.jobs.jobs.add(
        job_id=JOB_ID, status=job_pb2.JOB_STATUS_COMPLETED, config_path="demo.json", total_duration_seconds=13
    )
    service.reasoning = session_story()
    service.audit = pb.AuditJobResponse(job_id=JOB_ID, sessions=2, observations=9)
    service.condition = GetServiceStatusResponse(
        version="1.2.3",
        status=COMPONENT_STATUS_HEALTHY,
        uptime_seconds=3665.7,
        components=[
            Component(name="disk", status=COMPONENT_STATUS_HEALTHY, message="9 MiB free"),
            Component(name="search", status=COMPONENT_STATUS_OFF, message="not served"),
        ],
    )
    service.storage = stored()
    service.verification = pb.VerifyJobResponse(job_id=JOB_ID, equal=True, model_days=2)


def stored() -> upkeep_pb2.GetStorageStatusResponse:
    found = upkeep_pb2.GetStorageStatusResponse(
        database_bytes=3 * 2**30, wal_bytes=1536, free_disk_bytes=2**42, schema_version="0010_costs"
    )
    found.counted_time.FromJsonString("2025-11-03T06:00:00Z")
    found.first_date, found.last_date = DATES[0], DATES[-1]
    found.tables.add(table="positions", rows=1_000_000)
    found.job_statuses.add(status=job_pb2.JOB_STATUS_COMPLETED, jobs=12)
    found.job_days.add(date="2025-11-01")
    found.job_days.add(date="2025-11-02", jobs=2)
    found.top_models.add(model="\x1b[31mgpt-5", model_days=5000, portfolios=2)
    return found


def day_results() -> list[portfolio.DayResult]:
    trade = portfolio.Trade(id=1, action=portfolio.TRADE_ACTION_BUY, symbol="AAPL", amount=3, price=255.5, total=766.5)
    opening = portfolio.Position(action=portfolio.TRADE_ACTION_NO_TRADE, cash=10_000, portfolio_value=10_000)
    bought = portfolio.Position(
        action_id=1, action=portfolio.TRADE_ACTION_BUY, symbol="AAPL", amount=3, cash=9_233.5, holdings={"AAPL": 3}
    )
    refused = portfolio.Rejection(after_action_id=1, message="the order costs 99.00, the cash is 9.00")
    pnl = portfolio.DailyPnl(profit=12.5, return_pct=0.125, portfolio_value=10_012.5)
    full = {"position_history": [opening, bought], "rejections": [refused]}
    return [
        portfolio.DayResult(date=date, model="gpt-5", daily_pnl=pnl, positions={"AAPL": 3}, trades=[trade], **full)
        for date in DATES
    ]


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "watch"])
def test_json_is_one_document_with_the_contracts_names(command: Command, name: str) -> None:
    result = command(*COMMANDS[name], "--json")

    document = json.loads(result.stdout)

    assert result.exit_code == 0
    assert not any("Id" in key or "Token" in key for key in document)


def test_json_prints_fields_of_default_value(command: Command, service: FakeService) -> None:
    service.jobs.Clear()

    assert json.loads(command("jobs", "--json").stdout) == {"jobs": [], "next_page_token": ""}


def test_json_of_a_paged_list_holds_all_pages(command: Command, service: FakeService) -> None:
    assert command.json(pb.GetResultsResponse(), "results") == service.results
    assert command.json(pb.GetStatusResponse(), "status", JOB_ID) == final_status()
    assert command.json(pb.GetPortfolioTimeseriesResponse(), "timeseries", "gpt-5") == service.timeseries


def test_watch_as_json_prints_one_event_a_line(command: Command, service: FakeService) -> None:
    service.streams.append(StreamPlan(messages=3))

    result = command("watch", JOB_ID, "--json")

    events = [ParseDict(json.loads(line), job_pb2.ProgressEvent()) for line in result.stdout.splitlines()]
    assert events == story()


def test_trigger_sends_its_options(command: Command, service: FakeService) -> None:
    options = ["--experiment", "e", "--model", "a", "--model", "b", "--start", DATES[0], "--end", DATES[1]]

    options += ["--replace", "--on-conflict", "use-existing"]

    result = command("trigger", "demo.json", *options, "--request-id", "r")

    assert result.exit_code == 0
    assert service.requests == [
        pb.TriggerRequest(
            config_path="demo.json",
            experiment="e",
            models=["a", "b"],
            start_date=DATES[0],
            end_date=DATES[1],
            request_id="r",
            replace_existing=True,
            conflict_policy=pb.CONFLICT_POLICY_USE_EXISTING,
        )
    ]


def test_retry_names_its_models_and_tells_what_is_run_again(command: Command, service: FakeService) -> None:
    result = command("retry", JOB_ID, "--model", "a", "--request-id", "r")

    assert (result.exit_code, result.stdout) == (0, f"job {JOB_ID}: running, 3 model-days to run again\n")
    assert service.requests == [RetryJobRequest(job_id=JOB_ID, models=["a"], request_id="r")]


def test_trigger_tells_the_job_and_the_warnings(command: Command) -> None:
    output = command("trigger", "demo.json").stdout

    assert f"job {JOB_ID}: pending" in output
    assert "2 models, 2025-10-01 to 2025-10-03 (3 dates), 6 model-days" in output
    assert "warning: 2025-10-04 was left out: no prices" in output


@pytest.mark.parametrize(
    ("final", "code"),
    [
        (job_pb2.JOB_STATUS_COMPLETED, 0),
        (job_pb2.JOB_STATUS_PARTIAL, 3),
        (job_pb2.JOB_STATUS_FAILED, 4),
        (job_pb2.JOB_STATUS_CANCELLED, 4),
    ],
)
@pytest.mark.parametrize("arguments", [["trigger", "demo.json", "--wait"], ["watch", JOB_ID]], ids=["wait", "watch"])
@pytest.mark.parametrize("json_option", [[], ["--json"]], ids=["text", "json"])
def test_exit_code_tells_how_the_job_ended(
    command: Command,
    service: FakeService,
    final: job_pb2.JobStatus.ValueType,
    code: int,
    arguments: list[str],
    json_option: list[str],
) -> None:
    service.status, service.events = final_status(final), story(final)

    assert command(*arguments, *json_option).exit_code == code


def test_trigger_wait_shows_the_progress_and_the_status(command: Command, service: FakeService) -> None:
    service.events, service.status = story(job_pb2.JOB_STATUS_PARTIAL), final_status(job_pb2.JOB_STATUS_PARTIAL)

    output = command("trigger", "demo.json", "--wait").stdout

    assert "partial: 6 of 6 model-days, 1 failed" in output
    assert "6 model-days: 5 completed, 1 failed" in output
    assert "2025-10-03 momentum failed: the model gave up" in output


def test_trigger_wait_as_json_prints_the_final_status(command: Command) -> None:
    assert command.json(pb.GetStatusResponse(), "trigger", "demo.json", "--wait") == final_status()


def test_trigger_wait_with_nothing_to_do_is_fine(command: Command, service: FakeService) -> None:
    service.trigger = up_to_date()

    result = command("trigger", "demo.json", "--wait")

    assert (result.exit_code, result.stdout) == (0, "every model is up to date\n")
    document = command.json(pb.GetStatusResponse(), "trigger", "demo.json", "--wait")
    assert (document.job_id, document.status) == ("", job_pb2.JOB_STATUS_COMPLETED)


def test_watch_prints_a_line_for_each_tenth_and_status(command: Command, service: FakeService) -> None:
    service.status = pending_status()

    lines = command("watch", JOB_ID).stdout.splitlines()

    assert lines[0] == "pending: 0 of 6 model-days"
    assert lines[4] == "running: 3 of 6 model-days, 0.5 model-days/s, 6.0 s left"
    assert lines[-1].startswith("completed: 6 of 6 model-days")
    assert len(lines) == 9


def test_watch_from_the_end_exits_as_the_job_ended(command: Command, service: FakeService) -> None:
    service.status = final_status(job_pb2.JOB_STATUS_FAILED)

    result = command("watch", JOB_ID, "--after", str(len(story())), "--json")

    assert (result.exit_code, result.stdout) == (4, "")


def test_status_tells_counts_and_models(command: Command) -> None:
    output = command("status", JOB_ID).stdout

    assert f"job {JOB_ID}: completed in 13.0 s" in output
    assert "momentum" in output


def test_results_tell_each_day(command: Command) -> None:
    output = command("results").stdout

    assert "buy 3 AAPL at 255.50" in output
    assert "refused after 1: the order costs 99.00, the cash is 9.00" in output
    assert "buy 3 AAPL: cash 9,233.50" in output


def test_results_tell_splits_and_dividends_before_the_trades(command: Command, service: FakeService) -> None:
    for action, shares, price, cash in (
        (portfolio.TRADE_ACTION_SPLIT, 140, 90.0, 0.0),
        (portfolio.TRADE_ACTION_SPLIT, -5, 90.0, 45.0),
        (portfolio.TRADE_ACTION_DIVIDEND, 7, 0.25, 1.75),
    ):
        service.results.results[0].corporate_actions.add(
            action=action, symbol="ORLY", shares=shares, price=price, cash=cash
        )

    output = " ".join(command("results").stdout.split())

    told = ["split +140 ORLY", "split -5 ORLY and 45.00 in cash", "dividend 0.25 on 7 ORLY: 1.75"]
    assert f"{', '.join(told)}, buy 3 AAPL at 255.50" in output


def test_prices_tell_their_last_import_in_short(command: Command, service: FakeService) -> None:
    service.prices.symbols.add(
        symbol="UP", first_date=DATES[0], last_date=DATES[-1], bars=2, last_import_source="a" * 99
    )

    assert command("prices").stdout == f"UP  {DATES[0]} to {DATES[-1]}, 2 bars, from {'a' * 39}…\n"


def test_leaderboard_has_a_spark_line(command: Command, service: FakeService) -> None:
    output = command("leaderboard", "--experiment", "e", "--date", DATES[0]).stdout

    assert "▁▅█" in output
    asked = {"experiment": "e", "date": DATES[0], "curve_points": 40, "sort": pb.LEADERBOARD_SORT_VALUE}
    assert service.requests == [pb.GetLeaderboardRequest(**asked)]


def test_timeseries_draws_a_chart_and_the_last_values(command: Command) -> None:
    output = command("timeseries", "gpt-5").stdout

    assert "gpt-5 in default" in output
    assert "10,002.00" in output
    assert "┤" in output


def test_jobs_are_listed_by_state(command: Command, service: FakeService) -> None:
    output = command("jobs", "--status", "running", "--status", "pending", "--experiment", "e").stdout

    assert JOB_ID in output
    statuses = [job_pb2.JOB_STATUS_RUNNING, job_pb2.JOB_STATUS_PENDING]
    assert service.requests == [pb.ListJobsRequest(statuses=statuses, experiment="e")]


def test_reasoning_is_a_transcript(command: Command, service: FakeService) -> None:
    output = command(*COMMANDS["reasoning"], "--attempt", "2").stdout

    assert "2025-10-01 gpt-5, attempt 2: succeeded, ended by finish signal" in output
    assert "  0 user\n    Trade the day.\n    Keep to the rules.\n" in output
    assert '  1 assistant calls get_price {"symbol": "AAPL"}\n' in output
    assert "  2 tool get_price in 0.3 s\n    255.50\n    (1 more lines)\n" in output
    assert "tools: get_price x 1" in output
    assert "cost: 0.000123 dollars; 2 requests, 1,200 tokens in (1,000 cached), 340 out (200 reasoning)" in output
    assert output.endswith("summary: It bought 3 AAPL.\n")
    assert {request.attempt for request in service.requests} == {2}


def test_reasoning_is_cut_to_the_terminal_and_cannot_steer_it(target: str, service: FakeService) -> None:
    service.reasoning.steps[2].content = "\x1b[2J" + "x" * 500
    service.reasoning.steps[2].truncated = True
    runner = CliRunner(env={"COLUMNS": "80"})

    output = runner.invoke(main, ["--server", target, *COMMANDS["reasoning"]], catch_exceptions=False).stdout

    (line,) = [line for line in output.splitlines() if "xxx" in line]
    assert (len(line), line[-1]) == (80, "…")
    assert "\x1b" not in output
    assert "(the server cut it)" in output


def test_reasoning_of_an_attempt_that_broke_off_says_so(command: Command, service: FakeService) -> None:
    service.reasoning.session.ClearField("stop_reason")
    service.reasoning.session.ClearField("cost_usd")
    service.reasoning.session.outcome = job_pb2.SESSION_OUTCOME_FAILED

    output = command(*COMMANDS["reasoning"]).stdout

    assert "attempt 2: failed, broken off" in output
    assert "cost: price not known" in output


def test_reasoning_as_json_holds_all_steps(command: Command, service: FakeService) -> None:
    assert command.json(pb.GetReasoningResponse(), *COMMANDS["reasoning"]) == service.reasoning


@pytest.mark.parametrize("missing", ["--model", "--date"])
def test_reasoning_needs_model_and_date(command: Command, missing: str) -> None:
    arguments = COMMANDS["reasoning"]
    place = arguments.index(missing)

    assert command(*arguments[:place], *arguments[place + 2 :]).exit_code == 2


def test_status_of_the_service_tells_its_parts(command: Command) -> None:
    result = command("service-status")

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "healthy: version 1.2.3, up 1:01:05",
        "  disk: healthy, 9 MiB free",
        "  search: off, not served",
    ]


def test_storage_is_told_with_the_days_that_had_jobs(command: Command) -> None:
    result = command("storage")

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "database 3.0 GiB, of which 0 B unused, write-ahead log 1.5 KiB, free disk 4.0 TiB",
        "schema 0010_costs, counted 2025-11-03 06:00:00Z",
        f"trading days {DATES[0]} to {DATES[-1]}",
        "jobs: 12 completed",
        "  2025-11-02: 2 created",
        "rows:",
        "  positions: 1,000,000",
        "models:",
        "  [31mgpt-5: 5,000 model-days in 2 portfolios",
    ]


def test_service_that_is_not_healthy_exits_with_one(command: Command, service: FakeService) -> None:
    service.condition.status = COMPONENT_STATUS_UNHEALTHY

    assert command("service-status").exit_code == 1


def test_clean_audit_exits_with_zero(command: Command) -> None:
    result = command("audit", JOB_ID)

    assert result.exit_code == 0
    assert result.stdout == f"job {JOB_ID}: clean\nchecked 9 observations of 2 sessions\n"


@pytest.mark.parametrize("json_option", [[], ["--json"]], ids=["text", "json"])
def test_audit_with_violations_exits_with_five(command: Command, service: FakeService, json_option: list[str]) -> None:
    service.audit.violation_count = 23
    for _ in range(22):
        service.audit.violations.add(
            date=DATES[0],
            model="gpt-5",
            attempt=1,
            step_number=2,
            tool_name="search",
            subject="a.org",
            as_of=DATES[0],
            source_date=DATES[1],
        )
    service.audit.dropped_count = 4
    service.audit.dropped.add(tool_name="search", reason="no date", count=4)

    result = command("audit", JOB_ID, *json_option)

    assert result.exit_code == 5
    if not json_option:
        line = "2025-10-01 gpt-5 attempt 1 step 2: search showed a.org of 2025-10-02 as of 2025-10-01\n"
        assert f"job {JOB_ID}: 23 violations\n" in result.stdout
        assert result.stdout.count(line) == 20
        assert "and 3 more\nkept from the agents: 4\n  4 of search: no date\n" in result.stdout


@pytest.mark.parametrize("name", ["jobs", "results", "leaderboard", "status"])
def test_a_narrow_terminal_cuts_no_name(target: str, name: str) -> None:
    runner = CliRunner(env={"COLUMNS": "80"})

    output = runner.invoke(main, ["--server", target, *COMMANDS[name]], catch_exceptions=False).stdout

    assert (JOB_ID if name == "jobs" else "gpt-5") in output


def test_no_jobs_are_said_to_be_none(command: Command, service: FakeService) -> None:
    service.jobs.Clear()

    assert command("jobs").stdout == "no jobs\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_an_error_is_one_line(command: Command, service: FakeService, name: str) -> None:
    service.failures.append(failure(grpc.StatusCode.NOT_FOUND, "NO_DATA", "nothing is stored\nfor \x1b[31m'x'"))

    result = command(*COMMANDS[name], "--json")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "error: nothing is stored for [31m'x'\n"


def test_wrong_fields_are_named(command: Command, service: FakeService) -> None:
    wrong = {"start_date": "'x' is not a date", "models": "'y' was not found"}
    service.failures.append(failure(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT", violations=wrong))

    assert command("jobs").stderr == "error: start_date: 'x' is not a date; models: 'y' was not found\n"


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (
            failure(grpc.StatusCode.ABORTED, "JOB_CONFLICT", "busy", current_job_id="j"),
            "error: busy (current job j)\n",
        ),
        (
            failure(grpc.StatusCode.INTERNAL, "INTERNAL", "internal error", error_id="9f1c"),
            "error: internal error (error id 9f1c)\n",
        ),
        (
            failure(grpc.StatusCode.UNAVAILABLE, message="refused"),
            "error: the server was not reached: refused\n",
        ),
    ],
)
def test_an_error_tells_the_facts_that_help(command: Command, service: FakeService, status: Any, line: str) -> None:
    service.failures.append(status)

    assert command("trigger", "demo.json").stderr == line


def test_a_number_that_no_message_holds_is_one_line(command: Command) -> None:
    result = command("watch", JOB_ID, "--after", "99999999999", "--json")

    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [["status"], ["nope"], ["--nope"], ["jobs", "--status", "done"]])
def test_a_wrong_command_line_is_one_line_and_exit_code_two(command: Command, arguments: list[str]) -> None:
    result = command(*arguments)

    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_tells_the_exit_codes_and_json(command: Command, name: str) -> None:
    result = command(name, "--help")

    assert result.exit_code == 0
    assert "Exit codes: 0 fine" in result.stdout
    assert "--json" in result.stdout


@pytest.mark.parametrize("json_option", [[], ["--json"]])
def test_verify_with_a_difference_exits_with_six(
    command: Command, service: FakeService, json_option: list[str]
) -> None:
    service.verification.equal = False
    service.verification.tables.add(table="sessions", recorded_rows=2, replayed_rows=1)
    difference = service.verification.difference
    difference.table, difference.date, difference.model, difference.column = "sessions", DATES[0], "gpt-5", "cost_usd"
    difference.recorded, difference.replayed = "0.25", "0.5"

    result = command("verify", JOB_ID, *json_option)

    assert result.exit_code == 6
    assert "0.25" in result.stdout
    assert "cost_usd" in result.stdout
