"""The searches by compiled code, where there is some: the same tries, twenty times as fast.

Which of the two runs makes no difference to what is found by the same steps; but how many steps there is time
for (:mod:`~airflow_provider_hads.planning.packing.effort`) depends on it.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from random import Random
from typing import TYPE_CHECKING

from airflow_provider_hads.model import Market
from airflow_provider_hads.planning.stopping import Stop, never

try:
    from airflow_provider_hads.planning.packing import _compiled
except ImportError:  # there was no compiler when the provider was installed
    COMPILED = False
else:
    COMPILED = True

if TYPE_CHECKING:
    from airflow_provider_hads.planning.packing.fleet import Fleet
    from airflow_provider_hads.planning.packing.memory_fleet import MemoryFleet
    from airflow_provider_hads.planning.packing.memory_sketch import Sketch

__all__ = ["COMPILED", "anneal_cores", "anneal_orders", "anneal_sketch"]

MARKETS = tuple(Market)


def anneal_cores(
    fleet: Fleet,
    rng: Random,
    batches: int,
    every: int,
    edge: float,
    hot: float,
    cooling: float,
    share: float,
    stop: Stop,
) -> None:
    """Do what :func:`~airflow_provider_hads.planning.packing.annealing.anneal` does.

    :param batches: how many times the temperature falls.
    :param every: batches after which it is settled anew what work costs.
    :param edge: seconds by which rounding may make a core end late.
    :param hot: temperature at first, dollars.
    :param cooling: by what it is multiplied.
    """
    arrays, kinds = fleet.instance.arrays, [fleet.instance.choices[choice] for choice in fleet.choice]
    core_of = array("i", fleet.core_of)
    with _words_of(rng) as words:
        _compiled.anneal_cores(
            arrays.times,
            array("i", fleet.choice),
            array("i", fleet.first),
            array("d", [kind.latest + edge for kind in kinds]),
            array("d", [kind.rate for kind in kinds]),
            arrays.order,
            arrays.place,
            arrays.lengths,
            array("i", chain.from_iterable(fleet.tasks)),
            array("i", map(len, fleet.tasks)),
            array("d", fleet.load),
            core_of,
            words,
            batches,
            every,
            hot,
            cooling,
            share,
            _asked(stop),
        )
    fleet.assign(core_of)


def anneal_orders(
    fleet: MemoryFleet, rng: Random, steps: int, hot: float, cooling: float, share: float, stop: Stop
) -> None:
    """Do what :func:`~airflow_provider_hads.planning.packing.memory_annealing.anneal_orders` does.

    :param hot: temperature at first, dollars.
    :param cooling: by what it is multiplied.
    """
    arrays, more = fleet.instance.arrays, fleet.instance.memory_arrays
    kinds = [fleet.instance.choices[choice] for choice in fleet.choice]
    tasks, counts = array("i", chain.from_iterable(fleet.orders)), array("i", map(len, fleet.orders))
    ends = array("d", fleet.end)
    with _words_of(rng) as words:
        _compiled.anneal_orders(
            arrays.times,
            arrays.memory,
            more.uses,
            array("i", fleet.choice),
            array("i", [kind.slots for kind in kinds]),
            array("d", [kind.type.memory for kind in kinds]),
            array("d", [kind.latest for kind in kinds]),
            array("d", [kind.rate for kind in kinds]),
            more.alike_from,
            more.alike,
            tasks,
            counts,
            ends,
            words,
            steps,
            hot,
            cooling,
            share,
            _asked(stop),
        )
    fleet.set_orders(_split(tasks.tolist(), counts), ends.tolist())


def anneal_sketch(sketch: Sketch, steps: int, hot: float, cooling: float, stop: Stop) -> None:
    """Do what :func:`~airflow_provider_hads.planning.packing.memory_sketch.sketched_fleet` does to a sketch.

    :param hot: temperature at first, dollars.
    :param cooling: by what it is multiplied.
    """
    instance = sketch.instance
    kinds, limits = instance.choices, instance.market_limits
    vm_of = array("i", sketch.vm_of)
    with _words_of(sketch.rng) as words:
        _compiled.anneal_sketch(
            instance.arrays.times,
            instance.memory_arrays.uses,
            array("i", sketch.choice),
            array("d", sketch.rate),
            array("d", sketch.latest),
            array("i", [kind.limit for kind in kinds]),
            array("i", [MARKETS.index(kind.market) for kind in kinds]),
            array("i", [kind.type.vcpus for kind in kinds]),
            array("i", [limits.get(market, 0) for market in MARKETS]),
            array("d", chain(sketch.busy, sketch.filled, sketch.halves, sketch.end)),
            array("i", sketch.count),
            vm_of,
            words,
            -1 if instance.vcpu_limit is None else instance.vcpu_limit,
            steps,
            hot,
            cooling,
            _asked(stop),
        )
    sketch.vm_of = vm_of.tolist()


def _asked(stop: Stop) -> Stop | None:
    return None if stop is never else stop


@contextmanager
def _words_of(rng: Random) -> Iterator[array[int]]:
    """Lend the state of a random number generator, and take it back as it is then."""
    version, words, gauss = rng.getstate()
    lent = array("I", words)
    yield lent
    rng.setstate((version, tuple(lent), gauss))


def _split(tasks: list[int], counts: array[int]) -> list[list[int]]:
    split, begin = [], 0
    for count in counts:
        split.append(tasks[begin : begin + count])
        begin += count
    return split
