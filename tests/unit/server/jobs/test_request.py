"""Requests resolved with their configs."""

import json
from dataclasses import replace
from pathlib import Path

from server.agents.registry import TraderFactory
from server.jobs.credentials import CredentialStore
from server.jobs.request import ResolvedRequest, TriggerCommand, resolve
from server.settings import Settings

COMMAND = TriggerCommand(
    config_path="a.json", request_id=None, models=(), start_date=None, end_date=None, experiment=None
)


def resolved(folder: Path, command: TriggerCommand = COMMAND, **changed: object) -> ResolvedRequest:
    content = {
        "date_range": {"init_date": "2025-03-03"},
        "models": [{"signature": name, "basemodel": "rule/hold-cash"} for name in ("m", "n")],
        **changed,
    }
    (folder / "a.json").write_text(json.dumps(content))
    return resolve(command, folder, TraderFactory(folder), CredentialStore(Settings()))


def test_same_work_asked_for_in_another_way_has_the_same_digest(tmp_path: Path) -> None:
    plain = resolved(tmp_path)
    spelled_out = resolved(
        tmp_path,
        replace(
            COMMAND, config_path="configs/a.json", models=("n", "m"), start_date="2025-03-03", experiment="default"
        ),
        comment="a key that nobody knows",
    )

    assert spelled_out.digest == plain.digest


def test_other_work_has_another_digest(tmp_path: Path) -> None:
    plain = resolved(tmp_path)
    others = [
        resolved(tmp_path, replace(COMMAND, models=("m",))),
        resolved(tmp_path, replace(COMMAND, end_date="2025-03-04")),
        resolved(tmp_path, replace(COMMAND, experiment="another")),
        resolved(tmp_path, universe=["A"]),
        resolved(tmp_path, agent_config={"initial_cash": 5}),
    ]

    assert len({plain.digest, *(other.digest for other in others)}) == 6
