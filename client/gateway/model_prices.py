"""The answer about prices, as OpenAPI tells it."""

from .models import Answer, Date, PageToken, Time


class PriceJump(Answer):
    date: Date
    before: float
    after: float


class SymbolCoverage(Answer):
    symbol: str
    first_date: Date
    last_date: Date
    bars: int
    missing_dates: list[Date]
    closed_dates: list[Date]
    jumps: list[PriceJump]
    revisions: int
    last_import_at: Time
    last_import_source: str


class PriceCoverage(Answer):
    symbols: list[SymbolCoverage]
    next_page_token: PageToken
    calendar: str | None
