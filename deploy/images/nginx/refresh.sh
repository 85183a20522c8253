#!/bin/sh
# Read the site, its secret and the origins' names again, and reload NGINX if they changed.
exec python3 -m xaccel refresh "$XACCEL_SITE" --resolve --write /run/xaccel/generated --nginx-option=-c/run/xaccel/nginx.conf
