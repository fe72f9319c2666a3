"""GetPriceCoverage."""

from datetime import date
from pathlib import PurePath

from peewee import SqliteDatabase

from aitrader.v1 import prices_pb2 as pb
from server.jobs.exchange import default_calendar
from server.rpc.convert import time
from server.rpc.fields import Fields
from server.rpc.paging import fitting, make_token, read_token
from storage.price_coverage import SymbolCoverage, coverage


def get_price_coverage(
    db: SqliteDatabase, request: pb.GetPriceCoverageRequest, today: date
) -> pb.GetPriceCoverageResponse:
    """Return a page of symbols; blocks for seconds when the exchange has to be asked.

    Raises:
        InvalidRequestError: a field is wrong.
    """
    fields = Fields()
    size = fields.page_size(request.page_size, 500, 5000)
    fields.check()
    (after,) = read_token(request, (str,)) or ("",)
    calendar = default_calendar(today)
    with db.atomic():  # one snapshot of the database for all reads
        rows = coverage(db, calendar.days if calendar else (), after=after, limit=size + 1)
    page = fitting(map(_symbol, rows[:size]))
    token = make_token(request, (page[-1].symbol,)) if len(rows) > len(page) else ""
    return pb.GetPriceCoverageResponse(symbols=page, next_page_token=token, calendar=calendar.name if calendar else "")


def _symbol(row: SymbolCoverage) -> pb.SymbolCoverage:
    return pb.SymbolCoverage(
        symbol=row.symbol,
        first_date=row.first,
        last_date=row.last,
        bars=row.bars,
        missing_dates=row.missing,
        closed_dates=row.closed,
        jumps=(pb.PriceJump(date=jump.date, before=jump.before, after=jump.after) for jump in row.jumps),
        revisions=row.revisions,
        last_import_time=time(row.imported_at),
        last_import_source=", ".join(PurePath(name).name for name in row.source.split(", ")),
    )
