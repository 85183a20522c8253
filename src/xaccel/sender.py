"""Make hand-offs for one site: give each its clock, its id and its credentials."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache, partial

from xaccel.errors import InputRefused, OptionRefused, OriginUnknown
from xaccel.handoff.builder import HandOff, Signing, make_handoff
from xaccel.handoff.identifiers import new_transfer_id
from xaccel.handoff.objects import Located, ObjectRef, Place
from xaccel.handoff.places import Places
from xaccel.options import DEFAULTS, Options, Url
from xaccel.signing.credentials import CredentialSource
from xaccel.signing.endpoint import WouldWait, without_waiting
from xaccel.signing.signer import Pairs, S3Signer, longest_s, signed_fields
from xaccel.site import Site
from xaccel.site.origins import CREDENTIALS, S3Origin
from xaccel.site.rules import MAX_EXPIRES_S


class Sender:
    """Makes hand-offs for one site. Thread-safe; make one per process. For example, to write an adapter:

        from xaccel import ObjectRef, Sender
        from xaccel.site.read_mapping import site_of

        origins = {"documents": {"type": "local", "root": "/srv/documents"}}
        sender = Sender(site_of({"SECRET": "at-least-32-letters-digits-or-dashes", "ORIGINS": origins}))
        hand_off = sender.hand_off(ObjectRef("documents", "2026/report.pdf"))
        status, headers = hand_off.status, hand_off.headers

    places: where the objects of the site are.
    """

    def __init__(self, site: Site) -> None:
        self.site = site
        self.places = Places(site)
        # Bounded: a storage whose tokens change stands in with a new origin each time.
        self._source_of_keys = lru_cache(maxsize=256)(CredentialSource)
        self._source = lru_cache(maxsize=4096)(self._shared_source)
        self._signs = lru_cache(maxsize=4096)(self._signer_of)

    def refer(
        self,
        key: str | None,
        *,
        origin: str | None = None,
        bucket: str | None = None,
        url: Url | None = None,
    ) -> ObjectRef:
        """Return what the arguments of a `send_file` ask for, with the origin that they leave out.

        Raises TypeError for arguments that name nothing or two things, OriginUnknown if `origin` is needed, and
        OriginNotAllowed for a URL of no origin.
        """
        if (key is None) == (url is None):
            raise TypeError("send_file takes a file or an object key, or url=, and not both")
        if origin is None:
            names = sorted(self.site.origins)
            if callable(url) or (url is None and len(names) != 1):
                what = "a function makes the URL" if url else f"the site has {len(names)} origins"
                remedy = f"Pass origin= with one of: {', '.join(names) or '(none is configured)'}."
                raise OriginUnknown(f"{what}, and no origin is named", where="origin", remedy=remedy)
            origin = names[0] if url is None else self.places.origin_of_url(url)
        return ObjectRef(origin, key or "", bucket=bucket, url=url)

    def is_ready(self, ref: ObjectRef) -> bool:
        """Tell whether `hand_off` needs no credentials, no function that makes the URL, and no rules of botocore's.

        botocore takes 0.1 s and more for the first bucket of an origin, and for each bucket whose name has a dot or two
        hyphens in a row. Async code calls `hand_off` in a thread otherwise. Raises OriginUnknown.
        """
        origin = self.site.origin(ref.origin) if ref.stand_in is None else ref.stand_in
        if ref.makes_url or (isinstance(origin, S3Origin) and not self._source(origin).ready()):
            return False
        try:
            with without_waiting():
                self.places.locate(ref)
        except WouldWait:
            return False
        except InputRefused:  # `hand_off` says so at once
            pass
        return True

    def hand_off(self, ref: ObjectRef, *, method: str = "GET", options: Options = DEFAULTS) -> HandOff:
        """Make the hand-off for one request. `method` other than HEAD means GET.

        Raises InputRefused (KeyRefused, OriginUnknown, OriginNotAllowed …) and CredentialsUnavailable.
        """
        located = self.places.locate(ref, method, options)
        place = located.place
        if place.is_signed_by_the_app and not located.by_url:
            what = f"the URLs of origin {place.name!r} are signed by the app, and none was given"
            remedy = "Pass url=; in Django a file, or a key of an origin that names its STORAGE."
            raise OptionRefused(what, where="url", remedy=remedy)
        if options.grant_folder is not None and ref.stand_in is not None:
            what = "the credentials of the file's storage are not those of the origin, which sign the other objects"
            remedy = "Name an origin with these credentials, or leave grant_folder out."
            raise OptionRefused(what, where="grant_folder", remedy=remedy)
        signer = credentials = is_valid_for = None
        if isinstance(place.origin, S3Origin):
            signer, source = self._signs(place)
            credentials = source.current()
            is_valid_for = partial(source.is_valid_for, credentials)
        now = datetime.now(UTC)
        signing = Signing(
            now=now,
            transfer_id=new_transfer_id(now),
            signer=signer,
            credentials=credentials,
            is_valid_for=is_valid_for,
        )
        return make_handoff(self.site, located, options, signing)

    def sign(
        self,
        located: Located,
        *,
        later_s: int = 0,
        method: str | None = None,
        query: str = "",
        headers: Pairs = (),
    ) -> str:
        """Return the URL of a located object, as NGINX requests it. later_s: seconds until it does, at most.

        method: another one than that of a download. query: of a request of S3's about the object. headers: signed too.

        Raises CredentialsUnavailable.
        """
        origin = located.place.origin
        if not isinstance(origin, S3Origin):
            return located.target
        signer, source = self._signs(located.place)
        lives_s = min(origin.expires_s + later_s, MAX_EXPIRES_S)
        signer = signer._replace(expires_s=lives_s, reuse_s=0)
        method = method or located.request_method
        target = f"{located.target}{query and '?'}{query}"
        return signer.sign(target, method, source.current(), datetime.now(UTC), headers=headers)

    def sign_form(
        self, located: Located, fields: Mapping[str, str], *, most_bytes: int, until: datetime
    ) -> dict[str, str]:
        """Return the hidden fields of a form that stores a file as this object of a bucket, as `signed_fields`.

        Raises CredentialsUnavailable.
        """
        endpoint, (_, source) = located.place.endpoint, self._signs(located.place)
        assert endpoint is not None, "an S3 origin has an endpoint"
        bucket, key = located.bucket_and_key
        every = {"key": key, **fields}
        return signed_fields(endpoint, bucket, every, source.current(), most_bytes=most_bytes, until=until)

    def check(self, ref: ObjectRef, options: Options = DEFAULTS) -> None:
        """Raise InputRefused if `hand_off` would refuse. It needs no credentials and makes no request."""
        located = self.places.locate(ref, options=options)
        make_handoff(self.site, located, options, Signing(now=datetime.now(UTC), transfer_id=""))

    def _shared_source(self, origin: S3Origin) -> CredentialSource:
        """Origins with the same keys or the same profile have one source: one look-up, one refresh."""
        shared = {name: getattr(origin, name) for name in ("profile", *CREDENTIALS)}
        return self._source_of_keys(S3Origin(bucket="", **shared))

    def _signer_of(self, place: Place) -> tuple[S3Signer, CredentialSource]:
        origin, endpoint = place.origin, place.endpoint
        assert isinstance(origin, S3Origin)
        assert endpoint is not None, "an S3 origin has an endpoint"
        signer = S3Signer(
            region=endpoint.region,
            expires_s=origin.expires_s,
            request_payer=origin.request_payer,
            reuse_s=longest_s(origin.expires_s),
        )
        return signer, self._source(origin)
