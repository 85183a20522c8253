"""The storages of Google and Azure. Workers whose project has none do not load this module.

Only a storage without a key makes a request: it may ask its cloud for a signature, or for a key that signs.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import SuspiciousOperation

from xaccel.django.files.objects import LEAST_S, SignedByItsSDK, StoredFile
from xaccel.site.origins import HTTPOrigin
from xaccel.site.setting import problem


class Google(SignedByItsSDK):
    """GoogleCloudStorage of django-storages."""

    client, kept = "bucket", "bucket_name project_id credentials"
    place = "bucket_name location custom_endpoint default_acl querystring_auth expiration"
    remedy = (
        "Set GS_CREDENTIALS with a private key, or GS_IAM_SIGN_BLOB if only the cloud has the key. GS_EXPIRATION is at"
        " most seven days."
    )

    def base(self, storage: Any) -> HTTPOrigin:
        self.require_own_client()
        if not storage.bucket_name:
            settings = "GS_BUCKET_NAME or OPTIONS['bucket_name']"
            raise problem("storage", "unnamed_storage", kind="bucket", settings=settings)
        root = storage.custom_endpoint
        if not root:
            from google.cloud.storage import Client

            # The storage's own would look for credentials, perhaps on the network, only to name the same host.
            is_made = storage._client is not None or "client" in self.computed
            client = storage.client if is_made else Client.create_anonymous_client()
            root = f"{client.api_endpoint.rstrip('/')}/{storage.bucket_name}"
        elif "://" not in root:
            root = f"http://{root}"  # as Google's SDK
        expires = storage.expiration
        if isinstance(expires, timedelta):
            expires = int(expires.total_seconds())
        public = storage.default_acl == "publicRead" or not storage.querystring_auth
        expires_s = None if public else expires if isinstance(expires, int) else LEAST_S
        return HTTPOrigin(base_url=f"{root}/", expires_s=expires_s)

    def url(self, storage: Any, name: str, method: str) -> Any:
        return self.known.url(storage, name, parameters={"method": method})


class Azure(SignedByItsSDK):
    """AzureStorage of django-storages."""

    client = "client"
    kept = place = "azure_container account_name azure_ssl endpoint_suffix connection_string client_options"
    kept += " sas_token token_credential"
    place += " location custom_domain expiration_secs"
    remedy = (
        "Set AZURE_ACCOUNT_KEY, AZURE_SAS_TOKEN or AZURE_TOKEN_CREDENTIAL. The identity of a token needs the role"
        " Storage Blob Delegator, to request a user delegation key."
    )

    def base(self, storage: Any) -> HTTPOrigin:
        self.require_own_client()
        if not storage.azure_container or not (storage.account_name or storage.connection_string):
            settings = "AZURE_ACCOUNT_NAME and AZURE_CONTAINER, or the storage's OPTIONS"
            raise problem("storage", "unnamed_storage", kind="account, or no container", settings=settings)
        try:
            parts = urlsplit(storage.client.url)
        except (ValueError, AttributeError) as error:
            raise problem("storage", "azure_client", reason=type(error).__name__) from error
        root = f"{parts.scheme}://{storage.custom_domain or parts.netloc}{parts.path}/"
        return HTTPOrigin(base_url=root, expires_s=storage.expiration_secs or LEAST_S)

    def key(self, file: StoredFile) -> str:
        try:
            return super().key(file) if file.is_key else str(file.storage._get_valid_path(file.name))
        except ValueError as error:
            raise SuspiciousOperation(str(error)) from error

    def url(self, storage: Any, name: str, method: str) -> Any:
        # A SAS does not say for which method it is.
        signs = storage.account_key or storage.token_credential
        return self.known.url(storage, name, expire=(storage.expiration_secs or LEAST_S) if signs else None)
