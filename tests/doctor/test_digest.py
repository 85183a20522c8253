"""A running NGINX says which settings it has, to those who have the secret."""

from __future__ import annotations

from tests.doctor.stage import SECRET, Stage
from xaccel.site import read_mapping
from xaccel.tools.doctor.location import FrontDoor
from xaccel.tools.nginx import probe
from xaccel.tools.nginx.digest import digest, digest_path, digest_text
from xaccel.tools.nginx.processes import workers_of


def test_an_option_that_nginx_does_not_know_leaves_the_digest_as_it_is() -> None:
    origins = {"documents": {"type": "s3", "bucket": "acme", "region": "eu-central-1"}}
    uploads = {"app": "127.0.0.1:8000", "paths": ["/up/"], "origins": ["documents"]}

    def with_uploads(**more: object) -> str:
        site = {"SECRET": SECRET, "ORIGINS": origins, "UPLOADS": {**uploads, **more}}
        return digest(read_mapping.read(site))

    assert with_uploads(at_once=3, bytes_a_day=1 << 30, resumable="draft-15") == with_uploads()
    assert with_uploads(paths=["/other/"]) != with_uploads()


def test_the_digest_is_at_a_path_that_only_the_secret_leads_to(healthy: Stage) -> None:
    healthy.edit(
        "nginx.conf",
        "add_header Strict",
        f"auth_basic x; auth_basic_user_file {healthy.folder}/none; add_header Strict",
    )
    site = read_mapping.read(healthy.settings)
    reply = FrontDoor.at(healthy.url).ask("GET", digest_path(site))
    version = ".".join(map(str, probe(healthy.variant.binary).version))
    pids = [one.pid for one in workers_of(int(healthy.file("nginx.pid").read_text()))]
    texts = [f"{digest_text(site)}{version} pid={pid} for=127.0.0.1 by=" for pid in pids]
    assert (reply.status, reply.body.decode().rstrip() in texts) == (200, True)
    proxied = FrontDoor.at(healthy.url).ask("GET", digest_path(site), {"X-Forwarded-For": "192.0.2.9"})
    assert proxied.body.decode().rstrip().endswith("for=127.0.0.1 by=192.0.2.9")
    other = read_mapping.read({**healthy.settings, "SECRET": SECRET[::-1]})
    assert digest_path(other) != digest_path(site)
    for path in (digest_path(other), site.internal_prefix, f"{digest_path(site)}/x"):
        assert digest(site) not in FrontDoor.at(healthy.url).ask("GET", path).body.decode()
    assert SECRET not in digest_path(site)
