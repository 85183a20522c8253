"""Fixtures for pytest: the user's own application behind a real NGINX and an S3 server.

The user loads it with `pytest_plugins = ["xaccel_testing.pytest_plugin"]` in the topmost conftest.py.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from xaccel.errors import ConfigError
from xaccel_testing.servers.nginx_server import NAMES, Variant, variants
from xaccel_testing.servers.s3 import S3Server, s3_server
from xaccel_testing.stack import Project, Stack, run_stack

_LOG_SHOWN = 3000


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the settings of the fixtures."""
    parser.addini("xaccel_application", 'the application, as gunicorn takes it: "project.wsgi:application"')
    parser.addini("xaccel_kind", '"wsgi" or "asgi"', default="wsgi")
    parser.addini(
        "xaccel_site", "file of the site, TOML or JSON; without one it is a Django project", default=""
    )
    parser.addini("xaccel_buckets", "buckets that are there from the beginning", type="linelist")
    parser.addini("xaccel_nginx", f"which NGINX: {', '.join(NAMES)}", default="wheel")


@pytest.fixture(scope="session")
def xaccel_s3(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """The S3 server of the whole run, with the buckets of the setting `xaccel_buckets`."""
    with s3_server(tmp_path_factory.mktemp("xaccel-s3")) as s3:
        for bucket in request.config.getini("xaccel_buckets"):
            s3.create_bucket(bucket)
        yield s3


@pytest.fixture(scope="session")
def xaccel_nginx(request: pytest.FixtureRequest) -> Variant:
    """The NGINX that runs. Override it with parameters to run on several."""
    name = request.config.getini("xaccel_nginx")
    if name not in NAMES:
        raise ConfigError(
            f"{name!r} is not an NGINX", where="xaccel_nginx", remedy=f"Name one of {', '.join(NAMES)}."
        )
    return variants()[name]


@pytest.fixture(scope="session")
def xaccel_project(request: pytest.FixtureRequest) -> Project:
    """The application, as the settings name it. Override it to give more, such as its environment."""
    config = request.config
    application, kind, site = (config.getini(f"xaccel_{name}") for name in ("application", "kind", "site"))
    if not application:
        raise ConfigError(
            "no application is named",
            where="xaccel_application",
            remedy='Set it in pytest\'s configuration to "project.wsgi:application", or override xaccel_project.',
        )
    if kind not in ("wsgi", "asgi"):
        raise ConfigError(f"{kind!r} is no kind", where="xaccel_kind", remedy='Write "wsgi" or "asgi".')
    return Project(
        application=application,
        kind=kind,
        directory=config.rootpath,
        site=config.rootpath / site if site else None,
    )


@pytest.fixture(scope="session")
def xaccel_stack(
    xaccel_project: Project,
    xaccel_nginx: Variant,
    xaccel_s3: S3Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    """The application behind NGINX, with the S3 server: one for the whole run."""
    directory = tmp_path_factory.mktemp("xaccel-stack")
    with run_stack(directory, xaccel_project, s3=xaccel_s3, variant=xaccel_nginx) as stack:
        yield stack


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the logs of the servers to the report of a failure."""
    report = yield
    stack = getattr(item, "funcargs", {}).get("xaccel_stack")
    if report.failed and isinstance(stack, Stack):
        report.sections.append(("NGINX's error log", stack.nginx.error_log[-_LOG_SHOWN:]))
        report.sections.append(("the application's log", stack.app.log[-_LOG_SHOWN:]))
    return report
