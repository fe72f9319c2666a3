"""Budgets: what sessions may still use up, worked out before each of them begins."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.engine.llm import LlmSpec
from server.jobs.budget import Budget, BudgetSpentError
from server.jobs.spec import BudgetSpec, JobSpec, Limits
from storage.session_record import SessionRows, UsageRecord
from storage.sessions import Spent

LLM = LlmSpec(basemodel="vendor/m", prompt="p")


def session(tokens: int, cost: Decimal | None = Decimal(0)) -> SessionRows:
    usage = replace(UsageRecord(), input_tokens=tokens)
    return SessionRows(prompt_digest="p" * 64, stop_reason=None, usage=usage, cost_usd=cost, summary="")


def of_job(max_tokens: int | None = None, max_usd: Decimal | None = None) -> BudgetSpec:
    return BudgetSpec(job=Limits(max_tokens=max_tokens, max_usd=max_usd))


def of_model(max_tokens: int | None = None, max_usd: Decimal | None = None) -> BudgetSpec:
    return BudgetSpec(model=Limits(max_tokens=max_tokens, max_usd=max_usd))


def test_without_limits_a_session_keeps_its_own() -> None:
    budget = Budget(BudgetSpec(), {"m": Spent(input_tokens=10**9, unpriced=1)})

    assert budget.allow("m", LLM) == LLM
    assert budget.allow("m", replace(LLM, max_tokens=5, max_usd=Decimal(1))).max_tokens == 5


def test_a_model_has_what_its_earlier_sessions_left() -> None:
    budget = Budget(of_model(max_tokens=100, max_usd=Decimal(2)), {"m": Spent(input_tokens=50, output_tokens=20)})

    assert budget.allow("m", LLM).max_tokens == 30
    budget.book("m", session(10, Decimal("1.5")))
    allowed = budget.allow("m", replace(LLM, max_tokens=15))

    assert (allowed.max_tokens, allowed.max_usd) == (15, Decimal("0.5"))
    assert budget.allow("n", LLM).max_tokens == 100


def test_sessions_of_a_date_share_what_the_job_has_left() -> None:
    budget = Budget(of_job(max_tokens=90), {})
    budget.open_date(["a", "b", "c"])

    first = [budget.allow(model, LLM).max_tokens for model in ("a", "b")]
    budget.book("a", session(10))

    assert first == [30, 30]
    assert budget.allow("c", LLM).max_tokens == 50


def test_what_a_session_does_not_ask_for_is_left_to_the_others() -> None:
    budget = Budget(of_job(max_tokens=90), {})
    budget.open_date(["a", "b"])

    assert budget.allow("a", replace(LLM, max_tokens=10)).max_tokens == 10
    assert budget.allow("b", LLM).max_tokens == 80


def test_refusal_says_whose_limit_is_used_up() -> None:
    with pytest.raises(BudgetSpentError, match=r"^budget: model 'm' has used up its max_tokens of 5, with 7$"):
        Budget(of_model(max_tokens=5), {"m": Spent(input_tokens=7)}).allow("m", LLM)
    with pytest.raises(BudgetSpentError, match=r"^budget: the job has used up its max_usd of 0.5, with 0.50$"):
        Budget(of_job(max_usd=Decimal("0.5")), {"n": Spent(cost_usd=Decimal("0.50"))}).allow("m", LLM)


def test_a_session_that_is_refused_holds_nothing_back_from_others() -> None:
    spec = BudgetSpec(job=Limits(max_tokens=100), model=Limits(max_usd=Decimal(1)))
    budget = Budget(spec, {"m": Spent(cost_usd=Decimal(1))})

    with pytest.raises(BudgetSpentError):
        budget.allow("m", LLM)

    assert budget.allow("n", LLM).max_tokens == 100


def test_unknown_cost_uses_up_any_limit_in_dollars_and_none_in_tokens() -> None:
    budget = Budget(of_job(max_tokens=100, max_usd=Decimal(1000)), {})
    budget.book("m", session(1, None))

    with pytest.raises(BudgetSpentError, match="with an unknown amount"):
        budget.allow("n", LLM)
    assert Budget(of_job(max_tokens=100), {"m": Spent(unpriced=3)}).allow("m", LLM).max_tokens == 100


@given(
    limit=st.integers(1, 1000),
    before=st.integers(0, 200),
    dates=st.lists(st.lists(st.tuples(st.integers(0, 2000), st.integers(1, 50)), max_size=6), max_size=6),
)
def test_a_job_exceeds_its_limit_by_no_more_than_a_request_of_each_session(
    limit: int, before: int, dates: list[list[tuple[int, int]]]
) -> None:
    """Each session wants some tokens, takes requests of equal size, and stops as agents do."""
    budget = Budget(of_job(max_tokens=limit), {"m0": Spent(input_tokens=before)})
    used, ends = before, before
    for wants in dates:
        names = [f"m{i}" for i in range(len(wants))]
        budget.open_date(names)
        took = {}
        for name, (wanted, size) in zip(names, wants, strict=True):
            try:
                allowed = budget.allow(name, LLM).max_tokens or 0
            except BudgetSpentError:
                assert used >= limit
                continue
            took[name] = min(-(-min(allowed, wanted) // size) * size, -(-wanted // size) * size)
        for name, tokens in took.items():
            budget.book(name, session(tokens))
            used += tokens
        if took:
            ends = limit + sum(size for _, size in wants)
        assert used <= max(ends, before)


def test_budget_reads_back_with_the_spec_and_earlier_specs_have_none() -> None:
    spec = JobSpec(models=(), universe=None, max_retries=0, budget=of_job(5, Decimal("0.10")))

    assert JobSpec.from_json(spec.to_json()) == spec
    assert JobSpec.from_json('{"models": [], "universe": null, "max_retries": 0}').budget == BudgetSpec()
