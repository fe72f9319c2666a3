import asyncio
import io

import pytest

from server.pool.wire import pack, read, receive

MESSAGES = [None, ("a", 1), {"big": "x" * 1_000_000}, ()]


@pytest.mark.parametrize("message", MESSAGES, ids=range(len(MESSAGES)))
async def test_message_arrives_as_it_was_sent(message: object) -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(pack(message))

    assert await receive(reader) == message
    assert read(io.BytesIO(pack(message))) == message


def test_messages_follow_each_other() -> None:
    stream = io.BytesIO(b"".join(map(pack, MESSAGES)))

    assert [read(stream) for _ in MESSAGES] == MESSAGES


def test_end_of_the_stream_is_told() -> None:
    with pytest.raises(EOFError):
        read(io.BytesIO(b""))


@pytest.mark.parametrize("length", [1, 3, 10])
async def test_message_that_is_cut_is_told(length: int) -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(pack("a message")[:length])
    reader.feed_eof()

    with pytest.raises(asyncio.IncompleteReadError):
        await receive(reader)
