"""A small OpenAI-compatible server over real HTTP that plays a vendor; see README.md."""

from .app import ANY_MODEL
from .chat_request import ChatRequest, ToolResult
from .faults import (
    CALL_FAULTS,
    Fault,
    FaultKind,
    Faults,
    always,
    every,
    first_attempts,
    first_of,
    no_faults,
    once,
    share,
)
from .journal import CLIENT_LEFT, Delivery
from .latency import varied
from .reply import Reply, ToolCall
from .scripts import FINISH_SIGNAL, DeniedError, Script, finish_at_once, looping, probing, saying
from .server import LlmServer
from .trader import trading_script

__all__ = [
    "ANY_MODEL",
    "CALL_FAULTS",
    "CLIENT_LEFT",
    "FINISH_SIGNAL",
    "ChatRequest",
    "Delivery",
    "DeniedError",
    "Fault",
    "FaultKind",
    "Faults",
    "LlmServer",
    "Reply",
    "Script",
    "ToolCall",
    "ToolResult",
    "always",
    "every",
    "finish_at_once",
    "first_attempts",
    "first_of",
    "looping",
    "no_faults",
    "once",
    "probing",
    "saying",
    "share",
    "trading_script",
    "varied",
]
