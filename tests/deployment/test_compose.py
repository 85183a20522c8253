"""deploy/compose.yaml names files and images that exist. `scripts/deploy --check` runs it."""

from __future__ import annotations

import yaml

from tests.deployment.containers import COMPOSE, IMAGES

SERVICES = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]


def test_each_image_is_built_from_its_own_file() -> None:
    folders = {}
    for name, service in SERVICES.items():
        context = COMPOSE.parent / service["build"]["context"]
        file = (context / service["build"]["dockerfile"]).resolve()
        assert file.is_file(), name
        folders[service["image"]] = file.parent
    assert folders == {f"localhost/xaccel-{name}": COMPOSE.parent / "images" / name for name in IMAGES}
