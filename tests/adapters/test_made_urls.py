"""An app without Django signs with an SDK of its own: each adapter tells it the method that NGINX will ask with."""

from __future__ import annotations

import threading

import pytest

from tests.adapters.in_process import EACH, Ask, Asked, in_flask, in_wsgi
from xaccel import HTTPOrigin, Site
from xaccel_testing import assert_hand_off

BASE = "https://store.example/docs/"
SITE = Site(origins={"docs": HTTPOrigin(base_url=BASE, expires_s=60)}, secrets=("s" * 32,))


@pytest.mark.parametrize("ask", EACH)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_url_is_made_for_the_method_and_not_in_the_thread_of_the_event_loop(
    ask: Ask, method: str
) -> None:
    threads: list[threading.Thread] = []

    def signed(method: str) -> str:
        threads.append(threading.current_thread())
        return f"{BASE}a%20b.pdf?Expires=1&Signature={method}"

    made = ask(Asked(SITE, {"url": signed, "origin": "docs"}, method))
    assert_hand_off(made, origin="docs", url=f"{BASE}a%20b.pdf", filename="a b.pdf", site=SITE)
    assert made.headers["Xaccel-Url"].endswith(f"Signature={method}")
    assert made.headers.get("Xaccel-Method", "GET") == method
    assert [thread is threading.main_thread() for thread in threads] == [ask in (in_flask, in_wsgi)]
