"""Report servers of the demo that ended by themselves."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass

from portal.demo.stack import Stack
from xaccel_testing.servers.processes import RunningServer

_LINES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Ended:
    """A server that no longer runs. `name` is its name for users."""

    name: str
    server: RunningServer

    @property
    def how(self) -> str:
        """The exit status in words."""
        status = self.server.exit_status
        if status is not None and status < 0:
            return f"killed by {signal.Signals(-status).name}"
        return f"exit status {status}"

    def report(self) -> Iterator[str]:
        """Yield which server ended, how, and the end of its log."""
        yield f"{self.name} ended ({self.how}). The demo goes on without it; start the demo again to get it back."
        yield f"  Its log is {self.server.log_file}"
        for line in self.server.log.split("\n")[-_LINES_SHOWN - 1 :]:
            if line.strip():
                yield f"    {line}"


def ended_servers(stack: Stack) -> list[Ended]:
    """Return the servers of `stack` that no longer run."""
    servers = {
        "The S3 server": stack.s3.server,
        "The portal": stack.app.server,
        "NGINX": stack.nginx.server,
        "The ingestion of the log": stack.ingest,
    }
    return [Ended(name, server) for name, server in servers.items() if server.exit_status is not None]
