"""Files that try to run a script in the user's session: what a user uploads, with the type that it claims.

If its script runs, the file renames the page and calls home.
"""

from __future__ import annotations

from typing import NamedTuple

SCRIPT = b"document.title='ran';fetch('/called-home')"
HTML = (
    b"<!doctype html><title>quiet</title><script>"
    + SCRIPT
    + b'</script><img src=x onerror="'
    + SCRIPT
    + b'">'
)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="%s"><title>quiet</title><script>%s</script></svg>' % (
    SCRIPT,
    SCRIPT,
)
LEAVING = b'<title>quiet</title><meta http-equiv=refresh content="0;url=javascript:' + SCRIPT + b'">'
XHTML = (
    b'<html xmlns="http://www.w3.org/1999/xhtml"><head><title>quiet</title></head><body><script>'
    + SCRIPT
    + b"</script></body></html>"
)
TRANSFORMED = (
    b'<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="#it"?>'
    b"<!DOCTYPE a [<!ATTLIST xsl:stylesheet id ID #REQUIRED>]>"
    b'<a><xsl:stylesheet id="it" version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">'
    b'<xsl:template match="/"><html xmlns="http://www.w3.org/1999/xhtml"><script>'
    + SCRIPT
    + b"</script></html></xsl:template>"
    b"</xsl:stylesheet></a>"
)
FRAMED = (
    b'<svg xmlns="http://www.w3.org/2000/svg"><foreignObject width="9" height="9"><iframe '
    b'xmlns="http://www.w3.org/1999/xhtml" srcdoc="&lt;script&gt;parent.'
    + SCRIPT
    + b'&lt;/script&gt;"/></foreignObject></svg>'
)
PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(app.launchURL\\('/called-home'\\);"
    b"this.submitForm\\('/called-home'\\))>>>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj "
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)
GIF = b"GIF89a/*\x01\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00*/=1;"
MHTML = b"MIME-Version: 1.0\r\nContent-Type: text/html\r\nContent-Location: http://a/\r\n\r\n" + HTML


class Hostile(NamedTuple):
    """claim: the type in the upload; None for none. stored: what the app decided; empty if it refuses the file."""

    claim: str | None
    body: bytes
    stored: str


HOSTILE = {
    "HTML": Hostile("text/html", HTML, "text/html"),
    "HTML with another charset": Hostile(
        "text/html; charset=utf-7", b"+ADw-script+AD4-" + SCRIPT + b"+ADw-/script+AD4-", "text/html"
    ),
    "HTML in UTF-16": Hostile("TEXT/HTML", b"\xff\xfe" + HTML.decode().encode("utf-16-le"), "text/html"),
    "HTML that goes elsewhere": Hostile("text/html", LEAVING, "text/html"),
    "HTML as text": Hostile("text/plain", HTML, "text/plain"),
    "HTML as an image": Hostile("image/png", HTML, "image/png"),
    "HTML as a style sheet": Hostile("text/css", HTML, "text/css"),
    "HTML of no type": Hostile(None, HTML, "application/octet-stream"),
    "HTML of an unknown type": Hostile("unknown/unknown", HTML, "unknown/unknown"),
    "HTML of two types": Hostile("video/mp4,text/html", HTML, ""),
    "HTML as mail": Hostile("message/rfc822", MHTML, "message/rfc822"),
    "XHTML": Hostile("application/xhtml+xml", XHTML, "application/xhtml+xml"),
    "XHTML as XML": Hostile("text/xml", XHTML, "text/xml"),
    "XML with a transformation": Hostile("application/xml", TRANSFORMED, "application/xml"),
    "MathML": Hostile("application/mathml+xml", XHTML, "application/mathml+xml"),
    "SVG": Hostile("image/svg+xml", SVG, "image/svg+xml"),
    "SVG as XML": Hostile("text/xml", SVG, "text/xml"),
    "SVG with a frame": Hostile("image/svg+xml", FRAMED, "image/svg+xml"),
    "PDF": Hostile("application/pdf", PDF, "application/pdf"),
    "PDF and HTML": Hostile("application/pdf", PDF + HTML, "application/pdf"),
    "PDF and HTML as HTML": Hostile("text/html", PDF + HTML, "text/html"),
    "GIF and HTML": Hostile("image/gif", GIF + HTML, "image/gif"),
    "GIF and HTML as HTML": Hostile("text/html", GIF + HTML, "text/html"),
}
