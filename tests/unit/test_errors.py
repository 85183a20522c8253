"""Each place of the core that tells an error is made to tell it, for real, and its words are read."""

from __future__ import annotations

import argparse
import ast
import copy
import inspect
import os
import pickle
import re
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import pytest
from botocore.credentials import RefreshableCredentials

import xaccel
from xaccel import HTTPOrigin, LocalOrigin, ObjectRef, Options, S3Origin, Sender, Site, cli, errors
from xaccel.adapter import require_own_cookie
from xaccel.archives.layout import Layout
from xaccel.archives.members import ZipMember, select
from xaccel.errors import (
    CacheError,
    ConfigError,
    ConfigErrors,
    CredentialsUnavailable,
    InputRefused,
    KeyRefused,
    XaccelError,
)
from xaccel.handoff.sealed import seal
from xaccel.signing.credentials import CredentialSource
from xaccel.signing.endpoint import resolve_endpoint
from xaccel.site import Cache, read_mapping
from xaccel.site.rules import PLACEHOLDER
from xaccel.site.site import UPLOAD_DONE, UPLOAD_TOKEN_HEADER, nginx_token
from xaccel.uploads.decide import Upload
from xaccel.uploads.receive import received

PACKAGE = Path(xaccel.__file__).parent
ERRORS_FILE = str(PACKAGE / "errors.py")
SECRET = "0123456789abcdef0123456789abcdef"
STORE: dict[str, Any] = {"endpoint_url": "http://127.0.0.1:9000", "region": "us-east-1"}
KEYS: dict[str, Any] = {"access_key": "a", "secret_key": "b"}


def sender() -> Sender:
    origins = {
        "docs": S3Origin(bucket="docs", **STORE, **KEYS),
        "tenants": S3Origin(bucket="tenant-*", **STORE, **KEYS),
        "web": HTTPOrigin(base_url="https://files.example/base/"),
        "signed": HTTPOrigin(base_url="https://signed.example/base/", expires_s=60),
        "disk": LocalOrigin(root="/srv"),
    }
    return Sender(
        Site(origins=origins, secrets=(SECRET,), response_headers=("Vary",), concurrency={"few": 1})
    )


def upload_ends(status: str) -> Upload | None:
    """Tell the app the end of an upload as NGINX does."""
    site = sender().site
    upload = Upload("1", "docs", "", "uploads/1", 5, "text/plain", "", "7")
    headers = {
        UPLOAD_TOKEN_HEADER.lower(): nginx_token(SECRET, UPLOAD_DONE),
        "xaccel-upload": seal(site, "upload", upload),
        "xaccel-store-status": status,
    }
    return received(site, headers)


def sends(
    origin_name: str = "web", key: str = "k", *, options: Options | None = None, **more: Any
) -> Callable[[], object]:
    ref = ObjectRef(origin_name, "" if "url" in more else key, **more)
    return lambda: sender().hand_off(ref, options=options or Options())


def sends_with(**options: Any) -> Callable[[], object]:
    return sends(options=Options(**options))


def reads(**settings: Any) -> Callable[[], object]:
    standard = {
        "ORIGINS": {"disk": {"type": "local", "root": "/srv"}},
        "SECRET": SECRET,
    }
    return lambda: read_mapping.read({**standard, **settings})


def site_with_grants() -> Site:
    site = reads(GRANTS={"app": "127.0.0.1:8000", "paths": ["/files/"]})()
    assert isinstance(site, Site)
    return site


def reads_origin(kind: str, **options: Any) -> Callable[[], object]:
    return reads(ORIGINS={"one": {"type": kind, **options}})


def refresh_fails() -> None:
    def refresh() -> dict[str, Any]:
        raise OSError("no route")

    ends = datetime.now(UTC) + timedelta(seconds=1)
    given = {"access_key": "a", "secret_key": "b", "token": "c", "expiry_time": ends.isoformat()}
    source = CredentialSource(S3Origin(bucket="docs"))
    source._found = RefreshableCredentials.create_from_metadata(given, refresh, "test")
    source.current()


def without_botocore() -> None:
    from botocore import session as kept

    sys.modules["botocore.session"] = None  # type: ignore[assignment]
    try:
        # of its own profile, so that no endpoint that was resolved before answers
        resolve_endpoint(S3Origin(bucket="docs", profile="without-botocore"))
    finally:
        sys.modules["botocore.session"] = kept


def runs(*words: str, **site: Any) -> Callable[[], object]:
    parser = argparse.ArgumentParser()
    cli.add_commands(parser, cli.COMMANDS, file=False)
    made = Site(
        origins={
            "disk": LocalOrigin(root="/srv"),
            "web": HTTPOrigin(base_url="https://files.example/"),
            "s3": S3Origin(bucket="docs", **STORE),
        },
        secrets=(SECRET,),
        **site,
    )
    return lambda: cli.run(parser.parse_args(words), made)


