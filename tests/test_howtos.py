"""Each how-to has the same parts, shows the output of its commands, and quotes it as xaccel writes it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from textwrap import dedent

import pytest

from tests.pages import FENCE, ROOT, own_secret, text
from xaccel.tools.cli import main
from xaccel.tools.doctor.check import checks
from xaccel.tools.lint.check import CHECKS

LISTS = {"origins.md", "migrate.md", "applications.md", "comparison.md", "faq.md"}
"""Pages that lead to how-tos or compare: nothing to do in them."""
HOW_TOS = sorted(
    page
    for group in ("start", "integrate", "operate")
    for page in (ROOT / "docs" / group).glob("*.md")
    if page.name not in LISTS
)


def name(page: Path) -> str:
    return str(page.relative_to(ROOT / "docs"))


def outputs() -> Iterator[tuple[str, list[str]]]:
    """Return the quoted outputs of all pages as lines, with the name of their page."""
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for kind, code in FENCE.findall(text(page)):
            if kind == "text":
                yield page.name, [line.strip() for line in code.splitlines()]


def test_the_quoted_output_of_config_is_true(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [toml] = [code for kind, code in FENCE.findall(text(ROOT / "docs/integrate/basics.md")) if kind == "toml"]
    (tmp_path / "site.toml").write_text(own_secret(toml))
    modules = [
        f"--module={module}"
        for module in ("njs", "addition", "auth-request", "gunzip", "gzip-static", "slice")
    ]
    done = {}
    for option in ("--write", "--check"):
        folder = [option, str(tmp_path / "xaccel")]
        with suppress(SystemExit):
            main(["config", str(tmp_path / "site.toml"), "--nginx-version", "1.26.3", *modules, *folder])
        done[option] = capsys.readouterr()
    written = done["--write"].out.replace(f"{tmp_path}/xaccel/", "/etc/nginx/xaccel/").splitlines()
    quoted = [lines for _, lines in outputs() if lines[0].startswith("xaccel: for NGINX 1.26.3")]
    assert len(quoted) >= 4
    for lines in quoted:
        assert lines[0] in done["--write"].err.splitlines()
        paths = [line for line in lines if line.startswith("/etc/nginx/xaccel/")]
        assert paths == written[: len(paths)]
    assert done["--check"].out.splitlines() in [lines for _, lines in outputs()]


def test_each_quoted_check_is_in_the_reference() -> None:
    reference = text(ROOT / "docs/reference/checks.md")
    quoted = [line for _, lines in outputs() for line in lines if line.startswith("?: (xaccel.")]
    assert quoted
    for line in quoted:
        [(number, message)] = re.findall(r"^\?: \((\S+)\) (.+)$", line)
        section = reference.partition(f"### `{number}`\n")[2].partition("\n### ")[0]
        assert f"\n{message}\n" in section


def test_each_quoted_migration_is_there() -> None:
    quoted = re.findall(r"Applying xaccel_(\w+)\.(\w+)\.\.\. OK", str([*outputs()]))
    assert quoted
    package = ROOT / "src/xaccel"
    assert [each for each in quoted if not [*package.rglob("{}/migrations/{}.py".format(*each))]] == []


def test_each_quoted_finding_has_the_title_of_its_check() -> None:
    failures = {each.id: each.failure for each in (*checks(), *CHECKS.values())}
    found = (re.match(r"(?:FAIL|WARN) (XA\d+) (.+)", line) for _, lines in outputs() for line in lines)
    quoted = [each.groups() for each in found if each]
    assert len(quoted) >= 4
    for number, said in quoted:  # what may follow from another failure has its evidence on the same line
        assert said.partition(": ")[0] == failures[number]


def test_each_quoted_explanation_is_the_one_of_its_reason() -> None:
    known = tomllib.loads(text(ROOT / "src/xaccel/tools/explain/remedies.toml"))
    remedies = [row["remedy"] for row in known["why"].values()]
    quoted = [lines for _, lines in outputs() if any(line.startswith("why: ") for line in lines)]
    assert quoted
    for lines in quoted:
        said = dict(line.partition(": ")[::2] for line in lines if line.startswith(("why: ", "storage: ")))
        codes = {known["s3_codes"].get(said.get("storage"), "")}
        reason, _, cause = said["why"].partition(": ")
        assert cause == known["why"][reason]["cause"]
        shown = [line.partition(": ")[2] for line in lines if line.startswith("remedy: ")]
        assert [each for each in shown if each not in {*remedies, *codes}] == []


def test_each_install_quotes_the_version_and_the_packages_of_its_extras() -> None:
    project = tomllib.loads(text(ROOT / "pyproject.toml"))["project"]
    found = 0
    for page in [*HOW_TOS, ROOT / "README.md"]:
        for extras, packages in re.findall(
            r"pip install '\.\.?/xaccel\[([a-z0-9,]+)\]'[a-z0-9 ./]*\n *```\n+ *```text\n *Successfully installed (.+)",
            text(page),
        ):
            needed = " ".join(" ".join(project["optional-dependencies"][each]) for each in extras.split(","))
            names = packages.split()
            assert f"xaccel-{project['version']}" in names
            others = {each.rpartition("-")[0] for each in names} - {"", "xaccel", "xaccel-testing"}
            assert [each for each in others if each not in needed] == []
            found += 1
    assert found >= 6


NOT_RUN = {
    r"pip install (?:'\.\.?/xaccel\[[a-z0-9,]+\]'|\./xaccel ).*": "needs a registry; scripts/matrix installs the wheel",
    r"scripts/test faults(?: --quick)?": "starts pytest; scripts/test all has the same tests, but the long ones",
    r"mkdir (?:tutorial && cd tutorial|(files-\w+) && cd \1|private && echo .*)": "tests have their own",
    r"(?:python3 -m venv venv && )?\. venv/bin/activate": "tests have their own",
}
"""Commands that no test runs as they are, as patterns, and the reason."""
RUN_BY = {
    r"scripts/demo": "tests/demo/test_serving.py::test_whole_life_of_a_demo_beside_another",
    r"scripts/example flask": "tests/adapters/test_examples.py::test_the_command_prints_an_address_and_ends_at_ctrl_c",
    r"django-admin .*|mkdir private documents/templates|python manage\.py (?:startapp|makemigrations) documents"
    r"|python manage\.py (?:test|migrate|createsuperuser|runserver 8000)"
    r"|python manage\.py xaccel (?:serve --log|ingest) .*": "tests/live/examples/test_tutorial.py::"
    "test_the_tutorial_leads_to_a_download_refusals_and_a_row_of_the_trail",
    r"cat >site\.toml .*|python -m pytest|flask run --debug .*|gunicorn .*|curl --silent .*": "tests/live/examples/"
    "test_framework_pages.py::test_a_page_leads_to_a_test_a_download_and_a_refusal",
    r"python manage\.py xaccel crc fill documents\.Document": "tests/browser/test_cookbook.py::"
    "test_all_documents_or_the_chosen_ones_arrive_as_one_zip",
    r"curl --continue-at .*": "tests/browser/test_cookbook.py::test_a_download_of_5_gb_resumes_at_its_last_bytes",
    r"python manage\.py check": "tests/django/test_checks.py::test_settings_of_these_tests_pass",
    r"python manage\.py runserver 8000": "tests/django/test_runserver.py::"
    "test_runserver_hands_off_to_nginx_alone",
    r"python -m xaccel serve .*": "tests/live/examples/test_serve.py::"
    "test_transfers_are_shown_and_a_changed_site_is_loaded",
    r"python manage\.py xaccel serve": "tests/live/examples/test_serve.py::"
    "test_a_django_project_is_served_and_its_changed_settings_are_loaded",
    r"curl --head .*https://app\.example/files/1": "tests/adapters/test_pages.py::"
    "test_each_code_block_sends_only_permitted_files",
    r"curl (?:-T .* -b|-s -i -X POST|-X PATCH) .*|(?:session|token|site|login|size|crc|url)=.*": "tests/live/examples/"
    "test_upload_pages.py::test_django_receives_the_files_of_the_pages_whole_and_in_parts",
    r"curl -T .* --(?:user ann:secret|cookie ann\.txt) .*|cp .*/upload\.js\" static/": "tests/live/examples/"
    "test_upload_pages.py::test_flask_and_fastapi_receive_the_file_of_the_page",
    r"find /srv/media/\.xaccel-uploads .*": "tests/unit/features/uploads/test_directory.py::"
    "test_the_command_of_the_page_deletes_files_that_nobody_has_written_for_eight_hours",
    r"python manage\.py xaccel revoke --remove-old": "tests/live/grants/test_revoke.py::"
    "test_a_removed_mark_leaves_no_grant_that_it_ended",
    r"python manage\.py xaccel sweep": "tests/live/uploads/test_django.py::"
    "test_the_sweep_makes_the_row_if_the_app_could_not",
    r"python manage\.py xaccel sweep --list uploads": "tests/live/uploads/test_django.py::"
    "test_the_sweep_lists_what_no_row_names_and_deletes_nothing",
    r"python manage\.py migrate": "tests/audit/test_outage.py::test_postgresql_that_is_stopped_and_started",
    r"scripts/wheels|scripts/deploy env >deploy/\.env|mkdir -p deploy/secrets .*|echo S3_PEERS=.*|docker .*": "tests/"
    "deployment/page.py::check",
    r'(?:compose|secret|old|new)=.*|echo "\$.*" >\$secret|(?:until )?\$compose (?:kill|exec) .*|sleep 30': "tests/"
    "deployment/page.py::rotate_secret",
    r"deploy/debian/install .*|systemctl .*|logrotate .*|apt-get install .* rsyslog-relp|pip install --upgrade .*"
    r"|python -m xaccel --version|python manage\.py xaccel config --write /etc/nginx/xaccel"
    r"|nginx -t && systemctl reload nginx|head --lines 1 .*": "tests/deployment/debian.py::check",
    r"curl --head https://app\.example/_xaccel/documents": "tests/live/handoff/test_internal.py::"
    "test_an_internal_location_is_404_from_outside",
    r"zcat .*|python manage\.py xaccel ingest older\.log": "tests/audit/test_command.py::"
    "test_older_files_are_ingested_by_hand_as_the_page_says",
    r"xaccel lint .*|nginx -T \| xaccel lint -": "tests/lint/test_settings.py::test_the_entry_of_a_location",
    r"xaccel doctor site\.toml .*": "tests/doctor/test_healthy.py::test_a_healthy_site_has_no_finding",
    r"pytest": "tests/testing/test_pytest_plugin.py::test_every_helper_works_in_another_project",
}
"""Other commands, and the test that runs them, with other addresses and folders."""
HERE = re.compile(
    r"python -m xaccel (?:secret|config site\.toml --write .*)"
    r"|python manage\.py xaccel config --write .*"
    r"|mkdir -p /var/log/xaccel"
)
"""Commands that the test below runs."""
MACHINES = {"containers", "debian", "directory", "faults", "growth", "production", "several", "upgrade"}
"""The pages of Operate about machines. The commands of the others need a site that runs."""
RUN = [
    ROOT / "README.md",
    ROOT / "docs/index.md",
    *(ROOT / "docs/cookbook").glob("*.md"),
    *(page for page in HOW_TOS if page.parent.name != "operate" or page.stem in MACHINES),
]


def commands() -> Iterator[tuple[Path, str, list[str]]]:
    """Return each block of commands with its page, and the lines of the output that follows."""
    for page in RUN:
        blocks = [*FENCE.findall(text(page)), ("", "")]
        for (kind, code), (after, shown) in pairwise(blocks):
            if kind == "sh":
                code = re.sub(r" *\\\n *", " ", dedent(code))
                code = re.sub(r"<<END\n.*?\nEND$", "<<END", code, flags=re.DOTALL | re.MULTILINE)
                yield page, code, shown.splitlines() if after == "text" else []


def is_run_here(block: str) -> bool:
    return all(HERE.fullmatch(line) for line in block.splitlines())


def test_each_command_is_run_by_a_test() -> None:
    unknown = []
    for page, block, _ in commands():
        for line in [] if is_run_here(block) else block.splitlines():
            if not any(re.fullmatch(pattern, line) for pattern in [*NOT_RUN, *RUN_BY]):
                unknown.append(f"{page.name}: {line}")
    assert "\n".join(unknown) == ""
    lines = [line for _, block, _ in commands() for line in block.splitlines()]
    assert [each for each in (*NOT_RUN, *RUN_BY) if not any(re.fullmatch(each, line) for line in lines)] == []
    for test in RUN_BY.values():
        file, _, function = test.partition("::")
        assert f"\ndef {function}(" in text(ROOT / file)


def test_commands_without_a_server_print_the_output_of_the_pages(tmp_path: Path) -> None:
    """For an NGINX by its version, and below a folder of the test."""
    [toml] = [code for kind, code in FENCE.findall(text(ROOT / "docs/integrate/basics.md")) if kind == "toml"]
    (tmp_path / "site.toml").write_text(own_secret(toml))
    (tmp_path / "manage.py").write_text(text(ROOT / "examples/minimal/manage.py"))
    env = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT / "examples/minimal"), *sys.path]),
        "PYTHONPYCACHEPREFIX": os.environ.get("PYTHONPYCACHEPREFIX", str(tmp_path / "compiled")),
        "DJANGO_SETTINGS_MODULE": "settings",
        "DEBUG": "1",
        "S3_BUCKET": "documents",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    ran = {}
    for page, block, shown in commands():
        if not is_run_here(block):
            continue
        script = block.replace("mkdir -p /var/log/xaccel\n", "").replace("/etc/", f"{tmp_path}/etc/")
        script = re.sub(
            r"(?m)( --write .*)$", r"\1 --nginx-version 1.26.3 --module=njs --module=slice", script
        )
        if script not in ran:
            done = subprocess.run(
                ["bash", "-ec", script],
                cwd=tmp_path,
                env=env,
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
            assert done.returncode == 0, f"{page.name}: {script}{done.stderr}"
            ran[script] = (done.stderr + done.stdout).replace(str(tmp_path), "").splitlines()
        hidden = re.compile(r"^[A-Za-z0-9_…-]{20,}$")
        expected = ["…" if hidden.match(line) else line for line in shown]
        printed = [*ran[script], "…", "xaccel: for NGINX 1.26.3; the storage's headers are hidden by njs"]
        assert [line for line in expected if line not in printed] == []
    assert len(ran) >= 3
