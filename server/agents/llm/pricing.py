"""What tokens cost: by the list of genai-prices as it ships (nothing is fetched), or by the config's own prices."""

from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache

from server.engine.llm import LlmSpec, TokenPrices
from server.engine.session_record import TokenUsage

MILLION = Decimal(1_000_000)

OPENROUTER = "openrouter"


@dataclass(frozen=True, slots=True)
class Pricing:
    """Prices the requests of one model; a request at a time, as some prices depend on its size."""

    own: TokenPrices | None
    references: tuple[tuple[str | None, str], ...]

    @classmethod
    def of(cls, spec: LlmSpec) -> "Pricing":
        """Return the pricing of a model."""
        return cls(spec.prices, _references(spec.basemodel, spec.base_url))

    @property
    def known(self) -> bool:
        """Whether the model has a price."""
        return self.cost(TokenUsage(requests=1, input_tokens=1, output_tokens=1)) is not None

    def cost(self, usage: TokenUsage) -> Decimal | None:
        """Return what one request cost, in dollars; None when the model has no known price."""
        if self.own is not None:
            return _own_cost(usage, self.own)
        for provider, model in self.references:
            if _is_listed(provider, model):
                return _listed_cost(usage, provider, model)
        return None


def added(total: TokenUsage, request: TokenUsage) -> TokenUsage:
    """Return the sum of two usages."""
    return replace(
        total,
        requests=total.requests + request.requests,
        input_tokens=total.input_tokens + request.input_tokens,
        output_tokens=total.output_tokens + request.output_tokens,
        cache_read_tokens=total.cache_read_tokens + request.cache_read_tokens,
        cache_write_tokens=total.cache_write_tokens + request.cache_write_tokens,
        reasoning_tokens=total.reasoning_tokens + request.reasoning_tokens,
    )


def _references(basemodel: str, base_url: str | None) -> tuple[tuple[str | None, str], ...]:
    """Return where to look a model up, most specific first.

    OpenRouter's list comes last for other endpoints: its `vendor/model` names are the only ones some vendors have.
    """
    if ":" in basemodel.partition("/")[0]:
        provider, _, model = basemodel.partition(":")
        return ((provider, model),)
    vendor, slash, model = basemodel.partition("/")
    if not slash:
        return ((None, basemodel),)
    whole, parts = (OPENROUTER, basemodel), (vendor, model)
    return (whole, parts) if base_url and "openrouter.ai" in base_url else (parts, whole)


@lru_cache(maxsize=1000)
def _is_listed(provider: str | None, model: str) -> bool:
    """Look a model up once: the list remembers what it found, and goes through all of itself for what it has not."""
    return _listed_cost(TokenUsage(requests=1, input_tokens=1, output_tokens=1), provider, model) is not None


def _listed_cost(usage: TokenUsage, provider: str | None, model: str) -> Decimal | None:
    from genai_prices import Usage, calc_price

    counted = Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
    )
    try:
        return calc_price(counted, model, provider_id=provider).total_price
    except (LookupError, ValueError):
        return None


def _own_cost(usage: TokenUsage, prices: TokenPrices) -> Decimal:
    read = prices.input if prices.cache_read is None else prices.cache_read
    write = prices.input if prices.cache_write is None else prices.cache_write
    plain = usage.input_tokens - usage.cache_read_tokens - usage.cache_write_tokens
    total = prices.input * plain + read * usage.cache_read_tokens + write * usage.cache_write_tokens
    return (total + prices.output * usage.output_tokens) / MILLION
