"""VerifyJob: a job run again from its record gives its rows again, or the place where it does not."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import grpc
import pytest
from click.testing import CliRunner

from aitrader.v1 import job_pb2, simulation_pb2
from aitrader.v1.control_pb2 import RetryJobRequest
from client.cli import main
from storage.prices import BarRow
from tests.integration.llm_record import KEY, MODELS, SCRIPTS, llm_config, settings_for
from tests.llm_server import Fault, FaultKind, LlmServer, share
from tests.service import DATES, DEADLINE, BackgroundLoop, Service, bar, config, model, refusal, scripted, start_service

FAULTS = [Fault(FaultKind.SERVER_ERROR), Fault(FaultKind.EMPTY_CONTENT), Fault(FaultKind.UNKNOWN_TOOL)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A job of agents that was recorded; its vendor is gone."""

    service: Service
    job_id: str


@pytest.fixture(scope="module")
def recorded(loop: BackgroundLoop, real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """Record two jobs of one experiment, the second going on from the first, and give the second."""
    with LlmServer(SCRIPTS, key=KEY, faults=share(0.1, 7, FAULTS)) as vendor:
        service = start_service(loop, tmp_path_factory.mktemp("verify"), **settings_for(vendor))
        service.import_files(real_data / "merged.jsonl")
        assert service.run(llm_config(), end_date="2025-10-03").progress.completed == 9
        status = service.run(llm_config())
    assert status.progress.completed == 21, [day.error for day in status.progress.details if day.error]
    yield Recorded(service=service, job_id=status.job_id)
    service.close()


def verify(service: Service, job_id: str) -> simulation_pb2.VerifyJobResponse:
    return service.stub.VerifyJob(simulation_pb2.VerifyJobRequest(job_id=job_id), timeout=DEADLINE)


def place(response: simulation_pb2.VerifyJobResponse) -> tuple[str, str, str, str, str]:
    found = response.difference
    return found.table, found.date, found.model, found.row, found.column


@pytest.fixture
def tamper(recorded: Recorded) -> Iterator[Callable[..., None]]:
    """Change one value of the recorded job, and put it back afterwards."""
    undo: list[Callable[[], Any]] = []
    db = recorded.service.db

    def change(table: str, column: str, value: object, where: str) -> None:
        ((row, before),) = db.execute_sql(
            f"SELECT id, {column} FROM {table} WHERE job_id = ? AND {where}", (recorded.job_id,)
        )
        update = f"UPDATE {table} SET {column} = ? WHERE id = ?"
        undo.append(lambda: db.execute_sql(update, (before, row)))
        db.execute_sql(update, (value, row))

    yield change
    for step in undo:
        step()


def test_job_of_agents_is_equal_without_its_vendor(recorded: Recorded) -> None:
    response = verify(recorded.service, recorded.job_id)

    assert response.equal, response.difference
    assert not response.HasField("difference")
    assert response.model_days == 21
    rows = {table.table: (table.recorded_rows, table.replayed_rows) for table in response.tables}
    assert rows["trading_days"] == rows["sessions"] == (21, 21)
    assert all(table.equal and table.recorded_rows == table.replayed_rows for table in response.tables)
    assert rows["reasoning_logs"][0] > 100


def test_nothing_of_the_job_changes_and_nothing_is_left_behind(recorded: Recorded) -> None:
    before = recorded.service.contents()

    verify(recorded.service, recorded.job_id)

    assert recorded.service.contents() == before


@pytest.mark.parametrize(
    ("table", "column", "value", "where", "row"),
    [
        ("positions", "price", 1.5, "date = '2025-10-07' AND model = 'two' AND action_id = 1", "1"),
        ("positions", "amount", 77, "date = '2025-10-07' AND model = 'two' AND action_id = 1", "1"),
        ("reasoning_logs", "content", "Nothing.", "date = '2025-10-08' AND model = 'one' AND step_number = 1", "1"),
        ("sessions", "cost_usd", "0.01", "date = '2025-10-09' AND model = 'three'", ""),
    ],
)
def test_tampered_value_is_found_in_its_place(
    recorded: Recorded, tamper: Callable[..., None], table: str, column: str, value: object, where: str, row: str
) -> None:
    tamper(table, column, value, where)

    response = verify(recorded.service, recorded.job_id)

    assert not response.equal
    assert place(response)[0] == table
    assert place(response)[1] in where
    assert place(response)[2] in where
    assert place(response)[3:] == (row, column)
    assert response.difference.recorded == str(value)
    assert response.difference.replayed not in ("", str(value))
    assert [compared.table for compared in response.tables if not compared.equal] == [table]


def test_row_that_is_missing_is_found(recorded: Recorded) -> None:
    db = recorded.service.db
    key = "job_id = ? AND date = '2025-10-10' AND model = 'one' AND tool_name = 'buy'"
    values = list(db.execute_sql(f"SELECT * FROM tool_usage WHERE {key}", (recorded.job_id,)))
    db.execute_sql(f"DELETE FROM tool_usage WHERE {key}", (recorded.job_id,))

    response = verify(recorded.service, recorded.job_id)
    for row in values:
        db.execute_sql(f"INSERT INTO tool_usage VALUES ({', '.join('?' * len(row))})", row)

    assert place(response) == ("tool_usage", "2025-10-10", "one", "buy", "row")
    assert response.difference.recorded == ""


def test_price_that_changed_is_named(recorded: Recorded) -> None:
    service = recorded.service
    row = "SELECT open, high, low, close, volume FROM price_bars WHERE symbol = 'AAPL' AND date = '2025-10-08'"
    ((*prices, volume),) = service.rows(row)
    opens, high, low, close = (Decimal(str(price)) for price in prices)
    same = {"symbol": "AAPL", "date": "2025-10-08", "high": high + 9, "low": low - 9, "close": close}

    service.import_market([BarRow(**same, open=opens + 1, volume=volume)])
    response = verify(service, recorded.job_id)
    service.import_market([BarRow(**{**same, "high": high, "low": low}, open=opens, volume=volume)])

    assert place(response)[:2] == ("job_details", "2025-10-08")
    assert response.difference.replayed.startswith("not_recorded: ")
    assert f"recorded '- AAPL: {opens:f}" in response.difference.replayed
    assert f"now '- AAPL: {opens + 1:f}" in response.difference.replayed
    assert verify(service, recorded.job_id).equal


def test_command_says_equal_and_exits_with_zero_or_different_and_exits_with_six(
    recorded: Recorded, tamper: Callable[..., None]
) -> None:
    command = ["--server", f"127.0.0.1:{recorded.service.port}", "verify", recorded.job_id]

    equal = CliRunner().invoke(main, command)
    tamper("sessions", "summary", "I sold nothing.", "date = '2025-10-07' AND model = 'one'")
    different = CliRunner().invoke(main, command)

    assert equal.exit_code == 0, equal.output
    assert f"job {recorded.job_id}: equal" in equal.output
    assert different.exit_code == 6
    assert "first difference: 2025-10-07 one, sessions, summary" in different.output
    assert "recorded: I sold nothing." in different.output


def test_job_that_was_not_recorded_is_refused_with_its_model_days(loop: BackgroundLoop, tmp_path: Path) -> None:
    with LlmServer(SCRIPTS, key=KEY) as vendor:
        service = start_service(loop, tmp_path, **settings_for(vendor))
        dates = {"init_date": DATES[0], "end_date": DATES[1]}
        status = service.run(llm_config("live", models=MODELS[:1], date_range=dates))
        refused = refusal(service.stub.VerifyJob, simulation_pb2.VerifyJobRequest(job_id=status.job_id))
        service.close()

    assert status.status == job_pb2.JOB_STATUS_COMPLETED
    assert refused.reason == "NOT_REPLAYABLE"
    assert refused.info.metadata["model_days"] == f"one on {DATES[0]}, one on {DATES[1]}"


def test_job_of_rules_is_run_again(service: Service, experiment: str) -> None:
    models = [model("random", "rule/random", seed=3), model("hold", "rule/buy-and-hold")]
    status = service.run(config(*models, experiment=experiment))

    response = verify(service, status.job_id)

    assert response.equal, response.difference
    assert response.model_days == 2 * len(DATES)


def test_failed_model_days_are_left_out(service: Service, experiment: str) -> None:
    broken = scripted("broken", {DATES[0]: [("buy", "UP", 3)], DATES[2]: [("sell", "UP", 1)]}, raise_on=DATES[1])
    status = service.run(config(broken, experiment=experiment))
    failed = [day.date for day in status.progress.details if day.status == job_pb2.MODEL_DAY_STATUS_FAILED]

    response = verify(service, status.job_id)

    assert failed == [DATES[1]]
    assert response.equal, response.difference
    assert response.model_days == len(DATES) - 1


def test_rule_that_sees_a_changed_price_differs(service: Service, experiment: str) -> None:
    status = service.run(config(model("hold", "rule/buy-and-hold"), experiment=experiment))

    service.import_market([bar("FLAT", DATES[3], 100, 101)])
    response = verify(service, status.job_id)
    service.import_market([bar("FLAT", DATES[3], 100, 100)])

    assert place(response) == ("trading_days", DATES[3], "hold", "", "portfolio_value")


def test_job_of_which_another_one_replaced_days_is_refused_and_that_one_is_equal(
    service: Service, experiment: str
) -> None:
    path = service.write_config(config(model("random", "rule/random", seed=3), experiment=experiment))
    old = service.run(path).job_id
    new = service.run(path, start_date=DATES[3], replace_existing=True).job_id

    refused = refusal(service.stub.VerifyJob, simulation_pb2.VerifyJobRequest(job_id=old))

    assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "JOB_STATE")
    assert "another job has replaced days of it" in refused.message
    assert dict(refused.info.metadata) == {"job_id": old, "status": "completed"}
    assert verify(service, new).equal


