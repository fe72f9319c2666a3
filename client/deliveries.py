"""Deliveries of a job's end as lines for people."""

from collections.abc import Iterator

from aitrader.v1.callbacks_pb2 import Delivery, ListDeliveriesResponse

from .text import plain
from .words import delivery_word


def delivery_lines(response: ListDeliveriesResponse) -> list[str]:
    """Tell deliveries, each with what came of it."""
    return [line for delivery in response.deliveries for line in _lines(delivery)] or ["no deliveries"]


def _lines(delivery: Delivery) -> Iterator[str]:
    tries = "1 attempt" if delivery.attempts == 1 else f"{delivery.attempts} attempts"
    yield f"{delivery.delivery_id}  {delivery_word(delivery.status)} after {tries}  {plain(delivery.url)}"
    if delivery.last_error:
        yield f"    {plain(delivery.last_error)}"
    if delivery.HasField("next_attempt_time"):
        yield f"    next attempt at {delivery.next_attempt_time.ToJsonString()}"
