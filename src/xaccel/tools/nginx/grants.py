"""Generate how NGINX remembers hand-offs: the locations of the app, and a server of the same NGINX that keeps them.

engine/grants/ has what all sites share.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from xaccel.errors import NginxError
from xaccel.features.grants.remove_marks import SWEEPING
from xaccel.site.keys import grants_label
from xaccel.site.protocol import GRANTS, REDIRECT_HEADER, REVOKE, SIGN
from xaccel.site.rules import DEPTH, PLAIN_SEGMENT
from xaccel.site.site import Grants, Site
from xaccel.tools.nginx.emit import Directive, Raw, block, directive, map_block, phrase
from xaccel.tools.nginx.listener import Listener

_TAGS = 4
_SHARED = stat.S_ISVTX | stat.S_IWOTH
_ZONE = "10m"
"""It holds 80,000 grants."""
_MIN_FREE = "2m"
"""NGINX deletes grants while the file system has less room, for new grants and for other users of the tmpfs."""


class Remembering(Listener[Grants]):
    """The grants of one site."""

    name = GRANTS

    def http(self) -> Iterator[Directive]:
        """Yield the server that keeps hand-offs, for the http level."""
        site, stem = self.site, self.site.stem
        yield self.printer.engine("grants/maps")
        name = re.escape(self.settings.cookie)
        session = rf"(?<{stem}_grants_id>[A-Za-z0-9_.-]{{16,256}})"
        # as browsers send it (RFC 6265 section 4.2.1), which all apps read alike; a cookie that is there twice is none
        only = rf"~^(?!(?:.*; *)?{name}=.*; *{name}=)(?:[^;]+; )*{name}={session}(?:; [^;]+)*$"
        rows = [Directive(phrase(only), (Raw(f"${stem}_grants_id"),))]
        # neither is volatile, since NGINX would evaluate them twice: the cookie and the address do not change
        yield map_block("$http_cookie", f"${stem}_grants_session", rows, volatile=False)
        asked = "$request_uri"
        yield map_block(asked, f"${stem}_grants_scope", self._folders(), default=asked, volatile=False)
        secrets = "|".join(map(re.escape, site.secrets))
        rows = [Directive(phrase(f"~^(?:{secrets})$"), (Raw('""'),))]
        yield map_block("$upstream_http_xaccel_auth", f"${stem}_grants_untrusted", rows, default="1")
        # NGINX finds "/." only in a folder that it may enter
        rows = [Directive("1", (f"{site.revocations_folder}/.",))]
        yield map_block("$upstream_http_xaccel_grant_hit", f"${stem}_grants_marks", rows, default="/")
        kept = [f"keys_zone={stem}_{GRANTS}:{_ZONE}", "max_size=64m", f"min_free={_MIN_FREE}"]
        kept += [f"inactive={self.settings.max_grant}s", "use_temp_path=off"]
        yield directive("proxy_cache_path", site.grants_folder, *kept)
        yield self.app_upstream()
        yield self.to_itself()
        yield self.server_of(self._keeps())

    def server(self) -> Iterator[Directive]:
        """Yield the locations of the app, for each server of the site."""
        site = self.site
        to_marks = f"http://{site.stem}_{GRANTS}{site.internal_prefix}{REVOKE}/"
        inside = [self.require_token(), *self.printer.off(), self.printer.engine("grants/revocations")]
        inside += [directive("proxy_pass", to_marks), *self.addressed()]
        yield block("location", Raw("^~"), f"{site.internal_prefix}{REVOKE}/", inside=inside)
        for path in self.settings.paths:
            inside = [directive("proxy_pass", f"http://{site.stem}_grants"), *self._asks()]
            yield block("location", Raw("^~"), path, inside=[*self._asks_again_without_cache(), *inside])
        without_cache = directive("proxy_pass", Raw(f"http://{site.stem}_grants$request_uri"))
        inside = [self.printer.engine("grants/without-cache"), without_cache, *self._asks()]
        yield block("location", f"@{site.stem}_without_cache", inside=inside)
        again = directive("proxy_pass", Raw(f"http://{site.stem}_grants$xaccel_grant_asked"))
        is_other = Raw(f"(${site.stem}_grants_untrusted)")
        refuse = block("if", is_other, inside=[directive("return", 404)], why="Any backend can jump here.")
        inside = [refuse, self.printer.engine("grants/again"), again, *self._asks()]
        yield block("location", f"@{site.stem}_again", inside=inside)

    def signed(self, location: str) -> Iterator[Directive]:
        """Yield the sender of folders in buckets. location: of the fetch location that then sends, without stem."""
        site, stem = self.site, self.site.stem
        # first: it ends all other requests, which share the variables
        yield self.printer.engine("locations/send")
        yield directive("set", Raw("$xaccel_sender"), f"@{stem}_{location}")
        yield directive("set", Raw("$xaccel_grant_sign_again"), f"@{stem}_sign_{location}")
        yield self.printer.engine("grants/sign")
        yield self.printer.engine("app")
        to_app = f"http://{stem}_{GRANTS}{site.internal_prefix}{SIGN}$xaccel_grant_signs"
        yield directive("proxy_pass", Raw(to_app))
        yield from self.addressed()

    def revoked(self) -> Iterator[Directive]:
        """Yield the comparison with revocations, for the location of each origin."""
        yield self.printer.engine("grants/revoked")
        yield directive("error_page", 419, "=", f"@{self.site.stem}_again")
        why = "If NGINX cannot look at revocations, each grant counts as revoked."
        unknown = Raw(f"(!-d ${self.site.stem}_grants_marks)")
        yield block("if", unknown, inside=[directive("return", 419)], why=why)
        for number in range(1, _TAGS + 1):
            mark = Raw(f"{self.site.revocations_folder}/$xaccel_grant_tag_{number})")
            yield block("if", Raw("(-f"), mark, inside=[directive("return", 419)])

    def _asks_again_without_cache(self) -> Iterator[Directive]:
        yield directive("set", Raw("$xaccel_grants_of"), self.site.stem)
        why = "A full disk: NGINX could not store the response, and closed its connection to itself."
        yield directive("error_page", 502, "=", f"@{self.site.stem}_without_cache", why=why)
        yield directive("recursive_error_pages", "on")

    def _asks(self) -> Iterator[Directive]:
        yield from self.addressed()
        yield self.printer.engine("app")
        yield self.printer.engine("to-itself")
        yield self.printer.engine("grants/location")
        if self.settings.include:
            yield directive("include", self.settings.include)

    def _folders(self) -> Iterator[Directive]:
        """Yield what the address of an object in a folder is remembered by: its folder. The first match counts."""
        folder, plain = f"{self.site.stem}_grants_folder", PLAIN_SEGMENT
        below = rf"(?<xaccel_grant_below>(?:{plain}/){{0,{DEPTH}}}(?<xaccel_grant_name>{plain}))"
        for pattern in self.settings.folders:
            begins = re.escape(pattern).replace(r"\*", plain)
            yield Directive(phrase(rf"~^(?<{folder}>{begins}){below}$"), (phrase(f"*${folder}"),))

    def _keeps(self) -> Iterator[Directive]:
        site, stem = self.site, self.site.stem
        yield self.printer.engine("grants/keep")
        yield directive("set", Raw("$xaccel_grant_session"), Raw(f"${stem}_grants_session"))
        yield directive("set", Raw("$xaccel_grant_zone"), f"{stem}_{GRANTS}")
        why = "Made from SECRET and max_grant: others have other entries."
        yield directive(
            "set",
            Raw("$xaccel_grant_site"),
            f"{grants_label(site.secrets[0])}-{self.settings.max_grant}",
            why=why,
        )
        yield directive("set", Raw("$xaccel_grant_below"), Raw('""'))
        yield directive("set", Raw("$xaccel_grant_name"), Raw('""'))
        yield directive("set", Raw("$xaccel_grant_sign_tries"), Raw('""'))
        yield directive("set", Raw("$xaccel_grant_sign_again"), Raw('""'))
        yield directive("set", Raw("$xaccel_grant_scope"), Raw(f"${stem}_grants_scope"))
        kept = directive("proxy_no_cache", Raw(f"${stem}_grants_untrusted"), Raw("$xaccel_grant_not_kept"))
        to_app = directive("proxy_pass", f"http://{stem}_{GRANTS}_app")
        hop = [self.printer.engine("grants/hop"), kept, to_app]
        without_cache = f"@{stem}_{GRANTS}_without_cache"
        yield block("location", "/", inside=[*hop, directive("error_page", 500, "=", without_cache)])
        why = "A folder that NGINX's workers may not read."
        switch = directive("set", Raw("$xaccel_grant_zone"), "off", why=why)
        yield block("location", without_cache, inside=[switch, *hop])
        if self.settings.folders:
            trusted = directive("proxy_no_cache", Raw(f"${stem}_grants_untrusted"))
            inside = [self.printer.engine("grants/keep-signature"), trusted, to_app, *self.addressed()]
            yield block("location", Raw("^~"), f"{site.internal_prefix}{SIGN}/", inside=inside)
        yield from self._revokes()

    def _revokes(self) -> Iterator[Directive]:
        """Yield the locations that store a mark, and say that it is there. Its file is written and then renamed."""
        site, stem = self.site, self.site.stem
        place, to_itself = f"{site.internal_prefix}{REVOKE}", f"http://{stem}_{GRANTS}"
        marks, key = site.revocations_folder, "$xaccel_revoked_key"
        to_store = directive("proxy_pass", f"{to_itself}{place}-store/")
        inside = [self.printer.engine("grants/revoke"), to_store, *self.addressed()]
        yield block("location", Raw("^~"), f"{place}/", inside=inside)
        inside = [
            self.printer.engine("grants/mark"),
            directive("proxy_pass", f"{to_itself}{place}-mark/"),
            *self.addressed(),
            directive(
                "proxy_temp_path", marks, why="NGINX creates this folder, and writes marks here first."
            ),
            directive("proxy_store", Raw(f"{marks}/{key}")),
            directive("add_header", REDIRECT_HEADER, f"@{stem}_marked"),
        ]
        yield block("location", Raw("^~"), f"{place}-store/", inside=inside)
        yield block("location", Raw("^~"), f"{place}-mark/", inside=[directive("return", 200, Raw('""'))])
        why = "First: a mark that is there now may just be deleted."
        sweeping = block("if", Raw(f"(-f {marks}/{SWEEPING})"), inside=[directive("return", 503)], why=why)
        is_there = block("if", Raw(f"(-f {marks}/{key})"), inside=[directive("return", 200, "revoked")])
        inside = [directive("open_file_cache", "off"), sweeping, is_there, directive("return", 507)]
        yield block("location", f"@{stem}_marked", inside=inside)


def folders(site: Site) -> tuple[Path, Path]:
    """Return the folders of grants and of revocations."""
    return Path(site.grants_folder), Path(site.revocations_folder)


def require_closed_folders(site: Site) -> None:
    """Raise NginxError unless both folders are in memory, and closed for other users. NGINX creates a missing one.

    In a folder that all users share, such as /dev/shm, one of them could create it first: NGINX makes its user the
    owner, and leaves the mode. A tmpfs of a container lets all write too, without the sticky bit.
    """
    remedy = "Name a folder below /run, or mount a tmpfs there. NGINX creates it with the mode 0700."
    for folder in folders(site):
        there = folder if folder.exists() else folder.parent
        found = there.stat() if there.exists() else None
        if found is None or (os.major(found.st_dev), os.minor(found.st_dev)) not in _in_memory():
            raise NginxError(f"{folder} is not in memory (tmpfs)", where='GRANTS["folder"]', remedy=remedy)
        if folder.parent.stat().st_mode & _SHARED == _SHARED:
            what = (
                f"another user can create {folder} before NGINX does, since all users share {folder.parent}"
            )
            raise NginxError(what, where='GRANTS["folder"]', remedy="Name a folder below /run.")
        if there == folder and found.st_mode & 0o077:
            what = f"{folder} is open to other users (mode {found.st_mode & 0o777:o})"
            raise NginxError(what, where='GRANTS["folder"]', remedy=f"Run: chmod 700 {folder}")


def _in_memory() -> set[tuple[int, int]]:
    """Return the devices of file systems in memory (proc_pid_mountinfo(5))."""
    found = set()
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        mount, _, kind = line.partition(" - ")
        if kind.split(" ")[0] in ("tmpfs", "ramfs"):
            major, minor = mount.split(" ")[2].split(":")
            found.add((int(major), int(minor)))
    return found
