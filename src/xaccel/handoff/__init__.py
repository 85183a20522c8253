"""The hand-off: the headers of the app's response that tell NGINX what to send."""
