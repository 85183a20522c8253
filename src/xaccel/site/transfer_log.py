"""Values of the transfer log that both the audit and the operator's tools read: docs/reference/log-line.md has all."""

from __future__ import annotations

MAX_ENTRY_SIZE = 1 << 20
"""An entry has some 800 bytes. A longer line is not an entry, and is not held in memory."""

CACHED = ("HIT", "STALE", "UPDATING", "REVALIDATED")
"""Values of `cache` of a response that NGINX had already."""

REASONS = frozenset(
    (
        *(
            "forged",
            "no_id",
            "subrequest",
            "url_refused",
            "upgrade_refused",
            "unsigned",
            "wrong_region",
            "limited",
        ),
        *("redirect_refused", "redirect_without_location", "too_many_redirects"),
        *("origin_timeout", "origin_failed", "origin_cut", "slice_failed", "cache_failed", "size_differs"),
        *("not_http", "unframed", "unasked_part", "bad_part", "client_left", "client_or_nginx"),
    )
)
"""Values of `why` of a download, but for "origin_" with the status of the origin's response."""
