"""Access to a bucket in S3 or a compatible store: endpoint, region, credentials."""

import contextlib
import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from obstore.store import S3Store

from helios.errors import (
    AccessDenied,
    ArtifactNotFound,
    ProgramMissing,
    StorageInvalid,
    StorageUnavailable,
)

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config, S3CredentialProvider

#: Limit of retries, with delays that double from up to 0.1 s to 10 s.
RETRIES = 8
#: Seconds after which a request isn't retried.
_RETRY_TIMEOUT = 120
#: Region for stores without regions.
_NO_REGION = "us-east-1"
#: Time limit of the request for a bucket's region in seconds.
_DISCOVERY_TIMEOUT = 10

_WRONG_REGION = re.compile(
    r"redirect without LOCATION|PermanentRedirect|TemporaryRedirect|AuthorizationHeaderMalformed"
    r"|status code: 30[17]"
)


class S3Access:
    """Access to one bucket.

    Args:
        bucket: Name of the bucket.
        prefix: Folder in the bucket that keys are relative to; may be empty.
        env: `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL` (stores like S3), `AWS_REGION` or
            `AWS_DEFAULT_REGION`, `AWS_ACCESS_KEY_ID` with its secret and token, `AWS_PROFILE`,
            `AWS_CA_BUNDLE`, `AWS_SKIP_SIGNATURE`. Without keys, credentials come from boto3's
            chain; without boto3, from the role of the container or machine.
        retries: Limit of retries.
    """

    def __init__(
        self, bucket: str, *, prefix: str, env: Mapping[str, str], retries: int = RETRIES
    ) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._env = env
        self._retries = retries
        self._endpoint = env.get("AWS_ENDPOINT_URL_S3") or env.get("AWS_ENDPOINT_URL") or None
        self._discovered: str | None = None

    @property
    def keeps_tags(self) -> bool:
        """Whether objects can have tags. R2 supports none, and answers with an error."""
        host = urlsplit(self._endpoint or "").hostname or ""
        return not host.endswith(".r2.cloudflarestorage.com")

    def open(self) -> S3Store:
        """Open the bucket; looking up credentials may take a moment.

        Raises:
            AccessDenied: There are no credentials.
            ArtifactNotFound: There is no such bucket; found while its region is requested.
        """
        config = self._base_config()
        provider: S3CredentialProvider | None = None
        if access_key := self._env.get("AWS_ACCESS_KEY_ID"):
            config["access_key_id"] = access_key
            config["secret_access_key"] = self._env.get("AWS_SECRET_ACCESS_KEY", "")
            if token := self._env.get("AWS_SESSION_TOKEN"):
                config["session_token"] = token
        elif _is_true(self._env.get("AWS_SKIP_SIGNATURE")):
            config["skip_signature"] = True
        else:
            provider, region = _from_boto3(self._env.get("AWS_PROFILE"))
            if region:
                config.setdefault("region", region)
        if "region" not in config:
            config["region"] = _NO_REGION if self._endpoint else self._discover()
        return S3Store(
            self._bucket,
            prefix=self._prefix or None,
            config=config,
            client_options=self._client_options(),
            retry_config=self._retry_config(),
            credential_provider=provider,
        )

    def boto3_client(self) -> Any:
        """Return boto3's client of S3, for requests that obstore doesn't support.

        Raises `ProgramMissing` if boto3 isn't installed.
        """
        try:
            import boto3  # noqa: PLC0415 - takes 0.2 s
            from botocore.config import Config  # noqa: PLC0415
        except ImportError:
            raise ProgramMissing(
                "joining in S3: the Python package boto3 isn't installed",
                hint="Install helios-serverless[aws].",
            ) from None
        env = self._env.get
        region = self._discovered or env("AWS_REGION") or env("AWS_DEFAULT_REGION")
        session = boto3.Session(
            aws_access_key_id=env("AWS_ACCESS_KEY_ID"),
            aws_secret_access_key=env("AWS_SECRET_ACCESS_KEY"),
            aws_session_token=env("AWS_SESSION_TOKEN"),
            region_name=region,
            profile_name=None if env("AWS_ACCESS_KEY_ID") else env("AWS_PROFILE"),
        )
        if session.region_name is None:
            region = _NO_REGION if self._endpoint else self._discover()
        return session.client(
            "s3",
            endpoint_url=self._endpoint,
            region_name=region or session.region_name,
            verify=env("AWS_CA_BUNDLE"),
            config=Config(
                retries={"mode": "standard", "max_attempts": self._retries + 1},
                s3={"addressing_style": "path" if self._endpoint else "auto"},
                max_pool_connections=16,
            ),
        )

    def corrects(self, fault: str) -> bool:
        """Return whether a failure was due to a wrong region, and look up the right one.

        The next `open` uses it.
        """
        if self._discovered or not _WRONG_REGION.search(fault):
            return False
        self._discover()
        return True

    def _base_config(self) -> "S3Config":
        config: S3Config = {}
        if self._endpoint:
            config["aws_endpoint_url_s3"] = self._endpoint
        # At other endpoints, and with dots in its name, a bucket has no host name.
        config["virtual_hosted_style_request"] = not self._endpoint and "." not in self._bucket
        region = self._env.get("AWS_REGION") or self._env.get("AWS_DEFAULT_REGION")
        if region := self._discovered or region:
            config["region"] = region
        return config

    def _client_options(self) -> "ClientConfig":
        options: ClientConfig = {
            "allow_http": bool(self._endpoint and self._endpoint.startswith("http://")),
            "connect_timeout": timedelta(seconds=5),
            # Stalled connections are closed, slow ones aren't.
            "read_timeout": timedelta(seconds=30),
            "timeout": timedelta(minutes=10),
        }
        if bundle := self._env.get("AWS_CA_BUNDLE"):
            try:
                with open(bundle, "rb") as certificates:  # noqa: PTH123
                    options["root_certificate"] = certificates.read()
            except OSError as fault:
                raise StorageInvalid(f"AWS_CA_BUNDLE: {bundle}: {fault.strerror}") from fault
        return options

    def _retry_config(self) -> "RetryConfig":
        return {
            "max_retries": self._retries,
            "retry_timeout": timedelta(seconds=_RETRY_TIMEOUT),
            "backoff": {
                "init_backoff": timedelta(milliseconds=100),
                "max_backoff": timedelta(seconds=10),
                "base": 2,
            },
        }

    def _discover(self) -> str:
        """Request the bucket's region, which requires no credentials."""
        url = f"{self._endpoint or 'https://s3.amazonaws.com'}/{self._bucket}"
        request = urllib.request.Request(url, method="HEAD")  # noqa: S310 - http or https
        try:
            with urllib.request.urlopen(request, timeout=_DISCOVERY_TIMEOUT) as answer:  # noqa: S310
                headers = answer.headers
        except urllib.error.HTTPError as refusal:
            headers = refusal.headers
            if refusal.code == 404:
                raise ArtifactNotFound(f"s3://{self._bucket}: there is no such bucket") from None
        except OSError as fault:
            raise StorageUnavailable(f"s3://{self._bucket}: {fault}") from fault
        self._discovered = headers.get("x-amz-bucket-region") or _NO_REGION
        return self._discovered


