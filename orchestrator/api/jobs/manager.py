"""Makes the manager of the jobs in a repository."""

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
    """Return a manager of the jobs in a repository, which shows their progress."""
    backend_of = functools.partial(open_backend, display=display)
    return JobManager(repository, backend_of, webhooks=_webhooks(display))


def _webhooks(display: "Display") -> Webhooks:
    """Return the sender of webhooks, which shows undelivered events."""

    def tell(fault: "WebhookUndelivered") -> None:
        text = f"{fault.message}. {fault.hint}"
        display.note("webhook_undelivered", text, message=fault.message, hint=fault.hint)

    return Webhooks.of(os.environ.get(SECRET), on_fault=tell)
