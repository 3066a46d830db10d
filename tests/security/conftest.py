"""Workers as they are deployed, given specs from strangers."""

from tests.worker_lambda.conftest import (  # noqa: F401 - fixtures
    configured,
    deploy,
    renders_bucket,
)
