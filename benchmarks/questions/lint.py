"""How long does `xaccel lint` take for a large configuration?

Each sample is a new interpreter that takes its own time, with the imports of the command: users and hooks of pre-commit
start it for one run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure.interleave import Sampler, interleave
from benchmarks.measure.question import Question, Size, Table, Target, require
from benchmarks.measure.spread import spread

_ROUNDS = {"full": 25, "quick": 6, "smoke": 1}
_LINES = 2000
_LIMIT_MS = 300
_CHILD = """
import io, json, sys, time
start = time.process_time()
from xaccel.tools.cli import main
sys.stdout, shown = io.StringIO(), sys.stdout
try:
    main(["lint", "--json", sys.argv[1]])
except SystemExit:
    print(json.dumps([time.process_time() - start, json.loads(sys.stdout.getvalue())]), file=shown)
"""
_SITE = """\
server {{
    listen 443 ssl;
    server_name site-{number}.example;
    access_log /var/log/nginx/site-{number}.log;
    location / {{
        proxy_pass http://app-{number}:8000;
        proxy_set_header Host $http_host;
    }}
    location ~ ^/private-{number}/(.*?)/(.*) {{
        internal;
        set $store_host $1;
        set $url https://$store_host/$2$is_args$args;
        proxy_set_header Host $store_host;
        proxy_hide_header x-amz-request-id;
        error_page 301 302 307 = @again-{number};
        proxy_pass $url;
    }}
    location @again-{number} {{ set $next $upstream_http_location; proxy_pass $next; }}
}}
"""
_LINES_OF_SITE = _SITE.count("\n")


def answer(size: Size) -> list[Table]:
    """Time the command for one site, and for as many as 2,000 lines have."""
    numbers = {"one site": 1, f"{_LINES:,} lines": _LINES // _LINES_OF_SITE}
    with tempfile.TemporaryDirectory() as folder:
        contenders = {name: _sampler(Path(folder), number) for name, number in numbers.items()}
        samples = interleave(contenders, rounds=_ROUNDS[size], warm=size == "full")
    shown = {name: spread([one * 1e3 for one in seconds]) for name, seconds in samples.items()}
    whole = shown[f"{_LINES:,} lines"]
    goal = Target(
        what=f"`xaccel lint` for {_LINES:,} lines", limit=_LIMIT_MS, measured=whole.median, unit="ms"
    )
    rows = tuple((name, shown[name], number * 2) for name, number in numbers.items())
    note = f"Median (quartiles) of {_ROUNDS[size]} new interpreters each, interleaved, CPU time, with the imports."
    columns = ("configuration", "ms", "locations that deliver from a storage")
    return [Table(title="A run of xaccel lint", columns=columns, rows=rows, note=note, targets=(goal,))]


def _sampler(folder: Path, number: int) -> Sampler:
    file = folder / f"{number}.conf"
    file.write_text("".join(_SITE.format(number=each) for each in range(number)), encoding="utf-8")
    # an installed package is compiled already
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def sample() -> float:
        command = [sys.executable, "-c", _CHILD, str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=env)
        require(done.returncode == 0, f"the command failed: {done.stderr[-500:]}")
        seconds, report = json.loads(done.stdout)
        require(len(report["locations"]) == number * 2, "it did not find each location")
        return float(seconds)

    return sample


QUESTION = Question(asks="how long `xaccel lint` takes for 2,000 lines", answer=answer)
