"""Job repositories: where jobs are kept, so that they outlive their process."""

from orchestrator.job_repository.base import ControlRequest, JobClaim, JobRepository, Listing
from orchestrator.job_repository.file import FileJobRepository
from orchestrator.job_repository.memory import MemoryJobRepository
from orchestrator.job_repository.storage import StorageJobRepository

__all__ = [
    "ControlRequest",
    "FileJobRepository",
    "JobClaim",
    "JobRepository",
    "Listing",
    "MemoryJobRepository",
    "StorageJobRepository",
]
