"""Measure how long a coroutine keeps its event loop from others."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable

MOST_MS = 60
"""Building a client of botocore takes 180 ms or more, a turn of xaccel at most 8 ms. On a loaded machine the same work
takes up to twice the processor time."""


def longest_turn_ms(work: Callable[[], Awaitable[object]]) -> float:
    """Run `work`, and return the longest time in which the loop ran nothing else: processor time of its thread.

    Waiting for the processor does not count, nor do other threads, nor a collection of the test process's garbage.
    """

    async def measure() -> float:
        task, longest = asyncio.ensure_future(work()), 0.0
        while not task.done():
            before = time.thread_time()
            await asyncio.sleep(0.001)  # without a pause, the threads of `work` would wait for this one
            longest = max(longest, time.thread_time() - before)
        await task
        return longest

    gc.collect()
    gc.disable()
    try:
        return asyncio.run(measure()) * 1000
    finally:
        gc.enable()
