"""Check the storage of one origin, write the result without names and keys, and read it again for `xaccel config`."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from importlib.metadata import version
from pathlib import Path
from typing import Any

from xaccel.errors import ConfigError, OptionRefused
from xaccel.handoff.objects import ObjectRef
from xaccel.sender import Sender
from xaccel.site import Site
from xaccel.site.origins import LocalOrigin, S3Origin
from xaccel.site.setting import problem
from xaccel.tools.doctor.storage.features import FEATURES, Result, try_all
from xaccel.tools.doctor.storage.scratch import NotTried, Scratch, stopped_between_requests

SCHEMA_VERSION = 1
_PARTS = 'UPLOADS["resumable"]'
RELIED_ON = {
    "ARCHIVES": ("range", "if_match"),
    "UPLOADS": ("put", "put_length", "put_crc", "put_once"),
    _PARTS: ("parts", "parts_crc", "parts_whole", "abort"),
}
"""The features that a setting relies on."""
_BY_NJS = "if_match"
"""With njs, NGINX itself compares the version of each member of an archive before it sends a byte."""
_WORDS = {True: "works", False: "does not", None: "not tried"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The result of one check. failure: why there is none. left: keys that could not be deleted."""

    scratch: Scratch
    results: Mapping[str, Result]
    failure: str = ""
    left: Sequence[str] = ()

    @property
    def exit_status(self) -> int:
        """0 if all features were tried, whatever works; 1 if something could not be deleted; 2 without a result."""
        return 1 if self.left else 2 if self.failure else 0

    def as_json(self) -> dict[str, Any]:
        """Return the record for the table of compatibility. It has no name of a bucket or host, and no key."""
        return {
            "schema_version": SCHEMA_VERSION,
            "xaccel": version("xaccel"),
            "requests": self.scratch.requests,
            "bytes": self.scratch.body_bytes,
            "features": {name: result._asdict() for name, result in self.results.items()},
        }

    def lines(self) -> Iterator[str]:
        """Yield what a user reads."""
        group = ""
        for name, result in self.results.items():
            if FEATURES[name]["group"] != group:
                group = FEATURES[name]["group"]
                yield f"{group}:"
            why = f" ({result.why})" if result.why else ""
            yield f"  {_WORDS[result.works]:9}  {FEATURES[name]['title']}{why}"
        for setting, features in RELIED_ON.items():
            if missing := [
                name for name in features if name in self.results and self.results[name].works is False
            ]:
                without = f" ({_BY_NJS}: only without njs)" if _BY_NJS in missing else ""
                yield f"{setting} relies on what does not work: {', '.join(missing)}{without}."
        if self.failure:
            yield f"No result: {self.failure}."
        yield f"{self.scratch.requests} requests, {self.scratch.body_bytes / 1e6:.1f} MB."
        if self.left:
            yield f"Not deleted, so delete it yourself: {', '.join(self.left)}"
        elif self.scratch.is_bucket:
            yield "All that was written is deleted."


def check_storage(site: Site, named: str, *, object_url: str = "", prefix: str = "") -> Report:
    """Try all features at the storage of an origin, and delete what was written.

    named: "origin", or "origin/bucket" for an origin of many. object_url: of an object to read, for an origin that is
    no bucket. prefix: below which objects are written, behind the origin's own.

    Raises OptionRefused for an origin without such a storage, OriginUnknown, OriginNotAllowed, ConfigError and
    CredentialsUnavailable.
    """
    name, _, bucket = named.partition("/")
    scratch = _scratch(site, name, bucket or None, object_url, prefix)
    results: dict[str, Result] = {}
    failure, left = "", list[str]()
    with stopped_between_requests(scratch):
        try:
            results = try_all(scratch)
        except (KeyboardInterrupt, NotTried) as reason:
            failure = str(reason)
        except (OSError, ValueError, HTTPException) as error:
            failure = f"no response ({type(error).__name__}: {error})"
        finally:
            left = scratch.delete_all()
    return Report(scratch=scratch, results=results, failure=failure, left=left)


def _scratch(site: Site, name: str, bucket: str | None, object_url: str, prefix: str) -> Scratch:
    origin, sender = site.origin(name), Sender(site)
    if isinstance(origin, LocalOrigin):
        what = f"{name!r} is a directory, and NGINX itself reads it"
        raise OptionRefused(what, where="--storage", remedy="Name an origin on the network.")
    if isinstance(origin, S3Origin):
        folder = ObjectRef(name, f"{prefix}xaccel-doctor-{secrets.token_hex(8)}/", bucket=bucket)
    elif object_url:
        folder = ObjectRef(name, url=object_url)
    else:
        remedy = "Name a small object by --object: its URL, signed if the storage needs that."
        what = f"{name!r} is no bucket, so xaccel cannot write to it"
        raise OptionRefused(what, where="--storage", remedy=remedy)
    scratch = Scratch(sender=sender, origin=origin, folder=folder)
    scratch.locate()
    return scratch


def problems(site: Site, *, has_njs: bool) -> Iterator[ConfigError]:
    """Yield an error for each origin whose storage cannot do what a setting relies on, as its recorded result says."""
    for name, origin in site.origins.items():
        if isinstance(origin, LocalOrigin) or (file := origin.storage_results) is None:
            continue
        where = f'ORIGINS["{name}"]["storage_results"]'
        try:
            known = json.loads(Path(file).read_text(encoding="utf-8"))["features"]
            bad = {feature for feature, result in known.items() if result["works"] is False}
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            yield problem(where, "results_unread", file=file, name=name, reason=type(error).__name__)
            continue
        uploads = site.uploads if site.uploads and name in site.uploads.origins else None
        uses = {"ARCHIVES": site.archives, "UPLOADS": uploads, _PARTS: uploads and uploads.resumable}
        for setting, features in RELIED_ON.items():
            missing = [each for each in features if each in bad and not (has_njs and each == _BY_NJS)]
            if uses[setting] and missing:
                remedy = "an NGINX with njs, or " if missing == [_BY_NJS] else ""
                shown = ", ".join(missing)
                yield problem(where, "not_for", setting=setting, features=shown, file=file, remedy=remedy)
