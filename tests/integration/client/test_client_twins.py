import inspect
from typing import Any

import pytest

from client import AsyncClient, AsyncJob, Client, Job
from client.channel import DEFAULT_TARGET


def public(kind: type[Any]) -> dict[str, list[str]]:
    members = {name: member for name, member in inspect.getmembers(kind) if not name.startswith("_")}
    return {
        name: [str(parameter).replace("Async", "") for parameter in inspect.signature(member).parameters.values()]
        for name, member in members.items()
        if callable(member)
    }


@pytest.mark.parametrize(("one", "other"), [(Client, AsyncClient), (Job, AsyncJob)])
def test_twins_have_the_same_methods_with_the_same_parameters(one: type[Any], other: type[Any]) -> None:
    assert public(one) == public(other)


@pytest.mark.parametrize(("one", "other"), [(Client, AsyncClient), (Job, AsyncJob)])
def test_twins_are_documented(one: type[Any], other: type[Any]) -> None:
    for name in public(one):
        assert getattr(one, name).__doc__
        assert getattr(other, name).__doc__


def test_target_is_the_given_one_or_the_environments_or_local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AITRADER_SERVER", raising=False)
    with Client() as client:
        assert client.target == DEFAULT_TARGET

    monkeypatch.setenv("AITRADER_SERVER", "example:1")
    with Client() as client, Client("other:2") as other:
        assert (client.target, other.target) == ("example:1", "other:2")


async def test_async_client_is_a_context_manager(target: str) -> None:
    async with AsyncClient(target) as client:
        assert (await client.list_jobs()).jobs == []
