"""The server behind the gateway: calls by request message, answers as bytes or as JSON."""

import gzip
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from aitrader.v1 import simulation_pb2

from ..channel import open_async_channel
from .json_form import encode

SERVICE = simulation_pb2.DESCRIPTOR.services_by_name["SimulationService"]

#: bytes of answers whose JSON is kept, and the largest that is
MAX_KEPT = 32 * 1024 * 1024
MAX_ENTRY = 4 * 1024 * 1024

#: zlib's; higher ones take twice the time for a tenth less
GZIP_LEVEL = 4

#: seconds an RPC may take unless the caller says otherwise
TIMEOUT = 15.0
TIMEOUTS: Mapping[str, float] = {"GetServiceStatus": 5.0, "Trigger": 30.0, "AuditJob": 60.0, "VerifyJob": 600.0}

# quoted: generic in its type stubs alone
Call: TypeAlias = "grpc.aio.UnaryUnaryCall[Any, bytes]"
Stream: TypeAlias = "grpc.aio.UnaryStreamCall[Any, Any]"
Unary: TypeAlias = "grpc.aio.UnaryUnaryMultiCallable[Any, bytes]"
Metadata = tuple[tuple[str, str], ...]

#: RPC, answer, form
Key = tuple[str, bytes, str]


def rpc_of(question: Message) -> str:
    """Return the RPC that a request message belongs to."""
    return question.DESCRIPTOR.name.removesuffix("Request")


class Upstream:
    """Calls the service. Answers of unary calls are bytes; `json` makes JSON of them."""

    def __init__(self, target: str) -> None:
        self.target = target
        self._channel = open_async_channel(target)
        self._unary: dict[str, Unary] = {
            method.name: self._channel.unary_unary(
                f"/{SERVICE.full_name}/{method.name}",
                request_serializer=GetMessageClass(method.input_type).SerializeToString,
            )
            for method in SERVICE.methods
            if not method.server_streaming
        }
        self._progress = self._channel.unary_stream(
            f"/{SERVICE.full_name}/StreamProgress",
            request_serializer=simulation_pb2.StreamProgressRequest.SerializeToString,
            response_deserializer=simulation_pb2.StreamProgressResponse.FromString,
        )
        self._kept: OrderedDict[Key, bytes] = OrderedDict()
        self._size = 0

    async def close(self) -> None:
        """Close the channel; calls under way are cancelled."""
        await self._channel.close()

    def call(self, question: Message, *, timeout: float, metadata: Metadata) -> Call:
        """Start a call."""
        return self._unary[rpc_of(question)](question, timeout=timeout, metadata=metadata)

    def progress(self, question: simulation_pb2.StreamProgressRequest, *, metadata: Metadata) -> Stream:
        """Start a stream of events."""
        return self._progress(question, metadata=metadata)

    def json(self, rpc: str, content: bytes) -> bytes:
        """Return the JSON of an RPC's answer; the same bytes have the same JSON, so it is kept for the next caller."""
        return self._made((rpc, content, "json"), lambda: encode(parse(rpc, content)))

    def gzip(self, rpc: str, content: bytes, json: bytes) -> bytes:
        """Return that JSON compressed, which is kept as well."""
        return self._made((rpc, content, "gzip"), lambda: gzip.compress(json, GZIP_LEVEL, mtime=0))

    def _made(self, key: Key, make: Callable[[], bytes]) -> bytes:
        """Return what is kept under a key, or make it."""
        known = self._kept.get(key)
        if known is not None:
            self._kept.move_to_end(key)
            return known
        made = make()
        if _cost(key, made) <= MAX_ENTRY:
            self._kept[key] = made
            self._size += _cost(key, made)
            while self._size > MAX_KEPT:
                self._size -= _cost(*self._kept.popitem(last=False))
        return made


def _cost(key: Key, made: bytes) -> int:
    return len(key[1]) + len(made)


def parse(rpc: str, content: bytes) -> Any:  # noqa: ANN401 - the response message of any RPC
    """Return an RPC's answer as its message."""
    return GetMessageClass(SERVICE.methods_by_name[rpc].output_type).FromString(content)
