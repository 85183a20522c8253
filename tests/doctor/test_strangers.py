"""What strangers saw on healthy sites, and what the doctor must not do to a site that it looks at."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import replace
from typing import Any

import pytest
import trustme

from tests.doctor.archives import second_app
from tests.doctor.breakages import (
    PUBLIC,
    app_at,
    ask_new_server,
    conf,
    front,
    in_http,
    in_location,
    listen_with_tls,
)
from tests.doctor.grants import grants
from tests.doctor.stage import KEY, Stage
from tests.doctor.strangers import PROXY, bucket, resolved
from tests.doctor.two_nginx import balance, second_nginx
from tests.doctor.uploads import buffering_front
from xaccel.errors import XaccelError
from xaccel.site import read_mapping
from xaccel.tools.cli import main
from xaccel.tools.doctor import first_download
from xaccel.tools.doctor.check import checks, examine
from xaccel.tools.doctor.location import FrontDoor
from xaccel.tools.doctor.running_site import RunningSite
from xaccel_testing import free_port

pytestmark = pytest.mark.variants("deb")
MISTYPED = "reports-of-nobody"


def test_a_mistyped_bucket_is_named_again_and_not_created(healthy: Stage) -> None:
    healthy.origin("documents", bucket=MISTYPED)
    for _ in range(2):
        assert healthy.found() == {"XA411": "fail"}
    site = str(healthy.file("site.json"))
    with pytest.raises(SystemExit) as end:
        main(["doctor", site, "--storage", "documents"])
    assert end.value.code == 2
    buckets = healthy.backends.s3.client().list_buckets()["Buckets"]
    assert MISTYPED not in [one["Name"] for one in buckets]


def test_without_cryptography_the_object_is_that_of_the_app_s_own_response(
    healthy: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacks_cryptography(*_: object) -> None:
        raise XaccelError("cryptography is not installed", where="trace", remedy="Install it.")

    monkeypatch.setattr(first_download, "report_of", lacks_cryptography)
    bucket(healthy, signed=False)
    assert healthy.found() == {"XA413": "fail"}


def test_a_log_of_another_nginx_proves_nothing_about_the_app(healthy: Stage) -> None:
    bucket(healthy, signed=False)
    for path in healthy.file("xaccel").rglob("*.conf"):
        path.write_text(path.read_text().replace("log/xaccel.log", "log/moved.log"))
    healthy.reload()
    healthy.found("--no-nginx")
    results = {one.check.id: one for one in healthy.results}
    assert results["XA620"].status == "ok"
    assert "although the app hands the download off" in results["XA606"].evidence[0]


def test_nginx_s_host_needs_no_credentials(healthy: Stage) -> None:
    bucket(healthy)
    healthy.origin("documents", access_key=None, secret_key=None)
    assert healthy.found("--no-app") == {}


def test_an_object_that_the_app_signs_with_other_credentials_is_not_requested(healthy: Stage) -> None:
    bucket(healthy, access_key="of-a-tenant")
    assert healthy.found() == {}
    skipped = {one.check.id: one.evidence for one in healthy.results if one.status == "skipped"}
    assert "signs the URL with other options" in skipped["XA413"][0]


def test_without_an_object_it_is_said_that_reading_was_not_tried(healthy: Stage) -> None:
    healthy.arguments |= {"--object": "", "--download": ""}
    assert healthy.found() == {}
    (private,) = (one for one in healthy.results if one.check.id == "XA412")
    assert private.status == "skipped"
    assert "reading an object was not tried" in private.evidence[0]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_the_folders_of_caches_stay_as_they_are(healthy: Stage) -> None:
    """`nginx -T` by root gives them to the user of the configuration, and the running NGINX may have another one."""
    folder = grants(healthy)
    owner = folder.stat().st_uid
    healthy.edit("nginx.conf", "user www-data;", "", reload=False)
    assert healthy.found() == {"XA305": "warn"}
    assert [path.stat().st_uid for path in (folder, healthy.file("var/cache"))] == [owner, owner]
    folder.rmdir()
    healthy.found()
    assert not folder.exists()


def test_an_address_that_still_serves_is_only_warned_of(healthy: Stage) -> None:
    """Such as that of a storage with more addresses than DNS shows at once."""
    port = int(healthy.backends.s3.address.rpartition(":")[2])
    with socket.create_server(("127.0.0.2", port)):
        resolved(healthy, "127.0.0.2")
        assert healthy.found("--only", "XA426") == {"XA426": "warn"}


def test_explain_names_the_old_address_of_a_storage_that_delivers(
    healthy: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    resolved(healthy, "127.0.0.99")
    healthy.doctor()
    entries = [json.loads(line) for line in healthy.file("log/xaccel.log").read_text().splitlines()]
    entry = next(one for one in entries if one["why"] == "origin_failed")
    assert main(["explain", str(healthy.file("site.json")), entry["id"], "--key", KEY]) == 0
    assert (
        "storage: delivers\nremedy: The storage delivers to this machine now. If NGINX has an old address"
        in (capsys.readouterr().out)
    )


def test_a_proxy_whose_addresses_nginx_trusts_is_no_fault(healthy: Stage) -> None:
    in_http("set_real_ip_from 127.0.0.0/8; real_ip_header X-Forwarded-For;")(healthy)
    front(f"{PROXY} 192.0.2.9;")(healthy)
    assert healthy.found() == {}


def test_a_certificate_of_an_own_authority_is_valid_with_its_file(healthy: Stage) -> None:
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        str(healthy.file("own.pem"))
    )
    authority.cert_pem.write_to_path(str(healthy.file("authority.pem")))
    listen_with_tls(healthy, "own.pem", "own.pem")
    assert healthy.found("--ca-file", str(healthy.file("authority.pem"))) == {}


def test_an_address_that_redirects_to_https_is_to_be_named_itself(healthy: Stage) -> None:
    ask_new_server(healthy, "return 301 https://$host:8443$request_uri;")
    assert healthy.found() == {"XA308": "unknown"}
    (redirected,) = (one for one in healthy.results if one.check.id == "XA308")
    assert "--url https://127.0.0.1:8443" in redirected.remedy


def test_a_site_behind_a_password_is_healthy_with_the_password(healthy: Stage) -> None:
    healthy.file("users").write_text("operator:{PLAIN}secret\n")
    in_location("auth_basic x; auth_basic_user_file {folder}/users;")(healthy)
    assert healthy.found() == {"XA617": "fail"}
    assert healthy.found("--header", "Authorization: Basic b3BlcmF0b3I6c2VjcmV0") == {}


def test_a_balancer_over_two_nginx_is_healthy(healthy: Stage) -> None:
    balance(healthy, f"127.0.0.1:{healthy.port}", second_nginx(healthy))
    for _ in range(2):  # either of them gets the first request
        assert healthy.found() == {}
        FrontDoor.at(healthy.arguments["--url"]).ask("GET", "/")
    healthy.flags = ("--no-nginx",)
    assert healthy.found() == {}


def test_a_path_of_uploads_without_a_url_in_django_is_a_failure(healthy: Stage) -> None:
    healthy.change(UPLOADS={**healthy.settings["UPLOADS"], "paths": ["/moved/"]})
    check = next(each for each in checks() if each.id == "XA627")
    for leads, status in ((False, "fail"), (True, "ok")):
        stack = RunningSite(
            read_site=lambda: read_mapping.read(healthy.settings),
            url=healthy.url,
            leads_below=lambda _, leads=leads: leads,  # type: ignore[misc]
        )
        [found] = examine([replace(check, needs=(), after=())], stack)
        assert found.status == status


def test_a_proxy_in_front_that_stores_bodies_is_healthy(healthy: Stage) -> None:
    buffering_front(healthy, "client_body_temp_path bodies;")
    assert healthy.found() == {}


def test_two_apps_that_share_their_layouts_are_healthy(healthy: Stage) -> None:
    second_app(healthy)
    assert healthy.found() == {}


def test_another_location_for_unknown_pages_is_no_fault(healthy: Stage) -> None:
    """Such as that of an application in the browser, whose page responds to every other address."""
    conf("location / {", 'location / { return 200 "page"; } location /send {')(healthy)
    assert healthy.found() == {}


def traced(s: Stage, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    main(["trace", str(s.file("site.json")), s.url + PUBLIC, "--json"])
    shown: dict[str, Any] = json.loads(capsys.readouterr().out)
    return shown


def test_a_trace_says_that_nginx_got_no_response_from_the_app(
    healthy: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    app_at(healthy, f"127.0.0.1:{free_port()}")
    shown = traced(healthy, capsys)
    assert (shown["end"], shown["hops"][0]["status"]) == ("no_response", 502)
    assert "NGINX got no response from the app" in shown["meaning"]


def test_a_trace_says_that_nginx_refused_the_request_itself(
    healthy: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    in_location("deny all;")(healthy)
    shown = traced(healthy, capsys)
    assert (shown["end"], shown["hops"][0]["status"]) == ("nginx", 403)
