"""A running NGINX says which settings it has, to those who have the secret."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.doctor.stage import ROOT, SECRET, Stage
from xaccel.doctor.running_site import door_at
from xaccel.nginx import probe
from xaccel.nginx.render import digest, digest_path
from xaccel.site import read_mapping


def test_the_digest_is_at_a_path_that_only_the_secret_leads_to(healthy: Stage) -> None:
    healthy.edit(
        "nginx.conf",
        "add_header Strict",
        f"auth_basic x; auth_basic_user_file {healthy.folder}/none; add_header Strict",
    )
    site = read_mapping.read(healthy.settings)
    reply = door_at(healthy.url).ask("GET", digest_path(site))
    version = ".".join(map(str, probe(healthy.variant.binary).version))
    assert (reply.status, reply.body.decode()) == (200, f"{digest(site)} 1 {version}")
    other = read_mapping.read({**healthy.settings, "SECRET": SECRET[::-1]})
    assert digest_path(other) != digest_path(site)
    for path in (digest_path(other), site.internal_prefix, f"{digest_path(site)}/x"):
        assert digest(site) not in door_at(healthy.url).ask("GET", path).body.decode()
    assert SECRET not in digest_path(site)


CHECK = """
import os
from tests.live import decide
from django.conf import settings
from django.core.checks import run_checks
settings.CSRF_TRUSTED_ORIGINS, settings.ALLOWED_HOSTS = [os.environ["URL"]], ["*"]
print(*(each.msg for each in run_checks(tags=["xaccel"], include_deployment_checks=True)), sep="\\n")
"""
"""What `manage.py check --deploy` does."""


def at_deployment(stage: Stage) -> str:
    env = {"PATH": os.environ["PATH"], "LIVE_SITE": str(stage.file("site.json")), "URL": stage.url}
    return subprocess.run(
        [sys.executable, "-c", CHECK], env=env, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.mark.variants("deb")
def test_W008_django_asks_the_running_nginx_before_a_deployment(healthy: Stage) -> None:
    assert at_deployment(healthy) == ""
    healthy.change(LIMIT_RATE=10**9, reload=False)
    assert "has other settings than settings.XACCEL: it has the settings " in at_deployment(healthy)
