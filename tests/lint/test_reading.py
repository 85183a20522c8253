"""What `xaccel lint` reads: includes, several files, the output of `nginx -T`, templates, and how it names the rest."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lint.command import RECIPE, lint, report
from xaccel.tools.cli import main
from xaccel.tools.lint import reading
from xaccel.tools.lint.reading import Files, lines_of_file, parse


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A configuration as Debian has it: nginx.conf includes all others."""
    main_file = f"http {{ include mime.types; include {tmp_path}/conf.d/*.conf; include sites/*; }}"
    (tmp_path / "nginx.conf").write_text(main_file)
    for name, text in (
        ("conf.d/store.conf", "upstream store { server store.example:443; }"),
        ("sites/default", "server { include snippets/files.conf; }"),
        ("snippets/files.conf", f"\n{RECIPE}"),
    ):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    return tmp_path


def test_includes_are_followed_relative_to_nginx_conf_absolute_and_with_patterns(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["nginx.conf", "conf.d/store.conf", "sites/default", "snippets/files.conf"]
    for first in ("nginx.conf", "sites/default"):
        found = report(capsys, site / first)
        assert found["locations"] == [f"{site}/snippets/files.conf:2: location /private/"]
        assert (found["not_read"], found["exit_status"]) == ([], 1)
        read = names if first == "nginx.conf" else ["sites/default", "snippets/files.conf"]
        assert found["files"] == [str(site / name) for name in read]


def test_a_prefix_replaces_the_folder_of_nginx_conf(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (site / "elsewhere").mkdir()
    moved = (site / "sites/default").rename(site / "elsewhere/default")
    (site / "nginx.conf").unlink()
    assert report(capsys, moved)["exit_status"] == 2
    assert report(capsys, moved, "--prefix", site)["exit_status"] == 1


def test_an_upstream_may_be_in_another_file_of_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.conf").write_text("location /d/ { internal; proxy_pass http://store; }")
    (tmp_path / "b.conf").write_text("upstream store { server 192.0.2.7:9000; }")
    assert lint("--settings", tmp_path / "a.conf", tmp_path / "b.conf") == 0
    assert '"base_url": "http://192.0.2.7:9000/"' in capsys.readouterr().out


def test_the_output_of_nginx_is_read_from_a_file_and_from_standard_input(
    site: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("nginx.conf", "conf.d/store.conf", "sites/default", "snippets/files.conf")
    dumped = "".join(f"# configuration file {site / name}:\n{(site / name).read_text()}\n" for name in names)
    for name in names:
        (site / name).unlink()
    (site / "dump.txt").write_text(dumped)
    from_file = report(capsys, site / "dump.txt")
    monkeypatch.setattr(sys, "stdin", io.StringIO(dumped))
    assert report(capsys, "-") == from_file
    assert (from_file["exit_status"], len(from_file["locations"]), len(from_file["files"])) == (1, 1, 4)
    (site / "dump.txt").write_text(dumped.partition(f"# configuration file {site}/snippets")[0])
    missing = f"{site}/sites/default:1: {site}/snippets/files.conf: not in the output of `nginx -T`"
    assert report(capsys, site / "dump.txt")["not_read"] == [missing]


@pytest.mark.parametrize(
    ("text", "unread"),
    [
        (f"include gone.conf; {RECIPE}", "{file}:1: {folder}/gone.conf: No such file or directory"),
        (f"{RECIPE}include /dev/zero;", "{file}:2: /dev/zero: not a regular file: write the configuration to one"),
        (f"include {{file}}; {RECIPE}", "{file}:1: {file}: the file includes itself"),
        (f"{{{{ extra }}}}\n{RECIPE}", "{file}:1: the text that a template writes for {{ extra }}"),
        ("server {\n" * 60, "{file}:51: blocks are nested in 50 levels."),
    ],
    ids=["missing", "device", "itself", "template", "too deep"],
)  # fmt: skip
def test_what_cannot_be_read_is_named_and_makes_the_exit_status_2(
    text: str, unread: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.conf"
    file.write_text(text.replace("{file}", str(file)))
    assert lint(file) == 2
    printed = capsys.readouterr().out
    named = unread.replace("{file}", str(file)).replace("{folder}", str(tmp_path))
    assert f"Not read: {named}" in printed
    assert ", 1 not read" in printed.splitlines()[-2 if "FAIL" in printed else -1]


def test_a_file_that_may_not_be_read_and_one_that_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.conf").write_text(RECIPE)
    assert lint(tmp_path / "a.conf", tmp_path / "b.conf") == 2
    assert f"Not read: {tmp_path}/b.conf: No such file or directory" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "events {} http { server { location / { proxy_pass http://app; } } }"])
def test_a_run_that_looked_at_nothing_never_says_fine(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "nginx.conf").write_text(text)
    assert lint(tmp_path / "nginx.conf", "--all") == 2
    printed = capsys.readouterr().out
    assert "nothing was checked: no location of 1 file delivers from a storage" in printed
    assert "fine" not in printed
    assert {one["status"] for one in report(capsys, tmp_path / "nginx.conf")["results"]} == {"skipped"}


def test_files_that_xaccel_generated_are_left_to_the_doctor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.conf").write_text(f"# xaccel engine: fetch.conf\n{RECIPE}")
    (tmp_path / "nginx.conf").write_text("http { server { include own.conf; } }")
    assert lint(tmp_path / "nginx.conf") == 2
    assert capsys.readouterr().out.endswith("left out: `xaccel doctor` checks them.\n")


def test_debians_own_file_is_read_with_its_includes(capsys: pytest.CaptureFixture[str]) -> None:
    if not Path("/etc/nginx/nginx.conf").is_file():
        pytest.skip("no NGINX of the system")
    found = report(capsys, "/etc/nginx/nginx.conf")
    assert (found["not_read"], found["exit_status"] in (1, 2)) == ([], True)
    assert "/etc/nginx/mime.types" in found["files"]


def test_findings_or_warnings_make_the_exit_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.conf").write_text(RECIPE)
    only = ("--only", "XA705", tmp_path / "a.conf")
    assert [lint(*only), lint(*only, "--fail-on", "fail"), lint("--only", "XA701", tmp_path / "a.conf")] == [
        1,
        0,
        0,
    ]
    assert lint("--only", "XA999", tmp_path / "a.conf") == 2
    assert lint() == 2
    assert "there is no check 'XA999'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "mark", ["$BACKEND", "${BACKEND_URL}", "{{ backend }}", '<%= ENV["BACKEND"] %>', "{{.Backend}}"]
)
def test_placeholders_of_templates_are_fixed_values_and_are_listed(
    mark: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    control = "{% if x %}\n<% if x %>\n{{ if .X }}\nlisten 80;\n{{ end }}\n<% end %>\n{% endif %}{# a } #}"
    pages = f"location / {{ proxy_pass http://{mark}:6060$request_uri; }}"
    files = f"location /d/ {{ internal; proxy_pass {mark}/$1; }}"
    (tmp_path / "a.conf.template").write_text(f"server {{\n{control}\n{pages}\n{files}\n}}")
    found = report(capsys, tmp_path / "a.conf.template")
    assert (found["not_read"], found["placeholders"]) == ([], {mark: f"{tmp_path}/a.conf.template:9"})
    assert [text.rpartition(" ")[2] for text in found["locations"]] == ["/d/"]
    results = {one["id"]: one["status"] for one in found["results"]}
    assert results["XA701"] == "ok"


def test_a_variable_that_the_configuration_sets_is_no_placeholder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "map $host $STORE { default store.example; } server { set $KEY x; location ~ ^/(?<NAME>.*) {"
    (tmp_path / "a.conf").write_text(f"{text} internal; proxy_pass https://$STORE/$KEY/$NAME; }} }}")
    assert report(capsys, tmp_path / "a.conf")["placeholders"] == {}


def test_the_number_of_files_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_FILES", 20)
    for name in range(12):
        (tmp_path / f"{name}.conf").write_text(
            "a;" if name > 4 else f"include {name + 1}*.conf; include [5-9].conf;"
        )
    files = Files(tmp_path)
    lines_of_file(str(tmp_path / "0.conf"), files)
    assert len(files.names) <= 20
    assert "more than 20 files are included" in files.unread[-1]


def test_quotes_and_escapes_are_those_of_nginx() -> None:
    text = """a "b c" 'd "e"' "f \\" g" ''; # h ;\nadd_header C "default-src 'self'";"""
    first, second = parse(f"# configuration file x:\n{text}")
    assert first.words == ("a", "b c", 'd "e"', 'f \\" g', "")
    assert (second.words, second.where) == (("add_header", "C", "default-src 'self'"), "x:2")


def test_the_doctor_names_the_command_that_replaces_its_option(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--config", "my.conf"]) == 1
    assert "Run `xaccel lint my.conf`." in capsys.readouterr().err


def test_the_program_ends_with_the_exit_status(tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text(RECIPE)
    command = [sys.executable, "-m", "xaccel", "lint", "a.conf"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=os.environ)
    assert (done.returncode, done.stderr) == (1, "")
    assert "a.conf:1: location /private/ sends the client's cookie and authorization" in done.stdout