def flask_without_a_site() -> None:
    from flask import Flask

    from xaccel.flask import Downloads

    Downloads().init_app(Flask("bare"))


def flask_without_init_app() -> None:
    from flask import Flask

    from xaccel.flask import Downloads

    with Flask("bare").app_context():
        Downloads().sender.prepare("docs")


def reads_a_closed_cache() -> None:
    with TemporaryDirectory() as folder:
        closed = Path(folder, "cache")
        closed.mkdir(mode=0)
        before = os.geteuid()
        if before == 0:
            os.seteuid(65534)
        try:
            runs("cache", "purge", "--all", cache=Cache(path=str(closed)))()
        finally:
            os.seteuid(before)


TRIGGERS: dict[str, Callable[[], object]] = {
    "key: empty": sends(key=""),
    "key: NUL": sends(key="a\x00"),
    "key: surrogate": sends(key="\ud800"),
    "key: long": sends(key="k" * 1025),
    "key: dots": sends(key="../k"),
    "key: directory": sends("disk", "a//b"),
    "origin: unknown": sends("nowhere"),
    "origin: not named": lambda: sender().refer("a"),
    "origin: signed by the app": sends("signed"),
    "grant: longer than a URL": sends(
        "signed", url="https://signed.example/base/a", options=Options(grant=60)
    ),
    "grant: other credentials": sends(
        "docs", stand_in=S3Origin(bucket="docs", **STORE), options=Options(grant_folder="/files/1/")
    ),
    "grant: signed cookie": lambda: require_own_cookie(site_with_grants(), "sessionid"),
    "origin: none at all": lambda: Site(origins={}, secrets=(SECRET,)).origin("x"),
    "bucket: not named": sends("tenants"),
    "bucket: not covered": sends("tenants", bucket="docs"),
    "bucket: of none": sends(bucket="docs"),
    "bucket: pattern": reads_origin("s3", bucket="*"),
    "origin: other place": sends("disk", stand_in=LocalOrigin(root="/other")),
    "url: not exact": sends(url="https://files.example/base/a b"),
    "url: dots": sends(url="https://files.example/base/%2e%2e/a"),
    "url: outside": sends(url="https://files.example/a"),
    "url: query": sends("docs", url="http://127.0.0.1:9000/docs/a?x"),
    "url: no object": sends("docs", url="http://127.0.0.1:9000/docs/"),
    "url: of no origin": lambda: sender().places.origin_of_url("https://elsewhere.example/"),
    "filename: type": sends_with(filename=5),
    "filename: control": sends_with(filename="a\nb"),
    "filename: surrogate": sends_with(filename="\ud800"),
    "content_type": sends_with(content_type="nonsense"),
    "cache_control": sends_with(cache_control="public"),
    "cache_control: value": sends_with(cache_control="private\n"),
    "etag": sends_with(etag="a b"),
    "last_modified": sends_with(last_modified=datetime(2026, 1, 1)),  # noqa: DTZ001
    "size": sends_with(size=-1),
    "limit_rate": sends_with(limit_rate=0),
    "concurrency": sends_with(concurrency="guests"),
    "concurrency_key: type": sends_with(concurrency_key=5),
    "concurrency_key: none": sends_with(concurrency="few"),
    "subject": sends_with(subject="é"),
    "version_id: no bucket": sends_with(version_id="v1"),
    "version_id": sends("docs", options=Options(version_id="a b")),
    "content_security_policy": sends_with(content_security_policy="\n"),
    "headers: undeclared": sends_with(headers={"X-Other": "1"}),
    "headers: twice": sends_with(headers={"Vary": "a", "vary": "b"}),
    "headers: value": sends_with(headers={"Vary": "\n"}),
    "credentials: none": lambda: CredentialSource(S3Origin(bucket="docs")).current(),
    "credentials: refresh": refresh_fails,
    "botocore: missing": without_botocore,
    "botocore: profile": lambda: resolve_endpoint(S3Origin(bucket="docs", profile="no-such")),
    "botocore: bucket": lambda: resolve_endpoint(S3Origin(bucket="white space")),
    "botocore: unsupported": lambda: resolve_endpoint(S3Origin(bucket="arn:x")),
    "botocore: endpoint": lambda: resolve_endpoint(S3Origin(bucket="docs", endpoint_url="x")),
    "upload: not stored": lambda: upload_ends("400"),
    "archive: empty": lambda: select([]),
    "archive: incomplete": lambda: Layout.of([ZipMember(ObjectRef("web", "a"))]),
    "explain: no object": runs("explain", "no-such-transfer", transfer_log="/nowhere/xaccel.log"),
    "doctor: no file": lambda: cli.main(["doctor"]),
    "doctor: no such check": runs("doctor", "--only", "XA1"),
    "doctor: no time": runs("doctor", "--wait", "long"),
    "doctor: no header": runs("doctor", "--header", "nonsense"),
    "doctor: no object": runs("doctor", "--object", "documents"),
    "purge: nothing": runs("cache", "purge"),
    "purge: no cache": runs("cache", "purge", "web", "a"),
    "purge: no prefix": runs("cache", "purge", "web", "a", cache=Cache(path="cache")),
    "purge: a directory": runs("cache", "purge", "disk", "a", cache=Cache(path="/nowhere")),
    "cache: no directory": runs("cache", "purge", "--all", cache=Cache(path="/nowhere")),
    "cache: another directory": runs("cache", "purge", "--all", cache=Cache(path=str(PACKAGE))),
    "cache: closed": reads_a_closed_cache,
    "flask: no site": flask_without_a_site,
    "flask: no init_app": flask_without_init_app,
    "settings: no mapping": lambda: read_mapping.read([]),  # type: ignore[arg-type]
    "settings: unknown key": reads(WHAT=1),
    "settings: no origins": reads(ORIGINS={}),
    "settings: the documentation's secret": lambda: read_mapping.read(
        {"ORIGINS": {"disk": LocalOrigin(root="/srv")}, "SECRET": PLACEHOLDER}
    ),
    "settings: no secret": lambda: read_mapping.read({"ORIGINS": {"disk": LocalOrigin(root="/srv")}}),
    "settings: short secret": reads(SECRET="short"),
    "settings: no such variable": reads(SECRET=None, SECRET_ENV="XACCEL_IS_NOT_SET"),
    "site: relative log": lambda: list(sender().site.log_problems()),
    "settings: two secrets": reads(SECRET="s" * 32, SECRET_ENV="NAME"),
    "settings: name": reads(NAME="-"),
    "settings: no list": reads(RESOLVER="x", RESPONSE_HEADERS="x"),
    "settings: path": reads(TRANSFER_LOG="$x"),
    "settings: header": reads(RESPONSE_HEADERS=["Set-Cookie", "Vary", "vary"]),
    "settings: pair": reads(ADD_HEADERS=["x"]),
    "settings: cache": reads(CACHE={}),
    "settings: cache option": reads(CACHE={"path": "c", "warm_directory": "/run"}),
    "settings: slowest client": reads(CACHE={"path": "c", "slowest_rate": 0}),
    "settings: cache units": reads(CACHE={"path": "", "valid": "x"}),
    "settings: resolver": reads(RESOLVER=["x"]),
    "settings: concurrency": reads(CONCURRENCY={"Bad": 0}),
    "settings: limit_rate": reads(LIMIT_RATE=0),
    "settings: buffers": reads(BUFFERS="8"),
    "settings: uncached": reads_origin("s3", bucket="docs", cache=True),
    "origins: name": reads(ORIGINS={"Bad name": LocalOrigin(root="/srv")}),
    "origins: entry": reads(ORIGINS={"one": 5}),
    "origins: no such type": reads(ORIGINS={"one": {"type": "x"}}),
    "origins: option": reads_origin("local", nonsense=1),
    "origins: type": reads_origin("local", root=5),
    "origins: secret type": reads_origin("s3", bucket="docs", secret_key=5),
    "bucket": reads_origin("s3", bucket="x", endpoint_url="x y", addressing_style="x", expires_s=0),
    "server: life of a signature": reads_origin("http", base_url="https://h.example/", expires_s=0),
    "bucket: key": reads_origin("s3", bucket="docs", access_key="a"),
    "bucket: ARN": reads_origin(
        "s3", bucket="arn:aws:s3:::x", endpoint_url="s3://x", connect_to=["x"], ca_file="x"
    ),
    "bucket: variant of an endpoint": reads_origin(
        "s3", bucket="docs", endpoint_url="http://127.0.0.1:9000", use_fips_endpoint=True
    ),
    "server: SSE-C": reads_origin(
        "http",
        base_url="https://h.example/",
        request_headers={"x-amz-server-side-encryption-customer-key": "x"},
    ),
    "server": reads_origin(
        "http", base_url="https://u@h.example:0/?x", request_headers={"Host": "x", "X": "$x"}
    ),
    "server: client certificate": reads_origin(
        "http", base_url="https://h.example/", client_certificate="/c.pem"
    ),
    "settings: error page": reads(ERROR_PAGES={"404": "relative.html"}),
    "settings: recorded parameters": reads(RECORDED_PARAMETERS=["", "sig"]),
    "server: redirect_hosts": reads_origin("http", base_url="https://h.example/", redirect_hosts=["a b"]),
    "directory": reads_origin("local", root="srv"),
    "directory: unprintable": reads_origin("local", root="/$x"),
    "file": lambda: cli.main(["config", "/no/such/file.toml"]),
    "NGINX without njs": runs("config", "--nginx-version", "1.26.3"),
}


