"""Whether the callbacks of a request can be accepted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from server.callbacks.hosts import CallbackHosts, CallbackRefusedError
from server.jobs.errors import InvalidRequestError, Violation


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackCheck:
    """Knows which hosts are allowed, and whether callbacks can be signed."""

    hosts: CallbackHosts
    signed: bool

    def check(self, urls: Sequence[str]) -> None:
        """Check where callbacks lead; names are looked up when they are delivered.

        Raises:
            InvalidRequestError: callbacks cannot be signed, or may not go there; every such URL is named.
        """
        if urls and not self.signed:
            raise InvalidRequestError.of("callback_urls", "the service has no AITRADER_CALLBACK_SECRET to sign with")
        violations = list(self._violations(urls))
        if violations:
            raise InvalidRequestError(violations)

    def _violations(self, urls: Sequence[str]) -> Iterator[Violation]:
        for i, url in enumerate(urls):
            try:
                self.hosts.target(url)
            except CallbackRefusedError as error:
                yield Violation(field=f"callback_urls[{i}]", description=str(error))
