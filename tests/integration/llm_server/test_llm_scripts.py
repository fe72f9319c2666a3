"""The ready scripts: the trader trades the same whatever goes wrong."""

from collections import Counter
from collections.abc import Iterator

import pytest

from tests import llm_server
from tests.integration.llm_server.conversation import DATE, Session, body
from tests.llm_server import (
    FINISH_SIGNAL,
    ChatRequest,
    Fault,
    FaultKind,
    Faults,
    LlmServer,
    ToolCall,
    finish_at_once,
    looping,
    probing,
    trading_script,
)

REPEATED = [kind for kind in FaultKind if kind is not FaultKind.TIMEOUT]
HOLDING = '{"AAPL": 5, "MSFT": 2, "NVDA": 4, "AMZN": 1, "GOOGL": 0, "META": 3, "CASH": 100.5}'


def alternating() -> Faults:
    """Each second request of a model that is named after a fault has it, from the first one on."""
    asked: Counter[str] = Counter()

    def choose(_number: int, request: ChatRequest) -> Fault | None:
        asked[request.model] += 1
        return Fault(FaultKind(request.model)) if request.model in REPEATED and asked[request.model] % 2 else None

    return choose


@pytest.fixture(scope="module")
def server() -> Iterator[LlmServer]:
    scripts = {"*": trading_script(3), "tool": trading_script(3, finish="tool"), "signal": trading_script(4)}
    with LlmServer(scripts, faults=alternating()) as running:
        yield running


def test_trader_looks_at_positions_and_prices_then_trades_and_ends(server: LlmServer) -> None:
    session = Session(server, "plain", positions=HOLDING)

    names = [name for name, _ in session.finish()]

    assert names[:4] == ["get_positions", *["get_price_local"] * 3]
    assert 1 <= len(session.orders) <= 3
    assert all(arguments["date"] == DATE for name, arguments in session.run if name == "get_price_local")
    assert FINISH_SIGNAL in session.sent["messages"][-1]["content"]


def test_trader_is_the_same_each_time_and_another_by_date_and_seed(server: LlmServer) -> None:
    first, again = (Session(server, "plain").finish() for _ in range(2))

    assert first == again
    assert first != Session(server, "plain", date="2025-10-03").finish()
    assert first != Session(server, "signal").finish()


def test_trader_sells_only_what_is_held(server: LlmServer) -> None:
    dates = [f"2025-10-{day:02}" for day in range(1, 9)]

    sessions = [Session(server, "plain", date=date, positions=HOLDING) for date in dates]
    ran = [call for session in sessions for call in session.finish()]

    sold = {arguments["symbol"] for name, arguments in ran if name == "sell"}
    assert sold
    assert sold <= {"AAPL", "MSFT", "NVDA", "AMZN", "META"}


def test_trader_calls_finish_when_told_to(server: LlmServer) -> None:
    assert Session(server, "tool").finish()[-1] == ("finish", {})


@pytest.mark.parametrize("kind", REPEATED)
def test_trader_orders_the_same_when_each_second_request_fails(server: LlmServer, kind: FaultKind) -> None:
    plain, faulty = Session(server, "plain", positions=HOLDING), Session(server, kind, positions=HOLDING)
    plain.finish()

    faulty.finish()

    assert faulty.orders == plain.orders
    assert kind in {delivery.fault for delivery in server.delivered}


def test_trader_without_tools_says_a_sentence() -> None:
    reply = trading_script(1)(ChatRequest(body("m", tools=[])))

    assert reply.content
    assert FINISH_SIGNAL not in reply.content


def test_simple_scripts_finish_loop_and_probe() -> None:
    asked = body("m")
    after_a_step = body("m", messages=[*asked["messages"], {"role": "assistant", "content": "Hm."}])
    probe = probing([ToolCall("get_price_local", {"symbol": "AAPL", "date": "2099-01-01"})])

    assert FINISH_SIGNAL in (finish_at_once(ChatRequest(asked)).content or "")
    assert looping(ChatRequest(asked)) == looping(ChatRequest(after_a_step))
    assert probe(ChatRequest(asked)).tool_calls[0].arguments == {"symbol": "AAPL", "date": "2099-01-01"}
    assert FINISH_SIGNAL in (probe(ChatRequest(after_a_step)).content or "")


def test_request_says_date_step_and_results() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
    result = {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "2024-01-01"}]}
    asked = body("m")
    request = ChatRequest(
        asked | {"messages": [{"role": "assistant", "tool_calls": [call]}, result, *asked["messages"]]}
    )

    assert (request.step, request.date) == (1, DATE)
    assert [(r.name, r.arguments, r.content) for r in request.tool_results] == [("add", '{"a": 1}', "2024-01-01")]


def test_public_names_are_complete_and_sorted() -> None:
    assert all(hasattr(llm_server, name) for name in llm_server.__all__)
    assert llm_server.__all__ == sorted(llm_server.__all__, key=lambda name: (not name.isupper(), name.islower(), name))
