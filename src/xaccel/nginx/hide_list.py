"""Response headers of stores that a user must not see, where NGINX has no allow-list (no njs).

The headers that steer browsers are those of https://github.com/mdn/browser-compat-data (http/headers), and experiments
of Chromium that it does not list.
"""

from __future__ import annotations

WEB = """
Accept-CH Accept-CH-Lifetime Activate-Storage-Access Ad-Auction-Additional-Bid Ad-Auction-Result Ad-Auction-Signals
Attribution-Reporting-Register-Source Attribution-Reporting-Register-Trigger Available-Dictionary
Connection-Allowlist Connection-Allowlist-Report-Only Content-DPR Critical-CH
Cross-Origin-Embedder-Policy-Report-Only Cross-Origin-Opener-Policy-Report-Only Dictionary-ID Document-Policy
Document-Policy-Report-Only Feature-Policy IdP-SignIn-Status Integrity-Policy Integrity-Policy-Report-Only
Large-Allocation No-Vary-Search Observe-Browsing-Topics Origin-Agent-Cluster Origin-Trial
Permissions-Policy-Report-Only Public-Key-Pins-Report-Only Require-Document-Policy Sec-Session-Challenge
Sec-Session-Registration Secure-Session-Challenge Secure-Session-Registration Set-Login Shared-Storage-Write
Speculation-Rules Supports-Loading-Mode Use-As-Dictionary X-DNS-Prefetch-Control X-SourceMap X-UA-Compatible
Access-Control-Allow-Credentials Access-Control-Allow-Headers Access-Control-Allow-Methods
Access-Control-Allow-Origin Access-Control-Expose-Headers Access-Control-Max-Age Age Alt-Svc Cache-Control
Clear-Site-Data Content-Disposition Content-Location Content-MD5 Content-Security-Policy
Content-Security-Policy-Report-Only Content-Type Cross-Origin-Embedder-Policy Cross-Origin-Opener-Policy
Cross-Origin-Resource-Policy Digest Expect-CT Expires Link Location NEL
P3P Permissions-Policy Pragma Proxy-Authenticate Public-Key-Pins Referrer-Policy Refresh Repr-Digest
Report-To Reporting-Endpoints Retry-After Server-Timing Service-Worker-Allowed Set-Cookie Set-Cookie2 SourceMap
Strict-Transport-Security Timing-Allow-Origin Trailer Vary Via WWW-Authenticate Want-Digest Warning
X-Cache X-Cache-Hits X-Content-Type-Options X-Download-Options X-Frame-Options X-Permitted-Cross-Domain-Policies
X-Powered-By X-Request-Id X-Robots-Tag X-Runtime X-Served-By X-Timer X-XSS-Protection
"""

AWS = """
x-amz-abort-date x-amz-abort-rule-id x-amz-apigw-id x-amz-archive-status x-amz-bucket-region x-amz-cf-id
x-amz-cf-pop x-amz-checksum-crc32 x-amz-checksum-crc32c x-amz-checksum-crc64nvme x-amz-checksum-md5
x-amz-checksum-sha1 x-amz-checksum-sha256 x-amz-checksum-sha512 x-amz-checksum-type x-amz-checksum-xxhash3
x-amz-checksum-xxhash64 x-amz-checksum-xxhash128 x-amz-delete-marker x-amz-error-code x-amz-error-detail-key
x-amz-error-message x-amz-expiration x-amz-id-2 x-amz-missing-meta x-amz-mp-parts-count
x-amz-object-attributes x-amz-object-lock-legal-hold x-amz-object-lock-mode x-amz-object-lock-retain-until-date
x-amz-replication-status x-amz-request-charged x-amz-request-id x-amz-restore
x-amz-server-side-encryption x-amz-server-side-encryption-aws-kms-key-id
x-amz-server-side-encryption-bucket-key-enabled x-amz-server-side-encryption-context
x-amz-server-side-encryption-customer-algorithm x-amz-server-side-encryption-customer-key-MD5
x-amz-storage-class x-amz-tagging-count x-amz-transfer-acceleration-status x-amz-version-id
x-amz-website-redirect-location x-amzn-requestid x-amzn-trace-id
"""

