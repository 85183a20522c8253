"""The same project with its private files in a bucket, and xaccel."""

from integrations.filer.before import *

BUCKET = {
    "bucket_name": os.environ["BUCKET"],
    "addressing_style": "path",
    "signature_version": "s3v4",
    "file_overwrite": False,
}
STORAGE = "xaccel.contrib.filer.PrivateS3Storage"
SERVER = {"ENGINE": "xaccel.contrib.filer.NginxServer"}
FILER_STORAGES = {
    "private": {
        "main": {
            "ENGINE": STORAGE,
            "OPTIONS": {**BUCKET, "location": "files", "base_url": "/smedia/files/"},
            "UPLOAD_TO": "filer.utils.generate_filename.randomized",
            "UPLOAD_TO_PREFIX": "",
        },
        "thumbnails": {
            "ENGINE": STORAGE,
            "OPTIONS": {**BUCKET, "location": "thumbnails", "base_url": "/smedia/thumbnails/"},
        },
    }
}
FILER_SERVERS = {"private": {"main": SERVER, "thumbnails": SERVER}}

INSTALLED_APPS += ["xaccel.django"]
MIDDLEWARE = ["xaccel.django.HandOffMiddleware", *MIDDLEWARE]
XACCEL = {
    "ORIGINS": {
        "files": {"storage": "filer.settings.FILER_PRIVATEMEDIA_STORAGE"},
        "thumbnails": {"storage": "filer.settings.FILER_PRIVATEMEDIA_THUMBNAIL_STORAGE"},
    },
    "RESPONSE_HEADERS": ["Cross-Origin-Opener-Policy", "Referrer-Policy", "X-Frame-Options"],
}
