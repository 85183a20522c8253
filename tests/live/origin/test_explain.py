"""`xaccel explain`: the storage's own reason, and what to do about it."""

from __future__ import annotations

import gzip
import json
import ssl
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import trustme

from tests.live.commands import explain
from tests.live.conftest import Live, Places, fine
from tests.live.stage import stage
from tests.servers.origin import Answer, origin_server
from xaccel import ObjectRef
from xaccel.errors import OptionRefused
from xaccel.site import Site
from xaccel.site.origins import HTTPOrigin, S3Origin
from xaccel.tools.explain.ask_storage import ask_storage
from xaccel_testing import Variant, free_port

ID = "019aae21-0000-7000-8000-000000000000"


@pytest.fixture(scope="session", autouse=True)
def _stored(places: Places) -> None:
    places.s3.put(places.bucket, "explain.txt", b"here")
    places.s3.put(places.bucket, "explain-empty", b"")
    (places.media / "explain.txt").write_bytes(b"here")


def with_documents(site: Site, **changes: object) -> Site:
    documents = site.origin("documents")
    assert isinstance(documents, S3Origin)
    return replace(site, origins={"documents": replace(documents, **changes)})  # type: ignore[arg-type]


def log_of(folder: Path, **fields: object) -> str:
    """A log with one entry."""
    log = folder / "xaccel.log"
    entry = {"id": ID, "origin": "partner", "completion": "OK", "why": "", **fields}
    log.write_text(f"{json.dumps(entry)}\n")
    return str(log)


def test_the_code_of_the_storage_and_a_remedy_are_named(places: Places) -> None:
    site = places.site
    for key, code in (("explain.txt", ""), ("explain-empty", ""), ("missing", "NoSuchKey")):
        assert ask_storage(site, ObjectRef("documents", key)).code == code
    for changes, code in (
        ({"secret_key": "wrong"}, "SignatureDoesNotMatch"),
        ({"access_key": "unknown"}, "InvalidAccessKeyId"),
        ({"bucket": "no-such-bucket"}, "NoSuchBucket"),
        ({"endpoint_url": f"http://127.0.0.1:{free_port()}"}, "unreachable"),
    ):
        finding = ask_storage(with_documents(site, **changes), ObjectRef("documents", "explain.txt"))
        assert finding.code == code
        assert finding.remedy.endswith(".")
        assert places.s3.secret_key not in finding.remedy


def test_a_page_of_html_has_no_code_of_s3(places: Places) -> None:
    page = Answer(status=403, headers=[("Content-Type", "text/html")], body=b"<h1>Blocked</h1>")
    places.origin.answer = lambda _: page
    site = with_documents(places.site, endpoint_url=places.origin.url)
    finding = ask_storage(site, ObjectRef("documents", "explain.txt"))
    assert finding.code == "status 403"
    assert "The response is HTML" in finding.remedy


def test_other_kinds_of_origins_are_asked_too(places: Places) -> None:
    assert ask_storage(places.site, ObjectRef("media", "explain.txt")).code == ""
    assert ask_storage(places.site, ObjectRef("media", "missing")).code == "FileNotFoundError"
    assert ask_storage(places.site, ObjectRef("partner", "x")).code == ""
    assert places.origin.requests[-1].header("Authorization") == "Bearer partner"
    places.origin.answer = lambda _: Answer(status=410)
    assert ask_storage(places.site, ObjectRef("partner", "x")).code == "410"


def test_the_command_shows_line_code_and_remedy(live: Live, tmp_path: Path) -> None:
    _, line = live.logged("documents", "not there")
    site = replace(live.places.site, transfer_log=str(live.nginx.directory / "xaccel.log"))
    printed = explain(site, line["id"], "--key", "not there")
    shown, why, advice, storage, remedy = printed.splitlines()
    assert json.loads(shown.removeprefix("log entry: ")) == line
    assert why.startswith("why: origin_404: The storage has no such object.")
    assert advice.startswith("remedy: Compare the key")
    assert storage == "storage: NoSuchKey"
    assert remedy.startswith("remedy: There is no such object")


def test_the_app_can_tell_which_object_it_was(places: Places, tmp_path: Path) -> None:
    log, found = str(tmp_path / "none.log"), ("documents", "explain.txt")
    printed = explain(places.site, ID, "--log", log, find_object=lambda _: found)
    assert "object: explain.txt of origin documents" in printed
    assert "storage: delivers" in printed


def test_a_bucket_in_front_of_the_recorded_key_is_the_one_that_is_asked(
    places: Places, tmp_path: Path
) -> None:
    found = ("tenants", f"{places.bucket}/explain.txt")
    printed = explain(places.site, ID, "--log", str(tmp_path / "none.log"), find_object=lambda _: found)
    assert "storage: delivers" in printed
    named = ("--key", "explain.txt", "--origin", "documents")
    assert "storage: delivers" in explain(places.site, ID, "--log", log_of(tmp_path), *named)


