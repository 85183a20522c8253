"""Filling NGINX's cache through NGINX itself, without a user: both sides of `xaccel warm`."""
