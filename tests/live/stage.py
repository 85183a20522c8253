"""One NGINX with a site of a test's own. Its app runs in the test's process: hand-offs can be seen and bent."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tests.engine_text import expanded
from tests.live import gates, stand_in
from tests.live.client import Reply, ask, send_target
from tests.live.conftest import build_of, config_text
from tests.servers.origin import Answer, Origin, Request, origin_server
from xaccel import ObjectRef
from xaccel.handoff.builder import HandOff
from xaccel.options import Options
from xaccel.sender import Sender
from xaccel.site import read_mapping
from xaccel.tools.nginx import Directive, Parts, render
from xaccel_testing import NginxServer, Variant, free_port, nginx_server
from xaccel_testing.servers.processes import wait_until

if TYPE_CHECKING:
    from xaccel.site import Site

SECRET = "stage-0123456789-abcdefghijklmnopqrstuvwxyz"


@dataclass
class Stage:
    """A running NGINX, and every hand-off its app has made, oldest first."""

    nginx: NginxServer
    site: Site
    variant: Variant
    hand_offs: list[HandOff] = field(default_factory=list)

    def get(
        self,
        origin: str,
        key: str = "x",
        *,
        bucket: str | None = None,
        method: str = "GET",
        headers: Mapping[str, str] | tuple[tuple[str, str], ...] = (),
        options: Mapping[str, Any] | None = None,
        put: Mapping[str, str] | None = None,
    ) -> Reply:
        """Ask for a download; `put` replaces headers of the hand-off as a forger would."""
        return ask(self.nginx.port, target(origin, key, options, put, bucket), method, headers)

    def logged(self, *args: Any, **more: Any) -> tuple[Reply, dict[str, Any]]:
        """Ask as `get` does, and return the reply and the log entry."""
        reply = self.get(*args, **more)
        return reply, line_where(self.nginx, "id", self.hand_offs[-1].event.transfer_id)

    def lines_of(self, action: Callable[[], Any]) -> list[dict[str, Any]]:
        """The JSON lines of the hand-offs that `action` causes, in the order of the hand-offs."""
        before = len(self.hand_offs)
        action()
        return [line_where(self.nginx, "id", made.event.transfer_id) for made in self.hand_offs[before:]]


def line_where(nginx: NginxServer, name: str, value: str) -> dict[str, Any]:
    """The line whose field has this value: NGINX writes it after the client has its bytes, perhaps after the next."""

    def found() -> list[dict[str, Any]]:
        return [line for line in nginx.lines(containing=value) if line[name] == value]

    assert wait_until(lambda: bool(found()), timeout_s=60), f"no line has {name} {value}"
    [line] = found()
    return line


def target(
    origin: str,
    key: str = "x",
    options: Mapping[str, Any] | None = None,
    put: Mapping[str, str] | None = None,
    bucket: str | None = None,
) -> str:
    """The path and query that make the app hand off."""
    asked = {"origin": origin, "key": key, "bucket": bucket}
    path = f"/{origin}" if origin == gates.GRANTED else ""
    return path + send_target({**asked, "options": dict(options or {}), "put": dict(put or {})})


def kind(options: Mapping[str, Any]) -> str:
    """The type of origin that has these options."""
    return "local" if "root" in options else "s3" if "bucket" in options else "http"


def application(
    sender: Sender, hand_offs: list[HandOff], size_of: stand_in.SizeOf = lambda _: None
) -> Callable[[Request], Answer]:
    """An app that hands off what /send?q=… asks for; any other path is an ordinary page. size_of: for archives."""

    def answer(request: Request) -> Answer:
        if (template := stand_in.template(sender.site, request, size_of)) is not None:
            return template
        if (signed := gates.signature(sender, request)) is not None:
            return signed
        parts = urlsplit(request.target)
        if parts.path not in ("/send", f"/{gates.GRANTED}/send"):
            return Answer(
                headers=[("Content-Type", "text/html")], body=b"an ordinary page, long enough " * 200
            )
        asked = json.loads(parse_qs(parts.query)["q"][0])
        ref, options = ObjectRef(asked["origin"], asked["key"], bucket=asked["bucket"]), asked["options"]
        if asked["origin"] == stand_in.ARCHIVES:
            ref, options = stand_in.archive(sender.site, asked["key"]), {"etag": "of-the-archive", **options}
        grants = {"grant": 60} if asked["origin"] == gates.GRANTED else {}
        hand_off = sender.hand_off(ref, method=request.method, options=Options(**options, **grants))
        hand_offs.append(hand_off)
        granted = gates.grant(sender.site, request, hand_off)
        headers = {**dict(hand_off.headers), "Content-Type": "text/html", **granted, **asked["put"]}
        return Answer(status=hand_off.status, headers=list(headers.items()))

    return answer


@contextmanager
def stage(
    directory: Path,
    variant: Variant,
    origins: Mapping[str, Mapping[str, Any]],
    *,
    change: Callable[[Parts], Parts] = lambda parts: parts,
    write: Callable[[Parts, int, str], str] | None = None,
    size_of: stand_in.SizeOf = lambda _: None,
    **settings: Any,
) -> Iterator[Stage]:
    """Run NGINX for one site: `origins` are options, of S3 where they have a bucket, of a directory where a root.

    `settings` are further keys of settings.XACCEL. `change` edits the printed directives. `write` makes the whole
    text from parts, port and the app's address; the default is `standalone`. size_of: of the objects in archives.
    """
    site = read_mapping.read(
        {
            "SECRET": SECRET,
            "ORIGINS": {name: {"type": kind(options), **dict(options)} for name, options in origins.items()},
            **{key.upper(): value for key, value in settings.items()},
        }
    )
    build, port, made = build_of(variant), free_port(), []
    with origin_server(application(Sender(site), made, size_of)) as app:
        parts = change(render(stand_in.with_app(site, app.address), build))
        if write is not None:
            text = write(parts, port, app.address)
        else:
            text = config_text(site, variant, app.address, port, parts=parts)
        with nginx_server(directory, text, binary=variant.binary, ready_port=port) as nginx:
            yield Stage(nginx, site, variant, made)


@contextmanager
def cached_stage(
    directory: Path,
    variant: Variant,
    answer: Callable[[Request], Answer],
    *,
    cache: Mapping[str, str],
    **settings: Any,
) -> Iterator[tuple[Stage, Origin]]:
    """Run a stage whose origin `store`, a server with this answer, is cached with these settings."""
    with origin_server(answer) as origin:
        origins = {"store": {"base_url": f"{origin.url}/", "cache": True}}
        with stage(directory, variant, origins, cache={"path": "cache", **cache}, **settings) as made:
            yield made, origin


def set_everywhere(parts: Parts, name: str, *args: str) -> Parts:
    """`parts` with other arguments for every directive called `name`, in an expanded copy of the engine too.

    Raises LookupError where there is none.
    """
    changed = 0

    def walk(directives: Sequence[Directive]) -> tuple[Directive, ...]:
        nonlocal changed
        result = []
        for item in directives:
            if item.name == name:
                changed += 1
                item = replace(item, args=args)
            elif item.block is not None:
                item = replace(item, block=walk(item.block))
            result.append(item)
        return tuple(result)

    places = ("engine", "http", "server", "app")
    new = replace(parts, **{place: walk(expanded(getattr(parts, place))) for place in places})
    if not changed:
        raise LookupError(f"no {name} is printed")
    return new
