"""Rows of the table that another operator invented without reading the doctor's checks."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import trustme

from tests.doctor.breakages import breaks, refuses, simple
from tests.doctor.stage import Stage
from xaccel.signing import endpoint
from xaccel.testing import free_port

simple(
    617,
    "Lines of a location for static files empty the header `Cookie` for the app",
    lambda s: s.edit(
        "nginx.conf", "proxy_set_header Host", 'proxy_set_header Cookie ""; proxy_set_header Host'
    ),
    says="does not pass Cookie",
)
simple(
    413,
    "The credentials may not use the key that encrypts the object",
    lambda s: refuses(s, "AccessDenied", message="not authorized to perform: kms:Decrypt on resource"),
    says="kms:Decrypt",
)
simple(
    413,
    "The clock of the app is slow: its signatures have expired when they arrive",
    lambda s: refuses(s, "AccessDenied", message="Request has expired"),
    says="clock",
)


@breaks(303, "The certificate of the site's address is over", says="has expired")
def _(s: Stage) -> None:
    authority, port = trustme.CA(), free_port()
    made = authority.issue_cert("127.0.0.1", not_after=datetime.now(UTC) - timedelta(days=1))
    made.private_key_and_cert_chain_pem.write_to_path(str(s.file("site.pem")))
    authority.cert_pem.write_to_path(str(s.file("known.pem")))
    s.stack.enter_context(patch.dict(os.environ, SSL_CERT_FILE=str(s.file("known.pem"))))
    inside = f"listen 127.0.0.1:{port} ssl; ssl_certificate site.pem; ssl_certificate_key site.pem;"
    s.edit("nginx.conf", f"listen 127.0.0.1:{s.port};", f"listen 127.0.0.1:{s.port}; {inside}")
    s.arguments["--url"] = f"https://127.0.0.1:{port}"


@breaks(103, "AWS's shared configuration file cannot be read", says="aws-config")
def _(s: Stage) -> None:
    s.file("aws-config").write_text("[default\nregion = eu-central-1\n")
    s.stack.enter_context(patch.dict(os.environ, AWS_CONFIG_FILE=str(s.file("aws-config"))))
    for kept in (endpoint._endpoint, endpoint._resolve):
        kept.cache_clear()  # a real doctor is another process than the one that generated
