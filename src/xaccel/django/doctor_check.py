"""Checks of `manage.py xaccel doctor` that need Django."""

from __future__ import annotations

from collections.abc import Iterator

from xaccel.doctor.check import Evidence, check
from xaccel.doctor.running_site import RunningSite


@check(104)
def system_checks(_: RunningSite) -> Iterator[Evidence]:
    from django.core.checks import ERROR, run_checks

    from xaccel.django.checks import check_headers

    for message in [*run_checks(tags=["xaccel"]), *check_headers()]:
        text = f"{message.id}: {message.msg} {message.hint or ''}".strip()
        yield Evidence(text, "fail" if message.level >= ERROR else "warn")
