"""Are the internal locations closed from outside, however they are spelled?"""

from __future__ import annotations

from collections.abc import Iterator

from portal.demo.check.answer import Answer, verdict
from portal.demo.check.browser import Exchange
from portal.demo.check.scene import Scene

_SPELLINGS = (
    "/{}",
    "//{}",
    "/./{}",
    "/x/../{}",
    "/%2e/{}",
    "/{}/",
    "/{}?x=1",
    "/{}%2f",
    "/{}%00",
    "/{};x",
    "/{}//",
    "/{}/../documents",
)


def ask(scene: Scene) -> Iterator[Answer]:
    alice, tried, problems = scene.browser("alice"), 0, []
    site = scene.stack.site
    forged = {
        "X-Accel-Redirect": f"{site.internal_prefix}documents",
        "Xaccel-Url": f"{scene.stack.s3.endpoint}/{scene.stack.identity.bucket}/empty",
        "Xaccel-Id": "018f0000-0000-7000-8000-000000000000",
    }
    for name in site.origins:
        plain = f"{site.internal_prefix.strip('/')}/{name}"
        paths = {
            spelling.format(variant)
            for spelling in _SPELLINGS
            for variant in (
                plain,
                plain.replace("_", "%5f"),
                plain.replace("/", "//"),
                plain.replace("/", "%2f"),
            )
        }
        for path in sorted(paths):
            tried += 1
            answer = alice.get(path, forged)
            # a decoded NUL is no path: NGINX refuses it before it looks for a location
            if answer.status not in ((400, 404) if "%00" in path else (404,)):
                problems.append(str(answer))
        for method in ("GET", "HEAD", "POST", "OPTIONS"):
            tried += 1
            answer = alice.request(method, f"/{plain}", forged)
            if answer.status != 404 or _location_ran(answer):
                problems.append(f"{answer}, by the location itself" if answer.status == 404 else str(answer))
    yield verdict(
        "internal-locations", problems, f"404 for {tried} requests, from NGINX before the location runs"
    )


def _location_ran(answer: Exchange) -> bool:
    """Return True if the 404 came from xaccel's locations, which add headers, and not from NGINX itself."""
    return bool(answer.header("X-Content-Type-Options") or answer.header("Cache-Control"))
