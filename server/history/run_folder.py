"""Folders of recorded runs, laid out as earlier versions wrote them.

`agent_data/<model>/position/position.jsonl` is what a model did, `agent_data/<model>/log/<date>/log.jsonl` what it
said.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from server.agents.errors import quoted
from server.history.errors import RunFolderError
from server.jobs.config import model_signature

#: the folder that holds the models, itself or in the folder that is named
AGENT_DATA = "agent_data"

POSITIONS = Path("position") / "position.jsonl"


@dataclass(frozen=True, kw_only=True)
class RecordedRun:
    """The files of one model; `root` holds the folder of all models, and files are shown from there."""

    root: Path
    folder: Path

    @property
    def model(self) -> str:
        """Name of the folder: the model's signature."""
        return self.folder.name

    @cached_property
    def positions(self) -> Path:
        """The position file."""
        return self.folder / POSITIONS

    @cached_property
    def basemodel(self) -> str:
        """The kind of trader that does the same again where `root` is the data folder."""
        return f"replay/{self.shown(self.positions)}"

    def log(self, date: str) -> Path:
        """Return where the log of a date is, if there is one."""
        return self.folder / "log" / date / "log.jsonl"

    @cached_property
    def logged_dates(self) -> frozenset[str]:
        """The dates with a log."""
        return frozenset(path.parent.name for path in self.folder.glob("log/*/log.jsonl"))

    def shown(self, path: Path) -> str:
        """Return how errors name one of the files."""
        return path.relative_to(self.root).as_posix()


def find_runs(folder: Path, models: Sequence[str] = ()) -> list[RecordedRun]:
    """Return the runs in a folder, or in its folder `agent_data`, by model; all where none is named.

    Raises:
        RunFolderError: there is none, not one of a model that is named, or its name is no signature.
    """
    nested = folder / AGENT_DATA
    place = (nested if nested.is_dir() else folder).absolute()
    found = {path.parents[1].name: path.parents[1] for path in sorted(place.glob(f"*/{POSITIONS.as_posix()}"))}
    if not found:
        raise RunFolderError(f"folder '{folder}' holds no <model>/{POSITIONS.as_posix()}")
    unknown = [model for model in models if model not in found]
    if unknown:
        raise RunFolderError(f"model {quoted(unknown[0])} was not found in '{folder}'; its models: {', '.join(found)}")
    wanted = [found[model] for model in found if not models or model in models]
    return [_run(place.parent, path) for path in wanted]


def _run(root: Path, folder: Path) -> RecordedRun:
    try:
        model_signature(folder.name)
        folder.name.encode()
    except ValueError as error:
        raise RunFolderError(f"folder {quoted(folder.name)} does not name a model: {error}") from None
    return RecordedRun(root=root, folder=folder)
