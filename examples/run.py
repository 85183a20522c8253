"""Run one of the examples on real servers: an S3 server, the app under gunicorn or Node, NGINX. Ctrl-C ends it."""

from __future__ import annotations

import argparse
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from examples import run_node, run_zip
from xaccel.errors import XaccelError
from xaccel.site.rules import PLACEHOLDER
from xaccel_testing import S3Server, Variant, s3_server, variants
from xaccel_testing.stack import Project, Stack, run_stack

HERE = Path(__file__).resolve().parent
KEY = "ann/minutes + 100%.pdf"
OWNED = "/files/ann/minutes%20%2B%20100%25.pdf?user=ann"
OTHERS = "/files/ann/minutes%20%2B%20100%25.pdf?user=bob"
CONTENT = b"%PDF-1.7 the minutes"

_DJANGO = {"DJANGO_SETTINGS_MODULE": "settings"}
_WSGI = "django.core.wsgi:get_wsgi_application()"
EXAMPLES = {
    "flask": Project(application="app:app", site=Path("site.toml")),
    "fastapi": Project(application="app:app", kind="asgi", site=Path("site.toml")),
    "wsgi": Project(application="app:app", site=Path("site.toml")),
    "asgi": Project(application="app:app", kind="asgi", site=Path("site.toml")),
    "drf": Project(application=_WSGI, env=_DJANGO),
    "ninja": Project(application=_WSGI, env=_DJANGO),
}
"""Each example is in the folder of its name. `examples/run_node.py` starts the one in Node."""
NAMES = sorted([*EXAMPLES, "node"])
ZIP = "zip"
"""The example that shows what an archive can do, and ends."""


@contextmanager
def example(name: str, directory: Path, *, s3: S3Server, variant: Variant) -> Iterator[Stack]:
    """Run the example until the block ends, with one file in its bucket.

    All its files are in `directory`, and its site has a random secret.
    """
    asked = EXAMPLES[name]
    copy = shutil.copytree(HERE / name, directory / "project")
    if asked.site:
        site = copy / asked.site
        site.write_text(site.read_text().replace(PLACEHOLDER, secrets.token_urlsafe(32)))
    project = Project(
        application=asked.application,
        kind=asked.kind,
        directory=copy,
        site=asked.site,
        env=asked.env,
    )
    with run_stack(directory, project, s3=s3, variant=variant) as stack:
        stack.put("documents", KEY, CONTENT, "application/pdf")
        yield stack


@contextmanager
def addresses(name: str, directory: Path, *, s3: S3Server, variant: Variant) -> Iterator[tuple[str, str]]:
    """Run any of NAMES until the block ends: the URLs of what its owner gets, and what somebody else is refused."""
    if name != "node":
        with example(name, directory, s3=s3, variant=variant) as stack:
            yield f"{stack.url}{OWNED}", f"{stack.url}{OTHERS}"
        return
    bucket = f"documents-{secrets.token_hex(4)}"
    s3.create_bucket(bucket)
    s3.put(bucket, run_node.KEY, CONTENT, "application/pdf")
    (directory / "nginx").mkdir()
    site = run_node.write_site(directory, s3, bucket)
    with (
        run_node.node_app(site, s3) as app,
        run_node.node_nginx(directory / "nginx", site, variant, app) as nginx,
    ):
        url = f"127.0.0.1:{nginx.port}{run_node.DOCUMENT}"
        yield f"http://reader:reader@{url}", f"http://stranger:stranger@{url}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run what the arguments name; return the exit status."""
    parser = argparse.ArgumentParser(prog="scripts/example", description=__doc__)
    parser.add_argument("name", choices=[*NAMES, ZIP])
    name = parser.parse_args(argv).name
    variant = next((each for each in variants().values() if not each.missing), None)
    # In the background of a shell an interrupt is ignored unless somebody asks for it.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory(prefix=f"xaccel-{name}-") as folder:
            (Path(folder) / "s3").mkdir()
            if variant is None:
                print("scripts/example: no NGINX is here: run scripts/system.", file=sys.stderr)
                return 1
            if name == ZIP:
                with s3_server(Path(folder) / "s3") as s3:
                    run_zip.run(run_zip.Minute(Path(folder), s3, variant))
                return 0
            with (
                s3_server(Path(folder) / "s3") as s3,
                addresses(name, Path(folder), s3=s3, variant=variant) as (owned, others),
            ):
                print(f"{owned}\n{others}", flush=True)
                print("The first address sends the file, the second refuses it to another user.", flush=True)
                print(f"NGINX's configuration and the logs are in {folder} until Ctrl-C.", flush=True)
                signal.pause()
    except XaccelError as error:
        print(f"scripts/example: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
