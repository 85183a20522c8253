"""Wagtail: the site that `wagtail start` makes, with its media in a bucket."""
