"""From a model's entry in the config to its trader: which kinds there are and how each is made."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from server.agents.buy_and_hold import BuyAndHold
from server.agents.equal_weight import EqualWeight
from server.agents.errors import UnknownKindError
from server.agents.hold_cash import HoldCash
from server.agents.mean_reversion import MeanReversion
from server.agents.momentum import Momentum
from server.agents.parameters import refuse_unknown
from server.agents.random_orders import RandomOrders
from server.agents.recording import RecordingFolder
from server.agents.replay import Replay
from server.engine.model_day import Parameter, Trader

#: makes the trader of a model (its signature) from the parameters in its entry
Create: TypeAlias = Callable[[str, Mapping[str, Parameter]], Trader]

REPLAY_PREFIX = "replay/"

#: how replay stands in the list of kinds
REPLAY_KIND = "replay/<path>"

RULES: Mapping[str, Create] = MappingProxyType(
    {
        "rule/buy-and-hold": BuyAndHold.create,
        "rule/equal-weight": EqualWeight.create,
        "rule/hold-cash": HoldCash.create,
        "rule/mean-reversion": MeanReversion.create,
        "rule/momentum": Momentum.create,
        "rule/random": RandomOrders.create,
    }
)

#: how agents stand in the list of kinds: an OpenAI-compatible endpoint, a native provider
LLM_KINDS = ("<provider>/<model>", "<provider>:<model>")

_LLM = re.compile(r"(?!rule/|replay/)[a-z0-9][a-z0-9_.-]*[/:]\S+", re.IGNORECASE)

#: traders kept; far more than a job has models, and small
MAX_TRADERS = 1000

#: model, basemodel, parameters by name with their types (1, 1.0 and True are equal, and not the same)
_Entry: TypeAlias = tuple[str, str, tuple[tuple[str, type, Parameter], ...]]


class TraderFactory:
    """Makes traders. The planner calls it to validate an entry, worker processes to run it.

    `extra` adds kinds, by their exact `basemodel`, and goes before ours.
    """

    def __init__(self, data_dir: Path, *, extra: Mapping[str, Create] | None = None) -> None:
        self._recordings = RecordingFolder(data_dir)
        self._creates: dict[str, Create] = {**RULES, **(extra or {})}
        self._traders: dict[_Entry, Trader] = {}

    @property
    def kinds(self) -> tuple[str, ...]:
        """Known values of `basemodel`, ascending."""
        return tuple(sorted([REPLAY_KIND, *LLM_KINDS, *self._creates]))

    def is_llm(self, basemodel: str) -> bool:
        """Tell whether a `basemodel` names an agent, which is made for each session, and not a trader of ours."""
        return basemodel not in self._creates and _LLM.fullmatch(basemodel) is not None

    def create(self, model: str, basemodel: str, parameters: Mapping[str, Parameter]) -> Trader:
        """Return the trader of a model: the same one for the same entry, as traders keep nothing from day to day.

        Raises:
            UnknownKindError: `basemodel` names no kind.
            ParameterError: a parameter is not known or has a wrong value.
            ReplayFileError: the recorded file cannot be used.
        """
        create = self._creates.get(basemodel)
        if create is None:
            return self._replay(basemodel, parameters)
        entry = model, basemodel, tuple((name, type(value), value) for name, value in sorted(parameters.items()))
        trader = self._traders.get(entry)
        if trader is None:
            if len(self._traders) >= MAX_TRADERS:
                self._traders.clear()
            trader = self._traders[entry] = create(model, parameters)
        return trader

    def _replay(self, basemodel: str, parameters: Mapping[str, Parameter]) -> Trader:
        """Make a replay anew each time: the recording is kept, and looked at for changes."""
        if not basemodel.startswith(REPLAY_PREFIX):
            raise UnknownKindError(basemodel, self.kinds)
        refuse_unknown(parameters, ())
        return Replay(recording=self._recordings.read(basemodel.removeprefix(REPLAY_PREFIX)))
