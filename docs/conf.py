"""Sphinx configuration. Nothing here asks the network."""

import tomllib
from pathlib import Path

_FILE = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
_PROJECT, _REPOSITORY = _FILE["project"], _FILE["tool"]["xaccel"]["repository"]

project = _PROJECT["name"]
version = release = _PROJECT["version"]
author = "the xaccel maintainers"
project_copyright = f"2026, {author}"

extensions = ["myst_parser", "sphinx_copybutton", "sphinx_design"]
exclude_patterns = ["_build", "generated"]
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "deflist"]

html_theme = "furo"
if _REPOSITORY:
    html_theme_options = {
        "source_repository": _REPOSITORY,
        "source_branch": "main",
        "source_directory": "docs/",
    }
html_title = f"{project} {version}"
html_copy_source = False
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["style.css"]
copybutton_prompt_text = "$ "
smartquotes = False
"""Typographic quotes and dashes would change options such as `--check` in running text."""
