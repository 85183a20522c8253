"""A listed name that resolves to a private address: a DNS server that drops such answers is what NGINX is given."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import pytest
from dnslib import QTYPE, RR

from tests.live.origin.dns_server import Names, dns_server
from tests.live.stage import stage
from tests.servers.origin import Answer, Request, origin_server
from xaccel_testing import Variant


def drop_private(names: Names) -> None:
    """What `stop-dns-rebind` of dnsmasq and `private-address` of unbound do: the answer loses its private addresses."""
    resolve = names.resolve

    def filtered(request: Any, handler: Any) -> Any:
        reply = resolve(request, handler)
        kept: list[RR] = [
            row
            for row in reply.rr
            if QTYPE[row.rtype] != "A" or not ipaddress.ip_address(str(row.rdata)).is_private
        ]
        reply.rr = kept
        return reply

    names.resolve = filtered  # type: ignore[method-assign]


@pytest.mark.parametrize("filters", [False, True])
def test_a_filtering_dns_server_keeps_private_addresses_out(
    variant: Variant, tmp_path: Path, filters: bool
) -> None:
    """The host is known by its suffix, so NGINX looks it up for each transfer, on every build."""
    with origin_server(lambda _: Answer(body=b"of the network")) as inside, dns_server() as names:
        names.known["inside.leads.test"] = "127.0.0.1"
        if filters:
            drop_private(names)

        def lead(_: Request) -> Answer:
            location = f"http://inside.leads.test:{inside.port}/secret"
            return Answer(status=302, headers=[("Location", location)])

        with origin_server(lead) as origin:
            origins = {"a": {"base_url": f"{origin.url}/", "redirect_hosts": [f"*.leads.test:{inside.port}"]}}
            with stage(tmp_path / "nginx", variant, origins, resolver=[names.address]) as running:
                reply = running.get("a")
        assert "inside.leads.test" in names.asked
    assert (reply.status, len(inside.requests)) == ((502, 0) if filters else (200, 1))
