"""A DNS server on loopback whose names a test changes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from dnslib import QTYPE, RR, A
from dnslib.server import BaseResolver, DNSLogger, DNSServer


@dataclass
class Names(BaseResolver):
    """`known` maps a name to an address; whatever is not there does not exist. `asked` grows as they come.

    A name with the address "" has none: a server that drops private addresses (`stop-dns-rebind` of dnsmasq,
    `private-address` of unbound) says so of a name that has no other.
    """

    address: str = ""
    known: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def resolve(self, request, handler):  # type: ignore[no-untyped-def]
        name = str(request.q.qname).rstrip(".").lower()
        self.asked.append(name)
        reply = request.reply()
        if name not in self.known:
            reply.header.rcode = 3
        elif QTYPE[request.q.qtype] == "A" and self.known[name]:
            reply.add_answer(RR(name, QTYPE.A, rdata=A(self.known[name]), ttl=1))
        return reply


@contextmanager
def dns_server() -> Iterator[Names]:
    """Answer on a free loopback port until the block ends."""
    names = Names()
    server = DNSServer(
        names, address="127.0.0.1", port=0, logger=DNSLogger("-request,-reply,-truncated,-error")
    )
    names.address = f"127.0.0.1:{server.server.server_address[1]}"
    server.start_thread()
    try:
        yield names
    finally:
        server.stop()
        server.server.server_close()
