import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from server.schedules.schedule import BackupSchedule, JobSchedule, ScheduleError, load_schedules
from server.settings import Settings
from tests.unit.wounds import wounded, wounded_json

CONFIG = {
    "date_range": {"init_date": "2025-10-01"},
    "models": [{"basemodel": "rule/hold-cash", "signature": "m"}],
}
NOW = datetime(2025, 10, 1, tzinfo=UTC)
CONFIGS = Path(__file__).parents[4] / "configs"


def backup(**keys: Any) -> dict[str, Any]:
    return {"name": "nightly", "kind": "backup", "cron": "0 3 * * *"} | keys


def job(**keys: Any) -> dict[str, Any]:
    return {"name": "daily", "kind": "job", "cron": "0 3 * * *", "config": "c.json"} | keys


def load(folder: Path, content: object) -> Any:
    (folder / "c.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    text = content if isinstance(content, str | bytes) else json.dumps(content)
    (folder / "s.json").write_bytes(text.encode() if isinstance(text, str) else text)
    return load_schedules(Settings(configs=folder, schedules="s.json"))


GOOD = {
    "schedules": [
        job(zone="UTC", experiment="e", enabled=True, catch_up=True, catch_up_hours=2.5),
        backup(folder="x", keep=7),
        {"name": "v", "kind": "vacuum", "cron": "0 3 * * *"},
        {"name": "p", "kind": "prices", "cron": "0 3 * * *", "symbols": ["A"], "calendar": "XNYS"},
        {"name": "c", "kind": "cleanup", "cron": "0 3 * * *", "older_than": "90d"},
    ]
}


def test_without_the_setting_there_are_none() -> None:
    assert load_schedules(Settings()) == ()


def test_example_is_in_order_and_off() -> None:
    found = load_schedules(Settings(configs=CONFIGS, schedules="schedules.json"))

    assert [one.kind for one in found] == ["prices", "job", "backup", "cleanup", "vacuum"]
    assert Settings().schedules is None


def test_keys_that_are_left_out_have_their_defaults(tmp_path: Path) -> None:
    daily, nightly = load(tmp_path, {"schedules": [job(), backup(zone="Europe/Berlin", catch_up=False, keep=2)]})

    assert isinstance(daily, JobSchedule)
    assert isinstance(nightly, BackupSchedule)
    assert (daily.zone, daily.enabled, daily.catch_up, daily.catch_up_hours, daily.experiment) == (
        "UTC",
        True,
        True,
        72,
        None,
    )
    assert (nightly.zone, nightly.catch_up, nightly.keep, nightly.folder) == ("Europe/Berlin", False, 2, None)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (backup(cron="0 3 * *"), "schedules[1].cron: '0 3 * *' is no cron expression of 5 fields"),
        (backup(cron="0 30 * * *"), "schedules[1].cron: '0 30 * * *' is no cron expression of 5 fields"),
        (backup(zone="Mars/Olympus"), "schedules[1].zone: 'Mars/Olympus' is no time zone"),
        (backup(name="a b"), "schedules[1].name: 'a b' is not 1 to 64 of"),
        (backup(name="daily"), "schedules[1].name: 'daily' is the name of schedules[0] as well"),
        (backup(keep=0), "schedules[1].keep: "),
        (backup(kept=3), "schedules[1].kept: "),
        (backup(catch_up_hours=0), "schedules[1].catch_up_hours: "),
        (backup(kind="cleanup", older_than="2025-01-01"), "schedules[1].older_than: "),
        (backup(kind="brew"), "schedules[1]: "),
        ({"kind": "backup"}, "schedules[1].name: Field required; schedules[1].cron: Field required"),
        (job(name="other", config="no.json"), "schedules[1].config: config_path: config 'no.json' was not found"),
        (job(name="other", config="s.json"), "schedules[1].config: config.date_range: Field required"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        load(tmp_path, {"schedules": [job(), wrong]})

    assert str(caught.value).startswith("schedules 's.json': ")
    assert told in str(caught.value)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schedule": []}', '{"schedules": {}}', "[" * 100_000])
def test_file_that_holds_no_schedules_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(ScheduleError, match=r"schedules 's.json'"):
        load(tmp_path, content)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(content=wounded_json(GOOD).map(str.encode) | wounded(json.dumps(GOOD).encode()) | st.binary(max_size=40))
@example(content=json.dumps({"schedules": [job(config="\ud800")]}).encode())
def test_whatever_the_file_holds_schedules_come_out_or_one_kind_of_error(tmp_path: Path, content: bytes) -> None:
    try:
        found = load(tmp_path, content)
    except ScheduleError as error:
        told = str(error)
    else:
        assert all(one.timing.next(NOW) for one in found)
        return

    assert told.startswith("schedules 's.json'")
    assert told.encode()


@pytest.mark.parametrize("path", ["no.json", "../s.json", ""])
def test_file_that_is_not_in_the_folder_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(ScheduleError, match="configs folder"):
        load_schedules(Settings(configs=tmp_path, schedules=path))
