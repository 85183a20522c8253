"""How a program of NGINX is run."""

from __future__ import annotations

import pytest

from xaccel.nginx.probe import call


def test_nginx_has_the_time_of_the_machine_and_not_that_of_django(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/Chicago")
    assert call(["sh", "-c", "echo ${TZ-none} ${PATH:+path}"]).stdout == "none path\n"
