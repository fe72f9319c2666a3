"""How often vendors with a daily quota were asked, remembered across restarts."""

from peewee import OperationalError, SqliteDatabase

from storage.errors import StorageBusyError

_TAKE = """
    INSERT INTO provider_requests (provider, day, requests) VALUES (?, ?, 1)
    ON CONFLICT (provider, day) DO UPDATE SET requests = requests + 1 WHERE requests < ?
"""
_SPEND = """
    INSERT INTO provider_requests (provider, day, requests) VALUES (?, ?, ?)
    ON CONFLICT (provider, day) DO UPDATE SET requests = max(requests, excluded.requests)
"""


def take_request(db: SqliteDatabase, provider: str, day: str, limit: int) -> bool:
    """Count a request of a day; False, and nothing counted, when there were as many as `limit`, which is above 0.

    Raises:
        StorageBusyError: another process kept the database locked.
    """
    try:
        return bool(db.execute_sql(_TAKE, (provider, day, limit)).rowcount)
    except OperationalError as error:
        raise StorageBusyError(f"a request to '{provider}' could not be counted: {error}") from error


def spend_requests(db: SqliteDatabase, provider: str, day: str, limit: int) -> None:
    """Count all requests of a day as used: the vendor says so.

    Raises:
        StorageBusyError: another process kept the database locked.
    """
    try:
        db.execute_sql(_SPEND, (provider, day, limit))
    except OperationalError as error:
        raise StorageBusyError(f"requests to '{provider}' could not be counted: {error}") from error
