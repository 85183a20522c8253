#!/bin/sh
# Make a cluster in /data at the first start, and run it.
#
#   POSTGRES_USER, POSTGRES_PASSWORD   the app's role, which owns POSTGRES_DB and is no superuser. That is `postgres`, for
#                                      programs in this container only
#   POSTGRES_DB
#   POSTGRES_STANDBY_PASSWORD          of the role `standby`, for replication
#   POSTGRES_PRIMARY                   the name of the primary: this server is its standby
set -eu
bin=/usr/lib/postgresql/17/bin
export PGDATA=/data/17
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    if [ -n "$(ls -A "$PGDATA" 2>/dev/null)" ]; then
        echo "xaccel-postgres: $PGDATA has files, but no cluster. Move them away, or mount another volume at /data." >&2
        exit 1
    fi
    # Renamed when it is complete. A start that was killed leaves a part of it.
    new=$PGDATA.new
    rm -rf "$new"
    if [ -n "${POSTGRES_PRIMARY:-}" ]; then
        until PGPASSWORD=$POSTGRES_STANDBY_PASSWORD "$bin/pg_basebackup" --host "$POSTGRES_PRIMARY" --username standby \
            --pgdata "$new" --write-recovery-conf --no-password; do
            rm -rf "$new"
            sleep 1
        done
    else
        "$bin/initdb" --pgdata "$new" --username postgres --auth-local peer --auth-host scram-sha-256 --encoding UTF8 \
            --locale C >/dev/null
        printf 'host all all all scram-sha-256\nhost replication standby all scram-sha-256\n' >>"$new/pg_hba.conf"
        "$bin/postgres" --single -D "$new" -j postgres >/dev/null <<SQL
CREATE ROLE "$POSTGRES_USER" LOGIN PASSWORD '$POSTGRES_PASSWORD';

CREATE ROLE standby LOGIN REPLICATION PASSWORD '$POSTGRES_STANDBY_PASSWORD';

CREATE DATABASE "$POSTGRES_DB" OWNER "$POSTGRES_USER";

SQL
    fi
    mv --no-target-directory "$new" "$PGDATA"
fi
exec "$bin/postgres" -c listen_addresses='*' -c unix_socket_directories=/tmp -c log_min_messages=warning
