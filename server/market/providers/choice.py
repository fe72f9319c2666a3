"""Vendors by name, as the settings set them up."""

import time
from importlib.util import find_spec
from pathlib import Path

from peewee import SqliteDatabase

from server.market.found import file_name
from server.market.providers import alpha_vantage, files, yfinance
from server.market.providers.alpha_vantage import AlphaVantage, AlphaVantageAccess
from server.market.providers.files import Files
from server.market.providers.provider import Provider, ProviderClosedError
from server.market.providers.token_bucket import TokenBucket, Wait
from server.market.providers.yfinance import YFinance
from server.settings import Settings

PROVIDERS = (alpha_vantage.NAME, yfinance.NAME, files.NAME)


def make_provider(settings: Settings, db: SqliteDatabase, wait: Wait = time.sleep) -> Provider:
    """Return the vendor of the settings, which is asked nothing yet; `wait` is what it waits with for its turn.

    Raises:
        ProviderClosedError: what it needs is not there.
    """
    if settings.price_provider == yfinance.NAME:
        return _yfinance(wait)
    if settings.price_provider == files.NAME:
        return _files(settings.price_files)
    return _alpha_vantage(settings, db, wait)


def _alpha_vantage(settings: Settings, db: SqliteDatabase, wait: Wait) -> Provider:
    key = settings.alphaadvantage_api_key
    if key is None:
        raise ProviderClosedError(f"provider '{alpha_vantage.NAME}' needs ALPHAADVANTAGE_API_KEY")
    access = AlphaVantageAccess(
        key=key.get_secret_value(),
        url=settings.alpha_vantage_url,
        requests_per_day=settings.alpha_vantage_requests_per_day,
    )
    bucket = TokenBucket(settings.alpha_vantage_requests_per_minute, sleep=wait)
    return AlphaVantage(access, db, bucket, actions=settings.price_actions)


def _yfinance(wait: Wait) -> Provider:
    if find_spec("yfinance") is None:
        raise ProviderClosedError(f"provider '{yfinance.NAME}' needs the extra, aitrader-service[yfinance]")
    return YFinance(TokenBucket(yfinance.REQUESTS_PER_MINUTE, sleep=wait))


def _files(path: Path) -> Provider:
    if not path.exists():
        raise ProviderClosedError(
            f"provider '{files.NAME}' needs AITRADER_PRICE_FILES: '{file_name(path)}' is not there"
        )
    return Files(path)
