"""The servers that are measured: an origin, a stub app, a Django app, and NGINX in front."""
