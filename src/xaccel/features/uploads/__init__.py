"""Receive uploads: the app decides from the headers, NGINX sends the body to the storage and reports the end."""
