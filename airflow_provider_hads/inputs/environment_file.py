"""``env.json``: what can be rented, at which prices and within which limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, AliasChoices, Field, ModelWrapValidatorHandler, model_validator

from airflow_provider_hads.exceptions import InputError, InputErrors
from airflow_provider_hads.inputs.document import dotted_path, shown
from airflow_provider_hads.inputs.validation import (
    Amount,
    Count,
    Document,
    PositiveAmount,
    SafeName,
    read_document,
)
from airflow_provider_hads.model import Burstable, Environment, InstanceType, Market

__all__ = ["MARKET_NAMES", "market_of", "parse_environment", "word_of", "words_of"]

MARKET_NAMES = {
    "on-demand": Market.ON_DEMAND,
    "preemptible": Market.SPOT,
    "spot": Market.SPOT,
}
"""The files' words for the markets; ``preemptible`` is the original's word for ``spot``."""

_MB_PER_GB = 1024
_SPOT_WORDS = ("preemptible", "spot")
_SPOT = AliasChoices(*_SPOT_WORDS)
_ON_DEMAND = "on-demand"


def market_of(word: str) -> Market:
    """Return the market of that name.

    :raises ValueError: there is none.
    """
    if word not in MARKET_NAMES:
        known = " or ".join(words_of(market) for market in (Market.ON_DEMAND, Market.SPOT))
        raise ValueError(f"{shown(word)} is no market; use {known}")
    return MARKET_NAMES[word]


def word_of(market: Market) -> str:
    """Return the original's word for a market."""
    return "preemptible" if market is Market.SPOT else _ON_DEMAND


def words_of(market: Market) -> str:
    """Return a market for messages: in the words of whoever wrote the file."""
    return f"'{word_of(market)}'" + (" (the same as 'spot')" if market is Market.SPOT else "")


def _yes_or_no(word: str) -> str:
    if word.lower() not in ("yes", "no"):
        raise ValueError(f'{shown(word)} must be "yes" or "no"')
    return word.lower()


def _provider(name: str) -> str:
    if name != "ec2":
        raise ValueError(f'{shown(name)} is not supported; the only provider is "ec2"')
    return name


YesOrNo = Annotated[str, AfterValidator(_yes_or_no)]


class _ByMarket(Document):
    """An object with a key for each market."""

    _spot_word: str | None = None

    @model_validator(mode="wrap")
    @classmethod
    def _keep_word(cls, value: Any, handler: ModelWrapValidatorHandler[_ByMarket]) -> _ByMarket:
        made = handler(value)
        made._spot_word = next((word for word in _SPOT_WORDS if word in value), None)
        return made

    def word(self, market: Market) -> str | None:
        """Return how the file calls a market; None where it says nothing of spot VMs here."""
        return self._spot_word if market is Market.SPOT else _ON_DEMAND

    def fault(self, market: Market, value: float | None, what: str) -> str:
        """Say of a market's value that it is not what it should be, or not there."""
        field = "spot" if market is Market.SPOT else "on_demand"
        if field not in self.model_fields_set:
            return "this key is missing"
        return f"{'null' if value is None else format(value, 'g')} is no {what}"


class _Prices(_ByMarket):
    on_demand: Amount | None = Field(default=None, validation_alias=_ON_DEMAND)
    spot: Amount | None = Field(default=None, validation_alias=_SPOT)


class _Limits(_ByMarket):
    on_demand: Count | None = Field(default=None, validation_alias=_ON_DEMAND)
    spot: Count | None = Field(default=None, validation_alias=_SPOT)


class _Markets(_ByMarket):
    on_demand: YesOrNo = Field(default="no", validation_alias=_ON_DEMAND)
    spot: YesOrNo = Field(default="no", validation_alias=_SPOT)

    def offered(self) -> list[Market]:
        answers = {Market.ON_DEMAND: self.on_demand, Market.SPOT: self.spot}
        return [market for market, answer in answers.items() if answer == "yes"]


