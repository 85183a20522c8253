"""A full audit trail: any number of transfers, and as many downloads, made inside PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 300
"""Over which the rows are spread."""

_EMPTY = "why reason filename".split()


def fill(count: int) -> None:
    """Make rows as a year leaves them: 1 % denied, 3 % incomplete, a few refused, or collected by nobody."""
    from django.db import connection

    from xaccel.audit.models import Download, Transfer

    at = f"timestamptz '{FIRST.isoformat()}' + n * interval '{DAYS * 86400 / count} seconds'"
    id_ = f"(lpad(to_hex((extract(epoch FROM {at}) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(n), 19, '0'))::uuid"
    both = {
        "id": id_,
        "subject": f"(n * 7919 % {max(count // 100, 1)})::text",
        "origin": "'documents'",
        "key": f"'files/' || n * 104729 % {max(count // 50, 1)} || '.pdf'",
        "version": "'v1'",
        "client": "'0123456789abcdef'",
        "total": "1000",
    }
    download = {
        **both,
        "group": "md5(n::text)::uuid",
        "opened_at": at,
        "last_at": at,
        "closed_at": at,
        "transfers": "1",
        "sent_bytes": "1000",
        "given_bytes": "1000",
        "spans": "'[[0, 1000]]'::jsonb",
        "completed_at": at,
        "sent_complete": "n % 33 <> 0",
    }
    outcome = (
        "CASE WHEN n % 100 = 0 THEN 'denied' WHEN n % 33 = 0 THEN 'incomplete'"
        " WHEN n % 500 = 1 THEN 'refused' WHEN n % 1000 = 7 THEN 'unknown'"
        f" WHEN n > {count - 10} THEN 'granted' ELSE 'sent' END"
    )
    transfer = {
        **both,
        **dict.fromkeys(_EMPTY, "''"),
        "outcome": outcome,
        "decided_at": at,
        "started_at": at,
        "ended_at": at,
        "as_attachment": "true",
        "download_id": id_,
        "method": "'GET'",
        "status": "200",
        "first": "0",
        "sent": "1000",
        "body_bytes": "1000",
        "details": """'{"protocol": "HTTP/2.0", "sent_length": 1000}'::jsonb""",
        "ip": "'192.0.2.7'",
    }
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename IN ('xaccel_download', 'xaccel_transfer')"
            " AND indexname NOT LIKE '%_pkey'"
        )
        indexes = cursor.fetchall()
        # made at the end, ten million entries are sorted once
        for name, _ in indexes:
            cursor.execute(f'DROP INDEX "{name}"')
        for model, values in ((Download, download), (Transfer, transfer)):
            names = ", ".join(f'"{name}"' for name in values)
            cursor.execute(
                f'INSERT INTO "{model._meta.db_table}" ({names}) SELECT {", ".join(values.values())}'
                f" FROM generate_series(1::bigint, {count}) AS n"
            )
        for _, definition in indexes:
            cursor.execute(definition)
        cursor.execute("VACUUM ANALYZE")
