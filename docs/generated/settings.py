"""The settings page: each key of settings.XACCEL with its meaning, default and an example."""

from __future__ import annotations

import dataclasses

from docs.generated.docstrings import default_of, field_table, field_texts, prose
from xaccel.django.conf import DELIVERIES
from xaccel.site import Cache, Site
from xaccel.site.origins import HTTPOrigin, LocalOrigin, S3Origin
from xaccel.site.read_mapping import KEYS

FIELD_OF_KEY = {
    "ORIGINS": "origins",
    "SECRET": "secrets",
    "NAME": "name",
    "TRANSFER_LOG": "transfer_log",
    "RESPONSE_HEADERS": "response_headers",
    "ADD_HEADERS": "add_headers",
    "ACCESS_LOGS": "access_logs",
    "ERROR_PAGES": "error_pages",
    "CACHE": "cache",
    "CONCURRENCY": "concurrency",
    "LIMIT_RATE": "limit_rate",
    "LIMIT_RATE_AFTER": "limit_rate_after",
    "BUFFERS": "buffers",
    "RESOLVER": "resolver",
    "RECORDED_PARAMETERS": "recorded_parameters",
}

TEXTS = {
    "SECRET": "The secret that proves to NGINX that a hand-off is the app's: 32 or more letters, digits, '-' and '_'."
    " A list of two while you rotate: the app sends the first, and NGINX accepts both.",
}
"""Of keys that Django and a file describe differently from the field of Site."""

EXAMPLES = {
    "ORIGINS": '{"documents": {"type": "s3", "bucket": "acme-documents"}}',
    "SECRET": '"<32 or more letters, digits, - and _>"',
    "NAME": '"intranet"',
    "TRANSFER_LOG": '"/var/log/nginx/xaccel.log"',
    "RESPONSE_HEADERS": '["X-Robots-Tag", "Access-Control-Allow-Origin"]',
    "ADD_HEADERS": '[["Strict-Transport-Security", "max-age=31536000"]]',
    "ACCESS_LOGS": '["/var/log/nginx/access.log combined"]',
    "ERROR_PAGES": '{404: "/srv/errors/missing.html"}',
    "CACHE": '{"path": "/var/cache/nginx/xaccel", "max_size": "20g"}',
    "CONCURRENCY": '{"default": 8, "guests": 2}',
    "LIMIT_RATE": "10_000_000",
    "LIMIT_RATE_AFTER": "5_000_000",
    "BUFFERS": '"8 64k"',
    "RESOLVER": '["127.0.0.53"]',
    "RECORDED_PARAMETERS": '["id"]',
}


def keys() -> str:
    """Return one section for each key that Django and a TOML file share."""
    fields = {field.name: field for field in dataclasses.fields(Site)}
    texts = {**field_texts(Site), "cache": prose(Cache)[0]}
    sections = []
    for key in [*(key for key in FIELD_OF_KEY if key in KEYS), *sorted(KEYS - FIELD_OF_KEY.keys())]:
        name = FIELD_OF_KEY.get(key, key.lower())
        text = TEXTS.get(key, texts[name][0].upper() + texts[name][1:])
        if name not in ("origins", "secrets"):
            text += f" Default: {default_of(fields[name])}."
        example = f"\nExample: `{EXAMPLES[key]}`\n" if key in EXAMPLES else ""
        sections.append(f"### `{key}`\n\n{text}\n{example}")
    return "\n".join(sections)


def deliveries() -> str:
    """Return the values of DELIVERY."""
    return "Valid values: " + ", ".join(f"`{value!r}`" for value in DELIVERIES) + ".\n"


def origin(name: str) -> str:
    """Return the table of one kind of origin."""
    return field_table({"S3Origin": S3Origin, "HTTPOrigin": HTTPOrigin, "LocalOrigin": LocalOrigin}[name])


def cache() -> str:
    """Return the table of CACHE."""
    return field_table(Cache)
