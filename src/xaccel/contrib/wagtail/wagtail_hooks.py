"""Hand documents to NGINX. Wagtail imports this module by its name."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from wagtail import hooks
from wagtail.documents import get_document_model
from wagtail.documents.models import document_served

from xaccel.django import send_file


@hooks.register("before_serve_document", order=1000)
def hand_off(document: Any, request: HttpRequest) -> HttpResponse:
    """Send the file and the signal `document_served`, which Wagtail does not send after a hook responds.

    The order is after that of Wagtail's own hook, which checks the restrictions of the collection.
    """
    document_served.send(sender=get_document_model(), instance=document, request=request)
    blocked = getattr(settings, "WAGTAILDOCS_BLOCK_EMBEDDED_CONTENT", True)
    return send_file(
        request,
        document.file,
        filename=document.filename,
        content_type=document.content_type,
        as_attachment=document.content_disposition != "inline",
        etag=document.file_hash or None,
        size=document.file_size,
        content_security_policy="default-src 'none'" if blocked else None,
    )
