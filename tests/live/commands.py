"""The commands of xaccel, run in this process, and other programs of Python."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.pages import ROOT
from xaccel.commands.command import FindObject
from xaccel.site import Site
from xaccel.tools import cli
from xaccel.tools.cli import main
from xaccel_testing import Variant


def explain(site: Site, *arguments: str, find_object: FindObject = lambda *_: None) -> str:
    return run(site, "explain", *arguments, find_object=find_object)


def run(site: Site, *arguments: str, find_object: FindObject = lambda *_: None) -> str:
    """What a command prints."""
    parser = argparse.ArgumentParser()
    cli.add_commands(parser, cli.COMMANDS, file=False)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        cli.run(parser.parse_args(arguments), site, find_object)
    return printed.getvalue()


def in_project(module: str, environ: Mapping[str, str], code: str, timeout_s: int = 300) -> str:
    """Run code in the Django project of a module, and return what it printed."""
    program = f"import {module}\nfrom django.core.management import call_command\n{code}"
    return python("-c", program, environ=environ, timeout_s=timeout_s)


def python(
    *arguments: str, environ: Mapping[str, str] | None = None, folder: Path = ROOT, timeout_s: int = 300
) -> str:
    """Run Python in a process of its own, and return what it printed."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, **(environ or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


SITE = """
secret = "0123456789-abcdefghijklmnopqrstuvwxyz"
transfer_log = "/dev/null"
[origins.media]
type = "local"
root = "{root}"
"""


OF_TESTS = "daemon off; error_log error.log warn;"
"""What an NGINX needs that tests start."""


def operators_conf(modules: Sequence[str], inside: str, *, top: str = "", log: str = "off") -> str:
    """Return an operator's nginx.conf, with `inside` in its block http. log: his own, of requests."""
    kinds = ("client_body", "proxy", "fastcgi", "scgi", "uwsgi")
    return f"""{"".join(f"load_module {path};" for path in modules)}
        {"user root;" if os.geteuid() == 0 else ""} pid nginx.pid; events {{ }} {top}
        http {{
            {" ".join(f"{kind}_temp_path {kind};" for kind in kinds)}
            access_log {log}; variables_hash_max_size 16384;
            {inside}
        }}"""


def write_nginx(folder: Path, modules: Sequence[str], inside: str, *, top: str = "") -> list[str]:
    """Write nginx.conf; return the options that name it."""
    text = operators_conf(modules, f"map_hash_bucket_size 128; {inside}", top=top)
    (folder / "nginx.conf").write_text(text)
    return [f"-p{folder}/", f"-c{folder}/nginx.conf", "-estderr"]


def config(variant: Variant, folder: Path, options: list[str], settings: str = "") -> None:
    (folder / "site.toml").write_text(settings + SITE.format(root=folder))
    passed = [f"--nginx-option={option}" for option in options]
    written = ["--write", str(folder / "xaccel"), "--nginx", variant.binary]
    assert main(["config", str(folder / "site.toml"), *written, *passed]) == 0
