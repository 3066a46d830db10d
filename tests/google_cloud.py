"""The local Google Cloud for tests whose own process is its client."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.google.google_cloud import GoogleCloud, google_cloud

_ROOTS = "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"


@contextlib.contextmanager
def trusted_google_cloud(folder: Path, **settings: Any) -> Iterator[GoogleCloud]:
    """Run what `google_cloud` does, and let this process trust its API.

    gRPC reads once in a process whom it trusts; all these clouds of a process have one certificate.
    """
    with google_cloud(folder, **settings) as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv(_ROOTS, running.env[_ROOTS])
        yield running
