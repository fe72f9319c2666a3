"""GetResults."""

from collections.abc import Iterator, Mapping, Sequence

from peewee import SqliteDatabase

from aitrader.v1 import portfolio_pb2, simulation_pb2
from server.rpc import convert, convert_sessions
from server.rpc.errors import NoDataError
from server.rpc.fields import Fields
from server.rpc.paging import MAX_RESPONSE, make_token, read_token
from storage import jobs, results, sessions
from storage.carried import removed_through
from storage.results import DayKey, DayRow, PositionRow, ResultQuery
from storage.superseded import SupersededDay, superseded_days

FIRST_DATE, LAST_DATE = "0001-01-01", "9999-12-31"

DEFAULT_EXPERIMENT = "default"

#: days whose details are read at once
CHUNK = 25


def get_results(db: SqliteDatabase, request: simulation_pb2.GetResultsRequest) -> simulation_pb2.GetResultsResponse:
    """Return a page of results by date, then model.

    Raises:
        InvalidRequestError: a field is wrong.
        JobNotFoundError: `job_id` names no job.
        NoDataError: nothing is stored for the query.
    """
    query, size = _query(db, request)
    with db.atomic():  # one snapshot of the database for all reads
        days, superseded = _days(db, query)
        removed = removed_through(db, query.experiment, query.model)
    if not days and not request.page_token:
        why = f"; a cleanup removed trading days up to {removed}" if removed else ""
        raise NoDataError(
            f"no results are stored for this query{why}",
            experiment=query.experiment,
            removed_through=removed,
            date=request.date,
            job_id=request.job_id,
            model=request.model,
        )
    response = simulation_pb2.GetResultsResponse(removed_through=removed)
    room = MAX_RESPONSE
    for day, result in _results(
        db, days[:size], superseded, query.experiment, full=request.detail == simulation_pb2.RESULT_DETAIL_FULL
    ):
        room -= result.ByteSize() + 8
        if room < 0 and response.results:
            break
        response.results.append(result)
        last = day
    if len(response.results) < len(days):
        response.next_page_token = make_token(request, last.place)
    return response


def _query(db: SqliteDatabase, request: simulation_pb2.GetResultsRequest) -> tuple[ResultQuery, int]:
    fields = Fields()
    date = fields.date("date", request.date)
    first, last = fields.date_range(request.start_date, request.end_date)
    if date and (first or last):
        fields.refuse("date", "excludes start_date and end_date")
    job_id = fields.name("job_id", request.job_id, 128)
    model = fields.name("model", request.model)
    experiment = fields.experiment("experiment", request.experiment)
    if request.include_superseded and job_id is None:
        fields.refuse("include_superseded", "needs job_id")
    if request.detail not in simulation_pb2.ResultDetail.values():
        fields.refuse("detail", f"{request.detail} is no detail")
    size = fields.page_size(request.page_size, 100, 1000)
    fields.check()
    if job_id is not None:
        job = jobs.find_job(db, job_id)
        experiment = experiment or job.experiment
    query = ResultQuery(
        experiment=experiment or DEFAULT_EXPERIMENT,
        first=date or first or FIRST_DATE,
        last=date or last or LAST_DATE,
        job_id=job_id,
        model=model,
        after=read_token(request, (str, str, int)) or ("", "", 0),
        limit=size + 1,
        own_superseded=request.include_superseded,
    )
    return query, size


def _days(db: SqliteDatabase, query: ResultQuery) -> tuple[list[DayRow], dict[int, SupersededDay]]:
    """Return the days of a query; of a job, those that were replaced as well, by `superseded_id` with their rows."""
    current = results.find_days(db, query)
    replaced = superseded_days(db, query) if query.job_id is not None else []
    days = sorted([*current, *(past.day for past in replaced)], key=lambda day: day.place)
    return days[: query.limit], {past.day.superseded_id: past for past in replaced}


def _results(
    db: SqliteDatabase,
    days: Sequence[DayRow],
    superseded: Mapping[int, SupersededDay],
    experiment: str,
    *,
    full: bool,
) -> Iterator[tuple[DayRow, portfolio_pb2.DayResult]]:
    for start in range(0, len(days), CHUNK):
        chunk = days[start : start + CHUNK]
        once = list({day.key: day for day in chunk}.values())  # a day may stand beside those it replaced
        holdings = results.closing_holdings(db, chunk)
        positions = results.find_positions(db, once, with_holdings=full)
        rejections = results.find_rejections(db, once) if full else {}
        reasoning = _reasoning(db, once) if full else {}
        for day in chunk:
            past = superseded.get(day.superseded_id)
            rows = positions[day.key] if past is None else past.positions
            result = convert.day_result(day, experiment, _closing(day, holdings, rows), rows)
            if full:
                refused = rejections[day.key] if past is None else past.rejections
                result.rejections.extend(convert.rejection(row) for row in refused)
                result.position_history.extend(convert.position(row) for row in rows)
                if day.key in reasoning and day.superseded_by != day.job_id:
                    result.reasoning.CopyFrom(reasoning[day.key])
            _fit(result)
            yield day, result


def _closing(day: DayRow, holdings: Mapping[int, dict[str, int]], rows: Sequence[PositionRow]) -> dict[str, int]:
    return rows[-1].holdings if day.superseded_id else holdings.get(day.position_id, {})


def _reasoning(db: SqliteDatabase, days: Sequence[DayRow]) -> dict[DayKey, portfolio_pb2.AiReasoning]:
    """Return what the agents of some days did, where an agent traded."""
    found = sessions.committed_sessions(db, days)
    tools = sessions.find_tools(db, list(found.values()))
    return {key: convert_sessions.ai_reasoning(row, tools[row.key]) for key, row in found.items()}


def _fit(result: portfolio_pb2.DayResult) -> None:
    """Leave out what was held in between when the day alone is too large for a message."""
    if result.ByteSize() > MAX_RESPONSE:
        for row in result.position_history:
            row.ClearField("holdings")
