"""The session process: runs agents' sessions as coroutines, each answered when it ends.

Steps are told as they happen, unless the server is behind in reading: no session ever waits for whoever looks on.
Like a worker it holds no database, and ends when the server does, because then its socket closes.
"""

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable
from functools import partial

from server.agents.llm.factory import SessionFactory
from server.engine.model_day import (
    STOPPED,
    FailureKind,
    ModelDayFailure,
    ModelDayOutcome,
    ModelDayTask,
    run_session_day,
)
from server.engine.session_record import Step
from server.pool.wire import pack, receive
from server.pool.worker import Setup, price_table

#: bytes that may wait for the server before steps are left out
STEPS_BACKLOG = 1024 * 1024

#: makes the factory of traders from the setup
MakeFactory = Callable[[Setup], SessionFactory]


def main(make_factory: MakeFactory | None = None) -> None:
    """Serve sessions from the socket whose descriptor is the first argument, until it closes."""
    asyncio.run(_serve(int(sys.argv[1]), make_factory or _factory))


def _factory(setup: Setup) -> SessionFactory:
    return SessionFactory(setup.session)


async def _serve(descriptor: int, make_factory: MakeFactory) -> None:
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=descriptor))
    setup: Setup = await receive(reader)
    factory = make_factory(setup)
    sessions: dict[int, asyncio.Task[None]] = {}
    while True:
        try:
            number, task, snapshot = await receive(reader)
        except (OSError, EOFError):
            break
        if task is None:
            if number in sessions:
                sessions[number].cancel()
            continue
        run = _run(task, setup, snapshot, factory, partial(_tell, writer, number))
        session = asyncio.create_task(_answer(writer, number, run))
        sessions[number] = session
        session.add_done_callback(partial(_forget, sessions, number))
    for session in list(sessions.values()):
        session.cancel()
    writer.close()


def _forget(sessions: "dict[int, asyncio.Task[None]]", number: int, _: "asyncio.Task[None]") -> None:
    sessions.pop(number, None)


def _tell(writer: asyncio.StreamWriter, number: int, step: Step) -> None:
    if writer.transport.get_write_buffer_size() < STEPS_BACKLOG:
        writer.write(pack((number, step)))


async def _answer(writer: asyncio.StreamWriter, number: int, session: Awaitable[ModelDayOutcome]) -> None:
    """Answer with the outcome of a session; of one that is told to stop, with what it hands over."""
    try:
        outcome = await session
    except asyncio.CancelledError:
        outcome = ModelDayFailure(kind=FailureKind.CANCELLED, message=STOPPED)
    writer.write(pack((number, outcome)))
    await writer.drain()


async def _run(
    task: ModelDayTask, setup: Setup, snapshot: str, factory: SessionFactory, on_step: Callable[[Step], None]
) -> ModelDayOutcome:
    try:
        trader = factory.create(task, on_step)
    except ValueError as error:
        return ModelDayFailure(kind=FailureKind.TRADER_ERROR, message=str(error))
    return await run_session_day(task, price_table(setup.snapshots / snapshot), trader)


if __name__ == "__main__":
    main()
