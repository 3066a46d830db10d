"""Adapters: how a chunk reaches a worker."""

from orchestrator.adapters.aws_lambda import AwsLambdaAdapter
from orchestrator.adapters.base import WorkerAdapter
from orchestrator.adapters.local import LocalWorkerAdapter

__all__ = ["AwsLambdaAdapter", "LocalWorkerAdapter", "WorkerAdapter"]
