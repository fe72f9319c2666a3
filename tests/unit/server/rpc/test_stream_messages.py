"""Messages of a stream: joined up to a size, and orders cut to it."""

from aitrader.v1.simulation_pb2 import StreamProgressResponse
from server.rpc.convert import encoded_orders
from server.rpc.paging import MAX_RESPONSE
from server.rpc.stream import joined
from storage.orders import DayOrders, FillRow


def test_events_are_joined_in_order_to_messages_of_bounded_size() -> None:
    events = [bytes([number]) * (MAX_RESPONSE // 3) for number in range(10)]

    messages = list(joined(events))

    assert b"".join(message for message, _ in messages) == b"".join(events)
    assert [count for _, count in messages] == [3, 3, 3, 1]
    assert all(len(message) <= MAX_RESPONSE for message, _ in messages)


def test_event_that_is_too_large_by_itself_is_sent_alone() -> None:
    events = [b"a", b"b" * (MAX_RESPONSE + 1), b"c"]

    assert [count for _, count in joined(events)] == [1, 1, 1]


def test_no_events_are_no_message() -> None:
    assert list(joined([])) == []


def test_orders_of_a_day_that_are_too_many_are_cut_and_say_so() -> None:
    fills = [FillRow(action_id=n, action_type="buy", symbol="UP", amount=1, price=10.0) for n in range(1, 1001)]

    encoded = encoded_orders(DayOrders(sequence=3, date="2025-10-01", model="m", fills=fills), 5000)

    (day,) = StreamProgressResponse.FromString(encoded).orders
    assert len(encoded) < 5100
    assert day.truncated
    assert [trade.id for trade in day.trades] == list(range(1, len(day.trades) + 1))
    assert len(day.trades) > 50
