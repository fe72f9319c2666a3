"""Where the server is and how a channel to it behaves: target, retries, keepalive, sizes."""

import json
import os

import grpc

DEFAULT_TARGET = "127.0.0.1:50051"
#: environment variable that names the target
TARGET_VARIABLE = "AITRADER_SERVER"
#: seconds; the deadline of every call but a stream
DEFAULT_TIMEOUT = 30.0

SERVICE = "aitrader.v1.SimulationService"

#: gRPC allows no more than five attempts; these span about a second and a half
RETRY_POLICY = {
    "maxAttempts": 5,
    "initialBackoff": "0.1s",
    "maxBackoff": "2s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}

#: a stream is not retried by the channel, since only the client knows from which position to go on
SERVICE_CONFIG = {
    "methodConfig": [
        {"name": [{"service": SERVICE}], "retryPolicy": RETRY_POLICY},
        {"name": [{"service": SERVICE, "method": "StreamProgress"}]},
    ]
}

OPTIONS: tuple[tuple[str, str | int], ...] = (
    ("grpc.service_config", json.dumps(SERVICE_CONFIG)),
    ("grpc.enable_retries", 1),
    # milliseconds; finds a dead connection within half a minute, and stays above what servers punish as too many pings
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # milliseconds; a server that comes back is noticed within seconds instead of the two minutes of gRPC's default
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 5_000),
)


def resolve_target(target: str | None) -> str:
    """Tell the `host:port` to call: the given one, the environment's, or the local default."""
    return target or os.environ.get(TARGET_VARIABLE) or DEFAULT_TARGET


def open_channel(target: str) -> grpc.Channel:
    """Open a channel for blocking calls; nothing is connected before the first call."""
    return grpc.insecure_channel(target, options=OPTIONS)


def open_async_channel(target: str) -> grpc.aio.Channel:
    """Open a channel for coroutines; nothing is connected before the first call."""
    return grpc.aio.insecure_channel(target, options=OPTIONS)
