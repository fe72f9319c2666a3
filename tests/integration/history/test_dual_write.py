"""Files of earlier versions written as model-days commit, and repaired when the service starts."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aitrader.v1 import simulation_pb2
from tests.service import Service, config, refusal, scripted, wait_until

ORDERS = {"2025-03-03": [("buy", "UP", 10)], "2025-03-05": [("sell", "UP", 4)]}


def writing(**more: Any) -> dict[str, Any]:
    """Return a config that asks for the files."""
    return config(
        scripted("m", ORDERS), cash=1000.0, log_config={"log_path": "./data/agent_data", "write": True}, **more
    )


def file_of(service: Service, folder: str = "agent_data") -> Path:
    return service.data / folder / "m" / "position" / "position.jsonl"


def dates(path: Path) -> list[str]:
    return re.findall('^{"date": "([0-9-]+)"', path.read_text(), re.MULTILINE) if path.exists() else []


def wait_for(path: Path, last: str) -> bytes:
    wait_until(lambda: dates(path)[-1:] == [last], f"{path} up to {last}")
    return path.read_bytes()


def exported(service: Service, tmp_path: Path, experiment: str = "default") -> bytes:
    """Return what the export writes."""
    from server.history.export import ExportFormat, export

    export(service.db, tmp_path / "out", ExportFormat.JSONL, experiment)
    return (tmp_path / "out/agent_data/m/position/position.jsonl").read_bytes()


def test_files_follow_the_job_and_are_those_of_the_export(new_service: Callable[..., Service], tmp_path: Path) -> None:
    service = new_service()

    service.run(writing())

    assert wait_for(file_of(service), "2025-03-14") == exported(service, tmp_path)
    assert len(dates(file_of(service))) == 11


def test_nothing_is_written_unless_asked(new_service: Callable[..., Service]) -> None:
    service = new_service()

    service.run(config(scripted("m"), log_config={"log_path": "./data/agent_data"}))
    service.stop()

    assert list(service.data.rglob("*")) == []


def test_what_is_missing_is_made_up_for_at_the_next_start(new_service: Callable[..., Service]) -> None:
    service = new_service()
    service.run(writing())
    whole = wait_for(file_of(service), "2025-03-14")
    service.stop()
    file_of(service).write_bytes(whole[: len(whole) // 2])

    service.start()

    wait_until(lambda: file_of(service).read_bytes() == whole, "the repair")


def test_later_job_is_appended(new_service: Callable[..., Service], tmp_path: Path) -> None:
    service = new_service()
    service.run(writing(end="2025-03-05"))
    begun = wait_for(file_of(service), "2025-03-05")

    service.run(writing())

    whole = wait_for(file_of(service), "2025-03-14")
    assert whole.startswith(begun)
    assert whole == exported(service, tmp_path)


def test_replaced_days_are_derived_anew(new_service: Callable[..., Service], tmp_path: Path) -> None:
    service = new_service()
    service.run(writing())
    wait_for(file_of(service), "2025-03-14")

    service.run(writing(), start_date="2025-03-06", replace_existing=True)
    service.stop()

    assert file_of(service).read_bytes() == exported(service, tmp_path)


def test_experiments_have_folders_of_their_own(new_service: Callable[..., Service], tmp_path: Path) -> None:
    service = new_service()

    service.run(writing(experiment="second"))

    assert wait_for(file_of(service, "agent_data-second"), "2025-03-14") == exported(service, tmp_path, "second")


def test_file_of_another_run_is_left_alone(new_service: Callable[..., Service]) -> None:
    service = new_service()
    file_of(service).parent.mkdir(parents=True)
    file_of(service).write_text('{"date": "2025-01-01"}\n')

    service.run(writing())
    service.stop()

    assert file_of(service).read_text() == '{"date": "2025-01-01"}\n'


def test_link_that_leads_out_of_the_data_folder_is_not_followed(
    new_service: Callable[..., Service], tmp_path: Path
) -> None:
    service = new_service()
    (tmp_path / "outside").mkdir()
    (service.data / "agent_data").symlink_to(tmp_path / "outside")

    service.run(writing())
    service.stop()

    assert list((tmp_path / "outside").iterdir()) == []


@pytest.mark.parametrize("path", ["/etc", "../x", "data/../../x", "./data/", "a\n"])
def test_path_that_leaves_the_data_folder_is_refused(new_service: Callable[..., Service], path: str) -> None:
    service = new_service()
    name = service.write_config(config(scripted("m"), log_config={"log_path": path, "write": True}))

    refused = refusal(service.stub.Trigger, simulation_pb2.TriggerRequest(config_path=name))

    assert list(refused.violations) == ["config.log_config.log_path"]
