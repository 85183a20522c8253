"""The storages of Google and Azure. Workers whose project has none do not load this module.

Only a storage without a key makes a request: it may ask its cloud for a signature, or for a key that signs.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import SuspiciousOperation

from xaccel.django.files.objects import LEAST_S, SignedByItsSDK, not_described
from xaccel.django.files.origins_of_files import StoredFile
from xaccel.errors import CredentialsUnavailable
from xaccel.signing.endpoint import may_wait
from xaccel.site.origins import HTTPOrigin


class Google(SignedByItsSDK):
    """GoogleCloudStorage of django-storages."""

    client, kept = "bucket", "bucket_name project_id credentials"
    place = "bucket_name location custom_endpoint default_acl querystring_auth expiration"

    def base(self, storage: Any) -> HTTPOrigin:
        may_wait()
        self.require_own_client()
        if not storage.bucket_name:
            settings = "GS_BUCKET_NAME or OPTIONS['bucket_name']"
            raise not_described("unnamed_storage", kind="bucket", settings=settings)
        public = storage.default_acl == "publicRead" or not storage.querystring_auth
        if storage.custom_endpoint:
            endpoint = storage.custom_endpoint
            # Google's SDK takes a bare host for http; django-storages puts nothing before it where nothing is signed.
            root = f"{endpoint}/" if "://" in endpoint or public else f"http://{endpoint}/"
        else:
            from google.cloud.storage import Client

            client = storage._client
            if client is None and "client" not in self.computed:
                # The storage's own would look for credentials, perhaps on the network, only to name the same host.
                client = Client.create_anonymous_client()
            root = f"{(client or storage.client).api_endpoint.rstrip('/')}/{storage.bucket_name}/"
        expires = storage.expiration
        if isinstance(expires, timedelta):
            expires = int(expires.total_seconds())
        expires_s = None if public else expires if isinstance(expires, int) else LEAST_S
        return HTTPOrigin(base_url=root, expires_s=expires_s)

    def url(self, storage: Any, name: str, method: str) -> Any:
        from google.auth.exceptions import GoogleAuthError
        from storages.backends.gcloud import GoogleCloudStorage

        try:
            return GoogleCloudStorage.url(storage, name, parameters={"method": method})
        except (GoogleAuthError, AttributeError, ValueError) as error:
            raise _nothing_to_sign_with(
                error,
                "Set GS_CREDENTIALS with a private key, or GS_IAM_SIGN_BLOB if only the cloud has the key."
                " GS_EXPIRATION is at most seven days.",
            ) from error


class Azure(SignedByItsSDK):
    """AzureStorage of django-storages."""

    client = "client"
    kept = (
        "azure_container account_name azure_ssl endpoint_suffix connection_string client_options sas_token"
        " token_credential"
    )
    place = (
        "azure_container account_name azure_ssl endpoint_suffix connection_string client_options location"
        " custom_domain expiration_secs"
    )

    def base(self, storage: Any) -> HTTPOrigin:
        may_wait()
        self.require_own_client()
        if not storage.azure_container or not (storage.account_name or storage.connection_string):
            settings = "AZURE_ACCOUNT_NAME and AZURE_CONTAINER, or the storage's OPTIONS"
            raise not_described("unnamed_storage", kind="account, or no container", settings=settings)
        try:
            parts = urlsplit(storage.client.url)
        except (ValueError, AttributeError) as error:
            raise not_described("azure_client", reason=type(error).__name__) from error
        root = f"{parts.scheme}://{storage.custom_domain or parts.netloc}{parts.path}/"
        return HTTPOrigin(base_url=root, expires_s=storage.expiration_secs or LEAST_S)

    def key(self, file: StoredFile) -> str:
        if file.is_key:
            return super().key(file)
        try:
            key: str = file.storage._get_valid_path(file.name)
        except ValueError as error:
            raise SuspiciousOperation(str(error)) from error
        return key

    def url(self, storage: Any, name: str, method: str) -> Any:
        # A SAS does not say for which method it is.
        from azure.core.exceptions import AzureError
        from storages.backends.azure_storage import AzureStorage

        signs = storage.account_key or storage.token_credential
        try:
            return AzureStorage.url(
                storage, name, expire=(storage.expiration_secs or LEAST_S) if signs else None
            )
        except (AzureError, ValueError) as error:
            by_token = storage.token_credential and not storage.account_key
            raise _nothing_to_sign_with(error, _NO_DELEGATION if by_token else _NO_KEY) from error


_NO_KEY = "Set AZURE_ACCOUNT_KEY, AZURE_TOKEN_CREDENTIAL or AZURE_SAS_TOKEN."
_NO_DELEGATION = (
    "Check that AZURE_TOKEN_CREDENTIAL gets a token, and that its identity may request a user delegation key. The role"
    " Storage Blob Delegator allows that."
)


def _nothing_to_sign_with(error: Exception, remedy: str) -> CredentialsUnavailable:
    # The SDKs' messages may hold what they signed.
    return CredentialsUnavailable(
        f"the storage's SDK could not sign ({type(error).__name__})", where="file", remedy=remedy
    )
