"""Measure an application with xaccel and without: `scripts/bench integrations [NAME]`.

Each side is started alone, with a file of 200 MB. The result goes to `integrations/NAME/measured.json`, from which the
table of the documentation is made.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from integrations.application import XACCEL, behind, start
from integrations.table import MB, TABLE
from xaccel.tools.nginx.probe import probe
from xaccel_testing import s3_server, variants


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench integrations", description=__doc__)
    parser.add_argument("name", help="a folder of integrations/")
    parser.add_argument("--megabytes", type=int, default=200, help="size of the file")
    parser.add_argument(
        "--times", action="store_true", help="also measure times: on a machine that does nothing else"
    )
    given = parser.parse_args()
    application = import_module(f"integrations.{given.name}.application").APPLICATION
    variant = next(found for name in ("deb-njs", "wheel") if not (found := variants()[name]).missing)
    rows = [row for row in TABLE if given.times or not row.is_timed]
    sides: dict[str, dict[str, tuple[str, bool]]] = {}
    with tempfile.TemporaryDirectory(prefix="xaccel-integration-") as temporary:
        folder = Path(temporary)
        folder.chmod(0o711)  # NGINX's worker is another user
        file = folder / "file.bin"
        file.write_bytes(random.Random(1).randbytes(given.megabytes * MB))
        (folder / "s3").mkdir()
        with s3_server(folder / "s3") as s3:
            for side in application.sides:
                with (
                    start(application, side, folder / side, s3=s3, file=file) as started,
                    behind(started, variant) as site,
                ):
                    sides[side] = {row.name: row.see(site) for row in rows}
                print(
                    side,
                    *(f"  {name}: {text}" for name, (text, _) in sides[side].items()),
                    sep="\n",
                    flush=True,
                )
    record = {
        "date": datetime.now(UTC).date().isoformat(),
        "versions": {package: version(package) for package in application.packages},
        "nginx": ".".join(map(str, probe(variant.binary).version)),
        "megabytes": given.megabytes,
        "sides": sides,
    }
    text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
    (Path(__file__).parent / given.name / "measured.json").write_text(text, encoding="utf-8")
    return 0 if all(is_right for _, is_right in sides[XACCEL].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
