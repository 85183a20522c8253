"""The bucket of the site's media, whose files have addresses of the site."""

from storages.backends.s3 import S3Storage

from xaccel.django import AppURLs


class PrivateMedia(AppURLs, S3Storage):
    """`base_url` is where urls.py has the images."""

    base_url = "/media/"
