"""``env.json``: what can be rented, at which prices and within which limits."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, AliasChoices, Field, model_validator

from airflow_provider_hads.inputs.document import shown
from airflow_provider_hads.inputs.validation import (
    Amount,
    Count,
    Document,
    PositiveAmount,
    SafeName,
    read_document,
)
from airflow_provider_hads.model import Burstable, Environment, InstanceType, Market

__all__ = ["MARKET_NAMES", "market_of", "parse_environment", "word_of"]

MARKET_NAMES = {
    "on-demand": Market.ON_DEMAND,
    "preemptible": Market.SPOT,
    "spot": Market.SPOT,
}
"""The files' words for the markets; ``preemptible`` is the original's word for ``spot``."""

_MB_PER_GB = 1024
_SPOT = AliasChoices("preemptible", "spot")
_ON_DEMAND = "on-demand"


def market_of(word: str) -> Market:
    """Return the market of that name.

    :raises ValueError: there is none.
    """
    if word not in MARKET_NAMES:
        raise ValueError(f"{shown(word)} is no market; use 'on-demand' or 'preemptible' (the same as 'spot')")
    return MARKET_NAMES[word]


def word_of(market: Market) -> str:
    """Return the original's word for a market."""
    return "preemptible" if market is Market.SPOT else _ON_DEMAND


def _yes_or_no(word: str) -> str:
    if word.lower() not in ("yes", "no"):
        raise ValueError(f'{shown(word)} must be "yes" or "no"')
    return word.lower()


def _provider(name: str) -> str:
    if name != "ec2":
        raise ValueError(f'{shown(name)} is not supported; the only provider is "ec2"')
    return name


YesOrNo = Annotated[str, AfterValidator(_yes_or_no)]


class _Prices(Document):
    on_demand: Amount | None = Field(default=None, validation_alias=_ON_DEMAND)
    spot: Amount | None = Field(default=None, validation_alias=_SPOT)


class _Limits(Document):
    on_demand: Count | None = Field(default=None, validation_alias=_ON_DEMAND)
    spot: Count | None = Field(default=None, validation_alias=_SPOT)


class _Markets(Document):
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

    def price(self, market: Market) -> float:
        return (self.prices.spot if market is Market.SPOT else self.prices.on_demand) or 0.0

    def limit(self, market: Market) -> int | None:
        limits = self.restrictions.limits
        return limits.spot if market is Market.SPOT else limits.on_demand

    @model_validator(mode="after")
    def _offered_markets_are_complete(self) -> _TypeDocument:
        for market in self.restrictions.markets.offered():
            offer = f"restrictions.markets offers '{word_of(market)}'"
            if self.price(market) == 0:
                raise ValueError(f'{offer} at no price; give prices more than 0 $/h or answer "no" there')
            if self.limit(market) is None:
                raise ValueError(f"{offer}, but restrictions.limits has no limit for it; add one")
        return self


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
        prices={market: document.price(market) for market in offered},
        limits={market: document.limit(market) or 0 for market in offered},
        burstable=_burstable(document.restrictions.burstable),
    )


def _burstable(terms: _BurstableTerms) -> Burstable | None:
    if terms.burstable == "no":
        return None
    return Burstable(credit_rate=terms.cpu_credit_rate, baseline=terms.baseline / 100)
