"""Generate what takes uploads: locations beside those for downloads, and a server that sends bodies to the storage.

engine/uploads/ has what all sites share; maps.conf there shows the way of an upload.
"""

from __future__ import annotations

from collections.abc import Iterator

from xaccel.errors import NginxError
from xaccel.site.keys import nginx_token
from xaccel.site.protocol import UPLOAD_ASK, UPLOAD_DONE, UPLOAD_DOOR, UPLOAD_TOKEN_HEADER, UPLOADS
from xaccel.site.site import Uploads
from xaccel.tools.nginx.emit import Directive, Raw, block, directive, phrase, require_quotable
from xaccel.tools.nginx.listener import Listener, token_directive
from xaccel.tools.nginx.pools import destination, placed

_LOG = (
    '{"v":1,"kind":"upload","id":"$xaccel_upload_id","origin":"$xaccel_upload_origin",'
    '"subject":"$xaccel_upload_subject","method":"$request_method","protocol":"$server_protocol","status":"$status",'
    '"size":"$http_content_length","origin_status":"$xaccel_upload_storage_status","why":"$xaccel_upload_why",'
    '"note":"$xaccel_upload_note","end":$msec,"seconds":$request_time,"ip":"$remote_addr",'
    '"traceparent":"$xaccel_line_traceparent"}'
)


class Receiver(Listener[Uploads]):
    """The receiver of the uploads of one site."""

    name = UPLOADS

    def http(self) -> Iterator[Directive]:
        """Yield the server and the pools, for the http level. Raises NginxError if a module is missing."""
        self._require("auth_request", "asks the app before an upload comes")
        if self.site.directories.keys() & set(self.settings.origins):
            self._require("dav", "writes uploads into a directory")
        yield self._of_engine("maps")
        yield directive("log_format", f"{self.site.stem}_upload", "escape=json", phrase(_LOG))
        yield self.app_upstream()
        yield self.to_itself(kept=False)
        yield self.server_of(self._hop())

    def _require(self, module: str, does: str) -> None:
        if module not in self.printer.nginx.modules:
            remedy = f"Use a build with --with-http_{module}_module, such as Debian's or nginx.org's."
            what = f"this NGINX lacks the module `{module}`, which {does}"
            raise NginxError(what, where="nginx", remedy=remedy)

    def _hop(self) -> Iterator[Directive]:
        yield self._of_engine("hop")
        for name, origin in self.site.directories.items():
            if name in self.settings.origins:
                folder = require_quotable(origin.staging)
                inside = [directive("root", folder), directive("client_body_temp_path", folder)]
                yield block("location", "=", f"/put/{name}", inside=[*inside, self._of_engine("directory")])
        for location, members in self.printer.groups.items():
            own = [route for route in members if route.name in self.settings.origins]
            for route in own:
                start = f"origin={route.name} sender=@{self.site.stem}_{location}"
                inside = [*placed("$xaccel_place", start, destination(route)), self._of_engine("put")]
                yield block("location", "=", f"/put/{route.name}", inside=inside)
            if own:
                inside = [self._of_engine("storage"), *self._head(), *self.printer.connection(own)]
                yield block("location", f"@{self.site.stem}_{location}", inside=inside)

    def _head(self) -> Iterator[Directive]:
        """Yield what refuses a response without a head. Without njs, locations/raw.conf of the server does."""
        if "njs" in self.printer.nginx.modules:
            yield self._of_engine("head-njs")

    def server(self) -> Iterator[Directive]:
        """Yield the locations, for each server that sends downloads."""
        site, stem, prefix = self.site, self.site.stem, self.site.internal_prefix
        refused = f"@{stem}_refused"
        # a mirror would read the body
        off_mirror = [self.printer.engine("off/mirror")] if "mirror" in self.printer.nginx.modules else []
        mark = nginx_token(site.secrets[0], UPLOAD_DOOR)
        arrived = Raw("($args"), Raw("!~"), Raw(f'"^{mark}&(?<xaccel_upload_args>.*)$")')
        why = "Any backend can jump here, past the location of the path."
        require_mark = block("if", *arrived, inside=[directive("return", 404)], why=why)
        # $args belongs to this request alone: the operator's locations get it as the client sent it
        passed = [require_mark, directive("set", Raw("$args"), Raw("$xaccel_upload_args"))]
        for path in self.settings.paths:
            marked = directive("set", Raw("$args"), Raw(f'"{mark}&$args"'))
            jump = directive("try_files", "/xaccel-refused", f"@{stem}_sort")
            door = [marked, self._of_engine("door"), *off_mirror, jump]
            yield block("location", Raw("^~"), path, inside=door)
        inside = [
            require_mark,
            directive("error_page", 418, "=", f"@{stem}_receive"),
            self._of_engine("sort"),
            # no origin has a dot in its name
            directive("rewrite", Raw("^"), f"{prefix}.app", "last"),
        ]
        yield block("location", f"@{stem}_sort", inside=inside)
        # with the token, since an app in debug mode sends downloads to NGINX alone
        inside = [*passed, *self._to_app(), token_directive(site)]
        yield block("location", "=", f"{prefix}.app", inside=inside)
        inside = [*self._to_app(UPLOAD_ASK), self._of_engine("ask")]
        yield block("location", "=", f"{prefix}.ask", inside=inside)
        receive = [
            *passed,
            directive("auth_request", f"{prefix}.ask"),
            directive("auth_request_set", Raw("$xaccel_upload_trust"), Raw(f"${stem}_trust")),
            directive("error_page", 401, 403, 500, 502, 504, "=", refused),
            directive("try_files", Raw("$xaccel_upload_gate"), refused),
            self._of_engine("receive"),
            *self.addressed(),
            directive("proxy_pass", Raw(f"http://{stem}_uploads/put/$xaccel_upload_origin")),
        ]
        yield block("location", f"@{stem}_receive", inside=[*receive, *self._end()])
        received = [
            self.require_token("$upstream_http", "Any backend can jump here."),
            directive("error_page", 500, 502, 504, "=", refused),
            *self._to_app(UPLOAD_DONE),
            self._of_engine("received"),
        ]
        yield block("location", f"@{stem}_received", inside=[*received, *self._end()])
        yield block("location", refused, inside=[self._of_engine("refused"), *self._end()])

    def _to_app(self, purpose: str = "") -> Iterator[Directive]:
        """Yield what sends a request to the app, with the token of its purpose."""
        token = nginx_token(self.site.secrets[0], purpose) if purpose else ""
        yield self._of_engine("to-app")
        yield from self.printer.app()
        yield directive("proxy_set_header", UPLOAD_TOKEN_HEADER, token)
        yield directive("proxy_pass", Raw(f"http://{self.site.stem}_uploads_app$request_uri"))

    def _end(self) -> Iterator[Directive]:
        log, off = f"{self.site.stem}_upload", self.printer.off("off/auth_request")
        yield directive("access_log", self.site.transfer_log, log, Raw("if=$xaccel_upload_id"))
        yield from self.printer.of_site("uploads-off", (*off, *self.printer.outer_lines("$request_length")))

    def _of_engine(self, name: str) -> Directive:
        return self.printer.engine(f"uploads/{name}")
