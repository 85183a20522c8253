"""Vectors of conditional requests for files with a validator of the app (RFC 9110 section 13.2.2)."""

from __future__ import annotations

from typing import Any

from tests.vectors.case import case

HAND_OFF = "hand_off"
_TAG = {"etag": "v1"}
_WEAK = {"etag": 'W/"v1"'}
_DATE = {"last_modified": "2026-02-03T04:05:06Z"}
_ON_THE_SECOND, _BEFORE = "Tue, 03 Feb 2026 04:05:06 GMT", "Tue, 03 Feb 2026 04:05:05 GMT"
_CACHE_CONTROL = {"Cache-Control": "private, no-cache"}


def _case(
    name: str, why: str, options: dict[str, Any], request: dict[str, str], answer: int | str, **more: str
) -> dict[str, Any]:
    seen = {
        **(
            {"ETag": f'"{options["etag"]}"' if options["etag"][0] != "W" else options["etag"]}
            if "etag" in options
            else {}
        ),
        **({"Last-Modified": _ON_THE_SECOND} if "last_modified" in options else {}),
    }
    return {
        **case(f"condition-{name}", why, "partner", "a.pdf", **options),
        "request_headers": request,
        **more,
        "answer": HAND_OFF
        if answer == HAND_OFF
        else {"status": answer, "headers": {**_CACHE_CONTROL, **seen}},
    }


CONDITIONS = [
    _case("no-condition", "Without a condition the file is sent.", _TAG, {}, HAND_OFF),
    _case("range-alone", "A range is NGINX's affair, and If-Range with it.", _TAG,
          {"Range": "bytes=0-9", "If-Range": '"v1"'}, HAND_OFF),
    _case("none-match-same", "The client has it.", _TAG, {"If-None-Match": '"v1"'}, 304),
    _case("none-match-head", "HEAD is answered likewise.", _TAG, {"If-None-Match": '"v1"'}, 304, method="HEAD"),
    _case("none-match-other", "The client has another one.", _TAG, {"If-None-Match": '"v2"'}, HAND_OFF),
    _case("none-match-list", "One of several.", _TAG, {"If-None-Match": '"v0", W/"x", "v1"'}, 304),
    _case("none-match-weak", "If-None-Match compares weakly.", _TAG, {"If-None-Match": 'W/"v1"'}, 304),
    _case("none-match-weak-own", "Also a weak tag of the app.", _WEAK, {"If-None-Match": '"v1"'}, 304),
    _case("none-match-no-tag", "What is no tag as a whole is ignored.", _TAG, {"If-None-Match": '"v1"x'}, HAND_OFF),
    _case("none-match-beside-no-tag", "The other tags of the list count.", _TAG,
          {"If-None-Match": 'x"v0", "v1" "v0", W/"v1"'}, 304),
    _case("match-no-tag", "What is no tag as a whole is ignored.", _TAG, {"If-Match": '"v0"x'}, HAND_OFF),
    _case("none-match-any", "Any will do.", _TAG, {"If-None-Match": "*"}, 304),
    _case("none-match-before-date", "If-None-Match makes If-Modified-Since void.", {**_TAG, **_DATE},
          {"If-None-Match": '"v2"', "If-Modified-Since": _ON_THE_SECOND}, HAND_OFF),
    _case("match-same", "The client goes on with the same file.", _TAG, {"If-Match": '"v1"'}, HAND_OFF),
    _case("match-other", "The file is another one now.", _TAG, {"If-Match": '"v0"'}, 412),
    _case("match-weak", "If-Match compares strongly.", _WEAK, {"If-Match": 'W/"v1"'}, 412),
    _case("modified-since-same", "Not changed since.", _DATE, {"If-Modified-Since": _ON_THE_SECOND}, 304),
    _case("modified-since-older", "Changed since.", _DATE, {"If-Modified-Since": _BEFORE}, HAND_OFF),
    _case("modified-since-no-date", "What is no date is no condition.",
         _DATE, {"If-Modified-Since": "yesterday"}, HAND_OFF),
    _case("modified-since-rfc850", "A date in the form of RFC 850 is one (RFC 9110 section 5.6.7).", _DATE,
          {"If-Modified-Since": "Tuesday, 03-Feb-26 04:05:06 GMT"}, 304),
    _case("modified-since-asctime", "So is one in the form of C's asctime.", _DATE,
          {"If-Modified-Since": "Tue Feb  3 04:05:06 2026"}, 304),
    _case("modified-since-last-century", "Two digits of a year mean at most 50 years from now.", _DATE,
          {"If-Modified-Since": "Sunday, 06-Nov-94 08:49:37 GMT"}, HAND_OFF),
    _case("modified-since-impossible", "A day that no month has is no date.", _DATE,
          {"If-Modified-Since": "Tue, 31 Feb 2026 04:05:06 GMT"}, HAND_OFF),
    _case("unmodified-since-rfc850", "Changed since.", _DATE,
          {"If-Unmodified-Since": "Tuesday, 03-Feb-26 04:05:05 GMT"}, 412),
    _case("unmodified-since-asctime", "Changed since.", _DATE,
          {"If-Unmodified-Since": "Tue Feb  3 04:05:05 2026"}, 412),
    _case("unmodified-since-tag-alone", "Ignored without a date to compare with (RFC 9110 section 13.1.4).", _TAG,
          {"If-Unmodified-Since": _BEFORE}, HAND_OFF),
    _case("unmodified-since-impossible", "What is no date is no condition.", _TAG,
          {"If-Unmodified-Since": "Tue, 99 Feb 2026 04:05:06 GMT"}, HAND_OFF),
    _case("unmodified-since-same", "Not changed since.", _DATE, {"If-Unmodified-Since": _ON_THE_SECOND}, HAND_OFF),
    _case("unmodified-since-older", "Changed since.", _DATE, {"If-Unmodified-Since": _BEFORE}, 412),
    _case("match-and-none-match", "If-Match is looked at first.", _TAG,
          {"If-Match": '"v0"', "If-None-Match": '"v1"'}, 412),
    _case("no-validator", "Without a validator of the app conditions pass to the origin.", {},
          {"If-None-Match": '"v1"'}, HAND_OFF),
]  # fmt: skip