def told_by(trigger: Callable[[], object]) -> list[tuple[str, int, XaccelError]]:
    """Module, line and error of each error that was made, also of those that were collected and never raised."""
    made: list[tuple[str, int, XaccelError]] = []
    code = XaccelError.__init__.__code__

    def watch(frame: FrameType, event: str, _: object) -> None:
        if event == "return" and frame.f_code is code:
            maker: FrameType | None = frame.f_back
            while maker is not None and maker.f_code.co_filename == ERRORS_FILE:
                maker = maker.f_back
            assert maker is not None
            module = str(Path(maker.f_code.co_filename).relative_to(PACKAGE))
            made.append((module, maker.f_lineno, frame.f_locals["self"]))

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        trigger()
    except XaccelError:
        pass
    finally:
        sys.setprofile(before)
    return made


@pytest.mark.parametrize("trigger", TRIGGERS.values(), ids=TRIGGERS.keys())
def test_a_message_has_place_problem_and_remedy(trigger: Callable[[], object]) -> None:
    """The form is "<where>: <what>. <remedy>." on one line."""
    told = [error for _, _, error in told_by(trigger)]
    assert told
    for error in told:
        lines = (
            [str(problem) for problem in error.problems] if isinstance(error, ConfigErrors) else [str(error)]
        )
        for line in lines:
            assert re.fullmatch(r"\S(?:.*?\S)?: \S.*[^\s.:;,!?]\. [A-Z].*\.", line), line
            assert line.isprintable()
            assert not re.search(r"\bwe\b|\bplease\b|\.\. |  ", line, re.IGNORECASE)
        if not isinstance(error, ConfigErrors):
            assert lines == [f"{error.where}: {error.what}. {error.remedy}"]


