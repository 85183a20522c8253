"""Contenders timed in turns, so that whatever else the machine does meets all of them alike."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from itertools import repeat

Sampler = Callable[[], float]
"""Does its work and returns the seconds that it took."""

Samples = dict[str, list[float]]
"""By the names of contenders, in the order of the rounds."""


def each(call: Callable[[], object], *, calls: int) -> Sampler:
    """Return a sampler of the mean CPU seconds of one call in a batch of `calls`, all of it on this thread.

    For work that waits for nothing this is what a clock on the wall shows when no other program is in the way.
    """

    def sample() -> float:
        start = time.thread_time()
        for _ in repeat(None, calls):
            call()
        return (time.thread_time() - start) / calls

    return sample


def interleave(contenders: Mapping[str, Sampler], *, rounds: int, warm: bool = True) -> Samples:
    """Return the samples of each contender, one for each round.

    Each round runs all of them once, in an order drawn anew, so samples of the same index belong together and a
    ratio or difference of two contenders is made within a round. A first round is thrown away, unless times mean
    nothing (`warm` is False).
    """
    samples: Samples = {name: [] for name in contenders}
    order = list(contenders)
    drawn = random.Random(1)
    if warm:
        for name in order:
            contenders[name]()
    for _ in range(rounds):
        drawn.shuffle(order)
        for name in order:
            samples[name].append(contenders[name]())
    return samples


def warmed(beside: Samples) -> Samples:
    """Return what samplers wrote down beside their times, without the round that `interleave` throws away."""
    return {name: values[1:] for name, values in beside.items()}
