"""The file that `python -m xaccel` reads the site from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from xaccel.tools import cli

ASK = ["--nginx-version", "1.26.3", "--module", "njs"]
ORIGIN = {"type": "http", "base_url": "http://192.0.2.1/"}
SITE = {"secret": "s" * 32, "response_headers": ["X-Robots-Tag"], "origins": {"web": ORIGIN}}
TOML = """
secret = "ssssssssssssssssssssssssssssssss"
response_headers = ["X-Robots-Tag"]

[origins.web]
type = "http"
base_url = "http://192.0.2.1/"
"""


def test_a_site_may_be_toml_or_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {"site.toml": TOML, "site.json": json.dumps(SITE)}
    printed = []
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        assert cli.main(["config", str(tmp_path / name), *ASK]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert printed[0].startswith("# ---- /etc/nginx/xaccel/http.conf\n")
    assert "location = /_xaccel/web {" in printed[0]


@pytest.mark.parametrize("text", ['{"secret":', '["a list"]', TOML])
def test_a_json_file_without_a_site_is_an_error(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "site.json"
    file.write_text(text)
    assert cli.main(["config", str(file), *ASK]) == 1
    told = capsys.readouterr().err
    assert str(file) in told
    assert "Traceback" not in told
