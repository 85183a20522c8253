#!/bin/sh
# Generate the configuration of the site, and run NGINX with it.
#
#   /etc/xaccel/site.toml   the site; in place of it, /etc/xaccel/generated may have the files of `xaccel config --write`
#   XACCEL_APP              the app: NAME:PORT, looked up again every five seconds
#   XACCEL_TRUSTED          addresses of the front, such as "10.0.0.0/8 fd00::/8", whose X-Forwarded-* headers count
#   XACCEL_REFRESH_S        how often the origins' names are looked up again, in seconds; 0: never
set -eu
site=/etc/xaccel/site.toml
run=/run/xaccel
generated=$run/generated
mkdir -p "$run/tmp"

nginx_conf() {
    sed -e "s|@generated@|$generated|" -e "s|@app@|$XACCEL_APP|" -e "s|@resolver@|${resolver:-127.0.0.1}|" \
        -e "s|@trusted@|$trusted|" -e "s|@realip@|$realip|" /etc/xaccel/nginx.conf
}

trusted=""
realip=""
for address in $XACCEL_TRUSTED; do
    trusted="$trusted $address 1;"
    realip="$realip set_real_ip_from $address;"
done
resolver=$(awk '$1 == "nameserver" { print ($2 ~ /:/ ? "[" $2 "]" : $2); exit }' /etc/resolv.conf)

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

if [ "$XACCEL_REFRESH_S" -gt 0 ] && [ "$generated" = "$run/generated" ]; then
    # beside NGINX, in the same container: it signals NGINX, and ends with it
    while sleep "$XACCEL_REFRESH_S"; do
        python3 -m xaccel refresh "$site" --resolve --write "$generated" --nginx-option=-c"$run/nginx.conf" 2>&1 |
            grep -v '^nothing changed$' || true
    done &
fi
exec nginx -c "$run/nginx.conf" -e /dev/stderr
