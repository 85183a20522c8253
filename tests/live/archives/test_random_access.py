"""The directory of an archive is read without the storage, and a member by one request, by the code of the page."""

from __future__ import annotations

import re
import zlib

import pytest

from tests.live.archives.scene import BODY, TAG, Row, Scene
from tests.live.conftest import ROOT

COUNT = 100_000
"""As many as `max_members` allows, and more than 16 bits have."""

pytestmark = pytest.mark.variants("deb", "deb-njs")  # NGINX's part is that of other ranges


def test_the_code_of_the_page_lists_an_archive_and_reads_one_member(archives: Scene) -> None:
    page = (ROOT / "docs" / "reference" / "archives.md").read_text()
    [code] = re.findall(r"```python\n# remote_zip\.py\n(.*?)```", page, re.DOTALL)
    names: dict[str, object] = {}
    exec(code, names)
    archives.bodies["partner", "plain"] = BODY
    row = Row("", len(BODY), zlib.crc32(BODY), "partner", "plain", TAG)
    archives.archive("random", [row._replace(name=f"{number}.bin") for number in range(COUNT)])
    archives.origin.requests.clear()
    url = f"http://127.0.0.1:{archives.nginx.port}/zip/random"
    remote, archive = names["open_archive"](url, {"X-User": "reader"})  # type: ignore[operator]
    assert archive.namelist() == [f"{number}.bin" for number in range(COUNT)]
    assert archives.origin.requests == []
    assert names["read_member"](remote, archive.getinfo("87654.bin")) == BODY  # type: ignore[operator]
    assert len(archives.origin.requests) == 1
