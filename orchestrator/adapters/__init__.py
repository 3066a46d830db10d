"""Adapters: how a chunk reaches a place that can run it."""

from orchestrator.adapters.aws_lambda import AwsLambdaAdapter
from orchestrator.adapters.base import WorkerAdapter
from orchestrator.adapters.local import LocalWorkerAdapter

__all__ = ["AwsLambdaAdapter", "LocalWorkerAdapter", "WorkerAdapter"]
