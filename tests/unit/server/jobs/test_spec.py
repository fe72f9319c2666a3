from decimal import Decimal

import pytest

from server.jobs.spec import JobSpec, ModelSpec, changed_facts


def model(**changed: object) -> ModelSpec:
    values = {
        "signature": "m",
        "basemodel": "rule/random",
        "parameters": {"seed": 7, "ratio": 0.5, "on": True, "s": "é"},
    }
    return ModelSpec(**{**values, "initial_cash": Decimal("10000.10"), **changed})  # type: ignore[arg-type]


@pytest.mark.parametrize("universe", [None, ("AAPL", "BRK.B")])
def test_spec_reads_back_as_it_was_written(universe: tuple[str, ...] | None) -> None:
    spec = JobSpec(models=(model(), model(signature="n", parameters={})), universe=universe, max_retries=2)

    assert JobSpec.from_json(spec.to_json()) == spec


def test_types_of_parameters_read_back() -> None:
    spec = JobSpec(models=(model(),), universe=None, max_retries=0)

    parameters = JobSpec.from_json(spec.to_json()).models[0].parameters

    assert [type(parameters[name]) for name in ("seed", "ratio", "on", "s")] == [int, float, bool, str]


def test_definition_does_not_depend_on_how_cash_is_written_or_parameters_are_ordered() -> None:
    one = model(initial_cash=Decimal("10000.0"), parameters={"a": 1, "b": 2})
    other = model(initial_cash=Decimal("1E+4"), parameters={"b": 2, "a": 1}, signature="other")

    assert one.definition == other.definition


def test_changed_facts_are_named() -> None:
    before = model().definition

    assert changed_facts(before, before) == ()
    assert changed_facts(before, model(initial_cash=Decimal(1)).definition) == ("initial_cash",)
    assert changed_facts(before, model(basemodel="x", parameters={}).definition) == ("basemodel", "parameters")
