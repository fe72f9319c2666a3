"""`rule/hold-cash`: the zero line that other models are measured against."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from server.agents.parameters import Named, refuse_unknown
from server.engine.model_day import ModelDaySession, Parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldCash:
    """Does nothing."""

    PARAMETERS: ClassVar[tuple[Named, ...]] = ()

    @classmethod
    def create(cls, model: str, parameters: Mapping[str, Parameter]) -> Self:
        """Make the trader of a model's entry in the config."""
        refuse_unknown(parameters, cls.PARAMETERS)
        return cls()

    def trade(self, session: ModelDaySession) -> None:
        """Keep everything as it is."""
