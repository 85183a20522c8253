"""How a program of NGINX is run."""

from __future__ import annotations

import os
import subprocess

import pytest

from xaccel.tools.nginx.probe import call


def test_nginx_has_the_time_of_the_machine_and_not_that_of_django(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/Chicago")
    assert call(["sh", "-c", "echo ${TZ-none} ${PATH:+path}"]).stdout == "none path\n"


def test_nginx_is_called_as_the_user_of_the_one_that_runs() -> None:
    """By root, `nginx -T` would take the folders of the cache away from an NGINX that another user runs."""
    user = 33 if os.geteuid() == 0 else os.geteuid()
    title = "nginx: master process nginx -p /one/ -c nginx.conf"
    master = subprocess.Popen(
        [title, "-c", "echo; read line"],
        executable="/bin/sh",
        user=user,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd="/",
    )
    with master:
        assert master.stdout
        master.stdout.readline()
        users = [call(["sh", "-ec", "id -u", option]).stdout.strip() for option in ("-p/one/", "-p/two/")]
        master.terminate()
    assert users == [str(user), str(os.geteuid())]
