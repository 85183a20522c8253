"""Each adapter sends archives, and its middleware responds to NGINX."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live.archives.scene import filled, scene
from xaccel_testing import S3Server, Variant

pytestmark = pytest.mark.variants("deb-njs")  # the adapters' part is the same on each build


@pytest.mark.parametrize(
    ("adapter", "kind"), [("flask", "wsgi"), ("wsgi", "wsgi"), ("starlette", "asgi"), ("asgi", "asgi")]
)
def test_an_archive_is_whole_and_its_permission_is_asked_again(
    tmp_path: Path, variant: Variant, s3: S3Server, adapter: str, kind: str
) -> None:
    with scene(tmp_path, variant, s3, adapter=adapter, kind=kind) as running:
        archives = filled(running)
        for name in ("mixed", "large"):
            assert archives.get(name).body == archives.expected(name)
        whole = archives.expected("large")
        came = archives.get("large", headers={"Range": f"bytes={len(whole) // 2}-"})
        assert (came.status, came.body) == (206, whole[len(whole) // 2 :])
        key = next(row.key for row in archives.rows["large"] if row.size)
        archives.deny(key.replace("/", " "))
        came = archives.get("large")
        assert came.is_cut or came.status >= 500
