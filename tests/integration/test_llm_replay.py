"""Replay: a recorded job runs again without a vendor, and says what is not recorded."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from aitrader.v1 import job_pb2, simulation_pb2
from storage.prices import BarRow
from tests.integration.llm_record import FIRST, KEY, MODELS, SCRIPTS, llm_config, rows_of, settings_for
from tests.llm_server import Fault, FaultKind, LlmServer, share
from tests.service import BackgroundLoop, Service, start_service

#: answers that the agent sees or pays for, and failures that it never learns of
FAULTS = [
    Fault(FaultKind.SERVER_ERROR),
    Fault(FaultKind.HTML),
    Fault(FaultKind.EMPTY_CONTENT),
    Fault(FaultKind.CUT_CONTENT),
    Fault(FaultKind.UNKNOWN_TOOL),
    Fault(FaultKind.PARALLEL_CALLS),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A job that was recorded; its vendor is gone."""

    service: Service
    status: simulation_pb2.GetStatusResponse


@pytest.fixture(scope="module")
def recorded(loop: BackgroundLoop, real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """Record a job with faults in a tenth of its requests."""
    with LlmServer(SCRIPTS, key=KEY, faults=share(0.1, 7, FAULTS)) as vendor:
        service = start_service(loop, tmp_path_factory.mktemp("replay"), **settings_for(vendor))
        service.import_files(real_data / "merged.jsonl")
        status = service.run(llm_config())
    yield Recorded(service=service, status=status)
    service.close()


def errors(status: simulation_pb2.GetStatusResponse) -> set[str]:
    return {day.error for day in status.progress.details if day.error}


def test_second_experiment_without_the_vendor_has_equal_rows(recorded: Recorded) -> None:
    service = recorded.service

    replayed = service.run(llm_config("replay"))

    assert recorded.status.progress.completed == 30, errors(recorded.status)
    assert replayed.status == job_pb2.JOB_STATUS_COMPLETED, errors(replayed)
    assert rows_of(service, replayed.job_id) == rows_of(service, recorded.status.job_id)


def test_equal_answers_are_stored_once_and_no_key_is_in_any(recorded: Recorded) -> None:
    service = recorded.service
    texts = [zlib.decompress(content) for (content,) in service.rows("SELECT content FROM recorded_texts")]

    assert len(texts) == len(set(texts)) > 100
    assert not [text for text in texts if KEY.encode() in text]
    assert KEY not in str(service.contents())
    for path in service.settings.db.parent.glob("jobs.db*"):
        assert KEY.encode() not in path.read_bytes()


def test_model_that_was_not_recorded_is_named(recorded: Recorded) -> None:
    config = llm_config("replay", models=MODELS[:1], experiment="other-model")
    config["models"][0]["basemodel"] = "vendor/four"

    status = recorded.service.run(config, end_date=FIRST)

    (error,) = errors(status)
    assert error.startswith("not_recorded: ")
    assert "model was changed: recorded 'vendor/one', now 'vendor/four'" in error


def test_changed_prompt_is_named(recorded: Recorded) -> None:
    service = recorded.service
    template = "Today is ${date}. Buy low, sell high. ${finish_signal}"
    (service.configs / "other.md").write_text(template)
    config = llm_config("replay", models=MODELS[:1], experiment="other-prompt")
    config["agent_config"]["prompt"] = "other.md"

    (error,) = errors(service.run(config, end_date=FIRST))

    assert "prompt was changed" in error
    assert "now 'Today is 2025-10-01. Buy low" in error


def test_live_session_leaves_no_recording(recorded: Recorded) -> None:
    (count,) = recorded.service.rows("SELECT COUNT(*) FROM recordings")

    status = recorded.service.run(llm_config("live", models=MODELS[:1]), end_date=FIRST)

    assert status.status == job_pb2.JOB_STATUS_FAILED  # the vendor is gone
    assert recorded.service.rows("SELECT COUNT(*) FROM recordings") == [count]


def test_changed_price_is_named(recorded: Recorded) -> None:
    service = recorded.service
    row = "SELECT open, high, low, close, volume FROM price_bars WHERE symbol = 'AAPL' AND date = '2025-10-02'"
    ((open_, high, low, close, volume),) = service.rows(row)
    opens, closes = Decimal(str(open_)), Decimal(str(close))
    before = BarRow(
        symbol="AAPL",
        date="2025-10-02",
        open=opens,
        high=Decimal(str(high)),
        low=Decimal(str(low)),
        close=closes,
        volume=volume,
    )
    changed = BarRow(symbol="AAPL", date="2025-10-02", open=opens + 1, high=opens + 9, low=closes - 9, close=closes)

    service.import_market([changed])
    status = service.run(llm_config("replay", experiment="other-price"), end_date="2025-10-02")
    service.import_market([before])

    assert status.progress.completed == 3
    assert errors(status)
    for error in errors(status):
        assert f"recorded '- AAPL: {opens:f}" in error
        assert f"now '- AAPL: {opens + 1:f}" in error
