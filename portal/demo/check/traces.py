"""Is there any trace of the storage in anything that came back?"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from portal.demo.check.answer import Answer, verdict
from portal.demo.check.browser import Exchange
from portal.demo.check.scene import Scene

_WORDS = (
    "x-amz",
    "signature",
    "seaweed",
    "x-accel",
    "xaccel-",
    "<?xml",
    "<error>",
    "amazonaws",
    "s3.test",
    "nosuchkey",
)


def ask(scene: Scene) -> Iterator[Answer]:
    _look_around(scene)
    words = _secrets(scene)
    problems = [problem for exchange in scene.seen for problem in _found(exchange, words)]
    bodies = sum(1 for exchange in scene.seen if not exchange.is_file)
    good = f"none in the headers of {len(scene.seen)} responses and {bodies} bodies that are no file"
    yield verdict("no-trace-of-storage", problems, good)


def _look_around(scene: Scene) -> None:
    """Make this question worth asking alone: pages, a file by each method, refusals, an error of the storage."""
    alice, admin, file = scene.browser("alice"), scene.browser("admin"), scene.file("Track #7.txt")
    for path in ("/", "/downloads", "/nowhere", "/admin/", "/static/", "/static/nothing.css"):
        alice.get(path)
    for path in (
        "/admin/",
        "/admin/files/file/",
        f"/admin/files/file/{file.pk}/change/",
        "/admin/xaccel_audit/transfer/",
    ):
        admin.get(path)
    alice.get(file.path)
    alice.request("HEAD", file.path)
    alice.get(file.path, {"Range": "bytes=5-20"})
    alice.get(file.path, {"Range": "bytes=999999-"})
    alice.get(file.path, {"If-Match": '"another"'})
    alice.get(f"{scene.stack.site.internal_prefix}documents")
    scene.browser("prober").get(scene.probe_path("missing"))
    scene.browser("carol").get(file.path)
    alice.request("TRACE", file.path)
    alice.get("/files/%ff/download")


def _secrets(scene: Scene) -> dict[str, str]:
    stack = scene.stack
    address = stack.s3.address
    values = {
        "the bucket": stack.identity.bucket,
        "the endpoint": address,
        "the endpoint, encoded": quote(address, safe=""),
        "the endpoint's port": f":{address.rpartition(':')[2]}",
        "the access key": stack.s3.access_key,
        "the secret key": stack.s3.secret_key,
        "the site's secret": stack.identity.site_secret,
        "the portal's key": stack.identity.django_key,
    }
    return {**{word: word for word in _WORDS}, **{name: value.lower() for name, value in values.items()}}


def _found(exchange: Exchange, words: dict[str, str]) -> Iterator[str]:
    headers = "\n".join(f"{name}: {value}" for name, value in exchange.headers).lower()
    server = exchange.header("Server")
    if server not in ("nginx", ""):
        yield f"{exchange}, Server: {server}"
    # the bytes of a file are its owner's
    body = "" if exchange.is_file else exchange.text.lower()
    for name, value in words.items():
        if value in headers:
            yield f"{exchange}, {name} in its headers"
        if value in body:
            yield f"{exchange}, {name} in its body"
