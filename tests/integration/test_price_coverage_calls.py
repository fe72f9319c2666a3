from datetime import UTC, datetime

from aitrader.v1.prices_pb2 import GetPriceCoverageRequest
from storage.prices import import_bars
from tests.service import DATES, Service, bar


def test_coverage_tells_symbols_page_by_page(service: Service) -> None:
    whole = service.stub.GetPriceCoverage(GetPriceCoverageRequest())
    first = service.stub.GetPriceCoverage(GetPriceCoverageRequest(page_size=2))
    rest = service.stub.GetPriceCoverage(GetPriceCoverageRequest(page_size=2, page_token=first.next_page_token))

    assert [*first.symbols, *rest.symbols] == [*whole.symbols]
    assert not whole.next_page_token
    assert whole.calendar == "XNYS"


def test_coverage_tells_what_is_missing(service: Service) -> None:
    by_symbol = {row.symbol: row for row in service.stub.GetPriceCoverage(GetPriceCoverageRequest()).symbols}

    up, halt = by_symbol["UP"], by_symbol["HALT"]
    assert (up.first_date, up.last_date, up.bars, [*up.missing_dates]) == (DATES[0], DATES[-1], len(DATES), [])
    own = service.rows("SELECT date FROM price_bars WHERE symbol = 'HALT'")
    between = [day for day in DATES if halt.first_date <= day <= halt.last_date]
    assert [*halt.missing_dates] == [day for day in between if (day,) not in own]
    assert halt.HasField("last_import_time")
    assert halt.last_import_source == "test"


def test_source_of_prices_tells_no_folder_of_the_server(service: Service) -> None:
    import_bars(service.db, "/srv/secret/a.csv, ../b.json", [bar("NEW", DATES[0], 10, 10)], (), datetime.now(UTC))

    by_symbol = {row.symbol: row for row in service.stub.GetPriceCoverage(GetPriceCoverageRequest()).symbols}

    assert by_symbol["NEW"].last_import_source == "a.csv, b.json"
