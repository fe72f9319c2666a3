import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from server.jobs.config import LoadedConfig, load_config, normalise_path, parse_date
from server.jobs.errors import InvalidRequestError

#: as files of earlier versions are
ANCESTORS = """
{
  "agent_type": "BaseAgent",
  "date_range": {"init_date": "2025-10-01", "end_date": "2025-10-21"},
  "models": [{"name": "gpt-5", "basemodel": "openai/gpt-5", "signature": "gpt-5", "enabled": true,
              "openai_base_url": "https://example.org/v1", "openai_api_key": "sk-secret"},
             {"name": "old", "basemodel": "openai/old", "signature": "old", "enabled": false}],
  "agent_config": {"max_steps": 30, "max_retries": 3, "base_delay": 1.0, "initial_cash": 10000.0},
  "log_config": {"log_path": "./data/agent_data"}
}
"""


def load(folder: Path, content: object, path: str = "config.json") -> LoadedConfig:
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "config.json").write_text(text, encoding="utf-8")
    return load_config(folder, path)


def minimal(**more: Any) -> dict[str, Any]:
    entry = {"basemodel": "rule/hold-cash", "signature": "m"}
    return {"date_range": {"init_date": "2025-10-01"}, "models": [entry], **more}


def test_file_of_an_earlier_version_loads_unchanged_and_without_a_warning(tmp_path: Path) -> None:
    loaded = load(tmp_path, ANCESTORS)

    config = loaded.config
    assert loaded.unknown_keys == ()
    assert (config.date_range.init_date, config.date_range.end_date) == ("2025-10-01", "2025-10-21")
    assert [(entry.signature, entry.enabled) for entry in config.models] == [("gpt-5", True), ("old", False)]
    agent = config.agent_config
    assert (agent.max_steps, agent.max_retries, agent.base_delay) == (30, 3, 1.0)
    assert agent.initial_cash == Decimal(10_000)
    assert (config.experiment, config.universe) == ("default", None)


def test_what_may_be_left_out_has_defaults(tmp_path: Path) -> None:
    config = load(tmp_path, minimal()).config

    assert config.date_range.end_date is None
    assert config.models[0].enabled
    assert config.agent_config.initial_cash == 10_000


def test_key_of_a_provider_is_not_shown(tmp_path: Path) -> None:
    assert "sk-secret" not in repr(load(tmp_path, ANCESTORS).config)


def test_cash_is_read_as_it_is_written(tmp_path: Path) -> None:
    text = json.dumps(minimal(agent_config={"initial_cash": 0})).replace('"initial_cash": 0', '"initial_cash": 0.1')

    assert load(tmp_path, text).config.agent_config.initial_cash == Decimal("0.1")


def test_unknown_keys_are_told_with_their_place(tmp_path: Path) -> None:
    content = minimal(extra=1, agent_config={"mood": 1}, log_config={"level": 1})
    content["date_range"]["zone"] = "NY"
    content["models"][0]["colour"] = "red"

    assert sorted(load(tmp_path, content).unknown_keys) == [
        "agent_config.mood",
        "date_range.zone",
        "extra",
        "log_config.level",
        "models[0].colour",
    ]


def test_universe_may_be_a_file_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "universe.json").write_text('["B"]')

    loaded = load(tmp_path, minimal(universe="universe.json"))

    assert loaded.config.universe == ["B"]


def test_parameters_keep_their_types(tmp_path: Path) -> None:
    given = {"text": "a", "whole": 3, "real": 0.5, "flag": True}
    content = minimal()
    content["models"][0]["parameters"] = given

    parameters = load(tmp_path, content).config.models[0].parameters

    assert parameters == given
    assert [type(value) for value in parameters.values()] == [str, int, float, bool]


def test_every_wrong_field_is_named_at_once(tmp_path: Path) -> None:
    content = minimal(experiment=7, agent_config={"max_steps": "x", "initial_cash": -1})
    content["date_range"]["end_date"] = "soon"

    with pytest.raises(InvalidRequestError) as caught:
        load(tmp_path, content)

    assert {violation.field for violation in caught.value.violations} == {
        "config.experiment",
        "config.agent_config.max_steps",
        "config.agent_config.initial_cash",
        "config.date_range.end_date",
    }


@pytest.mark.parametrize("path", ["a.json", "configs/a.json", "./a.json", "./configs/a.json"])
def test_old_prefix_of_a_path_does_not_count(path: str) -> None:
    assert normalise_path(path) == "a.json"


@pytest.mark.parametrize("text", ["2025-10-01", "0001-01-01", "9999-12-31", "2024-02-29"])
def test_date_is_returned_unchanged(text: str) -> None:
    assert parse_date(text) == text


@pytest.mark.parametrize("text", ["2025-02-29", "2025-10-1", "", "2025-10-01 ", "20251001", "x" * 100])
def test_text_that_is_no_date_is_refused_with_its_beginning(text: str) -> None:
    with pytest.raises(ValueError, match="is not a date such as 2025-10-01"):
        parse_date(text)