@contextlib.contextmanager
def boto3_faults(url: str) -> Iterator[None]:
    """Raise boto3's exceptions as errors of artifact storages."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - takes 0.2 s

    try:
        yield
    except ClientError as fault:
        status = fault.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
        text = f"{url}: {fault}"
        if status in (401, 403):
            raise AccessDenied(text, hint="Check the credentials' rights in the bucket.") from fault
        if status == 404:
            raise ArtifactNotFound(text) from fault
        if 400 <= status < 500 and status not in (408, 429):
            raise StorageInvalid(text) from fault
        raise StorageUnavailable(text) from fault
    except BotoCoreError as fault:
        raise StorageUnavailable(f"{url}: {fault}") from fault


def _from_boto3(profile: str | None) -> "tuple[S3CredentialProvider | None, str | None]":
    """Return credentials and region from boto3's chain: profiles, single sign-on, roles."""
    with contextlib.suppress(ImportError):
        import boto3  # noqa: PLC0415 - takes 0.2 s, and isn't needed with keys in the environment
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415
        from obstore.auth.boto3 import Boto3CredentialProvider  # noqa: PLC0415

        try:
            session = boto3.Session(profile_name=profile)
            return Boto3CredentialProvider(session), session.region_name
        except (BotoCoreError, ValueError) as fault:
            reason = fault if isinstance(fault, BotoCoreError) else "there are none"
            raise AccessDenied(
                f"no AWS credentials: {reason}",
                hint="Log in (`aws sso login`, `aws configure`) or set AWS_ACCESS_KEY_ID.",
            ) from fault
    return None, None


def _is_true(value: str | None) -> bool:
    return (value or "").lower() in ("1", "true", "yes", "on")