class _BurstableTerms(Document):
    burstable: YesOrNo = "no"
    cpu_credit_rate: Amount = 0.0
    baseline: Annotated[float, Field(ge=0, le=100)] = 0.0


class _Restrictions(Document):
    limits: _Limits
    markets: _Markets
    burstable: _BurstableTerms = _BurstableTerms()


class _TypeDocument(Document):
    provider: Annotated[str, AfterValidator(_provider)] = "ec2"
    vcpu: Annotated[int, Field(ge=1, le=4096)]
    memory: PositiveAmount
    gflops: PositiveAmount
    prices: _Prices
    restrictions: _Restrictions

    def price(self, market: Market) -> float | None:
        return self.prices.spot if market is Market.SPOT else self.prices.on_demand

    def limit(self, market: Market) -> int | None:
        limits = self.restrictions.limits
        return limits.spot if market is Market.SPOT else limits.on_demand

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield the field, and what is wrong with it, where a market is offered without price or limit."""
        markets, limits = self.restrictions.markets, self.restrictions.limits
        for market in markets.offered():
            word = markets.word(market)
            offered = f"but restrictions.markets offers '{word}'"
            if not self.price(market):
                fault = self.prices.fault(market, self.price(market), "price")
                field = f"prices.{self.prices.word(market) or word}"
                yield field, f'{fault}, {offered}; give more than 0 $/h, or answer "no" there'
            if self.limit(market) is None:
                fault = limits.fault(market, None, "limit")
                field = f"restrictions.limits.{limits.word(market) or word}"
                yield field, f'{fault}, {offered}; give one, or answer "no" there'


class _RunLimits(Document):
    on_demand: Count = Field(validation_alias=_ON_DEMAND)
    spot: Count = Field(validation_alias=_SPOT)


class _GlobalLimits(Document):
    ec2: _RunLimits


def _some_types(types: dict[str, _TypeDocument]) -> dict[str, _TypeDocument]:
    if not types:
        raise ValueError("there are no instance types; an environment needs at least one")
    if not any(entry.restrictions.markets.offered() for entry in types.values()):
        raise ValueError(
            'no instance type is offered in any market; answer "yes" in some restrictions.markets'
        )
    return types


class _EnvironmentDocument(Document):
    global_limits: _GlobalLimits
    instances: Annotated[dict[SafeName, _TypeDocument], AfterValidator(_some_types)]


def parse_environment(text: str, file: str) -> Environment:
    """Read an ``env.json``: memory in GB and baselines in percent become MB and shares.

    :param text: content of the file.
    :param file: its name, for messages.
    :raises InputErrors: all that is wrong with it.
    """
    document = read_document(_EnvironmentDocument, text, file)
    problems = [
        InputError(file, f"instances.{dotted_path([name])}.{field}", problem)
        for name, entry in document.instances.items()
        for field, problem in entry.problems()
    ]
    if problems:
        raise InputErrors(problems)
    types = {name: _instance_type(name, entry) for name, entry in document.instances.items()}
    limits = document.global_limits.ec2
    return Environment(types, {Market.ON_DEMAND: limits.on_demand, Market.SPOT: limits.spot})


def _instance_type(name: str, document: _TypeDocument) -> InstanceType:
    offered = document.restrictions.markets.offered()
    return InstanceType(
        name=name,
        vcpus=document.vcpu,
        memory=document.memory * _MB_PER_GB,
        gflops=document.gflops,
        prices={market: document.price(market) or 0.0 for market in offered},
        limits={market: document.limit(market) or 0 for market in offered},
        burstable=_burstable(document.restrictions.burstable),
    )


def _burstable(terms: _BurstableTerms) -> Burstable | None:
    if terms.burstable == "no":
        return None
    return Burstable(credit_rate=terms.cpu_credit_rate, baseline=terms.baseline / 100)
