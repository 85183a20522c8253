#!/bin/sh
# Run `xaccel doctor` for the NGINX of this container. The app has the credentials, and its own doctor.
exec python3 -m xaccel doctor "$XACCEL_SITE" --no-app --resolve --nginx-option=-c/run/xaccel/nginx.conf "$@"
