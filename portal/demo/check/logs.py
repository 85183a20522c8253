"""Is there a signature or a secret in any log, and a word of the storage in the lines of our locations?"""

from __future__ import annotations

from collections.abc import Iterator

from portal.demo.check.answer import Answer, verdict
from portal.demo.check.scene import Scene
from xaccel.servers.processes import wait_until


def ask(scene: Scene) -> Iterator[Answer]:
    _make_noise(scene)
    stack = scene.stack
    everywhere = {
        "a signature": "X-Amz-Signature",
        "the access key": stack.s3.access_key,
        "the secret key": stack.s3.secret_key,
        "the site's secret": stack.identity.site_secret,
    }
    place = {"the bucket": stack.identity.bucket, "the endpoint": stack.s3.address, "a URL": "http://"}
    problems, size = [], 0
    for file, text in stack.logs().items():
        size += len(text)
        words = {**everywhere, **place} if file == stack.line_log else everywhere
        problems += [f"{name} in {file.name}" for name, word in words.items() if word.lower() in text.lower()]
    if not size:
        problems.append("no log was written")
    yield verdict(
        "no-secret-in-logs", problems, f"{size // 1024} KB of logs hold no signature, key or address"
    )


def _make_noise(scene: Scene) -> None:
    """Do what NGINX has something to say about: leave in the middle, ask for what is gone and for a range too far."""
    alice, large = scene.browser("alice"), max(scene.stack.files, key=lambda file: file.size)
    before = len(scene.stack.nginx.lines())
    with alice.opened("GET", large.path) as answer:
        answer.read(100_000)
    scene.browser("prober").get(scene.probe_path("missing"))
    alice.get(large.path, {"Range": f"bytes={large.size}-"})
    wait_until(lambda: len(scene.stack.nginx.lines()) >= before + 3, timeout_s=3)
