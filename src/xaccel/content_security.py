"""The Content-Security-Policy of a file opened in the browser, by its type.

A file is somebody's upload on the app's own host: as HTML, SVG or XML it could act as the app. One table serves the
printed NGINX text (the type may be the origin's, known there only) and the development server.
"""

from __future__ import annotations

import re
from functools import lru_cache

SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; sandbox"
"""For HTML, SVG, XML, text and every type not below: shown, without scripts, forms, storage and origin."""

BY_TYPE: tuple[tuple[str, str], ...] = (
    (r"^(?:audio|video)/", "default-src 'none'; media-src 'self'; style-src 'unsafe-inline'"),
    (r"^application/pdf(?:[ ;]|$)", "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'"),
)
"""Regular expressions (Python's and PCRE's alike, without case) on the type, and the policy for it.

A sandbox keeps Chromium from playing media (tests/browser/test_open.py) and Safari from showing some PDFs
(github.com/adobe/aem-core-wcm-components/issues/2839); Chromium itself takes every policy off a PDF. Browsers put both
into pages of their own making, which may need inline styles.
"""


@lru_cache(maxsize=256)
def default_policy(content_type: str) -> str:
    """Return the policy for a Content-Type, "" included."""
    for pattern, policy in BY_TYPE:
        if re.search(pattern, content_type, re.IGNORECASE):
            return policy
    return SANDBOX
