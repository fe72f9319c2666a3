"""Simulation configs: JSON files in the configs folder, in the format that earlier versions read.

`schema.py` says what a file holds, `file.py` reads one.
"""

from server.jobs.config.agent_config import McpServerEntry
from server.jobs.config.file import LoadedConfig, load_config, normalise_path
from server.jobs.config.prompt import COSTS_PROMPT, DEFAULT_PROMPT, load_prompt
from server.jobs.config.schema import BudgetConfig, CostsConfig, ModelEntry, SimulationConfig
from server.jobs.config.values import (
    MAX_INITIAL_CASH,
    CalendarName,
    Symbol,
    experiment_name,
    model_signature,
    parse_date,
)

__all__ = [
    "COSTS_PROMPT",
    "DEFAULT_PROMPT",
    "MAX_INITIAL_CASH",
    "BudgetConfig",
    "CalendarName",
    "CostsConfig",
    "LoadedConfig",
    "McpServerEntry",
    "ModelEntry",
    "SimulationConfig",
    "Symbol",
    "experiment_name",
    "load_config",
    "load_prompt",
    "model_signature",
    "normalise_path",
    "parse_date",
]
