"""Searches by the tape of a session: what was found is recorded with the time it was judged against."""

import json

from server.agents.llm.search import Article, JinaSearch, SearchError, articles
from server.agents.llm.tape import Exchange, NotRecordedError, Part, Tape

#: who is asked, as exchanges name it
SEARCH = "search"

#: how an answer begins that says why there is none; the agent was told, so it is part of the record
_FAILED = b'{"failed":'


class RecordedSearch:
    """A search (`server.agents.llm.search.Search`); in a replay there is no vendor, only the tape."""

    def __init__(self, tape: Tape, vendor: JinaSearch | None) -> None:
        self._tape = tape
        self._vendor = vendor

    async def find(self, query: str) -> list[Article]:
        """Return articles, best first.

        Raises:
            SearchError: the vendor did not answer as it should.
            NotRecordedError: this is a replay, and the search is not recorded.
        """
        exchange = Exchange(SEARCH, (Part.of("query", query),))
        answer = self._tape.find(exchange)
        if answer is None:
            answer = self._tape.keep(exchange, await self._ask(query))
        if answer.startswith(_FAILED):
            raise SearchError(json.loads(answer)["failed"])
        return articles(answer)

    async def _ask(self, query: str) -> bytes:
        if self._vendor is None:
            raise NotRecordedError("a replay was about to search")
        try:
            return await self._vendor.fetch(query)
        except SearchError as error:
            return json.dumps({"failed": str(error)}).encode()
