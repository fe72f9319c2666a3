"""Vendors by name, as the settings set them up."""

import time

from peewee import SqliteDatabase

from server.market.providers.alpha_vantage import NAME, AlphaVantage, AlphaVantageAccess
from server.market.providers.provider import Provider, ProviderClosedError
from server.market.providers.token_bucket import TokenBucket, Wait
from server.settings import Settings


def make_provider(name: str, settings: Settings, db: SqliteDatabase, wait: Wait = time.sleep) -> Provider:
    """Return a vendor that is asked nothing yet; `wait` is what it waits with for its turn.

    Raises:
        ProviderClosedError: what it needs is not there.
    """
    key = settings.alphaadvantage_api_key
    if name != NAME or key is None:
        raise ProviderClosedError(f"provider '{name}' needs ALPHAADVANTAGE_API_KEY")
    access = AlphaVantageAccess(
        key=key.get_secret_value(),
        url=settings.alpha_vantage_url,
        requests_per_day=settings.alpha_vantage_requests_per_day,
    )
    return AlphaVantage(access, db, TokenBucket(settings.alpha_vantage_requests_per_minute, sleep=wait))
