"""What scripts/deploy --check lets pass while parts are down."""

from __future__ import annotations

from hashlib import sha256

import pytest

from portal.demo.browser import Exchange
from tests.deployment.check import Crowd, Files, wrongly_told


@pytest.mark.parametrize(
    ("status", "is_wrong"),
    [(0, False), (200, False), (302, False), (403, True), (404, True), (500, True), (503, False)],
)
def test_a_user_who_may_have_a_file_is_told_nothing_else(status: int, is_wrong: bool) -> None:
    path, body = "/files/1/download", b"Not found."
    people = Crowd(Files({"small.bin": path}, {"small.bin": ""}), (8080,))
    found = Exchange("ann", "GET", path, status, (), body, len(body), sha256(body).hexdigest())
    people.during.append(("s3-1 was killed", found))
    told = [f"after s3-1 was killed, a user who may have the file got GET {path}: {status}: {body!r}"]
    assert wrongly_told(people) == (told if is_wrong else [])
