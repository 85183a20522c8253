"""`xaccel explain`: the store's own reason, and what to do about it."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.live.conftest import Live, Places
from xaccel import cli
from xaccel.explain import ask_store, bucket_region
from xaccel.origins import S3Origin
from xaccel.site import Site
from xaccel.testing import Answer, free_port

pytestmark = pytest.mark.nginx


@pytest.fixture(scope="session", autouse=True)
def _stored(places: Places) -> None:
    places.s3.put(places.bucket, "explain.txt", b"here")
    places.s3.put(places.bucket, "explain-empty", b"")
    (places.media / "explain.txt").write_bytes(b"here")


def with_documents(site: Site, **changes: object) -> Site:
    documents = site.origin("documents")
    assert isinstance(documents, S3Origin)
    return replace(site, origins={"documents": replace(documents, **changes)})  # type: ignore[arg-type]


def test_the_stores_code_and_a_remedy_are_named(places: Places) -> None:
    site = places.site
    for key, code in (("explain.txt", ""), ("explain-empty", ""), ("missing", "NoSuchKey")):
        assert ask_store(site, "documents", key).code == code
    for changes, code in (
        ({"secret_key": "wrong"}, "SignatureDoesNotMatch"),
        ({"access_key": "unknown"}, "InvalidAccessKeyId"),
        ({"bucket": "no-such-bucket"}, "NoSuchBucket"),
        ({"endpoint_url": f"http://127.0.0.1:{free_port()}"}, "unreachable"),
    ):
        finding = ask_store(with_documents(site, **changes), "documents", "explain.txt")
        assert finding.code == code
        assert finding.remedy.endswith(".")
        assert places.s3.secret_key not in finding.remedy


def test_other_kinds_of_origins_are_asked_too(places: Places) -> None:
    assert ask_store(places.site, "media", "explain.txt").code == ""
    assert ask_store(places.site, "media", "missing").code == "FileNotFoundError"
    assert ask_store(places.site, "partner", "x").code == ""
    assert places.origin.requests[-1].header("Authorization") == "Bearer partner"
    places.origin.answer = lambda _: Answer(status=410)
    assert ask_store(places.site, "partner", "x").code == "410"


def test_codes_that_this_store_does_not_send_have_a_remedy(places: Places) -> None:
    """As Amazon S3 sends them: from an origin of ours."""
    for status, code in ((403, "RequestTimeTooSkewed"), (400, "ExpiredToken"), (403, "InvalidObjectState")):
        xml = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>m</Message></Error>".encode()
        places.origin.answer = lambda _, s=status, x=xml: Answer(
            status=s, headers=[("Content-Type", "application/xml")], body=x
        )
        finding = ask_store(
            with_documents(places.site, endpoint_url=places.origin.url), "documents", "explain.txt"
        )
        assert finding.code == code
        assert "documentation" not in finding.remedy


def test_the_command_shows_line_code_and_remedy(live: Live, tmp_path: Path) -> None:
    (line,) = live.new_lines(lambda: live.get("documents", "not there"))
    site = replace(live.places.site, log_path=str(live.nginx.directory / "xaccel.log"))
    parser = cli.argparse.ArgumentParser()
    cli.add_arguments(parser, file=False)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        cli.run(parser.parse_args(["explain", line["id"], "--key", "not there"]), site)
    shown, store, remedy = printed.getvalue().splitlines()
    assert json.loads(shown.removeprefix("line: ")) == line
    assert store == "store: NoSuchKey"
    assert remedy.startswith("remedy: There is no such object")


def test_the_app_can_tell_which_object_it_was(places: Places, tmp_path: Path) -> None:
    parser = cli.argparse.ArgumentParser()
    cli.add_arguments(parser, file=False)
    printed = io.StringIO()
    args = parser.parse_args(
        ["explain", "019aae21-0000-7000-8000-000000000000", "--log", str(tmp_path / "none.log")]
    )
    with contextlib.redirect_stdout(printed):
        cli.run(args, places.site, lambda _: ("documents", "explain.txt"))
    assert "store: delivers" in printed.getvalue()


def test_a_403_of_a_store_that_may_not_be_listed_is_404_where_the_site_says_so(live: Live) -> None:
    """The origin `hides` of the live tests has missing_as_403; SeaweedFS and the others answer 404 by themselves."""
    live.places.origin.answer = lambda _: Answer(status=403, body=b"<Error><Code>AccessDenied</Code></Error>")
    replies = []
    (line,) = live.new_lines(lambda: replies.append(live.get("hides", "x", options={"filename": "a.pdf"})))
    assert (replies[0].status, replies[0].body) == (404, b"Not found.\n")
    assert replies[0].one("Content-Disposition") is None
    assert (line["why"], line["status"]) == ("origin_403", "404")
    assert live.get("partner", "x").status == 502
    live.places.origin.answer = lambda _: Answer(status=401)
    assert live.get("hides", "x").status == 502


def test_the_region_of_a_bucket_is_what_the_store_says(places: Places) -> None:
    places.origin.answer = lambda _: Answer(status=403, headers=[("x-amz-bucket-region", "eu-west-1")])
    origin = S3Origin(
        bucket="docs", endpoint_url=places.origin.url, access_key="a", secret_key="b", region="us-east-1"
    )
    assert bucket_region(origin) == "eu-west-1"
    assert places.origin.requests[-1].header("Authorization") is None
    assert bucket_region(replace(origin, endpoint_url=f"http://127.0.0.1:{free_port()}")) is None
    assert bucket_region(replace(origin, endpoint_url=places.s3.endpoint, bucket=places.bucket)) is None