KINDS = {
    name
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, (ConfigError, ConfigErrors, InputRefused, CredentialsUnavailable, CacheError))
}


def places_in_the_source() -> Iterator[tuple[str, str, int, int]]:
    for module in (
        *PACKAGE.glob("*.py"),
        *PACKAGE.glob("site/*.py"),
        *PACKAGE.glob("handoff/*.py"),
        *PACKAGE.glob("signing/*.py"),
        *PACKAGE.glob("cli/*.py"),
        *PACKAGE.glob("cache/*.py"),
    ):
        if str(module) != ERRORS_FILE:
            for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS:
                    yield (
                        str(module.relative_to(PACKAGE)),
                        node.func.id,
                        node.lineno,
                        node.end_lineno or node.lineno,
                    )


def test_each_place_that_makes_an_error_is_triggered_above() -> None:
    made = {
        (module, type(error).__name__, line)
        for trigger in TRIGGERS.values()
        for module, line, error in told_by(trigger)
    }
    silent = [
        f"{module}:{first} {kind}"
        for module, kind, first, last in places_in_the_source()
        if not any((module, kind, line) in made for line in range(first, last + 1))
    ]
    assert silent == []


def test_each_kind_of_error_is_triggered_above() -> None:
    made = {type(error).__name__ for trigger in TRIGGERS.values() for _, _, error in told_by(trigger)}
    assert made >= KINDS - {"InputRefused"}


def test_all_errors_have_one_root() -> None:
    classes = [
        kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__
    ]
    assert all(issubclass(kind, XaccelError) for kind in classes)


def test_refused_input_is_a_value_error() -> None:
    assert issubclass(InputRefused, ValueError)
    assert not issubclass(ConfigError, ValueError)


def test_collected_problems_are_listed_one_per_line() -> None:
    problems = [
        ConfigError("one is wrong", where="A", remedy="Mend one."),
        ConfigError("two", where="B", remedy="Do."),
    ]
    told = ConfigErrors(problems)
    assert told.problems == tuple(problems)
    assert str(told) == "2 problem(s) in the configuration:\n  A: one is wrong. Mend one.\n  B: two. Do."


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
@pytest.mark.parametrize(
    "error",
    [
        KeyRefused("it is empty", where="key", remedy="Give one."),
        ConfigErrors([ConfigError("one is wrong", where="A", remedy="Mend one.")]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_crosses_a_process_boundary(error: XaccelError, again: Callable[[Any], Any]) -> None:
    arrived = again(error)
    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    assert (arrived.what, arrived.where, arrived.remedy) == (error.what, error.where, error.remedy)