def test_a_redirect_to_another_host_is_not_followed(places: Places) -> None:
    """NGINX refuses it too: fixed headers and signatures go to nobody else."""
    bucket = with_documents(places.site, endpoint_url=places.origin.url)
    with origin_server(lambda _: Answer(body=b"stolen")) as thief:
        there = f"http://127.0.0.1:{thief.port}/stolen?sig=s3cret"
        for status, site, ref in (
            (301, places.site, ObjectRef("partner", "x")),
            (308, places.site, ObjectRef("partner", "x")),
            (307, bucket, ObjectRef("documents", "x")),
        ):
            places.origin.answer = lambda _, s=status: Answer(status=s, headers=[("Location", there)])
            finding = ask_storage(site, ref)
            assert finding.code == "redirect_refused"
            assert f"http://127.0.0.1:{thief.port}." in finding.remedy
            assert "s3cret" not in finding.remedy
        region = ("x-amz-bucket-region", "eu-west-1")
        places.origin.answer = lambda _: Answer(status=301, headers=[("Location", there), region])
        assert "eu-west-1" in ask_storage(bucket, ObjectRef("documents", "x")).remedy
        assert thief.requests == []


@pytest.mark.parametrize("location", ["file:///etc/passwd", "/files/%2e%2e/other"])
def test_a_redirect_that_nginx_refuses_is_not_followed(places: Places, location: str) -> None:
    places.origin.answer = lambda _: Answer(status=302, headers=[("Location", location)])
    assert ask_storage(places.site, ObjectRef("partner", "x")).code == "redirect_refused"
    assert len(places.origin.requests) == 1


def test_an_allowed_redirect_is_followed_without_the_fixed_headers(places: Places) -> None:
    there = f"{places.second_origin.url}/elsewhere"
    places.origin.answer = lambda _: Answer(status=302, headers=[("Location", there)])
    assert ask_storage(places.site, ObjectRef("partner", "x")).code == ""
    [asked] = places.second_origin.requests
    assert (asked.target, asked.header("Range")) == ("/elsewhere", "bytes=0-0")
    assert asked.header("Authorization") is None
    assert asked.header("X-Api-Key") is None
    places.origin.answer = lambda _: Answer(status=302)
    assert ask_storage(places.site, ObjectRef("partner", "x")).code == "redirect_without_location"
    places.origin.answer = lambda asked: Answer(status=302, headers=[("Location", f"{asked.target}x")])
    assert ask_storage(places.site, ObjectRef("partner", "x")).code == "too_many_redirects"


