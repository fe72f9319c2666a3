"""What every section of a config has in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section: its types are strict, and a key that nobody knows is kept, to be warned of."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)
