"""Keys of a job's models, looked up when a session begins."""

import json
from pathlib import Path

from pydantic import SecretStr

from server.jobs.credentials import CredentialStore
from server.settings import Settings


def write(folder: Path, key: str) -> None:
    entry = {"signature": "m", "basemodel": "vendor/m", "openai_api_key": key}
    content = {"date_range": {"init_date": "2025-03-03"}, "models": [entry]}
    (folder / "a.json").write_text(json.dumps(content))


def test_key_follows_the_config_while_a_job_runs_and_that_of_the_settings_when_it_is_gone(tmp_path: Path) -> None:
    store = CredentialStore(Settings(configs=tmp_path, openai_api_key=SecretStr("sk-settings")))
    keys = []
    for key in ("sk-first", "sk-first", "sk-another-one"):
        write(tmp_path, key)
        keys.append(store.of_model("a.json", "m").api_key)
    (tmp_path / "a.json").unlink()

    assert keys == ["sk-first", "sk-first", "sk-another-one"]
    assert store.of_model("a.json", "m").api_key == "sk-settings"
    assert store.of_model("a.json", "n").api_key == "sk-settings"
    assert "sk-" not in repr(store.of_model("a.json", "m"))
