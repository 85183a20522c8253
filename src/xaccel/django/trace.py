"""Report to `xaccel trace`, once for each key where all processes of the project share a cache."""

from __future__ import annotations

from django.core.cache import caches
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.locmem import LocMemCache
from django.http import HttpRequest

from xaccel.adapter import ClientRequest
from xaccel.django.conf import configuration
from xaccel.events import logger
from xaccel.handoff.builder import HandOff
from xaccel.handoff.trace_key import LIFE_S, spend_in_memory, trace_headers


def report_headers(request: HttpRequest, hand_off: HandOff, own_status: int | None) -> list[tuple[str, str]]:
    """Return what `trace_headers` does."""
    # Django has decoded the path of META.
    traced = ClientRequest.of_environ(request.META, "utf-8").traced
    return trace_headers(configuration().site, traced, hand_off, own_status, _spend) if traced else []


def _spend(nonce: str, now: float) -> str | None:
    remembered = spend_in_memory(nonce, now)
    try:
        cache = caches["default"]
        if remembered is None or isinstance(cache, DummyCache | LocMemCache):
            return remembered
        is_new = cache.add(f"xaccel.trace.{nonce}", 1, 2 * LIFE_S)
    except Exception as error:  # noqa: BLE001  (each cache has its own)
        logger.warning("a trace was refused: the cache cannot remember its key (%s)", type(error).__name__)
        return None
    return f"by CACHES['default'] ({type(cache).__name__})" if is_new else None
