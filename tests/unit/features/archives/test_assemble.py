"""What the app responds to NGINX: a template for the ticket of its own site, and nothing to anybody else."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from xaccel import ObjectRef, Options, Sender
from xaccel.errors import ArchiveRefused, ConfigError, OptionRefused, OriginNotAllowed
from xaccel.events import DownloadEvent
from xaccel.features.archives import template
from xaccel.features.archives.assemble import respond
from xaccel.features.archives.kept import Folder, Layouts
from xaccel.features.archives.layout import Layout
from xaccel.features.archives.members import ZipMember
from xaccel.features.archives.send import ZipArguments, layouts_in_folder, make_archive
from xaccel.features.archives.ticket import NO_LAYOUT, Ticket, name_of, read_ticket
from xaccel.handoff.headers import Answer
from xaccel.site import Site, read_mapping
from xaccel.site.keys import nginx_token, seal
from xaccel.site.protocol import TOKEN_HEADER

SECRET, OLD = "new-0123456789-abcdefghijklmnopqrstuvw", "old-0123456789-abcdefghijklmnopqrstuvw"
ETAG = r'"a$b\c"'


def site(**more: object) -> Site:
    bucket = {
        "type": "s3",
        "bucket": "acme",
        "endpoint_url": "http://s3.test",
        "access_key": "key",
        "secret_key": "not a secret",
        "region": "us-east-1",
    }
    mapping = {
        "SECRET": [SECRET, OLD],
        "ORIGINS": {
            "documents": bucket,
            "media": {"type": "local", "root": "/srv/media"},
            "signed": {"type": "http", "base_url": "http://signed.test/", "expires_s": 60},
        },
        "ARCHIVES": {"app": "127.0.0.1:8000"},
        **more,
    }
    return read_mapping.read(mapping)


SITE = site()


def may_have(subject: str, ref: ObjectRef) -> bool:
    if ref.key == "fails":
        raise OSError("the database is down")
    return subject == "7" and ref.key != "revoked"


def members(*keys: str, size: int = 5, origin: str = "documents") -> list[ZipMember]:
    return [ZipMember(ObjectRef(origin, key), name=key, size=size, crc32=1, etag=ETAG) for key in keys]


def many(count: int, size: int = 5) -> Layout:
    return Layout.of(members(*(f"{number:05}" for number in range(count)), size=size))


class App:
    """The app of a site, and what it recorded."""

    def __init__(
        self, folder: object, layout: Layout, *, check: object = may_have, subject: str = "7"
    ) -> None:
        self.sender, self.layout, self.denied = Sender(SITE), layout, list[DownloadEvent]()
        self.layouts = Layouts(Folder(str(folder)), SITE.secrets)
        ends = int(time.time()) + 60
        name = name_of(check)  # type: ignore[arg-type]
        self.layouts.keep("key", layout)
        self.ticket = seal(SITE, Ticket("key", subject, name, ends))

    def ask(self, span: str = "", *, method: str = "GET", **other: str) -> Answer:
        given = {"token": nginx_token(SECRET), "ticket": self.ticket} | other
        headers = {
            TOKEN_HEADER.lower(): given["token"],
            "xaccel-ticket": given["ticket"],
            "range": span,
        }
        return respond(self.sender, self.layouts, method, headers, self.denied.append)


def test_only_nginx_with_a_ticket_of_the_site_gets_a_template(tmp_path: object) -> None:
    app = App(tmp_path, many(2))
    assert app.ask().status == 200
    assert app.ask(token=nginx_token(OLD)).status == 200
    assert app.ask(token="").status == 404
    assert app.ask(token=SECRET).status == 404
    assert app.ask(ticket="").status == 403
    assert app.ask(ticket=app.ticket[:-1]).status == 403
    assert app.ask(ticket=f"x{app.ticket}").status == 403


def test_a_ticket_is_for_one_site_until_its_end() -> None:
    ticket = Ticket("0" * 32, "7", "", 2**40)
    assert read_ticket(SITE, seal(SITE, ticket)) == ticket
    assert read_ticket(replace(SITE, secrets=("x" * 32, SECRET)), seal(SITE, ticket)) == ticket
    assert read_ticket(replace(SITE, name="shop"), seal(SITE, ticket)) is None
    assert read_ticket(replace(SITE, secrets=("x" * 32,)), seal(SITE, ticket)) is None
    assert read_ticket(SITE, seal(SITE, ticket._replace(ends=1))) is None


def test_a_range_has_its_numbers_and_head_has_no_template(tmp_path: object) -> None:
    app = App(tmp_path, many(2))
    size = app.layout.size
    for span, first, end in (("bytes=5-9", 5, 10), ("bytes=5-", 5, size), ("bytes=-7", size - 7, size)):
        headers = dict(app.ask(span).headers)
        assert headers["Content-Range"] == f"bytes {first}-{end - 1}/{size}"
        assert headers["Archive-Length"] == str(end - first)
    assert app.ask(f"bytes={size}-").status == 416
    assert app.ask("bytes=-0").status == 416
    assert app.ask("bytes=9-5").status == 200
    answer = app.ask(method="HEAD")
    assert (answer.status, answer.body, dict(answer.headers)["Archive-Length"]) == (200, b"", str(size))
    # NGINX's SSI skips a response without a length above 0
    assert dict(answer.headers)["Content-Length"] != "0"


def test_a_member_is_named_with_all_that_nginx_checks(tmp_path: object) -> None:
    app = App(tmp_path, Layout.of([*members("a b"), *members("d/e", origin="media")]))
    one, other = re.findall(rb'include virtual="(/member[^"]*)"', app.ask().body)
    assert one.startswith(b"/member/documents?0:0-4/5:5:w:http://s3.test/acme/a%20b?")
    assert one.endswith(rb"#a\$b\\c")
    assert other == rb"/member/archives?1:0-4/5:5:w:http://archives.invalid/file/media/d/e#a\$b\\c"
    part = re.findall(rb'virtual="(/member[^"]*)"', app.ask(f"bytes={app.layout[1].data + 1}-").body)
    assert part[0].startswith(b"/member/archives?1:1-4/5:4:p:")


def test_a_signature_lives_until_a_slow_client_has_what_is_before_it(tmp_path: object) -> None:
    app = App(tmp_path, many(3, size=64 << 20))
    lives = [int(found) for found in re.findall(rb"X-Amz-Expires=(\d+)", app.ask().body)]
    assert lives == [120, 120 + 18 * 60, 120 + 35 * 60], "1024 and 2048 s, in whole minutes"


def test_a_large_archive_has_parts_of_members_and_of_its_directory(tmp_path: object) -> None:
    layout = many(10_201)
    found = list(template.parts(layout))
    assert [one.first for one in found[1:]] == [one.end for one in found[:-1]]
    assert (found[0].first, found[-1].end) == (0, layout.size)
    assert sum(one.first < layout.directory for one in found) == 101
    assert all(one.end - one.first <= template.DIRECTORY_BYTES for one in found[101:])
    body = App(tmp_path, layout, check=None).ask().body
    assert body.count(b'virtual="/part?') == len(found)
    assert b"/member/" not in body


def test_a_part_has_at_most_as_many_bytes_as_a_signature_can_wait_for() -> None:
    found = list(template.parts(many(10, size=20 << 30)))
    assert sum(one.first < 200 << 30 for one in found) == 10


@pytest.mark.parametrize(
    ("key", "subject", "reason"), [("revoked", "7", "check"), ("fails", "7", "OSError"), ("x", "8", "check")]
)
def test_a_member_that_is_denied_now_is_recorded_and_nothing_is_sent(
    tmp_path: object, key: str, subject: str, reason: str
) -> None:
    app = App(tmp_path, Layout.of(members("a", key)), subject=subject)
    assert app.ask().status == 403
    [event] = app.denied
    assert (event.allowed, event.subject, event.reason) == (False, subject, reason)
    assert event.origin == "documents"


def test_only_the_members_of_a_range_are_asked_for(tmp_path: object) -> None:
    app = App(tmp_path, Layout.of(members("a", "revoked", "b")))
    assert app.ask(f"bytes=0-{app.layout[0].ends - 1}").status == 206
    assert app.ask(f"bytes={app.layout[2].data}-").status == 206
    assert app.denied == []


def test_a_lost_layout_ends_the_archive(tmp_path: object, caplog: pytest.LogCaptureFixture) -> None:
    app = App(tmp_path, many(2))
    app.layouts = Layouts(Folder(f"{tmp_path}/empty"), SITE.secrets)
    assert app.ask().status == 410
    assert "the layout of an archive is lost" in caplog.text


def test_the_doctor_s_request_for_no_archive_is_no_fault(
    tmp_path: object, caplog: pytest.LogCaptureFixture
) -> None:
    app = App(tmp_path, many(2))
    assert app.ask(ticket=seal(SITE, Ticket(NO_LAYOUT, "", "", int(time.time()) + 60))).status == 410
    first, second = (seal(SITE, Ticket(NO_LAYOUT, mark, "", int(time.time()) + 60)) for mark in ("a", "b"))
    assert [app.ask(ticket=one).status for one in (first, first, second)] == [410, 409, 410]
    assert caplog.text == ""


def test_a_check_must_be_found_by_other_processes() -> None:
    for check in (lambda subject, ref: True, "no.such:function"):
        with pytest.raises(OptionRefused, match="check"):
            name_of(check)  # type: ignore[arg-type]


def test_objects_that_nginx_could_not_fetch_later_are_refused(tmp_path: object) -> None:
    sender, layouts = Sender(SITE), Layouts(Folder(str(tmp_path)), SITE.secrets)
    url = ZipMember(ObjectRef("signed", url="http://signed.test/x"), name="x", size=1, crc32=1, etag="e")
    for chosen in ([url], lambda: [url]):
        with pytest.raises(OriginNotAllowed, match="signed"):
            make_archive(sender, layouts, chosen, {"filename": "a.zip"})
    with pytest.raises(ConfigError, match="does not assemble"):
        layouts_in_folder(replace(SITE, archives=None))
    with pytest.raises(ConfigError, match="folder"):
        layouts_in_folder(SITE)


class Selected:
    """Members, and how often they were read."""

    def __init__(self, *keys: str) -> None:
        self.keys, self.reads = keys, 0

    def __call__(self) -> list[ZipMember]:
        self.reads += 1
        return members(*self.keys)


@pytest.fixture
def laid_out(monkeypatch: pytest.MonkeyPatch) -> list[Layout]:
    """The layouts that were made."""
    made, lay_out = list[Layout](), Layout.of

    def of(chosen: Iterable[ZipMember]) -> Layout:
        made.append(lay_out(chosen))
        return made[-1]

    monkeypatch.setattr(Layout, "of", of)
    return made


def test_a_selection_is_laid_out_once_while_its_layout_is_kept(
    tmp_path: Path, laid_out: list[Layout]
) -> None:
    sender = Sender(SITE)
    for name, count in (("one", 1), ("one", 1), ("another", 2), ("one", 2)):
        # a folder opened anew: another process of the app
        layouts = Layouts(Folder(tmp_path), SITE.secrets)
        archive = make_archive(sender, layouts, members(name), {"filename": "a.zip"})
        assert len(laid_out) == count
        assert [one.ref.key for one in archive.layout] == [name]
    for file in tmp_path.iterdir():
        file.unlink()
    make_archive(sender, layouts, members("one"), {"filename": "a.zip"})
    assert len(laid_out) == 3, "a layout that is lost is made again, whatever the process has in memory"


def test_a_layout_that_is_kept_has_the_bounds_of_the_call(tmp_path: Path) -> None:
    sender, layouts = Sender(SITE), Layouts(Folder(tmp_path), SITE.secrets)
    make_archive(sender, layouts, members("a", "b"), {"filename": "a.zip"})
    for bounds in ({"max_members": 1}, {"max_bytes": 9}):
        with pytest.raises(ArchiveRefused):
            make_archive(sender, layouts, members("a", "b"), {"filename": "a.zip", **bounds})  # type: ignore[typeddict-item]


def test_the_members_of_a_version_are_read_once(tmp_path: Path, laid_out: list[Layout]) -> None:
    sender, layouts, selected = Sender(SITE), Layouts(Folder(tmp_path), SITE.secrets), Selected("a", "b")
    arguments: ZipArguments = {
        "filename": "a.zip",
        "subject": "7",
        "check": may_have,
        "version": "folder 3, 1",
    }
    made = {make_archive(sender, layouts, selected, arguments).layout.etag for _ in range(3)}
    assert (selected.reads, len(laid_out), len(made)) == (1, 1, 1)
    selected.keys = ("a",)
    assert len(make_archive(sender, layouts, selected, {**arguments, "version": "folder 3, 2"}).layout) == 1


OTHERS: list[tuple[dict[str, object], dict[str, object]]] = [
    ({"subject": "8"}, {}),
    ({"check": "tests.unit.features.archives.test_assemble:never"}, {}),
    ({"max_members": 1}, {}),
    ({"max_bytes": 5}, {}),
    ({}, {"NAME": "other"}),
    ({}, {"SECRET": "x" * 32}),
]


def never(subject: str, ref: ObjectRef) -> bool:
    return False


@pytest.mark.parametrize(("other", "of_site"), OTHERS)
def test_a_version_is_of_one_user_site_and_rule(
    tmp_path: Path, other: dict[str, object], of_site: dict[str, object]
) -> None:
    arguments: Any = {"filename": "a.zip", "subject": "7", "check": may_have, "version": "1"}
    make_archive(Sender(SITE), Layouts(Folder(tmp_path), SITE.secrets), Selected("a", "b"), arguments)
    its, own = site(**of_site), Selected("own")
    made = make_archive(Sender(its), Layouts(Folder(tmp_path), its.secrets), own, {**arguments, **other})
    assert own.reads == 1
    assert [one.name for one in made.layout] == [b"own"]


@pytest.mark.parametrize("lacks", ["subject", "check"])
def test_a_version_without_a_check_is_refused(tmp_path: Path, lacks: str) -> None:
    arguments: Any = {"filename": "a.zip", "subject": "7", "check": may_have, "version": "1"}
    del arguments[lacks]
    with pytest.raises(OptionRefused, match="version"):
        make_archive(Sender(SITE), Layouts(Folder(tmp_path), SITE.secrets), Selected("a"), arguments)


def test_the_hand_off_of_an_archive_shows_no_ticket(tmp_path: object) -> None:
    sender, layouts = Sender(SITE), Layouts(Folder(str(tmp_path)), SITE.secrets)
    arguments: ZipArguments = {"filename": "all.zip", "subject": "7", "check": may_have}
    ref, options, layout = make_archive(sender, layouts, lambda: members("a", "b"), arguments)
    made = sender.hand_off(ref, options=Options(**options))
    assert (made.event.origin, made.event.key, made.event.query) == ("archives", layout.etag[1:-1], "")
    headers = dict(made.headers)
    assert headers["Xaccel-Size"] == str(layout.size)
    assert headers["Xaccel-Concurrency"] == "archives"
    assert headers["X-Accel-Redirect"] == "/_xaccel/archives"
