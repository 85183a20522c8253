"""An app with invenio-files-rest, as its own example has it. A header says who the user is, in place of a login."""

import os

from flask import Flask, request
from invenio_db import InvenioDB
from invenio_files_rest import InvenioFilesREST
from invenio_files_rest.models import Bucket
from invenio_files_rest.views import blueprint
from invenio_i18n import InvenioI18N
from invenio_s3 import InvenioS3


class OwnerOnly:
    """The permission of all actions."""

    def __init__(self, obj, action):
        pass

    def can(self):
        return request.headers.get("X-User") == "owner"


def create_app(**config):
    """Return the app, with further settings."""
    app = Flask("invenio")
    app.config.update(
        SQLALCHEMY_DATABASE_URI=f"sqlite:///{os.environ['FOLDER']}/db.sqlite3",
        SECRET_KEY="only-for-tests-0123456789abcdefghijklmnopqrstuvw",
        FILES_REST_STORAGE_FACTORY=os.environ["STORAGE_FACTORY"],
        FILES_REST_PERMISSION_FACTORY=OwnerOnly,
        S3_ENDPOINT_URL=os.environ["AWS_ENDPOINT_URL_S3"],
        S3_ACCESS_KEY_ID=os.environ["AWS_ACCESS_KEY_ID"],
        S3_SECRET_ACCESS_KEY=os.environ["AWS_SECRET_ACCESS_KEY"],
        **config,
    )
    InvenioI18N(app)
    InvenioDB(app)
    InvenioS3(app)
    InvenioFilesREST(app)
    app.register_blueprint(blueprint)

    @app.get("/buckets")
    def buckets():
        return {"buckets": Bucket.query.count()}

    return app
