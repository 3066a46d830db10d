"""The Cloud Run Admin API on this machine: a gRPC server for Google's own clients."""

from sandbox.google.cloud_run_api.faults import Faults
from sandbox.google.cloud_run_api.server import CloudRunApi
from sandbox.google.cloud_run_api.tasks import TaskStarter

__all__ = ["CloudRunApi", "Faults", "TaskStarter"]
