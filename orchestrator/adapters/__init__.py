"""Adapters: how a chunk reaches a worker."""

from typing import TYPE_CHECKING

from helios.lazy_names import lazy_names
from orchestrator.adapters.base import WorkerAdapter
from orchestrator.adapters.local import LocalWorkerAdapter

if TYPE_CHECKING:
    from orchestrator.adapters.aws_lambda import AwsLambdaAdapter as AwsLambdaAdapter

__all__ = ["AwsLambdaAdapter", "LocalWorkerAdapter", "WorkerAdapter"]

if not TYPE_CHECKING:
    # Renders on this machine need no cloud.
    __getattr__ = lazy_names(__name__, {"AwsLambdaAdapter": "orchestrator.adapters.aws_lambda"})
