#!/bin/sh
# Generate the configuration of the site, and run NGINX with it.
#
#   XACCEL_SITE                 the site (/etc/xaccel/site.toml); in place of it, /etc/xaccel/generated may have the files of
#                               `xaccel config --write`
#   XACCEL_APP                  the app: NAME:PORT, looked up again every five seconds
#   XACCEL_TRUSTED              addresses of the front, such as "10.0.0.0/8 fd00::/8", whose X-Forwarded-* headers count
#   XACCEL_WORKERS              NGINX's worker_processes
#   XACCEL_WORKER_CONNECTIONS   connections of each worker; a download from a storage has two
#   XACCEL_REFRESH_S            how often `xaccel-refresh` runs, in seconds; 0: never
#   XACCEL_LOG_MB               the size at which a log is renamed; 0: never. XACCEL_LOG_FILES: how many renamed ones stay
set -eu
site=$XACCEL_SITE
run=/run/xaccel
generated=$run/generated
mkdir -p "$run/tmp"
# In a pod, $run outlives a restart of the container. A grant that was revoked while NGINX was down must not be used.
rm -rf "$run/grants" "$run/grants-revoked"

nginx_conf() {
    sed -e "s|@generated@|$generated|" -e "s|@app@|$XACCEL_APP|" -e "s|@resolver@|${resolver:-127.0.0.1}|" \
        -e "s|@trusted@|$trusted|" -e "s|@realip@|$realip|" -e "s|@connections@|$connections|" \
        -e "s|@files@|$((2 * connections))|" -e "s|@workers@|$XACCEL_WORKERS|" /etc/xaccel/nginx.conf
}

trusted=""
realip=""
for address in $XACCEL_TRUSTED; do
    trusted="$trusted $address 1;"
    realip="$realip set_real_ip_from $address;"
done
resolver=$(awk '$1 == "nameserver" { print ($2 ~ /:/ ? "[" $2 "]" : $2); exit }' /etc/resolv.conf)

# Without a file for each connection, NGINX would accept connections that it cannot serve.
connections=$XACCEL_WORKER_CONNECTIONS
# shellcheck disable=SC3045  # Debian's sh has it
files=$(ulimit -Hn)
if [ "$files" != unlimited ] && [ "$files" -lt $((2 * connections)) ]; then
    connections=$((files / 2))
    echo "xaccel-nginx: XACCEL_WORKER_CONNECTIONS=$XACCEL_WORKER_CONNECTIONS needs twice as many open files, and this container" \
        "may have $files: each worker has $connections connections. Raise the limit (ulimit nofile)." >&2
fi

if [ -d /etc/xaccel/generated ]; then
    generated=/etc/xaccel/generated
else
    # `config` asks NGINX for its modules, so it needs a file without the includes that are not there yet
    nginx_conf | grep -v "include $generated/" >"$run/nginx.conf"
    if ! python3 -m xaccel config "$site" --resolve --write "$generated" --nginx-option=-c"$run/nginx.conf" >"$run/config.log" 2>&1; then
        cat "$run/config.log" >&2
        exit 1
    fi
fi
nginx_conf >"$run/nginx.conf"

# Beside NGINX, which takes this process: both loops signal NGINX, and end with it.
refresh() {
    sleep "$1" && kill -0 $$ 2>/dev/null || exit 0
    xaccel-refresh 2>&1 | grep -v '^nothing changed$' || true
}
if [ "$generated" = "$run/generated" ]; then
    {
        # A storage that starts after NGINX has no address yet. `xaccel-ready` waits for it as long.
        tries=60
        while [ "$tries" -gt 0 ] && grep -q ' did not resolve:' "$generated"/*/http.conf; do
            tries=$((tries - 1))
            refresh 1
        done
        while [ "$XACCEL_REFRESH_S" -gt 0 ]; do
            refresh "$XACCEL_REFRESH_S"
        done
    } &
fi
if [ "$XACCEL_LOG_MB" -gt 0 ]; then
    while sleep 5 && kill -0 $$ 2>/dev/null; do
        xaccel-rotate || true
    done &
fi
exec nginx -c "$run/nginx.conf" -e /dev/stderr
