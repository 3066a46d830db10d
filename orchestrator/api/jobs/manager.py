"""What manages the jobs of a store, for the time of a call."""

import functools
import os
from typing import TYPE_CHECKING

from helios.webhooks.events import SECRET
from orchestrator.backends.opening import open_backend
from orchestrator.lifecycle.job_manager import JobManager
from orchestrator.lifecycle.webhooks import Webhooks

if TYPE_CHECKING:
    from helios.errors import WebhookUndelivered
    from orchestrator.display.display import Display
    from orchestrator.job_repository import JobRepository


def manager_of(repository: "JobRepository", display: "Display") -> JobManager:
    """Return what manages the jobs of a repository, and shows how they go."""
    backend_of = functools.partial(open_backend, display=display)
    return JobManager(repository, backend_of, webhooks=_webhooks(display))


def _webhooks(display: "Display") -> Webhooks:
    """Return what tells the receivers of jobs, and shows what they don't take."""

    def tell(fault: "WebhookUndelivered") -> None:
        text = f"{fault.message}. {fault.hint}"
        display.note("webhook_undelivered", text, message=fault.message, hint=fault.hint)

    return Webhooks.of(os.environ.get(SECRET), on_fault=tell)