OTHERS = {
    "SeaweedFS": "Seaweed-X-Amz-Owner Seaweed-X-Amz-Etag X-Seaweedfs-Etag X-Filer-Path",
    "MinIO": (
        "x-minio-deployment-id x-minio-error-code x-minio-error-desc x-minio-server-status x-ratelimit-limit"
        " x-ratelimit-remaining x-minio-replication-ready x-minio-source-mtime x-minio-source-etag"
    ),
    "Ceph": "x-rgw-object-type x-rgw-object-count x-rgw-bytes-used x-rgw-quota-user-size x-container-object-count"
    " x-trans-id x-openstack-request-id x-object-manifest x-timestamp",
    "Cloudflare R2": "cf-ray cf-cache-status cf-bgj cf-polished cf-resized cf-r2-version-id cf-connecting-ip",
    "Google Cloud Storage": (
        "x-goog-component-count x-goog-encryption-algorithm x-goog-encryption-key-sha256"
        " x-goog-encryption-kms-key-name x-goog-expiration x-goog-generation x-goog-hash x-goog-metageneration"
        " x-goog-storage-class x-goog-stored-content-encoding x-goog-stored-content-length"
        " x-goog-object-lock-mode x-goog-object-lock-retain-until-date"
        " x-goog-custom-time x-goog-custom-audit-job x-guploader-uploadid x-guploader-response-body-transformations"
        " warn-on-egress"
    ),
    "Azure Blob Storage": (
        "x-ms-access-tier x-ms-access-tier-change-time x-ms-access-tier-inferred x-ms-acl x-ms-archive-status"
        " x-ms-blob-committed-block-count x-ms-blob-content-md5 x-ms-blob-sealed x-ms-blob-sequence-number"
        " x-ms-blob-type x-ms-client-request-id x-ms-content-crc64 x-ms-copy-completion-time"
        " x-ms-copy-destination-snapshot x-ms-copy-id"
        " x-ms-copy-progress x-ms-copy-source x-ms-copy-status x-ms-copy-status-description"
        " x-ms-creation-time x-ms-encryption-key-sha256 x-ms-encryption-scope x-ms-error-code"
        " x-ms-expiry-time x-ms-group x-ms-immutability-policy-mode x-ms-immutability-policy-until-date"
        " x-ms-incremental-copy x-ms-is-current-version x-ms-last-access-time x-ms-lease-duration"
        " x-ms-lease-state x-ms-lease-status x-ms-legal-hold x-ms-or-policy-id x-ms-owner x-ms-permissions"
        " x-ms-rehydrate-priority x-ms-resource-type"
        " x-ms-request-id x-ms-request-server-encrypted x-ms-server-encrypted x-ms-smart-access-tier"
        " x-ms-structured-body x-ms-structured-content-length x-ms-tag-count"
        " x-ms-version x-ms-version-id"
    ),
}

HIDDEN: tuple[str, ...] = tuple(" ".join([WEB, AWS, *OTHERS.values()]).split())
"""Exact names, for `proxy_hide_header`. It knows no wildcard: user metadata (x-amz-meta-*) and unknown names pass."""

ALWAYS_HIDDEN: tuple[str, ...] = (
    "Content-Type",
    "Content-Disposition",
    "Cache-Control",
    "Expires",
    "Set-Cookie",
    "Set-Cookie2",
    "WWW-Authenticate",
    "Location",
)
"""What must go by `proxy_hide_header` also where njs filters: the filter cannot tell the app's from the origin's."""

WILDCARDS: tuple[str, ...] = (
    "x-amz-*",
    "x-amzn-*",
    "x-goog-*",
    "x-guploader-*",
    "x-ms-*",
    "x-minio-*",
    "x-rgw-*",
    "x-object-*",
    "x-container-*",
    "x-seaweedfs-*",
    "seaweed-*",
    "cf-*",
)
"""For headers-more: a name may end in "*"."""
