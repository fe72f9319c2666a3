"""ListDeliveries."""

from collections.abc import Mapping

from peewee import SqliteDatabase

from aitrader.v1 import callbacks_pb2
from server.rpc.convert import time
from server.rpc.fields import Fields
from server.rpc.paging import fitting, make_token, read_token
from storage import deliveries, jobs
from storage.deliveries import DeliveryRow, DeliveryStatus

_STATUS: Mapping[str, callbacks_pb2.DeliveryStatus.ValueType] = {
    status: callbacks_pb2.DeliveryStatus.Value(f"DELIVERY_STATUS_{status.upper()}") for status in DeliveryStatus
}


def list_deliveries(
    db: SqliteDatabase, request: callbacks_pb2.ListDeliveriesRequest
) -> callbacks_pb2.ListDeliveriesResponse:
    """Return a page of deliveries in the order of their making.

    Raises:
        InvalidRequestError: a field is wrong.
        JobNotFoundError: there is no such job.
    """
    fields = Fields()
    job_id = fields.required("job_id", request.job_id, 128)
    size = fields.page_size(request.page_size, 100, 500)
    fields.check()
    (after,) = read_token(request, (int,)) or (0,)
    jobs.find_job(db, job_id)
    rows = deliveries.list_deliveries(db, job_id, after=after, limit=size + 1)
    page = fitting(map(_delivery, rows[:size]))
    more = len(rows) > len(page)
    token = make_token(request, (rows[len(page) - 1].id,)) if more else ""
    return callbacks_pb2.ListDeliveriesResponse(deliveries=page, next_page_token=token)


def _delivery(row: DeliveryRow) -> callbacks_pb2.Delivery:
    return callbacks_pb2.Delivery(
        delivery_id=row.delivery_id,
        url=row.url,
        status=_STATUS[row.status],
        sequence=row.sequence,
        attempts=row.attempts,
        last_http_status=row.last_http_status,
        last_error=row.last_error or "",
        created_time=time(row.created_at),
        last_attempt_time=time(row.last_attempt_at),
        next_attempt_time=time(row.next_attempt_at),
    )
