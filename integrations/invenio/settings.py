"""The same app with xaccel."""

import os

from integrations.invenio import before
from integrations.invenio.hand_off import files, hand_off


def create_app():
    """Return the app, whose files NGINX sends."""
    app = before.create_app(
        FILES_REST_XSENDFILE_ENABLED=True,
        FILES_REST_XSENDFILE_RESPONSE_FUNC=hand_off,
        XACCEL=os.environ["XACCEL_SITE"],
    )
    files.init_app(app)
    return app
