"""Google Cloud on this machine, as far as deploying needs it."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature

from sandbox.bucket_settings import BucketSettings
from sandbox.cloud_run_api import CloudRunApi
from sandbox.object_stores import gcs_server
from sandbox.token_server import TokenServer


@dataclass(frozen=True, slots=True)
class GoogleCloud:
    """The servers that stand in for Google's.

    Attributes
    ----------
    api:
        Cloud Run's API.
    buckets:
        Cloud Storage.
    accounts:
        What gives and checks tokens.
    env:
        Environment in which Google's own clients use them, as a service account.
    """

    api: CloudRunApi
    buckets: BucketSettings
    accounts: TokenServer
    env: dict[str, str]


@contextlib.contextmanager
def google_cloud(folder: Path, **settings: Any) -> Iterator[GoogleCloud]:
    """Run the servers until the block is left.

    Parameters
    ----------
    folder:
        Where keys and certificates for clients are written.
    **settings:
        Those of `CloudRunApi`.
    """
    with (
        TokenServer(folder) as accounts,
        gcs_server() as store,
        BucketSettings(store.endpoint) as buckets,
        CloudRunApi(accepts=lambda token: _is_signed(accounts, token), **settings) as api,
    ):
        roots = folder / "cloud-run-api.pem"
        roots.write_text(api.certificate)
        env = {
            "HELIOS_CLOUD_RUN_ENDPOINT": api.endpoint,
            # gRPC's own variable for the roots that it trusts.
            "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(roots),
            "STORAGE_EMULATOR_HOST": buckets.endpoint,
            "GOOGLE_APPLICATION_CREDENTIALS": str(accounts.service_account_file()),
        }
        yield GoogleCloud(api=api, buckets=buckets, accounts=accounts, env=env)


def _is_signed(accounts: TokenServer, token: str) -> bool:
    """Whether a token was made with the account's key, as clients do for Google's APIs."""
    try:
        accounts.account_key.verify(token)
    except (InvalidSignature, ValueError):
        return False
    return True
