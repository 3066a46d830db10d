"""The storages that videos are delivered to, some of them with credentials of a secret."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from helios.concurrency import run_blocking
from helios.errors import AccessDenied, ProgramMissing, StorageInvalid
from helios.storage import ArtifactStorage, open_storage
from helios.worker.sources.allowed_urls import AllowedUrls

#: Fields of a secret, and the variables by which a storage takes them.
_FIELDS = {
    "endpoint": "AWS_ENDPOINT_URL_S3",
    "region": "AWS_REGION",
    "accessKeyId": "AWS_ACCESS_KEY_ID",
    "secretAccessKey": "AWS_SECRET_ACCESS_KEY",
}
_NEEDED = ("accessKeyId", "secretAccessKey")


class Destinations:
    """Opens the storages that videos are delivered to.

    Credentials are read for each delivery, and are in no environment, so that commands and pages
    can't get at them.

    Args:
        opener: Opens storages by the worker's own role.
        secrets: ARN of the secret in AWS Secrets Manager for the URLs that begin so. Its text is a
            JSON object: `accessKeyId`, `secretAccessKey`, and for other stores than S3 `endpoint`
            and perhaps `region`.
    """

    def __init__(
        self, opener: Callable[[str], ArtifactStorage], *, secrets: Mapping[str, str]
    ) -> None:
        self._opener = opener
        self._secrets = [(AllowedUrls([url]), arn) for url, arn in secrets.items()]

    async def open(self, folder: str) -> ArtifactStorage:
        """Open a folder.

        Raises:
            AccessDenied: The secret can't be read.
            StorageInvalid: It isn't one of credentials.
        """
        arn = next((arn for urls, arn in self._secrets if urls.has(folder)), None)
        if arn is None:
            return self._opener(folder)
        env = _environment(arn, await run_blocking(lambda _token: _read(arn)))
        return open_storage(folder, env=env)


def _read(arn: str) -> str:
    try:
        import boto3  # noqa: PLC0415 - takes 0.2 s, and few jobs need it
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
    except ImportError:
        raise ProgramMissing(
            "a destination's secret: the Python package boto3 isn't installed",
            hint="Install helios-serverless[aws].",
        ) from None
    region = arn.split(":")[3]
    client: Any = boto3.client("secretsmanager", region_name=region)
    try:
        return str(client.get_secret_value(SecretId=arn).get("SecretString", ""))
    except (BotoCoreError, ClientError) as fault:
        raise AccessDenied(
            f"the secret {arn} can't be read: {fault}",
            hint="Deploy again if its ARN changed; a secret with a key of its own needs that "
            "key's policy to let the merge worker decrypt.",
        ) from fault


def _environment(arn: str, text: str) -> dict[str, str]:
    """Return the variables of a secret's text, of which messages show none."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    known = isinstance(found, dict) and found.keys() <= _FIELDS.keys()
    if not known or not all(found.get(name) for name in _NEEDED):
        raise StorageInvalid(
            f"the secret {arn} isn't one of a destination",
            hint='Its text is {"accessKeyId": "...", "secretAccessKey": "...", "endpoint": '
            '"https://...", "region": "..."}; the last two may be missing.',
        )
    return {_FIELDS[name]: str(value) for name, value in found.items()}
