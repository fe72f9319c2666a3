"""The template of the prompt of agents, which `agent_config` names."""

from pathlib import Path

from server.folder import FolderError, locate
from server.jobs.errors import InvalidRequestError

#: the template of the prompt of agents, in the configs folder
DEFAULT_PROMPT = "prompts/trader-v1.md"

#: the same where trading costs something, which the other denies
COSTS_PROMPT = "prompts/trader-v2.md"

#: where the default template is: beside the package where it was installed, in the repository otherwise
SHIPPED_CONFIGS = (Path(__file__).parents[2] / "configs", Path(__file__).parents[3] / "configs")


def load_prompt(folder: Path, path: str) -> str:
    """Read the template of a prompt in the configs folder; the default ones are there even where the folder has none.

    Raises:
        InvalidRequestError: the path leaves the folder or is no file of text.
    """
    if path in {DEFAULT_PROMPT, COSTS_PROMPT} and not (folder / path).exists():
        folder = next(shipped for shipped in SHIPPED_CONFIGS if (shipped / path).exists())
    try:
        return locate(folder, path, "configs folder").read_text(encoding="utf-8")
    except (FolderError, OSError, UnicodeDecodeError) as error:
        reason = error if isinstance(error, FolderError) else "could not be read as text"
        raise InvalidRequestError.of("config.agent_config.prompt", f"file '{path[:200]}' {reason}") from None
