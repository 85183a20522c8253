"""Does a download that has begun go on when the whole app is killed?"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from hashlib import sha256

from portal.demo.bucket import readable
from portal.demo.check.answer import Answer
from portal.demo.check.scene import Scene
from xaccel.servers.processes import alive, wait_until

_BLOCK = 256 * 1024


def ask(scene: Scene) -> Iterator[Answer]:
    """Leave the app dead: this is the last question."""
    alice, large = scene.browser("alice"), max(scene.stack.files, key=lambda file: file.size)
    digest = sha256()
    with alice.opened("GET", large.path) as answer:
        first = answer.read(1_000_000)
        digest.update(first)
        size, pids = len(first), scene.stack.app.pids
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        dead = wait_until(lambda: not any(alive(pid) for pid in pids), timeout_s=5)
        while block := answer.read(_BLOCK):
            digest.update(block)
            size += len(block)
    whole = digest.hexdigest() == large.sha256
    after = alice.get(large.path)
    yield Answer(
        "app-killed",
        dead and whole and after.status == 502 and not after.is_file,
        f"{len(pids)} processes killed after {readable(len(first))}; {readable(size)} arrived,"
        f" {'whole' if whole else 'NOT whole'}; the next request: {after.status}",
    )
