"""StreamProgress with reasoning steps as they happen, against a vendor that is played over real HTTP."""

from collections.abc import Callable
from threading import Event

from pydantic import SecretStr

from aitrader.v1.progress_pb2 import PROGRESS_INCLUDE_REASONING
from aitrader.v1.simulation_pb2 import GetReasoningRequest, StreamProgressRequest
from tests.llm_server import LlmServer, Reply, ToolCall
from tests.llm_server.chat_request import ChatRequest
from tests.service import DATES, DEADLINE, Service, config, model, wait_until

KEY = "sk-live-0123456789abcdef"


def test_steps_are_told_as_they_happen_and_are_those_that_are_stored(new_service: Callable[..., Service]) -> None:
    watched = Event()

    def script(request: ChatRequest) -> Reply:
        watched.wait(DEADLINE)
        if request.step == 0:
            return Reply("I look first.", (ToolCall("get_positions", {}),))
        return Reply("Done. <FINISH_SIGNAL>")

    with LlmServer({"vendor/one": script}, key=KEY) as vendor:
        service = new_service(openai_api_base=vendor.base_url, openai_api_key=SecretStr(KEY))
        job_id = service.trigger(config(model("agent", "vendor/one"), end=DATES[0])).job_id
        wait_until(lambda: vendor.requests, "the first request of the agent")
        request = StreamProgressRequest(job_id=job_id, include=[PROGRESS_INCLUDE_REASONING])
        stream = service.stub.StreamProgress(request, timeout=DEADLINE)
        messages = [next(stream)]

        watched.set()
        messages += stream

    live = [step for message in messages for step in message.steps]
    asked = GetReasoningRequest(job_id=job_id, date=DATES[0], model="agent")
    stored = {step.step_number: step for step in service.stub.GetReasoning(asked, timeout=DEADLINE).steps}
    numbers = [told.step.step_number for told in live]
    assert numbers == list(range(numbers[0], len(stored)))
    assert numbers[0] <= 1  # the step of the prompt may still have been on its way when the stream began
    for told in live:
        kept = stored[told.step.step_number]
        assert (told.date, told.model, told.attempt) == (DATES[0], "agent", 1)
        assert (told.step.role, told.step.content, told.step.tool_name) == (kept.role, kept.content, kept.tool_name)
    sequences = [event.sequence for message in messages for event in message.events]
    assert sequences == list(range(1, service.status(job_id).last_sequence + 1))
    assert not any(message.missed_steps for message in messages)
