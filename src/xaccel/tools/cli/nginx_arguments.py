"""Find the NGINX that a configuration is for: the one at hand, or the one that the arguments describe."""

from __future__ import annotations

import argparse
import re
import shutil
from collections.abc import Iterable

from xaccel.commands.printing import print_error
from xaccel.errors import ConfigErrors, NginxError
from xaccel.site import Site
from xaccel.tools.doctor.own_directives import dump, warnings
from xaccel.tools.nginx import Nginx, probe
from xaccel.tools.nginx.probe import DEFAULT, only_loaded, require_supported


def warn(problems: Iterable[object]) -> None:
    """Print warnings on standard error."""
    for problem in problems:
        print_error(problem, program="xaccel: warning")


def find_nginx() -> str:
    """Return the nginx on the PATH, or where systems put it. Raises NginxError if there is none."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        remedy = "Give its path, or --nginx-version 1.26.3 and --module njs for the one on another machine."
        raise NginxError("there is no nginx on the PATH", where="--nginx", remedy=remedy)
    return found


def nginx_of(args: argparse.Namespace, site: Site, *, loads_itself: bool = False) -> Nginx:
    """Return the NGINX of the arguments. Print it on standard error, with warnings about its configuration.

    `loads_itself`: the generated configuration is a whole one, for development, and loads the modules itself.

    Raises NginxError if NGINX cannot be run or is too old. Raises ConfigErrors if it lacks njs and an origin needs
    that, or if a storage cannot do what a setting relies on.
    """
    nginx = _nginx(args)
    if args.nginx_version is None and not loads_itself:
        nginx = _loaded(nginx, [args.nginx or find_nginx(), *args.nginx_option], site)
    lacks_njs = "njs" not in nginx.modules and not loads_itself
    problems = [*site.njs_problems()] if lacks_njs else []
    if any(getattr(origin, "storage_results", None) for origin in site.origins.values()):
        from xaccel.tools.doctor.storage import report

        problems += report.problems(site, has_njs="njs" in nginx.modules)
    if problems:
        raise ConfigErrors(problems)
    version = ".".join(map(str, nginx.version))
    print_error(f"for NGINX {version}; the storage's headers are hidden by {nginx.hides_by}")
    return nginx


def _loaded(nginx: Nginx, command: list[str], site: Site) -> Nginx:
    done = dump(command)
    found, missing, told = only_loaded(nginx, done)
    problems = [
        f"{path} is installed, but this NGINX does not load it: the configuration is generated without it. To use it,"
        f" add `load_module {path};` to nginx.conf, and generate again"
        for path in missing
    ]
    if done.returncode != 0:
        reason = next((line for line in done.stderr.splitlines() if "[emerg]" in line), done.stderr.strip())
        problems.append(f"`{' '.join(command)} -T` failed, so your own directives are not checked: {reason}")
    if not told:
        problems.append(
            f"it is unknown whether NGINX loads {', '.join(nginx.load_modules)}: if it does not, add --without njs or"
            " --without headers-more"
        )
    warn([*problems, *warnings(done, site)])
    return found


def _nginx(args: argparse.Namespace) -> Nginx:
    if args.nginx_version is None:
        njs, headers_more = (name not in args.without for name in ("njs", "headers-more"))
        return probe(args.nginx or find_nginx(), njs=njs, headers_more=headers_more)
    match = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)", args.nginx_version)
    if match is None:
        what, remedy = f"{args.nginx_version!r} is not a version", "Write it like 1.26.3."
        raise NginxError(what, where="--nginx-version", remedy=remedy)
    version = (int(match[1]), int(match[2]), int(match[3]))
    require_supported(version)
    named = {name.replace("-", "_") for name in args.module if name not in args.without}
    return Nginx(version=version, modules=DEFAULT | named)
