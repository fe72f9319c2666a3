import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from server.agents import AgentError, ParameterError, ReplayFileError, TraderFactory, UnknownKindError
from server.agents.registry import MAX_TRADERS, RULES
from server.engine.model_day import Parameter, Trader
from tests.unit.server.engine.model_day_chain import Scripted


def test_kinds_are_listed_ascending(tmp_path: Path) -> None:
    assert TraderFactory(tmp_path).kinds == (
        "<provider>/<model>",
        "<provider>:<model>",
        "replay/<path>",
        "rule/buy-and-hold",
        "rule/equal-weight",
        "rule/hold-cash",
        "rule/mean-reversion",
        "rule/momentum",
        "rule/random",
    )


@pytest.mark.parametrize("basemodel", ["openai/gpt-5", "", "rule/", "rule/momentum ", "RULE/MOMENTUM", "replay"])
def test_unknown_kind_is_refused_with_the_known_ones(tmp_path: Path, basemodel: str) -> None:
    with pytest.raises(UnknownKindError) as caught:
        TraderFactory(tmp_path).create("m", basemodel, {})

    assert str(caught.value) == (
        f"basemodel '{basemodel}' is not a known kind; known kinds: <provider>/<model>, <provider>:<model>, "
        "replay/<path>, rule/buy-and-hold, rule/equal-weight, rule/hold-cash, rule/mean-reversion, rule/momentum, "
        "rule/random"
    )


@pytest.mark.parametrize("basemodel", ["openai/gpt-5", "anthropic/claude-3.7-sonnet", "google:gemini", "a/b/c:free"])
def test_agents_are_known_by_their_provider(tmp_path: Path, basemodel: str) -> None:
    assert TraderFactory(tmp_path).is_llm(basemodel)


@pytest.mark.parametrize(
    "basemodel", ["rule/none", "RULE/x", "replay/a.jsonl", "gpt-5", "openai/", "/gpt", "a b/c", ""]
)
def test_other_names_are_no_agents(tmp_path: Path, basemodel: str) -> None:
    assert not TraderFactory(tmp_path).is_llm(basemodel)


@pytest.mark.parametrize("basemodel", RULES)
def test_every_rule_has_defaults_and_refuses_what_it_does_not_know(tmp_path: Path, basemodel: str) -> None:
    factory = TraderFactory(tmp_path)

    factory.create("m", basemodel, {})

    with pytest.raises(ParameterError, match="parameter 'colour' is not known"):
        factory.create("m", basemodel, {"colour": "red"})


def test_same_entry_gives_the_same_trader_and_another_entry_another(tmp_path: Path) -> None:
    factory = TraderFactory(tmp_path)

    first = factory.create("m", "rule/random", {"seed": 1, "orders_per_day": 2})

    assert factory.create("m", "rule/random", {"orders_per_day": 2, "seed": 1}) is first
    assert factory.create("n", "rule/random", {"seed": 1, "orders_per_day": 2}) is not first


def test_value_that_equals_one_of_another_type_is_still_checked(tmp_path: Path) -> None:
    factory = TraderFactory(tmp_path)
    factory.create("m", "rule/momentum", {"top": 1})

    with pytest.raises(ParameterError, match="parameter 'top' was True"):
        factory.create("m", "rule/momentum", {"top": True})


def test_traders_kept_are_bounded(tmp_path: Path) -> None:
    factory = TraderFactory(tmp_path)

    for seed in range(MAX_TRADERS + 10):
        factory.create("m", "rule/random", {"seed": seed})

    assert len(factory._traders) <= MAX_TRADERS


def test_replay_takes_the_rest_of_the_name_as_path(tmp_path: Path) -> None:
    record = {"date": "2025-10-02", "this_action": {"action": "buy", "symbol": "AAPL", "amount": 1}}
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "p.jsonl").write_text(json.dumps(record))

    trader = TraderFactory(tmp_path).create("m", "replay/a/p.jsonl", {})

    assert type(trader).__name__ == "Replay"


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "missing"])
def test_replay_of_a_bad_path_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(ReplayFileError):
        TraderFactory(tmp_path).create("m", f"replay/{path}", {})


def test_replay_takes_no_parameters(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="parameter 'seed' is not known; known parameters: none"):
        TraderFactory(tmp_path).create("m", "replay/p", {"seed": 1})


def test_further_kinds_can_be_added(tmp_path: Path) -> None:
    made: list[tuple[str, Mapping[str, Parameter]]] = []

    def create(model: str, parameters: Mapping[str, Parameter]) -> Trader:
        made.append((model, parameters))
        return Scripted(script=lambda session: None)

    factory = TraderFactory(tmp_path, extra={"test/fails": create})
    factory.create("m", "test/fails", {"x": 1})

    assert made == [("m", {"x": 1})]
    assert "test/fails" in factory.kinds


@pytest.mark.parametrize("error", [UnknownKindError, ParameterError, ReplayFileError])
def test_errors_have_one_root(error: type[Exception]) -> None:
    assert issubclass(error, AgentError)
    assert issubclass(AgentError, ValueError)


def test_readme_lists_every_kind_parameter_default_and_bound() -> None:
    readme = (Path(__file__).resolve().parents[4] / "server" / "agents" / "README.md").read_text()
    rows = [[cell.strip(" `") for cell in row.split("|")[1:-1]] for row in readme.splitlines() if row.startswith("|")]

    documented: dict[str, dict[str, tuple[str, str]]] = {}
    name = ""
    for kind, parameter, default, bounds, _ in rows[2:]:
        name = kind or name
        documented.setdefault(name, {}).update({parameter: (default, bounds)} if parameter else {})

    documented.pop("replay/<path>")
    assert documented == {kind: _declared(create.__self__.PARAMETERS) for kind, create in RULES.items()}  # type: ignore[attr-defined]


def _declared(parameters: tuple[object, ...]) -> dict[str, tuple[str, str]]:
    special = {"symbols": ("all with an open", "'AAPL,MSFT'"), "seed": ("0", "0 to 2^53")}
    return {
        each.name: special.get(each.name) or (f"{each.default}", f"{each.lowest} to {each.highest}")  # type: ignore[attr-defined]
        for each in parameters
    }
