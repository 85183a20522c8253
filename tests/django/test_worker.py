"""A worker of an app loads what it uses: no command, no doctor, no generator of NGINX's configuration."""

from __future__ import annotations

from pathlib import Path

from tests.worker import loaded


def test_a_worker_that_sent_a_file_has_45_modules_of_xaccel(tmp_path: Path) -> None:
    assert len(modules := loaded(tmp_path)) <= 45, sorted(modules)


def test_a_worker_that_takes_uploads_has_no_module_of_the_generator(tmp_path: Path) -> None:
    assert len(modules := loaded(tmp_path, "xaccel.django.uploads")) <= 68, sorted(modules)