def test_no_proxy_of_the_environment_sees_the_request(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NGINX uses none."""
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setattr("urllib.request._opener", None)  # urllib reads the environment once
    monkeypatch.setenv("http_proxy", places.second_origin.url)
    assert ask_storage(places.site, ObjectRef("partner", "x")).code == ""
    assert places.second_origin.requests == []


def test_the_origins_own_addresses_and_tls_are_used(places: Places) -> None:
    """The names exist nowhere: NGINX connects to `connect_to`, and trusts `ca_file`."""
    assert ask_storage(places.site, ObjectRef("tls", "x")).code == ""
    [asked] = places.tls_origin.requests
    assert asked.header("Host") == f"origin.test:{places.tls_origin.port}"
    for name in ("tls-wrong-ca", "tls-wrong-name"):
        finding = ask_storage(places.site, ObjectRef(name, "x"))
        assert finding.code == "unreachable"
        assert "ca_file" in finding.remedy
    wrong = places.site.origin("tls-wrong-ca")
    assert isinstance(wrong, HTTPOrigin)
    site = replace(places.site, origins={"tls": replace(wrong, verify_tls=False)})
    assert ask_storage(site, ObjectRef("tls", "x")).code == ""
    closed = f"127.0.0.1:{free_port()}"
    site = replace(
        site, origins={"tls": replace(wrong, verify_tls=False, connect_to=(closed, *wrong.connect_to))}
    )
    assert ask_storage(site, ObjectRef("tls", "x")).code == ""
    assert ask_storage(places.site, ObjectRef("vhost", "explain.txt")).code == ""


def test_the_origins_client_certificate_is_shown(tmp_path: Path) -> None:
    client = trustme.CA()
    certificate = client.issue_cert("client.test")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "client.pem"))

    def wants_certificate(context: ssl.SSLContext) -> None:
        client.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED

    with origin_server(
        lambda _: Answer(body=b"here"), tls_directory=tmp_path, prepare_tls=wants_certificate
    ) as server:
        origin = HTTPOrigin(
            base_url=f"https://origin.test:{server.port}/",
            connect_to=(server.address,),
            ca_file=str(server.ca_file),
            client_certificate=str(tmp_path / "client.pem"),
            client_key=str(tmp_path / "client.pem"),
        )
        site = Site(origins={"tls": origin}, secrets=("s" * 32,))
        assert ask_storage(site, ObjectRef("tls", "x")).code == ""
        without = replace(origin, client_certificate=None, client_key=None)
        refused = ask_storage(replace(site, origins={"tls": without}), ObjectRef("tls", "x"))
        assert refused.code == "unreachable"


def test_text_of_others_does_not_control_the_terminal(places: Places, tmp_path: Path) -> None:
    log = log_of(tmp_path, etag="\x1b[2J", why="\x1b]0;owned\x07\u202e")
    places.origin.answer = lambda _: Answer(status=418, reason="I\x1b[31m am\x07 red")
    printed = explain(places.site, ID, "--log", log, "--key", "x")
    assert "\nstorage: 418\n" in printed
    assert printed.replace("\n", "").isprintable()
    xml = "<Error><Code>Red\u202e</Code></Error>".encode()
    places.origin.answer = lambda _: Answer(status=403, body=xml)
    site = with_documents(places.site, endpoint_url=places.origin.url)
    printed = explain(site, ID, "--log", log, "--origin", "documents", "--key", "\x1b[0m")
    assert "storage: AccessDenied" in printed
    assert printed.replace("\n", "").isprintable()


@pytest.mark.parametrize("why", ["forged", "cache_failed"])
def test_what_the_storage_did_not_cause_is_answered_without_asking_it(
    places: Places, tmp_path: Path, why: str
) -> None:
    printed = explain(places.site, ID, "--log", log_of(tmp_path, why=why))
    assert f"\nwhy: {why}: " in printed
    assert "\nremedy: " in printed
    assert "storage: no request" in printed
    assert places.origin.requests == []
    assert "storage: delivers" in explain(places.site, ID, "--log", log_of(tmp_path, why=why), "--key", "x")


def test_what_the_storage_may_have_caused_is_explained_without_a_key(places: Places, tmp_path: Path) -> None:
    printed = explain(places.site, ID, "--log", log_of(tmp_path, why="origin_403"))
    assert "\nremedy: " in printed
    assert printed.splitlines()[-1].startswith("storage: no request: the log entry has no object key")
    assert places.origin.requests == []


def test_an_entry_of_a_rotated_log_is_found(places: Places, tmp_path: Path) -> None:
    log = tmp_path / "xaccel.log"
    for number, (name, write) in enumerate(
        {"xaccel.log.1": open, "xaccel.log-20261125.gz": gzip.open}.items()
    ):
        entry = {"id": ID[:-1] + str(number), "why": "limited", "completion": "OK"}
        with write(tmp_path / name, "wt") as file:
            file.write(f"{json.dumps(entry)}\n")
    log.write_text("")
    for number, name in enumerate(("xaccel.log.1", "xaccel.log-20261125.gz")):
        printed = explain(places.site, ID[:-1] + str(number), "--log", str(log))
        assert name in printed.splitlines()[0]
        assert "why: limited" in printed
    with pytest.raises(OptionRefused, match="not known"):
        explain(places.site, ID[:-1] + "9", "--log", str(log))


@dataclass(frozen=True, slots=True)
class Named:
    """A certificate of an authority: what its names are, and whether it is good for the address 127.0.0.1."""

    names: tuple[str, ...]
    common_name: str | None
    accepted: bool


CERTIFICATES = [
    Named(("127.0.0.1",), None, accepted=False),
    Named(("127.0.0.1", "origin.test"), None, accepted=False),
    Named(("127.0.0.1",), "127.0.0.1", accepted=True),
]


@pytest.mark.parametrize("named", CERTIFICATES, ids=str)
def test_a_certificate_for_an_ip_address_is_judged_as_nginx_judges_it(
    variant: Variant, places: Places, tmp_path: Path, named: Named
) -> None:
    """NGINX compares the names of a certificate, never its iPAddress entries, which Python would accept."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))

    def prepare(context: ssl.SSLContext) -> None:
        authority.issue_cert(*named.names, common_name=named.common_name).configure_cert(context)

    with origin_server(fine, tls_directory=tmp_path, prepare_tls=prepare) as server:
        trusted = {"ca_file": str(tmp_path / "authority.pem")}
        origins = {
            "tls": {"base_url": f"{server.url}/", **trusted},
            "named": {
                "base_url": f"https://origin.test:{server.port}/",
                "connect_to": [server.address],
                **trusted,
            },
        }
        with stage(tmp_path / "nginx", variant, origins) as running:
            assert running.get("tls").status == (200 if named.accepted else 502)
            finding = ask_storage(running.site, ObjectRef("tls", "x"))
            assert finding.code == ("" if named.accepted else "unreachable")
            assert named.accepted or "DNS names only" in finding.remedy
            by_name = "origin.test" in named.names
            assert running.get("named").status == (200 if by_name else 502)
            assert (ask_storage(running.site, ObjectRef("named", "x")).code == "") == by_name


def test_a_403_of_a_bucket_without_list_permission_is_404_if_the_site_says_so(live: Live) -> None:
    """The origin `hides` of the live tests has treat_403_as_404; SeaweedFS and the others answer 404 by themselves."""
    live.places.origin.answer = lambda _: Answer(status=403, body=b"<Error><Code>AccessDenied</Code></Error>")
    reply, line = live.logged("hides", "x", options={"filename": "a.pdf"})
    assert (reply.status, reply.body) == (404, b"Not found.\n")
    assert reply.one("Content-Disposition") is None
    assert (line["why"], line["status"]) == ("origin_403", "404")
    assert live.get("partner", "x").status == 502
    live.places.origin.answer = lambda _: Answer(status=401)
    assert live.get("hides", "x").status == 502
