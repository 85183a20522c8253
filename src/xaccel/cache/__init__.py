"""NGINX's cache, read and changed from outside while NGINX runs."""
