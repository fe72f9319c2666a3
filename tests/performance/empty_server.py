"""The baseline: a grpc.aio server whose one handler returns an empty message."""

import asyncio
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty

SERVICE = "aitrader.performance.Empty"
METHOD = f"/{SERVICE}/Call"


async def _call(request: Empty, context: Any) -> Empty:
    return Empty()


async def main() -> None:
    """Serve until the process is ended."""
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    call = grpc.unary_unary_rpc_method_handler(_call, Empty.FromString, Empty.SerializeToString)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Call": call}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main())
