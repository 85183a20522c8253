"""The core alone: no server, no network, no AWS settings of the machine."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from xaccel.errors import NginxError, XaccelError
from xaccel.signing import endpoint

settings.register_profile(
    "unit", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
settings.load_profile("unit")

ID_LENGTH = 60
MESSAGE = re.compile(r"\S(?:.*?\S)?: \S.*[^\s.:;,!?]\. [A-Z].*\.")
"""The form of a message is "<where>: <what>. <remedy>." on one line."""


@pytest.fixture(scope="session", autouse=True)
def _each_error_says_where_what_and_the_remedy() -> Iterator[None]:
    """Read the message of each error that a test of this folder causes, also of those that nobody raises.

    A message of NGINX itself may have several lines. Those of test_printing.py have text from outside.
    """
    make = XaccelError.__init__

    def make_and_read(error: XaccelError, what: str, *, where: str, remedy: str) -> None:
        make(error, what, where=where, remedy=remedy)
        message = XaccelError.__str__(error)
        one_line = MESSAGE.fullmatch(message) and message.isprintable()
        here = re.match(r"tests/unit/(?!tools/cli/test_printing)", os.environ.get("PYTEST_CURRENT_TEST", ""))
        assert one_line or not here or isinstance(error, NginxError), message

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(XaccelError, "__init__", make_and_read)
        yield


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name a parameter in at most `ID_LENGTH` ASCII characters; None: pytest's own way is short enough."""
    if is_dataclass(val) and not isinstance(val, type):
        text = f"{type(val).__name__}({','.join(_changed(val))})"
    elif isinstance(val, dict):
        text = ",".join(f"{name}={value}" for name, value in val.items()) or "{}"
    elif isinstance(val, str | bytes):
        if len(val) <= ID_LENGTH:
            return None
        text = str(val)
    else:
        return None
    return ascii(text)[1 : ID_LENGTH + 1].rstrip("'")


def _changed(made: Any) -> Iterator[str]:
    for field in fields(made):
        default = field.default if field.default_factory is MISSING else field.default_factory()
        if (value := getattr(made, field.name)) != default:
            yield str(value)


def _forget_endpoints() -> None:
    endpoint._endpoint.cache_clear()
    endpoint._resolve.cache_clear()


@pytest.fixture
def fresh_endpoints() -> Iterator[None]:
    """Empty the cache of endpoints before and after the test: for tests that change what botocore reads, or count."""
    _forget_endpoints()
    yield
    _forget_endpoints()


@pytest.fixture(autouse=True)
def _no_aws_settings(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """botocore finds neither a variable nor a file nor an instance role of this machine.

    A test that uses `tmp_path` can write the files there. A folder for each of the 2,500 others would take seconds.

    Endpoints are cached across tests, because botocore takes 0.1 s for each. A test that changes what they depend on
    without the fixture `fresh_endpoints` fails: its endpoints would reach the next test.
    """
    for name in _aws_variables():
        monkeypatch.delenv(name)
    own = "tmp_path" in request.fixturenames
    folder: Path = request.getfixturevalue("tmp_path") if own else tmp_path_factory.getbasetemp() / "no-aws"
    none = {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(folder / "aws-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "aws-credentials"),
    }
    for name, value in none.items():
        monkeypatch.setenv(name, value)
    yield
    if "fresh_endpoints" in request.fixturenames:
        return
    changed = [name for name in _aws_variables() if os.environ[name] != none.get(name)]
    changed += [str(file) for file in folder.glob("aws-*")]
    if changed:
        _forget_endpoints()
        pytest.fail(
            f"The test changed {', '.join(changed)}: it needs the fixture fresh_endpoints.", pytrace=False
        )


def _aws_variables() -> list[str]:
    return [name for name in os.environ if name.startswith(("AWS_", "BOTO_"))]
