"""Measure how long a coroutine keeps its event loop from others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable


def longest_turn_ms(work: Callable[[], Awaitable[object]]) -> float:
    """Run `work`, and return the longest time in which the loop ran nothing else: processor time of its thread.

    A loaded machine makes no turn longer, and other threads do not count.
    """

    async def measure() -> float:
        task, longest = asyncio.ensure_future(work()), 0.0
        while not task.done():
            before = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - before)
        await task
        return longest

    return asyncio.run(measure()) * 1000
