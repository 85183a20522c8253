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
    if [ -n "${POSTGRES_PRIMARY:-}" ]; then
        until PGPASSWORD=$POSTGRES_STANDBY_PASSWORD "$bin/pg_basebackup" --host "$POSTGRES_PRIMARY" --username standby \
            --pgdata "$PGDATA" --write-recovery-conf --no-password; do
            rm -rf "$PGDATA"
            sleep 1
        done
    else
        "$bin/initdb" --username postgres --auth-local peer --auth-host scram-sha-256 --encoding UTF8 --locale C >/dev/null
        printf 'host all all all scram-sha-256\nhost replication standby all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
        "$bin/postgres" --single -j postgres >/dev/null <<SQL
CREATE ROLE "$POSTGRES_USER" LOGIN PASSWORD '$POSTGRES_PASSWORD';

CREATE ROLE standby LOGIN REPLICATION PASSWORD '$POSTGRES_STANDBY_PASSWORD';

CREATE DATABASE "$POSTGRES_DB" OWNER "$POSTGRES_USER";

SQL
    fi
fi
exec "$bin/postgres" -c listen_addresses='*' -c unix_socket_directories=/tmp -c log_min_messages=warning
