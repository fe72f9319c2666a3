"""A session as a transcript for people: who said what, which tools were called, what came back, what it cost."""

from collections.abc import Iterator

from aitrader.v1 import job_pb2
from aitrader.v1.job_pb2 import ReasoningStep, Session
from aitrader.v1.simulation_pb2 import GetReasoningResponse

from .text import duration, plain
from .words import outcome_word, role_word, stop_reason_word

#: lines of a message that are shown; `--json` tells all
MAX_LINES = 12

#: columns in front of what is said
INDENT = " " * 4


def transcript_lines(response: GetReasoningResponse, *, width: int) -> list[str]:
    """Tell a session line by line, cut to the width of the terminal."""
    session = response.session
    lines = [f"{response.date} {plain(response.model)}, attempt {session.attempt}: {_end(session)}"]
    for step in response.steps:
        lines += ["", *_step_lines(step, width)]
    lines += ["", *_tool_lines(session), _cost_line(session)]
    return [*lines, f"summary: {plain(session.summary)}"] if session.summary else lines


def _end(session: Session) -> str:
    reason = stop_reason_word(session.stop_reason)
    return f"{outcome_word(session.outcome)}, {f'ended by {reason}' if reason else 'broken off'}"


def _step_lines(step: ReasoningStep, width: int) -> Iterator[str]:
    yield _cut(f"{step.step_number:>3} {_speaker(step)}", width)
    if step.content:
        said = [line for line in map(plain, step.content.splitlines()) if line]
        # an answer of a tool is data; what people read is what was said
        shown = 1 if step.role == job_pb2.REASONING_ROLE_TOOL else MAX_LINES
        yield from (_cut(f"{INDENT}{line}", width) for line in said[:shown])
        if len(said) > shown:
            yield f"{INDENT}({len(said) - shown} more lines)"
    if step.truncated:
        yield f"{INDENT}(the server cut it)"


def _speaker(step: ReasoningStep) -> str:
    role = role_word(step.role)
    took = f" in {duration(step.duration_seconds)}" if step.HasField("duration_seconds") else ""
    if step.role == job_pb2.REASONING_ROLE_ASSISTANT and step.tool_name:
        return f"{role} calls {plain(step.tool_name)} {plain(step.arguments)}{took}"
    return f"{role} {plain(step.tool_name)}".rstrip() + took


def _tool_lines(session: Session) -> Iterator[str]:
    if session.tool_usage:
        yield "tools: " + ", ".join(f"{plain(use.tool_name)} x {use.call_count}" for use in session.tool_usage)


def _cost_line(session: Session) -> str:
    usage = session.usage
    cost = f"{session.cost_usd:,.6f} dollars" if session.HasField("cost_usd") else "price not known"
    sent = f"{usage.input_tokens:,} tokens in ({usage.cache_read_tokens:,} cached)"
    received = f"{usage.output_tokens:,} out ({usage.reasoning_tokens:,} reasoning)"
    return f"cost: {cost}; {usage.requests} requests, {sent}, {received}"


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else f"{line[: width - 1]}…"
