"""The storages of Google and Azure. Workers whose project has none do not load this module.

Only a storage without a key makes a request: it may ask its cloud for a signature, or for a key that signs.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import SuspiciousOperation

from xaccel.django.files.buckets import SignedByItsSDK
from xaccel.django.files.kinds import MIN_SIGNED_S
from xaccel.django.files.objects import StoredFile
from xaccel.site.origins import HTTPOrigin
from xaccel.site.setting import problem


class Google(SignedByItsSDK):
    """GoogleCloudStorage of django-storages."""

    remedy = (
        "Set GS_CREDENTIALS with a private key, or GS_IAM_SIGN_BLOB if only the cloud has the key. GS_EXPIRATION is at"
        " most seven days."
    )

    def place(self, storage: Any) -> tuple[Any, ...]:
        """Read bucket, domain and what signs."""
        domain = (storage.custom_endpoint, storage.default_acl, storage.querystring_auth, storage.expiration)
        return storage.bucket_name, storage.location, *domain

    def client(self, storage: Any) -> tuple[Any, ...]:
        """Read the bucket, whose client signs."""
        return (storage.bucket,)

    def kept(self, storage: Any) -> tuple[Any, ...]:
        """Read what bucket and client are made from."""
        return storage.bucket_name, storage.project_id, storage.credentials, storage.client, storage._client

    def reads(self, storage: Any) -> tuple[Any, ...]:
        """Read the methods that name an object, and what the bucket is made from."""
        return *super().reads(storage), storage._bucket, storage.get_object_parameters

    def domain(self, storage: Any) -> tuple[Any, ...]:
        """Read the host before the bucket."""
        return (storage.custom_endpoint,)

    def behind(self, storage: Any) -> tuple[Any, ...]:
        """Read what decides the bucket."""
        return storage.bucket_name, storage.bucket, storage._bucket, storage.client, storage._client

    def unrelated(self, storage: Any) -> tuple[Any, ...]:
        """Read what writing and describing need, and what `url()` uses."""
        describing = (storage._get_blob, storage._compress_content)
        return *super().unrelated(storage), *describing, storage._get_iam_sign_blob_params

    def base(self, storage: Any) -> HTTPOrigin:
        self.require_own_client()
        self.require_own_domain(storage)
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
        expires_s = None if public else expires if isinstance(expires, int) else MIN_SIGNED_S
        return HTTPOrigin(base_url=f"{root}/", expires_s=expires_s)

    def url(self, storage: Any, name: str, method: str) -> Any:
        return self.known.url(storage, name, parameters={"method": method})


class Azure(SignedByItsSDK):
    """AzureStorage of django-storages."""

    remedy = (
        "Set AZURE_ACCOUNT_KEY, AZURE_SAS_TOKEN or AZURE_TOKEN_CREDENTIAL. The identity of a token needs the role"
        " Storage Blob Delegator, to request a user delegation key."
    )

    def place(self, storage: Any) -> tuple[Any, ...]:
        """Read account, container and domain."""
        return *self._account(storage), storage.location, storage.custom_domain, storage.expiration_secs

    def client(self, storage: Any) -> tuple[Any, ...]:
        """Read the client of the container."""
        return (storage.client,)

    def kept(self, storage: Any) -> tuple[Any, ...]:
        """Read what it is made from."""
        made = (storage.service_client, storage._get_service_client, storage._service_client)
        return *self._account(storage), *made, storage.sas_token, storage.token_credential

    def reads(self, storage: Any) -> tuple[Any, ...]:
        """Read the methods that name an object, and the client that is kept."""
        return *super().reads(storage), storage._get_valid_path, storage._client, storage.azure_protocol

    def domain(self, storage: Any) -> tuple[Any, ...]:
        """Read the host before the account."""
        return (storage.custom_domain,)

    def behind(self, storage: Any) -> tuple[Any, ...]:
        """Read what decides account and container."""
        made = (storage.service_client, storage._get_service_client, storage._client, storage._service_client)
        return storage.client, *self._account(storage), *made

    def unrelated(self, storage: Any) -> tuple[Any, ...]:
        """Read what writing and describing need, and what `url()` uses."""
        writing = (storage._get_content_settings_parameters, storage.get_object_parameters)
        signing = (storage.get_user_delegation_key, storage._expire_at)
        return *super().unrelated(storage), *writing, *signing, storage.list_all

    def base(self, storage: Any) -> HTTPOrigin:
        self.require_own_client()
        self.require_own_domain(storage)
        if not storage.azure_container or not (storage.account_name or storage.connection_string):
            settings = "AZURE_ACCOUNT_NAME and AZURE_CONTAINER, or the storage's OPTIONS"
            raise problem("storage", "unnamed_storage", kind="account, or no container", settings=settings)
        try:
            parts = urlsplit(storage.client.url)
        except (ValueError, AttributeError) as error:
            raise problem("storage", "azure_client", reason=type(error).__name__) from error
        root = f"{parts.scheme}://{storage.custom_domain or parts.netloc}{parts.path}/"
        return HTTPOrigin(base_url=root, expires_s=storage.expiration_secs or MIN_SIGNED_S)

    def key(self, file: StoredFile) -> str:
        try:
            return super().key(file) if file.is_key else str(file.storage._get_valid_path(file.name))
        except ValueError as error:
            raise SuspiciousOperation(str(error)) from error

    def url(self, storage: Any, name: str, method: str) -> Any:
        # A SAS does not say for which method it is.
        signs = storage.account_key or storage.token_credential
        return self.known.url(
            storage, name, expire=(storage.expiration_secs or MIN_SIGNED_S) if signs else None
        )

    def _account(self, storage: Any) -> tuple[Any, ...]:
        names = (storage.azure_container, storage.account_name, storage.connection_string)
        return *names, storage.azure_ssl, storage.endpoint_suffix, storage.client_options
