"""Rows of the table that a fourth operator invented without reading the doctor's checks."""

from __future__ import annotations

import shutil

from tests.doctor.breakages import app_at, breaks, own_app, simple
from tests.doctor.stage import Stage, download
from tests.live.small_disk import small_disk

simple(
    105,
    "LIMIT_RATE is so low that clients give up",
    lambda s: s.change(LIMIT_RATE=900),
    says="number of bytes",
)


@breaks(308, "The file that switches maintenance on was not removed", says="end the maintenance")
def _(s: Stage) -> None:
    (s.folder / "maintenance.on").touch()
    switch = f"        if (-f {s.folder}/maintenance.on) {{ return 503; }}\n        location / {{"
    s.edit("nginx.conf", "        location / {", switch)


@breaks(413, "The disk of a directory is not mounted", says="mount its disk")
def _(s: Stage) -> None:
    (s.folder / "media/a.txt").unlink()
    s.arguments |= {"--download": download("a.txt", "media"), "--object": "media/a.txt"}


@breaks(504, "The disk of the cache is smaller than the default of `min_free`", says="lower `min_free`")
def _(s: Stage) -> None:
    s.stack.enter_context(small_disk(s.folder, "48m", "var"))
    cache = s.folder / "var/cache"
    cache.mkdir()
    shutil.chown(cache, "www-data")
    s.reload()


@breaks(606, "The key of S3 was rotated, and the running app has the old one", says="restart it")
def _(s: Stage) -> None:
    documents = {**s.settings["ORIGINS"]["documents"], "secret_key": "the-key-before-the-rotation"}
    app_at(s, own_app(s, ORIGINS={**s.settings["ORIGINS"], "documents": documents}))
