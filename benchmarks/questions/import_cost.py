"""What does `import xaccel` cost, and the first hand-off of a process?

Each sample is a new interpreter that takes its own time. Everything is compiled before.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.measure.interleave import Sampler, interleave
from benchmarks.measure.question import Cell, Question, Size, Table, Target, require
from benchmarks.measure.spread import ratio, spread

_ROUNDS = {"full": 25, "quick": 4, "smoke": 1}
_HEAVY = tuple("asgiref boto3 botocore django flask minio obstore starlette storages urllib3".split())

_CHILD = """
import json, sys, time
before = set(sys.modules)
start = time.process_time()
{statements}
seconds = time.process_time() - start
print(json.dumps([seconds, sorted(set(sys.modules) - before)]))
"""

_SITE = """
from datetime import UTC, datetime
from xaccel import LocalOrigin, ObjectRef, S3Origin, Sender, Site
keys = {"access_key": "AKIDEXAMPLE", "secret_key": "example"}
s3 = S3Origin(bucket="documents", region="us-east-1", **keys)
sender = Sender(Site(origins={"s3": s3, "local": LocalOrigin(root="/srv")}, secrets=("s" * 32,)))
"""

_STATEMENTS = {
    "import xaccel": "import xaccel",
    "import xaccel.django": "import xaccel.django",
    "import django.http": "import django.http",
    "import botocore.session, .auth": "import botocore.session, botocore.auth",
    "import boto3": "import boto3",
    "import storages.backends.s3": "import storages.backends.s3",
    "import minio": "import minio",
    "import obstore": "import obstore",
    "first hand-off, directory": _SITE + 'assert sender.hand_off(ObjectRef("local", "a.pdf")).headers',
    "first hand-off, S3": _SITE
    + 'assert "X-Amz-Signature" in sender.hand_off(ObjectRef("s3", "a.pdf")).target',
    "first URL of boto3": """
import boto3
client = boto3.client("s3", "us-east-1", aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="example")
url = client.generate_presigned_url("get_object", Params={"Bucket": "documents", "Key": "a.pdf"})
assert "Signature=" in url
""",
}


def answer(size: Size) -> list[Table]:
    """Time the statements, each in interpreters of its own, and list what they load."""
    loaded: dict[str, list[str]] = {}
    contenders = {name: _sampler(name, loaded) for name in _STATEMENTS}
    samples = interleave(contenders, rounds=_ROUNDS[size], warm=size == "full")
    require("botocore.auth" in loaded["first hand-off, S3"], "the S3 hand-off did not sign with botocore")
    own = samples["import xaccel"]
    rows: list[tuple[Cell, ...]] = []
    for name, seconds in samples.items():
        heavy = _heavy(loaded[name])
        rows.append(
            (
                name,
                spread([one * 1e3 for one in seconds]),
                "" if name == "import xaccel" else ratio(seconds, own),
                len(loaded[name]),
                ", ".join(heavy) or "none",
            )
        )
    return [
        Table(
            title="Import, and the first hand-off of a process",
            columns=("statement", "ms", "ratio to import xaccel", "modules", "frameworks and botocore"),
            rows=tuple(rows),
            note=f"Median (quartiles) of {_ROUNDS[size]} new interpreters each, interleaved, CPU time; without the"
            " start of the"
            " interpreter; no network.",
            targets=(
                Target(
                    what="frameworks, botocore and similar packages that `import xaccel` loads",
                    limit=0,
                    measured=len(_heavy(loaded["import xaccel"])),
                    unit="packages",
                    timed=False,
                ),
            ),
        )
    ]


def _sampler(name: str, loaded: dict[str, list[str]]) -> Sampler:
    script = _CHILD.format(statements=_STATEMENTS[name])
    # An installed package is compiled already. Here the round that is thrown away does it.
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}

    def sample() -> float:
        done = subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            cwd=Path(__file__).parents[2],
            env=env,
        )
        require(done.returncode == 0, f"{name}: {done.stderr[-500:]}")
        seconds, loaded[name] = json.loads(done.stdout)
        return float(seconds)

    return sample


def _heavy(modules: list[str]) -> list[str]:
    return sorted({module.partition(".")[0] for module in modules} & set(_HEAVY))


QUESTION = Question(asks="what `import xaccel` costs, and the first hand-off of a process", answer=answer)
