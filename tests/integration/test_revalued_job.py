"""A job whose values were computed anew at later prices: what its status and its verification say."""

from collections.abc import Callable

from click.testing import CliRunner

from aitrader.v1 import simulation_pb2
from client.cli import main
from server.__main__ import cli
from storage.checks.check import check
from tests.service import DATES, DEADLINE, Service, bar, config, scripted


def revalue(service: Service) -> None:
    """Run the command beside the server."""
    arguments = ["prices", "revalue", "--experiment", "default", "--db", str(service.settings.db)]
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output


def verify(service: Service, job_id: str) -> simulation_pb2.VerifyJobResponse:
    return service.stub.VerifyJob(simulation_pb2.VerifyJobRequest(job_id=job_id), timeout=DEADLINE)


def test_status_and_verification_say_that_a_job_was_valued_on_later_prices(new_service: Callable[..., Service]) -> None:
    service = new_service()
    orders = {DATES[0]: [("buy", "FLAT", 10)]}
    job = service.run(config(scripted("m", orders), end=DATES[2]))
    service.import_market([bar("FLAT", DATES[1], 100, 130)])

    restated = verify(service, job.job_id)
    asked_before = service.status(job.job_id)
    revalue(service)
    revalued, status = verify(service, job.job_id), service.status(job.job_id)

    digest = job.price_digests[0]
    assert (restated.equal, len(restated.notes)) == (False, 1)
    assert restated.notes[0].startswith(f"the job ran on prices {digest}, and was run again on those of now, ")
    assert not asked_before.revaluations
    assert revalued.equal, revalued.difference
    assert revalued.notes[0] == restated.notes[0]
    assert revalued.notes[1].startswith("values of 'm' were computed anew on 20")
    assert "2 of 3 trading days changed; orders and fills are those of the job" in revalued.notes[1]
    (done,) = status.revaluations
    assert (done.model, done.old_digest, done.trading_days, done.changed_days) == ("m", digest, 3, 2)
    assert status.price_digests == job.price_digests
    assert [day.daily_pnl.profit for day in service.results(job_id=job.job_id)] == [0, 300, -300]
    assert [one.broken for one in check(service.db) if one.broken] == []
    told = CliRunner().invoke(main, ["--server", f"127.0.0.1:{service.port}", "status", job.job_id])
    assert "values of m computed anew on later prices" in told.output
