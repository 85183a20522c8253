"""`xaccel doctor --storage`: what works at real storages, in few requests, and nothing stays."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from tests.doctor.stage import ROOT
from tests.servers.origin import Answer, Request, origin_server
from tests.servers.relay import Relay, relay_to
from tests.servers.started import started
from tests.servers.storages import NAME, RESULTS, SECRET, STORAGES, Storage, of_seaweedfs, record
from xaccel.errors import OptionRefused, OriginNotAllowed
from xaccel.site import read_mapping
from xaccel.tools.cli import main
from xaccel.tools.doctor.storage.report import check_storage, problems
from xaccel.tools.doctor.storage.scratch import CONTENT, MOST_BYTES, MOST_REQUESTS, PART

if TYPE_CHECKING:
    from xaccel_testing import S3Server

Doctor = Callable[..., tuple[int, str]]
ACCESS_DENIED = b"<Error><Code>AccessDenied</Code><Message>the bucket is mine</Message></Error>"


@pytest.fixture
def storage(s3: S3Server) -> Storage:
    return of_seaweedfs(s3)


@pytest.fixture
def relay(storage: Storage) -> Iterator[Relay]:
    with relay_to(storage.origin["endpoint_url"]) as found:
        yield found


@pytest.fixture
def doctor(tmp_path: Path, storage: Storage, capsys: pytest.CaptureFixture[str]) -> Doctor:
    """Runs the command with arguments and with changes of the origin; returns its exit status and its output."""

    def run(*arguments: str, **changes: Any) -> tuple[int, str]:
        site = {"SECRET": SECRET, "ORIGINS": {NAME: {**storage.origin, **changes}}}
        (tmp_path / "site.json").write_text(json.dumps(site))
        try:
            status = main(["doctor", str(tmp_path / "site.json"), "--storage", NAME, *arguments])
        except SystemExit as done:
            status = int(str(done.code))
        return status, capsys.readouterr().out

    return run


@pytest.mark.parametrize("name", STORAGES)
def test_each_storage_still_has_the_recorded_result(
    name: str, tmp_path: Path, unavailable: Callable[[str], NoReturn]
) -> None:
    with started(STORAGES[name](tmp_path), unavailable) as storage:
        found = record(storage)
        if not storage.url:
            assert storage.left() == []
    recorded = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    assert {**found, "bytes": 0} == {**recorded, "bytes": 0}, "run scripts/storages and read the difference"
    assert found["requests"] <= MOST_REQUESTS
    assert found["bytes"] <= MOST_BYTES


def test_it_takes_few_requests_and_bytes_all_below_one_prefix(storage: Storage, relay: Relay) -> None:
    site = storage.site(connect_to=[relay.server.address], prefix="tenant/", request_payer=True)
    report = check_storage(site, NAME, prefix="scratch/")
    seen = relay.server.requests
    assert report.scratch.requests == len(seen) <= MOST_REQUESTS
    assert PART < sum(len(each.body) for each in seen) <= report.scratch.body_bytes <= MOST_BYTES
    folder = re.escape(f"/{storage.origin['bucket']}/tenant/scratch/xaccel-doctor-") + "[0-9a-f]{16}/"
    forms = [each for each in seen if not re.match(folder, each.target)]
    assert [(each.method, b'name="key"\r\n\r\ntenant/scratch/' in each.body) for each in forms] == [
        ("POST", True)
    ] * 2
    signed = [each.target for each in seen if "X-Amz-Signature" in each.target]
    assert all("x-amz-request-payer=requester&" in target for target in signed)
    assert storage.left() == []


def test_the_result_has_no_name_and_no_key(storage: Storage, doctor: Doctor, tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    status, printed = doctor("--json", "--save", str(file))
    assert (status, json.loads(printed)) == (0, json.loads(file.read_text()))
    names = (NAME, "doctor-", *(str(storage.origin[name]) for name in ("bucket", "access_key", "secret_key")))
    for text in (*names, storage.origin["endpoint_url"].rpartition(":")[2]):
        assert text not in printed
    status, printed = doctor()
    assert (status, "\n  works      `Range`\n" in printed) == (0, True)
    assert "does not   `If-Range`: the whole object for another version (206 in place of 200)" in printed
    assert printed.endswith("All that was written is deleted.\n")


@pytest.mark.parametrize("at", ["PUT object", "PUT partNumber=1", "POST uploadId", "DELETE object"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_nothing_stays(
    at: str, number: signal.Signals, storage: Storage, relay: Relay, doctor: Doctor
) -> None:
    method, part = at.split()
    seen: list[int] = []

    def stop(request: Request) -> None:
        if not seen and request.method == method and part in request.target:
            seen.append(len(relay.server.requests))
            os.kill(os.getpid(), number)

    relay.change = stop
    status, printed = doctor(connect_to=[relay.server.address])
    assert status == 130
    assert {each.method for each in relay.server.requests[seen[0] :]} <= {"DELETE"}
    assert ("it was stopped" in printed) == (method != "DELETE")
    assert storage.left() == []


def test_a_storage_that_breaks_off_leaves_nothing(storage: Storage, relay: Relay) -> None:
    broken = Answer(raw=b"")
    relay.change = lambda request: (
        broken if request.method == "POST" and "uploadId" in request.target else None
    )
    report = check_storage(storage.site(connect_to=[relay.server.address]), NAME)
    assert report.results["parts"].works
    assert report.results["parts_crc"] == (False, "no response: RemoteDisconnected")
    assert report.results["parts_whole"] == (None, "an earlier step did not work")
    assert report.results["copy"].works
    assert storage.left() == []


def test_what_cannot_be_deleted_is_named(storage: Storage, relay: Relay, doctor: Doctor) -> None:
    refused = Answer(403, body=ACCESS_DENIED)
    relay.change = lambda request: (
        refused if request.method == "DELETE" and "/form" in request.target else None
    )
    status, printed = doctor(connect_to=[relay.server.address])
    [key] = storage.left()
    assert (status, key.endswith("/form")) == (1, True)
    assert printed.endswith(f"Not deleted, so delete it yourself: {key}\n")


def test_credentials_that_may_not_write_give_no_result(relay: Relay, doctor: Doctor, tmp_path: Path) -> None:
    relay.change = lambda request: Answer(403, body=ACCESS_DENIED) if request.method == "PUT" else None
    file = tmp_path / "result.json"
    status, printed = doctor("--save", str(file), connect_to=[relay.server.address])
    assert (status, file.exists()) == (2, False)
    assert "No result: the storage stores no object: 403 AccessDenied in place of 200." in printed


def test_a_missing_object_that_is_hidden_names_the_remedy(storage: Storage, relay: Relay) -> None:
    relay.change = lambda request: Answer(403, body=ACCESS_DENIED) if "/missing?" in request.target else None
    for hidden, works in ((False, False), (True, True)):
        site = storage.site(connect_to=[relay.server.address], treat_403_as_404=hidden)
        found = check_storage(site, NAME).results["missing"]
        assert found.works is works
        assert ("403 AccessDenied in place of 404: allow s3:ListBucket" in found.why) is not works


def test_a_redirect_that_nginx_does_not_follow_is_named_without_its_host() -> None:
    elsewhere = Answer(307, [("Location", "http://storage.example/elsewhere")])
    whole = Answer(200, [("ETag", '"1"')], CONTENT)
    with origin_server(lambda request: elsewhere if request.header("Range") else whole) as server:
        partner = Storage("", {"type": "http", "base_url": f"{server.url}/"})
        report = check_storage(partner.site(), NAME, object_url=f"{server.url}/file")
    assert report.results["get"].works
    assert report.results["range"] == (False, "307 in place of 206")
    assert report.results["redirects"] == (False, "307 to a host that is not in redirect_hosts")
    assert report.results["put"] == (None, "the origin is no bucket")
    assert report.results["signature"] == (None, "the URL has no signature")
    assert report.scratch.requests == len(server.requests)
    assert (report.left, report.exit_status) == ([], 0)


def test_an_origin_that_cannot_be_tried_is_an_error(storage: Storage) -> None:
    with pytest.raises(OptionRefused, match="is a directory"):
        check_storage(Storage("", {"type": "local", "root": "/srv"}).site(), NAME)
    partner = Storage("", {"type": "http", "base_url": "http://127.0.0.1/"}).site()
    with pytest.raises(OptionRefused, match="Name a small object by --object"):
        check_storage(partner, NAME)
    with pytest.raises(OriginNotAllowed):
        check_storage(partner, NAME, object_url="http://127.0.0.2/file")
    with pytest.raises(OptionRefused, match="none of them is named"):
        check_storage(storage.site(bucket="tenant-*"), NAME)


@pytest.mark.parametrize(
    ("setting", "lacks", "njs", "words"),
    [
        ("ARCHIVES", ["range"], True, "ARCHIVES relies on: range in {file}. Use another storage"),
        ("ARCHIVES", ["if_match"], False, "if_match in {file}. Use an NGINX with njs, or another storage"),
        ("ARCHIVES", ["if_match"], True, ""),
        ("ARCHIVES", ["if_range", "put_once"], False, ""),
        (
            "UPLOADS",
            ["put_once", "put_length"],
            True,
            "UPLOADS relies on: put_length, put_once in {file}. Use another",
        ),
        ("UPLOADS", ["range", "parts"], False, ""),
        (
            "resumable",
            ["parts", "form"],
            False,
            'UPLOADS["resumable"] relies on: parts in {file}. Use another',
        ),
        ("UPLOADS", None, True, "{file} cannot be read (FileNotFoundError)"),
    ],
)
def test_a_setting_is_refused_where_the_recorded_result_says_no(
    setting: str, lacks: list[str] | None, njs: bool, words: str, tmp_path: Path
) -> None:
    result = tmp_path / "result.json"
    if lacks is not None:
        recorded = json.loads((RESULTS / "seaweedfs.json").read_text(encoding="utf-8"))
        for name in lacks:
            recorded["features"][name]["works"] = False
        result.write_text(json.dumps(recorded))
    origin = {"type": "s3", "bucket": "acme", "region": "eu-central-1"}
    app = {"app": "127.0.0.1:8000"}
    more = {
        "ARCHIVES": {**app, "layouts": str(tmp_path)},
        "UPLOADS": {**app, "paths": ["/up/"], "origins": [NAME]},
    }
    if setting == "resumable":
        setting, more["UPLOADS"]["resumable"] = "UPLOADS", "draft-15"
    origins = {NAME: {**origin, "storage_results": str(result)}, "other": origin}
    site = read_mapping.site_of({"SECRET": SECRET, "ORIGINS": origins, setting: more[setting]})
    found = [str(each) for each in problems(site, has_njs=njs)]
    assert [words.format(file=result) in each for each in found] == ([True] if words else [])


def test_config_refuses_the_setting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site, origin = tmp_path / "site.json", {"type": "s3", "bucket": "acme", "region": "eu-central-1"}
    settings = {
        "SECRET": SECRET,
        "ORIGINS": {NAME: {**origin, "storage_results": str(RESULTS / "rclone.json")}},
    }
    command = ["config", str(site), "--nginx-version", "1.30.4", "--module=njs"]
    archives = {"ARCHIVES": {"app": "127.0.0.1:8000", "layouts": str(tmp_path)}}
    for more, status in (({}, 0), (archives, 1)):
        site.write_text(json.dumps({**settings, **more}))
        assert main(command) == status
    assert "its storage cannot do what ARCHIVES relies on: range in" in capsys.readouterr().err


def test_the_page_has_a_column_for_each_result() -> None:
    page = (ROOT / "docs/operate/storage.md").read_text(encoding="utf-8")
    for file in RESULTS.glob("*.json"):
        assert f"| {json.loads(file.read_text(encoding='utf-8'))['storage']} " in page
