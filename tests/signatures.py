"""Check signed requests of Google and Amazon with the public key, which no emulator does.

Google: V4 signing with RSA, https://cloud.google.com/storage/docs/authentication/signatures
Amazon CloudFront: canned policy,
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-creating-signed-url-canned-policy.html
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa


@cache
def private_key() -> rsa.RSAPrivateKey:
    """The key of all tests of this process."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def private_pem() -> str:
    return (
        private_key()
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode()
    )


def service_account() -> dict[str, str]:
    """What Google's console would give as a key file."""
    return {
        "type": "service_account",
        "project_id": "acme",
        "private_key_id": "k1",
        "private_key": private_pem(),
        "client_email": "reader@acme.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.invalid/token",
    }


def google_says(method: str, host: str, target: str, now: datetime | None = None) -> str:
    """What Google would find wrong with a request; "" for nothing. `target` is path and query as they came."""
    path, _, query = target.partition("?")
    signed_query, mark, signature = query.rpartition("&X-Goog-Signature=")
    given = {name: values[0] for name, values in parse_qs(signed_query).items()}
    if not mark or given.get("X-Goog-Algorithm") != "GOOG4-RSA-SHA256":
        return "not signed"
    at = datetime.strptime(given["X-Goog-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    if (now or datetime.now(UTC)) > at + timedelta(seconds=int(given["X-Goog-Expires"])):
        return "expired"
    scope = given["X-Goog-Credential"].partition("/")[2]
    asked = "\n".join((method, path, signed_query, f"host:{host}\n", "host", "UNSIGNED-PAYLOAD"))
    digest = sha256(asked.encode()).hexdigest()
    to_sign = "\n".join(("GOOG4-RSA-SHA256", given["X-Goog-Date"], scope, digest))
    try:
        private_key().public_key().verify(
            bytes.fromhex(signature), to_sign.encode(), padding.PKCS1v15(), hashes.SHA256()
        )
    except (InvalidSignature, ValueError):
        return "another signature"
    return ""


def cloudfront_says(url: str, now: datetime | None = None) -> str:
    """What CloudFront would find wrong with a URL; "" for nothing."""
    resource, _, query = url.partition("?")
    given = {name: values[0] for name, values in parse_qs(query).items()}
    if given.keys() != {"Expires", "Signature", "Key-Pair-Id"}:
        return "not signed"
    if (now or datetime.now(UTC)).timestamp() > int(given["Expires"]):
        return "expired"
    policy = (
        f'{{"Statement":[{{"Resource":"{resource}","Condition":'
        f'{{"DateLessThan":{{"AWS:EpochTime":{given["Expires"]}}}}}}}]}}'
    )
    signature = given["Signature"].translate(str.maketrans("-_~", "+=/"))
    try:
        private_key().public_key().verify(
            base64.b64decode(signature), policy.encode(), padding.PKCS1v15(), hashes.SHA1()
        )
    except (InvalidSignature, ValueError):
        return "another signature"
    return ""
