"""Flags that say who is told of a job."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.cli.options import flags

if TYPE_CHECKING:
    from helios.errors import WebhookUndelivered
    from orchestrator.display.display import Display
    from orchestrator.jobs.webhooks import Webhooks
    from orchestrator.model.settings import WebhookSettings


@dataclass(frozen=True, kw_only=True)
class WebhookOptions:
    """Who is told of a job."""

    webhook: flags.Webhook = None
    webhook_progress: flags.WebhookProgress = None

    def attached_only(self) -> Sequence[tuple[str, object]]:
        """Return the flags that only mean something while this machine runs the render."""
        return (("--webhook-progress", self.webhook_progress is not None),)

    def settings(self) -> "WebhookSettings | None":
        """Return the flags as they are kept with a job.

        Raises
        ------
        OptionInvalid
            A value can't be worked with, or there is no secret to sign with.
        """
        from helios.errors import OptionInvalid
        from helios.webhooks.delivery import check_receiver
        from helios.webhooks.events import SECRET
        from orchestrator.model.settings import WebhookSettings

        seconds = self.webhook_progress
        if self.webhook is None:
            if seconds is not None:
                raise OptionInvalid("--webhook-progress: goes with --webhook, which isn't given")
            return None
        check_receiver(self.webhook, os.environ.get(SECRET))
        if seconds is not None and not 0 < seconds < float("inf"):
            raise OptionInvalid(f"--webhook-progress {seconds:g}: must be above 0 seconds")
        return WebhookSettings(url=self.webhook, progress=seconds)

    def of_detached(self) -> str | None:
        """Return who is to be told of a render that goes on without this machine.

        Raises
        ------
        OptionInvalid
            It isn't a URL of the web.
        """
        from helios.webhooks.delivery import check_url

        if self.webhook is not None:
            check_url(self.webhook)
        return self.webhook


def webhooks(display: "Display") -> "Webhooks":
    """Return what tells the receivers of jobs, and says what they don't take."""
    from helios.webhooks.events import SECRET
    from orchestrator.jobs.webhooks import Webhooks

    def tell(fault: "WebhookUndelivered") -> None:
        text = f"{fault.message}. {fault.hint}"
        display.note("webhook_undelivered", text, message=fault.message, hint=fault.hint)

    return Webhooks.of(os.environ.get(SECRET), on_fault=tell)
