#!/bin/sh
# Make a cluster in /data at the first start, and run it.
#
#   POSTGRES_PASSWORD   of the user and of replication
#   POSTGRES_USER, POSTGRES_DB
#   POSTGRES_PRIMARY    the name of the primary: this server is its standby
set -eu
bin=/usr/lib/postgresql/17/bin
export PGDATA=/data/17
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    if [ -n "${POSTGRES_PRIMARY:-}" ]; then
        until PGPASSWORD=$POSTGRES_PASSWORD "$bin/pg_basebackup" --host "$POSTGRES_PRIMARY" --username "$POSTGRES_USER" \
            --pgdata "$PGDATA" --write-recovery-conf --no-password; do
            rm -rf "$PGDATA"
            sleep 1
        done
    else
        umask 077
        printf '%s\n' "$POSTGRES_PASSWORD" >/tmp/password
        "$bin/initdb" --username "$POSTGRES_USER" --pwfile /tmp/password --auth scram-sha-256 --encoding UTF8 --locale C >/dev/null
        rm /tmp/password
        printf 'host all all all scram-sha-256\nhost replication all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
        echo "CREATE DATABASE \"$POSTGRES_DB\"" | "$bin/postgres" --single -j postgres >/dev/null
    fi
fi
exec "$bin/postgres" -c listen_addresses='*' -c unix_socket_directories=/tmp -c log_min_messages=warning
