"""Files of invenio-files-rest, sent by NGINX after its own permission check."""

from flask import Response, current_app, request
from invenio_files_rest.models import ObjectVersion
from invenio_files_rest.signals import file_downloaded

from xaccel.flask import Downloads

files = Downloads()


def hand_off(obj: ObjectVersion) -> Response:
    """Send an object, for `FILES_REST_XSENDFILE_RESPONSE_FUNC`, with the headers of invenio-files-rest."""
    # with XSENDFILE it does not send the signal, which statistics need
    file_downloaded.send(current_app._get_current_object(), obj=obj)
    return files.send_file(
        obj.file.uri.partition("://")[2].partition("/")[2],
        filename=obj.basename,
        content_type=obj.mimetype,
        etag=obj.file.checksum,
        size=obj.file.size,
        as_attachment="download" in request.args,
        content_security_policy="default-src 'none'",
        headers={
            "X-Download-Options": "noopen",
            "X-Frame-Options": "deny",
            "X-Permitted-Cross-Domain-Policies": "none",
        },
    )
