"""The Content-Security-Policy of a file opened in the browser, by its type.

A file is somebody's upload on the app's own host: as HTML, SVG or XML it could act as the app. One table serves the
NGINX configuration (the type may be the origin's, known there only) and the development server.
"""

from __future__ import annotations

import re
from functools import lru_cache

PARAMETERS = r"""(?: *;(?:[ !#-&(-+.-\[\]-~-]|"[ !#-&(-\[\]-~]*")*)?"""
"""The parameters of a media type, as a regular expression.

Browsers use the last type of a list (https://fetch.spec.whatwg.org/#concept-header-extract-mime-type). A comma is
therefore allowed only between double quotes, and `\\` and `'` nowhere: parsers disagree about where these end a quote.
"""

_EVERYWHERE = "form-action 'none'; base-uri 'none'"

SANDBOX = f"default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; {_EVERYWHERE}; sandbox"
"""For HTML, SVG, XML, text and every type not below: shown, without scripts, forms, storage and origin."""

BY_TYPE: tuple[tuple[str, str], ...] = (
    (
        rf"^(?:audio|video)/[a-z0-9!#$&^_.-]+{PARAMETERS}$",
        f"default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; {_EVERYWHERE}",
    ),
    (
        rf"^application/pdf{PARAMETERS}$",
        f"default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; {_EVERYWHERE}",
    ),
)
"""Regular expressions (Python's and PCRE's alike, without case) on the whole type, and the policy for it.

A subtype with "+" is not matched: every type that ends in "+xml" is XML, which may be a page
(https://mimesniff.spec.whatwg.org/#xml-mime-type).

A sandbox keeps Chromium from playing media (tests/browser/test_open.py) and Safari from showing some PDFs
(github.com/adobe/aem-core-wcm-components/issues/2839); Chromium itself takes every policy off a PDF. Browsers put both
into generated pages, which may need inline styles.
"""


@lru_cache(maxsize=256)
def default_policy(content_type: str) -> str:
    """Return the policy for a Content-Type, "" included."""
    for pattern, policy in BY_TYPE:
        if re.search(pattern, content_type, re.IGNORECASE | re.ASCII):
            return policy
    return SANDBOX