def test_job_that_replaced_days_of_its_own_when_it_was_retried_is_equal(
    service: Service, experiment: str, tmp_path: Path
) -> None:
    orders = {date: [("buy", "UP", 1)] for date in DATES}
    failing = scripted("m", orders, raise_on=DATES[1], raise_once=str(tmp_path / "raised"))
    job_id = service.run(config(failing, experiment=experiment)).job_id
    service.stub.RetryJob(RetryJobRequest(job_id=job_id), timeout=DEADLINE)
    assert service.ended(job_id).progress.completed == len(DATES)

    response = verify(service, job_id)

    assert response.equal, response.difference
    assert response.model_days == len(DATES)


def test_job_that_has_not_ended_is_refused(service: Service, experiment: str, tmp_path: Path) -> None:
    go = tmp_path / "go"
    slow = scripted("slow", wait_on=DATES[0], wait_for=str(go))
    job_id = service.trigger(config(slow, experiment=experiment)).job_id

    refused = refusal(service.stub.VerifyJob, simulation_pb2.VerifyJobRequest(job_id=job_id))
    go.touch()
    service.ended(job_id)

    assert refused.reason == "JOB_STATE"
    assert refused.info.metadata["status"] in ("pending", "running")
    assert verify(service, job_id).equal


def test_unknown_job_and_empty_id_are_refused(service: Service) -> None:
    unknown = refusal(service.stub.VerifyJob, simulation_pb2.VerifyJobRequest(job_id="none"))
    empty = refusal(service.stub.VerifyJob, simulation_pb2.VerifyJobRequest())

    assert (unknown.reason, empty.reason) == ("JOB_NOT_FOUND", "INVALID_ARGUMENT")
