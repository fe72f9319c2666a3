"""Prices that are adjusted for corporate actions, which the ledger would apply again."""

from peewee import SqliteDatabase

from server.jobs.errors import InvalidRequestError
from server.jobs.request import ResolvedRequest
from storage.corporate_actions import mixed_symbols


def refuse_mixed(db: SqliteDatabase, request: ResolvedRequest) -> None:
    """Refuse symbols whose prices are adjusted for corporate actions that are stored.

    Raises:
        InvalidRequestError: there are some in the universe.
    """
    universe = request.spec.universe
    mixed = [symbol for symbol in mixed_symbols(db) if universe is None or symbol in universe]
    if mixed:
        told = f"{', '.join(mixed[:10])}: prices are adjusted, and corporate actions are stored; import raw prices"
        raise InvalidRequestError.of("config.universe", told)
