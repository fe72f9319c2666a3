"""The server alone: any model is a trader with a seed of its own."""

import argparse
import signal
import zlib
from threading import Event

from .app import ANY_MODEL, Latency
from .chat_request import ChatRequest
from .faults import Fault, FaultKind, Faults, no_faults, share
from .latency import varied
from .reply import Reply
from .server import LlmServer
from .trader import trading_script


def trader_by_name(request: ChatRequest) -> Reply:
    return trading_script(zlib.crc32(request.model.encode()))(request)


def main() -> None:
    options = _options()
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with LlmServer(
        {ANY_MODEL: trader_by_name},
        key=options.key,
        latency=_latency(options),
        faults=_faults(options),
        port=options.port,
    ) as server:
        print(f"listening on {server.base_url}", flush=True)
        stop.wait()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.llm_server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 for a free one")
    parser.add_argument("--key", help="the only bearer key that is let in")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--most", type=float, help="seconds; each request waits between --latency and this")
    parser.add_argument("--fail", type=float, default=0.0, metavar="SHARE", help="the part of requests that fail")
    parser.add_argument("--kind", type=FaultKind, action="append", choices=list(FaultKind), help="of the failures")
    parser.add_argument("--seed", type=int, default=0, help="of the failures")
    return parser.parse_args()


def _faults(options: argparse.Namespace) -> Faults:
    kinds = options.kind or [FaultKind.SERVER_ERROR]
    return share(options.fail, options.seed, [Fault(kind) for kind in kinds]) if options.fail else no_faults


def _latency(options: argparse.Namespace) -> Latency:
    return options.latency if options.most is None else varied(options.latency, options.most, options.seed)


if __name__ == "__main__":
    main()
