#!/bin/sh
# Rename each log that has XACCEL_LOG_MB or more, and let NGINX open new ones. `ingest` finds the renamed ones beside the log.
set -eu
renamed=
for log in /var/log/xaccel/*.log; do
    [ -f "$log" ] && [ "$(stat --format=%s "$log")" -ge $((XACCEL_LOG_MB * 1000000)) ] || continue
    number=$XACCEL_LOG_FILES
    while [ "$number" -gt 1 ]; do
        [ ! -e "$log.$((number - 1))" ] || mv "$log.$((number - 1))" "$log.$number"
        number=$((number - 1))
    done
    mv "$log" "$log.1"
    renamed=yes
done
# NGINX writes to the renamed files until it has the signal.
[ -z "$renamed" ] || kill -USR1 "$(cat /run/xaccel/nginx.pid)"
